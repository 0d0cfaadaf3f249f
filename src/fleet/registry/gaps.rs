//! What the broker keeps of the nodes and has not come: it is asked for by topic, and what came before it is not believed.
//!
//! A new subscriber gets what is retained all at once. Mosquitto drops a part of that for large fleets, and RabbitMQ gives it only
//! to who names the topic in full.

use super::Registry;
use super::node::{Changes, Node};
use crate::protocol::{Address, KEPT, Leaf};
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
    /// The first of them.
    pub(super) const AVAILABILITY: Self = Self(1);
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

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// When what is missing is looked for; in milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Until when the broker is left to send what it keeps.
    pub(super) flood_ends: Option<i64>,
    /// When something may be missing that is to be asked for.
    due: Option<i64>,
}

impl Search {
    /// A connection has begun, or ended.
    pub(super) fn begin(&mut self, flood_ends: Option<i64>) {
        *self = Self {
            flood_ends,
            due: flood_ends,
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

    fn missing(&self) -> Came {
        if self.came.has(Came::OUTDATED) || self.asked >= ASKED_MAX {
            return Came::default();
        }
        Came::ALL.without(self.came)
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
            node.came = node.came.with(came);
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
            let Ok(id) = node.id.parse::<NodeId>() else {
                continue;
            };
            let address = Address::Node(id);
            let leaves = KEPT.into_iter().filter(|leaf| missing.has(Came::of(*leaf)));
            topics.extend(leaves.map(|leaf| self.rules.topics.build(&address, leaf)));
            let pause = PAUSES.get(usize::from(node.asked));
            node.asked += 1;
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
mod tests {
    use super::super::{CALM, FLOOD, Registry, Rules};
    use super::*;
    use crate::protocol::Topics;
    use serde_json::Value;

    /// A moment, in milliseconds.
    const NOW: i64 = 1_800_000_000_000;
    const LIGHT: &str = r#"{"state":"ON","brightness":255,"effect":"fire","layer":"command"}"#;
    const HEALTH: &str = r#"{"panel":{"state":"ok"},"command_latency_ms":{"last":null},"estimated_current":{"milliamps":1.0},"counters":{}}"#;
    const SAMPLE: &str = r#"{"cpu":{"load_percent":50.0},"memory":{"used_percent":40.0}}"#;

    struct Scene {
        registry: Registry,
        now: i64,
    }

    impl Scene {
        fn new() -> Self {
            let rules = Rules {
                topics: Topics::new("piglow".parse().unwrap()),
                nodes_max: 10,
                is_shared: false,
                hot_celsius: 75.0,
                cool_celsius: 70.0,
                own_commands: "fleet-1-".to_owned(),
            };
            let mut scene = Self {
                registry: Registry::new(rules),
                now: NOW,
            };
            scene.connect(1);
            scene
        }

        fn connect(&mut self, connection: u64) {
            self.registry.set_link(self.now, None, "a broker");
            self.registry
                .set_link(self.now, Some(connection), "a broker");
        }

        /// The broker sends what it keeps.
        fn keeps(&mut self, leaf: &str, payload: &str) {
            let topic = format!("piglow/attic/{leaf}");
            self.registry
                .take(self.now, &topic, payload.as_bytes(), true);
        }

        fn keeps_all(&mut self) {
            for (leaf, payload) in [
                ("availability", "online"),
                ("light/state", LIGHT),
                ("health", HEALTH),
                ("setting/effect_speed/state", "100"),
                ("setting/brightness_limit/state", "48"),
                ("info", r#"{"version":"1"}"#),
            ] {
                self.keeps(leaf, payload);
            }
        }

        /// The node says it.
        fn says(&mut self, leaf: &str, payload: &str) {
            let topic = format!("piglow/attic/{leaf}");
            self.registry
                .take(self.now, &topic, payload.as_bytes(), false);
        }

        /// What is asked for after so many milliseconds.
        fn asked_after(&mut self, millis: i64) -> Vec<String> {
            self.now += millis;
            self.registry.look(self.now);
            let topics = self.registry.missing(self.now, 64);
            let leaf = |topic: &String| topic.trim_start_matches("piglow/attic/").to_owned();
            topics.iter().map(leaf).collect()
        }

        fn row(&self) -> Value {
            let picture: Value =
                serde_json::from_slice(&self.registry.picture(self.now, "1.1")).unwrap();
            picture["nodes"][0].clone()
        }
    }

    const ALL: [&str; 6] = [
        "availability",
        "light/state",
        "health",
        "setting/effect_speed/state",
        "setting/brightness_limit/state",
        "info",
    ];

    #[test]
    fn nothing_is_asked_for_where_all_has_come() {
        let mut scene = Scene::new();
        scene.keeps_all();
        scene.says("telemetry", SAMPLE);
        assert!(scene.asked_after(FLOOD).is_empty());
        assert!(scene.asked_after(3_600_000).is_empty());
        assert_eq!(scene.registry.tally().asked, 0);
    }

    #[test]
    fn what_has_not_come_is_asked_for_when_the_flood_is_over() {
        let mut scene = Scene::new();
        scene.says("telemetry", SAMPLE);
        scene.keeps("light/state", LIGHT);
        assert!(scene.asked_after(FLOOD - 1).is_empty());
        // It is still sending.
        scene.keeps("health", HEALTH);
        assert!(scene.asked_after(CALM - 1).is_empty());
        assert_eq!(
            scene.asked_after(1),
            [
                "availability",
                "setting/effect_speed/state",
                "setting/brightness_limit/state",
                "info"
            ]
        );
        assert_eq!(scene.registry.tally().asked, 4);
    }

    #[test]
    fn the_same_is_asked_for_three_times_with_growing_pauses_and_anew_after_a_reconnect() {
        let mut scene = Scene::new();
        scene.says("telemetry", SAMPLE);
        assert_eq!(scene.asked_after(FLOOD), ALL);
        assert!(scene.asked_after(PAUSES[0] - 1).is_empty());
        assert_eq!(scene.asked_after(1), ALL);
        assert!(scene.asked_after(PAUSES[1] - 1).is_empty());
        assert_eq!(scene.asked_after(1), ALL);
        scene.says("telemetry", SAMPLE);
        assert!(scene.asked_after(3_600_000).is_empty());
        scene.connect(2);
        assert_eq!(scene.asked_after(FLOOD), ALL);
    }

    #[test]
    fn a_node_that_comes_later_has_a_moment_to_tell_the_rest() {
        let mut scene = Scene::new();
        assert!(scene.asked_after(60_000).is_empty());
        scene.says("telemetry", SAMPLE);
        assert!(scene.asked_after(GRACE - 1).is_empty());
        assert_eq!(scene.asked_after(1), ALL);
    }

    #[test]
    fn a_round_takes_no_more_than_it_may_and_the_next_goes_on() {
        let mut scene = Scene::new();
        for node in 0..10 {
            let topic = format!("piglow/node-{node}/telemetry");
            scene.registry.take(NOW, &topic, SAMPLE.as_bytes(), false);
        }
        scene.registry.look(NOW + FLOOD);
        let mut asked = Vec::new();
        for _ in 0..4 {
            let topics = scene.registry.missing(NOW + FLOOD, 20);
            assert!(topics.len() <= 20);
            asked.extend(topics);
        }
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), 60);
        assert!(scene.registry.missing(NOW + FLOOD, 20).is_empty());
    }

    #[test]
    fn without_a_broker_nothing_is_asked_for() {
        let mut scene = Scene::new();
        scene.says("telemetry", SAMPLE);
        scene.registry.set_link(NOW, None, "a broker");
        assert!(scene.asked_after(60_000).is_empty());
    }

    #[test]
    fn what_was_said_before_a_reconnect_is_not_shown_as_live_until_it_comes_again() {
        let mut scene = Scene::new();
        scene.keeps_all();
        scene.says("telemetry", SAMPLE);
        scene.connect(2);
        let before = scene.row();
        // As it was, and stale.
        assert_eq!(
            (&before["stale"], &before["panel"]),
            (&true.into(), &"ok".into())
        );
        scene.says("telemetry", SAMPLE);
        let live = scene.row();
        assert_eq!(
            (&live["stale"], &live["light"], &live["panel"]),
            (&false.into(), &Value::Null, &Value::Null)
        );
        assert!(live["version"].is_string(), "{live}");
        scene.keeps("light/state", LIGHT);
        assert_eq!(scene.row()["light"]["effect"], "fire");
    }

    #[test]
    fn what_comes_before_the_first_sample_of_a_connection_is_never_dark() {
        let mut scene = Scene::new();
        scene.keeps_all();
        scene.says("telemetry", SAMPLE);
        scene.connect(2);
        scene.keeps_all();
        scene.says("telemetry", SAMPLE);
        assert_eq!(scene.row()["light"]["effect"], "fire");
        assert_eq!(scene.row()["panel"], "ok");
    }

    #[test]
    fn a_node_whose_word_that_it_is_there_was_lost_is_asked_for_before_it_vanishes() {
        let mut scene = Scene::new();
        scene.keeps_all();
        scene.connect(2);
        scene.keeps("light/state", LIGHT);
        assert!(
            scene
                .asked_after(FLOOD)
                .contains(&"availability".to_owned())
        );
        assert_eq!(scene.registry.ids(None).len(), 1);
        scene.keeps("availability", "offline");
        scene.registry.look(scene.now + CALM);
        assert_eq!(scene.row()["online"], false);
    }

    #[test]
    fn an_old_word_of_a_broker_of_a_cluster_is_not_believed_once_the_node_was_heard() {
        let mut scene = Scene::new();
        scene.says("telemetry", SAMPLE);
        assert_eq!(scene.asked_after(FLOOD), ALL);
        scene.keeps("availability", "offline");
        scene.keeps("light/state", LIGHT);
        let row = scene.row();
        assert_eq!(
            (&row["online"], &row["light"]),
            (&true.into(), &Value::Null)
        );
        assert!(scene.asked_after(60_000).is_empty());
        // What the node itself says is.
        scene.says("light/state", LIGHT);
        assert_eq!(scene.row()["light"]["effect"], "fire");
    }

    #[test]
    fn a_sample_after_a_kept_offline_is_believed_and_what_was_kept_with_it_is_asked_for_again() {
        let mut scene = Scene::new();
        scene.keeps("availability", "offline");
        scene.keeps("light/state", LIGHT);
        scene.says("telemetry", SAMPLE);
        let row = scene.row();
        assert_eq!(
            (&row["online"], &row["light"]),
            (&true.into(), &Value::Null)
        );
        assert_eq!(scene.asked_after(FLOOD), ALL);
        scene.keeps_all();
        assert_eq!(scene.row()["light"]["effect"], "fire");
        assert!(scene.asked_after(60_000).is_empty());
    }

    #[test]
    fn a_sample_that_was_under_way_when_its_node_went_changes_nothing() {
        let mut scene = Scene::new();
        scene.keeps_all();
        scene.says("availability", "offline");
        scene.says("telemetry", SAMPLE);
        assert_eq!(scene.row()["online"], false);
    }
}
