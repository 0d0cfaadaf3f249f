//! The books of somebody who listens to a node's samples: each sequence number has to be accounted for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Client, Heard};

/// What was heard of one sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// As it was taken.
    pub live: u32,
    /// In batches that were sure of it.
    pub certain: u32,
    /// In batches that were not.
    pub in_doubt: u32,
}

/// All samples of one run that were heard.
#[derive(Debug, Default)]
pub struct Ledger {
    pub entries: BTreeMap<u64, Entry>,
    /// The times that were told, by sequence.
    pub times: BTreeMap<u64, Value>,
    /// What all batches together say is missing.
    pub dropped: u64,
    /// The batches, as the numbers of their samples.
    pub batches: Vec<usize>,
    /// What the last batch said was still to come.
    pub remaining: Option<u64>,
    pub run: Option<String>,
}

pub const LIVE: &str = "piglow/pi/telemetry";
pub const HISTORY: &str = "piglow/pi/telemetry/history";

impl Ledger {
    /// A ledger of one run; samples of others are not written down.
    pub fn of(run: &str) -> Self {
        Self {
            run: Some(run.to_owned()),
            ..Self::default()
        }
    }

    /// Writes down what was heard.
    pub fn note(&mut self, heard: &Heard) {
        assert!(!heard.retained, "{}", heard.topic);
        let message = heard.json();
        match heard.topic.as_str() {
            LIVE => self.note_live(&message),
            HISTORY => self.note_batch(&message),
            other => panic!("{other} is no topic of samples"),
        }
    }

    /// Writes down a sample as it was taken.
    pub fn note_live(&mut self, sample: &Value) {
        if let Some(entry) = self.entry(sample) {
            entry.live += 1;
        }
    }

    /// Writes down samples that came later.
    pub fn note_batch(&mut self, batch: &Value) {
        let samples = batch["samples"].as_array().expect("samples");
        let in_doubt = batch["in_doubt"].as_u64().expect("a count") as usize;
        let numbers: Vec<u64> = samples
            .iter()
            .filter_map(|sample| sample["sequence"].as_u64())
            .collect();
        assert!(
            numbers.len() == samples.len() && !numbers.is_empty(),
            "{batch}"
        );
        for (place, sample) in samples.iter().enumerate() {
            if let Some(entry) = self.entry(sample) {
                let count = if place < in_doubt {
                    &mut entry.in_doubt
                } else {
                    &mut entry.certain
                };
                *count += 1;
            }
        }
        self.dropped += batch["dropped"].as_u64().expect("a count");
        self.remaining = batch["remaining"].as_u64();
        self.batches.push(samples.len());
    }

    fn entry(&mut self, sample: &Value) -> Option<&mut Entry> {
        let run = sample["run"].as_str().expect("a run").to_owned();
        if *self.run.get_or_insert_with(|| run.clone()) != run {
            return None;
        }
        let sequence = sample["sequence"].as_u64().expect("a sequence");
        let time = self
            .times
            .entry(sequence)
            .or_insert_with(|| sample["time"].clone());
        assert_eq!(
            *time, sample["time"],
            "the time of {sequence} is told twice"
        );
        Some(self.entries.entry(sequence).or_default())
    }

    /// Listens until a batch leaves nothing behind and the samples up to this one have been heard.
    pub async fn listen(&mut self, client: &mut Client, last: u64) {
        loop {
            let is_complete =
                self.remaining == Some(0) && self.entries.keys().any(|sequence| *sequence >= last);
            if is_complete {
                return;
            }
            self.hear(client).await;
        }
    }

    /// Writes down the next message.
    pub async fn hear(&mut self, client: &mut Client) {
        let heard = client
            .hear("samples", |heard| {
                [LIVE, HISTORY].contains(&heard.topic.as_str())
            })
            .await;
        self.note(&heard);
    }

    /// Whether nothing is missing so far but what was told to be.
    pub fn is_complete(&self) -> bool {
        let ends = (self.entries.keys().next(), self.entries.keys().last());
        let (Some(first), Some(last)) = ends else {
            return false;
        };
        let missing = last + 1 - first - self.entries.len() as u64;
        missing == self.dropped && self.remaining.is_none_or(|remaining| remaining == 0)
    }

    /// Every number from the first to the last is there, or counted as dropped; none is there twice unless the batch said that it
    /// might be.
    pub fn check(&self) {
        let (Some(first), Some(last)) = (self.entries.keys().next(), self.entries.keys().last())
        else {
            panic!("no samples were heard");
        };
        let missing = last + 1 - first - self.entries.len() as u64;
        assert_eq!(missing, self.dropped, "missing and told to be: {self:#?}");
        for (sequence, entry) in &self.entries {
            assert!(entry.live + entry.certain <= 1, "{sequence}: {entry:?}");
        }
    }

    /// How many samples were heard more than once.
    pub fn doubled(&self) -> usize {
        self.entries
            .values()
            .filter(|entry| entry.live + entry.certain + entry.in_doubt > 1)
            .count()
    }

    /// How many samples came in batches.
    pub fn late(&self) -> usize {
        self.entries
            .values()
            .filter(|entry| entry.live == 0)
            .count()
    }
}
