//! The sampler: reads the host at two rhythms, one for telemetry and a faster one for what the LEDs show.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::clock::{Clock, StepWatch};
use crate::host::Host;
use crate::light::{Inputs, Readings};
use crate::pulse;
use crate::telemetry::{BootTime, Gauges, Reading, Run, Sample, Space, Stamp};

/// The first sample comes this soon, whatever the interval: long enough for a load to be measured.
const FIRST_SAMPLE: Duration = Duration::from_secs(1);

/// Memory, disk, network and temperature change slowly; the LEDs show them as they were up to a second ago.
const GAUGES_INTERVAL: Duration = Duration::from_secs(1);

/// Samples that may wait for the one who carries them to the broker, who never waits for anything but the disk.
pub const SAMPLES: usize = 64;

/// What has been read from the host; only the newest matters.
#[derive(Debug, Clone)]
pub struct Measured {
    /// For the LEDs.
    pub inputs: watch::Receiver<Inputs>,
    /// For telemetry; `None` before the first.
    pub sample: watch::Receiver<Option<Sample>>,
    /// How often the wall clock was set, or the machine slept: what shows a time of day looks again.
    pub clock_steps: watch::Receiver<u64>,
}

/// Everything the sampler can hear.
enum Heard {
    Alarm,
    Follows,
    Stop,
}

/// Reads the host.
pub struct Sampler {
    host: Host,
    clock: Clock,
    step_watch: StepWatch,
    clock_steps: watch::Sender<u64>,
    run: Run,
    /// Each sample matters: they are counted.
    taken: mpsc::Sender<Sample>,
    interval: Duration,
    load_interval: Duration,
    readings: watch::Receiver<Readings>,
    inputs: watch::Sender<Inputs>,
    sample: watch::Sender<Option<Sample>>,
    previous: Option<Reading>,
    sequence: u64,
    boot: BootTime,
    /// What changes slowly, as the LEDs see it.
    gauges: Inputs,
    /// The reading it was made from, and when.
    earlier: Option<(Gauges, Instant)>,
}

impl Sampler {
    /// Makes a sampler that samples at `interval`, and reads the load at `load_interval` while the LEDs show it; every sample
    /// goes to `taken`; `readings` tells what the LEDs show.
    #[must_use]
    pub fn new(
        host: Host,
        clock: Clock,
        taken: mpsc::Sender<Sample>,
        interval: Duration,
        load_interval: Duration,
        inputs: watch::Sender<Inputs>,
        readings: watch::Receiver<Readings>,
    ) -> Self {
        Self {
            host,
            clock,
            step_watch: StepWatch::start(&clock),
            clock_steps: watch::Sender::new(0),
            run: Run(fastrand::u32(..)),
            taken,
            interval,
            load_interval,
            readings,
            inputs,
            sample: watch::Sender::new(None),
            previous: None,
            sequence: 0,
            boot: BootTime::default(),
            gauges: Inputs::default(),
            earlier: None,
        }
    }

    /// What has been read.
    #[must_use]
    pub fn measured(&self) -> Measured {
        Measured {
            inputs: self.inputs.subscribe(),
            sample: self.sample.subscribe(),
            clock_steps: self.clock_steps.subscribe(),
        }
    }

    /// Samples until it is told to stop.
    pub async fn run(&mut self, stop: CancellationToken) {
        let mut alarm = self.clock.alarm();
        let mut samples = Samples::every(self.interval);
        let mut loads = Loads::every(self.load_interval);
        loop {
            let readings = *self.readings.borrow_and_update();
            let follows = readings > Readings::None;
            // One alarm for both: the thread wakes for no other.
            let next = if follows {
                samples.next.min(loads.next)
            } else {
                samples.next
            };
            let hear = async {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => Heard::Stop,
                    () = alarm.until(next) => Heard::Alarm,
                    Ok(()) = self.readings.changed() => Heard::Follows,
                }
            };
            match pulse::rest(hear).await {
                Heard::Stop => return,
                Heard::Follows => loads.hurry(),
                Heard::Alarm => {
                    let now = Instant::now();
                    if samples.next <= now {
                        samples.pass(now);
                        self.mind_the_clock();
                        self.take_sample().await;
                    }
                    if follows && loads.next <= now {
                        loads.read_by(|| self.read(readings));
                    }
                }
            }
        }
    }

    /// Reads what the LEDs show, and no more.
    fn read(&mut self, readings: Readings) {
        if readings == Readings::All {
            self.read_gauges();
        }
        let load = self.host.load();
        let cpu_load = load.map(|load| load.total);
        let cores = load.map_or(&[][..], |load| &load.cores);
        let read = Inputs {
            cpu_load,
            ..self.gauges
        }
        .with_cores(cores);
        self.inputs
            .send_if_modified(|inputs| std::mem::replace(inputs, read) != read);
    }

    /// Reads what changes slowly, about once a second.
    fn read_gauges(&mut self) {
        let due = self
            .earlier
            .as_ref()
            .is_none_or(|(_, at)| at.elapsed() >= GAUGES_INTERVAL);
        if !due {
            return;
        }
        let read = self.host.gauges();
        let earlier = self.earlier.as_ref().map(|(gauges, _)| gauges);
        self.gauges = Inputs {
            memory: read.memory.and_then(Space::share),
            disk: read.disk.and_then(Space::share),
            network: earlier.and_then(|earlier| read.network_share(earlier)),
            temperature_celsius: read.temperature_celsius,
            load_average_1: read.load_average.map(|[minute, ..]| minute),
            ..Inputs::default()
        };
        self.earlier = Some((read, Instant::now()));
    }

    /// Looked at with each sample, so that it needs no wake-up of its own.
    fn mind_the_clock(&mut self) {
        if let Some(step_ms) = self.step_watch.look(&self.clock) {
            info!(step_ms, "the clock was set, or the machine slept");
            self.clock_steps.send_modify(|steps| *steps += 1);
        }
    }

    async fn take_sample(&mut self) {
        let reading = self.host.sample();
        let stamp = Stamp {
            run: self.run,
            sequence: self.sequence,
            unix_ms: self.clock.unix_millis(),
            since_boot: Some(self.clock.since_boot()),
        };
        let mut sample = Sample::of(self.previous.as_ref(), &reading, stamp);
        sample.booted_unix_secs = self.boot.look(stamp.unix_ms, sample.uptime_secs);
        self.previous = Some(reading);
        self.sequence += 1;
        self.sample.send_replace(Some(sample.clone()));
        // Whoever takes it may have stopped first.
        drop(self.taken.send(sample).await);
    }
}

/// When samples are taken: on a fixed grid.
struct Samples {
    next: Instant,
    interval: Duration,
}

impl Samples {
    fn every(interval: Duration) -> Self {
        Self {
            next: Instant::now() + FIRST_SAMPLE.min(interval),
            interval,
        }
    }

    /// The next one comes after `now`: after a pause of the machine, one is due, not all that were missed.
    fn pass(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.next);
        let passed = late.as_nanos() / self.interval.as_nanos().max(1) + 1;
        self.next += self
            .interval
            .saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
    }
}

/// When the load is read.
///
/// The interval begins when the reading before has ended. On a fixed grid the reading after a late one would come early, and the
/// host's meter, which takes none that is closer than 200 ms to the one before, would leave out every second one.
struct Loads {
    next: Instant,
    interval: Duration,
}

impl Loads {
    /// The first one is due at once.
    fn every(interval: Duration) -> Self {
        Self {
            next: Instant::now(),
            interval,
        }
    }

    /// Reads, and lets the next interval begin.
    fn read_by(&mut self, read: impl FnOnce()) {
        read();
        self.next = Instant::now() + self.interval;
    }

    /// Makes the next one due at once.
    fn hurry(&mut self) {
        self.next = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep_until};

    /// The shortest interval there may be, and the host's meter takes no shorter one.
    const INTERVAL: Duration = Duration::from_millis(200);

    #[tokio::test(start_paused = true)]
    async fn samples_that_were_missed_are_not_made_up_for_and_the_grid_stays() {
        let begin = Instant::now();
        let mut samples = Samples::every(INTERVAL);
        assert_eq!(samples.next, begin + INTERVAL);
        for (late_ms, next) in [(0, 2), (199, 3), (200, 5), (950, 10)] {
            samples.pass(samples.next + Duration::from_millis(late_ms));
            assert_eq!(samples.next, begin + INTERVAL * next, "{late_ms}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_is_never_read_sooner_than_an_interval_after_the_one_before() {
        let mut loads = Loads::every(INTERVAL);
        let mut last: Option<Instant> = None;
        // Late by a little, in time, later than an interval: each is followed by one that a grid would have early.
        for late_ms in [0, 3, 0, 1, 250, 0, 4] {
            sleep_until(loads.next).await;
            advance(Duration::from_millis(late_ms)).await;
            let now = Instant::now();
            if let Some(last) = last {
                let since = now - last;
                assert!(since >= INTERVAL, "{since:?}");
                assert!(
                    since <= INTERVAL + Duration::from_millis(late_ms + 1),
                    "{since:?}"
                );
            }
            loads.read_by(|| last = Some(Instant::now()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_begins_to_follow_does_not_wait() {
        let mut loads = Loads::every(INTERVAL);
        loads.read_by(|| ());
        assert_eq!(loads.next, Instant::now() + INTERVAL);
        loads.hurry();
        assert_eq!(loads.next, Instant::now());
    }
}
