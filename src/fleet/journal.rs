//! The newest changes, once for all who follow: a reader who falls behind what is kept begins again with the whole picture.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes that are kept: of 10,000 nodes at a sample each 5 s, about a minute.
const BYTES_MAX: usize = 8 << 20;
/// The most batches: four minutes at four a second.
const BATCHES_MAX: usize = 960;

/// Where a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Which run of the dashboard numbers them.
    pub(super) epoch: u64,
    /// The batch that was read last.
    pub(super) number: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.epoch, self.number)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, number) = text.split_once('.').ok_or(())?;
        Ok(Self {
            epoch: u64::from_str_radix(epoch, 16).map_err(drop)?,
            number: number.parse().map_err(drop)?,
        })
    }
}

/// What comes after a cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This batch.
    Batch(Arc<[u8]>),
    /// Nothing yet.
    Nothing,
    /// It is not known any more.
    Lost,
}

/// Batches of changes, numbered.
#[derive(Debug)]
pub(super) struct Journal {
    epoch: u64,
    /// The number of the newest batch.
    newest: u64,
    batches: VecDeque<Arc<[u8]>>,
    bytes: usize,
}

impl Journal {
    pub(super) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            newest: 0,
            batches: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The cursor of a reader who has read all.
    pub(super) fn newest(&self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            number: self.newest,
        }
    }

    /// The cursor of the batch that comes next.
    pub(super) fn upcoming(&self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            number: self.newest + 1,
        }
    }

    /// Keeps a batch, and forgets the oldest ones when there is too much.
    pub(super) fn push(&mut self, batch: Vec<u8>) {
        self.newest += 1;
        self.bytes += batch.len();
        self.batches.push_back(batch.into());
        while self.bytes > BYTES_MAX || self.batches.len() > BATCHES_MAX {
            let Some(oldest) = self.batches.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
        }
    }

    /// What comes after this cursor.
    pub(super) fn after(&self, cursor: Cursor) -> Next {
        if cursor.epoch != self.epoch || cursor.number > self.newest {
            return Next::Lost;
        }
        let behind = self.newest - cursor.number;
        if behind == 0 {
            return Next::Nothing;
        }
        let place = usize::try_from(behind)
            .ok()
            .and_then(|behind| self.batches.len().checked_sub(behind));
        match place.and_then(|place| self.batches.get(place)) {
            Some(batch) => Next::Batch(Arc::clone(batch)),
            None => Next::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(journal: &Journal, number: u64) -> Next {
        journal.after(Cursor { epoch: 7, number })
    }

    #[test]
    fn a_reader_gets_what_comes_after_its_cursor() {
        let mut journal = Journal::new(7);
        assert_eq!(read(&journal, 0), Next::Nothing);
        journal.push(b"one".to_vec());
        journal.push(b"two".to_vec());
        assert_eq!(read(&journal, 0), Next::Batch((*b"one").into()));
        assert_eq!(read(&journal, 1), Next::Batch((*b"two").into()));
        assert_eq!(read(&journal, 2), Next::Nothing);
    }

    #[test]
    fn what_was_forgotten_never_was_or_is_of_another_run_is_lost() {
        let mut journal = Journal::new(7);
        for _ in 0..=BATCHES_MAX {
            journal.push(b"x".to_vec());
        }
        assert_eq!(read(&journal, 0), Next::Lost);
        assert_ne!(read(&journal, 1), Next::Lost);
        assert_eq!(read(&journal, BATCHES_MAX as u64 + 2), Next::Lost);
        let other = Cursor {
            epoch: 8,
            number: 1,
        };
        assert_eq!(journal.after(other), Next::Lost);
    }

    #[test]
    fn memory_is_bounded_by_bytes_too() {
        let mut journal = Journal::new(7);
        for _ in 0..3 {
            journal.push(vec![0; BYTES_MAX / 2]);
        }
        assert_eq!(journal.batches.len(), 2);
        assert_eq!(read(&journal, 0), Next::Lost);
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor {
            epoch: u64::MAX,
            number: 12,
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for odd in ["", ".", "x.1", "1.", "1.-1", "1"] {
            assert_eq!(odd.parse::<Cursor>(), Err(()), "{odd}");
        }
    }
}
