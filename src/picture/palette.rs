//! What colours a terminal can show.

use std::fmt::{self, Write};

/// The colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// 24 bits for each colour.
    TrueColour,
    /// The 256 colours of xterm.
    Xterm256,
    /// No colour: characters stand for brightness.
    Plain,
}

impl Palette {
    /// Chooses by the environment, which `variable` looks up: `NO_COLOR`, `COLORTERM` and `TERM`.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).unwrap_or_default();
        if !value("NO_COLOR").is_empty() || value("TERM") == "dumb" {
            Self::Plain
        } else if ["truecolor", "24bit"].contains(&value("COLORTERM").as_str()) {
            Self::TrueColour
        } else {
            Self::Xterm256
        }
    }

    /// Appends the parameters that select a colour; `layer` is 38 for the foreground and 48 for the background.
    pub(super) fn select(self, out: &mut String, layer: u8, rgb: [u8; 3]) -> fmt::Result {
        match self {
            Self::TrueColour => write!(out, ";{layer};2;{};{};{}", rgb[0], rgb[1], rgb[2]),
            Self::Xterm256 => write!(out, ";{layer};5;{}", nearest(rgb)),
            Self::Plain => Ok(()),
        }
    }
}

/// The levels of a channel in xterm's 6 × 6 × 6 cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The number of the nearest of xterm's fixed colours: 16 to 231 are the cube, 232 to 255 greys from 8 in steps of 10.
fn nearest(rgb: [u8; 3]) -> u8 {
    let cube = rgb.map(|byte| {
        let upper = CUBE.iter().position(|level| *level >= byte).unwrap_or(5);
        let lower = upper.saturating_sub(1);
        if byte.abs_diff(CUBE[lower]) < byte.abs_diff(CUBE[upper]) {
            lower
        } else {
            upper
        }
    });
    let sum: u32 = rgb.iter().map(|byte| u32::from(*byte)).sum();
    // 3 added: the first grey is 8, so a mean of 8 ± 5 is step 0.
    let step = ((sum / 3).saturating_sub(3) / 10).min(23) as u8;
    let grey = 8 + 10 * step;
    if distance(rgb, [grey; 3]) < distance(rgb, cube.map(|level| CUBE[level])) {
        232 + step
    } else {
        16 + (36 * cube[0] + 6 * cube[1] + cube[2]) as u8
    }
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    (0..3)
        .map(|channel| u32::from(a[channel].abs_diff(b[channel])).pow(2))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(set: &[(&str, &str)]) -> Palette {
        Palette::detect(|name| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn environment_chooses_the_palette() {
        assert_eq!(detect(&[("COLORTERM", "truecolor")]), Palette::TrueColour);
        assert_eq!(detect(&[("COLORTERM", "24bit")]), Palette::TrueColour);
        assert_eq!(detect(&[("TERM", "xterm-256color")]), Palette::Xterm256);
        assert_eq!(
            detect(&[("TERM", "dumb"), ("COLORTERM", "24bit")]),
            Palette::Plain
        );
    }

    #[test]
    fn no_color_counts_only_when_it_is_not_empty() {
        let with = |value| detect(&[("NO_COLOR", value), ("COLORTERM", "truecolor")]);
        assert_eq!(with("1"), Palette::Plain);
        assert_eq!(with(""), Palette::TrueColour);
    }

    #[test]
    fn fixed_colours_map_to_themselves() {
        for (rgb, number) in [
            ([0, 0, 0], 16),
            ([255, 255, 255], 231),
            ([255, 0, 0], 196),
            ([95, 135, 175], 67),
            ([8, 8, 8], 232),
            ([18, 18, 18], 233),
            ([238, 238, 238], 255),
        ] {
            assert_eq!(nearest(rgb), number, "{rgb:?}");
        }
    }
}
