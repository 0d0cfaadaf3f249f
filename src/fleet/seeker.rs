//! Asks the broker for what it keeps of the nodes and has not sent, topic by topic; and the other brokers for what it has not.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::hub::Shared;
use crate::mqtt::{self, Link, Outbox};
use crate::pulse;

/// Between two looks at what is missing.
const LOOK: Duration = Duration::from_secs(1);

/// The topics of a packet: with a self-description of 9 kB for each, less than any broker lets wait for a client.
const BATCH: usize = 64;

/// What is looked up at a time.
const ROUND: usize = 16 * BATCH;

/// How long the broker may take for an answer before the next batch is asked for all the same.
const ANSWER: Duration = Duration::from_secs(2);

/// How long topics are listened to after the answer: some brokers send what they keep a moment later.
const LINGER: Duration = Duration::from_secs(1);

/// How long another broker may take to let the dashboard in.
const ENTRY: Duration = Duration::from_secs(5);

/// A broker that is not the one in use: where it is, and a session with it that listens to nothing.
pub(super) struct Other {
    pub(super) place: String,
    pub(super) settings: mqtt::Settings,
}

/// Looks once a second, and asks for what is missing.
pub(super) async fn seek(hub: Shared, outbox: Outbox, others: Vec<Other>, stop: CancellationToken) {
    let mut seeker = Seeker {
        hub,
        asker: Asker::new(outbox),
        others,
        breaks: Breaks::default(),
        connection: Link::Down,
    };
    loop {
        let pause = stop.run_until_cancelled(sleep(LOOK));
        if pulse::rest(pause).await.is_none() {
            return;
        }
        if !seeker.breaks.allow(Instant::now()) {
            continue;
        }
        let round = stop.run_until_cancelled(seeker.round());
        if pulse::rest(round).await.is_none() {
            return;
        }
    }
}

/// Connections that ended while a question was open, one after the other: there are brokers that end the connection of who asks for
/// what he may not read.
#[derive(Debug, Default)]
struct Breaks {
    count: u8,
    last: Option<Instant>,
}

impl Breaks {
    /// After so many nothing is asked,
    const MAX: u8 = 2;
    /// for this long.
    const REST: Duration = Duration::from_secs(600);

    fn note(&mut self, now: Instant) {
        self.count += 1;
        self.last = Some(now);
        if self.count == Self::MAX {
            warn!(
                pause_secs = Self::REST.as_secs(),
                "the broker ends the connection when it is asked for what it keeps; it is left alone for a while"
            );
        }
    }

    /// Whether it may be asked; after the rest everything begins anew.
    fn allow(&mut self, now: Instant) -> bool {
        if self.last.is_some_and(|last| now - last >= Self::REST) {
            *self = Self::default();
        }
        self.count < Self::MAX
    }
}

struct Seeker {
    hub: Shared,
    asker: Asker,
    others: Vec<Other>,
    breaks: Breaks,
    /// The connection in which it was asked last.
    connection: Link,
}

impl Seeker {
    /// Asks for everything that is due.
    async fn round(&mut self) {
        loop {
            let link = *self.asker.outbox.link().borrow();
            if link != self.connection {
                // The broker knows nothing of what was asked in another one.
                self.asker.granted.clear();
            }
            let topics = self.hub.registry().missing(self.hub.now(), ROUND);
            if topics.is_empty() {
                break;
            }
            if std::mem::replace(&mut self.connection, link) != link {
                info!("the broker has not sent all that it keeps; it is asked for the rest");
            }
            match self.asker.ask_all(&topics).await {
                Asked::All => self.breaks = Breaks::default(),
                Asked::Ended => return self.breaks.note(Instant::now()),
                Asked::Later => return,
            }
        }
        self.asker.finish().await;
        if self.others.is_empty() {
            return;
        }
        let topics = self.hub.registry().missing_elsewhere(ROUND);
        if topics.is_empty() {
            return;
        }
        for other in &self.others {
            if other.place != self.asker.outbox.broker() {
                self.ask_elsewhere(other, &topics).await;
            }
        }
    }

    /// Asks another broker, in a session for this alone.
    async fn ask_elsewhere(&self, other: &Other, topics: &[String]) {
        let (outbox, session) = match mqtt::open(other.settings.clone()) {
            Ok(opened) => opened,
            Err(error) => {
                warn!(%error, broker = other.place, "not asked for what it keeps");
                return;
            }
        };
        let talk = session.run(CancellationToken::new(), |message| {
            self.hub.take_elsewhere(&message);
        });
        let ask = async {
            let mut link = outbox.link();
            let entry = link.wait_for(|link| *link != Link::Down);
            if timeout(ENTRY, entry).await.is_err() {
                return;
            }
            let mut asker = Asker::new(outbox.clone());
            if asker.ask_all(topics).await == Asked::All {
                sleep(LINGER).await;
                let rest = self.hub.registry().missing_there();
                if asker.ask_all(&rest).await == Asked::All {
                    sleep(LINGER).await;
                }
            }
            outbox.disconnect();
            // The session ends by that.
            sleep(ANSWER).await;
        };
        tokio::select! {
            () = talk => {}
            () = ask => {}
        }
        self.hub.registry().leave_elsewhere();
    }
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Everything was asked.
    All,
    /// The connection ended before the answer.
    Ended,
    /// Something could not be handed over.
    Later,
}

/// Asks one broker.
struct Asker {
    outbox: Outbox,
    /// What was asked for and is still listened to, in batches.
    granted: Vec<Vec<String>>,
}

impl Asker {
    fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            granted: Vec::new(),
        }
    }

    /// Asks for these, a batch after the answer to the one before.
    async fn ask_all(&mut self, topics: &[String]) -> Asked {
        for batch in topics.chunks(BATCH) {
            let question = match self.outbox.ask(batch.to_vec()) {
                Ok(question) => question,
                Err(reason) => {
                    debug!(?reason, "not asked for");
                    return Asked::Later;
                }
            };
            match timeout(ANSWER, question.answer()).await {
                Ok(Some(granted)) => self.granted.push(granted),
                Ok(None) => return Asked::Ended,
                // It may grant them yet.
                Err(_) => self.granted.push(batch.to_vec()),
            }
            self.dismiss(1);
        }
        Asked::All
    }

    /// Listens for another moment, if anything was asked for.
    async fn finish(&mut self) {
        if !self.granted.is_empty() {
            sleep(LINGER).await;
            self.dismiss(0);
        }
    }

    /// Listens no longer to what was asked for, but to so many batches.
    fn dismiss(&mut self, kept: usize) {
        while self.granted.len() > kept {
            let topics = &self.granted[0];
            if !topics.is_empty() && self.outbox.dismiss(topics).is_err() {
                // It is tried again with the next; until then what changes there comes twice, which does no harm.
                return;
            }
            self.granted.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_connections_that_a_question_ended_are_enough_for_a_while_and_one_is_not() {
        let (mut breaks, now) = (Breaks::default(), Instant::now());
        breaks.note(now);
        assert!(breaks.allow(now));
        breaks.note(now);
        assert!(!breaks.allow(now));
        assert!(!breaks.allow(now + Breaks::REST - Duration::from_secs(1)));
        assert!(breaks.allow(now + Breaks::REST));
    }
}
