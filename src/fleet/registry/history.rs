//! What is kept of a node's samples: an hour as they came, a day in means and maxima, in slots of one byte, allocated once.

/// Seconds of a slot: the default interval between two samples.
pub(super) const SLOT_SECS: i64 = 5;
/// Slots of the last hour.
pub(super) const SLOTS: usize = 720;
/// Seconds of a span, of which a mean is kept.
pub(super) const SPAN_SECS: i64 = 300;
/// Spans of the last day.
pub const SPANS: usize = 288;
/// Slots of a span.
pub(super) const SLOTS_OF_SPAN: usize = (SPAN_SECS / SLOT_SECS) as usize;

/// Nothing is known.
const NONE: u8 = u8::MAX;

/// What is kept of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    /// The CPU load in percent.
    Load,
    /// The processor's temperature in °C.
    Temperature,
    /// The memory in use in percent.
    Memory,
}

impl Metric {
    /// All of them, in the order in which they are kept.
    pub(super) const ALL: [Self; 3] = [Self::Load, Self::Temperature, Self::Memory];

    /// What the lowest step stands for.
    const fn floor(self) -> f32 {
        match self {
            Self::Load | Self::Memory => 0.0,
            // A Pi in the cold.
            Self::Temperature => -20.0,
        }
    }

    /// Half a unit a step: percent to 127, temperatures from -20 to 107 °C.
    fn pack(self, value: f32) -> u8 {
        ((value - self.floor()) * 2.0).round().clamp(0.0, 254.0) as u8
    }

    fn unpack(self, step: u8) -> Option<f32> {
        (step != NONE).then(|| f32::from(step) / 2.0 + self.floor())
    }
}

/// The values of a sample, in the order of [`Metric::ALL`].
pub(super) type Values = [Option<f32>; 3];

/// The steps of a span as they are stored: means, the maxima of load and temperature, how many samples.
pub(super) type SpanSteps = [u8; 6];

/// The history of a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct History {
    /// The newest slot, counted from 1970; the slots before it are known for an hour.
    newest_slot: i64,
    slots: [[u8; SLOTS]; 3],
    newest_span: i64,
    means: [[u8; SPANS]; 3],
    /// Of load and temperature.
    maxima: [[u8; SPANS]; 2],
    /// Samples in each span, at most 255.
    counts: [u8; SPANS],
    /// The sums of the newest span.
    sums: [f32; 3],
    summed: [u16; 3],
}

impl Default for History {
    fn default() -> Self {
        Self {
            newest_slot: i64::MIN / 2,
            slots: [[NONE; SLOTS]; 3],
            newest_span: i64::MIN / 2,
            means: [[NONE; SPANS]; 3],
            maxima: [[NONE; SPANS]; 2],
            counts: [0; SPANS],
            sums: [0.0; 3],
            summed: [0; 3],
        }
    }
}

impl History {
    /// Adds a sample that was taken at this moment.
    pub(super) fn add(&mut self, unix_secs: i64, values: Values) {
        let slot = unix_secs.div_euclid(SLOT_SECS);
        if slot + (SLOTS as i64) < self.newest_slot {
            // The clock was set back by more than is kept: what lies ahead of it never was.
            *self = Self::default();
        }
        self.reach(unix_secs);
        self.put(slot, values, true);
        let span = unix_secs.div_euclid(SPAN_SECS);
        if span == self.newest_span {
            self.sum(values);
        } else {
            self.blend(span, &[values]);
        }
    }

    /// Adds samples with their own times, which may lie before what is known already; what is known stays. Gives back the spans
    /// that have changed.
    pub(super) fn fill(&mut self, now_secs: i64, samples: &[(i64, Values)]) -> Vec<i64> {
        let today = now_secs - SPANS as i64 * SPAN_SECS..=now_secs;
        self.reach(now_secs);
        let mut groups: Vec<(i64, Vec<Values>)> = Vec::new();
        for (secs, values) in samples {
            let slot = secs.div_euclid(SLOT_SECS);
            if !today.contains(secs) || !self.put(slot, *values, false) {
                continue;
            }
            let span = secs.div_euclid(SPAN_SECS);
            match groups.iter_mut().find(|(of, _)| *of == span) {
                Some((_, group)) => group.push(*values),
                None => groups.push((span, vec![*values])),
            }
        }
        for (span, group) in &groups {
            if *span == self.newest_span {
                group.iter().for_each(|values| self.sum(*values));
            } else {
                self.blend(*span, group);
            }
        }
        groups.into_iter().map(|(span, _)| span).collect()
    }

    /// Makes this the newest moment, with nothing known since the last.
    fn reach(&mut self, unix_secs: i64) {
        let slot = unix_secs.div_euclid(SLOT_SECS);
        let skipped = (slot - self.newest_slot).clamp(0, SLOTS as i64);
        for ahead in 0..skipped {
            let place = place(slot - ahead, SLOTS);
            self.slots
                .iter_mut()
                .for_each(|metric| metric[place] = NONE);
        }
        self.newest_slot = self.newest_slot.max(slot);
        let span = unix_secs.div_euclid(SPAN_SECS);
        let skipped = (span - self.newest_span).clamp(0, SPANS as i64);
        for ahead in 0..skipped {
            self.clear_span(place(span - ahead, SPANS));
        }
        if skipped > 0 {
            self.newest_span = span;
            self.sums = [0.0; 3];
            self.summed = [0; 3];
        }
    }

    fn clear_span(&mut self, place: usize) {
        self.means
            .iter_mut()
            .for_each(|metric| metric[place] = NONE);
        self.maxima
            .iter_mut()
            .for_each(|metric| metric[place] = NONE);
        self.counts[place] = 0;
    }

    /// Whether the slot took it: one that is known is replaced only by what is `live`; beyond the hour there is none to be known.
    fn put(&mut self, slot: i64, values: Values, live: bool) -> bool {
        if !self.has_slot(slot) {
            return true;
        }
        let place = place(slot, SLOTS);
        if !live && self.slots.iter().any(|metric| metric[place] != NONE) {
            return false;
        }
        for (metric, value) in Metric::ALL.into_iter().zip(values) {
            if let Some(value) = value {
                self.slots[metric as usize][place] = metric.pack(value);
            }
        }
        true
    }

    fn has_slot(&self, slot: i64) -> bool {
        (self.newest_slot - SLOTS as i64 + 1..=self.newest_slot).contains(&slot)
    }

    fn has_span(&self, span: i64) -> bool {
        (self.newest_span - SPANS as i64 + 1..=self.newest_span).contains(&span)
    }

    /// Adds to the newest span, whose sums are known exactly.
    fn sum(&mut self, values: Values) {
        let place = place(self.newest_span, SPANS);
        for (metric, value) in Metric::ALL.into_iter().zip(values) {
            let Some(value) = value else { continue };
            let index = metric as usize;
            self.sums[index] += value;
            self.summed[index] = self.summed[index].saturating_add(1);
            self.means[index][place] =
                metric.pack(self.sums[index] / f32::from(self.summed[index]));
            self.raise(metric, place, metric.pack(value));
        }
        self.counts[place] = self.counts[place].saturating_add(1);
    }

    /// Adds to a span of which only the mean is known.
    fn blend(&mut self, span: i64, group: &[Values]) {
        if !self.has_span(span) {
            return;
        }
        let place = place(span, SPANS);
        let known = f32::from(self.counts[place]);
        for metric in Metric::ALL {
            let index = metric as usize;
            let told = || group.iter().filter_map(|values| values[index]);
            let count = told().count() as f32;
            if count == 0.0 {
                continue;
            }
            let sum: f32 = told().sum();
            let mean = match metric.unpack(self.means[index][place]) {
                Some(mean) => (mean * known + sum) / (known + count),
                None => sum / count,
            };
            self.means[index][place] = metric.pack(mean);
            told().for_each(|value| self.raise(metric, place, metric.pack(value)));
        }
        let added = u8::try_from(group.len()).unwrap_or(u8::MAX);
        self.counts[place] = self.counts[place].saturating_add(added);
    }

    fn raise(&mut self, metric: Metric, place: usize, step: u8) {
        if let Some(maxima) = self.maxima.get_mut(metric as usize) {
            let maximum = &mut maxima[place];
            if *maximum == NONE || *maximum < step {
                *maximum = step;
            }
        }
    }

    /// The hour that ends with this moment, oldest first: [`SLOTS`] values, and the end of the last one's slot in seconds.
    pub(super) fn hour(&self, metric: Metric, now_secs: i64) -> impl Iterator<Item = Option<f32>> {
        let now = now_secs.div_euclid(SLOT_SECS);
        (now - SLOTS as i64 + 1..=now).map(move |slot| self.slot(metric, slot))
    }

    fn slot(&self, metric: Metric, slot: i64) -> Option<f32> {
        if !self.has_slot(slot) {
            return None;
        }
        metric.unpack(self.slots[metric as usize][place(slot, SLOTS)])
    }

    /// The means of the day that ends with this moment, oldest first: [`SPANS`] values.
    pub(super) fn day(&self, metric: Metric, now_secs: i64) -> impl Iterator<Item = Option<f32>> {
        self.spans(now_secs)
            .map(move |place| metric.unpack(self.means[metric as usize][place?]))
    }

    /// The maxima of the same spans; for the memory nothing is known.
    pub(super) fn day_maxima(
        &self,
        metric: Metric,
        now_secs: i64,
    ) -> impl Iterator<Item = Option<f32>> {
        self.spans(now_secs).map(move |place| {
            let steps = self.maxima.get(metric as usize)?;
            metric.unpack(steps[place?])
        })
    }

    /// Where each of the spans is kept, if it is known.
    fn spans(&self, now_secs: i64) -> impl Iterator<Item = Option<usize>> {
        let now = now_secs.div_euclid(SPAN_SECS);
        (now - SPANS as i64 + 1..=now).map(|span| self.has_span(span).then(|| place(span, SPANS)))
    }

    /// The last hour in `points` means, oldest first.
    pub(super) fn sparkline(
        &self,
        metric: Metric,
        now_secs: i64,
        points: usize,
    ) -> Vec<Option<f32>> {
        let hour: Vec<Option<f32>> = self.hour(metric, now_secs).collect();
        let mean = |chunk: &[Option<f32>]| {
            let known = chunk.iter().flatten();
            let count = known.clone().count();
            (count > 0).then(|| known.sum::<f32>() / count as f32)
        };
        hour.chunks(SLOTS / points.max(1)).map(mean).collect()
    }

    /// What is stored of a span: its steps, and those of its slots while they are within the hour, metric after metric; `None`
    /// when nothing is known.
    #[must_use]
    pub(super) fn span(&self, span: i64) -> Option<(SpanSteps, Option<Vec<u8>>)> {
        if !self.has_span(span) {
            return None;
        }
        let at = place(span, SPANS);
        let steps = [
            self.means[0][at],
            self.means[1][at],
            self.means[2][at],
            self.maxima[0][at],
            self.maxima[1][at],
            self.counts[at],
        ];
        let first = span * SLOTS_OF_SPAN as i64;
        let last = first + SLOTS_OF_SPAN as i64 - 1;
        let slots = (self.has_slot(first) || self.has_slot(last)).then(|| {
            let step = |metric: usize, slot| {
                let kept = self
                    .has_slot(slot)
                    .then(|| self.slots[metric][place(slot, SLOTS)]);
                kept.unwrap_or(NONE)
            };
            (0..3)
                .flat_map(|metric| (first..=last).map(move |slot| step(metric, slot)))
                .collect()
        });
        (self.counts[at] > 0).then_some((steps, slots))
    }

    /// Puts back what was stored of a span's slots, where nothing is known of them yet.
    pub(super) fn restore_slots_of(&mut self, now_secs: i64, span: i64, steps: &[u8]) {
        self.reach(now_secs);
        self.restore_slots(span, steps);
    }

    /// Puts back what was stored of a span.
    pub(super) fn restore_span(&mut self, now_secs: i64, span: i64, steps: SpanSteps) {
        self.reach(now_secs);
        if !self.has_span(span) {
            return;
        }
        let at = place(span, SPANS);
        if self.counts[at] > 0 {
            // A span that was cut in two by the restart.
            let values = std::array::from_fn(|index| Metric::ALL[index].unpack(steps[index]));
            self.blend(span, &vec![values; usize::from(steps[5])]);
        } else {
            for (metric, step) in self.means.iter_mut().zip(steps) {
                metric[at] = step;
            }
            self.counts[at] = steps[5];
            if span == self.newest_span {
                for (index, metric) in Metric::ALL.into_iter().enumerate() {
                    if let Some(mean) = metric.unpack(steps[index]) {
                        self.summed[index] = steps[5].into();
                        self.sums[index] = mean * f32::from(steps[5]);
                    }
                }
            }
        }
        let maxima = [Metric::Load, Metric::Temperature];
        for (metric, step) in maxima.into_iter().zip(&steps[3..5]) {
            if *step != NONE {
                self.raise(metric, at, *step);
            }
        }
    }

    fn restore_slots(&mut self, span: i64, steps: &[u8]) {
        for (index, metric) in steps.chunks(SLOTS_OF_SPAN).take(3).enumerate() {
            for (slot, step) in (span * SLOTS_OF_SPAN as i64..).zip(metric) {
                if self.has_slot(slot) {
                    let kept = &mut self.slots[index][place(slot, SLOTS)];
                    if *kept == NONE {
                        *kept = *step;
                    }
                }
            }
        }
    }
}

/// Where a slot or span is kept.
fn place(number: i64, places: usize) -> usize {
    number.rem_euclid(places as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A round moment, at the beginning of a span.
    const NOON: i64 = 1_800_000_000 - 1_800_000_000 % SPAN_SECS;

    const fn load(percent: f32) -> Values {
        [Some(percent), None, None]
    }

    fn last_of(values: impl Iterator<Item = Option<f32>>) -> Option<f32> {
        values.last().flatten()
    }

    #[test]
    fn a_sample_is_the_newest_of_hour_and_day() {
        let mut history = History::default();
        history.add(NOON, [Some(12.5), Some(48.3), Some(41.0)]);
        assert_eq!(last_of(history.hour(Metric::Load, NOON)), Some(12.5));
        assert_eq!(last_of(history.hour(Metric::Temperature, NOON)), Some(48.5));
        assert_eq!(last_of(history.day(Metric::Memory, NOON)), Some(41.0));
        assert_eq!(last_of(history.day_maxima(Metric::Memory, NOON)), None);
        assert_eq!(history.hour(Metric::Load, NOON).count(), SLOTS);
        assert_eq!(history.day(Metric::Load, NOON).count(), SPANS);
    }

    #[test]
    fn a_gap_is_not_known_and_an_hour_later_the_hour_is_empty() {
        let mut history = History::default();
        history.add(NOON, load(10.0));
        history.add(NOON + 20, load(20.0));
        let hour: Vec<_> = history.hour(Metric::Load, NOON + 20).collect();
        assert_eq!(
            hour[SLOTS - 5..],
            [Some(10.0), None, None, None, Some(20.0)]
        );
        let later = NOON + 3600 + 25;
        assert!(
            history
                .hour(Metric::Load, later)
                .all(|value| value.is_none())
        );
        history.add(later, load(30.0));
        assert_eq!(history.hour(Metric::Load, later).flatten().count(), 1);
    }

    #[test]
    fn a_span_has_the_mean_and_the_maximum_of_its_samples() {
        let mut history = History::default();
        for (step, percent) in [(0, 10.0), (5, 20.0), (10, 90.0)] {
            history.add(NOON + step, load(percent));
        }
        let later = NOON + SPAN_SECS;
        let day: Vec<_> = history.day(Metric::Load, later).collect();
        assert_eq!(day[SPANS - 2..], [Some(40.0), None]);
        let maxima: Vec<_> = history.day_maxima(Metric::Load, later).collect();
        assert_eq!(maxima[SPANS - 2], Some(90.0));
    }

    #[test]
    fn samples_that_come_late_fill_their_own_places_and_replace_nothing() {
        let mut history = History::default();
        history.add(NOON, load(50.0));
        history.add(NOON + 900, load(50.0));
        let late: Vec<(i64, Values)> = (0..=60).map(|n| (NOON + n * 5, load(10.0))).collect();
        let changed = history.fill(NOON + 900, &late);
        assert_eq!(changed, [NOON / SPAN_SECS, NOON / SPAN_SECS + 1]);
        let hour: Vec<_> = history.hour(Metric::Load, NOON + 900).collect();
        assert_eq!(hour[SLOTS - 181], Some(50.0));
        assert_eq!(hour[SLOTS - 180], Some(10.0));
        let day: Vec<_> = history.day(Metric::Load, NOON + 900).collect();
        // 59 samples of 10 % and the one of 50 % that was known.
        assert_eq!(day[SPANS - 4..], [Some(10.5), Some(10.0), None, Some(50.0)]);
        assert!(history.fill(NOON + 900, &late).is_empty());
    }

    #[test]
    fn times_beyond_the_day_and_in_the_future_are_not_believed() {
        let mut history = History::default();
        history.add(NOON, load(50.0));
        let before = history.clone();
        let odd = [NOON - 100_000, NOON + 60, i64::MIN, i64::MAX].map(|secs| (secs, load(1.0)));
        assert!(history.fill(NOON, &odd).is_empty());
        assert_eq!(history, before);
    }

    #[test]
    fn a_clock_that_is_set_back_by_a_day_begins_anew() {
        let mut history = History::default();
        history.add(NOON, load(50.0));
        history.add(NOON - 86_400, load(20.0));
        assert_eq!(
            last_of(history.hour(Metric::Load, NOON - 86_400)),
            Some(20.0)
        );
        assert_eq!(
            history.day(Metric::Load, NOON - 86_400).flatten().count(),
            1
        );
    }

    #[test]
    fn a_sparkline_is_the_hour_in_means() {
        let mut history = History::default();
        for second in 0..3600 {
            history.add(NOON + second, load(if second < 1800 { 10.0 } else { 30.0 }));
        }
        let line = history.sparkline(Metric::Load, NOON + 3599, 60);
        assert_eq!(line.len(), 60);
        assert_eq!((line[0], line[59]), (Some(10.0), Some(30.0)));
    }

    proptest! {
        #[test]
        fn what_is_stored_is_restored(samples in proptest::collection::vec((0i64..7200, 0f32..100.0, -20f32..100.0), 1..200)) {
            let mut samples = samples;
            samples.sort_by_key(|sample| sample.0);
            let mut history = History::default();
            for (after, load, temperature) in &samples {
                history.add(NOON + after, [Some(*load), Some(*temperature), None]);
            }
            let now = NOON + 7200;
            history.reach(now);
            let mut restored = History::default();
            for span in (now / SPAN_SECS - SPANS as i64)..=(now / SPAN_SECS) {
                if let Some((steps, slots)) = history.span(span) {
                    restored.restore_slots_of(now, span, slots.as_deref().unwrap_or_default());
                    restored.restore_span(now, span, steps);
                }
            }
            for metric in Metric::ALL {
                prop_assert!(history.hour(metric, now).eq(restored.hour(metric, now)));
                prop_assert!(history.day(metric, now).eq(restored.day(metric, now)));
                prop_assert!(history.day_maxima(metric, now).eq(restored.day_maxima(metric, now)));
            }
        }

        #[test]
        fn any_times_are_taken(times in proptest::collection::vec((any::<i64>(), any::<bool>()), 0..50)) {
            let mut history = History::default();
            for (time, live) in times {
                let time = time.clamp(i64::MIN / 4, i64::MAX / 4);
                if live {
                    history.add(time, load(5.0));
                } else {
                    history.fill(NOON, &[(time, load(5.0))]);
                }
                prop_assert_eq!(history.hour(Metric::Load, time).count(), SLOTS);
            }
        }
    }
}
