//! Subscriptions for a moment: the broker tells what it keeps on their topics.

use rumqttc::{ClientError, QoS, SubscribeFilterInput, SubscribeNotice, SubscribeReasonCode};

use super::outbox::{Handover, Outbox};

/// Topics that were asked for, to be waited for.
#[derive(Debug)]
pub struct Question {
    topics: Vec<String>,
    notice: SubscribeNotice,
}

impl Question {
    /// Waits for the broker's answer: the topics that it has granted, and sends what it keeps of; `None` when the connection
    /// ended first.
    pub async fn answer(self) -> Option<Vec<String>> {
        let answer = self.notice.wait_async().await.ok()?;
        let topics = self.topics.into_iter().zip(answer.return_codes);
        let granted = topics.filter(|(_, code)| matches!(code, SubscribeReasonCode::Success(_)));
        Some(granted.map(|(topic, _)| topic).collect())
    }
}

impl Outbox {
    /// Asks for what the broker keeps on these topics, and for what is published there until they are
    /// [dismissed](Self::dismiss).
    ///
    /// # Errors
    ///
    /// Tells why nothing was asked.
    pub fn ask(&self, topics: Vec<String>) -> Result<Question, Handover> {
        self.may_name(&topics)?;
        // Of these the retain flag tells what was kept from what is said now.
        let filters = topics
            .iter()
            .map(|topic| SubscribeFilterInput::new(topic, QoS::AtMostOnce));
        let notice = self
            .client()
            .try_subscribe_many_tracked(filters)
            .map_err(|error| handover(&error))?;
        Ok(Question { topics, notice })
    }

    /// Wants nothing more of topics that were asked for.
    ///
    /// # Errors
    ///
    /// Tells why the broker was not told.
    pub fn dismiss(&self, topics: &[String]) -> Result<(), Handover> {
        self.may_name(topics)?;
        self.client()
            .try_unsubscribe_many(topics)
            .map_err(|error| handover(&error))
    }
}

fn handover(error: &ClientError) -> Handover {
    if matches!(error, ClientError::RequestChannelFull(_)) {
        Handover::QueueFull
    } else {
        Handover::Undeliverable
    }
}
