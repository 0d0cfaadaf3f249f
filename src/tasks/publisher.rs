//! The publisher: announces the node after every connection, and publishes what changes. Samples are the courier's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Controls, Herald, Tally, herald};
use crate::clock::Clock;
use crate::light::board::Segment;
use crate::light::{Frame, LightState, Setting};
use crate::mqtt::{Handover, Link, Outbox};
use crate::panel::{PanelHealth, Receipt};
use crate::protocol::{self, Counters, Health, Info, Message, Topics};
use crate::pulse;
use crate::telemetry::Sample;
use crate::units::NodeId;

/// Counters change all the time; they are published at most this often. A change of the panel's state is told at once.
const HEALTH_INTERVAL: Duration = Duration::from_secs(60);

/// 200 ms: a queue that was full has been emptied by then, unless the broker is in trouble.
const RETRY: Duration = Duration::from_millis(200);

/// Everything the publisher can hear.
enum Heard {
    Link,
    Sample,
    State,
    Controls,
    PanelHealth,
    ClockStep,
    /// Home Assistant has started.
    Birth,
    Retry,
    Again,
    Stop,
}

/// Publishes what the other tasks know but samples; each field holds only the newest.
pub struct Publisher {
    /// The topics of the node's root.
    pub topics: Topics,
    /// The node.
    pub node: NodeId,
    /// The node's description of itself.
    pub info: Info,
    /// The clock on which leases end.
    pub clock: Clock,
    /// Where messages go.
    pub outbox: Outbox,
    /// What the LEDs are set to.
    pub state: watch::Receiver<LightState>,
    /// The siren and the settings.
    pub controls: watch::Receiver<Controls>,
    /// The newest sample; with it, what is due is told, so that it needs no wake-up of its own.
    pub sample: watch::Receiver<Option<Sample>>,
    /// How often the wall clock was set.
    pub clock_steps: watch::Receiver<u64>,
    /// How the panel is.
    pub panel: watch::Receiver<PanelHealth>,
    /// What has been counted.
    pub tally: Arc<Tally>,
    /// The newest frame that was latched.
    pub receipts: watch::Receiver<Option<Receipt>>,
    /// What Home Assistant is told.
    pub herald: Herald,
    /// Counts how often Home Assistant has started.
    pub births: watch::Receiver<u64>,
}

/// What was handed over since the connection began; what was dropped, because the queue was full, is owed.
#[derive(Default)]
struct Told {
    info: bool,
    discovery: bool,
    board: Option<LightState>,
    controls: Option<Controls>,
    /// On or off, and the level.
    parts: HashMap<Segment, (bool, u8)>,
    health: Option<(Health, Instant)>,
    online: bool,
    /// When to try again, because something retained was dropped: no later one makes up for it.
    retry: Option<Instant>,
    /// When to announce everything again, because Home Assistant has started.
    again: Option<Instant>,
}

impl Told {
    /// Something was dropped.
    fn owe(&mut self) {
        self.retry.get_or_insert_with(|| Instant::now() + RETRY);
    }
}

impl Publisher {
    /// Publishes until it is told to stop.
    pub async fn run(&mut self, stop: CancellationToken) {
        let mut link = self.outbox.link();
        // The connection may already stand when this task first runs.
        link.mark_changed();
        let mut told = Told::default();
        loop {
            let hear = async {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => Heard::Stop,
                    () = at(told.retry) => Heard::Retry,
                    () = at(told.again) => Heard::Again,
                    Ok(()) = link.changed() => Heard::Link,
                    Ok(()) = self.births.changed() => Heard::Birth,
                    // The rare before the frequent: in a flood of commands the state changes without a pause.
                    Ok(()) = self.sample.changed() => Heard::Sample,
                    Ok(()) = self.panel.changed() => Heard::PanelHealth,
                    Ok(()) = self.clock_steps.changed() => Heard::ClockStep,
                    Ok(()) = self.controls.changed() => Heard::Controls,
                    Ok(()) = self.state.changed() => Heard::State,
                }
            };
            let heard = pulse::rest(hear).await;
            let up = *link.borrow_and_update() != Link::Down;
            match heard {
                Heard::Stop => return,
                Heard::Birth => {
                    told.again
                        .get_or_insert_with(|| Instant::now() + herald::delay());
                }
                Heard::Link | Heard::Again => {
                    told = Told::default();
                    if up {
                        self.announce(&mut told);
                    }
                }
                Heard::Retry if up => self.announce(&mut told),
                Heard::State if up => self.tell_state(&mut told),
                Heard::Controls if up => self.tell_controls(&mut told),
                Heard::PanelHealth if up => self.tell_health(&mut told),
                Heard::Sample if up => self.tell_what_is_due(&mut told),
                Heard::ClockStep if up => {
                    // When a lease ends is told as a time of day.
                    told.board = None;
                    self.tell_state(&mut told);
                }
                // What changes while the broker is away is told when it is back.
                Heard::State
                | Heard::Controls
                | Heard::PanelHealth
                | Heard::Sample
                | Heard::ClockStep => {}
                Heard::Retry => told.retry = None,
            }
        }
    }

    /// The birth, or what is owed of it: everything retained, and `online` last, so that who sees it finds the rest.
    fn announce(&mut self, told: &mut Told) {
        told.retry = None;
        let info = || protocol::info(&self.topics, &self.node, &self.info);
        told.info = told.info || self.hand_over(info());
        self.tell_discovery(told);
        self.tell_controls(told);
        self.tell_state(told);
        self.tell_health(told);
        if !told.info || told.retry.is_some() {
            return told.owe();
        }
        let online = || protocol::availability(&self.topics, &self.node, true);
        told.online = told.online || self.hand_over(online());
        if !told.online {
            told.owe();
        }
    }

    /// Publishes what has changed of the siren and the settings.
    fn tell_controls(&mut self, told: &mut Told) {
        let controls = *self.controls.borrow_and_update();
        let before = told.controls;
        let siren_changed = before.is_none_or(|before| before.siren != controls.siren);
        let siren =
            siren_changed.then(|| protocol::siren_state(&self.topics, &self.node, controls.siren));
        let settings = Setting::ALL.into_iter().filter_map(|setting| {
            let value = controls.value(setting);
            let changed = before.is_none_or(|before| before.value(setting) != value);
            changed.then(|| protocol::setting_state(&self.topics, &self.node, setting, value))
        });
        if siren
            .into_iter()
            .chain(settings)
            .all(|message| self.hand_over(message))
        {
            told.controls = Some(controls);
        } else {
            told.owe();
        }
    }

    /// Publishes the state of the segments that have changed.
    fn tell_state(&mut self, told: &mut Told) {
        // A birth has to be complete; a change may wait until the queue is calm, and only the newest is told then.
        if told.board.is_some() && !self.outbox.is_calm() {
            return told.owe();
        }
        let state = self.state.borrow_and_update().clone();
        let ends = state.ends.map(|end| self.clock.unix_millis_at(end));
        let tell = |segment| {
            let message = protocol::light_state(&self.topics, &self.node, segment, &state, ends);
            self.hand_over(message)
        };
        if told.board.as_ref() != Some(&state) {
            if !tell(Segment::Board) {
                return told.owe();
            }
            told.board = Some(state.clone());
        }
        for part in Segment::parts() {
            let level = (state.is_on(part), state.brightness(part));
            if told.parts.get(&part) != Some(&level) {
                if !tell(part) {
                    return told.owe();
                }
                told.parts.insert(part, level);
            }
        }
    }

    fn tell_discovery(&mut self, told: &mut Told) {
        if told.discovery {
            return;
        }
        // It may have come while the broker was away.
        if let Some(sample) = self.sample.borrow().as_ref() {
            self.herald.learn(sample);
        }
        if !self.herald.is_ready() {
            return;
        }
        let (topics, node, info) = (&self.topics, &self.node, &self.info);
        let message = self.herald.message(topics, node, info, &self.outbox);
        told.discovery = message.is_none_or(|message| self.hand_over(message));
        if !told.discovery {
            told.owe();
        }
    }

    /// With each sample: the entities of readings that are new, and health.
    fn tell_what_is_due(&mut self, told: &mut Told) {
        if let Some(sample) = self.sample.borrow_and_update().as_ref()
            && self.herald.learn(sample)
        {
            told.discovery = false;
        }
        self.tell_discovery(told);
        let due = told
            .health
            .as_ref()
            .is_none_or(|(_, at)| at.elapsed() >= HEALTH_INTERVAL);
        if due {
            self.tell_health(told);
        }
    }

    fn tell_health(&mut self, told: &mut Told) {
        let health = self.health();
        let known = told
            .health
            .as_ref()
            .is_some_and(|(told, _)| *told == health);
        if known || self.hand_over(protocol::health(&self.topics, &self.node, &health)) {
            told.health = Some((health, Instant::now()));
        } else {
            told.owe();
        }
    }

    /// False when the message was dropped and there will be room for it.
    fn hand_over(&self, message: Message) -> bool {
        self.outbox.publish(message) != Handover::QueueFull
    }

    fn health(&mut self) -> Health {
        let panel = self.panel.borrow_and_update();
        let figures = self.tally.figures();
        let millis =
            |latency: Option<Duration>| latency.map(|latency| latency.as_secs_f32() * 1000.0);
        Health {
            panel_state: panel.state.name(),
            panel_detail: panel.detail.clone(),
            broker: self.outbox.broker().to_owned(),
            last_latency_millis: millis(figures.last_latency),
            max_latency_millis: millis(figures.max_latency),
            frame: self
                .receipts
                .borrow()
                .as_ref()
                .map_or(Frame::DARK, |receipt| receipt.frame),
            counters: Counters {
                commands_received: figures.received,
                commands_rejected: figures.rejected,
                commands_superseded: figures.superseded,
                messages_dropped: self.outbox.dropped(),
                answers_repeated: self.outbox.answers_repeated(),
                connections: match *self.outbox.link().borrow() {
                    Link::Up(count) => count,
                    Link::Down => 0,
                },
                frames_written: panel.frames_written,
                frames_skipped: panel.frames_skipped,
                panel_faults: panel.faults,
                panel_recoveries: panel.recoveries,
            },
        }
    }
}

/// Waits for an instant, or for ever.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
