//! The node's end.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Address, own_user, user_behind};
use crate::warden::PATIENCE;
use crate::warden::checkup::Checkup;

/// How long whoever asks may take to read the answer, which fits into the socket's buffer.
const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// 200 ms: whoever asks without a pause wakes the loops ten times a second, since two answer, not without a pause.
const PAUSE: Duration = Duration::from_millis(200);

/// A socket that answers; its file goes with it.
pub(in crate::warden) struct Listener {
    listener: StdListener,
    _file: Option<OwnFile>,
}

/// A file that is removed when nobody listens any more.
struct OwnFile(PathBuf);

impl Drop for OwnFile {
    fn drop(&mut self) {
        // Whoever removed it before meant the same.
        drop(fs::remove_file(&self.0));
    }
}

impl Listener {
    /// Takes the address; a file that a killed process left behind is replaced, one that somebody listens at is not.
    pub(in crate::warden) fn bind(address: &Address) -> io::Result<Self> {
        let file = match address {
            Address::Name(_) => None,
            Address::File(path) => {
                remove_stale(path)?;
                Some(path)
            }
        };
        // By the runtime's: it knows names that are no file.
        let listener = UnixListener::bind(address.as_path())?.into_std()?;
        let file = match file {
            Some(path) => {
                let own = OwnFile(path.clone());
                fs::set_permissions(path, Permissions::from_mode(0o600))?;
                Some(own)
            }
            None => None,
        };
        Ok(Self {
            listener,
            _file: file,
        })
    }

    /// The same place for somebody else who listens there; the file does not go with this one.
    pub(in crate::warden) fn another(&self) -> io::Result<Self> {
        Ok(Self {
            listener: self.listener.try_clone()?,
            _file: None,
        })
    }

    /// Answers one after the other, for ever. Nothing is read: to connect is to ask.
    pub(in crate::warden) async fn serve(self, checkup: &Checkup) {
        let ready = own_user().and_then(|user| Ok((user, UnixListener::from_std(self.listener)?)));
        let (user, listener) = match ready {
            Ok(ready) => ready,
            Err(error) => {
                warn!(%error, "nobody can ask for this node's health");
                return;
            }
        };
        loop {
            let accepted = listener.accept().await;
            let next = Instant::now() + PAUSE;
            let answered = match accepted {
                Ok((stream, _)) => answer(stream, user, checkup).await,
                // Out of file descriptors: others close theirs.
                Err(error) => Err(error),
            };
            if let Err(error) = answered {
                debug!(%error, "who asked for the node's health was not answered");
            }
            tokio::time::sleep_until(next).await;
        }
    }
}

async fn answer(mut stream: UnixStream, user: u32, checkup: &Checkup) -> io::Result<()> {
    // A name has no permissions, and those of a file come after it.
    let asks = user_behind(&stream)?;
    if asks != user && asks != 0 {
        debug!(asks, "somebody else asked for the node's health");
        return Ok(());
    }
    let mut line = serde_json::to_vec(&checkup.report(PATIENCE).await)?;
    line.push(b'\n');
    tokio::time::timeout(WRITE_LIMIT, stream.write_all(&line)).await?
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type().is_socket(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !is_socket {
        return Err(io::Error::other("there is a file that is no socket"));
    }
    match StdStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process answers there",
        )),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}
