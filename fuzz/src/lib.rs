//! What is done with each input: the bodies of the fuzz targets, and what `tests/corpus.rs` repeats with every input kept.
//!
//! Each takes any bytes, and panics when something is not as it has to be. Where an input has parts, they are separated by
//! the byte `FF`, which no UTF-8 text holds.

pub mod command;
pub mod config;
pub mod history;
pub mod inbound;
pub mod observe;
pub mod topics;

/// What a target does with an input; it panics when something is wrong.
pub type Target = fn(&[u8]);

/// The targets by their names.
pub const TARGETS: [(&str, Target); 6] = [
    ("command", command::run),
    ("config", config::run),
    ("history", history::run),
    ("inbound", inbound::run),
    ("observe", observe::run),
    ("topics", topics::run),
];

/// What separates the parts of an input.
const BETWEEN: u8 = 0xFF;

/// The next part of an input; empty when there are no more.
fn part<'a>(parts: &mut impl Iterator<Item = &'a [u8]>) -> &'a [u8] {
    parts.next().unwrap_or_default()
}
