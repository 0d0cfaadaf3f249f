//! Thousands of faults at random times, on a clock of the test's own: hours of a bad cable in a second.
//!
//! What holds, whatever goes wrong and whenever:
//!
//! - after every transfer that succeeds, the chip shows the newest frame: the first one after a fault repairs it;
//! - a fault that was noticed is over for the eye at most [`NOTICED`] after it is over on the bus;
//! - one that could not be noticed, since nothing was written meanwhile, is repaired by the next frame or refresh;
//! - the state is that of the last transfer, is published when it changes and only then, and every counter adds up.

use std::sync::{Arc, Mutex};

use fastrand::Rng;

use super::*;
use crate::light::Frame;
use crate::panel::{Backend, SimBus, SimFault};

/// The longest pause between two retries, with its jitter, and the transfer on the slowest bus here.
const NOTICED: Duration = Duration::from_millis(960 + 23);

/// Between two frames of a moving picture.
const FRAME: Duration = Duration::from_millis(20);

/// How often a still picture is written again.
const REFRESH: Duration = Duration::from_secs(30);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Steady(SimFault),
    Unplugged,
    BrownOut,
    Cut(usize),
    UnpluggedAfter(usize),
    Slow,
}

impl Trouble {
    fn any(rng: &mut Rng) -> Self {
        match rng.u8(..6) {
            0 => Self::Steady(SimFault::ALL[rng.usize(..SimFault::ALL.len())]),
            1 => Self::Unplugged,
            2 => Self::BrownOut,
            3 => Self::Cut(rng.usize(..24)),
            4 => Self::UnpluggedAfter(rng.usize(..24)),
            _ => Self::Slow,
        }
    }

    /// The state that a transfer finds.
    fn state(self) -> PanelState {
        match self {
            Self::Unplugged | Self::UnpluggedAfter(_) => PanelState::Missing,
            Self::BrownOut | Self::Slow => PanelState::Ok,
            Self::Cut(_) => PanelState::Stuck,
            Self::Steady(fault) => match fault {
                SimFault::NoAcknowledge | SimFault::NoSuchDevice | SimFault::NoDeviceFile => {
                    PanelState::Missing
                }
                SimFault::TimedOut | SimFault::BusError | SimFault::Contended => PanelState::Stuck,
                SimFault::PermissionDenied | SimFault::NotPermitted => PanelState::Denied,
                SimFault::Busy => PanelState::Busy,
            },
        }
    }

    fn begin(self, sim: &SimBus) {
        match self {
            Self::Steady(fault) => sim.fail_with(fault),
            Self::Unplugged => sim.unplug(),
            Self::BrownOut => sim.brown_out(),
            Self::Cut(bytes) => sim.cut_after(bytes),
            Self::UnpluggedAfter(bytes) => sim.unplug_after(bytes),
            Self::Slow => sim.set_bus_hz(Some(10_000)),
        }
    }

    fn end(self, sim: &SimBus) {
        match self {
            Self::Steady(_) => sim.clear_fault(),
            Self::Unplugged | Self::UnpluggedAfter(_) => sim.replug(),
            Self::Slow => sim.set_bus_hz(None),
            Self::BrownOut | Self::Cut(_) => {}
        }
    }
}

/// A clock that moves when it is told to.
#[derive(Clone)]
struct Time(Arc<Mutex<Instant>>);

impl Time {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn set(&self, at: Instant) {
        let mut now = self.0.lock().unwrap();
        *now = at.max(*now);
    }

    fn pass(&self, span: Duration) {
        *self.0.lock().unwrap() += span;
    }
}

/// What the counters have to be.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    faults: u64,
    recoveries: u64,
}

struct World {
    rng: Rng,
    time: Time,
    sim: SimBus,
    writer: Writer,
    health: watch::Receiver<PanelHealth>,
    trouble: Option<Trouble>,
    /// When it begins or ends.
    turn: Instant,
    next_frame: Instant,
    /// Frames of a movement that are still to come.
    moving: u32,
    given: u64,
    receipted: u64,
    state: PanelState,
    detail: Option<String>,
    counted: Counted,
    /// When the picture has to be right again, once the trouble is over.
    right_by: Option<Instant>,
    longest_dark: Duration,
    wrong_since: Option<Instant>,
}

impl World {
    fn new(seed: u64) -> Self {
        let time = Time(Arc::new(Mutex::new(Instant::now())));
        let spent = time.clone();
        let sim = SimBus::new().with_sleep(move |span| spent.pass(span));
        let settings = Settings {
            backend: Backend::Simulated(sim.clone()),
            on_stop: OnStop::Dark,
            refresh: Some(REFRESH),
        };
        let mut writer = Writer::new(settings, FrameSlot::default(), Arc::default());
        let now = time.clone();
        writer.now = Box::new(move || now.now());
        let health = writer.published.health.subscribe();
        let start = time.now();
        Self {
            rng: Rng::with_seed(seed),
            sim,
            writer,
            health,
            trouble: None,
            turn: start,
            next_frame: start,
            moving: 0,
            given: 0,
            receipted: 0,
            state: PanelState::Starting,
            detail: None,
            counted: Counted::default(),
            right_by: None,
            longest_dark: Duration::ZERO,
            wrong_since: None,
            time,
        }
    }

    /// Whatever comes next.
    fn step(&mut self) {
        let due = self.writer.due.unwrap_or(self.turn);
        let next = self.turn.min(self.next_frame).min(due);
        self.time.set(next);
        if next == self.turn {
            self.turn_trouble();
        } else if next == self.next_frame {
            self.frame();
        } else {
            self.transfer(Writer::attempt);
        }
        self.look();
    }

    fn turn_trouble(&mut self) {
        let now = self.time.now();
        if let Some(trouble) = self.trouble.take() {
            // One that waits for a transfer is over after it.
            let waits = match trouble {
                Trouble::Cut(_) => true,
                Trouble::UnpluggedAfter(_) => self.writer.driver.is_some(),
                Trouble::Steady(_) | Trouble::Unplugged | Trouble::BrownOut | Trouble::Slow => {
                    false
                }
            };
            if waits {
                self.trouble = Some(trouble);
                self.turn = self
                    .next_frame
                    .min(self.writer.due.unwrap_or(self.next_frame))
                    + Duration::from_nanos(1);
                return;
            }
            trouble.end(&self.sim);
            self.over();
            self.turn = now + self.rng_span(20, 3_000);
        } else {
            let trouble = Trouble::any(&mut self.rng);
            trouble.begin(&self.sim);
            self.right_by = None;
            if trouble == Trouble::BrownOut {
                self.over();
                self.turn = now + self.rng_span(20, 3_000);
            } else {
                self.trouble = Some(trouble);
                self.turn = now + self.rng_span(1, 5_000);
            }
        }
    }

    /// The trouble is over: from here on the picture is late.
    fn over(&mut self) {
        let now = self.time.now();
        let noticed = self.writer.driver.is_none();
        self.right_by = Some(now + if noticed { NOTICED } else { REFRESH });
    }

    fn frame(&mut self) {
        self.given += 1;
        let number = self.given;
        let frame = Frame(std::array::from_fn(|_| self.rng.u8(1..)));
        self.transfer(|writer| writer.take(Numbered { number, frame }, 0));
        if self.moving > 0 {
            self.moving -= 1;
            self.next_frame = self.time.now() + FRAME;
        } else {
            self.moving = self.rng.u32(..200);
            self.next_frame = self.time.now() + self.rng_span(100, 90_000);
        }
    }

    /// Lets the writer work, and holds what it says against what the bus did.
    fn transfer(&mut self, work: impl FnOnce(&mut Writer)) {
        let now = self.time.now();
        let tries = self.writer.driver.is_some() || self.writer.due.is_none_or(|due| due <= now);
        work(&mut self.writer);
        if !tries {
            assert!(!self.health.has_changed().unwrap());
            return;
        }
        let expected = self.trouble.map_or(PanelState::Ok, Trouble::state);
        let health = self.writer.published.health.borrow().clone();
        assert_eq!(health.state, expected, "{:?}", self.trouble);
        assert_eq!(health.detail.is_some(), expected.is_fault());
        let differs = health.state != self.state || health.detail != self.detail;
        assert_eq!(self.health.has_changed().unwrap(), differs, "told once");
        self.health.mark_unchanged();
        self.counted.faults += u64::from(health.state != self.state && expected.is_fault());
        self.counted.recoveries += u64::from(self.state.is_fault() && !expected.is_fault());
        (self.state, self.detail) = (health.state, health.detail);
        if let (PanelState::Ok, Some(target)) = (expected, self.writer.target) {
            assert_eq!(
                self.sim.shown(),
                target.frame,
                "the first that succeeds repairs"
            );
            self.right_by = None;
        }
        if matches!(self.trouble, Some(Trouble::Cut(_))) {
            // It met one transfer.
            self.trouble = None;
            self.over();
            self.turn = self.time.now() + self.rng_span(20, 3_000);
        }
        let receipt = *self.writer.published.receipts.borrow();
        if let Some(receipt) = receipt.filter(|receipt| receipt.number == self.given) {
            assert_eq!(
                Some(receipt.frame),
                self.writer.target.map(|target| target.frame)
            );
            self.receipted += u64::from(receipt.at >= now);
        }
    }

    /// Is the picture right, and if not, may it be wrong?
    fn look(&mut self) {
        let now = self.time.now();
        let right = self
            .writer
            .target
            .is_none_or(|target| self.sim.shown() == target.frame);
        if right {
            if let Some(since) = self.wrong_since.take() {
                self.longest_dark = self.longest_dark.max(now - since);
            }
        } else {
            self.wrong_since.get_or_insert(now);
            assert!(
                self.right_by.is_none_or(|by| now <= by),
                "late: {:?}, {:?}",
                self.state,
                self.trouble
            );
        }
    }

    fn rng_span(&mut self, from_millis: u64, to_millis: u64) -> Duration {
        Duration::from_micros(self.rng.u64(from_millis * 1000..to_millis * 1000))
    }
}

#[test]
fn picture_is_right_again_after_every_one_of_thousands_of_faults() {
    for seed in 1..=4 {
        let mut world = World::new(seed);
        world.transfer(Writer::attempt);
        let mut troubles = 0_u32;
        while troubles < 2_500 {
            let before = world.trouble;
            world.step();
            troubles += u32::from(before.is_none() && world.trouble.is_some());
        }
        let health = world.writer.published.health.borrow().clone();
        let counted = Counted {
            faults: health.faults,
            recoveries: health.recoveries,
        };
        assert_eq!(counted, world.counted);
        assert!(counted.faults > 500, "{counted:?}");
        let pending = u64::from(!world.writer.receipted);
        assert_eq!(
            world.sim.subscribe().borrow().latches,
            health.frames_written
        );
        assert_eq!(world.given, receipts_and_skips(&world, &health) + pending);
        println!(
            "seed {seed}: {troubles} troubles besides brown-outs, {} frames, {health:?}",
            world.given
        );
    }
}

/// Every frame has a receipt of its own or was skipped.
fn receipts_and_skips(world: &World, health: &PanelHealth) -> u64 {
    world.receipted + health.frames_skipped
}
