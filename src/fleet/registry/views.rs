//! One node, and the past of some.

use serde::Serialize;

use super::history::{History, Metric};
use super::node::{Changes, Node};
use super::notes::Kind;
use super::row::{Row, append};
use super::{Registry, SLOT_SECS, SPAN_SECS};
use crate::protocol;

/// The newest results and events that are shown of a node.
const NOTES: usize = 20;

/// The points of a sparkline: one a minute.
const POINTS: usize = 60;

/// Which part of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// An hour, as it came.
    Hour,
    /// A day, in means and maxima of five minutes.
    Day,
}

#[derive(Serialize)]
struct Past {
    /// When the first value's time begins, in milliseconds since 1970.
    start: i64,
    step_secs: i64,
    load: Vec<Option<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_max: Option<Vec<Option<f32>>>,
    temperature: Vec<Option<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature_max: Option<Vec<Option<f32>>>,
    memory: Vec<Option<f32>>,
}

impl Past {
    fn hour(history: &History, now_secs: i64) -> Self {
        let values = |metric| history.hour(metric, now_secs).collect::<Vec<_>>();
        let load = values(Metric::Load);
        Self {
            start: start(now_secs, SLOT_SECS, load.len()),
            step_secs: SLOT_SECS,
            load,
            load_max: None,
            temperature: values(Metric::Temperature),
            temperature_max: None,
            memory: values(Metric::Memory),
        }
    }

    fn day(history: &History, now_secs: i64) -> Self {
        let means = |metric| history.day(metric, now_secs).collect::<Vec<_>>();
        let maxima = |metric| Some(history.day_maxima(metric, now_secs).collect());
        let load = means(Metric::Load);
        Self {
            start: start(now_secs, SPAN_SECS, load.len()),
            step_secs: SPAN_SECS,
            load,
            load_max: maxima(Metric::Load),
            temperature: means(Metric::Temperature),
            temperature_max: maxima(Metric::Temperature),
            memory: means(Metric::Memory),
        }
    }
}

/// When the first of so many steps begins, of which the last holds this moment; in milliseconds.
fn start(now_secs: i64, step_secs: i64, count: usize) -> i64 {
    let last = now_secs.div_euclid(step_secs);
    let first = last + 1 - i64::try_from(count).unwrap_or_default();
    first * step_secs * 1000
}

#[derive(Serialize)]
struct Sparkline {
    step_secs: i64,
    /// When the last step ends, in milliseconds since 1970.
    end: i64,
    load: Vec<Option<f32>>,
    temperature: Vec<Option<f32>>,
    memory: Vec<Option<f32>>,
}

impl Sparkline {
    fn of(history: &History, now_secs: i64) -> Self {
        let line = |metric| {
            let line = history.sparkline(metric, now_secs, POINTS).into_iter();
            line.map(|mean| mean.map(|mean| (mean * 10.0).round() / 10.0))
                .collect()
        };
        Self {
            step_secs: 3600 / POINTS as i64,
            end: (now_secs.div_euclid(SLOT_SECS) + 1) * SLOT_SECS * 1000,
            load: line(Metric::Load),
            temperature: line(Metric::Temperature),
            memory: line(Metric::Memory),
        }
    }
}

impl Registry {
    fn listed(&self, id: &str) -> Option<&Node> {
        let node = self.nodes.get(id)?;
        node.is_listed.then_some(node)
    }

    /// Everything that is known of a node, as JSON; `None` when there is none.
    #[must_use]
    pub fn node_json(&self, id: &str) -> Option<Vec<u8>> {
        let node = self.listed(id)?;
        let mut text = Vec::with_capacity(16 * 1024);
        text.extend_from_slice(b"{\"row\":");
        append(&mut text, &Row::of(node, Changes::ALL));
        text.extend_from_slice(b",\"info\":");
        write_info(&mut text, node);
        text.extend_from_slice(b",\"sample\":");
        write_kept(&mut text, &node.sample);
        text.extend_from_slice(b",\"health\":");
        write_kept(&mut text, &node.health);
        let [effect_speed, brightness_limit] = node.settings;
        text.extend_from_slice(b",\"settings\":{\"effect_speed\":");
        append(&mut text, &effect_speed);
        text.extend_from_slice(b",\"brightness_limit\":");
        append(&mut text, &brightness_limit);
        text.extend_from_slice(b"},\"results\":");
        self.notes.write(&mut text, id, Kind::Result, NOTES);
        text.extend_from_slice(b",\"events\":");
        self.notes.write(&mut text, id, Kind::Event, NOTES);
        text.push(b'}');
        Some(text)
    }

    /// A node's past, as JSON; `None` when there is no such node.
    #[must_use]
    pub fn history_json(&self, id: &str, now: i64, window: Window) -> Option<Vec<u8>> {
        let node = self.listed(id)?;
        let now_secs = now.div_euclid(1000);
        let past = match window {
            Window::Hour => Past::hour(&node.history, now_secs),
            Window::Day => Past::day(&node.history, now_secs),
        };
        let mut text = Vec::new();
        append(&mut text, &past);
        Some(text)
    }

    /// The last hour of some nodes in brief, as JSON; those that there are not are left out.
    #[must_use]
    pub fn sparklines_json<'a>(&self, ids: impl Iterator<Item = &'a str>, now: i64) -> Vec<u8> {
        let mut text = b"{".to_vec();
        for node in ids.filter_map(|id| self.listed(id)) {
            if text.len() > 1 {
                text.push(b',');
            }
            append(&mut text, &*node.id);
            text.push(b':');
            append(
                &mut text,
                &Sparkline::of(&node.history, now.div_euclid(1000)),
            );
        }
        text.push(b'}');
        text
    }
}

/// Appends a self-description, put together again; `null` when there is none.
fn write_info(to: &mut Vec<u8>, node: &Node) {
    let card = node.card.as_ref();
    let parts = card.and_then(|card| Some([&*card.own, card.shared.as_deref()?]));
    let whole = parts.map(|parts| {
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        format!("{{{}}}", parts.join(","))
    });
    write_kept(to, whole.unwrap_or_default().as_bytes());
}

/// Appends what a node has published, if it is JSON through and through; else `null`: what nobody looked at when it came may be odd.
fn write_kept(to: &mut Vec<u8>, payload: &[u8]) {
    let is_sound = protocol::read_object(payload).is_some();
    to.extend_from_slice(if is_sound { payload } else { b"null" });
}
