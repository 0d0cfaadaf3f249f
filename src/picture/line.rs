//! A line of styled text that knows its width.

use super::palette::Palette;
use std::fmt::Write;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// The colour of the characters, the terminal's own when none.
    pub foreground: Option<[u8; 3]>,
    /// The colour behind the characters, the terminal's own when none.
    pub background: Option<[u8; 3]>,
    /// Whether the text stands out.
    pub bold: bool,
    /// Whether the text stays back.
    pub dim: bool,
}

impl Style {
    /// The terminal's own colours.
    pub const PLAIN: Self = Self {
        foreground: None,
        background: None,
        bold: false,
        dim: false,
    };
    /// Text that stands out.
    pub const BOLD: Self = Self {
        bold: true,
        ..Self::PLAIN
    };
    /// Text that stays back.
    pub const DIM: Self = Self {
        dim: true,
        ..Self::PLAIN
    };

    /// Characters of this colour.
    #[must_use]
    pub const fn colour(rgb: [u8; 3]) -> Self {
        Self {
            foreground: Some(rgb),
            ..Self::PLAIN
        }
    }
}

/// One line of the screen: pieces of text, each with its style.
///
/// Every character counts as one column; East Asian wide characters are not provided for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    pieces: Vec<(String, Style)>,
    width: usize,
}

impl Line {
    /// An empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pieces: Vec::new(),
            width: 0,
        }
    }

    /// A line of one piece.
    #[must_use]
    pub fn styled(text: &str, style: Style) -> Self {
        Self::new().with(text, style)
    }

    /// A label that stays back, filled up to `label_width` columns, and its value.
    #[must_use]
    pub fn row(label: &str, label_width: usize, value: &str, style: Style) -> Self {
        let label = Self::styled(label, Style::DIM).clipped(label_width);
        label.padded(label_width).with(value, style)
    }

    /// The line with a piece of text at its end; control characters are left out, so that no text can steer the terminal.
    #[must_use]
    pub fn with(mut self, text: &str, style: Style) -> Self {
        for character in text.chars().filter(|c| !c.is_control()) {
            self.push(character, style);
        }
        self
    }

    /// The line with another at its end.
    #[must_use]
    pub fn joined(mut self, other: &Self) -> Self {
        self.pieces.extend(other.pieces.iter().cloned());
        self.width += other.width;
        self
    }

    /// The line without what stands beyond so many columns.
    #[must_use]
    pub fn clipped(mut self, columns: usize) -> Self {
        let mut left = columns;
        for (text, _) in &mut self.pieces {
            let count = text.chars().count();
            if count > left {
                *text = text.chars().take(left).collect();
            }
            left = left.saturating_sub(count);
        }
        self.pieces.retain(|(text, _)| !text.is_empty());
        self.width = self.width.min(columns);
        self
    }

    /// The line filled with spaces up to so many columns.
    #[must_use]
    pub fn padded(self, columns: usize) -> Self {
        let missing = columns.saturating_sub(self.width);
        self.with(&" ".repeat(missing), Style::PLAIN)
    }

    /// The columns it takes.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// The text alone.
    #[must_use]
    pub fn text(&self) -> String {
        self.pieces.iter().map(|(text, _)| text.as_str()).collect()
    }

    /// The text with the escape sequences of its styles, ending in the terminal's own colours.
    #[must_use]
    pub fn render(&self, palette: Palette) -> String {
        let mut out = String::new();
        let mut current = Style::PLAIN;
        for (text, style) in &self.pieces {
            if *style != current {
                out.push_str(&escape(*style, palette));
                current = *style;
            }
            out.push_str(text);
        }
        if current != Style::PLAIN {
            out.push_str(&escape(Style::PLAIN, palette));
        }
        out
    }

    pub(super) fn push(&mut self, character: char, style: Style) {
        self.width += 1;
        match self.pieces.last_mut() {
            Some((text, last)) if *last == style => text.push(character),
            Some(_) | None => self.pieces.push((character.into(), style)),
        }
    }
}

/// Breaks a text between words into lines of at most `columns` characters; a longer word is left long.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Resets and sets: a style never depends on the one before.
fn escape(style: Style, palette: Palette) -> String {
    let mut out = String::from("\x1b[0");
    let mut write = || {
        if style.bold {
            out.push_str(";1");
        }
        if style.dim {
            out.push_str(";2");
        }
        if let Some(rgb) = style.foreground {
            palette.select(&mut out, 38, rgb)?;
        }
        if let Some(rgb) = style.background {
            palette.select(&mut out, 48, rgb)?;
        }
        out.write_char('m')
    };
    match write() {
        Ok(()) => out,
        Err(std::fmt::Error) => String::new(), // a String takes whatever is written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_reset_at_the_end() {
        let line = Line::styled("a", Style::colour([1, 2, 3])).with("b", Style::PLAIN);
        assert_eq!(
            line.render(Palette::TrueColour),
            "\x1b[0;38;2;1;2;3ma\x1b[0mb"
        );
        let line = Line::styled("b", Style::BOLD);
        assert_eq!(line.render(Palette::Xterm256), "\x1b[0;1mb\x1b[0m");
    }

    #[test]
    fn plain_palette_writes_no_colour() {
        let line = Line::styled("a", Style::colour([1, 2, 3]));
        assert!(!line.render(Palette::Plain).contains("38"));
    }

    #[test]
    fn control_characters_are_left_out() {
        let line = Line::styled("a\x1b[2J\n\u{9b}b", Style::PLAIN);
        assert_eq!(line.text(), "a[2Jb");
        assert_eq!(line.width(), 5);
    }

    #[test]
    fn clipping_counts_columns_across_pieces() {
        let line = Line::styled("grün", Style::BOLD).with("° warm", Style::DIM);
        assert_eq!(line.clone().clipped(5).text(), "grün°");
        assert_eq!(line.clone().clipped(2).width(), 2);
        assert_eq!(line.clone().clipped(99), line);
        assert_eq!(line.clipped(0), Line::new());
    }

    #[test]
    fn rows_align_their_values() {
        assert_eq!(
            Line::row("cpu", 6, "12 %", Style::PLAIN).text(),
            "cpu   12 %"
        );
        assert_eq!(
            Line::row("temperature", 6, "5", Style::PLAIN).text(),
            "temper5"
        );
    }

    #[test]
    fn long_text_is_broken_between_words() {
        assert_eq!(
            wrapped("rejected: expected 0 to 255", 12),
            ["rejected:", "expected 0", "to 255"]
        );
    }
}
