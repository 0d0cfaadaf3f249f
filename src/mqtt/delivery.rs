//! What became of a message that was handed over.

use rumqttc::{PublishNotice, PublishNoticeError};

/// A message on its way, to be waited for.
#[derive(Debug)]
pub struct Delivery(PublishNotice);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// The broker has acknowledged it. It has read everything that was handed over on the same connection before.
    Acknowledged,
    /// The broker has read it, and everything before it, and does not take it; the log says why.
    Refused,
    /// Nobody knows: the session ended first.
    Unknown,
}

impl Delivery {
    pub(super) fn new(notice: PublishNotice) -> Self {
        Self(notice)
    }

    /// Waits until it is known; a connection that is lost and resumed may lie between.
    pub async fn wait(self) -> Delivered {
        match self.0.wait_completion_async().await {
            Ok(()) => Delivered::Acknowledged,
            Err(
                PublishNoticeError::V5PubAck(_)
                | PublishNoticeError::V5PubRec(_)
                | PublishNoticeError::V5PubComp(_),
            ) => Delivered::Refused,
            Err(_) => Delivered::Unknown,
        }
    }
}
