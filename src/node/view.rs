//! A node as it is seen from within its process.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::light::LightState;
use crate::mqtt::Link;
use crate::panel::{OffSwitch, PanelHealth, Receipt};
use crate::protocol;
use crate::pulse::Pulses;
use crate::tasks::{Answer, Measured};
use crate::units::NodeId;

/// What can be seen of a node from within its process; each holds only the newest.
#[derive(Clone)]
pub struct View {
    /// Its id.
    pub id: NodeId,
    /// Whether the broker is there.
    pub link: watch::Receiver<Link>,
    /// What the LEDs are set to.
    pub state: watch::Receiver<LightState>,
    /// What has been read from the host.
    pub measured: Measured,
    /// How the panel is.
    pub panel: watch::Receiver<PanelHealth>,
    /// The newest frame that was latched.
    pub receipts: watch::Receiver<Option<Receipt>>,
    /// The newest answer to a command.
    pub answer: watch::Receiver<Option<Answer>>,
    /// Whether its loops turn.
    pub pulses: Pulses,
    /// Cancelled when it begins to stop, for whatever reason.
    pub stopping: CancellationToken,
    /// Darkens the LEDs when the node can't any more.
    pub off_switch: OffSwitch,
    /// The clock on which leases end.
    pub(super) clock: Clock,
}

impl View {
    /// What the LEDs are set to, as other programs read it.
    #[must_use]
    pub fn light(&mut self) -> Option<protocol::Report> {
        let state = self.state.borrow_and_update();
        let ends = state.ends.map(|end| self.clock.unix_millis_at(end));
        protocol::observe_light(&state, ends)
    }

    /// The newest answer, as other programs read it.
    #[must_use]
    pub fn last_result(&mut self) -> Option<protocol::Report> {
        let answer = self.answer.borrow_and_update();
        let answer = answer.as_ref()?;
        protocol::observe_outcome(answer.id.as_deref(), &answer.outcome)
            .map(protocol::Report::Result)
    }
}
