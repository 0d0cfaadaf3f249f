//! The colours of an animation, brought down to what one byte can name.

use std::collections::{BTreeMap, HashMap};

use color_quant::NeuQuant;

use crate::picture::Picture;

/// The number of the colour that leaves what was there before.
pub(super) const CLEAR: u8 = 0;

/// Degrees of coverage along the board's edge, whose pixels let some of the page through.
const EDGES: usize = 7;

/// What remains of 256 for the board itself.
const COLOURS: usize = 256 - 1 - EDGES;

/// How thoroughly the colours are chosen, 1 (best) to 30.
const SAMPLING: i32 = 1;

/// At most 256 colours: nothing, the edge by its coverage, and the nearest to all that occur.
pub(super) struct Palette {
    edge: [u8; 3],
    chosen: NeuQuant,
    known: HashMap<[u8; 3], u8>,
}

impl Palette {
    /// The colours for these pictures, all of one size and mask.
    pub(super) fn of(pictures: &[Picture]) -> Self {
        let mut colours = BTreeMap::<[u8; 3], u32>::new();
        let (mut edge, mut pixels) = ([0u32; 3], 0);
        for picture in pictures {
            for (colour, covered) in picture.pixels.iter().zip(&picture.mask) {
                match *covered {
                    0 => {}
                    u8::MAX => {
                        *colours.entry(*colour).or_default() += 1;
                    }
                    _ => {
                        pixels += 1;
                        for (sum, byte) in edge.iter_mut().zip(colour) {
                            *sum += u32::from(*byte);
                        }
                    }
                }
            }
        }
        // Most of a picture is dark board, but it is the lights that count: what is seen twice as often weighs one more.
        let samples: Vec<u8> = colours
            .iter()
            .flat_map(|([r, g, b], seen)| [*r, *g, *b, 255].repeat(1 + seen.ilog2() as usize))
            .collect();
        Self {
            edge: edge.map(|sum| (sum / pixels.max(1)) as u8),
            chosen: NeuQuant::new(SAMPLING, COLOURS, &samples),
            known: HashMap::new(),
        }
    }

    /// The colours, three bytes each.
    pub(super) fn rgb(&self) -> Vec<u8> {
        let mut rgb = vec![0; 3];
        rgb.extend(self.edge.repeat(EDGES));
        rgb.extend(self.chosen.color_map_rgb());
        rgb
    }

    /// The opacity of the first colours; the others cover all.
    pub(super) fn alpha(&self) -> Vec<u8> {
        (0..=EDGES)
            .map(|edge| (edge * 255 / (EDGES + 1)) as u8)
            .collect()
    }

    /// The number of the colour of a pixel of which the board covers so much.
    pub(super) fn number(&mut self, colour: [u8; 3], covered: u8) -> u8 {
        if covered < u8::MAX {
            return (usize::from(covered) * (EDGES + 1) / 256) as u8;
        }
        let chosen = &self.chosen;
        *self.known.entry(colour).or_insert_with(|| {
            let [r, g, b] = colour;
            (1 + EDGES + chosen.index_of(&[r, g, b, 255])) as u8
        })
    }
}
