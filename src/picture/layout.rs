//! Where the picture, the side panel and the footer stand on a screen.

use super::line::{Line, Style};
use super::silhouette::EXTENT;

/// The size of a terminal in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// The division of a screen: board on the left, panel on the right of it, footer below.
///
/// Too narrow a screen has no picture, and then panel and footer have it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    size: Size,
    picture: Option<Size>,
    footer_rows: usize,
}

/// The widest picture in columns; a larger one shows no more.
const WIDEST: usize = 60;

/// The narrowest picture in columns in which all LEDs have pixels of their own and room to glow.
const NARROWEST: usize = 16;

/// The panel's least width in columns next to a picture: a label and a number.
const PANEL_LEAST: usize = 16;

/// The margin left of everything, where there is room for it.
const MARGIN: usize = 1;

/// The columns between picture and panel.
const GAP: usize = 2;

impl Layout {
    /// Divides a screen for a panel that would like `panel_width` columns and a footer of `footer_rows` rows.
    #[must_use]
    pub fn new(size: Size, panel_width: usize, footer_rows: usize) -> Self {
        let footer_rows = footer_rows.min(size.rows);
        // A blank row keeps the footer apart.
        let rows = size
            .rows
            .saturating_sub(footer_rows + usize::from(footer_rows > 0));
        let room = size.columns.saturating_sub(MARGIN + GAP);
        let wished = room.saturating_sub(panel_width).max(NARROWEST);
        let wide = wished.min(room.saturating_sub(PANEL_LEAST)).min(WIDEST);
        // Two pixels to a row; the board is a little higher than wide.
        let high_enough = (rows as f32 * 2.0 * EXTENT.0 / EXTENT.1) as usize;
        let columns = wide.min(high_enough);
        Self {
            size,
            picture: (columns >= NARROWEST).then_some(Size { columns, rows }),
            footer_rows,
        }
    }

    /// The room for the picture, for [`Painter::for_cells`](super::Painter::for_cells); none on too small a screen.
    #[must_use]
    pub const fn picture(&self) -> Option<Size> {
        self.picture
    }

    /// Puts the screen together: at most as many lines as it has rows, none wider than its columns.
    ///
    /// The last footer row stands on the last row of the screen. What does not fit is cut off.
    #[must_use]
    pub fn compose(&self, picture: &[Line], panel: &[Line], footer: &[Line]) -> Vec<Line> {
        let footer_rows = footer.len().min(self.footer_rows);
        let body_rows = self.size.rows - footer_rows;
        let left = match self.picture {
            Some(_) => picture,
            None => &[],
        };
        let left_width = left.iter().map(Line::width).max().unwrap_or(0);
        let indent = if left_width > 0 { left_width + GAP } else { 0 };
        // Beside a picture the panel starts below its rim.
        let lead = usize::from(left_width > 0 && panel.len() < left.len());
        let body = (0..body_rows).map(|row| {
            let left = left.get(row).cloned().unwrap_or_default();
            let right = row.checked_sub(lead).and_then(|row| panel.get(row));
            match right {
                Some(right) => left.padded(indent).joined(right),
                None => left,
            }
        });
        let margin = if left_width > 0 { MARGIN } else { 0 };
        body.chain(footer.iter().take(footer_rows).cloned())
            .map(|line| indented(line, margin).clipped(self.size.columns))
            .collect()
    }
}

fn indented(line: Line, columns: usize) -> Line {
    if line.width() == 0 {
        return line;
    }
    Line::styled(&" ".repeat(columns), Style::PLAIN).joined(&line)
}

#[cfg(test)]
mod tests {
    use super::super::view::View;
    use super::super::{Painter, Palette};
    use super::*;
    use crate::light::Frame;
    use proptest::prelude::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts
            .iter()
            .map(|text| Line::styled(text, Style::PLAIN))
            .collect()
    }

    fn screen(columns: usize, rows: usize) -> (Layout, Vec<String>) {
        let layout = Layout::new(Size { columns, rows }, 24, 1);
        let picture = layout.picture().map_or_else(Vec::new, |room| {
            Painter::for_cells(room.columns, room.rows).draw(&Frame::DARK, Palette::Plain)
        });
        let panel = lines(&["cpu     12 %", "memory  40 %"]);
        let composed = layout.compose(&picture, &panel, &lines(&["q quit"]));
        (layout, composed.iter().map(Line::text).collect())
    }

    #[test]
    fn a_common_terminal_has_picture_panel_and_footer() {
        let (layout, rows) = screen(80, 24);
        assert!(layout.picture().unwrap().columns >= 38);
        assert_eq!(rows.len(), 24);
        assert!(rows[1].ends_with("cpu     12 %"), "{:?}", rows[1]);
        assert_eq!(rows[23], " q quit");
    }

    #[test]
    fn forty_by_fourteen_still_has_a_picture() {
        let (layout, rows) = screen(40, 14);
        assert!(layout.picture().unwrap().columns >= NARROWEST);
        assert!(rows.iter().any(|row| row.contains("cpu     12 %")));
    }

    #[test]
    fn a_small_terminal_keeps_the_text() {
        let (layout, rows) = screen(24, 4);
        assert_eq!(layout.picture(), None);
        assert_eq!(rows, ["cpu     12 %", "memory  40 %", "", "q quit"]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_or_higher_than_the_screen(
            columns in 0usize..130,
            rows in 0usize..50,
            panel_width in 0usize..60,
            footer in 0usize..4,
            panel in prop::collection::vec("[ -~]{0,80}", 0..40),
        ) {
            let layout = Layout::new(Size { columns, rows }, panel_width, footer);
            let picture = layout.picture().map_or_else(Vec::new, |room| {
                let view = View::fitting(room.columns, room.rows * 2);
                let (width, height) = (view.width, view.height.div_ceil(2));
                vec![Line::styled(&"#".repeat(width), Style::PLAIN); height]
            });
            let panel: Vec<Line> = panel.iter().map(|text| Line::styled(text, Style::BOLD)).collect();
            let composed = layout.compose(&picture, &panel, &vec![Line::styled("f", Style::DIM); footer]);
            prop_assert!(composed.len() <= rows);
            prop_assert!(composed.iter().all(|line| line.width() <= columns));
            if layout.picture().is_some() {
                prop_assert!(picture.len() + footer <= rows);
            }
        }
    }
}
