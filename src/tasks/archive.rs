//! The history on the disk, so that a restart does not lose it.
//!
//! Flash memory wears out by writes: nothing is written while the broker takes the samples. While it is away, what is new is
//! appended at long intervals and when the node stops. A delivery costs two small writes: one says that it has begun, and at its
//! end the file is removed. When the file has grown to its limit, or does not say any more what is so, it is replaced as a whole
//! by what memory holds (written beside, synced, renamed).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tracing::{debug, info, warn};

use crate::clock::{Clock, StepWatch};
use crate::telemetry::history::{History, Kept};
use crate::telemetry::journal::{self, BootId, Foreign};

/// Where the kernel names its start (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// It takes what it is given.
    Ok,
    /// It can't be written: the file system is full or read-only, or the folder is not the node's. Memory still holds the
    /// samples, and each write is tried again.
    Failing,
    /// It is something else, which is left alone.
    Foreign,
}

/// A file with a history.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    max_bytes: u64,
    boot: Option<BootId>,
    disk: Disk,
    /// The length of the file when all of it is right; `None`: the next write replaces it.
    length: Option<u64>,
    /// Whether the file says that what it holds is being sent.
    is_sending: bool,
    /// Whether there is, or may be, a file.
    exists: bool,
    /// Times in the file are by the clock as it was.
    clock: StepWatch,
}

/// What is to be done to the file.
enum Job {
    Append(Vec<u8>),
    Replace(Vec<u8>),
    Remove,
}

impl Archive {
    /// Opens the file, which may not be there, and reads what an earlier run has left; waits for the disk.
    #[must_use]
    pub fn open(path: PathBuf, max_bytes: u64, clock: &Clock) -> (Self, Vec<Kept>) {
        let boot = boot_id(Path::new(BOOT_ID));
        let mut archive = Self {
            path,
            max_bytes,
            boot,
            disk: Disk::Ok,
            length: None,
            is_sending: false,
            exists: true,
            clock: StepWatch::start(clock),
        };
        let left = archive.read();
        (archive, left)
    }

    /// How the file is.
    #[must_use]
    pub fn disk(&self) -> Disk {
        self.disk
    }

    fn read(&mut self) -> Vec<Kept> {
        let bytes = match read_at_most(&self.path, self.max_bytes) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.exists = false;
                return Vec::new();
            }
            Err(error) => {
                self.fail(&error);
                return Vec::new();
            }
        };
        let journal = match journal::decode(&bytes) {
            Ok(journal) => journal,
            Err(Foreign) => {
                warn!(
                    path = %self.path.display(),
                    "`history.file` is no history file, and is left alone; samples are kept in memory only: name another file"
                );
                self.disk = Disk::Foreign;
                return Vec::new();
            }
        };
        if journal.damaged > 0 || journal.is_torn {
            info!(
                path = %self.path.display(), damaged = journal.damaged, torn = journal.is_torn,
                "passed over what can't be read of the history"
            );
        } else {
            self.length = u64::try_from(bytes.len()).ok();
        }
        let during_this_boot = |taken: Option<BootId>| taken.is_some() && taken == self.boot;
        let kept: Vec<Kept> = journal
            .samples
            .into_iter()
            .map(|(mut kept, taken)| {
                if !during_this_boot(taken) {
                    kept.sample.stamp.since_boot = None;
                }
                kept
            })
            .collect();
        if !kept.is_empty() {
            info!(
                samples = kept.len(),
                "found samples that the broker does not have"
            );
        }
        kept
    }

    /// Puts on the disk what the history keeps.
    pub async fn save(&mut self, history: &mut History, clock: &Clock) {
        if self.disk == Disk::Foreign {
            return;
        }
        let was_set = self.clock.look(clock).is_some();
        if history.kept() == 0 {
            return self.clear().await;
        }
        if !history.has_unsaved() && self.length.is_some() && !was_set {
            return;
        }
        let unsaved = history.take_unsaved();
        let appended = self
            .length
            .filter(|_| !was_set && self.disk == Disk::Ok)
            .and_then(|length| {
                let mut bytes = Vec::new();
                self.encode(&mut bytes, unsaved, clock);
                let fits = length + bytes.len() as u64 <= self.max_bytes;
                fits.then_some((bytes, length))
            });
        match appended {
            Some((bytes, length)) => {
                let grown = length + bytes.len() as u64;
                self.write(Job::Append(bytes), Some(grown)).await;
            }
            None => {
                let bytes = self.whole(history, clock);
                let length = bytes.len() as u64;
                self.is_sending = false;
                self.write(Job::Replace(bytes), Some(length)).await;
            }
        }
    }

    /// Notes, once, that what the file holds is being sent: after a crash, it may have arrived.
    pub async fn note_sending(&mut self) {
        let Some(length) = self
            .length
            .filter(|_| !self.is_sending && self.disk == Disk::Ok)
        else {
            return;
        };
        let mut bytes = Vec::new();
        journal::append_sending(&mut bytes);
        self.is_sending = true;
        let grown = length + bytes.len() as u64;
        self.write(Job::Append(bytes), Some(grown)).await;
    }

    /// The file holds what has been delivered since: the next write replaces it.
    pub fn outdate(&mut self) {
        self.length = None;
    }

    /// Nothing is left to be kept.
    pub async fn clear(&mut self) {
        if self.exists && self.disk != Disk::Foreign {
            self.is_sending = false;
            self.write(Job::Remove, None).await;
        }
    }

    /// A file with everything that the history keeps; where that is too much, its oldest are thinned out as in memory.
    fn whole(&self, history: &History, clock: &Clock) -> Vec<u8> {
        let mut rest = History::new(history.kept() + 1);
        rest.restore(history.iter());
        loop {
            let mut bytes = journal::begin();
            self.encode(&mut bytes, rest.iter().collect(), clock);
            if bytes.len() as u64 <= self.max_bytes || !rest.thin() {
                return bytes;
            }
        }
    }

    fn encode(&self, out: &mut Vec<u8>, mut samples: Vec<Kept>, clock: &Clock) {
        for kept in &mut samples {
            kept.sample.stamp.unix_ms = clock.date_of(&kept.sample.stamp);
        }
        journal::append(out, &samples, self.boot);
    }

    /// Does it without keeping the LEDs waiting: flash memory may take its time.
    async fn write(&mut self, job: Job, length: Option<u64>) {
        let path = self.path.clone();
        let exists = !matches!(job, Job::Remove);
        let done = tokio::task::spawn_blocking(move || job.run(&path)).await;
        match done.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => {
                debug!(path = %self.path.display(), length, "wrote the history");
                if self.disk == Disk::Failing {
                    info!(path = %self.path.display(), "the history can be written again");
                }
                self.disk = Disk::Ok;
                self.length = length;
                self.exists = exists;
            }
            Err(error) => {
                self.fail(&error);
                // It may have been written in part.
                self.length = None;
                self.exists = true;
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the standard library's list of errors grows, and their own words serve"
    )]
    fn fail(&mut self, error: &io::Error) {
        if self.disk == Disk::Failing {
            debug!(%error, "still can't write the history");
            return;
        }
        self.disk = Disk::Failing;
        let what = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full",
            io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
            io::ErrorKind::PermissionDenied => "the node may not write there",
            _ => "it fails",
        };
        warn!(
            path = %self.path.display(), what, %error,
            "`history.file` can't be used; samples are kept in memory only until it can"
        );
    }
}

impl Job {
    fn run(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Append(bytes) => {
                let mut file = OpenOptions::new().append(true).open(path)?;
                file.write_all(&bytes)?;
                file.sync_data()
            }
            Self::Replace(bytes) => super::keeper::replace(path, &bytes),
            Self::Remove => super::keeper::remove(path),
        }
    }
}

/// More than the limit is not the node's own, and would only be thinned out again.
fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Which start of the host this is; `None` where the kernel does not tell.
fn boot_id(path: &Path) -> Option<BootId> {
    let text = fs::read_to_string(path).ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests;
