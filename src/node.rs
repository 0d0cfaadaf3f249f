//! One node: its tasks wired together, watched over, and stopped in order.

mod settings;
mod view;

pub(crate) use settings::session_settings;
#[cfg(feature = "fleet")]
pub(crate) use settings::stage_settings;
pub use view::View;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock::{Clock, Wall};
use crate::config::{Config, StateFile};
use crate::events::Watchman;
use crate::host::Host;
use crate::light::Inputs;
use crate::mqtt::{self, OpenError, Outbox};
use crate::panel::{Panel, SimBus, StopOutcome};
use crate::protocol::{self, Topics};
use crate::pulse::Pulses;
use crate::supervisor::{Fault, Supervisor};
use crate::tasks::{
    self, BirthListener, Herald, Intake, Keeper, Limits, Mirror, ORDERS, Publisher, Reader,
    Remains, Renderer, Reporter, Responder, SAMPLES, Sampler, Tally,
};
use crate::units::NodeId;

/// How long tasks may take to stop.
const TASK_GRACE: Duration = Duration::from_secs(1);

/// How long the panel may take to go dark: a stuck bus gives up after one second by itself.
const PANEL_GRACE: Duration = Duration::from_millis(1500);

/// How long the broker may take to acknowledge `offline`.
const OFFLINE_GRACE: Duration = Duration::from_secs(2);

/// The longest a stop takes, each part by its own limit: tasks, panel, `offline`, session.
pub const STOP_MAX: Duration = TASK_GRACE
    .saturating_add(PANEL_GRACE)
    .saturating_add(OFFLINE_GRACE)
    .saturating_add(TASK_GRACE);

/// Why a node can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The session can't be prepared.
    #[error(transparent)]
    Session(#[from] OpenError),
    /// The system gives no thread for the panel.
    #[error("the panel's thread can't be started")]
    Panel(#[source] std::io::Error),
}

/// A node whose tasks run.
pub struct Node {
    topics: Topics,
    id: NodeId,
    tasks: Supervisor,
    session: Supervisor,
    panel: Panel,
    outbox: Outbox,
    /// Samples that the broker may not have, once their task has stopped.
    remains: oneshot::Receiver<Remains>,
    view: View,
}

impl Node {
    /// Starts a node; must be called within a runtime.
    ///
    /// What was commanded is kept in `light.state_file` if that is a path; `auto` has to be resolved by the caller.
    /// With a simulated panel, `bus` is its bus, so that the caller can look at it and pull it out.
    ///
    /// # Errors
    ///
    /// Tells what is wrong with files that the session needs; a missing broker or panel is no error but a state.
    pub fn start(config: &Config, bus: SimBus) -> Result<Self, StartError> {
        Self::start_with(config, bus, Clock::start(), None)
    }

    /// Starts a node as a process has it: the panel's writer is on somebody else's thread, which each transfer blocks, and the kernel
    /// wakes the node's own.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_on(thread: &Handle, config: &Config, bus: SimBus) -> Result<Self, StartError> {
        let clock = Clock::start().with_kernel_alarms();
        Self::start_with(config, bus, clock, Some(thread))
    }

    /// Starts a node beside a wall clock of the caller's.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_beside(
        config: &Config,
        bus: SimBus,
        wall: &'static dyn Wall,
    ) -> Result<Self, StartError> {
        Self::start_with(config, bus, Clock::start_beside(wall), None)
    }

    fn start_with(
        config: &Config,
        bus: SimBus,
        clock: Clock,
        panel_thread: Option<&Handle>,
    ) -> Result<Self, StartError> {
        let host = Host::open();
        let topics = Topics::new(config.mqtt.root.clone());
        let id = config.node.id.clone();
        let birth = BirthListener::new(&config.discovery);
        let mut session = session_settings(config, &topics);
        session.filters.extend(birth.filter());
        let (outbox, session) = mqtt::open(session)?;
        let panel = settings::panel(config, bus);
        let panel = match panel_thread {
            Some(thread) => Panel::spawn_on(panel, thread),
            None => Panel::spawn(panel).map_err(StartError::Panel)?,
        };

        let pulses = Pulses::default();
        pulses.add(panel.pulse());
        let mut tasks = Supervisor::new(pulses.clone());
        let tally = Arc::new(Tally::default());
        let responder = Arc::new(Responder::new(
            topics.clone(),
            id.clone(),
            outbox.clone(),
            Arc::clone(&tally),
        ));
        let answer = responder.last();
        let refusal = responder.refusal();
        // Each order matters; when the queue is full, the sender is answered that the node is busy.
        let (orders, orders_in) = mpsc::channel(ORDERS);
        let (mirror, mirror_until) = watch::channel(None);
        let inputs = watch::Sender::new(Inputs::default());
        let info = settings::describe(config, host.describe());

        let scenes = Arc::clone(&config.scenes);
        let state_file = match &config.light.state_file {
            StateFile::Path(path) => Some(path.clone()),
            StateFile::None | StateFile::Auto => None,
        };
        let stage = settings::stage(config, state_file.as_deref(), clock);
        let renderer = Renderer::new(
            stage,
            clock,
            orders_in,
            inputs.subscribe(),
            panel.frames(),
            panel.receipts(),
            panel.health(),
            Arc::clone(&responder),
            outbox.link(),
            config.light.offline_after,
        );
        let (taken, samples) = mpsc::channel(SAMPLES);
        let mut sampler = Sampler::new(
            host,
            clock,
            taken,
            config.telemetry.interval,
            config.light.load_interval,
            inputs,
            renderer.readings(),
        );
        let mut renderer = renderer.with_clock_steps(sampler.measured().clock_steps);
        let (courier, remains) = settings::courier(config, &topics, clock, &outbox, samples);
        let view = View {
            id: id.clone(),
            link: outbox.link(),
            state: renderer.state(),
            measured: sampler.measured(),
            panel: panel.health(),
            receipts: panel.receipts(),
            answer,
            pulses: pulses.clone(),
            // A child: whoever looks on can't stop the node with it.
            stopping: tasks.token().child_token(),
            off_switch: panel.off_switch(),
            clock,
        };
        let mut publisher = Publisher {
            topics: topics.clone(),
            node: id.clone(),
            info,
            clock,
            outbox: outbox.clone(),
            state: view.state.clone(),
            controls: renderer.controls(),
            sample: view.measured.sample.clone(),
            clock_steps: view.measured.clock_steps.clone(),
            panel: panel.health(),
            tally: Arc::clone(&tally),
            receipts: panel.receipts(),
            herald: Herald::new(config.discovery.clone(), config.light.brightness_limit),
            births: birth.births(),
        };
        let reporter = Reporter {
            topics: topics.clone(),
            node: id.clone(),
            clock,
            outbox: outbox.clone(),
            watchman: Watchman::new(&config.events),
            sample: view.measured.sample.clone(),
            panel: panel.health(),
            refusal,
            tally: Arc::clone(&tally),
        };
        let frames = Mirror {
            topics: topics.clone(),
            node: id.clone(),
            outbox: outbox.clone(),
            receipts: panel.receipts(),
            until: mirror_until,
        };
        let keepers = state_file.map(|path| {
            let settings = tasks::settings_file(&path);
            (
                Keeper::of_light(path, renderer.lasting()),
                Keeper::of_settings(settings, renderer.controls()),
            )
        });
        let reader = Reader {
            topics: topics.clone(),
            limits: Limits {
                allow_fast_flashes: config.light.allow_fast_flashes,
                brightness_limit: config.light.brightness_limit,
            },
            scenes,
        };
        let intake = Intake::new(reader, clock, orders, mirror, responder, tally);

        // Large ones are borrowed in a block that has them: an async function that took one would hold it twice.
        let stop = tasks.token();
        tasks.spawn("renderer", async move { renderer.run(stop).await });
        let stop = tasks.token();
        tasks.spawn("sampler", async move { sampler.run(stop).await });
        let stop = tasks.token();
        tasks.spawn("publisher", async move { publisher.run(stop).await });
        tasks.spawn("courier", courier.run(tasks.token()));
        tasks.spawn("reporter", reporter.run(tasks.token()));
        tasks.spawn("mirror", frames.run(tasks.token()));
        if let Some((light, settings)) = keepers {
            tasks.spawn("keeper", light.run(tasks.token()));
            tasks.spawn("settings keeper", settings.run(tasks.token()));
        }
        // The session outlives the others, to carry their last messages.
        let mut session_task = Supervisor::new(pulses);
        let stopping = tasks.token();
        if let Some(homing) = session.homing() {
            session_task.spawn("homing", homing.run(session_task.token()));
        }
        session_task.spawn(
            "session",
            session.run(session_task.token(), move |message| {
                // Stopping begins with refusing commands.
                if !stopping.is_cancelled() && !birth.take(&message) {
                    intake.take(&message);
                }
            }),
        );
        Ok(Self {
            topics,
            id,
            tasks,
            session: session_task,
            panel,
            outbox,
            remains,
            view,
        })
    }

    /// What can be seen of the node.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// Runs until `stop` is cancelled, then stops in order: commands are refused, the LEDs go as configured, `offline` is
    /// acknowledged, the session ends.
    ///
    /// # Errors
    ///
    /// A task that ends by itself: the LEDs are darkened and the node stops.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Fault> {
        let mut panel_ended = self.panel.ended();
        let fault = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            // Before the tasks: when the session is gone, so are the renderer's orders, and it ends too.
            fault = self.session.fault() => Some(fault),
            fault = self.tasks.fault() => Some(fault),
            _ = panel_ended.wait_for(|ended| *ended) => Some(Fault::Ended("panel")),
        };
        if let Some(fault) = &fault {
            error!(%fault, "stopping");
        } else {
            info!(node = %self.id, "stopping");
        }
        self.stop(fault.is_some()).await;
        fault.map_or(Ok(()), Err)
    }

    async fn stop(&mut self, faulty: bool) {
        self.tasks.stop(TASK_GRACE).await;
        let outcome = if faulty {
            self.panel.stop_dark(PANEL_GRACE)
        } else {
            self.panel.stop(PANEL_GRACE)
        };
        match outcome {
            StopOutcome::Dark | StopOutcome::Kept => {}
            trouble @ (StopOutcome::Failed { .. }
            | StopOutcome::Panicked
            | StopOutcome::TimedOut) => {
                warn!(?trouble, "the LEDs could not be left as configured");
            }
        }
        let offline = protocol::availability(&self.topics, &self.id, false);
        let acknowledged = self
            .outbox
            .publish_acknowledged(offline, OFFLINE_GRACE)
            .await;
        if let Err(error) = &acknowledged {
            warn!(%error, "offline was not acknowledged; the broker's will says it instead");
        }
        if let Ok(remains) = self.remains.try_recv() {
            // What was acknowledged last proves that the samples before it have arrived.
            let proof = acknowledged.is_ok().then(|| *self.outbox.link().borrow());
            remains.settle(proof).await;
        }
        self.outbox.disconnect();
        self.session.stop(TASK_GRACE).await;
        info!(node = %self.id, "stopped");
    }
}
