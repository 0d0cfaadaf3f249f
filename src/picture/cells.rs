//! Pixels and brightness as characters.

use super::line::{Line, Style};
use super::painter::{Painter, Picture};
use super::palette::Palette;
use crate::light::Frame;
use crate::light::board::{BOARD, Ring};

/// From this coverage on a pixel belongs to the board; a terminal cannot show half of one.
const COVERED: u8 = 128;

/// Characters for the light around the LEDs, from none to much.
const RAMP: [char; 6] = [' ', ':', '-', '=', '+', '*'];

/// From this PWM on a letter is a capital: above the comfortable levels of a desk, 10 to 20.
const CAPITAL: u8 = 24;

impl Painter {
    /// Draws the frame as rows of text, [`cells`](Self::cells) large: half blocks, or characters without colours.
    #[must_use]
    pub fn draw(&self, frame: &Frame, palette: Palette) -> Vec<Line> {
        match palette {
            Palette::TrueColour | Palette::Xterm256 => self.paint(frame).blocks(),
            Palette::Plain => self.letters(frame),
        }
    }

    /// Letters for the lit LEDs, capitals for bright ones, a point for a dark one, and the glow around them.
    fn letters(&self, frame: &Frame) -> Vec<Line> {
        let (columns, rows) = self.cells();
        let (lit, dark) = (self.paint(frame), self.paint(&Frame::DARK));
        let cell = |column: usize, row: usize| {
            if let Some(index) = self.led_in_cell(column, row, frame) {
                return letter(BOARD[index].ring, frame.0[index]);
            }
            match edge(&lit, column, row) {
                Some(edge) => edge,
                None => glow(&lit, &dark, column, row),
            }
        };
        let line = |row| {
            let text: String = (0..columns).map(|column| cell(column, row)).collect();
            Line::styled(&text, Style::PLAIN)
        };
        (0..rows).map(line).collect()
    }

    /// The brightest of the LEDs in a cell.
    fn led_in_cell(&self, column: usize, row: usize, frame: &Frame) -> Option<usize> {
        (0..BOARD.len())
            .filter(|index| {
                let place = self.led_pixel(*index);
                place.is_some_and(|(x, y)| (x, y / 2) == (column, row))
            })
            .max_by_key(|index| frame.0[*index])
    }
}

impl Picture {
    /// The picture as rows of half blocks, two pixels to a cell, transparent off the board.
    #[must_use]
    pub fn blocks(&self) -> Vec<Line> {
        let row = |row: usize| {
            let mut line = Line::new();
            for x in 0..self.width {
                let (block, foreground, background) =
                    match (self.at(x, 2 * row), self.at(x, 2 * row + 1)) {
                        (None, None) => (' ', None, None),
                        (Some(upper), None) => ('▀', Some(upper), None),
                        (None, Some(lower)) => ('▄', Some(lower), None),
                        (Some(upper), Some(lower)) if upper == lower => (' ', None, Some(upper)),
                        (Some(upper), Some(lower)) => ('▀', Some(upper), Some(lower)),
                    };
                let style = Style {
                    foreground,
                    background,
                    ..Style::PLAIN
                };
                line.push(block, style);
            }
            line
        };
        (0..self.height.div_ceil(2)).map(row).collect()
    }

    /// The colour of a pixel, none off the board.
    fn at(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        if x >= self.width {
            return None;
        }
        let index = y * self.width + x;
        let covered = self.mask.get(index).is_some_and(|mask| *mask >= COVERED);
        self.pixels.get(index).copied().filter(|_| covered)
    }

    fn covers_cell(&self, column: usize, row: usize) -> bool {
        self.at(column, 2 * row).is_some() || self.at(column, 2 * row + 1).is_some()
    }
}

fn letter(ring: Ring, pwm: u8) -> char {
    let letter = match ring {
        Ring::Red => 'r',
        Ring::Orange => 'o',
        Ring::Yellow => 'y',
        Ring::Green => 'g',
        Ring::Blue => 'b',
        Ring::White => 'w',
    };
    match pwm {
        0 => '.',
        1..CAPITAL => letter,
        CAPITAL.. => letter.to_ascii_uppercase(),
    }
}

/// The rim of the board, where the cell lies on it.
fn edge(picture: &Picture, column: usize, row: usize) -> Option<char> {
    let covers = |column: Option<usize>, row: Option<usize>| match (column, row) {
        (Some(column), Some(row)) => picture.covers_cell(column, row),
        (None, _) | (_, None) => false,
    };
    if !picture.covers_cell(column, row) {
        return None;
    }
    let (column, row) = (Some(column), Some(row));
    let before = |index: Option<usize>| index.and_then(|index| index.checked_sub(1));
    let after = |index: Option<usize>| index.map(|index| index + 1);
    let beside = covers(before(column), row) && covers(after(column), row);
    let above = covers(column, before(row)) && covers(column, after(row));
    match (beside, above) {
        (true, true) => None,
        (true, false) => Some('-'),
        (false, true) => Some('|'),
        (false, false) => Some('+'),
    }
}

/// The light that has been added to a cell of the unlit board.
fn glow(lit: &Picture, dark: &Picture, column: usize, row: usize) -> char {
    let sum = |picture: &Picture| {
        let pixels = [2 * row, 2 * row + 1].map(|y| picture.at(column, y).unwrap_or_default());
        let bytes = pixels.as_flattened().iter().map(|byte| usize::from(*byte));
        bytes.sum::<usize>()
    };
    let added = sum(lit).saturating_sub(sum(dark));
    // One step for each 60 of the 1530 that two white pixels add up to: most of a glow is dim.
    RAMP[(added / 60).min(RAMP.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::board::LEDS;

    fn text(rows: &[Line]) -> String {
        rows.iter().map(|line| line.text() + "\n").collect()
    }

    #[test]
    fn rows_are_as_large_as_announced() {
        for palette in [Palette::TrueColour, Palette::Xterm256, Palette::Plain] {
            let painter = Painter::for_cells(31, 20);
            let rows = painter.draw(&Frame([9; LEDS]), palette);
            let (columns, count) = painter.cells();
            assert_eq!(rows.len(), count);
            assert!(rows.iter().all(|row| row.width() == columns));
        }
    }

    #[test]
    fn below_the_tab_the_terminal_shows_through() {
        let painter = Painter::for_cells(40, 40);
        let rows = painter.draw(&Frame([255; LEDS]), Palette::TrueColour);
        let middle = rows[rows.len() / 2].render(Palette::TrueColour);
        let (_, end) = middle.rsplit_once("\x1b[0m").unwrap();
        assert!(end.len() >= 6 && end.trim().is_empty(), "{middle:?}");
    }

    #[test]
    fn letters_tell_dark_from_dim_from_bright() {
        let painter = Painter::for_cells(44, 24);
        assert_eq!(
            text(&painter.draw(&Frame::DARK, Palette::Plain))
                .matches('.')
                .count(),
            LEDS
        );
        for (pwm, word) in [(8, "roygbw"), (48, "ROYGBW")] {
            let drawn = text(&painter.draw(&Frame([pwm; LEDS]), Palette::Plain));
            for letter in word.chars() {
                assert_eq!(drawn.matches(letter).count(), 3, "{letter}\n{drawn}");
            }
        }
    }
}
