//! The courier: carries samples to the broker, those that it may have missed as well.
//!
//! A sample goes out as it is taken, with `QoS` 0. Whether it has arrived is known when the broker acknowledges something that was
//! sent after it on the same connection. So that there is such a thing, one sample in each keep-alive goes out with `QoS` 1: as
//! many packets as the protocol's own sign of life, which the library leaves out while telemetry flows. What is not proven when the
//! link is lost goes the way of what was taken while the broker was away: into the history, and out in batches afterwards.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::archive::Archive;
use super::remains::Remains;
use crate::clock::Clock;
use crate::mqtt::{Delivered, Handover, Link, Outbox};
use crate::protocol::{self, Message, Qos, Topics};
use crate::pulse;
use crate::telemetry::Sample;
use crate::telemetry::history::{Batch, History, Mark};
use crate::units::NodeId;

/// The most samples in a batch: 15 KiB for four cores, a small part of what a broker takes and a link carries in a second.
const BATCH: usize = 24;

/// Between the acknowledgement of a batch and the next one: an hour of samples takes eight seconds, and what is live does not
/// wait for it.
const PAUSE: Duration = Duration::from_millis(250);

/// The first batch comes up to this long after the birth, at random: after a broker's restart, a flock of nodes does not send its
/// history in step.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// How many keep-alives an acknowledgement may take: as many as the protocol gives a sign of life.
const PATIENCE: u32 = 2;

/// Everything the courier can hear.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack of the loop that takes it apart at once"
)]
enum Heard {
    Sample(Sample),
    Link,
    Proof(Delivered),
    Batch(Delivered),
    BatchDue,
    SaveDue,
    Stop,
}

type Awaited = Pin<Box<dyn Future<Output = Delivered> + Send>>;

/// What a courier needs to know.
pub struct Route {
    /// The topics of the node's root.
    pub topics: Topics,
    /// The node.
    pub node: NodeId,
    /// The clock by which a sample's time is told.
    pub clock: Clock,
    /// Where messages go.
    pub outbox: Outbox,
    /// Between signs of life.
    pub keep_alive: Duration,
    /// Between two writes to the disk while the broker is away.
    pub save_interval: Duration,
}

/// Carries samples to the broker.
pub struct Courier {
    route: Route,
    samples: mpsc::Receiver<Sample>,
    history: History,
    archive: Option<Archive>,
    /// Where the rest goes when it stops: what becomes of the last samples is known only when the session ends.
    leaves: oneshot::Sender<Remains>,
    link: watch::Receiver<Link>,
    /// The connection that stands, as far as it was heard; 0 while there is none.
    connection: u64,
    proof: Option<Proof>,
    /// When the last sample was sent that asks for a proof.
    asked: Option<Instant>,
    batch: Option<Sending>,
    batch_due: Option<Instant>,
    save_due: Option<Instant>,
}

/// A sample on its way that proves those before it.
struct Proof {
    mark: Mark,
    since: Instant,
    outcome: Awaited,
}

/// A batch on its way.
struct Sending {
    mark: Mark,
    /// The connection on which it was handed over.
    connection: u64,
    since: Instant,
    outcome: Awaited,
}

impl Courier {
    /// Makes a courier that takes up what an earlier run has left, and where its own remains will be found.
    #[must_use]
    pub fn new(
        route: Route,
        samples: mpsc::Receiver<Sample>,
        history: History,
        archive: Option<Archive>,
    ) -> (Self, oneshot::Receiver<Remains>) {
        let (leaves, remains) = oneshot::channel();
        let mut link = route.outbox.link();
        // The connection may already stand when this task first runs.
        link.mark_changed();
        let courier = Self {
            link,
            save_due: Some(Instant::now() + route.save_interval),
            route,
            samples,
            history,
            archive,
            leaves,
            connection: 0,
            proof: None,
            asked: None,
            batch: None,
            batch_due: None,
        };
        (courier, remains)
    }

    /// Carries until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            match pulse::rest(self.hear(&stop)).await {
                Heard::Stop => break,
                Heard::Sample(sample) => self.carry(&sample),
                Heard::Link => self.mind_the_link(),
                Heard::Proof(delivered) => self.prove(delivered),
                Heard::Batch(delivered) => self.finish_batch(delivered).await,
                Heard::BatchDue => self.send_batch().await,
                Heard::SaveDue => self.save().await,
            }
        }
        // What was taken last has not been carried.
        while let Ok(sample) = self.samples.try_recv() {
            self.history.keep(&sample);
        }
        let remains = Remains {
            connection: self.connection,
            batch: self.batch.map(|batch| batch.connection),
            history: self.history,
            archive: self.archive,
            clock: self.route.clock,
        };
        // A node that was dropped has no use for them.
        drop(self.leaves.send(remains));
    }

    async fn hear(&mut self, stop: &CancellationToken) -> Heard {
        let proof = async {
            match &mut self.proof {
                Some(proof) => proof.outcome.as_mut().await,
                None => std::future::pending().await,
            }
        };
        let batch = async {
            match &mut self.batch {
                Some(batch) => batch.outcome.as_mut().await,
                None => std::future::pending().await,
            }
        };
        let is_away = self.connection == 0;
        let save_due = self.save_due.filter(|_| is_away && self.archive.is_some());
        tokio::select! {
            biased;
            () = stop.cancelled() => Heard::Stop,
            // Before the link: an acknowledgement that came before a loss is one.
            delivered = proof => Heard::Proof(delivered),
            delivered = batch => Heard::Batch(delivered),
            Ok(()) = self.link.changed() => Heard::Link,
            Some(sample) = self.samples.recv() => Heard::Sample(sample),
            () = at(self.batch_due) => Heard::BatchDue,
            () = at(save_due) => Heard::SaveDue,
        }
    }

    /// Sends a sample if the broker is there, and keeps it otherwise.
    fn carry(&mut self, sample: &Sample) {
        if self.connection == 0 {
            self.history.keep(sample);
            return;
        }
        let has_gone = if self.is_proof_due() {
            self.send_as_proof(sample)
        } else {
            self.route
                .outbox
                .publish(self.message(sample, Qos::AtMostOnce))
        };
        match has_gone {
            Handover::Queued => self.history.note_sent(sample),
            Handover::QueueFull | Handover::Undeliverable | Handover::LinkDown => {
                self.history.keep(sample);
                self.batch_due.get_or_insert_with(|| Instant::now() + PAUSE);
            }
        }
        self.mind_the_silence();
    }

    fn is_proof_due(&self) -> bool {
        let is_due = self
            .asked
            .is_none_or(|asked| asked.elapsed() >= self.route.keep_alive);
        self.proof.is_none() && is_due
    }

    /// The sample's own mark comes after it: it is proven with those before it.
    fn send_as_proof(&mut self, sample: &Sample) -> Handover {
        let message = self.message(sample, Qos::AtLeastOnce);
        match self.route.outbox.publish_tracked(message) {
            Ok(delivery) => {
                let now = Instant::now();
                self.asked = Some(now);
                self.proof = Some(Proof {
                    mark: self.history.mark().next(),
                    since: now,
                    outcome: Box::pin(delivery.wait()),
                });
                Handover::Queued
            }
            Err(handover) => handover,
        }
    }

    fn message(&self, sample: &Sample, qos: Qos) -> Message {
        protocol::telemetry(&self.route.topics, &self.route.node, sample, qos)
    }

    /// A broker that acknowledges nothing for this long is not there any more.
    fn mind_the_silence(&mut self) {
        let batch = self
            .batch
            .as_ref()
            .filter(|batch| batch.connection == self.connection);
        let since = [
            self.proof.as_ref().map(|proof| proof.since),
            batch.map(|batch| batch.since),
        ];
        let longest = since.into_iter().flatten().min();
        if longest.is_some_and(|since| since.elapsed() >= self.route.keep_alive * PATIENCE) {
            debug!(
                connection = self.connection,
                "nothing is acknowledged; the link is taken for dead"
            );
            self.route.outbox.suspect(self.connection);
        }
    }

    fn mind_the_link(&mut self) {
        let connection = number(*self.link.borrow_and_update());
        if connection == self.connection {
            return;
        }
        // Also when another connection already stands.
        self.history.doubt();
        self.proof = None;
        self.asked = None;
        self.batch_due = None;
        if connection == 0 {
            self.save_due = Some(Instant::now() + self.route.save_interval);
        } else if self.history.kept() > 0 {
            self.batch_due = Some(Instant::now() + FIRST_PAUSE.mul_f64(fastrand::f64()));
        }
        self.connection = connection;
    }

    fn prove(&mut self, delivered: Delivered) {
        let Some(proof) = self.proof.take() else {
            return;
        };
        match delivered {
            Delivered::Acknowledged | Delivered::Refused if self.still_stands() => {
                self.history.prove(proof.mark);
            }
            // The link is lost, which is about to be heard.
            Delivered::Acknowledged | Delivered::Refused | Delivered::Unknown => {}
        }
    }

    /// Whether everything that was sent since the last loss was sent on the connection that stands: an acknowledgement that came
    /// by a later one proves nothing about the samples before.
    fn still_stands(&self) -> bool {
        self.connection != 0 && number(*self.link.borrow()) == self.connection
    }

    /// Sends the oldest samples that are kept, as many as the broker takes at a time.
    async fn send_batch(&mut self) {
        self.batch_due = None;
        if self.batch.is_some() || self.connection == 0 {
            return;
        }
        let Some((message, count)) = self.next_batch() else {
            return;
        };
        if let Some(archive) = &mut self.archive {
            archive.note_sending().await;
        }
        match self.route.outbox.publish_tracked(message) {
            Ok(delivery) => {
                self.history.begin(count);
                self.batch = Some(Sending {
                    mark: self.history.mark(),
                    connection: self.connection,
                    since: Instant::now(),
                    outcome: Box::pin(delivery.wait()),
                });
            }
            Err(Handover::QueueFull) => self.batch_due = Some(Instant::now() + PAUSE),
            // With the next connection.
            Err(Handover::Queued | Handover::Undeliverable | Handover::LinkDown) => {}
        }
    }

    /// The next batch as a message that the broker takes, and how many samples it has.
    fn next_batch(&mut self) -> Option<(Message, usize)> {
        let mut most = BATCH;
        loop {
            let mut batch = self.history.oldest(most)?;
            self.date(&mut batch);
            let count = batch.samples.len();
            let message = protocol::history(&self.route.topics, &self.route.node, &batch);
            if self.route.outbox.fits(&message) {
                return Some((message, count));
            }
            if count == 1 {
                warn!("the broker takes no packet as large as one sample; it is dropped");
                self.history.drop_oldest();
            }
            most = (count / 2).max(1);
        }
    }

    fn date(&self, batch: &mut Batch) {
        for sample in &mut batch.samples {
            sample.stamp.unix_ms = self.route.clock.date_of(&sample.stamp);
        }
    }

    async fn finish_batch(&mut self, delivered: Delivered) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        match delivered {
            Delivered::Acknowledged => {
                self.history.delivered();
                if batch.connection == self.connection && self.still_stands() {
                    self.history.prove(batch.mark);
                }
                if self.history.kept() == 0 {
                    info!("the samples taken while the broker was away have been delivered");
                    if let Some(archive) = &mut self.archive {
                        archive.clear().await;
                    }
                } else if let Some(archive) = &mut self.archive {
                    archive.outdate();
                }
            }
            Delivered::Refused => {
                // It would be refused again; the next connection may be to a broker that takes it.
                self.history.undelivered();
                return;
            }
            Delivered::Unknown => self.history.undelivered(),
        }
        if self.connection != 0 && self.history.kept() > 0 {
            self.batch_due = Some(Instant::now() + PAUSE);
        }
    }

    async fn save(&mut self) {
        self.save_due = Some(Instant::now() + self.route.save_interval);
        if let Some(archive) = &mut self.archive {
            archive.save(&mut self.history, &self.route.clock).await;
        }
    }
}

/// The connection's number; 0 when there is none.
pub(super) fn number(link: Link) -> u64 {
    match link {
        Link::Down => 0,
        Link::Up(connection) => connection,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
