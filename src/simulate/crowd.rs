//! All simulated nodes: they come at a steady rate, and leave together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::puppet::{Cast, Puppet};
use super::{Settings, files};
use crate::clock::Clock;
use crate::light::Stage;
use crate::mqtt::OpenError;
use crate::mqtt::thin::{Figures, Trunk};
use crate::node::stage_settings;
use crate::protocol::Topics;
use crate::tasks::{Limits, Reader};
use crate::units::NameError;

/// 20 ms: as evenly as a broker may wish.
const TICK: Duration = Duration::from_millis(20);

/// How long all may take to leave.
const FAREWELL: Duration = Duration::from_secs(15);

/// Why nodes can't be simulated.
#[derive(Debug, thiserror::Error)]
pub enum CrowdError {
    /// A connection can't be prepared.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There are not enough open files.
    #[error(transparent)]
    Files(#[from] super::TooFewFiles),
    /// The prefix makes no id.
    #[error("--prefix {prefix:?} makes no node id: it {source}")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// What is wrong with it.
        source: NameError,
    },
}

/// All simulated nodes.
pub struct Crowd {
    cast: Arc<Cast>,
    trunk: Arc<Trunk>,
}

/// How far they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// How many there are to be.
    pub nodes: u32,
    /// What has been counted.
    pub total: Figures,
    /// Messages written and arrived since the last report, a second.
    pub sent_per_sec: f64,
    /// Messages that arrived since the last report, a second.
    pub received_per_sec: f64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>4} s  {} of {} connected  {:.0} messages/s out, {:.0} in",
            self.elapsed.as_secs(),
            self.total.connected,
            self.nodes,
            self.sent_per_sec,
            self.received_per_sec,
        )?;
        if self.total.lost > 0 {
            write!(f, "  {} connections failed or broken", self.total.lost)?;
        }
        if self.total.dropped > 0 {
            write!(f, "  {} messages dropped", self.total.dropped)?;
        }
        Ok(())
    }
}

impl Crowd {
    /// Prepares the nodes; nothing is connected before [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// Tells what would keep the nodes from being there.
    pub fn new(settings: Settings) -> Result<Self, CrowdError> {
        settings
            .id(settings.nodes)
            .map_err(|source| CrowdError::Prefix {
                prefix: settings.prefix.clone(),
                source,
            })?;
        files::allow(settings.nodes)?;
        let config = &settings.config;
        let mqtt = &config.mqtt;
        let trunk = Trunk::open(&mqtt.brokers, &mqtt.tls, mqtt.keep_alive)?;
        let topics = Topics::new(mqtt.root.clone());
        let scenes = Arc::clone(&config.scenes);
        let default_scene = scenes.find(&config.light.default_effect);
        let cast = Cast {
            topics: topics.clone(),
            clock: Clock::start(),
            stage: Stage::new(&stage_settings(config))
                .with_scenes(Arc::clone(&scenes), default_scene),
            reader: Reader {
                topics,
                limits: Limits {
                    allow_fast_flashes: config.light.allow_fast_flashes,
                    brightness_limit: config.light.brightness_limit,
                },
                scenes,
            },
            settings,
        };
        Ok(Self {
            cast: Arc::new(cast),
            trunk: Arc::new(trunk),
        })
    }

    /// Runs until it is told to stop; every node says that it is offline then. Reports once a second, and at the end.
    pub async fn run(self, stop: CancellationToken, mut report: impl FnMut(&Progress)) {
        let begun = Instant::now();
        let mut nodes = JoinSet::new();
        let mut come = 0;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut last = (begun, Figures::default());
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let settings = &self.cast.settings;
            let due = begun.elapsed().as_secs_f64() * f64::from(settings.rate.get());
            while come < settings.nodes && f64::from(come) < due {
                come += 1;
                self.admit(come, &mut nodes, &stop);
            }
            if last.0.elapsed() >= Duration::from_secs(1) {
                self.report(begun, &mut last, &mut report);
            }
        }
        let leave = async { while nodes.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, leave).await.is_err() {
            nodes.shutdown().await;
        }
        self.report(begun, &mut last, &mut report);
    }

    fn admit(&self, number: u32, nodes: &mut JoinSet<()>, stop: &CancellationToken) {
        // The longest id has been tried.
        let Ok(id) = self.cast.settings.id(number) else {
            return;
        };
        let mut puppet = Puppet::new(&self.cast, id, number);
        let (trunk, stop) = (Arc::clone(&self.trunk), stop.clone());
        nodes.spawn(async move { trunk.run(&mut puppet, &stop).await });
    }

    fn report(
        &self,
        begun: Instant,
        last: &mut (Instant, Figures),
        report: &mut impl FnMut(&Progress),
    ) {
        let now = Instant::now();
        let total = self.trunk.figures();
        let seconds = (now - last.0).as_secs_f64().max(f64::EPSILON);
        report(&Progress {
            elapsed: now - begun,
            nodes: self.cast.settings.nodes,
            total,
            sent_per_sec: (total.sent - last.1.sent) as f64 / seconds,
            received_per_sec: (total.received - last.1.received) as f64 / seconds,
        });
        *last = (now, total);
    }
}
