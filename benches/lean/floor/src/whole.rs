//! The node's other libraries, each at its least.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use clap::{Parser, Subcommand};
use config::{Config, Environment, File, FileFormat};
use embedded_hal::i2c::I2c;
use linux_embedded_hal::I2cdev;
use rumqttc::{Broker, MqttOptions, Transport};
use serde::Deserialize;
use sysinfo::{CpuRefreshKind, System};

/// Publishes what the host reads, each second.
#[derive(Parser)]
struct Cli {
    /// What it is called at the broker
    id: String,
    /// The broker's host
    host: String,
    /// The broker's port
    port: u16,
    /// A file with settings
    #[arg(long)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print the settings
    Check,
}

#[derive(Debug, Deserialize)]
struct Settings {
    transport: String,
    bus: String,
    log: String,
    loads: u64,
}

const DEFAULTS: &str =
    "transport = \"tcp\"\nbus = \"/dev/i2c-1\"\nlog = \"text\"\n# in ms\nloads = 0\n";

/// A frame for the thread that owns the bus.
static FRAMES: OnceLock<(SyncSender<u8>, u64)> = OnceLock::new();

/// Reads arguments and settings, sets the log up, lights the LEDs.
pub(crate) fn begin() -> MqttOptions {
    let cli = Cli::parse();
    let mut settings = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some(path) = cli.config {
        settings = settings.add_source(File::from(path));
    }
    let environment = Environment::with_prefix("FLOOR").try_parsing(true);
    let settings = settings.add_source(environment).build();
    let settings = settings.and_then(Config::try_deserialize::<Settings>);
    let settings = settings.unwrap_or_else(|error| panic!("{error}"));
    if cli.command.is_some() {
        println!("{settings:?}");
        std::process::exit(0);
    }
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN);
    match settings.log.as_str() {
        "json" => log.json().init(),
        _ => log.init(),
    }
    tracing::info!(host = cli.host, "starting");
    FRAMES.get_or_init(|| (light(&settings.bus), settings.loads));
    let is_tls = settings.transport.ends_with('s');
    if settings.transport.starts_with("ws") {
        let url = format!("ws://{}:{}/mqtt", cli.host, cli.port);
        let mut options = super::options(&cli.id, Broker::websocket(url).expect("a URL"), false);
        if is_tls {
            options.set_transport(Transport::wss_with_default_config());
        }
        return options;
    }
    super::options(&cli.id, (cli.host, cli.port), is_tls)
}

/// A thread owns the bus, and lights the LEDs at each level that it is given (data sheet of the SN3218).
fn light(path: &str) -> SyncSender<u8> {
    let path = path.to_owned();
    let (levels, shown) = sync_channel::<u8>(1);
    std::thread::spawn(move || {
        let mut bus = I2cdev::new(path).expect("a bus");
        let mut write = |registers: &[u8]| bus.write(0x54_u8, registers).expect("a board");
        write(&[0x00, 1]);
        write(&[0x13, 0x3f, 0x3f, 0x3f]);
        for level in shown {
            let mut frame = [level; 24];
            frame[0] = 1;
            frame[19..].fill(0x3f);
            frame[23] = 0xff;
            write(&frame);
        }
    });
    levels.send(64).expect("the thread");
    levels
}

/// Shows the CPU's load where that is wanted.
pub(crate) async fn follow_the_load() {
    let Some((levels, interval @ 1..)) = FRAMES.get() else {
        return std::future::pending().await;
    };
    let mut system = System::new().expect("a host");
    let mut ticks = tokio::time::interval(Duration::from_millis(*interval));
    let mut shown = 64;
    loop {
        ticks.tick().await;
        system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        let level = (system.global_cpu_usage() * 2.55) as u8;
        if level != shown {
            shown = level;
            levels.send(level).expect("the thread");
        }
        // A whole interval lies between two readings: sysinfo takes none that is closer.
        ticks.reset();
    }
}

/// Ends when the process is to end.
pub(crate) async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let signal = signal(SignalKind::terminate());
    signal.expect("signals").recv().await;
}
