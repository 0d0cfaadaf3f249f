//! The publisher: announces the node after every connection, and publishes what changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Tally;
use crate::clock::Clock;
use crate::light::board::Segment;
use crate::light::{Frame, LightState};
use crate::mqtt::{Link, Outbox};
use crate::panel::{PanelHealth, Receipt};
use crate::protocol::{self, Counters, Health, Info, Topics};
use crate::telemetry::Sample;
use crate::units::NodeId;

/// Counters change all the time; they are published at most this often. A change of the panel's state is told at once.
const HEALTH_INTERVAL: Duration = Duration::from_secs(60);

/// Everything the publisher can hear.
enum Heard {
    Link,
    Sample,
    State,
    PanelHealth,
    Stop,
}

/// Publishes what the other tasks know; each field holds only the newest.
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
    /// The newest sample.
    pub sample: watch::Receiver<Option<Sample>>,
    /// How the panel is.
    pub panel: watch::Receiver<PanelHealth>,
    /// What has been counted.
    pub tally: Arc<Tally>,
    /// The newest frame that was latched.
    pub receipts: watch::Receiver<Option<Receipt>>,
}

/// What was published last.
#[derive(Default)]
struct Told {
    state: Option<LightState>,
    health: Option<(Health, Instant)>,
}

impl Publisher {
    /// Publishes until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut link = self.outbox.link();
        // The connection may already stand when this task first runs.
        link.mark_changed();
        let mut told = Told::default();
        loop {
            let heard = tokio::select! {
                biased;
                () = stop.cancelled() => Heard::Stop,
                Ok(()) = link.changed() => Heard::Link,
                Ok(()) = self.state.changed() => Heard::State,
                Ok(()) = self.panel.changed() => Heard::PanelHealth,
                Ok(()) = self.sample.changed() => Heard::Sample,
            };
            let up = *link.borrow_and_update() != Link::Down;
            match heard {
                Heard::Stop => return,
                Heard::Link if up => self.announce(&mut told),
                Heard::State if up => self.tell_state(&mut told),
                Heard::PanelHealth if up => self.tell_health(&mut told),
                Heard::Sample if up => self.tell_sample(&mut told),
                // What changes while the broker is away is told when it is back.
                Heard::Link | Heard::State | Heard::PanelHealth | Heard::Sample => {}
            }
        }
    }

    /// The birth: everything retained, and `online` last, so that who sees it finds the rest.
    fn announce(&mut self, told: &mut Told) {
        *told = Told::default();
        self.outbox
            .publish(protocol::info(&self.topics, &self.node, &self.info));
        self.tell_state(told);
        self.tell_health(told);
        self.outbox
            .publish(protocol::availability(&self.topics, &self.node, true));
    }

    fn tell_state(&mut self, told: &mut Told) {
        let state = self.state.borrow_and_update().clone();
        let ends = state.ends.map(|end| self.clock.unix_millis_at(end));
        let level = |state: &LightState, segment| (state.is_on(segment), state.brightness(segment));
        for segment in std::iter::once(Segment::Board).chain(Segment::parts()) {
            let known = told.state.as_ref().is_some_and(|told| {
                segment != Segment::Board && level(told, segment) == level(&state, segment)
            });
            if !known {
                self.outbox.publish(protocol::light_state(
                    &self.topics,
                    &self.node,
                    segment,
                    &state,
                    ends,
                ));
            }
        }
        told.state = Some(state);
    }

    fn tell_sample(&mut self, told: &mut Told) {
        if let Some(sample) = self.sample.borrow_and_update().as_ref() {
            self.outbox
                .publish(protocol::telemetry(&self.topics, &self.node, sample));
        }
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
        if !known {
            self.outbox
                .publish(protocol::health(&self.topics, &self.node, &health));
        }
        told.health = Some((health, Instant::now()));
    }

    fn health(&mut self) -> Health {
        let panel = self.panel.borrow_and_update();
        let figures = self.tally.figures();
        let millis =
            |latency: Option<Duration>| latency.map(|latency| latency.as_secs_f32() * 1000.0);
        Health {
            panel_state: panel.state.name(),
            panel_detail: panel.detail.clone(),
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
