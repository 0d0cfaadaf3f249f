//! The load of the CPU between two readings of `/proc/stat`.

use std::time::{Duration, Instant};

use super::file::Kept;
use crate::telemetry::CpuLoad;
use crate::units::Percent;

/// 100 ms: the kernel counts in ticks of 10 ms, of which fewer than ten make no load.
pub(super) const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What the kernel has counted, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Times {
    busy: u64,
    total: u64,
}

impl Times {
    /// Reads the numbers of a line (`proc_stat(5)`): user, nice, system, idle, waiting for I/O, interrupts, soft interrupts,
    /// stolen; guests are in user and nice.
    fn of_line(numbers: &str) -> Option<Self> {
        let mut times = Self::default();
        for (place, number) in numbers.split_ascii_whitespace().take(8).enumerate() {
            let ticks: u64 = number.parse().ok()?;
            times.total += ticks;
            if !matches!(place, 3 | 4) {
                times.busy += ticks;
            }
        }
        (times.total > 0).then_some(times)
    }

    /// The busy share since an earlier reading; `None` when nothing was counted since.
    fn load_since(self, earlier: Self) -> Option<Percent> {
        // The time waited for I/O may run backwards.
        let total = self.total.saturating_sub(earlier.total);
        let busy = self.busy.saturating_sub(earlier.busy).min(total);
        Percent::of(busy, total)
    }
}

/// Measures the load from one reading to the next; each meter has its own interval.
#[derive(Debug, Default)]
pub(super) struct CpuMeter {
    last: Option<Instant>,
    /// The whole machine, then the cores by their numbers: one that is switched off has no line.
    times: Vec<(Option<u32>, Times)>,
    load: CpuLoad,
    is_measured: bool,
}

impl CpuMeter {
    /// The load since the reading before; sooner than 100 ms after it, that one's; `None` before there is any.
    pub(super) fn read(
        &mut self,
        now: Instant,
        stat: &mut Kept,
        room: &mut Vec<u8>,
    ) -> Option<&CpuLoad> {
        let is_due = |last| now.saturating_duration_since(last) >= INTERVAL_MIN;
        if self.last.is_none_or(is_due) {
            self.last = Some(now);
            self.take(stat.read_while(room, ends_in_cores)?);
        }
        (self.is_measured && !self.load.cores.is_empty()).then_some(&self.load)
    }

    /// How many cores the kernel lists.
    pub(super) fn cores(&self) -> usize {
        self.times.len().saturating_sub(1)
    }

    fn take(&mut self, text: &str) {
        let mut count = 0;
        for (name, numbers) in lines(text) {
            let Some(times) = Times::of_line(numbers) else {
                continue;
            };
            let core = name.parse().ok();
            let earlier = self.times.get(count).filter(|(known, _)| *known == core);
            let load = earlier.and_then(|(_, earlier)| times.load_since(*earlier));
            match self.times.get_mut(count) {
                Some(place) => *place = (core, times),
                None => self.times.push((core, times)),
            }
            match count.checked_sub(1) {
                None => {
                    // The mean since boot is no load.
                    self.is_measured = self.is_measured || load.is_some();
                    self.load.total = load.unwrap_or(self.load.total);
                }
                Some(index) => match self.load.cores.get_mut(index) {
                    Some(core) => *core = load.unwrap_or(*core),
                    None => self.load.cores.push(load.unwrap_or_default()),
                },
            }
            count += 1;
        }
        self.times.truncate(count);
        self.load.cores.truncate(self.times.len().saturating_sub(1));
    }
}

/// The lines of the CPU, which come first: what stands behind `cpu`, nothing for the whole machine, and the numbers.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .map_while(|line| line.strip_prefix("cpu")?.split_once(' '))
}

/// Whether the text may go on with another core: its last line, which may be a part of one, begins like one.
fn ends_in_cores(text: &[u8]) -> bool {
    let begin = text.iter().rposition(|byte| *byte == b'\n');
    let last = text
        .get(begin.map_or(0, |end| end + 1)..)
        .unwrap_or_default();
    last.starts_with(b"cpu") || b"cpu".starts_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const BOOT: &str = "\
cpu  100 0 100 700 100 0 0 0 0 0
cpu0 50 0 50 350 50 0 0 0 0 0
cpu1 50 0 50 350 50 0 0 0 0 0
intr 12345 0 0
";

    /// 100 ticks later: core 0 was busy, core 1 half of the time, and waited the other half.
    const LATER: &str = "\
cpu  200 0 150 700 150 0 0 0 0 0
cpu0 100 0 100 350 50 0 0 0 0 0
cpu1 100 0 50 350 100 0 0 0 0 0
intr 12399 0 0
";

    fn percent(value: f32) -> Percent {
        Percent::saturating(value).expect("a number")
    }

    #[test]
    fn waiting_for_a_disk_is_not_busy_and_the_mean_since_boot_is_no_load() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stat");
        let (mut stat, mut room) = (Kept::new(&path), Vec::new());
        let (mut meter, start) = (CpuMeter::default(), Instant::now());
        fs::write(&path, BOOT).expect("written");
        assert_eq!(meter.read(start, &mut stat, &mut room), None);
        assert_eq!(meter.cores(), 2);
        fs::write(&path, LATER).expect("written");
        let soon = start + INTERVAL_MIN - Duration::from_millis(1);
        assert_eq!(meter.read(soon, &mut stat, &mut room), None, "too soon");
        let load = meter.read(start + INTERVAL_MIN, &mut stat, &mut room);
        assert_eq!(
            load,
            Some(&CpuLoad {
                total: percent(75.0),
                cores: vec![percent(100.0), percent(50.0)],
            })
        );
        let again = start + INTERVAL_MIN * 2;
        let load = meter.read(again, &mut stat, &mut room).cloned();
        assert_eq!(
            load.map(|load| load.total),
            Some(percent(75.0)),
            "nothing counted"
        );
    }

    #[test]
    fn a_core_that_is_switched_off_leaves_and_one_that_comes_begins() {
        let mut meter = CpuMeter::default();
        meter.take(BOOT);
        meter.take("cpu  150 0 150 700 100\ncpu1 100 0 100 350 50\n");
        assert_eq!(meter.cores(), 1);
        assert_eq!(meter.load.cores, [Percent::default()]);
        meter.take(LATER);
        assert_eq!(meter.load.cores.len(), 2);
    }

    #[test]
    fn no_more_is_read_than_the_lines_of_the_cores() {
        assert!(ends_in_cores(b"cpu  1 2\ncpu0 1 2\ncp"));
        assert!(ends_in_cores(b"cpu  1 2\n"));
        assert!(!ends_in_cores(b"cpu  1 2\nintr 7"));
        assert_eq!(lines("cpu  1 2\ncpu0 3 4\nintr 5\ncpu1 6\n").count(), 2);
        assert_eq!(lines("what is this").count(), 0);
    }
}
