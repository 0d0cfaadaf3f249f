//! How each effect is shown: how long, how smoothly, from where.

use std::time::Duration;

use super::host;
use crate::light::effect::{Kind, ParamValue, Params};
use crate::light::{Command, Frame, Settings, Stage};

/// The node as it is delivered; a test compares it with the configuration.
pub(super) const SETTINGS: Settings = Settings {
    default_effect: Kind::CpuLoad,
    brightness_limit: 48,
    gamma: 2.2,
    frames_per_second: 50,
    allow_fast_flashes: false,
    current_limit_milliamps: None,
    night: None,
};

/// How far into an effect a loop may begin.
const SEARCHED: Duration = Duration::from_secs(90);

/// One effect's loop.
pub(super) struct Exhibit {
    kind: Kind,
    length: Duration,
    frames: u32,
    start: Duration,
    telling: Telling,
}

/// A frame and how long it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shot {
    pub(super) frame: Frame,
    pub(super) millis: u16,
}

/// Where a loop begins.
enum Begins {
    /// With the effect.
    WithTheEffect,
    /// Where the end goes over into the beginning best, which for what repeats is perfect.
    Seamlessly,
}

/// When an effect can be told best from others.
enum Telling {
    /// At this share of the loop.
    At(f32),
    /// When the most of it is to be seen.
    Brightest,
}

impl Exhibit {
    /// The exhibit of an effect.
    pub(super) fn of(kind: Kind) -> Self {
        use Begins::{Seamlessly, WithTheEffect};
        use Telling::{At, Brightest};
        const HOST: u64 = host::PERIOD.as_millis() as u64;
        let (millis, frames, begins, telling) = match kind {
            Kind::CpuLoad => (HOST, 60, Seamlessly, At(0.37)),
            Kind::Cores => (HOST, 60, Seamlessly, At(0.45)),
            Kind::Meters => (HOST, 60, Seamlessly, At(0.3)),
            Kind::LoadAverage => (HOST, 60, Seamlessly, At(0.18)),
            Kind::Temperature => (HOST, 60, Seamlessly, At(0.33)),
            Kind::Gauge => (5000, 60, Seamlessly, At(0.35)),
            Kind::Solid => (1000, 1, WithTheEffect, Brightest),
            Kind::Breathe => (5000, 60, Seamlessly, Brightest),
            Kind::Pulse => (2000, 30, Seamlessly, At(0.33)),
            Kind::Chase => (1500, 24, Seamlessly, Brightest),
            Kind::Comet => (9000, 108, Seamlessly, At(0.35)),
            Kind::SpiralIn => (5000, 60, Seamlessly, At(0.3)),
            Kind::SpiralOut => (5000, 60, Seamlessly, At(0.25)),
            Kind::Wave => (2500, 36, Seamlessly, Brightest),
            Kind::Spin => (3000, 36, Seamlessly, Brightest),
            Kind::Twinkle => (6000, 72, Seamlessly, Brightest),
            Kind::Fire => (3000, 45, Seamlessly, Brightest),
            Kind::Heartbeat => (1000, 20, Seamlessly, Brightest),
            Kind::Rainbow => (7500, 90, Seamlessly, Brightest),
            Kind::Rain => (4000, 56, Seamlessly, Brightest),
            Kind::Radar => (4000, 52, Seamlessly, Brightest),
            Kind::Clock => (10_000, 10, WithTheEffect, At(0.0)),
            // The timer, its last gesture and a moment of darkness.
            Kind::Countdown => (7000, 84, WithTheEffect, At(0.16)),
            // "SOS" is 34 dots of 120 ms with the space after it.
            Kind::Morse => (4080, 34, WithTheEffect, Brightest),
            Kind::Strobe => (1000, 25, WithTheEffect, Brightest),
        };
        let mut exhibit = Self {
            kind,
            length: Duration::from_millis(millis),
            frames,
            start: Duration::ZERO,
            telling,
        };
        if let Seamlessly = begins {
            exhibit.start = exhibit.smoothest_start();
        }
        exhibit
    }

    /// The frames of the loop; those that follow on equal ones are not repeated but seen longer.
    pub(super) fn shots(&self) -> Vec<Shot> {
        let mut shots: Vec<Shot> = Vec::new();
        let stage = self.stage();
        for number in 0..self.frames {
            let ends = self.place(number + 1).as_millis() as u16;
            let millis = ends - self.place(number).as_millis() as u16;
            let frame = self.frame(&stage, self.start + self.place(number));
            match shots.last_mut() {
                Some(last) if last.frame == frame => last.millis += millis,
                _ => shots.push(Shot { frame, millis }),
            }
        }
        shots
    }

    /// The frame at which the effect can be told best from others.
    pub(super) fn telling_frame(&self) -> Frame {
        match self.telling {
            Telling::At(share) => {
                let place = self.length.mul_f32(share);
                self.frame(&self.stage(), self.start + place)
            }
            Telling::Brightest => self
                .shots()
                .iter()
                .map(|shot| shot.frame)
                .max_by_key(|frame| frame.0.map(perceived).iter().sum::<i32>())
                .unwrap_or_default(),
        }
    }

    /// The time of a frame after the loop's beginning.
    fn place(&self, number: u32) -> Duration {
        self.length * number / self.frames
    }

    fn smoothest_start(&self) -> Duration {
        let stage = self.stage();
        let mut best = (u32::MAX, Duration::ZERO);
        for start in (1..).map(|number| self.place(number)) {
            let seam = self.seam(&stage, start);
            if seam < best.0 {
                best = (seam, start);
            }
            if seam == 0 || start > SEARCHED {
                break;
            }
        }
        best.1
    }

    #[cfg(test)]
    pub(super) fn jump(&self) -> u32 {
        self.seam(&self.stage(), self.start)
    }

    /// How much the picture jumps where a loop that begins here starts again.
    fn seam(&self, stage: &Stage, start: Duration) -> u32 {
        // The frame before must fit as well, or the motion would have a kink.
        let before = start.saturating_sub(self.place(1));
        [start, before]
            .map(|at| difference(&self.frame(stage, at), &self.frame(stage, at + self.length)))
            .iter()
            .sum()
    }

    fn stage(&self) -> Stage {
        let mut stage = Stage::new(&SETTINGS);
        self.command(&mut stage, Duration::ZERO);
        stage
    }

    fn frame(&self, stage: &Stage, at: Duration) -> Frame {
        if self.kind != Kind::Gauge {
            return stage.frame(at, &host::inputs(at));
        }
        // Somebody sends a value with every frame.
        let mut stage = stage.clone();
        self.command(&mut stage, at);
        stage.frame(at, &host::inputs(at))
    }

    fn command(&self, stage: &mut Stage, at: Duration) {
        let command = Command {
            effect: Some((self.kind, self.params(at))),
            ..Command::to_board()
        };
        // The whole board takes any effect.
        stage
            .apply(at, &host::inputs(at), &command)
            .unwrap_or_default();
    }

    /// The defaults, apart from values that only a person can give.
    pub(super) fn params(&self, at: Duration) -> Params {
        let declared = self.kind.params(SETTINGS.allow_fast_flashes);
        let mut params = Params::defaults(declared);
        let turn = at.as_secs_f64() / self.length.as_secs_f64() * std::f64::consts::TAU;
        let given = if self.kind == Kind::Gauge {
            Some(("value", 50.0 - 50.0 * turn.cos()))
        } else if self.kind == Kind::Countdown {
            Some(("seconds", 5.0))
        } else {
            None
        };
        if let Some((name, value)) = given {
            // Names and values are within what is declared, which a test holds.
            params
                .set(declared, name, ParamValue::Number(value))
                .unwrap_or_default();
        }
        params
    }
}

/// How much two frames differ to the eye.
fn difference(a: &Frame, b: &Frame) -> u32 {
    a.0.iter()
        .zip(b.0)
        .map(|(a, b)| (perceived(*a) - perceived(b)).pow(2) as u32)
        .sum()
}

/// A PWM value as the eye takes it, 0 to 255; a square root is close enough.
fn perceived(pwm: u8) -> i32 {
    (f32::from(pwm) * 255.0).sqrt() as i32
}
