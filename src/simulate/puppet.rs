//! One simulated node: pure but for the clock it is given.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Settings;
use super::workload::Workload;
use crate::clock::Clock;
use crate::light::board::Segment;
use crate::light::{Frame, Inputs, LightState, Setting, Stage};
use crate::mqtt::Inbound;
use crate::mqtt::thin::{Absence, Client};
use crate::protocol::{
    self, Announcement, Counters, Health, Info, Known, Message, Outcome, Qos, Reason, Rejection,
    Reply, Topics,
};
use crate::tasks::{Controls, Order, Reader, Schedule, Wish};
use crate::telemetry::{Run, Sample, Stamp};
use crate::units::{NodeId, Percent};

/// Counters change all the time; they are published at most this often, as a node does.
const HEALTH_INTERVAL: Duration = Duration::from_secs(60);

/// 100 ms: ten frames a second, as a node mirrors them.
const FRAME_PAUSE: Duration = Duration::from_millis(100);

/// How long a node stays away, in seconds.
const ABSENCE_SECS: std::ops::Range<u64> = 5..60;

/// The traffic that counts as full, as for a node, in bytes a second.
const FULL_TRAFFIC: f64 = 12_500_000.0;

/// What all nodes of the process share.
pub(super) struct Cast {
    pub(super) settings: Settings,
    pub(super) topics: Topics,
    pub(super) clock: Clock,
    pub(super) reader: Reader,
    /// A stage at which nothing has been commanded.
    pub(super) stage: Stage,
}

/// One simulated node.
pub(super) struct Puppet {
    cast: Arc<Cast>,
    id: NodeId,
    number: u32,
    workload: Workload,
    run: Run,
    sequence: u64,
    inputs: Inputs,
    stage: Stage,
    schedule: Schedule,
    frame: Frame,
    counters: Counters,
    /// Answers given.
    answers: u64,
    last_latency: Option<Duration>,
    max_latency: Option<Duration>,
    broker: Box<str>,
    /// What has been told of the light; `None`: nothing on this connection.
    told: Option<Box<(LightState, Controls)>>,
    known: Known,
    next_sample: Duration,
    next_health: Duration,
    /// When the layer that is seen ends.
    lease_ends: Option<Duration>,
    /// Until when frames are mirrored, when the next one is due, and the last one that was.
    watch: Option<Watch>,
}

struct Watch {
    until: Duration,
    next: Duration,
    told: Option<Frame>,
}

impl Puppet {
    /// The n-th node, counted from 1.
    pub(super) fn new(cast: &Arc<Cast>, id: NodeId, number: u32) -> Self {
        let settings = &cast.settings;
        Self {
            id,
            number,
            workload: Workload::new(settings.seed, number),
            run: Run(fastrand::u32(..)),
            sequence: 0,
            inputs: Inputs::default(),
            stage: cast.stage.clone(),
            schedule: Schedule::default(),
            frame: Frame::DARK,
            counters: Counters::default(),
            answers: 0,
            last_latency: None,
            max_latency: None,
            broker: Box::default(),
            told: None,
            known: Known::default(),
            next_sample: Duration::ZERO,
            next_health: Duration::ZERO,
            lease_ends: None,
            watch: None,
            cast: Arc::clone(cast),
        }
    }

    fn now(&self) -> Duration {
        self.cast.clock.now()
    }

    /// The nodes' own time, in seconds since 1970.
    fn unix_secs(&self) -> f64 {
        let clock = &self.cast.clock;
        let now = clock.now();
        let start = clock.unix_millis_at(Duration::ZERO) as f64 / 1000.0;
        start + now.as_secs_f64() * self.cast.settings.speed
    }

    fn inputs(&self) -> Inputs {
        Inputs {
            local_time: self
                .stage
                .needs_local_time()
                .then(|| self.cast.clock.local_time()),
            ..self.inputs
        }
    }

    /// Spreads the nodes evenly over the interval.
    fn first_sample(&self) -> Duration {
        /// The golden ratio: whatever the number of nodes, their shares lie apart.
        const SPREAD: f64 = 0.618_033_988_749_895;
        let share = (f64::from(self.number) * SPREAD).fract();
        self.now() + self.cast.settings.interval.mul_f64(share)
    }

    fn sample(&mut self, out: &mut Vec<Message>) {
        let now = self.unix_secs();
        let mut sample = match &self.cast.settings.recording {
            Some(recording) => recording.at(self.number, now),
            None => self.workload.read(now),
        };
        let clock = &self.cast.clock;
        sample.stamp = Stamp {
            run: self.run,
            sequence: self.sequence,
            unix_ms: clock.unix_millis(),
            since_boot: None,
        };
        self.sequence += 1;
        self.inputs = inputs_of(&sample);
        let (topics, node) = (&self.cast.topics, &self.id);
        out.push(protocol::telemetry(topics, node, &sample, Qos::AtMostOnce));
        if self.known.learn(&sample) {
            self.announce(out);
        }
        self.next_sample += self.cast.settings.interval;
        // After a stop of the whole process, not all that was missed.
        if self.next_sample <= self.now() {
            self.next_sample = self.first_sample();
        }
    }

    /// Tells Home Assistant, if that is wanted and there is something to tell.
    fn announce(&self, out: &mut Vec<Message>) {
        let Some(settings) = &self.cast.settings.discovery else {
            return;
        };
        if self.known == Known::default() {
            return;
        }
        let announcement = Announcement {
            topics: &self.cast.topics,
            node: &self.id,
            prefix: &settings.prefix,
            entities: settings.entities,
            configuration_url: settings.configuration_url.as_deref(),
            version: crate::VERSION,
            model: Some(self.workload.model().name),
            scenes: &self.cast.reader.scenes,
            brightness_max: self.cast.reader.limits.brightness_limit,
            telemetry_interval_secs: self.cast.settings.interval.as_secs(),
            known: self.known,
        };
        let found = protocol::discovery(&announcement, usize::MAX);
        out.extend(found.map(|found| found.message));
    }

    fn info(&self) -> Message {
        let settings = &self.cast.settings;
        let info = Info {
            version: crate::VERSION,
            groups: settings.group(self.number).into_iter().collect(),
            telemetry_interval_secs: settings.interval.as_secs(),
            allow_fast_flashes: settings.config.light.allow_fast_flashes,
            host_name: Some(self.id.to_string()),
            model: Some(self.workload.model().name.to_owned()),
            os: Some("simulated".to_owned()),
            kernel: None,
            architecture: Some("aarch64".to_owned()),
            cores: Some(self.workload.cores()),
            scenes: Arc::clone(&self.cast.reader.scenes),
        };
        protocol::info(&self.cast.topics, &self.id, &info)
    }

    fn health(&mut self, out: &mut Vec<Message>) {
        self.next_health = self.now() + HEALTH_INTERVAL;
        let millis = |latency: Duration| latency.as_secs_f32() * 1000.0;
        let health = Health {
            panel_state: "ok",
            panel_detail: None,
            broker: self.broker.to_string(),
            last_latency_millis: self.last_latency.map(millis),
            max_latency_millis: self.max_latency.map(millis),
            frame: self.frame,
            counters: self.counters,
        };
        out.push(protocol::health(&self.cast.topics, &self.id, &health));
    }

    /// Tells what has changed of the light since it was told last.
    fn tell_light(&mut self, out: &mut Vec<Message>) {
        let (topics, node) = (&self.cast.topics, &self.id);
        let told = self.told.as_deref();
        let (state, controls) = (self.stage.state(), Controls::of(&self.stage));
        if told.is_none_or(|(_, told)| told.siren != controls.siren) {
            out.push(protocol::siren_state(topics, node, controls.siren));
        }
        for setting in Setting::ALL {
            let value = controls.value(setting);
            if told.is_none_or(|(_, told)| told.value(setting) != value) {
                out.push(protocol::setting_state(topics, node, setting, value));
            }
        }
        let ends = state.ends.map(|end| self.cast.clock.unix_millis_at(end));
        let level = |state: &LightState, part| (state.is_on(part), state.brightness(part));
        let board = Some(Segment::Board).filter(|_| told.is_none_or(|(told, _)| *told != state));
        let parts = Segment::parts()
            .filter(|part| told.is_none_or(|(told, _)| level(told, *part) != level(&state, *part)));
        for segment in board.into_iter().chain(parts) {
            out.push(protocol::light_state(topics, node, segment, &state, ends));
        }
        self.lease_ends = state.ends;
        self.told = Some(Box::new((state, controls)));
    }

    /// Paints, and latches what differs.
    fn paint(&mut self) {
        let frame = self.stage.frame(self.now(), &self.inputs());
        if frame != self.frame || self.counters.frames_written == 0 {
            self.frame = frame;
            self.counters.frames_written += 1;
        }
    }

    fn answer(&mut self, reply: &Reply, outcome: &Outcome, out: &mut Vec<Message>) {
        match outcome {
            Outcome::Shown { latency, .. } => {
                self.last_latency = Some(*latency);
                self.max_latency = self.max_latency.max(Some(*latency));
            }
            Outcome::Rejected(_) => self.counters.commands_rejected += 1,
            Outcome::Superseded { .. } | Outcome::Accepted { .. } => {}
        }
        self.answers += 1;
        let (topics, node) = (&self.cast.topics, &self.id);
        out.extend(protocol::result(topics, node, reply, self.answers, outcome));
    }

    /// Obeys an order that is due, and keeps one that begins later.
    fn obey(&mut self, mut order: Order, out: &mut Vec<Message>) {
        if let Order::Set {
            command,
            start_unix_millis: Some(start),
            reply,
            arrived,
        } = &mut order
            && command.begins.is_none()
        {
            let begins = self.cast.clock.at_unix_millis(*start);
            let ahead = begins.saturating_sub(self.now());
            command.begins = Some(begins);
            *arrived += ahead;
            if !ahead.is_zero() {
                let reply = reply.clone();
                if self.schedule.push(begins, order).is_err() {
                    let expected = "fewer commands that begin later; send again";
                    let busy = Rejection::new(Reason::Busy, expected);
                    self.answer(&reply, &Outcome::Rejected(busy), out);
                }
                return;
            }
        }
        let (now, inputs) = (self.now(), self.inputs());
        let (carried_out, reply, arrived) = match order {
            Order::Set {
                command,
                reply,
                arrived,
                ..
            } => (self.stage.apply(now, &inputs, &command), reply, arrived),
            Order::Identify {
                duration,
                reply,
                arrived,
            } => {
                self.stage.identify(now, &inputs, duration);
                (Ok(()), reply, arrived)
            }
            Order::Adjust {
                adjustment,
                reply,
                arrived,
            } => {
                adjustment.carry_out(&mut self.stage, now, &inputs);
                (Ok(()), reply, arrived)
            }
        };
        let outcome = match carried_out {
            Ok(()) => {
                self.paint();
                Outcome::Shown {
                    frame: self.counters.frames_written,
                    latency: arrived.elapsed(),
                }
            }
            Err(conflict) => {
                Outcome::Rejected(Rejection::new(Reason::Conflict, conflict.to_string()))
            }
        };
        self.tell_light(out);
        self.answer(&reply, &outcome, out);
    }

    fn mirror(&mut self, out: &mut Vec<Message>) {
        let now = self.now();
        let Some(watch) = &mut self.watch else {
            return;
        };
        if watch.until <= now {
            self.watch = None;
            return;
        }
        watch.next = now + FRAME_PAUSE;
        self.paint();
        let (number, frame) = (self.counters.frames_written, self.frame);
        if let Some(watch) = &mut self.watch
            && watch.told.replace(frame) != Some(frame)
        {
            let (topics, node) = (&self.cast.topics, &self.id);
            out.push(protocol::frame(topics, node, number, &frame));
        }
    }

    /// Whether it goes away, asked once an interval.
    fn absence(&self) -> Option<Absence> {
        let settings = &self.cast.settings;
        let intervals_per_minute = 60.0 / settings.interval.as_secs_f64();
        let chance = settings.churn_percent / 100.0 / intervals_per_minute;
        (fastrand::f64() < chance).then(|| Absence {
            takes_leave: fastrand::bool(),
            length: Duration::from_secs(fastrand::u64(ABSENCE_SECS)),
        })
    }
}

impl Client for Puppet {
    fn client_id(&self) -> &str {
        self.id.as_str()
    }

    fn will(&self) -> Message {
        protocol::availability(&self.cast.topics, &self.id, false)
    }

    fn filters(&self) -> Vec<String> {
        let group = self.cast.settings.group(self.number);
        self.cast.topics.subscriptions(&self.id, group.as_slice())
    }

    /// The birth, in the order of a node's.
    fn connected(&mut self, broker: &str, out: &mut Vec<Message>) {
        self.counters.connections += 1;
        self.broker = broker.into();
        self.told = None;
        out.push(self.info());
        self.announce(out);
        self.tell_light(out);
        self.health(out);
        out.push(protocol::availability(&self.cast.topics, &self.id, true));
        self.next_sample = self.first_sample();
    }

    fn take(&mut self, message: &Inbound<'_>, out: &mut Vec<Message>) {
        let unix_millis = self.cast.clock.unix_millis();
        let Some(read) = self.cast.reader.read(message, unix_millis) else {
            return;
        };
        self.counters.commands_received += 1;
        match read {
            Ok(Wish::Order(order)) => self.obey(order, out),
            Ok(Wish::Watch(duration)) => {
                let now = self.now();
                // Asked for again, the current frame is told again: whoever asks may be another.
                self.watch = Some(Watch {
                    until: now + duration,
                    next: self.watch.as_ref().map_or(now, |watch| watch.next),
                    told: None,
                });
            }
            Err((reply, rejection)) => self.answer(&reply, &Outcome::Rejected(rejection), out),
        }
    }

    fn wake(&mut self, out: &mut Vec<Message>) -> Option<Absence> {
        let now = self.now();
        for order in self.schedule.take_due(now) {
            self.obey(order, out);
        }
        if self.lease_ends.is_some_and(|end| end <= now) {
            self.stage.drop_ended(now, &self.inputs());
            self.tell_light(out);
        }
        if self.watch.as_ref().is_some_and(|watch| watch.next <= now) {
            self.mirror(out);
        }
        if self.next_sample > now {
            return None;
        }
        self.sample(out);
        if self.next_health <= now {
            self.paint();
            self.health(out);
        }
        self.absence()
    }

    fn next_wake(&self) -> Instant {
        let wishes = [
            self.lease_ends,
            self.schedule.next(),
            self.watch.as_ref().map(|watch| watch.next),
        ];
        let first = wishes.into_iter().flatten().min();
        let next = first.map_or(self.next_sample, |first| first.min(self.next_sample));
        self.cast.clock.instant(next)
    }
}

fn inputs_of(sample: &Sample) -> Inputs {
    let cpu = sample.cpu.as_ref();
    let network = sample.network.and_then(|rates| {
        let sum = rates.receive_bytes_per_sec + rates.transmit_bytes_per_sec;
        Percent::saturating((sum / FULL_TRAFFIC * 100.0) as f32)
    });
    let inputs = Inputs {
        cpu_load: cpu.map(|cpu| cpu.total),
        memory: sample.memory.map(|memory| memory.used),
        disk: sample.disk.map(|disk| disk.used),
        network,
        temperature_celsius: sample.temperature_celsius,
        load_average_1: sample.load_average.map(|[one, ..]| one),
        ..Inputs::default()
    };
    inputs.with_cores(cpu.map(|cpu| cpu.cores.as_slice()).unwrap_or_default())
}
