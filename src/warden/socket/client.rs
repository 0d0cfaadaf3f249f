//! The end of whoever asks.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::{Address, REPORT_MAX, own_user, user_behind};
use crate::warden::{PATIENCE, Report};

/// What a node needs to say that a loop is stuck, and a second more.
const ANSWER_LIMIT: Duration = PATIENCE.saturating_add(Duration::from_secs(1));

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error(
        "no node answers at {address}: is it running, with the same `node.id` and `health.socket`, on this machine?"
    )]
    NoNode {
        /// Where it was looked for.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else listens.
    #[error("{address} belongs to user {user}, not to this one; ask as that user or as root")]
    NotOurs {
        /// Where it was asked.
        address: Address,
        /// Who listens.
        user: u32,
    },
    /// The node closed without an answer.
    #[error("the node at {0} refuses to answer; ask as its user or as root")]
    Refused(Address),
    /// The process is there and does not answer: it hangs as a whole.
    #[error("the node at {0} does not answer within {ANSWER_LIMIT:?}: its process hangs")]
    Silent(Address),
    /// The answer is none of ours.
    #[error("what answers at {address} is no piglow-node of this version")]
    Foreign {
        /// Where it was asked.
        address: Address,
        /// What is wrong with the answer.
        source: serde_json::Error,
    },
}

/// Asks the node at an address for its health.
///
/// # Errors
///
/// Tells why there is no answer.
pub async fn ask(address: &Address) -> Result<Report, AskError> {
    tokio::time::timeout(ANSWER_LIMIT, exchange(address))
        .await
        .unwrap_or_else(|_| Err(AskError::Silent(address.clone())))
}

async fn exchange(address: &Address) -> Result<Report, AskError> {
    let no_node = |source| AskError::NoNode {
        address: address.clone(),
        source,
    };
    let mut stream = UnixStream::connect(address.as_path())
        .await
        .map_err(no_node)?;
    let user = user_behind(&stream).map_err(no_node)?;
    let own = own_user().map_err(no_node)?;
    if user != own && own != 0 {
        return Err(AskError::NotOurs {
            address: address.clone(),
            user,
        });
    }
    let mut answer = Vec::new();
    let read = (&mut stream)
        .take(REPORT_MAX)
        .read_to_end(&mut answer)
        .await;
    if read.is_err() || answer.is_empty() {
        return Err(AskError::Refused(address.clone()));
    }
    serde_json::from_slice(&answer).map_err(|source| AskError::Foreign {
        address: address.clone(),
        source,
    })
}
