//! The doctor: looks at everything between a person and glowing LEDs, and says what to do.
//!
//! ```text
//! /proc, /sys, /dev ── Readings ─┐                        ┌─▶ text for people
//! a probe of the chip ── Probe ──┼──▶ Findings ──▶ Report ┤
//! the broker ── mqtt::Exam ──────┘    pure                └─▶ JSON for programs
//! ```
//!
//! What is read and what it means are kept apart: everything that judges is a function of readings, so that each host that goes
//! wrong can be made up in a test.

mod broker;
mod clock;
mod configuration;
mod finding;
mod host;
mod panel;
mod place;
mod probe;
mod readings;
mod report;
mod text;

pub use broker::{Subject, broker};
pub use clock::clock;
pub use configuration::{Writable, configuration, problems};
pub use finding::{Finding, Level, Section, Step};
pub use host::host;
pub use panel::{Target, panel};
pub use place::{Engine, Place};
pub(crate) use probe::within;
pub use probe::{Probe, probe};
pub use readings::{
    Adapter, BootFile, Client, Device, Holder, Readings, Surroundings, Traces, User,
};
pub use report::Report;
pub use text::render;

#[cfg(test)]
mod tests;
