//! `piglow-node watch`: a node's board and state, live.

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::glance::{Glance, Viewer};
use super::settings::Flags;
use super::{DONE, OneNode, logging, runtime, stop_on_signal};
use crate::config::Config;
use crate::light::board::Segment;
use crate::mqtt::Link;
use crate::picture::{Line, Style};
use crate::protocol::{Address, Leaf, Topics};
use crate::screen::Key;
use crate::units::NodeId;

/// A watch on frames is asked for this long, and again in time.
const FRAME_WATCH: Duration = Duration::from_secs(60);

/// Between two looks at keys and news: 30 a second.
const REDRAW: Duration = Duration::from_millis(33);

#[derive(Args)]
pub(super) struct Watch {
    #[command(flatten)]
    which: OneNode,
}

impl Watch {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        let config = flags.load()?.config;
        let node = self
            .which
            .node
            .clone()
            .unwrap_or_else(|| config.node.id.clone());
        if !std::io::stdout().is_terminal() {
            logging::to_stderr(&config.log);
        }
        runtime()?.block_on(watch(&config, node))
    }
}

async fn watch(config: &Config, node: NodeId) -> anyhow::Result<u8> {
    let stop = stop_on_signal()?;
    let topics = Topics::new(config.mqtt.root.clone());
    let address = Address::Node(node.clone());
    let leaves = [
        Leaf::Availability,
        Leaf::Info,
        Leaf::Telemetry,
        Leaf::Health,
        Leaf::Frame,
        Leaf::LightResult,
        Leaf::LightState(Segment::Board),
    ];
    let filters = leaves.map(|leaf| topics.build(&address, leaf)).to_vec();
    let mut watched = Watched {
        client: Client::connect(config, "watch", filters)?,
        glance: Glance {
            node: node.to_string(),
            ..Glance::default()
        },
        address,
        asked: None,
        broker: config.mqtt.broker_names(),
    };
    if std::io::stdout().is_terminal() {
        watched.draw_until(&stop).await?;
    } else {
        watched.print_until(&stop).await;
    }
    watched.ask_for_frames(Duration::ZERO);
    watched.client.close().await;
    Ok(DONE)
}

struct Watched {
    client: Client,
    glance: Glance,
    address: Address,
    asked: Option<Instant>,
    broker: String,
}

impl Watched {
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
            while let Ok((_, report)) = self.client.reports.try_recv() {
                // The picture says it all.
                drop(self.glance.take(report));
            }
            self.keep_watching();
            viewer.draw(&self.glance, &self.footer())?;
        }
    }

    async fn print_until(&mut self, stop: &CancellationToken) {
        loop {
            self.keep_watching();
            let report = tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(FRAME_WATCH / 2) => continue,
                report = self.client.reports.recv() => report,
            };
            let Some((_, report)) = report else { return };
            if let Some(line) = self.glance.take(report) {
                println!("{line}");
            }
        }
    }

    fn step_effect(&mut self, key: Key) {
        let Some(effect) = self.glance.neighbour_effect(key) else {
            return;
        };
        let command = json!({"effect": effect, "from": "piglow-node watch"}).to_string();
        let leaf = Leaf::LightSet(Segment::Board);
        self.client.send(&self.address, leaf, command.into_bytes());
    }

    fn keep_watching(&mut self) {
        if *self.client.link().borrow() == Link::Down {
            self.asked = None;
        } else if self.asked.is_none_or(|at| at.elapsed() >= FRAME_WATCH / 2) {
            self.ask_for_frames(FRAME_WATCH);
            self.asked = Some(Instant::now());
        }
    }

    fn ask_for_frames(&self, duration: Duration) {
        let seconds = duration.as_secs().to_string();
        self.client
            .send(&self.address, Leaf::FrameWatch, seconds.into_bytes());
    }

    fn footer(&self) -> Vec<Line> {
        let link = match *self.client.link().borrow() {
            Link::Up(_) => format!("connected to {}", self.broker),
            Link::Down => format!("connecting to {} …", self.broker),
        };
        vec![
            Line::styled(&link, Style::DIM),
            Line::styled("← → other effects   q quit", Style::DIM),
        ]
    }
}
