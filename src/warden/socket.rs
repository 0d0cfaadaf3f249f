//! The place where a node is asked for its health: a Unix socket for its own user and root.

mod address;
mod client;
mod listener;

pub use address::Address;
pub use client::{AskError, ask};
pub(super) use listener::Listener;

use std::io;
use std::os::unix::net::UnixStream;

/// A report is far smaller; a detail names a bus of at most a path's length.
const REPORT_MAX: u64 = 16 * 1024;

/// The user of this process, without a call that is not safe: both ends of a pair are its own.
fn own_user() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    user_behind(&tokio_of(one)?)
}

fn tokio_of(stream: UnixStream) -> io::Result<tokio::net::UnixStream> {
    stream.set_nonblocking(true)?;
    tokio::net::UnixStream::from_std(stream)
}

/// The user at the other end.
fn user_behind(stream: &tokio::net::UnixStream) -> io::Result<u32> {
    Ok(stream.peer_cred()?.uid())
}
