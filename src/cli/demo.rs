//! `piglow-node demo`: a broker, simulated nodes and a board in this terminal; no other program needed.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::client::Client;
use super::glance::{Glance, Viewer};
use super::settings::Flags;
use super::{DONE, FAULT, logging, runtime, stop_on_signal};
use crate::config::Config;
use crate::demo::{BrokerOptions, EmbeddedBroker};
use crate::fleet::{Fleet, StartError};
use crate::light::board::Segment;
use crate::node::{Node, View};
use crate::panel::{Latched, SimBus};
use crate::picture::{Line, Style};
use crate::protocol::{Address, Leaf, Report};
use crate::screen::Key;
use crate::supervisor::Supervisor;
use crate::tasks::Measured;
use crate::units::Percent;

/// The usual port of MQTT.
const PORT: u16 = 1883;

/// Ports above the configured one that the dashboard tries when that is taken, before it takes any.
const NEIGHBOURS: u16 = 20;

/// Between two looks at keys and news: 30 a second.
const REDRAW: Duration = Duration::from_millis(33);

/// The most simulated nodes in one process.
const NODES_MAX: u16 = 1000;

#[derive(Args)]
pub(super) struct Demo {
    /// How many simulated nodes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(NODES_MAX)))]
    nodes: u16,
    /// The broker's port; the next free one when it is taken
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,
}

impl Demo {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        let log = LogTail::default();
        let mut settings = flags.load()?.config.log;
        // The broker's own log is of no interest here.
        settings.filter = settings.filter.with_target("mqtt5", LevelFilter::WARN);
        if io::stdout().is_terminal() {
            logging::to_writer(&settings, log.clone());
        } else {
            logging::to_stderr(&settings);
        }
        runtime()?.block_on(self.demonstrate(flags, log))
    }

    async fn demonstrate(&self, flags: &Flags, log: LogTail) -> anyhow::Result<u8> {
        let stop = stop_on_signal()?;
        let broker = EmbeddedBroker::start(BrokerOptions {
            port: Some(self.port),
        })
        .await
        .context("failed to start the embedded broker")?;
        let url = format!("mqtt://{}", broker.address());
        let mut nodes = Vec::new();
        let mut tasks = Supervisor::default();
        let (faults, fault_seen) = watch::channel(false);
        for number in 1..=self.nodes {
            let config = self.config(flags, &url, number)?;
            let bus = SimBus::new();
            let node = Node::start(&config, bus.clone())?;
            nodes.push((node.view(), bus.subscribe(), config));
            let (stop, faults) = (stop.clone(), faults.clone());
            tasks.spawn("node", async move {
                if node.run(stop.clone()).await.is_err() {
                    faults.send_replace(true);
                    stop.cancel();
                }
            });
        }
        let Some((view, board, config)) = nodes.first().cloned() else {
            return Ok(DONE);
        };
        let fleet = Self::dashboard(&config).await?;
        let dashboard = format!("http://{}", fleet.address());
        {
            let (stop, faults) = (stop.clone(), faults.clone());
            tasks.spawn("dashboard", async move {
                if fleet.run(stop.clone()).await.is_err() {
                    faults.send_replace(true);
                    stop.cancel();
                }
            });
        }
        let client = Client::connect(&config, "demo", Vec::new())?;
        let mut stage = Stage {
            introduction: Introduction::new(broker.address().port(), self, &config, dashboard),
            glance: Glance {
                node: view.id.to_string(),
                effects: crate::light::effect::EFFECTS
                    .iter()
                    .map(|info| info.name.to_owned())
                    .chain(config.scenes.iter().map(|scene| scene.name().to_string()))
                    .collect(),
                ..Glance::default()
            },
            view,
            board,
            client,
            log,
        };
        let shown = if io::stdout().is_terminal() {
            stage.draw_until(&stop).await
        } else {
            stage.print_until(&stop).await;
            Ok(())
        };
        stop.cancel();
        stage.client.close().await;
        tasks.stop(Duration::from_secs(5)).await;
        let stopped = broker.stop().await;
        shown?;
        stopped.context("failed to stop the embedded broker")?;
        Ok(if *fault_seen.borrow() { FAULT } else { DONE })
    }

    /// The dashboard, for this machine only; at the next free port when its own is taken.
    async fn dashboard(config: &Config) -> Result<Fleet, StartError> {
        let own = config.fleet.listen.port();
        let neighbours = (1..=NEIGHBOURS).filter_map(|step| own.checked_add(step));
        let mut refused = None;
        for port in std::iter::once(own).chain(neighbours).chain([0]) {
            let mut config = config.clone();
            config.fleet.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            match Fleet::start(&config).await {
                Err(StartError::Listen { address, source }) => {
                    refused = Some(StartError::Listen { address, source });
                }
                started => return started,
            }
        }
        Err(refused.unwrap_or(StartError::Listen {
            address: config.fleet.listen,
            source: io::ErrorKind::AddrInUse.into(),
        }))
    }

    /// The user's configuration with what makes it a demonstration.
    fn config(&self, flags: &Flags, url: &str, number: u16) -> anyhow::Result<Config> {
        let id = if self.nodes == 1 {
            "demo".to_owned()
        } else {
            format!("demo-{number}")
        };
        let forced = [
            ("mqtt.url", url.to_owned()),
            ("mqtt.username", String::new()),
            ("mqtt.password", String::new()),
            ("mqtt.password_file", String::new()),
            ("mqtt.client_id", String::new()),
            ("node.id", id),
            ("panel.backend", "simulated".to_owned()),
            ("telemetry.interval_secs", "1".to_owned()),
            ("fleet.control_token_file", String::new()),
            ("fleet.view_token_file", String::new()),
            ("fleet.certificate_file", String::new()),
            ("fleet.key_file", String::new()),
            ("fleet.share_group", String::new()),
            ("fleet.history_file", String::new()),
        ];
        Ok(flags.load_with(&forced, "demo")?.config)
    }
}

/// What is said before anything happens, and below the picture: where the broker is, and commands to copy.
struct Introduction {
    dashboard: String,
    broker: String,
    /// What follows the program's name in each command.
    commands: [String; 3],
}

impl Introduction {
    fn new(port: u16, demo: &Demo, config: &Config, dashboard: String) -> Self {
        let busy = if port == demo.port {
            String::new()
        } else {
            format!(" (port {} is taken)", demo.port)
        };
        let url = if port == PORT {
            String::new()
        } else {
            format!(" --url {}", config.mqtt.broker_names())
        };
        let root = match config.mqtt.root.as_str() {
            "piglow" => String::new(),
            root => format!(" --set mqtt.root={root}"),
        };
        let to = format!("{url}{root} --node {}", config.node.id);
        Self {
            dashboard: format!("dashboard at {dashboard}"),
            broker: format!("embedded broker at {}{busy}", config.mqtt.broker_names()),
            commands: [
                format!("send{to} breathe"),
                format!(r#"send{to} '{{"color":"blue","for_secs":9}}'"#),
                format!("watch{to}"),
            ],
        }
    }

    /// The lines, with the program's path from the root, so that they work in any folder; in a terminal too narrow for
    /// that, from this folder.
    fn lines(&self, columns: usize) -> Vec<String> {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("piglow-node"));
        let here = std::env::current_dir().unwrap_or_default();
        let whole = self.lines_with(&program, "");
        let fits = |lines: &[String]| lines.iter().all(|line| line.chars().count() <= columns);
        match program.strip_prefix(&here) {
            Ok(short) if !fits(&whole) => self.lines_with(short, " in this folder"),
            Ok(_) | Err(_) => whole,
        }
    }

    fn lines_with(&self, program: &Path, place: &str) -> Vec<String> {
        let first = format!("{}; from another terminal{place}:", self.broker);
        let commands = self
            .commands
            .iter()
            .map(|command| format!("  {} {command}", program.display()));
        [self.dashboard.clone(), first]
            .into_iter()
            .chain(commands)
            .collect()
    }
}

/// What the demonstration shows.
struct Stage {
    introduction: Introduction,
    glance: Glance,
    view: View,
    board: watch::Receiver<Latched>,
    client: Client,
    log: LogTail,
}

impl Stage {
    async fn draw_until(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut viewer = Viewer::open()?;
        let mut redraw = tokio::time::interval(REDRAW);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = redraw.tick() => {}
            }
            while let Some(key) = viewer.key()? {
                match key {
                    Key::Quit | Key::Interrupt => return Ok(()),
                    Key::Left | Key::Right => self.step_effect(key),
                }
            }
            for report in self.news() {
                // The picture says it all.
                drop(self.glance.take(report));
            }
            let footer = self.footer(viewer.columns()?);
            viewer.draw(&self.glance, &footer)?;
        }
    }

    async fn print_until(&mut self, stop: &CancellationToken) {
        for line in self.introduction.lines(usize::MAX) {
            println!("{line}");
        }
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            for report in self.news() {
                if let Some(line) = self.glance.take(report) {
                    println!("{line}");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                _ = second.tick() => {}
            }
        }
    }

    /// What has changed since the last look, in the form in which other programs read it.
    fn news(&mut self) -> Vec<Report> {
        let view = &mut self.view;
        let mut news = Vec::new();
        if view.link.has_changed().unwrap_or(false) {
            let up = *view.link.borrow_and_update() != crate::mqtt::Link::Down;
            news.push(Report::Availability(up));
        }
        if view.state.has_changed().unwrap_or(false) || self.glance.light.is_none() {
            news.extend(view.light());
        }
        if view.panel.has_changed().unwrap_or(false) || self.glance.panel.is_none() {
            news.push(Report::Panel(view.panel.borrow_and_update().to_string()));
        }
        if view.answer.has_changed().unwrap_or(false) {
            news.extend(view.last_result());
        }
        news.extend(new_load(&mut view.measured).map(Report::Load));
        news.push(Report::Frame(self.board.borrow_and_update().frame));
        news
    }

    fn step_effect(&self, key: Key) {
        if let Some(effect) = self.glance.neighbour_effect(key) {
            let command = json!({"effect": effect, "from": "the arrow keys"}).to_string();
            let address = Address::Node(self.view.id.clone());
            let leaf = Leaf::LightSet(Segment::Board);
            self.client.send(&address, leaf, command.into_bytes());
        }
    }

    fn footer(&self, columns: usize) -> Vec<Line> {
        let mut lines: Vec<Line> = self
            .introduction
            .lines(columns)
            .iter()
            .map(|line| Line::styled(line, Style::PLAIN))
            .collect();
        lines.push(Line::styled("← → other effects   q quit", Style::DIM));
        lines.push(Line::styled(&self.log.last(), Style::DIM));
        lines
    }
}

/// The newest load: as the LEDs follow it, or as it was sampled while they show something else.
fn new_load(measured: &mut Measured) -> Option<Option<f32>> {
    let gauge = measured.inputs.has_changed().unwrap_or(false);
    let sampled = measured.sample.has_changed().unwrap_or(false);
    let inputs = measured.inputs.borrow_and_update();
    let sample = measured.sample.borrow_and_update();
    let load = match (gauge, sampled) {
        (true, _) => inputs.cpu_load,
        (false, true) => Some(sample.as_ref()?.cpu.as_ref()?.total),
        (false, false) => return None,
    };
    Some(load.map(Percent::get))
}

/// The last line of the log, which would tear the picture if it were written to the terminal.
#[derive(Clone, Default)]
struct LogTail(Arc<Mutex<VecDeque<u8>>>);

/// Enough for a line.
const TAIL_BYTES: usize = 512;

impl LogTail {
    fn last(&self) -> String {
        let bytes: Vec<u8> = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .copied()
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().next_back().unwrap_or_default().to_owned()
    }
}

impl Write for LogTail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(bytes);
        let excess = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..excess);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogTail {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
