//! What nodes tell once: results of commands and events, the newest of the whole fleet.

use std::collections::VecDeque;
use std::sync::Arc;

use super::row::append;
use crate::protocol;

/// The most notes of the whole fleet: a command to 10,000 nodes has as many results. About 200 bytes each.
const NOTES_MAX: usize = 20_000;
/// The longest note, in bytes; a result repeats at most 80 bytes of what was sent.
const NOTE_MAX: usize = 1024;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What became of a command.
    Result,
    /// What happened at the node.
    Event,
}

/// Something that a node told once.
#[derive(Debug)]
pub(super) struct Note {
    node: Arc<str>,
    kind: Kind,
    /// As published, with the node and the time, on one line.
    json: Box<[u8]>,
}

impl Note {
    /// Reads what was published; `None` for what is no object, or too long.
    pub(super) fn read(node: Arc<str>, at: i64, kind: Kind, payload: &[u8]) -> Option<Self> {
        if payload.len() > NOTE_MAX {
            return None;
        }
        let mut fields = protocol::read_object(payload)?;
        // Who tells it, and when, is not theirs to say.
        fields.insert("node".to_owned(), (*node).into());
        fields.insert("at".to_owned(), at.into());
        let mut json = Vec::new();
        append(&mut json, &fields);
        Some(Self {
            node,
            kind,
            json: json.into(),
        })
    }

    /// Appends it as a server-sent event.
    pub(super) fn tell(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(match self.kind {
            Kind::Result => b"event: result\ndata: ".as_slice(),
            Kind::Event => b"event: event\ndata: ",
        });
        to.extend_from_slice(&self.json);
        to.extend_from_slice(b"\n\n");
    }
}

/// The newest notes.
#[derive(Debug, Default)]
pub(super) struct Notes(VecDeque<Note>);

impl Notes {
    /// Keeps it, and forgets the oldest when there are too many.
    pub(super) fn keep(&mut self, note: Note) {
        if self.0.len() == NOTES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(note);
    }

    /// Appends the newest of a node as a JSON array, newest first.
    pub(super) fn write(&self, to: &mut Vec<u8>, node: &str, kind: Kind, count: usize) {
        let of_node = self.0.iter().rev();
        let of_node = of_node.filter(|note| *note.node == *node && note.kind == kind);
        to.push(b'[');
        for (number, note) in of_node.take(count).enumerate() {
            if number > 0 {
                to.push(b',');
            }
            to.extend_from_slice(&note.json);
        }
        to.push(b']');
    }
}
