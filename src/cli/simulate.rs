//! `piglow-node simulate`: many nodes from one process.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tracing::info;

use super::settings::Flags;
use super::{DONE, logging, runtime, stop_on_signal};
use crate::simulate::{Crowd, NODES_MAX, Recording, Settings};

#[derive(Args)]
pub(super) struct Simulate {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(NODES_MAX)))]
    nodes: u32,
    /// What the nodes' ids begin with: sim-001 and so on
    #[arg(long, value_name = "TEXT", default_value = "sim")]
    prefix: String,
    /// Over how many groups, rack-1 and so on, the nodes are spread
    #[arg(long, value_name = "N", default_value_t = 8)]
    groups: u16,
    /// Seconds between two samples of a node
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval_secs: u64,
    /// How many nodes connect in a second
    #[arg(long, value_name = "N", default_value = "200")]
    rate: NonZeroU16,
    /// Play samples that were recorded, instead of making them up: a file of lines as mosquitto_sub -t 'piglow/+/telemetry' prints
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// The same seed gives the same loads
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How fast the nodes' own time passes, made up or recorded; the interval between messages stays
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    speed: f64,
    /// How many percent of the nodes go away in a minute, half of them without a word; each comes back within one
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    churn: f64,
    /// Also make the nodes known to Home Assistant
    #[arg(long)]
    discovery: bool,
}

fn factor(text: &str) -> Result<f64, String> {
    within(text, 0.01, 100_000.0)
}

fn percent(text: &str) -> Result<f64, String> {
    within(text, 0.0, 100.0)
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("expected a number, {least} to {most}"))
}

impl Simulate {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        let config = flags.load()?.config;
        logging::to_stderr(&config.log);
        let recording = self.replay.as_deref().map(Recording::read).transpose();
        let settings = Settings {
            recording: recording.context("failed to simulate")?.map(Arc::new),
            nodes: self.nodes,
            prefix: self.prefix.clone(),
            groups: self.groups,
            interval: Duration::from_secs(self.interval_secs),
            rate: self.rate,
            seed: self.seed,
            speed: self.speed,
            churn_percent: self.churn,
            discovery: self.discovery.then(|| config.discovery.clone()),
            config,
        };
        let broker = settings.config.mqtt.broker_names();
        let crowd = Crowd::new(settings).context("failed to simulate")?;
        runtime()?.block_on(async {
            let stop = stop_on_signal()?;
            info!(nodes = self.nodes, broker, "simulating");
            crowd.run(stop, |progress| println!("{progress}")).await;
            Ok(DONE)
        })
    }
}
