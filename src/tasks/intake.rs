//! From messages to orders: decoded where they arrive, answered at once when they are refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::renderer::Order;
use super::{Adjustment, Mirror, Responder, Tally};
use crate::clock::Clock;
use crate::light::board::Segment;
use crate::light::{Scenes, Setting};
use crate::mqtt::Inbound;
use crate::protocol::{
    self, Delivery, FRAME_WATCH_SECS, IDENTIFY_SECS, Leaf, Outcome, Reason, Refused, Rejection,
    Reply, TopicError, Topics,
};

/// The longest response topic that is kept until the answer, in bytes; a longer one gets none.
const RESPONSE_TOPIC_MAX: usize = 512;

/// The longest correlation data that are kept until the answer, in bytes; longer ones are left out.
const CORRELATION_MAX: usize = 256;

/// Takes in what arrives on the node's topics; runs inside the poll loop and never waits.
pub struct Intake {
    reader: Reader,
    clock: Clock,
    orders: mpsc::Sender<Order>,
    mirror: watch::Sender<Option<tokio::time::Instant>>,
    responder: Arc<Responder>,
    tally: Arc<Tally>,
}

/// Reads what is asked of a node; what one asks of many is read alike by each.
pub struct Reader {
    /// The topics of the node's root.
    pub topics: Topics,
    /// What commands are allowed.
    pub limits: Limits,
    /// The scenes of the node's stage.
    pub scenes: Arc<Scenes>,
}

/// What the configuration allows commands.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Whether `strobe` may flash more than three times a second.
    pub allow_fast_flashes: bool,
    /// The brightest any LED may get, in PWM steps.
    pub brightness_limit: u8,
}

/// What a message asks for.
#[derive(Debug)]
pub enum Wish {
    /// Something of the LEDs.
    Order(Order),
    /// The mirror of the frames, for this long.
    Watch(Duration),
}

impl Intake {
    /// Makes an intake that hands orders to the renderer, whose stage has the reader's scenes.
    #[must_use]
    pub fn new(
        reader: Reader,
        clock: Clock,
        orders: mpsc::Sender<Order>,
        mirror: watch::Sender<Option<tokio::time::Instant>>,
        responder: Arc<Responder>,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            reader,
            clock,
            orders,
            mirror,
            responder,
            tally,
        }
    }

    /// Takes in a message.
    pub fn take(&self, message: &Inbound<'_>) {
        let Some(read) = self.reader.read(message, self.clock.unix_millis()) else {
            return;
        };
        self.tally.count(|figures| figures.received += 1);
        let (reply, rejection) = match read {
            Ok(Wish::Order(order)) => match self.orders.try_send(order) {
                Ok(()) => return,
                Err(unsent) => {
                    let expected = "fewer commands at a time: the node's queue is full; send again";
                    (
                        unsent.into_inner().into_reply(),
                        Rejection::new(Reason::Busy, expected),
                    )
                }
            },
            Ok(Wish::Watch(duration)) => {
                self.mirror.send_replace(Mirror::until(duration));
                return;
            }
            Err(refused) => refused,
        };
        self.responder.answer(&reply, Outcome::Rejected(rejection));
    }
}

impl Reader {
    /// Reads a message that arrived at this time by the wall clock; `None` where nothing is asked, else what is, or why not and
    /// where the answer goes.
    #[must_use]
    pub fn read(
        &self,
        message: &Inbound<'_>,
        unix_millis: i64,
    ) -> Option<Result<Wish, (Reply, Rejection)>> {
        // An empty retained message is somebody who clears the topic, not a command.
        if message.retained && message.payload.is_empty() {
            return None;
        }
        let delivery = Delivery {
            retained: message.retained,
            unix_millis,
            allow_fast_flashes: self.limits.allow_fast_flashes,
        };
        let wish = match self.topics.parse(message.topic) {
            Ok((_, Leaf::LightSet(segment))) => self.set(segment, message, delivery),
            Ok((_, Leaf::Identify)) => self.identify(message),
            Ok((_, Leaf::FrameWatch)) => watch_frames(message),
            Ok((_, Leaf::SirenSet)) => self.siren(message, delivery),
            Ok((_, Leaf::SettingSet(setting))) => self.adjust(setting, message),
            Err(TopicError::UnknownSegment(name)) => Err(anonymous(Rejection::at(
                Reason::UnknownSegment,
                "topic",
                &name.into(),
                crate::light::board::UnknownSegment.to_string(),
            ))),
            Err(TopicError::UnknownSetting(name)) => Err(anonymous(Rejection::at(
                Reason::UnknownField,
                "topic",
                &name.into(),
                format!("one of {}", Setting::ALL.map(Setting::name).join(", ")),
            ))),
            Ok((
                _,
                Leaf::Availability
                | Leaf::Info
                | Leaf::Telemetry
                | Leaf::TelemetryHistory
                | Leaf::Health
                | Leaf::Frame
                | Leaf::LightResult
                | Leaf::LightState(_)
                | Leaf::SirenState
                | Leaf::Event
                | Leaf::SettingState(_),
            ))
            | Err(TopicError::Foreign) => {
                debug!(
                    topic = message.topic,
                    "a message on another topic was ignored"
                );
                return None;
            }
        };
        Some(wish.map_err(|Refused { id, rejection }| (self.reply(id, message), rejection)))
    }

    fn set(
        &self,
        segment: Segment,
        message: &Inbound<'_>,
        delivery: Delivery,
    ) -> Result<Wish, Refused> {
        let request = protocol::decode_set(segment, message.payload, delivery, &self.scenes)?;
        Ok(Wish::Order(Order::Set {
            command: Box::new(request.command),
            start_unix_millis: request.start_unix_millis,
            reply: self.reply(request.id, message),
            arrived: Instant::now(),
        }))
    }

    fn siren(&self, message: &Inbound<'_>, delivery: Delivery) -> Result<Wish, Refused> {
        let request = protocol::decode_siren(message.payload, delivery)?;
        let reply = self.reply(request.id, message);
        let arrived = Instant::now();
        Ok(Wish::Order(match request.siren {
            Some(siren) => Order::Set {
                command: Box::new(siren.command(request.from)),
                start_unix_millis: None,
                reply,
                arrived,
            },
            None => Order::Adjust {
                adjustment: Adjustment::Silence,
                reply,
                arrived,
            },
        }))
    }

    fn adjust(&self, setting: Setting, message: &Inbound<'_>) -> Result<Wish, Refused> {
        refuse_retained(message)?;
        let limit = self.limits.brightness_limit;
        let value = protocol::decode_setting(setting, message.payload, limit).map_err(anonymous)?;
        Ok(Wish::Order(Order::Adjust {
            adjustment: Adjustment::Set(setting, value),
            reply: self.reply(None, message),
            arrived: Instant::now(),
        }))
    }

    fn identify(&self, message: &Inbound<'_>) -> Result<Wish, Refused> {
        refuse_retained(message)?;
        let duration =
            protocol::decode_seconds(message.payload, IDENTIFY_SECS).map_err(anonymous)?;
        Ok(Wish::Order(Order::Identify {
            duration,
            reply: self.reply(None, message),
            arrived: Instant::now(),
        }))
    }

    fn reply(&self, id: Option<String>, message: &Inbound<'_>) -> Reply {
        // An answer on a command topic would come back as a command.
        let response_topic = message
            .response_topic
            .filter(|topic| self.topics.parse(topic) == Err(TopicError::Foreign))
            .filter(|topic| topic.len() <= RESPONSE_TOPIC_MAX);
        let correlation = message
            .correlation
            .filter(|data| data.len() <= CORRELATION_MAX);
        Reply {
            id,
            response_topic: response_topic.map(str::to_owned),
            correlation: correlation.map(<[u8]>::to_vec),
            assured: message.assured,
        }
    }
}

fn watch_frames(message: &Inbound<'_>) -> Result<Wish, Refused> {
    refuse_retained(message)?;
    let duration =
        protocol::decode_seconds(message.payload, FRAME_WATCH_SECS).map_err(anonymous)?;
    Ok(Wish::Watch(duration))
}

fn refuse_retained(message: &Inbound<'_>) -> Result<(), Refused> {
    if message.retained {
        return Err(anonymous(Rejection::retained()));
    }
    Ok(())
}

fn anonymous(rejection: Rejection) -> Refused {
    Refused {
        id: None,
        rejection,
    }
}
