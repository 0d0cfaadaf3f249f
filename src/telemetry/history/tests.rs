use super::*;
use crate::telemetry::{Run, Stamp};
use proptest::prelude::*;

fn sample(sequence: u64) -> Sample {
    Sample {
        stamp: Stamp {
            run: Run(7),
            sequence,
            ..Stamp::default()
        },
        ..Sample::default()
    }
}

fn sequences(history: &History) -> Vec<u64> {
    history
        .iter()
        .map(|kept| kept.sample.stamp.sequence)
        .collect()
}

fn batch_of(batch: &Batch) -> (Vec<u64>, usize, u64, usize) {
    let sequences = batch.samples.iter().map(|sample| sample.stamp.sequence);
    (
        sequences.collect(),
        batch.in_doubt,
        batch.dropped,
        batch.remaining,
    )
}

#[test]
fn a_full_history_drops_every_second_of_the_older_half() {
    let mut history = History::new(0);
    for sequence in 0..60 {
        history.keep(&sample(sequence));
    }
    assert_eq!(history.dropped(), 0);
    history.keep(&sample(60));
    let expected: Vec<u64> = (0..30).step_by(2).chain(30..=60).collect();
    assert_eq!(sequences(&history), expected);
    assert_eq!(history.dropped(), 15);
    // What is missing is told where it is missing: before 2, 4, 6 and 8.
    let batch = history.oldest(5).unwrap();
    assert_eq!(batch_of(&batch), (vec![0, 2, 4, 6, 8], 0, 4, 41));
}

#[test]
fn what_is_proven_is_forgotten_and_the_rest_is_in_doubt_after_a_loss() {
    let mut history = History::new(0);
    for sequence in 0..3 {
        history.note_sent(&sample(sequence));
    }
    let mark = history.mark();
    history.note_sent(&sample(3));
    history.prove(mark);
    assert_eq!((history.kept(), history.unproven()), (0, 1));
    history.doubt();
    history.keep(&sample(4));
    let batch = history.oldest(9).unwrap();
    assert_eq!(batch_of(&batch), (vec![3, 4], 1, 0, 0));
    // A proof of the lost connection comes too late, and changes nothing.
    history.prove(mark);
    assert_eq!(sequences(&history), [3, 4]);
}

#[test]
fn doubt_after_certainty_is_another_batch() {
    let mut history = History::new(0);
    history.keep(&sample(0));
    history.keep(&sample(1));
    history.note_sent(&sample(2));
    history.doubt();
    assert_eq!(batch_of(&history.oldest(9).unwrap()), (vec![0, 1], 0, 0, 1));
    history.begin(2);
    history.delivered();
    assert_eq!(batch_of(&history.oldest(9).unwrap()), (vec![2], 1, 0, 0));
}

#[test]
fn what_was_on_its_way_at_a_loss_is_in_doubt() {
    let mut history = History::new(0);
    history.keep(&sample(0));
    history.keep(&sample(1));
    history.begin(1);
    history.undelivered();
    assert_eq!(batch_of(&history.oldest(9).unwrap()), (vec![0, 1], 1, 0, 0));
    history.begin(2);
    history.delivered();
    assert_eq!(history.oldest(9), None);
}

#[test]
fn a_sample_the_queue_refused_stands_behind_those_sent_before_it() {
    let mut history = History::new(0);
    history.note_sent(&sample(0));
    history.keep(&sample(1));
    history.note_sent(&sample(2));
    history.doubt();
    assert_eq!(sequences(&history), [0, 1, 2]);
}

#[test]
fn what_is_on_its_way_is_not_thinned() {
    let mut history = History::new(0);
    for sequence in 0..60 {
        history.keep(&sample(sequence));
    }
    history.begin(24);
    for sequence in 60..200 {
        history.keep(&sample(sequence));
    }
    assert_eq!(sequences(&history)[..24], (0..24).collect::<Vec<u64>>());
    assert_eq!(history.kept() as u64 + history.dropped(), 200);
}

#[test]
fn an_oldest_that_nobody_takes_is_counted() {
    let mut history = History::new(0);
    history.keep(&sample(0));
    history.drop_oldest();
    assert_eq!((history.kept(), history.dropped()), (0, 1));
    history.keep(&sample(1));
    assert_eq!(batch_of(&history.oldest(9).unwrap()), (vec![1], 0, 1, 0));
}

#[test]
fn only_what_is_new_is_to_be_saved() {
    let mut history = History::new(0);
    history.restore([Kept {
        sample: sample(0),
        missing: 3,
        in_doubt: false,
    }]);
    assert!(!history.has_unsaved());
    history.keep(&sample(1));
    let unsaved = history.take_unsaved();
    assert_eq!(unsaved.len(), 1);
    assert_eq!(unsaved[0].sample, sample(1));
    assert!(!history.has_unsaved());
    assert_eq!(history.dropped(), 3);
}

/// What can happen to a history.
#[derive(Debug, Clone)]
enum Event {
    Away(u8),
    Live(u8),
    Prove,
    Lose,
    Deliver(u8),
    Fail(u8),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        any::<u8>().prop_map(Event::Away),
        (0..40_u8).prop_map(Event::Live),
        Just(Event::Prove),
        Just(Event::Lose),
        (1..25_u8).prop_map(Event::Deliver),
        (1..25_u8).prop_map(Event::Fail),
    ];
    proptest::collection::vec(event, 0..60)
}

proptest! {
    #[test]
    fn every_sample_is_proven_delivered_kept_or_counted_as_dropped(
        capacity in 60..300_usize, events in events(),
    ) {
        let mut history = History::new(capacity);
        let (mut next, mut proven, mut delivered, mut dropped) = (0_u64, 0_u64, 0_u64, 0_u64);
        for event in events {
            match event {
                Event::Away(count) => for _ in 0..count {
                    history.keep(&sample(next));
                    next += 1;
                },
                Event::Live(count) => for _ in 0..count {
                    history.note_sent(&sample(next));
                    next += 1;
                },
                Event::Prove => {
                    proven += history.unproven() as u64;
                    history.prove(history.mark());
                }
                Event::Lose => history.doubt(),
                Event::Deliver(most) | Event::Fail(most) => {
                    let Some(batch) = history.oldest(most.into()) else { continue };
                    history.begin(batch.samples.len());
                    if matches!(event, Event::Fail(_)) {
                        history.undelivered();
                        continue;
                    }
                    delivered += batch.samples.len() as u64;
                    dropped += batch.dropped;
                    history.delivered();
                }
            }
            // Bounded.
            prop_assert!(history.kept() + history.unproven() <= capacity);
            // Ordered, each once.
            let sequences = sequences(&history);
            prop_assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
            // Exact.
            let held = (history.kept() + history.unproven()) as u64;
            prop_assert_eq!(next, proven + delivered + dropped + held + history.dropped());
        }
    }

    #[test]
    fn the_newest_half_is_whole_and_the_first_stays(capacity in 60..300_usize, count in 1..2000_u64) {
        let mut history = History::new(capacity);
        for sequence in 0..count {
            history.keep(&sample(sequence));
        }
        let sequences = sequences(&history);
        prop_assert_eq!(sequences[0], 0);
        let newest = (capacity as u64 / 2).min(count);
        let whole: Vec<u64> = (count - newest..count).collect();
        prop_assert!(sequences.ends_with(&whole), "{:?}", sequences);
        prop_assert_eq!(sequences.len() as u64 + history.dropped(), count);
    }

    #[test]
    fn the_older_the_sparser(capacity in 100..300_usize, times in 2..20_u64) {
        let mut history = History::new(capacity);
        for sequence in 0..capacity as u64 * times {
            history.keep(&sample(sequence));
        }
        let missing: Vec<u64> = history.iter().map(|kept| kept.missing).collect();
        let (older, newer) = missing.split_at(missing.len() / 2);
        prop_assert!(older.iter().sum::<u64>() >= newer.iter().sum::<u64>());
    }

    #[test]
    fn what_is_kept_comes_back_as_it_was(samples in proptest::collection::vec(record::tests::samples(), 1..20)) {
        let mut history = History::new(0);
        history.restore(samples.iter().cloned().map(|sample| Kept { sample, missing: 0, in_doubt: false }));
        prop_assert_eq!(history.oldest(99).unwrap().samples, samples);
    }
}
