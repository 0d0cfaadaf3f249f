//! The load of the CPU between two readings.

use std::time::Instant;

use sysinfo::{CpuRefreshKind, MINIMUM_CPU_UPDATE_INTERVAL, System};

use crate::telemetry::CpuLoad;
use crate::units::Percent;

/// Measures the load from one reading to the next; each meter has its own interval.
///
/// sysinfo 0.40 counts as busy all but `idle` and `iowait` of `/proc/stat`.
pub(super) struct CpuMeter {
    system: System,
    pace: Pace,
    load: CpuLoad,
}

impl CpuMeter {
    /// Starts measuring; the reading taken here is the mean since boot, and only a beginning to measure from.
    pub(super) fn start() -> Option<Self> {
        let mut meter = Self {
            system: System::new().ok()?,
            pace: Pace::default(),
            load: CpuLoad::default(),
        };
        meter.refresh();
        Some(meter)
    }

    /// The load since the reading before; sooner than 200 ms after it, that one's; `None` before there is any.
    pub(super) fn read(&mut self, now: Instant) -> Option<&CpuLoad> {
        if self.pace.is_due(now) {
            self.refresh();
            self.take();
        }
        (self.pace.is_measured() && !self.load.cores.is_empty()).then_some(&self.load)
    }

    /// How many cores the kernel lists.
    pub(super) fn cores(&self) -> usize {
        self.system.cpus().len()
    }

    fn refresh(&mut self) {
        // One call: a second one within 200 ms would be ignored.
        self.system
            .refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        // The clock is read after sysinfo has read its own, so that what is due here is due there.
        self.pace.mark(Instant::now());
    }

    fn take(&mut self) {
        let percent = |usage| Percent::saturating(usage).unwrap_or_default();
        self.load.total = percent(self.system.global_cpu_usage());
        self.load.cores.clear();
        let cores = self.system.cpus().iter();
        self.load
            .cores
            .extend(cores.map(|core| percent(core.usage())));
    }
}

/// When the CPU may be read again.
#[derive(Debug, Default)]
struct Pace {
    last: Option<Instant>,
    measured: bool,
}

impl Pace {
    /// Whether sysinfo would not ignore a reading.
    fn is_due(&self, now: Instant) -> bool {
        self.last
            .is_none_or(|last| now.saturating_duration_since(last) >= MINIMUM_CPU_UPDATE_INTERVAL)
    }

    /// Notes a reading.
    fn mark(&mut self, now: Instant) {
        self.measured = self.last.is_some();
        self.last = Some(now);
    }

    /// Whether there was an interval, and not only its beginning.
    fn is_measured(&self) -> bool {
        self.measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn first_reading_measures_nothing() {
        let mut pace = Pace::default();
        let start = Instant::now();
        assert!(pace.is_due(start));
        pace.mark(start);
        assert!(!pace.is_measured());
        pace.mark(start + Duration::from_millis(200));
        assert!(pace.is_measured());
    }

    #[test]
    fn mean_since_boot_is_no_load() {
        let before = Instant::now();
        let mut meter = CpuMeter::start().expect("a meter");
        assert_eq!(meter.read(before), None);
        assert!(meter.cores() > 0);
    }

    #[test]
    fn readings_closer_than_200_ms_are_not_due() {
        let mut pace = Pace::default();
        let start = Instant::now();
        pace.mark(start);
        assert!(!pace.is_due(start));
        assert!(!pace.is_due(start + Duration::from_millis(199)));
        assert!(pace.is_due(start + Duration::from_millis(200)));
    }
}
