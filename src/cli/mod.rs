//! The command line: what a person types, and what the process answers when it ends.

mod check_config;
mod client;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
#[cfg(feature = "fleet")]
mod fleet;
mod forget;
#[cfg(feature = "gallery")]
mod gallery;
mod glance;
mod health;
mod logging;
mod run;
mod send;
mod settings;
#[cfg(feature = "fleet")]
mod simulate;
mod watch;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::units::NodeId;

/// Everything went as asked.
const DONE: u8 = 0;
/// It did not, and the error is on standard error.
const FAILED: u8 = 1;
/// The broker or the node did not answer (`EX_UNAVAILABLE` of sysexits.h).
const UNAVAILABLE: u8 = 69;
/// A task of the node ended by itself, or a stop did not end (`EX_SOFTWARE`).
const FAULT: u8 = 70;
/// The configuration is wrong (`EX_CONFIG`).
const BAD_CONFIG: u8 = 78;

/// CPU load and health of a Raspberry Pi over MQTT, LED commands back, shown on a Pimoroni PiGlow.
#[derive(Parser)]
#[command(name = "piglow-node", version = crate::VERSION, max_term_width = 100, after_help = examples())]
pub struct Cli {
    #[command(flatten)]
    settings: settings::Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to type, of the commands that this build has.
fn examples() -> String {
    let demo = if cfg!(feature = "demo") {
        "  piglow-node demo                         a broker, a node and its board in this terminal; nothing else needed\n"
    } else {
        ""
    };
    format!("Examples:\n{demo}{EXAMPLES}")
}

const EXAMPLES: &str = "  \
  piglow-node --config /etc/piglow/piglow-node.toml
  piglow-node --url mqtt://broker.local check-config
  piglow-node send breathe                 to this host's node
  piglow-node send --node attic '{\"color\":\"blue\",\"for_secs\":30}'
  piglow-node watch --node attic
  piglow-node --url mqtt://127.0.0.1 simulate --nodes 500
  piglow-node doctor                       what is wrong, and what to do

Exit codes: 0 done, 1 failed, rejected or unhealthy, 2 wrong usage, 69 no answer, 70 internal fault, 78 wrong configuration.
Every option of the configuration, with its default, its range and its environment variable: piglow-node check-config --all";

#[derive(Subcommand)]
enum Command {
    /// Run the node until it is told to stop (this is what happens without a command)
    Run,
    /// Show a node at work: an embedded broker, simulated boards, the picture in this terminal
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// Be many nodes at once: each with its own connection, made-up or recorded telemetry, and a board that obeys
    #[cfg(feature = "fleet")]
    Simulate(simulate::Simulate),
    /// Serve the dashboard of all nodes to browsers and programs, until it is told to stop
    #[cfg(feature = "fleet")]
    Fleet(fleet::Dashboard),
    /// Send a command to a node, a group or all, and print what became of it
    Send(send::Send),
    /// Look at a node: its board, its load, who asked for what
    Watch(watch::Watch),
    /// Ask the node that runs on this machine, or the dashboard, how it is: exit code 0 when all its loops turn, 1 when not, 69 when
    /// there is none
    Health(health::Health),
    /// Find out what keeps the LEDs dark or the broker away, and what to do about it
    Doctor(doctor::Doctor),
    /// Clear what the broker keeps of a node that is gone, so that it vanishes from Home Assistant too
    Forget(forget::Forget),
    /// Print the configuration in effect and where each value comes from
    CheckConfig(check_config::CheckConfig),
    /// Draw the pictures of the documentation: each effect in motion, all on one sheet, the page about them
    #[cfg(feature = "gallery")]
    Gallery(gallery::Gallery),
}

/// Which node is meant.
#[derive(Args)]
struct OneNode {
    /// The node's id [default: `node.id` of the configuration, this host's name]
    #[arg(long, value_name = "ID")]
    node: Option<NodeId>,
}

impl Cli {
    /// Does what was asked.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result = match self.command.unwrap_or(Command::Run) {
            Command::Run => run::run(&self.settings),
            #[cfg(feature = "demo")]
            Command::Demo(demo) => demo.run(&self.settings),
            #[cfg(feature = "fleet")]
            Command::Simulate(simulate) => simulate.run(&self.settings),
            #[cfg(feature = "fleet")]
            Command::Fleet(fleet) => fleet.run(&self.settings),
            Command::Send(send) => send.run(&self.settings),
            Command::Watch(watch) => watch.run(&self.settings),
            Command::Health(health) => health.run(&self.settings),
            Command::Doctor(doctor) => doctor.run(&self.settings),
            Command::Forget(forget) => forget.run(&self.settings),
            Command::CheckConfig(check) => check.run(&self.settings),
            #[cfg(feature = "gallery")]
            Command::Gallery(gallery) => gallery.run(),
        };
        ExitCode::from(result.unwrap_or_else(|error| report(&error)))
    }
}

/// Says on standard error what went wrong; the exit code that goes with it.
fn report(error: &anyhow::Error) -> u8 {
    if let Some(problems) = error.downcast_ref::<crate::config::Problems>() {
        let count = problems.count();
        let noun = if count == 1 { "problem" } else { "problems" };
        eprintln!("piglow-node: {count} {noun} in the configuration:");
        for problem in problems.lines() {
            eprintln!("  {problem}");
        }
        return BAD_CONFIG;
    }
    eprintln!("piglow-node: {error:#}");
    if error.is::<crate::node::StartError>() || is_fleet_start(error) {
        BAD_CONFIG
    } else {
        FAILED
    }
}

/// Whether the dashboard's configuration is wrong.
fn is_fleet_start(error: &anyhow::Error) -> bool {
    #[cfg(feature = "fleet")]
    return error.is::<crate::fleet::StartError>();
    #[cfg(not(feature = "fleet"))]
    return error.is::<std::convert::Infallible>();
}

/// A runtime for everything: one thread, and short-lived ones for name look-ups.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context;
    /// A name is looked up at a connection only; its thread need not wait for the next.
    const LOOKUP_THREAD_STAYS: std::time::Duration = std::time::Duration::from_millis(100);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_keep_alive(LOOKUP_THREAD_STAYS)
        .build()
        .context("failed to start the runtime")
}

/// A token that is cancelled when the process is asked to stop.
fn stop_on_signal() -> anyhow::Result<tokio_util::sync::CancellationToken> {
    use anyhow::Context;
    use tokio::signal::unix::{SignalKind, signal};
    let token = tokio_util::sync::CancellationToken::new();
    let stop = token.clone();
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen to SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("failed to listen to SIGHUP")?;
    let wait = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        stop.cancel();
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with the process, and nobody has to notice"
    )]
    drop(tokio::spawn(wait));
    Ok(token)
}
