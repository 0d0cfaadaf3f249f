//! Where the log goes, and in which form.

use std::io::{self, IsTerminal};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Sends the log to standard error.
pub(super) fn to_stderr(log: &Log) {
    start(log, io::stderr().is_terminal(), io::stderr);
}

/// Sends the log to a writer of the caller's, without colours.
#[cfg(feature = "demo")]
pub(super) fn to_writer(log: &Log, writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) {
    start(log, false, writer);
}

fn start(
    log: &Log,
    is_terminal: bool,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) {
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match log.format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Auto | LogFormat::Human => {
            layer.with_ansi(is_terminal).with_target(false).boxed()
        }
    };
    // A second start in one process, as in tests, keeps the first.
    drop(
        tracing_subscriber::registry()
            .with(layer.with_filter(in_own_words(&log.filter)))
            .try_init(),
    );
}

/// The MQTT library warns in its own words of what the session says in ours; who asks for it by name still hears it.
fn in_own_words(filter: &Targets) -> Targets {
    const LIBRARY: &str = "rumqttc";
    let is_asked_for = filter.iter().any(|(target, _)| target.starts_with(LIBRARY));
    let level = filter.default_level().unwrap_or(LevelFilter::OFF);
    if is_asked_for || level > LevelFilter::INFO {
        return filter.clone();
    }
    filter
        .clone()
        .with_target(LIBRARY, level.min(LevelFilter::ERROR))
}

/// The filter for programs whose output is what matters: warnings, unless somebody asked for another level.
pub(super) fn quiet(filter: &Targets) -> Targets {
    match filter.default_level() {
        Some(LevelFilter::INFO) => Targets::new().with_default(LevelFilter::WARN),
        Some(_) | None => filter.clone(),
    }
}
