//! What is known of one node.

use std::sync::Arc;

use super::gaps::Came;
use super::history::History;
use super::words::Words;
use crate::protocol::{Card, LightReading};

/// What has changed since it was last told, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Changes(u16);

impl Changes {
    pub(super) const AVAILABILITY: Self = Self(1);
    pub(super) const STALE: Self = Self(1 << 1);
    pub(super) const CARD: Self = Self(1 << 2);
    pub(super) const PANEL: Self = Self(1 << 3);
    pub(super) const LIGHT: Self = Self(1 << 4);
    pub(super) const HOT: Self = Self(1 << 5);
    pub(super) const THROTTLED: Self = Self(1 << 6);
    pub(super) const SAMPLE: Self = Self(1 << 7);
    pub(super) const ALL: Self = Self(0xff);
    /// What is told in a row; samples have their own, shorter form.
    pub(super) const ROW: Self = Self(0x7f);

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// The longest part of a self-description that is kept for a node alone, and the longest sample and health, in bytes.
pub(super) const KEPT_MAX: usize = 4096;

/// What is known of one node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: Arc<str>,
    /// Whether it is shown: it has said whether it is there, or sent a sample.
    pub(super) is_listed: bool,
    /// Whether it ever said whether it is there.
    pub(super) is_introduced: bool,
    pub(super) is_online: bool,
    /// When it came or went, as far as that was seen.
    pub(super) since: Option<i64>,
    /// When it was last heard of, or since when it is waited for.
    pub(super) heard: i64,
    /// The connection to the broker in which it was last heard of or asked for.
    pub(super) generation: u64,
    /// What came of it in that connection.
    pub(super) came: Came,
    /// How often the rest was asked for,
    pub(super) asked: u8,
    /// and when it may be asked for next.
    pub(super) ask_at: i64,
    pub(super) is_stale: bool,
    pub(super) is_hot: bool,
    pub(super) throttled: Option<bool>,
    /// When the newest sample came.
    pub(super) at: Option<i64>,
    /// Load, temperature, memory.
    pub(super) values: [Option<f32>; 3],
    /// Which run the sequence belongs to, hashed.
    pub(super) run: u64,
    pub(super) sequence: Option<u64>,
    pub(super) card: Option<NodeCard>,
    pub(super) panel: Option<Arc<str>>,
    pub(super) light: Option<Box<Light>>,
    /// Effect speed and brightness limit.
    pub(super) settings: [Option<u16>; 2],
    /// The newest sample and health as published.
    pub(super) sample: Vec<u8>,
    pub(super) health: Box<[u8]>,
    pub(super) history: Box<History>,
    pub(super) changes: Changes,
}

/// What is kept of a self-description.
#[derive(Debug, PartialEq)]
pub(super) struct NodeCard {
    /// The hash of the payload, by which a repetition is recognised.
    pub(super) hash: u64,
    pub(super) groups: Vec<Arc<str>>,
    pub(super) version: Arc<str>,
    pub(super) model: Option<Arc<str>>,
    pub(super) interval_secs: Option<u16>,
    /// What this node alone says, and what many say; `None` when there was no room.
    pub(super) own: Box<str>,
    pub(super) shared: Option<Arc<str>>,
}

impl NodeCard {
    /// Keeps what is new of a card.
    pub(super) fn keep(card: &Card, hash: u64, words: &mut Words, shapes: &mut Words) -> Self {
        let mut keep = |text: &str| words.keep(text).unwrap_or_default();
        Self {
            hash,
            groups: card
                .groups
                .iter()
                .map(|group| keep(group.as_str()))
                .collect(),
            version: keep(&card.version),
            model: card.model.as_deref().map(keep),
            interval_secs: card.interval_secs,
            own: if card.own.len() <= KEPT_MAX {
                card.own.as_str().into()
            } else {
                "".into()
            },
            shared: shapes.keep(&card.shared),
        }
    }
}

/// What the whole board is set to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Light {
    pub(super) is_on: bool,
    pub(super) is_alert: bool,
    pub(super) brightness: u8,
    pub(super) effect: Option<Arc<str>>,
    pub(super) color: Option<[u8; 3]>,
    pub(super) leds: Option<[u8; 18]>,
    pub(super) layer: Arc<str>,
    pub(super) from: Option<Arc<str>>,
    pub(super) until: Option<i64>,
}

impl Light {
    pub(super) fn keep(reading: &LightReading, words: &mut Words) -> Self {
        let mut keep = |text: &str| words.keep(text).unwrap_or_default();
        Self {
            is_on: reading.is_on,
            is_alert: reading.is_alert(),
            brightness: reading.brightness,
            effect: reading.effect.as_deref().map(&mut keep),
            color: reading.color,
            leds: reading.leds,
            layer: keep(&reading.layer),
            from: reading.from.as_deref().map(keep),
            until: reading.until,
        }
    }
}

impl Node {
    pub(super) fn new(id: Arc<str>, now: i64) -> Self {
        Self {
            id,
            is_listed: false,
            is_introduced: false,
            is_online: false,
            since: None,
            heard: now,
            generation: 0,
            came: Came::default(),
            asked: 0,
            ask_at: 0,
            is_stale: false,
            is_hot: false,
            throttled: None,
            at: None,
            values: [None; 3],
            run: 0,
            sequence: None,
            card: None,
            panel: None,
            light: None,
            settings: [None; 2],
            sample: Vec::new(),
            health: Box::default(),
            history: Box::default(),
            changes: Changes::default(),
        }
    }

    pub(super) fn is_alert(&self) -> bool {
        self.light.as_ref().is_some_and(|light| light.is_alert)
    }

    pub(super) fn interval_secs(&self) -> Option<u16> {
        self.card.as_ref().and_then(|card| card.interval_secs)
    }

    pub(super) fn is_in(&self, group: &str) -> bool {
        let groups = self.card.as_ref().map(|card| card.groups.as_slice());
        groups.is_some_and(|groups| groups.iter().any(|of| **of == *group))
    }

    /// Whether its numbers are of this moment.
    pub(super) fn is_live(&self) -> bool {
        self.is_online && !self.is_stale && self.at.is_some()
    }
}
