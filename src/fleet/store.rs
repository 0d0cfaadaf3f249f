//! The nodes' history across a restart: one file, written by a thread of its own in batches that are there whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tracing::{info, warn};

use super::registry::{Page, SLOT_SPANS, SPANS};

/// Means and maxima of all nodes, by the number of the span.
const SPAN_TABLE: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("spans");
/// The slots of all nodes, by the number of the span they are in; an hour of them.
const SLOT_TABLE: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("slots");

/// Pages in memory, in bytes: what is written is not read again.
const CACHE: usize = 1 << 20;

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its folder can't be made.
    #[error("`fleet.history_file` is {path}, whose folder can't be made")]
    Folder {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else, another dashboard has it, or it can't be written.
    #[error("`fleet.history_file` is {path}, which can't be used")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<redb::Error>,
    },
}

/// The file, and the thread that writes it.
pub(super) struct Store {
    pages: Option<SyncSender<Vec<Page>>>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens the file, or makes one; what it holds.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Page>), StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
                path: path.to_owned(),
                source,
            })?;
        }
        let unusable = |source: redb::Error| StoreError::File {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create(path)
            .map_err(|error| unusable(error.into()))?;
        let kept = read(&database).map_err(unusable)?;
        // One batch may wait while another is written.
        let (pages, batches) = sync_channel(1);
        let path = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || write_all(&database, &batches, &path))
            .map_err(|error| StoreError::File {
                path: PathBuf::new(),
                source: Box::new(redb::Error::Io(error)),
            })?;
        let store = Self {
            pages: Some(pages),
            thread: Some(thread),
        };
        Ok((store, kept))
    }

    /// Hands a batch over; whether it was taken: the thread is busy when it was not.
    pub(super) fn save(&self, batch: Vec<Page>) -> bool {
        match self.pages.as_ref().map(|pages| pages.try_send(batch)) {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) | None => false,
        }
    }

    /// Hands over the last batch and waits until all is written.
    pub(super) fn close(mut self, batch: Vec<Page>) {
        if let Some(pages) = self.pages.take() {
            // Gone: the thread has said why.
            drop(pages.send(batch));
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn read(database: &Database) -> Result<Vec<Page>, redb::Error> {
    let begin = database.begin_write()?;
    begin.open_table(SPAN_TABLE)?;
    begin.open_table(SLOT_TABLE)?;
    begin.commit()?;
    let reading = database.begin_read()?;
    let (spans, slots) = (
        reading.open_table(SPAN_TABLE)?,
        reading.open_table(SLOT_TABLE)?,
    );
    let mut pages = Vec::new();
    for entry in spans.iter()? {
        let (span, means) = entry?;
        let span = span.value();
        let slots = slots.get(span)?;
        pages.push(Page {
            span,
            means: means.value().to_vec(),
            slots: slots
                .map(|slots| slots.value().to_vec())
                .unwrap_or_default(),
        });
    }
    Ok(pages)
}

fn write_all(database: &Database, batches: &Receiver<Vec<Page>>, path: &Path) {
    let mut failed = false;
    for batch in batches {
        match write(database, &batch) {
            Ok(()) if std::mem::take(&mut failed) => {
                info!(path = %path.display(), "history is written again")
            }
            Ok(()) => {}
            Err(error) => {
                if !std::mem::replace(&mut failed, true) {
                    warn!(%error, path = %path.display(), "history is not written; it goes on in memory");
                }
            }
        }
    }
}

fn write(database: &Database, batch: &[Page]) -> Result<(), redb::Error> {
    let Some(newest) = batch.iter().map(|page| page.span).max() else {
        return Ok(());
    };
    let writing = database.begin_write()?;
    {
        let mut spans = writing.open_table(SPAN_TABLE)?;
        let mut slots = writing.open_table(SLOT_TABLE)?;
        for page in batch {
            spans.insert(page.span, page.means.as_slice())?;
            if !page.slots.is_empty() {
                slots.insert(page.span, page.slots.as_slice())?;
            }
        }
        spans.retain_in(..=newest - SPANS as i64, |_, _| false)?;
        slots.retain_in(..newest - SLOT_SPANS, |_, _| false)?;
    }
    writing.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(span: i64) -> Page {
        Page {
            span,
            means: vec![1, 2, 3],
            slots: vec![4, 5],
        }
    }

    #[test]
    fn what_was_saved_is_there_after_a_restart_and_what_is_old_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/fleet.redb");
        let (store, kept) = Store::open(&path).unwrap();
        assert!(kept.is_empty());
        store.close(vec![page(1000)]);
        let (store, kept) = Store::open(&path).unwrap();
        assert_eq!(kept, [page(1000)]);
        store.close(vec![page(1020), page(1000 + SPANS as i64 - 1)]);
        let (store, kept) = Store::open(&path).unwrap();
        let slotless = Page {
            slots: Vec::new(),
            ..page(1000)
        };
        let other = Page {
            slots: Vec::new(),
            ..page(1020)
        };
        assert_eq!(kept, [slotless, other, page(1000 + SPANS as i64 - 1)]);
        store.close(vec![page(1000 + SPANS as i64)]);
        let (_, kept) = Store::open(&path).unwrap();
        assert_eq!(kept.first().map(|page| page.span), Some(1020));
    }

    #[test]
    fn a_file_of_something_else_and_one_in_use_are_refused_by_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        std::fs::write(
            &path,
            "a diary, not a database; it is long enough to be looked at",
        )
        .unwrap();
        let refused = Store::open(&path).err().unwrap().to_string();
        assert!(refused.starts_with("`fleet.history_file` is "), "{refused}");
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .starts_with("a diary")
        );
        let other = folder.path().join("other.redb");
        let (_store, _) = Store::open(&other).unwrap();
        assert!(Store::open(&other).is_err());
    }
}
