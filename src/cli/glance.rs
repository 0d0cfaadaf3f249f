//! A node at a glance: its board and what stands beside it, for `watch` and `demo`.

use std::io;

use crate::light::Frame;
use crate::light::board::Ring;
use crate::picture::{Layout, Line, Painter, Palette, Size, Style, wrapped};
use crate::protocol::{LightReport, Report};
use crate::screen::{Key, Screen};

/// The width of what stands beside the board.
const PANEL_COLUMNS: usize = 40;

/// The width of the labels.
const LABEL_COLUMNS: usize = 10;

/// The width of the load's bar.
const BAR_COLUMNS: usize = 20;

/// What is known of a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Glance {
    pub(super) node: String,
    pub(super) online: Option<bool>,
    pub(super) frame: Frame,
    pub(super) load_percent: Option<f32>,
    pub(super) light: Option<LightReport>,
    pub(super) panel: Option<String>,
    pub(super) result: Option<String>,
    pub(super) effects: Vec<String>,
}

impl Glance {
    /// Takes in what a node tells; a line for those who read lines, when it is worth one.
    pub(super) fn take(&mut self, report: Report) -> Option<String> {
        let before = self.clone();
        match report {
            Report::Availability(online) => self.online = Some(online),
            Report::Info { effects, .. } => self.effects = effects,
            Report::Light(light) => self.light = Some(light),
            Report::Load(load) => {
                self.load_percent = load;
                return Some(format!("{}: load {}", self.node, self.load_text()));
            }
            Report::Panel(panel) => self.panel = Some(panel),
            Report::Result(result) => {
                self.result = Some(result.text.clone());
                return Some(format!("{}: command {}", self.node, result.text));
            }
            Report::Frame(frame) => self.frame = frame,
        }
        let node = &self.node;
        if self.online != before.online {
            return Some(format!("{node}: {}", self.online_text()));
        }
        if self.light != before.light {
            return Some(format!(
                "{node}: light {}, by {}",
                self.light_text(),
                self.holder_text()
            ));
        }
        if self.panel != before.panel {
            return Some(format!(
                "{node}: panel {}",
                self.panel.as_deref().unwrap_or("unknown")
            ));
        }
        (self.frame != before.frame).then(|| format!("{node}: LEDs {}", leds_text(&self.frame)))
    }

    /// The effect after or before the one that runs.
    pub(super) fn neighbour_effect(&self, key: Key) -> Option<&str> {
        let running = self
            .light
            .as_ref()
            .and_then(|light| light.effect.as_deref());
        let index = self
            .effects
            .iter()
            .position(|name| Some(name.as_str()) == running);
        let count = self.effects.len();
        let step = match key {
            Key::Left => count.checked_sub(1)?,
            Key::Right => 1,
            Key::Quit | Key::Interrupt => return None,
        };
        let next = index.map_or(0, |index| (index + step) % count);
        self.effects.get(next).map(String::as_str)
    }

    fn load_text(&self) -> String {
        self.load_percent
            .map_or_else(|| "unknown".to_owned(), |load| format!("{load:.1} %"))
    }

    fn online_text(&self) -> &'static str {
        match self.online {
            Some(true) => "online",
            Some(false) => "offline",
            None => "waiting for it",
        }
    }

    fn light_text(&self) -> String {
        match &self.light {
            None => "unknown".to_owned(),
            Some(light) if light.state == "OFF" => "off".to_owned(),
            Some(light) => format!(
                "{} at {}",
                light.effect.as_deref().unwrap_or("a picture"),
                light.brightness
            ),
        }
    }

    fn holder_text(&self) -> String {
        let Some(light) = &self.light else {
            return "unknown".to_owned();
        };
        let from = light.from.as_deref().unwrap_or(match light.layer.as_str() {
            "base" => "nobody: the default",
            _ => "somebody",
        });
        match &light.until {
            Some(until) => format!("{from} ({}) until {until}", light.layer),
            None => format!("{from} ({})", light.layer),
        }
    }

    fn lines(&self) -> Vec<Line> {
        let row =
            |label: &str, value: &str, style: Style| Line::row(label, LABEL_COLUMNS, value, style);
        let unknown = "unknown".to_owned();
        let mut lines = vec![
            Line::styled("piglow-node", Style::BOLD),
            Line::new(),
            row("node", &self.node, Style::BOLD),
            row("is", self.online_text(), Style::PLAIN),
            Line::new(),
            row("load", &self.load_text(), Style::BOLD),
            row("", "", Style::PLAIN).joined(&self.load_bar()),
            Line::new(),
            row("shows", &self.light_text(), Style::BOLD),
            row("asked by", &self.holder_text(), Style::PLAIN),
            row(
                "panel",
                self.panel.as_ref().unwrap_or(&unknown),
                Style::PLAIN,
            ),
            Line::new(),
        ];
        let result = self.result.as_deref().unwrap_or("none yet");
        for (index, part) in wrapped(result, PANEL_COLUMNS - LABEL_COLUMNS)
            .into_iter()
            .enumerate()
        {
            let label = if index == 0 { "command" } else { "" };
            lines.push(row(label, &part, Style::PLAIN));
        }
        lines
    }

    /// The load as a bar in the colours of the rings that show it.
    fn load_bar(&self) -> Line {
        let load = self.load_percent.unwrap_or_default();
        let lit = (load / 100.0 * BAR_COLUMNS as f32).ceil() as usize;
        (0..BAR_COLUMNS).fold(Line::new(), |line, column| {
            let ring = Ring::ALL[column * Ring::ALL.len() / BAR_COLUMNS];
            if column < lit {
                line.with("━", Style::colour(ring.rgb()))
            } else {
                line.with("─", Style::DIM)
            }
        })
    }
}

fn leds_text(frame: &Frame) -> String {
    let levels: Vec<String> = frame.0.iter().map(u8::to_string).collect();
    levels.join(" ")
}

/// Draws glances on a terminal.
pub(super) struct Viewer {
    screen: Screen,
    palette: Palette,
    painter: Option<(Size, Painter)>,
}

impl Viewer {
    /// Takes the terminal; an error when standard output is none.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            screen: Screen::enter()?,
            palette: Palette::detect(|name| std::env::var(name).ok()),
            painter: None,
        })
    }

    /// The width of the terminal in characters.
    #[cfg(feature = "demo")]
    pub(super) fn columns(&self) -> io::Result<usize> {
        Ok(self.screen.size()?.0.into())
    }

    /// Draws the node, with these lines below.
    pub(super) fn draw(&mut self, glance: &Glance, footer: &[Line]) -> io::Result<()> {
        let (columns, rows) = self.screen.size()?;
        let size = Size {
            columns: columns.into(),
            rows: rows.into(),
        };
        let layout = Layout::new(size, PANEL_COLUMNS, footer.len());
        let palette = self.palette;
        let picture = match layout.picture() {
            Some(room) => self.painter(room).draw(&glance.frame, palette),
            None => Vec::new(),
        };
        let lines = layout.compose(&picture, &glance.lines(), footer);
        let rendered: Vec<String> = lines.iter().map(|line| line.render(self.palette)).collect();
        self.screen.draw(&rendered)?;
        Ok(())
    }

    /// The next key that was pressed.
    pub(super) fn key(&mut self) -> io::Result<Option<Key>> {
        self.screen.poll_key()
    }

    fn painter(&mut self, room: Size) -> &Painter {
        if self.painter.as_ref().is_some_and(|(size, _)| *size != room) {
            self.painter = None;
        }
        let make = || (room, Painter::for_cells(room.columns, room.rows));
        &self.painter.get_or_insert_with(make).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glance() -> Glance {
        Glance {
            node: "attic".to_owned(),
            effects: ["cpu_load", "solid", "breathe"].map(str::to_owned).to_vec(),
            ..Glance::default()
        }
    }

    #[test]
    fn arrows_walk_around_the_effects() {
        let mut glance = glance();
        assert_eq!(glance.neighbour_effect(Key::Right), Some("cpu_load"));
        glance.light = Some(LightReport {
            state: "ON".to_owned(),
            brightness: 255,
            effect: Some("cpu_load".to_owned()),
            layer: "base".to_owned(),
            from: None,
            until: None,
        });
        assert_eq!(glance.neighbour_effect(Key::Right), Some("solid"));
        assert_eq!(glance.neighbour_effect(Key::Left), Some("breathe"));
    }

    #[test]
    fn a_line_is_written_for_what_changed() {
        let mut glance = glance();
        assert_eq!(
            glance.take(Report::Availability(true)).as_deref(),
            Some("attic: online")
        );
        assert_eq!(glance.take(Report::Availability(true)), None);
        assert_eq!(
            glance.take(Report::Load(Some(12.34))).as_deref(),
            Some("attic: load 12.3 %")
        );
        assert_eq!(
            glance.take(Report::Load(None)).as_deref(),
            Some("attic: load unknown")
        );
    }
}
