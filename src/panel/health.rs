//! What the panel says of itself.

use std::fmt;
use std::time::Instant;

use crate::light::Frame;

/// The condition the panel is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PanelState {
    /// Not tried yet.
    #[default]
    Starting,
    /// The last transfer was acknowledged.
    Ok,
    /// No such bus, or no answer on it.
    Missing,
    /// This user or container may not use the bus.
    Denied,
    /// A kernel driver holds the address.
    Busy,
    /// The bus hangs or garbles.
    Stuck,
    /// Anything else.
    Failed,
}

impl PanelState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Ok,
        Self::Missing,
        Self::Denied,
        Self::Busy,
        Self::Stuck,
        Self::Failed,
    ];

    /// The state's name in payloads and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Stuck => "stuck",
            Self::Failed => "failed",
        }
    }

    /// Tells whether this is a fault: tried, and not ok.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        !matches!(self, Self::Starting | Self::Ok)
    }
}

impl fmt::Display for PanelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The panel's condition and its counters since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PanelHealth {
    /// The condition.
    pub state: PanelState,
    /// What is wrong and what to do about it, while the state is a fault.
    pub detail: Option<String>,
    /// Frames that the chip acknowledged, refreshes and repairs included.
    pub frames_written: u64,
    /// Frames that a newer one replaced before they were written.
    pub frames_skipped: u64,
    /// Times the panel went into a fault or from one into another.
    pub faults: u64,
    /// Times the panel came back from a fault.
    pub recoveries: u64,
}

impl fmt::Display for PanelHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.state),
            None => self.state.fmt(f),
        }
    }
}

/// The panel's word that it shows a frame: the chip acknowledged the transfer that latched it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The number the frame was given with.
    pub number: u64,
    /// The frame.
    pub frame: Frame,
    /// When its transfer ended.
    pub at: Instant,
}
