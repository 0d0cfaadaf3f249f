//! When a sample was taken, and which one it is.

use std::fmt;
use std::time::Duration;

/// The start of 2026 in milliseconds since 1970: a clock that reads less has never been set.
pub const CLOCK_SET_SINCE_MS: i64 = 1_767_225_600_000;

/// One run of a node, from its start to its end: sequences count within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Run(pub u32);

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// When a sample was taken, and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The run of the node that took it.
    pub run: Run,
    /// Counts the samples of the run, from 0.
    pub sequence: u64,
    /// What the wall clock read, in milliseconds since 1970-01-01 UTC.
    pub unix_ms: i64,
    /// How long the host had been up, suspension included; `None` when that was before its latest start, so that it can't be
    /// compared any more.
    pub since_boot: Option<Duration>,
}

impl Stamp {
    /// Whether the wall clock had been set when it was read.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.unix_ms >= CLOCK_SET_SINCE_MS
    }
}
