//! General flashes of the whole board, counted as WCAG 2.3.1 defines them: at most three in any second are safe.

use std::collections::VecDeque;

use super::board::LEDS;
use super::canvas::Canvas;

/// Two opposing changes are a flash; six of them in a second are still safe.
pub(super) const CHANGES_PER_SECOND_MAX: usize = 6;

/// Between two looks at a picture, in milliseconds.
pub(super) const STEP_MILLIS: u64 = 8;

/// A change of the board's mean that counts, as a share of full.
const CHANGE: f32 = 0.1;

/// The exponents under which the board's mean is looked at: perceived intensity, and luminance.
const EXPONENTS: [f32; 2] = [1.0, 2.2];

/// Watches a series of pictures for changes of the whole board.
#[derive(Debug, Clone)]
pub(super) struct FlashMeter([Swings; EXPONENTS.len()]);

impl FlashMeter {
    /// A meter that has seen nothing.
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Swings::default()))
    }

    /// Takes in the picture at a time; times never run backwards.
    pub(super) fn see(&mut self, millis: u64, canvas: &Canvas) {
        for (swings, exponent) in self.0.iter_mut().zip(EXPONENTS) {
            let sum: f32 = canvas
                .0
                .iter()
                .map(|level| libm::powf(*level, exponent))
                .sum();
            swings.see(millis, sum / LEDS as f32);
        }
    }

    /// The most changes, up or down, that were seen within any second.
    pub(super) fn most_in_a_second(&self) -> usize {
        self.0.iter().map(|swings| swings.most).max().unwrap_or(0)
    }
}

/// The times at which a series went up or down by [`CHANGE`] since it last turned.
#[derive(Debug, Clone)]
struct Swings {
    low: f32,
    high: f32,
    rising: Option<bool>,
    /// The changes of the last second, in milliseconds.
    recent: VecDeque<u64>,
    most: usize,
}

impl Default for Swings {
    fn default() -> Self {
        Self {
            low: f32::MAX,
            high: f32::MIN,
            rising: None,
            recent: VecDeque::new(),
            most: 0,
        }
    }
}

impl Swings {
    fn see(&mut self, millis: u64, level: f32) {
        self.low = self.low.min(level);
        self.high = self.high.max(level);
        if self.rising != Some(true) && level - self.low >= CHANGE {
            self.rising = Some(true);
            self.high = level;
            self.count(millis);
        } else if self.rising != Some(false) && self.high - level >= CHANGE {
            self.rising = Some(false);
            self.low = level;
            self.count(millis);
        }
    }

    fn count(&mut self, millis: u64) {
        while self.recent.front().is_some_and(|at| at + 1000 <= millis) {
            self.recent.pop_front();
        }
        self.recent.push_back(millis);
        self.most = self.most.max(self.recent.len());
    }
}
