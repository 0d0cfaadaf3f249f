//! `piglow-node run`: the node until it is told to stop.

use tracing::info;

use super::settings::Flags;
use super::{DONE, FAULT, logging, runtime, stop_on_signal};
use crate::config::{Backend, Config};
use crate::node::Node;
use crate::panel::SimBus;

pub(super) fn run(flags: &Flags) -> anyhow::Result<u8> {
    let mut config = flags.load()?.config;
    let light = &mut config.light;
    light.state_file = light
        .state_file
        .resolved(&config.node.id, |name| std::env::var_os(name));
    logging::to_stderr(&config.log);
    runtime()?.block_on(run_node(&config))
}

async fn run_node(config: &Config) -> anyhow::Result<u8> {
    let stop = stop_on_signal()?;
    let panel = match config.panel.backend {
        Backend::I2c => config.panel.bus.display().to_string(),
        Backend::Simulated => "simulated".to_owned(),
    };
    info!(version = crate::VERSION, node = %config.node.id, panel, "starting");
    let node = Node::start(config, SimBus::new())?;
    Ok(match node.run(stop).await {
        Ok(()) => DONE,
        Err(_) => FAULT,
    })
}
