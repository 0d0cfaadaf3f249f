//! Answers that the broker has not acknowledged.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rumqttc::{PublishNotice, PublishNoticeError, PublishResult};

use crate::protocol::Message;

/// The most answers that are kept: several times what the node can owe when a link breaks.
const ANSWERS: usize = 512;

/// The most bytes of them, 256 KiB: an answer has a few hundred.
const BYTES: usize = 256 * 1024;

/// What the library makes of a message that was handed to it.
type Notice = Pin<Box<dyn Future<Output = Result<PublishResult, PublishNoticeError>> + Send>>;

/// Why an answer was not handed over.
pub(super) enum NotTaken {
    /// There is no room at the moment.
    Full,
    /// The broker would never take it.
    Undeliverable,
}

struct Kept {
    message: Message,
    /// `None`: it is not with the library.
    notice: Option<Notice>,
    /// Whether it has been handed over before.
    again: bool,
}

/// Keeps each answer until the broker has acknowledged it, oldest first; one that a broken link may have swallowed is handed
/// over again.
///
/// When there is no room, an answer is refused; the caller counts it.
#[derive(Default)]
pub(super) struct Answers {
    kept: VecDeque<Kept>,
    bytes: usize,
    /// How many are not with the library.
    unsent: usize,
    repeated: u64,
}

impl Answers {
    /// Takes an answer in; false when there is no room for it.
    pub(super) fn keep(&mut self, message: Message) -> bool {
        let size = size(&message);
        if self.kept.len() >= ANSWERS || self.bytes + size > BYTES {
            return false;
        }
        self.bytes += size;
        self.unsent += 1;
        self.kept.push_back(Kept {
            message,
            notice: None,
            again: false,
        });
        true
    }

    /// Hands over what is not with the library, oldest first; how many can't be delivered and were dropped.
    pub(super) fn hand_over(
        &mut self,
        mut publish: impl FnMut(&Message) -> Result<PublishNotice, NotTaken>,
    ) -> u64 {
        let mut dropped = 0;
        let mut index = 0;
        while self.unsent > 0 && index < self.kept.len() {
            let answer = &mut self.kept[index];
            if answer.notice.is_some() {
                index += 1;
                continue;
            }
            match publish(&answer.message) {
                Ok(notice) => {
                    answer.notice = Some(Box::pin(notice.wait_async()));
                    self.repeated += u64::from(answer.again);
                    answer.again = true;
                    self.unsent -= 1;
                    index += 1;
                }
                Err(NotTaken::Full) => break,
                Err(NotTaken::Undeliverable) => {
                    self.forget(index);
                    self.unsent -= 1;
                    dropped += 1;
                }
            }
        }
        dropped
    }

    /// Forgets what has been acknowledged, from the oldest up to the first that has not.
    pub(super) fn settle(&mut self) {
        while let Some(oldest) = self.kept.front_mut() {
            match ask(&mut oldest.notice) {
                Some(Ok(_)) => self.forget(0),
                Some(Err(_)) => {
                    self.unsent += 1;
                    return;
                }
                None => return,
            }
        }
    }

    /// The link is gone, and nothing is with the library any more: what was not acknowledged has to be handed over again.
    pub(super) fn recover(&mut self) {
        let mut index = 0;
        while let Some(answer) = self.kept.get_mut(index) {
            match ask(&mut answer.notice) {
                Some(Ok(_)) => self.forget(index),
                Some(Err(_)) => {
                    self.unsent += 1;
                    index += 1;
                }
                None => index += 1,
            }
        }
    }

    /// How many were handed over more than once: a client may see such an answer twice.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated
    }

    fn forget(&mut self, index: usize) {
        if let Some(answer) = self.kept.remove(index) {
            self.bytes -= size(&answer.message);
        }
    }
}

/// What became of a message, without waiting; the notice is taken away once it has told.
fn ask(notice: &mut Option<Notice>) -> Option<Result<PublishResult, PublishNoticeError>> {
    let mut context = Context::from_waker(Waker::noop());
    match notice.as_mut()?.as_mut().poll(&mut context) {
        Poll::Ready(told) => {
            *notice = None;
            Some(told)
        }
        Poll::Pending => None,
    }
}

fn size(message: &Message) -> usize {
    message.topic.len()
        + message.payload.len()
        + message.correlation.as_ref().map_or(0, Vec::len)
        + size_of::<Kept>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Qos;

    fn message(text: &str) -> Message {
        Message {
            topic: "t".to_owned(),
            payload: text.as_bytes().to_vec(),
            qos: Qos::AtLeastOnce,
            retain: false,
            expiry: None,
            correlation: None,
        }
    }

    #[test]
    fn room_is_bounded_in_number_and_in_bytes() {
        let mut answers = Answers::default();
        let taken = (0..ANSWERS + 7)
            .filter(|_| answers.keep(message("x")))
            .count();
        assert_eq!(taken, ANSWERS);
        let mut answers = Answers::default();
        let long = "x".repeat(4096);
        let taken = (0..ANSWERS)
            .filter(|_| answers.keep(message(&long)))
            .count();
        assert!(taken < BYTES / 4096, "{taken}");
        assert!(answers.bytes <= BYTES);
    }

    #[test]
    fn what_is_never_taken_is_dropped_and_what_is_not_taken_yet_is_kept() {
        let mut answers = Answers::default();
        for text in ["a", "b", "c"] {
            assert!(answers.keep(message(text)));
        }
        let mut offered = Vec::new();
        let dropped = answers.hand_over(|message| {
            offered.push(message.payload.clone());
            Err(if message.payload == b"b" {
                NotTaken::Full
            } else {
                NotTaken::Undeliverable
            })
        });
        assert_eq!((dropped, answers.kept.len(), answers.unsent), (1, 2, 2));
        assert_eq!(offered, [b"a", b"b"]);
        assert_eq!(answers.hand_over(|_| Err(NotTaken::Undeliverable)), 2);
        assert_eq!((answers.bytes, answers.unsent), (0, 0));
    }
}
