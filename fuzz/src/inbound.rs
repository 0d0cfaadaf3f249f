//! Messages as they arrive: a byte of flags and the topic, the payload, the response topic, the correlation data.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use piglow_node::clock::Clock;
use piglow_node::config::{Broker, Tls};
use piglow_node::light::Scenes;
use piglow_node::mqtt::{self, Inbound};
use piglow_node::protocol::{Outcome, Reply, TopicError, Topics};
use piglow_node::tasks::{Intake, Limits, Order, Reader, Responder, Tally};
use piglow_node::units::NodeId;
use tokio::sync::{mpsc, watch};

use super::command::check_answer;
use super::{BETWEEN, part};

/// Lets a message in; whatever it is, it is obeyed once, answered once, or ignored.
pub fn run(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == BETWEEN);
    let Some((flags, topic)) = part(&mut parts).split_first() else {
        return;
    };
    // The session hands on no other.
    let Ok(topic) = std::str::from_utf8(topic) else {
        return;
    };
    let payload = part(&mut parts);
    let response_topic = std::str::from_utf8(part(&mut parts)).ok();
    let correlation = part(&mut parts);
    HOUSE.with_borrow_mut(|house| {
        house.take(&Inbound {
            topic,
            payload,
            retained: flags & 1 != 0,
            assured: flags & 8 != 0,
            response_topic: response_topic.filter(|_| flags & 2 != 0),
            correlation: Some(correlation).filter(|_| flags & 4 != 0),
        });
    });
}

thread_local! {
    static HOUSE: RefCell<House> = RefCell::new(House::new());
}

/// An intake and all that it leads to.
struct House {
    intake: Intake,
    topics: Topics,
    node: NodeId,
    orders: mpsc::Receiver<Order>,
    mirror: watch::Receiver<Option<tokio::time::Instant>>,
    answers: watch::Receiver<Option<piglow_node::tasks::Answer>>,
    tally: Arc<Tally>,
}

impl House {
    fn new() -> Self {
        let topics = Topics::new("piglow".parse().expect("a root"));
        let node: NodeId = "pi".parse().expect("a node");
        // Nothing is connected before it runs, and what is published without a link is dropped.
        let (outbox, _session) = mqtt::open(mqtt::Settings {
            brokers: vec![Broker {
                url: "mqtt://127.0.0.1:1".parse().expect("a URL"),
                credentials: None,
            }],
            return_to_first: false,
            homing_interval: mqtt::HOMING_INTERVAL,
            client_id: "fuzz".to_owned(),
            keep_alive: Duration::from_secs(15),
            session_expiry: Duration::ZERO,
            tls: Tls::default(),
            will: None,
            filters: Vec::new(),
            loose_filters: Vec::new(),
        })
        .expect("a session");
        let tally: Arc<Tally> = Arc::default();
        let responder = Responder::new(topics.clone(), node.clone(), outbox, Arc::clone(&tally));
        let answers = responder.last();
        let (sender, orders) = mpsc::channel(4);
        let (watcher, mirror) = watch::channel(None);
        let reader = Reader {
            topics: topics.clone(),
            limits: Limits {
                allow_fast_flashes: false,
                brightness_limit: 48,
            },
            scenes: Arc::<Scenes>::default(),
        };
        let intake = Intake::new(
            reader,
            Clock::start(),
            sender,
            watcher,
            Arc::new(responder),
            Arc::clone(&tally),
        );
        Self {
            intake,
            topics,
            node,
            orders,
            mirror,
            answers,
            tally,
        }
    }

    fn take(&mut self, message: &Inbound<'_>) {
        let received = self.tally.figures().received;
        self.intake.take(message);
        let received = self.tally.figures().received - received;
        let mut outcomes = 0;
        while let Ok(order) = self.orders.try_recv() {
            assert!(
                !message.retained,
                "a retained message was obeyed: {order:?}"
            );
            let (Order::Set { reply, .. }
            | Order::Identify { reply, .. }
            | Order::Adjust { reply, .. }) = &order;
            self.check_reply(reply);
            outcomes += 1;
        }
        if self.mirror.has_changed().expect("the intake lives") {
            assert!(!message.retained, "a retained message was obeyed");
            self.mirror.mark_unchanged();
            outcomes += 1;
        }
        if self.answers.has_changed().expect("the responder lives") {
            let answer = self.answers.borrow_and_update().clone().expect("an answer");
            assert!(matches!(answer.outcome, Outcome::Rejected(_)), "{answer:?}");
            let reply = Reply {
                id: answer.id,
                ..Reply::default()
            };
            check_answer(&self.topics, &self.node, &reply, &answer.outcome);
            outcomes += 1;
        }
        assert!(received <= 1, "counted {received} times");
        assert_eq!(
            outcomes, received,
            "a message counted {received} times had {outcomes} outcomes"
        );
    }

    /// What is kept until the answer is bounded, and no answer is a command.
    fn check_reply(&self, reply: &Reply) {
        assert!(
            reply.id.as_ref().is_none_or(|id| id.len() <= 128),
            "{reply:?}"
        );
        assert!(
            reply
                .correlation
                .as_ref()
                .is_none_or(|data| data.len() <= 256),
            "{reply:?}"
        );
        if let Some(topic) = &reply.response_topic {
            assert!(topic.len() <= 512, "{reply:?}");
            assert_eq!(
                self.topics.parse(topic),
                Err(TopicError::Foreign),
                "{reply:?}"
            );
        }
    }
}
