//! `piglow-node fleet`: the dashboard of all nodes.

use std::net::SocketAddr;

use clap::Args;
use tracing::info;

use super::settings::Flags;
use super::{DONE, FAULT, logging, stop_on_signal};
use crate::fleet::Fleet;

#[derive(Args)]
pub(super) struct Dashboard {
    /// Where it listens (fleet.listen)
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Dashboard {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        let listen = self
            .listen
            .map(|address| ("fleet.listen", address.to_string()));
        let mut config = flags.load_with(listen.as_slice(), "--listen")?.config;
        config.fleet.history_file = config
            .fleet
            .history_file
            .in_state_folder("fleet.redb", |name| std::env::var_os(name));
        logging::to_stderr(&config.log);
        runtime()?.block_on(async {
            let stop = stop_on_signal()?;
            info!(version = crate::VERSION, "starting the dashboard");
            let fleet = Fleet::start(&config).await?;
            Ok(match fleet.run(stop).await {
                Ok(()) => DONE,
                Err(_) => FAULT,
            })
        })
    }
}

/// Two threads: one may serialise a long answer while the other listens to the broker.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .context("failed to start the runtime")
}
