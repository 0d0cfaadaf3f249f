//! A binary clock, laid out as the well-known one for this board: seconds on the top arm, minutes on the right, hours on
//! the left, and the lowest bit at the red rim.

use std::time::Duration;

use super::geometry::{arm, ring};
use super::load::UNKNOWN;
use super::{Canvas, Change, Moment, Param, tinted};

/// The parameters of `clock`.
pub(super) const CLOCK: &[Param] = &[Param::choice(
    "format",
    "whether hours run to 23, or from 1 to 12 twice a day",
    &["24h", "12h"],
    0,
)];

/// The trace of a bit that is 0, by which places are counted in the dark.
const ZERO: f32 = 0.05;

/// The clock; three dim white LEDs while the time of day is not known.
pub(super) fn paint(moment: &Moment<'_>) -> Canvas {
    let Some(time) = moment.inputs.local_time else {
        return tinted([0.0, 0.0, 0.0, 0.0, 0.0, UNKNOWN], |_| 1.0);
    };
    let seconds = time.as_secs();
    let hour = seconds / 3600 % 24;
    let hour = match moment.params.choice(0) {
        1 => (hour + 11) % 12 + 1,
        _ => hour,
    };
    let arms = [seconds % 60, seconds / 60 % 60, hour];
    tinted([1.0; 6], |led| {
        if arms[arm(led)] >> ring(led) & 1 == 1 {
            1.0
        } else {
            ZERO
        }
    })
}

pub(super) fn change(moment: &Moment<'_>) -> Change {
    match moment.inputs.local_time {
        Some(time) => {
            let into = Duration::from_nanos(time.subsec_nanos().into());
            Change::At(moment.elapsed + Duration::from_secs(1) - into)
        }
        None => Change::WithInputs,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Inputs, Kind, ParamValue};
    use super::*;

    fn at(hour: u64, minute: u64, second: u64, millis: u64) -> Inputs {
        let seconds = (hour * 60 + minute) * 60 + second;
        Inputs {
            local_time: Some(Duration::from_millis(seconds * 1000 + millis)),
            ..Inputs::default()
        }
    }

    /// The number on each arm, read as its owner does: 1, 2, 4, 8, 16, 32 from the rim.
    fn read(clock: &Effect, inputs: &Inputs) -> [u32; 3] {
        let canvas = clock.paint(Duration::from_secs(5), inputs);
        std::array::from_fn(|arm| {
            let bits = canvas.0[arm * 6..][..6].iter().enumerate();
            bits.map(|(bit, level)| u32::from(*level == 1.0) << bit)
                .sum()
        })
    }

    #[test]
    fn the_clock_shows_13_37_42() {
        let mut clock = Effect::new(Kind::Clock);
        let inputs = at(13, 37, 42, 0);
        assert_eq!(read(&clock, &inputs), [42, 37, 13]);
        clock
            .params
            .set(CLOCK, "format", ParamValue::Text("12h"))
            .unwrap();
        assert_eq!(read(&clock, &inputs), [42, 37, 1]);
        assert_eq!(read(&clock, &at(0, 0, 0, 0)), [0, 0, 12]);
    }

    #[test]
    fn the_clock_wakes_at_the_next_whole_second() {
        let clock = Effect::new(Kind::Clock);
        let elapsed = Duration::from_millis(5400);
        let change = |inputs| clock.next_change(elapsed, &inputs);
        let at_millis = |millis| Change::At(Duration::from_millis(millis));
        assert_eq!(change(at(13, 37, 42, 250)), at_millis(6150));
        assert_eq!(change(at(13, 37, 42, 0)), at_millis(6400));
        assert_eq!(change(Inputs::default()), Change::WithInputs);
    }
}
