//! From flags, environment and file to a configuration.

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, Loaded, Override, Problems, Sources};
use crate::light::effect::EFFECTS;

/// The flags that every command takes.
#[derive(Args)]
pub(super) struct Flags {
    /// A configuration file over the defaults [env: PIGLOW_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The broker: mqtt, mqtts, ws or wss (mqtt.url)
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// The node's id (node.id)
    #[arg(long, value_name = "ID", global = true)]
    id: Option<String>,
    /// What shows the picture: i2c or simulated (panel.backend)
    #[arg(long, value_name = "BACKEND", global = true)]
    panel: Option<String>,
    /// The I2C bus (panel.bus)
    #[arg(long, value_name = "PATH", global = true)]
    bus: Option<String>,
    /// What is logged, as in RUST_LOG: `debug`, `info,piglow_node::mqtt=trace` (log.level)
    #[arg(long, value_name = "LEVELS", global = true)]
    log: Option<String>,
    /// The form of the log: auto, human or json (log.format)
    #[arg(long, value_name = "FORMAT", global = true)]
    log_format: Option<String>,
    /// Any other option of the configuration
    #[arg(long = "set", value_name = "KEY=VALUE", global = true, value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .ok_or_else(|| "expected KEY=VALUE, such as telemetry.interval_secs=1".to_owned())
}

impl Flags {
    /// Merges and validates all layers.
    pub(super) fn load(&self) -> Result<Loaded, Problems> {
        self.load_with(&[], "")
    }

    /// The same with values that win over all layers, and what sets them.
    pub(super) fn load_with(
        &self,
        forced: &[(&str, String)],
        flag: &str,
    ) -> Result<Loaded, Problems> {
        let effects: Vec<&str> = EFFECTS.iter().map(|info| info.name).collect();
        let host_name = crate::host::host_name().unwrap_or_default();
        let mut overrides = self.overrides();
        overrides.extend(forced.iter().map(|(key, value)| Override {
            key: (*key).to_owned(),
            value: value.clone(),
            flag: flag.to_owned(),
        }));
        config::load(&Sources {
            file: self.config.clone().or_else(file_of_environment),
            environment: config::environment(std::env::vars_os()),
            overrides,
            host_name: &host_name,
            effects: &effects,
        })
    }

    fn overrides(&self) -> Vec<Override> {
        let rust_log = std::env::var("RUST_LOG")
            .ok()
            .filter(|text| !text.is_empty());
        let named = [
            ("log.level", &rust_log, "RUST_LOG"),
            ("mqtt.url", &self.url, "--url"),
            ("node.id", &self.id, "--id"),
            ("panel.backend", &self.panel, "--panel"),
            ("panel.bus", &self.bus, "--bus"),
            ("log.level", &self.log, "--log"),
            ("log.format", &self.log_format, "--log-format"),
        ];
        let named = named.into_iter().filter_map(|(key, value, flag)| {
            Some(Override {
                key: key.to_owned(),
                value: value.clone()?,
                flag: flag.to_owned(),
            })
        });
        let set = self.set.iter().map(|(key, value)| Override {
            key: key.clone(),
            value: value.clone(),
            flag: "--set".to_owned(),
        });
        named.chain(set).collect()
    }
}

fn file_of_environment() -> Option<PathBuf> {
    std::env::var_os("PIGLOW_CONFIG")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}
