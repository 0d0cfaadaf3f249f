//! `piglow-node check-config`: what is in effect, and where it comes from.

use clap::Args;

use super::DONE;
use super::settings::Flags;
use crate::config;

#[derive(Args)]
pub(super) struct CheckConfig {
    /// Print the documented defaults instead: every option with its meaning and range
    #[arg(long)]
    all: bool,
}

impl CheckConfig {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        if self.all {
            print!("{}", config::DEFAULTS);
        } else {
            print!("{}", config::render(&flags.load()?.settings));
        }
        Ok(DONE)
    }
}
