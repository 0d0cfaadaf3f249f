//! What a stopped courier leaves behind.

use tracing::info;

use super::archive::Archive;
use super::courier::number;
use crate::clock::Clock;
use crate::mqtt::Link;
use crate::telemetry::history::History;

/// What is left when a courier has stopped.
pub struct Remains {
    /// The connection on which the last samples were sent.
    pub(super) connection: u64,
    /// The connection on which a batch was sent that is not acknowledged.
    pub(super) batch: Option<u64>,
    pub(super) history: History,
    pub(super) archive: Option<Archive>,
    pub(super) clock: Clock,
}

impl Remains {
    /// Puts on the disk what the broker does not have; `proof` is the connection, if there is one, on which the broker has
    /// acknowledged something sent after all samples.
    pub async fn settle(mut self, proof: Option<Link>) {
        let proof = proof.map(number).filter(|connection| *connection != 0);
        if proof == Some(self.connection) {
            self.history.prove(self.history.mark());
        }
        if proof.is_some() && proof == self.batch {
            self.history.delivered();
        } else {
            self.history.undelivered();
        }
        self.history.doubt();
        let lost = self.history.kept();
        match &mut self.archive {
            Some(archive) => archive.save(&mut self.history, &self.clock).await,
            None if lost > 0 => info!(
                samples = lost,
                "samples that the broker does not have are lost; `history.file` would keep them"
            ),
            None => {}
        }
    }
}
