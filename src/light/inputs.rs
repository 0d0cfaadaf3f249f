//! What effects may look at besides the time.

use crate::units::Percent;

/// The newest readings of the host, as far as LEDs show them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Inputs {
    /// The whole machine's CPU load; `None` until two readings have been taken.
    pub cpu_load: Option<Percent>,
}
