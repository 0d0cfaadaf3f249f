//! What a made-up host is busy with: days and nights, jobs that come and go, heat that follows, memory that leaks.

use std::f32::consts::TAU;

use crate::telemetry::{CpuLoad, NetworkRates, Sample, Throttled, Usage};
use crate::units::Percent;

/// A kind of host.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Model {
    /// As the device tree names it.
    pub(super) name: &'static str,
    memory_bytes: u64,
    max_mhz: u32,
    /// How much hotter than its surroundings it is under full load, in K.
    heat: f32,
}

/// The kinds there are, the commonest first.
const MODELS: [Model; 4] = [
    Model {
        name: "Raspberry Pi 4 Model B Rev 1.5",
        memory_bytes: 4 << 30,
        max_mhz: 1800,
        heat: 38.0,
    },
    Model {
        name: "Raspberry Pi 5 Model B Rev 1.0",
        memory_bytes: 8 << 30,
        max_mhz: 2400,
        heat: 44.0,
    },
    Model {
        name: "Raspberry Pi 3 Model B Plus Rev 1.3",
        memory_bytes: 1 << 30,
        max_mhz: 1400,
        heat: 36.0,
    },
    Model {
        name: "Raspberry Pi Zero 2 W Rev 1.0",
        memory_bytes: 512 << 20,
        max_mhz: 1000,
        heat: 30.0,
    },
];

/// Each of the kinds has four.
const CORES: usize = 4;

/// The card in each: 32 GB.
const DISK_BYTES: u64 = 32_000_000_000;

/// Seconds in a day.
const DAY: f64 = 86_400.0;

/// In which noise is forgotten, in seconds.
const NOISE_SECS: f32 = 60.0;

/// In which heat follows the load, in seconds: a board with a heat sink.
const HEAT_SECS: f32 = 45.0;

/// Above this the firmware slows the CPU down, in °C (Raspberry Pi documentation, "Frequency management and thermal control").
const THROTTLES_CELSIUS: f32 = 80.0;

/// Jobs an hour.
const JOBS_PER_HOUR: f32 = 4.0;

/// The host of one node.
#[derive(Debug, Clone)]
pub(super) struct Workload {
    random: fastrand::Rng,
    model: Model,
    /// What it does at rest, and how much more in the afternoon, in percent.
    idle: f32,
    busy: f32,
    /// By how much its day is late, in days.
    shift: f32,
    /// What is left of the last job, in percent, and how fast it ends.
    job: f32,
    job_secs: f32,
    noise: f32,
    surroundings_celsius: f32,
    temperature_celsius: f32,
    memory_percent: f32,
    /// How much leaks in an hour, in percent, and what has until the service that leaks is restarted.
    leak_per_hour: f32,
    leaked: f32,
    load_average: [f32; 3],
    disk_percent: f32,
    uptime_secs: f64,
    weak_supply: bool,
    since_boot: bool,
    last_secs: Option<f64>,
}

impl Workload {
    /// The host of the n-th node of this seed.
    pub(super) fn new(seed: u64, number: u32) -> Self {
        let mut random =
            fastrand::Rng::with_seed(seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // Neighbouring seeds begin alike.
        random.u64(..);
        let model = MODELS[[0, 0, 0, 0, 1, 1, 2, 2, 3][random.usize(..9)]];
        let mut between = |low: f32, high: f32| low + (high - low) * random.f32();
        let idle = between(1.0, 8.0);
        let surroundings_celsius = between(24.0, 38.0);
        Self {
            model,
            idle,
            busy: between(2.0, 45.0),
            // One of four works at night, as back-ups do.
            shift: between(-0.15, 0.15) + if between(0.0, 1.0) < 0.25 { 0.5 } else { 0.0 },
            job: 0.0,
            job_secs: 60.0,
            noise: 0.0,
            surroundings_celsius,
            temperature_celsius: surroundings_celsius + 8.0,
            memory_percent: between(18.0, 55.0),
            leak_per_hour: between(0.0, 1.0).powi(6) * 20.0,
            leaked: between(0.0, 20.0),
            load_average: [idle / 100.0 * CORES as f32; 3],
            disk_percent: between(12.0, 80.0),
            uptime_secs: f64::from(between(3.0e3, 8.0e6)),
            weak_supply: between(0.0, 1.0) < 0.02,
            since_boot: false,
            last_secs: None,
            random,
        }
    }

    /// The kind of host it is.
    pub(super) fn model(&self) -> Model {
        self.model
    }

    /// How many cores it has.
    pub(super) const fn cores(&self) -> usize {
        CORES
    }

    /// What is read at a time, in seconds since 1970; a sample without a stamp.
    pub(super) fn read(&mut self, unix_secs: f64) -> Sample {
        // A minute before the first reading, so that not all begin alike.
        let last = self
            .last_secs
            .replace(unix_secs)
            .unwrap_or(unix_secs - 60.0);
        let elapsed = (unix_secs - last).max(0.0);
        self.uptime_secs += elapsed;
        let load = self.work(unix_secs, elapsed as f32);
        let cores = [(); CORES].map(|()| {
            let uneven = load * (self.random.f32() - 0.5) * 0.6;
            percent(load + uneven)
        });
        let throttles = self.temperature_celsius > THROTTLES_CELSIUS;
        let under_voltage = self.weak_supply && load > 60.0;
        self.since_boot |= throttles || under_voltage;
        let traffic = f64::from(load) * 1800.0 + self.random.f64() * 4000.0;
        Sample {
            cpu: Some(CpuLoad {
                cores: cores.to_vec(),
                total: percent(load),
            }),
            frequency_mhz: Some(if load < 10.0 { 600 } else { self.model.max_mhz }),
            load_average: Some(self.load_average),
            memory: Some(Usage {
                used: percent(self.memory_percent + self.leaked + load * 0.05),
                total_bytes: self.model.memory_bytes,
            }),
            temperature_celsius: Some(self.temperature_celsius),
            uptime_secs: Some(self.uptime_secs as u64),
            booted_unix_secs: Some((unix_secs - self.uptime_secs) as i64),
            disk: Some(Usage {
                used: percent(self.disk_percent),
                total_bytes: DISK_BYTES,
            }),
            network: Some(NetworkRates {
                receive_bytes_per_sec: traffic,
                transmit_bytes_per_sec: traffic * 0.4,
            }),
            throttled: Some(Throttled {
                under_voltage,
                now: throttles,
                since_boot: self.since_boot,
            }),
            ..Sample::default()
        }
    }

    /// Lets time pass; the load in percent.
    fn work(&mut self, unix_secs: f64, elapsed: f32) -> f32 {
        let kept = |secs: f32| libm::expf(-elapsed / secs);
        // 0 at four in the morning, 1 at four in the afternoon.
        let day = (unix_secs / DAY).fract() as f32 - self.shift - 4.0 / 24.0;
        let rhythm = 0.5 - 0.5 * libm::cosf(day * TAU);
        self.job *= kept(self.job_secs);
        if self.random.f32() < 1.0 - libm::expf(-elapsed * JOBS_PER_HOUR / 3600.0) {
            self.job = 30.0 + self.random.f32() * 65.0;
            self.job_secs = 15.0 + self.random.f32() * 150.0;
        }
        let remembered = kept(NOISE_SECS);
        self.noise = self.noise * remembered
            + (self.random.f32() - 0.5) * 12.0 * (1.0 - remembered * remembered).sqrt();
        let load =
            (self.idle + self.busy * rhythm + self.job + self.noise).clamp(self.idle / 2.0, 100.0);
        for (average, secs) in self.load_average.iter_mut().zip([60.0, 300.0, 900.0]) {
            let running = load / 100.0 * CORES as f32;
            *average = running + (*average - running) * kept(secs);
        }
        let heat = self.surroundings_celsius + 3.0 * rhythm + 6.0 + self.model.heat * load / 100.0;
        self.temperature_celsius = heat + (self.temperature_celsius - heat) * kept(HEAT_SECS);
        self.leaked += self.leak_per_hour * elapsed / 3600.0;
        if self.leaked > 40.0 {
            self.leaked = 0.0;
        }
        load
    }
}

fn percent(value: f32) -> Percent {
    Percent::saturating(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Nine in the morning of 2026-01-02, UTC.
    const MORNING: f64 = 1_767_344_400.0;

    fn loads(workload: &mut Workload, from_hour: f64) -> f32 {
        let sum: f32 = (0..720)
            .map(|step| {
                let at = MORNING + (from_hour - 9.0) * 3600.0 + f64::from(step) * 5.0;
                workload.read(at).cpu.unwrap().total.get()
            })
            .sum();
        sum / 720.0
    }

    #[test]
    fn the_same_seed_gives_the_same_node_and_another_number_another_one() {
        let mut nodes =
            [(7, 1), (7, 1), (7, 2), (8, 1)].map(|(seed, number)| Workload::new(seed, number));
        let read = nodes.each_mut().map(|node| node.read(MORNING));
        assert_eq!(read[0], read[1]);
        assert_ne!(read[0], read[2]);
        assert_ne!(read[0], read[3]);
    }

    #[test]
    fn a_fleet_is_busier_in_the_afternoon_than_at_night() {
        let mean = |hour| {
            let sum: f32 = (0..100)
                .map(|number| loads(&mut Workload::new(1, number), hour))
                .sum();
            sum / 100.0
        };
        let (night, afternoon) = (mean(3.5), mean(15.5));
        assert!(afternoon > night + 8.0, "{night} {afternoon}");
    }

    #[test]
    fn heat_follows_the_load() {
        let mut workload = Workload::new(1, 1);
        let rest = workload.read(MORNING).temperature_celsius.unwrap();
        workload.job = 100.0;
        workload.job_secs = 1e9;
        let after = |workload: &mut Workload, secs| {
            workload.read(MORNING + secs).temperature_celsius.unwrap()
        };
        let soon = after(&mut workload, 5.0);
        let later = after(&mut workload, 300.0);
        assert!(rest < soon && soon < later - 10.0, "{rest} {soon} {later}");
    }

    proptest! {
        #[test]
        fn every_reading_is_a_number_within_its_range(
            seed: u64, number: u32, steps in proptest::collection::vec(0.0f64..100_000.0, 1..20),
        ) {
            let mut workload = Workload::new(seed, number);
            let mut at = MORNING;
            for step in steps {
                at += step;
                let sample = workload.read(at);
                let celsius = sample.temperature_celsius.unwrap();
                prop_assert!((20.0..100.0).contains(&celsius), "{celsius}");
                for average in sample.load_average.unwrap() {
                    prop_assert!((0.0..=4.0).contains(&average), "{average}");
                }
            }
        }
    }
}
