//! PNG files of pictures.

use png::{BitDepth, BlendOp, ColorType, Compression, DisposeOp, Encoder, EncodingError, Filter};

use super::exhibit::Shot;
use super::palette::{CLEAR, Palette};
use crate::picture::{Painter, Picture};

/// An animation that repeats for ever, transparent around the board.
///
/// Each frame holds what differs from the one before and nothing else: light moves, the board does not.
pub(super) fn animation(shots: &[Shot], painter: &Painter) -> Result<Vec<u8>, EncodingError> {
    let pictures: Vec<Picture> = shots
        .iter()
        .map(|shot| painter.paint(&shot.frame))
        .collect();
    let mut palette = Palette::of(&pictures);
    let (width, height) = painter.pixels();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.rgb());
    encoder.set_trns(palette.alpha());
    encoder.set_compression(Compression::High);
    // Numbers of colours have no gradient that a filter could foretell.
    encoder.set_filter(Filter::NoFilter);
    encoder.set_animated(shots.len() as u32, 0)?;
    encoder.set_dispose_op(DisposeOp::None)?;
    encoder.set_blend_op(BlendOp::Over)?;
    let mut writer = encoder.write_header()?;
    let mut shown = vec![CLEAR; width * height];
    for (shot, picture) in shots.iter().zip(&pictures) {
        let changed = repaint(&mut shown, picture, &mut palette);
        writer.set_frame_delay(shot.millis, MILLIS_PER_SECOND)?;
        writer.write_image_data(&changed)?;
    }
    writer.finish()?;
    Ok(file)
}

const MILLIS_PER_SECOND: u16 = 1000;

/// Changes what is shown into the picture; the numbers of the colours that changed, the others clear.
fn repaint(shown: &mut [u8], picture: &Picture, palette: &mut Palette) -> Vec<u8> {
    let wanted = picture.pixels.iter().zip(&picture.mask);
    shown
        .iter_mut()
        .zip(wanted)
        .map(|(shown, (colour, covered))| {
            let number = palette.number(*colour, *covered);
            if *shown == number {
                CLEAR
            } else {
                *shown = number;
                number
            }
        })
        .collect()
}

/// A still picture, transparent around the board.
pub(super) fn board(picture: &Picture) -> Result<Vec<u8>, EncodingError> {
    let pixels = picture.pixels.iter().zip(&picture.mask);
    let rgba: Vec<u8> = pixels
        .flat_map(|([r, g, b], covered)| [*r, *g, *b, *covered])
        .collect();
    still(picture.width, picture.height, ColorType::Rgba, &rgba)
}

/// A still picture without transparency.
pub(super) fn opaque(
    width: usize,
    height: usize,
    pixels: &[[u8; 3]],
) -> Result<Vec<u8>, EncodingError> {
    still(width, height, ColorType::Rgb, pixels.as_flattened())
}

fn still(
    width: usize,
    height: usize,
    colour: ColorType,
    bytes: &[u8],
) -> Result<Vec<u8>, EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::High);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(bytes)?;
    writer.finish()?;
    Ok(file)
}
