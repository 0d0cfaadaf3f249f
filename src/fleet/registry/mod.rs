//! What is known of all nodes: messages and the time go in, the picture and its changes come out. No clock, no I/O.

mod elsewhere;
mod gaps;
mod history;
pub(crate) mod metrics;
mod node;
mod notes;
mod pages;
mod room;
mod row;
mod views;
mod words;

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;

use gaps::{Came, GRACE, Search};
pub use history::SPANS;
use history::{SLOT_SECS, SPAN_SECS, Values};
use node::{Changes, KEPT_MAX, Light, Node, NodeCard};
use notes::Notes;
pub use pages::{Page, SLOT_SPANS};
use row::{Delta, Row, append};
pub use views::Window;
use words::Words;

use crate::light::board::Segment;
use crate::light::{Frame, Setting};
use crate::protocol::{self, Leaf, Topics};
use crate::units::NodeId;

/// An online node without a sample for this many of its intervals is stale.
const PATIENCE: i64 = 3;
/// The same where several dashboards share the samples, and each gets those of a node at random.
const PATIENCE_SHARED: i64 = 30;
/// On top of that, in milliseconds: messages take their time.
const SLACK: i64 = 1_000;
/// The interval of a node that has not told it: the default.
const INTERVAL_SECS: u16 = 5;

/// How long a broker takes at least to send what it keeps; then what is missing is asked for. In milliseconds.
const FLOOD: i64 = 5_000;
/// So long without a retained message it has sent it all, at first or when it was asked. A node of which nothing came by then has
/// been removed meanwhile.
const CALM: i64 = 3_000;

/// How long the history of a node that is not shown is kept, in milliseconds.
const MEMORY: i64 = 3_600_000;

/// Texts in common, in bytes: names, effects, versions; and self-descriptions, which are about 10 kB each and few.
const WORDS_BYTES: usize = 4 << 20;
const SHAPES_BYTES: usize = 16 << 20;

/// What the registry is told before it begins.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The topics below the root.
    pub topics: Topics,
    /// The most nodes.
    pub nodes_max: usize,
    /// Whether other dashboards get a part of the samples.
    pub is_shared: bool,
    /// A node is hot from this temperature in °C,
    pub hot_celsius: f32,
    /// down to that one.
    pub cool_celsius: f32,
    /// What the `id` of each command of this dashboard begins with.
    pub own_commands: String,
}

/// What has been counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Messages that came.
    pub messages: u64,
    /// Samples among them.
    pub samples: u64,
    /// Samples that came late, with what nodes sent after an outage.
    pub late_samples: u64,
    /// Samples that should have come between two others and did not.
    pub missed_samples: u64,
    /// Topics that were asked for, because the broker keeps something there and did not send it.
    pub asked: u64,
    /// Payloads that were not of the contract's shape.
    pub unreadable: u64,
    /// Messages of nodes for which there was no room, or whose name is none.
    pub refused: u64,
    /// Connections to the broker.
    pub connections: u64,
}

/// What a message was, as far as others than the registry have to know.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing more to do.
    Done,
    /// A frame of this node.
    Frame(Arc<str>, Frame),
    /// This node has come: what it was asked for before it has forgotten.
    Came(Arc<str>),
}

/// The nodes.
#[derive(Debug)]
pub struct Registry {
    rules: Rules,
    nodes: HashMap<Arc<str>, Box<Node>>,
    /// Which nodes have changed since the last [`flush`](Self::flush).
    changed: Vec<Arc<str>>,
    gone: Vec<Arc<str>>,
    /// Events that are to be told with the next changes.
    told: Vec<u8>,
    notes: Notes,
    words: Words,
    shapes: Words,
    /// The spans whose history has changed since it was saved.
    unsaved: BTreeSet<i64>,
    link: LinkSeen,
    search: Search,
    /// When nodes that can be done without were looked for.
    room_sought_at: i64,
    tally: Tally,
}

/// The link to the broker.
#[derive(Debug, Default, Serialize)]
struct LinkSeen {
    connected: bool,
    place: String,
    /// Which connection it is.
    #[serde(skip)]
    connection: Option<u64>,
    /// Which it is, or was last.
    #[serde(skip)]
    generation: u64,
    /// When what was removed meanwhile is looked for.
    #[serde(skip)]
    sweep_at: Option<i64>,
}

impl Registry {
    /// Knows no node.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            nodes: HashMap::new(),
            changed: Vec::new(),
            gone: Vec::new(),
            told: Vec::new(),
            notes: Notes::default(),
            words: Words::new(WORDS_BYTES),
            shapes: Words::new(SHAPES_BYTES),
            unsaved: BTreeSet::new(),
            link: LinkSeen::default(),
            search: Search::default(),
            room_sought_at: 0,
            tally: Tally::default(),
        }
    }

    /// What has been counted.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether there is something to tell.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !(self.changed.is_empty() && self.gone.is_empty() && self.told.is_empty())
    }

    /// Takes a message that came at `now`, in milliseconds since 1970.
    pub fn take(&mut self, now: i64, topic: &str, payload: &[u8], retained: bool) -> Heard {
        self.tally.messages += 1;
        let topics = &self.rules.topics;
        let Some((id, leaf)) = topics.of_node(topic) else {
            self.tally.unreadable += 1;
            return Heard::Done;
        };
        if retained {
            for end in [&mut self.search.flood_ends, &mut self.link.sweep_at] {
                *end = end.map(|end| end.max(now + CALM));
            }
            let generation = self.link.generation;
            let node = self.nodes.get(id);
            if node
                .is_some_and(|node| node.generation == generation && node.came.has(Came::OUTDATED))
            {
                return Heard::Done;
            }
        }
        self.hear(now, id, leaf, payload, retained)
    }

    fn hear(&mut self, now: i64, id: &str, leaf: Leaf, payload: &[u8], retained: bool) -> Heard {
        let mut heard = Heard::Done;
        let understood = match leaf {
            Leaf::Telemetry => retained || self.take_sample(now, id, payload),
            Leaf::Frame => {
                return match (retained, protocol::read_frame(payload), self.nodes.get(id)) {
                    (false, Some(leds), Some(node)) => {
                        Heard::Frame(Arc::clone(&node.id), Frame(leds))
                    }
                    _ => Heard::Done,
                };
            }
            Leaf::Availability => {
                let was_online = self.nodes.get(id).is_some_and(|node| node.is_online);
                let understood = self.take_availability(now, id, payload, retained);
                if let Some(node) = self.nodes.get(id)
                    && node.is_online
                    && !was_online
                {
                    heard = Heard::Came(Arc::clone(&node.id));
                }
                understood
            }
            Leaf::Info => self.take_info(now, id, payload),
            Leaf::LightState(Segment::Board) => self.take_light(now, id, payload),
            Leaf::Health => self.take_health(now, id, payload),
            Leaf::SettingState(setting) => self.take_setting(now, id, setting, payload),
            Leaf::TelemetryHistory => retained || self.take_history(now, id, payload),
            Leaf::LightResult => retained || self.take_result(now, id, payload),
            Leaf::Event => retained || self.take_event(now, id, payload),
            Leaf::FrameWatch
            | Leaf::Identify
            | Leaf::LightSet(_)
            | Leaf::LightState(_)
            | Leaf::SirenSet
            | Leaf::SirenState
            | Leaf::SettingSet(_) => true,
        };
        if !understood {
            self.tally.unreadable += 1;
        }
        self.note_arrival(now, id, leaf);
        heard
    }

    /// The node of that name, made when there is none; `None` when it can't be one, or there is no room.
    fn node(&mut self, now: i64, id: &str) -> Option<&mut Node> {
        if !self.nodes.contains_key(id) {
            let is_name = id.parse::<NodeId>().is_ok();
            if !is_name || !self.has_room(now) {
                self.tally.refused += 1;
                return None;
            }
            let id: Arc<str> = id.into();
            let node = Box::new(Node::new(Arc::clone(&id), now));
            self.nodes.insert(id, node);
        }
        let node = self.nodes.get_mut(id)?;
        if node.begin(self.link.generation, now + GRACE) {
            self.search.by(now + GRACE);
        }
        Some(node)
    }

    fn take_availability(&mut self, now: i64, id: &str, payload: &[u8], retained: bool) -> bool {
        let online = match payload {
            b"online" => true,
            b"offline" => false,
            b"" => {
                self.remove(id);
                return true;
            }
            _ => return false,
        };
        let Some(node) = self.node(now, id) else {
            return true;
        };
        if !retained {
            node.came = node.came.with(Came::NEWS);
        } else if !online && node.came.has(Came::NEWS.with(Came::SAMPLE)) {
            // It has been heard of since that was kept.
            node.came = node.came.with(Came::OUTDATED);
            self.search.elsewhere = true;
            return true;
        }
        node.is_introduced = true;
        let is_new = !node.is_listed;
        if is_new || node.is_online != online {
            node.is_online = online;
            node.since = (!retained).then_some(now);
            node.heard = now;
            node.is_stale = false;
            let mut changes = Changes::AVAILABILITY.with(Changes::STALE);
            if online {
                // What it sent before it went is not of this moment.
                node.at = None;
                node.values = [None; 3];
                changes = changes.with(Changes::SAMPLE);
                changes = changes.with(node.forget_what_has_not_come());
            }
            self.note_change(id, changes);
        }
        self.list(id);
        true
    }

    fn take_sample(&mut self, now: i64, id: &str, payload: &[u8]) -> bool {
        let Some(reading) = protocol::read_sample(payload) else {
            return false;
        };
        let (hot, cool) = (self.rules.hot_celsius, self.rules.cool_celsius);
        let Some(node) = self.node(now, id) else {
            return true;
        };
        let mut changes = Changes::SAMPLE;
        if !node.came.has(Came::SAMPLE) {
            node.came = node.came.with(Came::SAMPLE);
            changes = changes.with(node.forget_what_has_not_come());
        }
        node.heard = now;
        node.at = Some(now);
        node.values = [reading.load, reading.temperature, reading.memory];
        node.history.add(now.div_euclid(1000), node.values);
        if payload.len() <= KEPT_MAX {
            node.sample.clear();
            node.sample.reserve_exact(payload.len());
            node.sample.extend_from_slice(payload);
        }
        if std::mem::take(&mut node.is_stale) {
            changes = changes.with(Changes::STALE);
        }
        let is_hot = match reading.temperature {
            Some(celsius) if node.is_hot => celsius > cool,
            Some(celsius) => celsius >= hot,
            None => false,
        };
        if node.is_hot != is_hot {
            node.is_hot = is_hot;
            changes = changes.with(Changes::HOT);
        }
        if node.throttled != reading.throttled {
            node.throttled = reading.throttled;
            changes = changes.with(Changes::THROTTLED);
        }
        let missed = node.count(reading.run, reading.sequence);
        let is_doubtful = !node.is_online && node.came.has(Came::AVAILABILITY);
        if !node.is_online && !node.came.has(Came::NEWS) {
            // It sends: so it is there, whatever has become of the message that says so, and whatever was kept before.
            node.is_online = true;
            node.since = None;
            changes = changes.with(Changes::AVAILABILITY);
            if is_doubtful {
                changes = changes.with(self.doubt(now, id));
            }
        }
        self.tally.samples += 1;
        self.unsaved.insert(now.div_euclid(1000 * SPAN_SECS));
        if !self.rules.is_shared {
            self.tally.missed_samples += missed;
        }
        self.note_change(id, changes);
        self.list(id);
        true
    }

    fn take_history(&mut self, now: i64, id: &str, payload: &[u8]) -> bool {
        let Some(readings) = protocol::read_history(payload) else {
            return false;
        };
        let samples: Vec<(i64, Values)> = readings
            .iter()
            .filter_map(|reading| {
                let secs = reading.unix_millis()?.div_euclid(1000);
                Some((secs, [reading.load, reading.temperature, reading.memory]))
            })
            .collect();
        self.tally.late_samples += samples.len() as u64;
        if let Some(node) = self.node(now, id) {
            for reading in &readings {
                // Late, but not missed.
                node.count(reading.run, reading.sequence);
            }
            let changed = node.history.fill(now.div_euclid(1000), &samples);
            self.unsaved.extend(changed);
        }
        true
    }

    fn take_info(&mut self, now: i64, id: &str, payload: &[u8]) -> bool {
        if payload.is_empty() {
            return self.clear(id, Changes::CARD, |node| node.card = None);
        }
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let hash = hasher.finish();
        let known = self.nodes.get(id).and_then(|node| node.card.as_ref());
        if known.is_some_and(|card| card.hash == hash) {
            return true;
        }
        let Some(card) = protocol::read_info(payload) else {
            return false;
        };
        let card = NodeCard::keep(&card, hash, &mut self.words, &mut self.shapes);
        if let Some(node) = self.node(now, id) {
            node.card = Some(card);
            self.note_change(id, Changes::CARD);
        }
        true
    }

    fn take_light(&mut self, now: i64, id: &str, payload: &[u8]) -> bool {
        if payload.is_empty() {
            return self.clear(id, Changes::LIGHT, |node| node.light = None);
        }
        let Some(reading) = protocol::read_light(payload) else {
            return false;
        };
        let light = Light::keep(&reading, &mut self.words);
        if let Some(node) = self.node(now, id)
            && node.light.as_deref() != Some(&light)
        {
            node.light = Some(Box::new(light));
            self.note_change(id, Changes::LIGHT);
        }
        true
    }

    fn take_health(&mut self, now: i64, id: &str, payload: &[u8]) -> bool {
        if payload.is_empty() {
            return self.clear(id, Changes::PANEL, |node| {
                node.panel = None;
                node.health = Box::default();
            });
        }
        let Some(health) = protocol::read_health(payload) else {
            return false;
        };
        let panel = self.words.keep(&health.panel.state);
        if let Some(node) = self.node(now, id) {
            if payload.len() <= KEPT_MAX {
                node.health = payload.into();
            }
            if node.panel != panel {
                node.panel = panel;
                self.note_change(id, Changes::PANEL);
            }
        }
        true
    }

    fn take_setting(&mut self, now: i64, id: &str, setting: Setting, payload: &[u8]) -> bool {
        let place = match setting {
            Setting::EffectSpeed => 0,
            Setting::BrightnessLimit => 1,
        };
        let value = protocol::read_setting(payload);
        if value.is_some() {
            // What the broker keeps comes in any order.
            if let Some(node) = self.node(now, id) {
                node.settings[place] = value;
            }
            return true;
        }
        if let Some(node) = self.nodes.get_mut(id) {
            node.settings[place] = None;
        }
        payload.is_empty()
    }

    fn take_result(&mut self, now: i64, id: &str, payload: &[u8]) -> bool {
        let Some(command) = protocol::read_result_id(payload) else {
            return false;
        };
        let own = command.is_some_and(|command| command.starts_with(&self.rules.own_commands));
        self.keep_note(now, id, notes::Kind::Result, payload, own)
    }

    fn take_event(&mut self, now: i64, id: &str, payload: &[u8]) -> bool {
        self.keep_note(now, id, notes::Kind::Event, payload, true)
    }

    fn keep_note(
        &mut self,
        now: i64,
        id: &str,
        kind: notes::Kind,
        payload: &[u8],
        tell: bool,
    ) -> bool {
        let Some(node) = self.nodes.get(id) else {
            return true;
        };
        let Some(note) = notes::Note::read(Arc::clone(&node.id), now, kind, payload) else {
            return false;
        };
        if tell {
            note.tell(&mut self.told);
        }
        self.notes.keep(note);
        true
    }

    /// A retained message was cleared: what it told is not known any more.
    fn clear(&mut self, id: &str, changes: Changes, clear: impl FnOnce(&mut Node)) -> bool {
        if let Some(node) = self.nodes.get_mut(id) {
            clear(node);
            self.note_change(id, changes);
        }
        true
    }

    fn list(&mut self, id: &str) {
        if let Some(node) = self.nodes.get_mut(id)
            && !node.is_listed
        {
            node.is_listed = true;
            self.note_change(id, Changes::ALL);
        }
    }

    fn note_change(&mut self, id: &str, changes: Changes) {
        if let Some(node) = self.nodes.get_mut(id) {
            if node.changes.is_none() {
                self.changed.push(Arc::clone(&node.id));
            }
            node.changes = node.changes.with(changes);
        }
    }

    fn remove(&mut self, id: &str) {
        if let Some(node) = self.nodes.remove(id)
            && node.is_listed
        {
            self.gone.push(Arc::clone(&node.id));
        }
    }

    /// The link to the broker came, for the n-th time, or went.
    pub fn set_link(&mut self, now: i64, connection: Option<u64>, place: &str) {
        if self.link.connection == connection && self.link.place == place {
            return;
        }
        self.link.connection = connection;
        self.link.connected = connection.is_some();
        place.clone_into(&mut self.link.place);
        if let Some(connection) = connection {
            self.link.generation = connection;
            self.tally.connections += 1;
            self.search.begin(Some(now + FLOOD));
            self.link.sweep_at = Some(now + FLOOD + CALM);
        } else {
            self.search.begin(None);
            self.link.sweep_at = None;
            // What was heard last may not be so any more.
            let online: Vec<Arc<str>> = self.ids_where(|node| node.is_online && !node.is_stale);
            online.iter().for_each(|id| self.mark_stale(id));
        }
        self.told.extend_from_slice(b"event: broker\ndata: ");
        append(&mut self.told, &self.link);
        self.told.extend_from_slice(b"\n\n");
    }

    /// Looks, once a second or so, for what has become stale or was removed.
    pub fn look(&mut self, now: i64) {
        let patience = if self.rules.is_shared {
            PATIENCE_SHARED
        } else {
            PATIENCE
        };
        let silent = self.ids_where(|node| {
            let interval = i64::from(node.interval_secs().unwrap_or(INTERVAL_SECS)) * 1000;
            node.is_online && !node.is_stale && now - node.heard > patience * interval + SLACK
        });
        silent.iter().for_each(|id| self.mark_stale(id));
        if self.search.flood_ends.is_some_and(|at| at <= now) {
            self.search.flood_ends = None;
        }
        if self.link.sweep_at.is_some_and(|at| at <= now) {
            self.link.sweep_at = None;
            let generation = self.link.generation;
            let is_gone = |node: &Node| node.is_listed && !node.is_accounted_for(generation);
            let removed = self.ids_where(is_gone);
            removed.iter().for_each(|id| self.unlist(id));
        }
        let forgotten = self.ids_where(|node| !node.is_listed && now - node.heard > MEMORY);
        forgotten.iter().for_each(|id| self.remove(id));
    }

    /// Shows a node no more, and keeps its history: the broker has lost what it kept, and the node will be back.
    fn unlist(&mut self, id: &str) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.is_listed = false;
            node.is_online = false;
            self.gone.push(Arc::clone(&node.id));
        }
    }

    fn ids_where(&self, is_meant: impl Fn(&Node) -> bool) -> Vec<Arc<str>> {
        let meant = self.nodes.values().filter(|node| is_meant(node));
        meant.map(|node| Arc::clone(&node.id)).collect()
    }

    fn mark_stale(&mut self, id: &str) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.is_stale = true;
            self.note_change(id, Changes::STALE);
        }
    }

    /// What has changed since the last time, as server-sent events of which the last one has this id; `None` when nothing has.
    pub fn flush(&mut self, now: i64, cursor: &str) -> Option<Vec<u8>> {
        if !self.has_news() {
            return None;
        }
        let mut text = std::mem::take(&mut self.told);
        let changed = std::mem::take(&mut self.changed);
        let gone = std::mem::take(&mut self.gone);
        let mut delta = Delta {
            now,
            samples: Vec::new(),
            rows: Vec::new(),
            gone: gone
                .iter()
                .filter(|id| !self.nodes.get(*id).is_some_and(|node| node.is_listed))
                .map(|id| &**id)
                .collect(),
        };
        let mut settled = Vec::with_capacity(changed.len());
        for id in &changed {
            if let Some(node) = self.nodes.get_mut(id) {
                let changes = std::mem::take(&mut node.changes);
                if node.is_listed {
                    settled.push((id, changes));
                }
            }
        }
        for (id, changes) in settled {
            let Some(node) = self.nodes.get(id) else {
                continue;
            };
            if changes == Changes::ALL {
                delta.rows.push(Row::of(node, changes));
                continue;
            }
            if changes.has(Changes::SAMPLE) {
                let [load, temperature, memory] = node.values;
                delta
                    .samples
                    .push((&node.id, load, temperature, memory, node.at));
            }
            if changes.has(Changes::ROW) {
                delta
                    .rows
                    .push(Row::of(node, changes.without(Changes::SAMPLE)));
            }
        }
        text.extend_from_slice(format!("id: {cursor}\nevent: delta\ndata: ").as_bytes());
        append(&mut text, &delta);
        text.extend_from_slice(b"\n\n");
        Some(text)
    }

    /// The whole picture, of which the changes after `cursor` are told.
    #[must_use]
    pub fn picture(&self, now: i64, cursor: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Picture<'a> {
            cursor: &'a str,
            now: i64,
            broker: &'a LinkSeen,
            nodes: Vec<Row<'a>>,
        }
        let listed = self.nodes.values().filter(|node| node.is_listed);
        let mut text = Vec::new();
        append(
            &mut text,
            &Picture {
                cursor,
                now,
                broker: &self.link,
                nodes: listed.map(|node| Row::of(node, Changes::ALL)).collect(),
            },
        );
        text
    }

    /// The id of a node that is shown.
    #[must_use]
    pub fn id(&self, id: &str) -> Option<Arc<str>> {
        let node = self.nodes.get(id).filter(|node| node.is_listed)?;
        Some(Arc::clone(&node.id))
    }

    /// The ids of the nodes that are shown: of all, or of a group's.
    #[must_use]
    pub fn ids(&self, group: Option<&str>) -> Vec<Arc<str>> {
        self.ids_where(|node| node.is_listed && group.is_none_or(|group| node.is_in(group)))
    }

    /// How many nodes there are: online and live, online and stale, offline.
    #[must_use]
    pub fn census(&self) -> [usize; 3] {
        let listed = || self.nodes.values().filter(|node| node.is_listed);
        let online = listed().filter(|node| node.is_online).count();
        let stale = listed()
            .filter(|node| node.is_online && node.is_stale)
            .count();
        [online - stale, stale, listed().count() - online]
    }

    /// Whether there is a broker, and where.
    #[must_use]
    pub fn broker(&self) -> (bool, &str) {
        (self.link.connected, &self.link.place)
    }
}

impl Node {
    /// Takes a sample's number; how many before it have not come.
    fn count(&mut self, run: Option<&str>, sequence: Option<u64>) -> u64 {
        let (Some(run), Some(sequence)) = (run, sequence) else {
            return 0;
        };
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        let run = hasher.finish();
        let is_same_run = std::mem::replace(&mut self.run, run) == run;
        match self.sequence {
            Some(last) if is_same_run && sequence <= last => 0,
            Some(last) if is_same_run => {
                self.sequence = Some(sequence);
                sequence - last - 1
            }
            _ => {
                self.sequence = Some(sequence);
                0
            }
        }
    }
}

#[cfg(test)]
mod tests;
