//! Short flashes.

use std::time::Duration;

use super::rhythm::{nanos, period_nanos};
use super::{Canvas, Change, Moment, Param, tinted};

/// Three a second: more can harm people (WCAG 2.3.1).
const SAFE_PER_MINUTE: f32 = 180.0;

/// What `light.allow_fast_flashes` raises the limit to: twenty a second.
const FAST_PER_MINUTE: f32 = 1200.0;

/// The parameters of `strobe`.
pub(super) const PARAMS: &[Param] = &[flashes_up_to(SAFE_PER_MINUTE)];

/// The parameters of `strobe` on a node that allows fast flashes.
pub(super) const FAST_PARAMS: &[Param] = &[flashes_up_to(FAST_PER_MINUTE)];

/// The longest a flash is lit: short enough to freeze what moves, long enough for any bus.
const FLASH_NANOS: u64 = 80_000_000;

const fn flashes_up_to(most: f32) -> Param {
    Param::rate(
        "flashes_per_minute",
        "how often it flashes",
        (1.0, most),
        60.0,
    )
}

pub(super) fn paint(moment: &Moment<'_>) -> Canvas {
    let (into, period) = time(moment);
    let level = if into < lit(period) { 1.0 } else { 0.0 };
    tinted(moment.rings(), |_| level)
}

pub(super) fn change(moment: &Moment<'_>) -> Change {
    let (into, period) = time(moment);
    let next = if into < lit(period) {
        lit(period)
    } else {
        period
    };
    Change::At(moment.elapsed + Duration::from_nanos(next - into))
}

/// The nanoseconds since the last flash began, and from one to the next.
fn time(moment: &Moment<'_>) -> (u64, u64) {
    let period = period_nanos(moment.params.number(0));
    (nanos(moment.elapsed) % period, period)
}

fn lit(period: u64) -> u64 {
    FLASH_NANOS.min(period / 2)
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Inputs, Kind};
    use super::*;

    #[test]
    fn a_strobe_wakes_at_its_edges_only() {
        let strobe = Effect::new(Kind::Strobe);
        let change = |millis| strobe.next_change(Duration::from_millis(millis), &Inputs::default());
        let at = |millis| Change::At(Duration::from_millis(millis));
        assert_eq!(change(2000), at(2080));
        assert_eq!(change(2080), at(3000));
    }

    #[test]
    fn fast_flashes_are_taken_only_where_they_are_allowed() {
        for (allowed, most) in [(false, 180.0), (true, 1200.0)] {
            let declared = Kind::Strobe.params(allowed);
            let mut params = super::super::Params::greatest(declared);
            assert_eq!(params.number(0), most);
            let more = super::super::ParamValue::Number(f64::from(most) + 1.0);
            assert!(params.set(declared, "flashes_per_minute", more).is_err());
        }
    }
}
