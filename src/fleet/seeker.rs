//! Asks the broker for what it keeps of the nodes and has not sent, topic by topic.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::hub::Shared;
use crate::mqtt::{Link, Outbox};
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

/// Looks once a second, and asks for what is missing.
pub(super) async fn seek(hub: Shared, outbox: Outbox, stop: CancellationToken) {
    let mut seeker = Seeker {
        hub,
        outbox,
        breaks: Breaks::default(),
        connection: Link::Down,
        granted: Vec::new(),
    };
    loop {
        let pause = stop.run_until_cancelled(sleep(LOOK));
        if pulse::rest(pause).await.is_none() {
            return;
        }
        if seeker.breaks.are_too_many() {
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
struct Breaks(u8);

impl Breaks {
    /// After so many nothing is asked any more.
    const MAX: u8 = 2;

    fn note(&mut self) {
        self.0 += 1;
        if self.are_too_many() {
            warn!(
                "the broker ends the connection when it is asked for what it keeps; it is not asked any more"
            );
        }
    }

    const fn are_too_many(&self) -> bool {
        self.0 >= Self::MAX
    }
}

struct Seeker {
    hub: Shared,
    outbox: Outbox,
    breaks: Breaks,
    /// The connection in which it was asked last.
    connection: Link,
    /// What was asked for and is still listened to, in batches.
    granted: Vec<Vec<String>>,
}

impl Seeker {
    /// Asks for everything that is due.
    async fn round(&mut self) {
        let mut asked = 0;
        loop {
            let link = *self.outbox.link().borrow();
            if link != self.connection {
                // The broker knows nothing of what was asked in another one.
                self.granted.clear();
            }
            let topics = self.hub.registry().missing(self.hub.now(), ROUND);
            if topics.is_empty() {
                break;
            }
            if std::mem::replace(&mut self.connection, link) != link {
                info!("the broker has not sent all that it keeps; it is asked for the rest");
            }
            asked += topics.len();
            for batch in topics.chunks(BATCH) {
                if !self.ask(batch).await {
                    return;
                }
            }
        }
        if asked > 0 {
            debug!(topics = asked, "asked for");
        }
        if !self.granted.is_empty() {
            sleep(LINGER).await;
            self.dismiss(0);
        }
    }

    /// Asks for these; whether to go on.
    async fn ask(&mut self, topics: &[String]) -> bool {
        let question = match self.outbox.ask(topics.to_vec()) {
            Ok(question) => question,
            Err(reason) => {
                debug!(?reason, topics = topics.len(), "not asked for");
                return false;
            }
        };
        match timeout(ANSWER, question.answer()).await {
            Ok(Some(granted)) => {
                self.breaks = Breaks::default();
                self.granted.push(granted);
            }
            Ok(None) => {
                self.breaks.note();
                return false;
            }
            // It may grant them yet.
            Err(_) => self.granted.push(topics.to_vec()),
        }
        self.dismiss(1);
        true
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
    fn two_connections_that_a_question_ended_are_too_many_and_one_is_not() {
        let mut breaks = Breaks::default();
        breaks.note();
        assert!(!breaks.are_too_many());
        breaks.note();
        assert!(breaks.are_too_many());
    }
}
