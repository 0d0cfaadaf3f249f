//! What the broker keeps of the nodes and has not come: it is asked for by topic, and what came before it is not believed.
//!
//! A new subscriber gets what is retained all at once. Mosquitto drops a part of that for large fleets, and RabbitMQ gives it only
//! to who names the topic in full.

use super::Registry;
use super::node::{Changes, Node};
use crate::protocol::{Address, KEPT, Leaf, Topics};
use crate::units::NodeId;

/// How often the same is asked for in a connection: a node that has nothing retained causes no endless traffic.
const ASKED_MAX: u8 = 3;

/// After the first time and after the second, in milliseconds.
const PAUSES: [i64; 2] = [3_000, 15_000];

/// How long a node that has just been heard of is left to tell the rest by itself, in milliseconds.
pub(super) const GRACE: i64 = 3_000;

/// What has come of a node since the connection began, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Came(u16);

impl Came {
    /// All of [`KEPT`], a bit each in that order.
    const ALL: Self = Self((1 << KEPT.len()) - 1);
    /// The first of them,
    pub(super) const AVAILABILITY: Self = Self(1);
    /// and the others.
    pub(super) const REST: Self = Self::ALL.without(Self::AVAILABILITY);
    pub(super) const LIGHT: Self = Self(1 << 1);
    pub(super) const HEALTH: Self = Self(1 << 2);
    pub(super) const EFFECT_SPEED: Self = Self(1 << 3);
    pub(super) const BRIGHTNESS_LIMIT: Self = Self(1 << 4);
    /// A sample, which is never kept.
    pub(super) const SAMPLE: Self = Self(1 << 8);
    /// A word that came or went, said while the dashboard listened.
    pub(super) const NEWS: Self = Self(1 << 9);
    /// The broker keeps an old word: the node is at another one of a cluster whose brokers keep each their own.
    pub(super) const OUTDATED: Self = Self(1 << 10);
    /// Other brokers were asked for it.
    pub(super) const ELSEWHERE: Self = Self(1 << 11);
    /// The other broker that is being asked says that it is there.
    pub(super) const THERE: Self = Self(1 << 12);
    /// Whether it is there, from whatever was heard.
    const PRESENCE: Self = Self::AVAILABILITY.with(Self::SAMPLE);

    /// The bit of a leaf; none for what is not kept.
    pub(super) fn of(leaf: Leaf) -> Self {
        let place = KEPT.iter().position(|kept| *kept == leaf);
        place.map_or(Self(0), |place| Self(1 << place))
    }

    /// Whether any of these is there.
    pub(super) const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    /// Whether all but its availability has come.
    pub(super) fn has_rest(self) -> bool {
        Self::REST.without(self) == Self::default()
    }

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The topics of a node for these.
    pub(super) fn topics(self, topics: &Topics, id: &str) -> Vec<String> {
        let Ok(id) = id.parse::<NodeId>() else {
            return Vec::new();
        };
        let address = Address::Node(id);
        let leaves = KEPT.into_iter().filter(|leaf| self.has(Self::of(*leaf)));
        leaves.map(|leaf| topics.build(&address, leaf)).collect()
    }
}

/// When what is missing is looked for; in milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Until when the broker is left to send what it keeps.
    pub(super) flood_ends: Option<i64>,
    /// When something may be missing that is to be asked for.
    due: Option<i64>,
    /// Whether something may be missing that this broker has not.
    pub(super) elsewhere: bool,
}

impl Search {
    /// A connection has begun, or ended.
    pub(super) fn begin(&mut self, flood_ends: Option<i64>) {
        *self = Self {
            flood_ends,
            due: flood_ends,
            elsewhere: false,
        };
    }

    /// Something may be missing, and is due then.
    pub(super) fn by(&mut self, due: i64) {
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }
}

impl Node {
    /// Begins with a connection; whether it had not yet.
    pub(super) fn begin(&mut self, generation: u64, ask_at: i64) -> bool {
        if self.generation == generation {
            return false;
        }
        self.generation = generation;
        self.came = Came::default();
        self.asked = 0;
        self.ask_at = ask_at;
        true
    }

    /// Whether it is known to be there or not, by what came in this connection.
    pub(super) fn is_accounted_for(&self, generation: u64) -> bool {
        self.generation == generation && self.came.has(Came::PRESENCE)
    }

    /// What is to be asked for: whether it is there, and the rest when the broker has an answer to that. Each topic costs a cluster
    /// a transaction.
    fn missing(&self) -> Came {
        if self.came.has(Came::OUTDATED) || self.asked >= ASKED_MAX {
            Came::default()
        } else if self.came.has(Came::AVAILABILITY) {
            Came::ALL.without(self.came)
        } else {
            Came::AVAILABILITY
        }
    }

    /// Whether this broker has no word of a node that is heard, or an old one: another one of a cluster may have it.
    pub(super) fn may_be_elsewhere(&self) -> bool {
        let has_no_word = self.asked > 1 && !self.came.has(Came::AVAILABILITY);
        let is_heard = self.came.has(Came::SAMPLE) && !self.came.has(Came::ELSEWHERE);
        is_heard && (has_no_word || self.came.has(Came::OUTDATED))
    }

    /// It is shown as live from here on: what it said before this connection and has not come again may have changed meanwhile.
    pub(super) fn forget_what_has_not_come(&mut self) -> Changes {
        let mut changes = Changes::default();
        if !self.came.has(Came::LIGHT) && self.light.take().is_some() {
            changes = changes.with(Changes::LIGHT);
        }
        if !self.came.has(Came::HEALTH) {
            self.health = Box::default();
            if self.panel.take().is_some() {
                changes = changes.with(Changes::PANEL);
            }
        }
        for (setting, bit) in self
            .settings
            .iter_mut()
            .zip([Came::EFFECT_SPEED, Came::BRIGHTNESS_LIMIT])
        {
            if !self.came.has(bit) {
                *setting = None;
            }
        }
        changes
    }
}

impl Registry {
    /// Notes that something of a node has come that the broker keeps.
    pub(super) fn note_arrival(&mut self, now: i64, id: &str, leaf: Leaf) {
        let came = Came::of(leaf);
        if came == Came::default() {
            return;
        }
        let generation = self.link.generation;
        if let Some(node) = self.nodes.get_mut(id) {
            if node.begin(generation, now + GRACE) {
                self.search.by(now + GRACE);
            }
            let is_answer = came == Came::AVAILABILITY && !node.came.has(came) && node.asked > 0;
            node.came = node.came.with(came);
            if is_answer {
                node.asked = 0;
                node.ask_at = now;
                self.search.by(now);
            }
        }
    }

    /// What the broker keeps of a node can't be right: all of it is asked for again.
    pub(super) fn doubt(&mut self, now: i64, id: &str) -> Changes {
        let Some(node) = self.nodes.get_mut(id) else {
            return Changes::default();
        };
        node.came = Came::SAMPLE;
        node.asked = 0;
        node.ask_at = now + GRACE;
        self.search.by(now + GRACE);
        node.forget_what_has_not_come()
    }

    /// The topics that are missing and due, about so many, to be asked for: none while nothing is, which costs nothing.
    pub fn missing(&mut self, now: i64, count: usize) -> Vec<String> {
        let is_calm = self.link.connected && self.search.flood_ends.is_none();
        if !is_calm || self.search.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let generation = self.link.generation;
        let mut topics = Vec::new();
        self.search.due = None;
        for node in self.nodes.values_mut() {
            node.begin(generation, now);
            let missing = node.missing();
            if missing == Came::default() {
                continue;
            }
            if node.ask_at > now {
                self.search.by(node.ask_at);
                continue;
            }
            if topics.len() + missing.count() > count {
                self.search.by(now);
                break;
            }
            topics.extend(missing.topics(&self.rules.topics, &node.id));
            let pause = PAUSES.get(usize::from(node.asked));
            node.asked += 1;
            self.search.elsewhere |= node.may_be_elsewhere();
            if let Some(pause) = pause {
                node.ask_at = now + pause;
                self.search.by(node.ask_at);
            }
        }
        self.tally.asked += topics.len() as u64;
        topics
    }
}

#[cfg(test)]
mod tests;
