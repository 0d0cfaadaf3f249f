//! The nodes' history across a restart: one file, written by a thread of its own in batches that are there whole or not at all.
//!
//! A disk that is full ends nothing: the history goes on in memory, and every batch tries again with what is owed.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::{fs, mem};

use redb::{
    Builder, Database, Error, ReadableDatabase, ReadableTable, TableDefinition, TableError,
};
use tracing::{info, warn};

use super::registry::{Page, SLOT_SPANS, SPANS};

/// Means and maxima of all nodes, by the number of the span.
const SPAN_TABLE: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("spans");
/// The slots of all nodes, by the number of the span they are in; an hour of them.
const SLOT_TABLE: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("slots");

/// Pages in memory, in bytes: what is written is not read again.
const CACHE: usize = 1 << 20;

/// What a file begins with whose making was cut short, or whose beginning a power cut took: as many zeros as the mark of a
/// database has bytes, which redb writes last. Nothing in it can be read.
const UNMADE: [u8; 9] = [0; 9];

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its folder can't be made.
    #[error("`fleet.history_file` is {path}, whose folder can't be made")]
    Folder {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else, another dashboard has it, or it can't be written.
    #[error("`fleet.history_file` is {path}, which can't be used")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<Error>,
    },
    /// It is damaged, and can't be put aside.
    #[error("`fleet.history_file` is {path}, which is damaged and can't be moved to {aside}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it was to be moved.
        aside: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether there is no room for it, which may change.
    fn is_full(&self) -> bool {
        let full = |error: &io::Error| {
            use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
            matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        };
        match self {
            Self::Folder { source, .. } => full(source),
            Self::File { source, .. } => matches!(&**source, Error::Io(error) if full(error)),
            Self::Damaged { .. } => false,
        }
    }
}

/// What became of the batches.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    is_failing: AtomicBool,
    failures: AtomicU64,
    /// The spans that were handed over and not written.
    owed: Mutex<BTreeSet<i64>>,
}

impl Ledger {
    /// Whether the last batch was not written.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// How many batches were not written.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn owed(&self) -> BTreeSet<i64> {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *owed)
    }

    /// Notes that these were not written; whether that is news.
    fn fail(&self, batch: &[Page]) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.extend(batch.iter().map(|page| page.span));
        while owed.len() > SPANS {
            owed.pop_first();
        }
        !self.is_failing.swap(true, Ordering::Relaxed)
    }

    /// Notes that a batch was written; whether that is news.
    fn succeed(&self) -> bool {
        self.is_failing.swap(false, Ordering::Relaxed)
    }
}

/// How a file becomes a database; tests fill the disk here.
type Create = Box<dyn Fn(&Path) -> Result<Database, Error> + Send>;

/// The file, and the thread that writes it.
pub(super) struct Store {
    pages: Option<SyncSender<Vec<Page>>>,
    thread: Option<JoinHandle<()>>,
    ledger: Arc<Ledger>,
}

impl Store {
    /// Opens the file, or makes one; what it holds.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Page>), StoreError> {
        Self::open_by(Box::new(create), path)
    }

    fn open_by(create: Create, path: &Path) -> Result<(Self, Vec<Page>), StoreError> {
        let (writer, kept) = Writer::open(create, path)?;
        let ledger = Arc::clone(&writer.ledger);
        // One batch may wait while another is written.
        let (pages, batches) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer.run(&batches))
            .map_err(|error| StoreError::File {
                path: path.to_owned(),
                source: Box::new(Error::Io(error)),
            })?;
        let store = Self {
            pages: Some(pages),
            thread: Some(thread),
            ledger,
        };
        Ok((store, kept))
    }

    /// What becomes of the batches.
    pub(super) fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// The spans that were handed over and not written, which are the caller's again.
    pub(super) fn owed(&self) -> BTreeSet<i64> {
        self.ledger.owed()
    }

    /// Hands a batch over; whether it was taken: the thread is busy when it was not.
    pub(super) fn save(&self, batch: Vec<Page>) -> bool {
        match self.pages.as_ref().map(|pages| pages.try_send(batch)) {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Disconnected(batch))) => {
                // It has panicked, and said why.
                self.ledger.fail(&batch);
                false
            }
            Some(Err(TrySendError::Full(_))) | None => false,
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

/// Who writes.
struct Writer {
    create: Create,
    path: PathBuf,
    /// `None`: it could not be opened, or something could not be written, after which it takes nothing more until it is opened
    /// anew (`redb::Error::PreviousIo`).
    database: Option<Database>,
    ledger: Arc<Ledger>,
}

impl Writer {
    fn open(create: Create, path: &Path) -> Result<(Self, Vec<Page>), StoreError> {
        let opened = open(&create, path).and_then(|database| {
            let kept = read(&database).map_err(|error| unusable(path, error))?;
            Ok((database, kept))
        });
        let ledger = Ledger::default();
        let (database, kept) = match opened {
            Ok((database, kept)) => (Some(database), kept),
            Err(error) if error.is_full() => {
                ledger.fail(&[]);
                complain(path, &error);
                (None, peek(path))
            }
            Err(error) => return Err(error),
        };
        let writer = Self {
            create,
            path: path.to_owned(),
            database,
            ledger: Arc::new(ledger),
        };
        Ok((writer, kept))
    }

    fn run(mut self, batches: &Receiver<Vec<Page>>) {
        for batch in batches {
            self.take(&batch);
        }
    }

    fn take(&mut self, batch: &[Page]) {
        if batch.is_empty() {
            return;
        }
        match self.write(batch) {
            Ok(()) if self.ledger.succeed() => {
                info!(path = %self.path.display(), "history is written again");
            }
            Ok(()) => {}
            Err(error) => {
                if self.ledger.fail(batch) {
                    complain(&self.path, &error);
                }
            }
        }
    }

    fn write(&mut self, batch: &[Page]) -> Result<(), StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.create, &self.path)?,
        };
        write(&database, batch).map_err(|error| unusable(&self.path, error))?;
        self.database = Some(database);
        Ok(())
    }
}

/// Says once that the file can't be written.
fn complain(path: &Path, error: &StoreError) {
    let reason = std::error::Error::source(error).map(ToString::to_string);
    warn!(
        path = %path.display(),
        reason,
        "history is not written and goes on in memory; make room there, or name another `fleet.history_file`: it is tried again \
         every five minutes"
    );
}

fn unusable(path: &Path, source: Error) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

/// Makes a database of a file; one that exists is read through, and whole.
fn create(path: &Path) -> Result<Database, Error> {
    let mut builder = Builder::new();
    builder
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(true);
    Ok(builder.create(path)?)
}

/// Opens the file, or makes one. What is damaged is put aside.
fn open(create: &Create, path: &Path) -> Result<Database, StoreError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
            path: path.to_owned(),
            source,
        })?;
    }
    let opened = match create(path) {
        Err(Error::Io(error)) if error.kind() == ErrorKind::InvalidData && is_unmade(path) => {
            fs::write(path, [])
                .map_err(Error::Io)
                .and_then(|()| create(path))
        }
        Err(Error::Corrupted(what)) => {
            put_aside(path, &what)?;
            create(path)
        }
        Err(Error::Io(error)) if error.kind() == ErrorKind::UnexpectedEof => {
            put_aside(path, "it ends too early")?;
            create(path)
        }
        opened => opened,
    };
    opened.map_err(|error| unusable(path, error))
}

fn is_unmade(path: &Path) -> bool {
    let mut beginning = UNMADE;
    beginning.fill(1);
    let read =
        fs::File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut beginning));
    read.is_ok() && beginning == UNMADE
}

/// Moves a damaged file out of the way; one that was moved before is replaced.
fn put_aside(path: &Path, what: &str) -> Result<(), StoreError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    let aside = PathBuf::from(aside);
    fs::rename(path, &aside).map_err(|source| StoreError::Damaged {
        path: path.to_owned(),
        aside: aside.clone(),
        source,
    })?;
    warn!(path = %path.display(), aside = %aside.display(), what, "the history is damaged and was moved aside; it begins anew");
    Ok(())
}

/// What a file holds that can only be read; nothing where it was not closed whole.
fn peek(path: &Path) -> Vec<Page> {
    let database = Builder::new().set_cache_size(CACHE).open_read_only(path);
    let read = database
        .map_err(Error::from)
        .and_then(|database| read(&database));
    read.unwrap_or_default()
}

fn read(database: &impl ReadableDatabase) -> Result<Vec<Page>, Error> {
    let reading = database.begin_read()?;
    let spans = match reading.open_table(SPAN_TABLE) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        spans => spans?,
    };
    let slots = reading.open_table(SLOT_TABLE)?;
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
    use proptest::prelude::*;
    use redb::StorageBackend;
    use redb::backends::FileBackend;

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
        let diary = "a diary, not a database; it is long enough to be looked at";
        fs::write(&path, diary).unwrap();
        let refused = Store::open(&path).err().unwrap().to_string();
        assert!(refused.starts_with("`fleet.history_file` is "), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), diary);
        let other = folder.path().join("other.redb");
        let (_store, _) = Store::open(&other).unwrap();
        assert!(Store::open(&other).is_err());
    }

    /// A file on a disk that may be full: then it can't grow, and what it has can't be written either, as where a file system
    /// writes elsewhere (copy on write).
    #[derive(Debug)]
    struct Scarce {
        file: FileBackend,
        is_full: Arc<AtomicBool>,
    }

    impl Scarce {
        fn create(is_full: &Arc<AtomicBool>) -> Create {
            let is_full = Arc::clone(is_full);
            Box::new(move |path| {
                let file = fs::File::options()
                    .read(true)
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(path)?;
                let backend = Self {
                    file: FileBackend::new(file)?,
                    is_full: Arc::clone(&is_full),
                };
                let mut builder = Builder::new();
                builder.set_check_integrity_on_open(true);
                Ok(builder.create_with_backend(backend)?)
            })
        }

        fn room(&self) -> Result<(), io::Error> {
            if self.is_full.load(Ordering::Relaxed) {
                return Err(ErrorKind::StorageFull.into());
            }
            Ok(())
        }
    }

    impl StorageBackend for Scarce {
        fn len(&self) -> Result<u64, io::Error> {
            self.file.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
            self.file.read(offset, out)
        }

        fn set_len(&self, len: u64) -> Result<(), io::Error> {
            // Empty places take no room.
            self.file.set_len(len)
        }

        fn sync_data(&self) -> Result<(), io::Error> {
            self.file.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
            self.room()?;
            self.file.write(offset, data)
        }

        fn close(&self) -> Result<(), io::Error> {
            self.file.close()
        }
    }

    fn spans(pages: &[Page]) -> Vec<i64> {
        pages.iter().map(|page| page.span).collect()
    }

    #[test]
    fn what_a_full_disk_did_not_take_is_owed_and_written_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        let is_full = Arc::new(AtomicBool::new(false));
        let (mut writer, _) = Writer::open(Scarce::create(&is_full), &path).unwrap();
        writer.take(&[page(1000)]);
        is_full.store(true, Ordering::Relaxed);
        for span in [1001, 1002] {
            writer.take(&[page(span)]);
            assert!(writer.ledger.is_failing());
        }
        assert_eq!(writer.ledger.failures(), 2);
        assert_eq!(writer.ledger.owed(), BTreeSet::from([1001, 1002]));
        assert_eq!(writer.ledger.owed(), BTreeSet::new());
        is_full.store(false, Ordering::Relaxed);
        writer.take(&[]);
        assert!(writer.ledger.is_failing());
        writer.take(&[page(1001), page(1002), page(1003)]);
        assert!(!writer.ledger.is_failing());
        drop(writer);
        let (_, kept) = Store::open(&path).unwrap();
        assert_eq!(spans(&kept), [1000, 1001, 1002, 1003]);
    }

    #[test]
    fn a_disk_that_is_full_at_the_start_keeps_no_dashboard_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        for (name, before) in [("fresh", vec![]), ("known", vec![page(1000)])] {
            let path = folder.path().join(name);
            if !before.is_empty() {
                let (store, _) = Store::open(&path).unwrap();
                store.close(before.clone());
            }
            let is_full = Arc::new(AtomicBool::new(true));
            let (mut writer, kept) = Writer::open(Scarce::create(&is_full), &path).unwrap();
            assert!(writer.ledger.is_failing(), "{name}");
            assert_eq!(kept, before, "{name}");
            writer.take(&[page(1001)]);
            is_full.store(false, Ordering::Relaxed);
            writer.take(&[page(1002)]);
            drop(writer);
            let (_, kept) = Store::open(&path).unwrap();
            assert_eq!(spans(&kept)[before.len()..], [1002], "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_file_is_put_aside_or_still_good_and_never_in_the_way(
            place in 0.0..1.0_f64,
            noise in proptest::collection::vec(any::<u8>(), 1..200),
            cut in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("fleet.redb");
            let (store, _) = Store::open(&path).unwrap();
            store.close((1000..1010).map(page).collect());
            let mut bytes = fs::read(&path).unwrap();
            // Without its mark it could be anything.
            let at = 9 + (place * (bytes.len() - 9) as f64) as usize;
            if cut {
                bytes.truncate(at);
            } else {
                let end = (at + noise.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&noise[..end - at]);
            }
            fs::write(&path, &bytes).unwrap();
            let (store, kept) = Store::open(&path).unwrap();
            let is_aside = folder.path().join("fleet.redb.damaged").exists();
            prop_assert!(kept.is_empty() == is_aside, "{} pages, aside: {is_aside}", kept.len());
            if !is_aside {
                prop_assert_eq!(kept, (1000..1010).map(page).collect::<Vec<_>>());
            }
            store.close(vec![page(2000)]);
            let (_, kept) = Store::open(&path).unwrap();
            prop_assert_eq!(kept.last(), Some(&page(2000)));
        }
    }

    #[test]
    fn whatever_byte_of_its_header_is_wrong_a_file_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        let (store, _) = Store::open(&path).unwrap();
        store.close(vec![page(1000)]);
        let good = fs::read(&path).unwrap();
        // Behind its mark, without which it could be anything.
        for at in UNMADE.len()..320 {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            fs::write(&path, bytes).unwrap();
            match Store::open(&path) {
                Ok((store, _)) => store.close(Vec::new()),
                Err(error) => panic!("byte {at}: {error:?}"),
            }
        }
    }

    #[test]
    fn a_file_of_which_only_the_beginning_is_left_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        for length in [9, 64, 300, 4096] {
            let (store, _) = Store::open(&path).unwrap();
            store.close(vec![page(1000)]);
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(length).unwrap();
            let (store, kept) = Store::open(&path).unwrap();
            assert!(kept.is_empty(), "{length}");
            store.close(Vec::new());
            let aside = folder.path().join("fleet.redb.damaged");
            assert_eq!(fs::metadata(&aside).unwrap().len(), length);
            fs::remove_file(&aside).unwrap();
        }
    }

    #[test]
    fn a_file_of_zeros_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        fs::write(&path, [0; 8192]).unwrap();
        let (store, kept) = Store::open(&path).unwrap();
        assert!(kept.is_empty());
        store.close(vec![page(1000)]);
        let (_, kept) = Store::open(&path).unwrap();
        assert_eq!(kept, [page(1000)]);
    }
}
