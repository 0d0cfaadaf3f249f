//! `piglow-node run`: the node until it is told to stop.

use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::settings::Flags;
use super::{DONE, FAULT, logging, runtime};
use crate::config::{Backend, Config};
use crate::node::Node;
use crate::panel::SimBus;
use crate::warden::{Duties, Service, Signals, Warden};

pub(super) fn run(flags: &Flags) -> anyhow::Result<u8> {
    let mut config = flags.load()?.config;
    let light = &mut config.light;
    light.state_file = light
        .state_file
        .resolved(&config.node.id, |name| std::env::var_os(name));
    logging::to_stderr(&config.log);
    let runtime = runtime()?;
    let ended = runtime.block_on(run_node(&config));
    // A name look-up may take half a minute where nobody answers, and a write to a dying disk for ever.
    runtime.shutdown_background();
    ended
}

async fn run_node(config: &Config) -> anyhow::Result<u8> {
    let stop = CancellationToken::new();
    let duties = Duties {
        socket: config.health.socket.clone(),
        service: Service::of_environment(),
        signals: Some((
            Signals::OfProcess,
            Arc::new(|| std::process::exit(FAULT.into())),
        )),
    };
    let mut warden =
        Warden::start(duties, stop.clone()).context("failed to start the warden's thread")?;
    let panel = match config.panel.backend {
        Backend::I2c => config.panel.bus.display().to_string(),
        Backend::Simulated => "simulated".to_owned(),
    };
    info!(version = crate::VERSION, node = %config.node.id, panel, "starting");
    let node = Node::start_on(warden.thread(), config, SimBus::new())?;
    let stand_in = warden
        .look_after(node.view())
        .context("failed to listen to signals")?;
    let ended = tokio::select! {
        biased;
        ended = node.run(stop) => ended,
        never = stand_in => match never {},
    };
    Ok(if ended.is_ok() { DONE } else { FAULT })
}
