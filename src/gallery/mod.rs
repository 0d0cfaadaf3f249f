//! The pictures of the documentation, rendered by the engine itself: pure, no clock, no I/O.
//!
//! ```text
//! Exhibit ── times, inputs, parameters ──▶ Stage ──▶ Frames ──▶ Painter ─┬─▶ encode: an animation of each effect
//!                                                                        ├─▶ sheet: all effects on one picture
//! effect::EFFECTS ──▶ page: what is said of each                         └─▶ board: one large picture
//! ```
//!
//! The same program gives the same bytes. What is kept in `docs/` is this program's output, which tests hold.

mod encode;
mod exhibit;
mod host;
mod page;
mod palette;
mod sheet;
#[cfg(test)]
mod tests;

pub use page::effects_page;
pub use png::EncodingError;
pub use sheet::contact_sheet;

use crate::light::effect::Kind;
use crate::picture::Painter;
use exhibit::Exhibit;

/// The size in pixels of an animation: 4 pixels to a millimetre.
const ANIMATION: (usize, usize) = (135, 147);

/// The height in pixels of the large picture.
const BOARD_HEIGHT: usize = 640;

/// The effect whose telling moment the large picture shows: all LEDs, each in its colour.
const BOARD_EFFECT: Kind = Kind::Breathe;

/// The effect in motion, as an animated PNG that loops.
///
/// # Errors
///
/// Fails when the encoder refuses the picture.
pub fn animation(kind: Kind) -> Result<Vec<u8>, EncodingError> {
    animated(kind, &Painter::new(ANIMATION.0, ANIMATION.1))
}

/// One large picture of the board with transparent corners, as a PNG.
///
/// # Errors
///
/// Fails when the encoder refuses the picture.
pub fn board() -> Result<Vec<u8>, EncodingError> {
    let painter = Painter::new(BOARD_HEIGHT, BOARD_HEIGHT);
    encode::board(&painter.paint(&Exhibit::of(BOARD_EFFECT).telling_frame()))
}

fn animated(kind: Kind, painter: &Painter) -> Result<Vec<u8>, EncodingError> {
    encode::animation(&Exhibit::of(kind).shots(), painter)
}
