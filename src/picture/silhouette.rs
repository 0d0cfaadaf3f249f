//! The shape of the bare board, in millimetres.

use crate::light::board::{Arm, BOARD, OUTLINE};

/// The size of the board's bounding box in millimetres.
pub(super) const EXTENT: (f32, f32) = (33.68, 36.82);

/// The radius of the corners in millimetres; for the looks, the milled board has about that.
const CORNER: f32 = 2.0;

/// The distance between neighbouring header pins in millimetres.
const PITCH: f32 = 2.54;

/// The middle of the header's two rows of pins in millimetres from the top edge.
const HEADER_Y: f32 = 3.82;

/// The straight pieces that a curved trace between two LEDs is drawn with.
const PIECES: usize = 4;

/// The outline with rounded corners and the spiral traces, as distances.
#[derive(Debug, Clone)]
pub(super) struct Silhouette {
    inset: [(f32, f32); OUTLINE.len()],
    traces: Vec<Vec<(f32, f32)>>,
}

impl Silhouette {
    pub(super) fn new() -> Self {
        // Shrunk by the radius here and grown by it in `to_edge`: that rounds the corners.
        let corners = OUTLINE.len();
        let mut inset = OUTLINE;
        for (index, corner) in inset.iter_mut().enumerate() {
            let before = inwards(OUTLINE[(index + corners - 1) % corners], OUTLINE[index]);
            let after = inwards(OUTLINE[index], OUTLINE[(index + 1) % corners]);
            corner.0 += CORNER * (before.0 + after.0);
            corner.1 += CORNER * (before.1 + after.1);
        }
        Self {
            inset,
            traces: Arm::ALL.map(trace).into(),
        }
    }

    /// The distance to the board's edge in millimetres, negative on the board.
    pub(super) fn to_edge(&self, at: (f32, f32)) -> f32 {
        let mut nearest = f32::MAX;
        let mut inside = false;
        for index in 0..self.inset.len() {
            let (from, to) = (
                self.inset[index],
                self.inset[(index + 1) % self.inset.len()],
            );
            nearest = nearest.min(to_segment(at, from, to));
            let crosses = (from.1 > at.1) != (to.1 > at.1);
            if crosses && at.0 < from.0 + (at.1 - from.1) / (to.1 - from.1) * (to.0 - from.0) {
                inside = !inside;
            }
        }
        if inside {
            -nearest - CORNER
        } else {
            nearest - CORNER
        }
    }

    /// The distance in millimetres to the nearest trace, the curve that joins the LEDs of an arm.
    pub(super) fn to_trace(&self, at: (f32, f32)) -> f32 {
        self.traces
            .iter()
            .flat_map(|trace| trace.windows(2))
            .map(|piece| to_segment(at, piece[0], piece[1]))
            .fold(f32::MAX, f32::min)
    }
}

/// The distance in millimetres to the nearest solder joint of the 2 × 13 header, which runs along the top edge.
pub(super) fn to_header_pin(at: (f32, f32)) -> f32 {
    let middle = EXTENT.0 / 2.0;
    let column = ((at.0 - middle) / PITCH).round().clamp(-6.0, 6.0);
    let row = if at.1 < HEADER_Y { -0.5 } else { 0.5 };
    let (x, y) = (middle + column * PITCH, HEADER_Y + row * PITCH);
    libm::hypotf(at.0 - x, at.1 - y)
}

/// A smooth curve through the LEDs of an arm (Catmull-Rom).
fn trace(arm: Arm) -> Vec<(f32, f32)> {
    let leds: Vec<(f32, f32)> = BOARD
        .iter()
        .filter(|led| led.arm == arm)
        .map(|led| (led.x, led.y))
        .collect();
    let place = |index: usize| leds[index.min(leds.len() - 1)];
    let mut points = Vec::with_capacity(leds.len() * PIECES);
    for index in 0..leds.len() - 1 {
        let near = [
            place(index.saturating_sub(1)),
            place(index),
            place(index + 1),
            place(index + 2),
        ];
        for piece in 0..PIECES {
            let t = piece as f32 / PIECES as f32;
            points.push((
                catmull_rom(near.map(|p| p.0), t),
                catmull_rom(near.map(|p| p.1), t),
            ));
        }
    }
    points.push(place(leds.len() - 1));
    points
}

fn catmull_rom([before, from, to, after]: [f32; 4], t: f32) -> f32 {
    let bend = 2.0 * before - 5.0 * from + 4.0 * to - after;
    let twist = 3.0 * (from - to) + after - before;
    from + 0.5 * t * (to - before + t * (bend + t * twist))
}

/// The unit vector into the board from an edge; the outline runs clockwise on the screen.
fn inwards(from: (f32, f32), to: (f32, f32)) -> (f32, f32) {
    let (x, y) = (to.0 - from.0, to.1 - from.1);
    let length = libm::hypotf(x, y);
    (-y / length, x / length)
}

fn to_segment(at: (f32, f32), from: (f32, f32), to: (f32, f32)) -> f32 {
    let (x, y) = (at.0 - from.0, at.1 - from.1);
    let (edge_x, edge_y) = (to.0 - from.0, to.1 - from.1);
    let along = (x * edge_x + y * edge_y) / (edge_x * edge_x + edge_y * edge_y);
    let along = along.clamp(0.0, 1.0);
    libm::hypotf(x - along * edge_x, y - along * edge_y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extent_encloses_the_outline() {
        let right = OUTLINE.iter().map(|corner| corner.0).fold(0.0, f32::max);
        let bottom = OUTLINE.iter().map(|corner| corner.1).fold(0.0, f32::max);
        assert_eq!(EXTENT, (right, bottom));
    }

    #[test]
    fn every_led_lies_on_the_board() {
        let board = Silhouette::new();
        for led in BOARD {
            assert!(board.to_edge((led.x, led.y)) < -2.0, "{led:?}");
        }
    }

    #[test]
    fn traces_run_through_every_led() {
        let board = Silhouette::new();
        for led in BOARD {
            assert!(board.to_trace((led.x, led.y)) < 1e-3, "{led:?}");
        }
    }

    #[test]
    fn straight_edges_stay_where_they_are() {
        let board = Silhouette::new();
        for edge in [
            (0.0, 20.0),
            (27.54, 20.0),
            (15.0, 0.0),
            (33.68, 4.0),
            (15.0, 36.82),
        ] {
            assert!(board.to_edge(edge).abs() < 1e-4, "{edge:?}");
        }
    }

    #[test]
    fn corners_are_rounded_away() {
        let board = Silhouette::new();
        assert!(board.to_edge((0.1, 0.1)) > 0.0);
        assert!(board.to_edge((30.0, 20.0)) > 0.0);
        assert!(board.to_edge((1.0, 1.0)) < 0.0);
    }
}
