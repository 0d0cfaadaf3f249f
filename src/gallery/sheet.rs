//! All effects on one picture, each with its name.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster};

use super::encode;
use super::exhibit::Exhibit;
use crate::light::board::{CENTRE, OUTLINE};
use crate::light::effect::EFFECTS;
use crate::picture::{Painter, Picture};

/// Boards in a row: five rows of five are a little higher than wide, as a board is.
const COLUMNS: usize = 5;

/// The height of a board in pixels.
const BOARD_HEIGHT: usize = 208;

/// Pixels between two boards, and between them and the edge.
const GAP: usize = 40;

/// Pixels between a board and its name.
const NAME_GAP: usize = 8;

const FONT: RasterHeight = RasterHeight::Size20;

/// Darker than the board, so that it stands out.
const GROUND: [u8; 3] = [8, 8, 11];

const INK: [u8; 3] = [176, 180, 192];

/// The contact sheet, as a PNG.
///
/// # Errors
///
/// Fails when the encoder refuses the picture.
pub fn contact_sheet() -> Result<Vec<u8>, png::EncodingError> {
    let painter = Painter::new(BOARD_HEIGHT, BOARD_HEIGHT);
    let (width, height) = painter.pixels();
    let pitch = (width + GAP, height + NAME_GAP + FONT.val() + GAP);
    // The header makes a board wider above than below: a name looks right below the spiral.
    let spiral = (width as f32 * CENTRE.0 / OUTLINE[1].0) as usize;
    let rows = EFFECTS.len().div_ceil(COLUMNS);
    // The line below a name is empty enough: no second gap at the bottom.
    let mut sheet = Sheet::new(GAP + COLUMNS * pitch.0, GAP + rows * pitch.1 - NAME_GAP);
    for (index, info) in EFFECTS.iter().enumerate() {
        let left = GAP + index % COLUMNS * pitch.0;
        let top = GAP + index / COLUMNS * pitch.1;
        let frame = Exhibit::of(info.kind).telling_frame();
        sheet.draw(&painter.paint(&frame), left, top);
        sheet.write(info.name, left + spiral, top + height + NAME_GAP);
    }
    encode::opaque(sheet.width, sheet.pixels.len() / sheet.width, &sheet.pixels)
}

struct Sheet {
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Sheet {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            pixels: vec![GROUND; width * height],
        }
    }

    fn draw(&mut self, picture: &Picture, left: usize, top: usize) {
        let pixels = picture.pixels.iter().zip(&picture.mask);
        for (index, (colour, covered)) in pixels.enumerate() {
            let (x, y) = (index % picture.width, index / picture.width);
            self.blend(left + x, top + y, *colour, *covered);
        }
    }

    /// Writes a line of ASCII, centred.
    fn write(&mut self, text: &str, middle: usize, top: usize) {
        let glyphs: Vec<_> = text
            .chars()
            .filter_map(|letter| get_raster(letter, FontWeight::Regular, FONT))
            .collect();
        let width: usize = glyphs.iter().map(|glyph| glyph.width()).sum();
        let mut left = middle.saturating_sub(width / 2);
        for glyph in glyphs {
            for (y, row) in glyph.rows().enumerate() {
                for (x, covered) in row.iter().enumerate() {
                    self.blend(left + x, top + y, INK, *covered);
                }
            }
            left += glyph.width();
        }
    }

    fn blend(&mut self, x: usize, y: usize, over: [u8; 3], covered: u8) {
        let Some(pixel) = self.pixels.get_mut(y * self.width + x) else {
            return;
        };
        let covered = u32::from(covered);
        for (byte, over) in pixel.iter_mut().zip(over) {
            let mixed = u32::from(*byte) * (255 - covered) + u32::from(over) * covered;
            *byte = (mixed / 255) as u8;
        }
    }
}
