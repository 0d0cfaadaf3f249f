//! `piglow-node health`: asks the node that runs on this machine how it is, or the dashboard.

use clap::{Args, ValueEnum};

use super::settings::Flags;
use super::{DONE, FAILED, UNAVAILABLE, runtime};
use crate::warden::{AskError, Report, ask};

/// What may be asked for besides turning loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The broker is connected.
    Broker,
    /// The panel answers.
    Panel,
}

#[derive(Args)]
pub(super) struct Health {
    /// Print the node's answer as JSON
    #[arg(long)]
    json: bool,
    /// What has to be there besides: a restart brings neither back, so neither is asked for by default
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    require: Vec<Part>,
    /// Ask the dashboard instead, where it listens (fleet.listen)
    #[cfg(feature = "fleet")]
    #[arg(long, conflicts_with = "json")]
    fleet: bool,
}

impl Health {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        let config = flags.load()?.config;
        #[cfg(feature = "fleet")]
        if self.fleet {
            return self.ask_dashboard(&config.fleet);
        }
        let Some(address) = config.health.socket else {
            anyhow::bail!("`health.socket` is empty: the node can't be asked");
        };
        match runtime()?.block_on(ask(&address)) {
            Ok(report) => self.tell(&report),
            Err(error @ (AskError::NoNode { .. } | AskError::NotOurs { .. })) => {
                eprintln!("piglow-node: {:#}", anyhow::Error::from(error));
                Ok(UNAVAILABLE)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn tell(&self, report: &Report) -> anyhow::Result<u8> {
        if self.json {
            println!("{}", serde_json::to_string(report)?);
        } else {
            println!("{report}");
        }
        Ok(if report.healthy && self.is_content(report) {
            DONE
        } else {
            FAILED
        })
    }

    #[cfg(feature = "fleet")]
    fn ask_dashboard(&self, config: &crate::config::Fleet) -> anyhow::Result<u8> {
        use crate::fleet::probe::{ProbeError, ask};
        if self.require.contains(&Part::Panel) {
            anyhow::bail!(
                "`--require panel` is asked of a dashboard, which has none; expected broker"
            );
        }
        match runtime()?.block_on(ask(config)) {
            Ok(word) => {
                println!("{}", word.text);
                let is_content = word.has_broker || self.require.is_empty();
                Ok(if is_content { DONE } else { FAILED })
            }
            Err(error @ (ProbeError::NoDashboard { .. } | ProbeError::NotOurs { .. })) => {
                eprintln!("piglow-node: {:#}", anyhow::Error::from(error));
                Ok(UNAVAILABLE)
            }
            Err(error @ ProbeError::Hangs(_)) => Err(error.into()),
        }
    }

    fn is_content(&self, report: &Report) -> bool {
        self.require.iter().all(|part| match part {
            Part::Broker => report.broker.connected,
            Part::Panel => report.panel.is_ok(),
        })
    }
}
