//! Who follows, which nodes they have in view, and the frames of those.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::light::Frame;

/// The most nodes that a stream has in view.
pub(super) const VIEW_MAX: usize = 256;

/// How long a view holds, in milliseconds; who looks repeats it.
pub(super) const VIEW_MILLIS: i64 = 60_000;

/// How long before the end of what nodes were asked for they are asked again, in milliseconds.
const RENEWAL: i64 = 20_000;

/// For how long nodes are asked to mirror their frames, in seconds: the longest they take.
pub(super) const WATCH_SECS: u64 = 60;

/// All streams.
#[derive(Default)]
pub(super) struct Streams {
    open: HashMap<String, Arc<Stream>>,
    /// Until when each node mirrors its frames, as far as was asked.
    asked: HashMap<Arc<str>, i64>,
}

/// One stream: a browser that follows.
#[derive(Default)]
pub(super) struct Stream {
    view: Mutex<View>,
    /// There are frames, or the stream is another's.
    pub(super) news: Notify,
}

#[derive(Default)]
struct View {
    nodes: HashSet<Arc<str>>,
    until: i64,
    /// The newest frame of each node that has not been told yet.
    frames: HashMap<Arc<str>, Frame>,
    is_closed: bool,
}

impl Stream {
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The frames that have come since the last time; empty when there are none.
    pub(super) fn take_frames(&self) -> Vec<(Arc<str>, Frame)> {
        self.view().frames.drain().collect()
    }

    /// Whether somebody else has opened it again.
    pub(super) fn is_closed(&self) -> bool {
        self.view().is_closed
    }
}

impl Streams {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Opens a stream; one of the same name ends. `None` when there are too many.
    pub(super) fn open(&mut self, name: &str, streams_max: usize) -> Option<Arc<Stream>> {
        let stream = Arc::new(Stream::default());
        if let Some(before) = self.open.remove(name) {
            // The reader goes on where it was, with the same picture in front of it.
            let mut view = before.view();
            view.is_closed = true;
            *stream.view() = View {
                nodes: std::mem::take(&mut view.nodes),
                until: view.until,
                ..View::default()
            };
            before.news.notify_one();
        } else if self.open.len() >= streams_max {
            return None;
        }
        self.open.insert(name.to_owned(), Arc::clone(&stream));
        Some(stream)
    }

    /// Ends a stream, unless somebody has opened it again.
    pub(super) fn close(&mut self, name: &str, stream: &Arc<Stream>) {
        if self
            .open
            .get(name)
            .is_some_and(|open| Arc::ptr_eq(open, stream))
        {
            self.open.remove(name);
        }
    }

    /// Sets what a stream has in view; whether there is such a stream.
    pub(super) fn look_at(&mut self, name: &str, now: i64, nodes: HashSet<Arc<str>>) -> bool {
        let Some(stream) = self.open.get(name) else {
            return false;
        };
        let mut view = stream.view();
        view.frames.retain(|node, _| nodes.contains(node));
        view.nodes = nodes;
        view.until = now + VIEW_MILLIS;
        true
    }

    /// Takes a frame for whoever has the node in view.
    pub(super) fn show(&self, node: &Arc<str>, frame: Frame) {
        for stream in self.open.values() {
            let mut view = stream.view();
            if view.nodes.contains(node) && view.frames.insert(Arc::clone(node), frame).is_none() {
                stream.news.notify_one();
            }
        }
    }

    /// The nodes that are to be asked to mirror their frames, and those that need not any more.
    pub(super) fn watch(&mut self, now: i64) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let mut seen = HashSet::new();
        for stream in self.open.values() {
            let view = stream.view();
            if view.until > now {
                seen.extend(view.nodes.iter().map(Arc::clone));
            }
        }
        let unseen: Vec<Arc<str>> = self
            .asked
            .extract_if(|node, _| !seen.contains(node))
            .filter(|(_, until)| *until > now)
            .map(|(node, _)| node)
            .collect();
        let until = now + VIEW_MILLIS;
        let wanted: Vec<Arc<str>> = seen
            .into_iter()
            .filter(|node| {
                self.asked
                    .get(node)
                    .is_none_or(|until| until - RENEWAL < now)
            })
            .collect();
        for node in &wanted {
            self.asked.insert(Arc::clone(node), until);
        }
        (wanted, unseen)
    }

    /// Forgets what a node was asked for: it has begun anew.
    pub(super) fn ask_again(&mut self, node: &str) {
        self.asked.remove(node);
    }

    /// Forgets what all nodes were asked for: the broker was away.
    pub(super) fn ask_all_again(&mut self) {
        self.asked.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(names: &[&str]) -> HashSet<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn sorted((mut wanted, mut unseen): (Vec<Arc<str>>, Vec<Arc<str>>)) -> [String; 2] {
        wanted.sort();
        unseen.sort();
        [wanted.join(","), unseen.join(",")]
    }

    #[test]
    fn nodes_in_view_of_any_stream_are_asked_once_and_again_before_the_end() {
        let mut streams = Streams::default();
        let _one = streams.open("stream-1", 8).unwrap();
        let _two = streams.open("stream-2", 8).unwrap();
        assert!(streams.look_at("stream-1", 0, nodes(&["a", "b"])));
        assert!(streams.look_at("stream-2", 0, nodes(&["b", "c"])));
        assert_eq!(sorted(streams.watch(0)), ["a,b,c", ""]);
        assert_eq!(sorted(streams.watch(30_000)), ["", ""]);
        assert_eq!(sorted(streams.watch(41_000)), ["a,b,c", ""]);
        assert!(streams.look_at("stream-1", 50_000, nodes(&["a"])));
        assert!(streams.look_at("stream-2", 50_000, nodes(&[])));
        assert_eq!(sorted(streams.watch(50_000)), ["", "b,c"]);
        // Who does not repeat it does not look any more.
        assert_eq!(sorted(streams.watch(110_001)), ["", ""]);
        assert!(!streams.look_at("stream-3", 0, nodes(&["a"])));
    }

    #[test]
    fn a_stream_gets_the_newest_frames_of_what_it_has_in_view() {
        let mut streams = Streams::default();
        let stream = streams.open("stream-1", 8).unwrap();
        streams.look_at("stream-1", 0, nodes(&["a"]));
        for (node, level) in [("a", 1), ("b", 2), ("a", 3)] {
            streams.show(&Arc::from(node), Frame([level; 18]));
        }
        assert_eq!(stream.take_frames(), [(Arc::from("a"), Frame([3; 18]))]);
        assert_eq!(stream.take_frames(), []);
    }

    #[test]
    fn opening_a_stream_again_takes_its_view_over_and_ends_the_one_before() {
        let mut streams = Streams::default();
        let first = streams.open("stream-1", 1).unwrap();
        streams.look_at("stream-1", 0, nodes(&["a"]));
        let second = streams.open("stream-1", 1).unwrap();
        assert!(first.is_closed());
        streams.close("stream-1", &first);
        streams.show(&Arc::from("a"), Frame([1; 18]));
        assert_eq!(second.take_frames().len(), 1);
        assert!(streams.open("stream-2", 1).is_none());
        streams.close("stream-1", &second);
        assert_eq!(streams.count(), 0);
    }
}
