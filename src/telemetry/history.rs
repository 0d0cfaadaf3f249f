//! Samples that the broker may not have, in a bounded space that thins out the oldest.

use std::collections::VecDeque;

use super::{Sample, record};

/// The fewest samples a history holds: fewer would save nothing.
pub const CAPACITY_MIN: usize = 60;

/// Samples that the broker does not have, or may not have.
///
/// A sample is *kept* until a batch with it is acknowledged. One that was sent while it was taken is *unproven* until the broker
/// has acknowledged something that was sent after it; when the link is lost before that, it is kept, in doubt.
///
/// Both together never exceed the capacity. When there is no room, every second sample of the older half of what is kept is
/// dropped, so that the newest half is whole and the oldest becomes sparse, not cut off. Each dropped one is counted on its
/// successor, so that a batch tells what is missing before each of its samples.
#[derive(Debug)]
pub struct History {
    capacity: usize,
    kept: VecDeque<Entry>,
    /// The first of `kept`, which are on their way in a batch and are not dropped.
    sending: usize,
    unproven: VecDeque<Entry>,
    /// Samples that have been sent as they were taken, ever.
    sent: u64,
    /// Dropped samples with no successor yet.
    missing: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: Box<[u8]>,
    /// Samples dropped directly before it.
    missing: u64,
    /// Whether the broker may have it.
    in_doubt: bool,
    /// Whether it is on the disk.
    is_saved: bool,
}

/// A point in the stream of samples sent as they were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Mark {
    /// The mark behind the next sample.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A kept sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The sample.
    pub sample: Sample,
    /// Samples that were dropped directly before it.
    pub missing: u64,
    /// Whether the broker may have it already.
    pub in_doubt: bool,
}

/// The oldest kept samples: those in doubt first, then those that are not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// The samples, oldest first.
    pub samples: Vec<Sample>,
    /// How many of them, from the first, the broker may have already.
    pub in_doubt: usize,
    /// Samples that are missing between the sample before the batch and its last one, because there was no room.
    pub dropped: u64,
    /// Samples that are kept and not in the batch.
    pub remaining: usize,
}

impl History {
    /// An empty history with room for this many samples, at least [`CAPACITY_MIN`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(CAPACITY_MIN),
            kept: VecDeque::new(),
            sending: 0,
            unproven: VecDeque::new(),
            sent: 0,
            missing: 0,
        }
    }

    /// How many samples are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// How many samples were sent and are not proven to have arrived.
    #[must_use]
    pub fn unproven(&self) -> usize {
        self.unproven.len()
    }

    /// How many samples were dropped among those that are kept.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.missing + self.kept.iter().map(|entry| entry.missing).sum::<u64>()
    }

    /// Keeps a sample that was not sent.
    pub fn keep(&mut self, sample: &Sample) {
        self.make_room();
        let entry = Entry::of(sample, 0, false);
        // After a full queue, older ones may still be unproven: they are put before it when they have to be.
        self.insert(entry);
    }

    /// Notes a sample that was sent as it was taken.
    pub fn note_sent(&mut self, sample: &Sample) {
        self.make_room();
        self.unproven.push_back(Entry::of(sample, 0, false));
        self.sent += 1;
    }

    /// Everything sent up to here, to be [proven](Self::prove) when the broker acknowledges something sent after it.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.sent)
    }

    /// The broker has read everything up to the mark.
    pub fn prove(&mut self, mark: Mark) {
        while !self.unproven.is_empty() && self.sent - (self.unproven.len() as u64) < mark.0 {
            self.unproven.pop_front();
        }
    }

    /// The link is lost: what was sent and not proven may not have arrived.
    pub fn doubt(&mut self) {
        while let Some(entry) = self.unproven.pop_front() {
            self.insert(Entry {
                in_doubt: true,
                ..entry
            });
        }
    }

    /// The oldest kept samples, at most this many; `None` when nothing is kept.
    #[must_use]
    pub fn oldest(&self, most: usize) -> Option<Batch> {
        let first_certain = self.kept.iter().position(|entry| !entry.in_doubt);
        let in_doubt = first_certain.unwrap_or(self.kept.len());
        let certain = self
            .kept
            .iter()
            .skip(in_doubt)
            .take_while(|entry| !entry.in_doubt);
        let count = (in_doubt + certain.count()).min(most);
        let entries = self.kept.iter().take(count);
        let samples: Vec<Sample> = entries.clone().filter_map(Entry::sample).collect();
        (!samples.is_empty()).then(|| Batch {
            in_doubt: in_doubt.min(count),
            dropped: entries.map(|entry| entry.missing).sum(),
            remaining: self.kept.len() - count,
            samples,
        })
    }

    /// The first samples, this many, are on their way: they stay as they are until it is known what became of them.
    pub fn begin(&mut self, count: usize) {
        self.sending = count.min(self.kept.len());
    }

    /// What was on its way has arrived.
    pub fn delivered(&mut self) {
        self.kept.drain(..self.sending);
        self.sending = 0;
    }

    /// What was on its way may not have arrived.
    pub fn undelivered(&mut self) {
        for entry in self.kept.iter_mut().take(self.sending) {
            // What is on the disk does not know of it.
            entry.is_saved = entry.is_saved && entry.in_doubt;
            entry.in_doubt = true;
        }
        self.sending = 0;
    }

    /// Drops the oldest sample, which nobody takes.
    pub fn drop_oldest(&mut self) {
        if self.sending == 0
            && let Some(entry) = self.kept.pop_front()
        {
            let missing = entry.missing + 1;
            match self.kept.front_mut() {
                Some(next) => next.missing += missing,
                None => self.missing += missing,
            }
        }
    }

    /// Takes in what an earlier run has left; to be called before anything else is kept.
    pub fn restore(&mut self, left: impl IntoIterator<Item = Kept>) {
        for Kept {
            sample,
            missing,
            in_doubt,
        } in left
        {
            self.make_room();
            let missing = missing + std::mem::take(&mut self.missing);
            let mut entry = Entry::of(&sample, missing, in_doubt);
            entry.is_saved = true;
            self.kept.push_back(entry);
        }
    }

    /// What is kept, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Kept> {
        self.kept.iter().filter_map(Entry::to_kept)
    }

    /// What is kept and not on the disk, which it is from now on.
    pub fn take_unsaved(&mut self) -> Vec<Kept> {
        let unsaved = self.kept.iter_mut().filter(|entry| !entry.is_saved);
        unsaved
            .filter_map(|entry| {
                entry.is_saved = true;
                entry.to_kept()
            })
            .collect()
    }

    /// Whether anything is kept that is not on the disk.
    #[must_use]
    pub fn has_unsaved(&self) -> bool {
        self.kept.iter().any(|entry| !entry.is_saved)
    }

    /// Drops every second sample of the older half of what is kept; false when there are too few.
    pub fn thin(&mut self) -> bool {
        let free = self.kept.len() - self.sending;
        if free < 3 {
            return false;
        }
        let end = self.sending + (free / 2).max(2);
        let (mut index, mut passed_on, sending) = (0, 0, self.sending);
        self.kept.retain_mut(|entry| {
            let place = index;
            index += 1;
            entry.missing += std::mem::take(&mut passed_on);
            // The first one stays: it tells when it began.
            let stays = place >= end || place < sending || (place - sending).is_multiple_of(2);
            if !stays {
                passed_on = entry.missing + 1;
            }
            stays
        });
        true
    }

    fn make_room(&mut self) {
        while self.kept.len() + self.unproven.len() >= self.capacity {
            if self.thin() {
                continue;
            }
            let Some(oldest) = self.unproven.pop_front() else {
                return;
            };
            self.insert(Entry {
                in_doubt: true,
                ..oldest
            });
        }
    }

    /// Puts an entry where its sequence belongs, which is at the end or near it.
    fn insert(&mut self, mut entry: Entry) {
        entry.missing += std::mem::take(&mut self.missing);
        let stamp = entry.stamp();
        let later = |other: &Entry| {
            let other = other.stamp();
            other.0 == stamp.0 && other.1 > stamp.1
        };
        let newer = self
            .kept
            .iter()
            .rev()
            .take_while(|other| later(other))
            .count();
        let place = (self.kept.len() - newer).max(self.sending);
        self.kept.insert(place, entry);
    }
}

impl Entry {
    fn of(sample: &Sample, missing: u64, in_doubt: bool) -> Self {
        let mut bytes = Vec::with_capacity(128);
        record::encode(sample, &mut bytes);
        Self {
            bytes: bytes.into_boxed_slice(),
            missing,
            in_doubt,
            is_saved: false,
        }
    }

    /// Its own encoding can always be read.
    fn sample(&self) -> Option<Sample> {
        record::decode(&self.bytes)
    }

    fn to_kept(&self) -> Option<Kept> {
        Some(Kept {
            sample: self.sample()?,
            missing: self.missing,
            in_doubt: self.in_doubt,
        })
    }

    fn stamp(&self) -> (u32, u64) {
        record::key(&self.bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
