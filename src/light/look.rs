//! What one layer shows.

use std::time::Duration;

use super::board::{BOARD, LEDS, Segment};
use super::canvas::Canvas;
use super::colour::Rgb;
use super::command::{Command, Flash, Levels, Power};
use super::effect::{Change, Effect, Kind};
use super::inputs::{Inputs, Readings};
use super::scene::{SceneIndex, Scenes};

/// What is drawn, before the master brightness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Content {
    /// An effect.
    Effect(Effect),
    /// A level for each LED.
    Picture(Levels),
    /// A scene of the stage's catalogue.
    Scene(SceneIndex),
}

/// A layer's picture: content, master brightness, on or off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Whether it is lit.
    pub on: bool,
    /// The master level, 1 to 255.
    pub brightness: u8,
    /// What is drawn.
    pub content: Content,
    /// When the content began, on the stage's clock.
    pub since: Duration,
    /// A blink on top and when it began.
    pub flash: Option<(Flash, Duration)>,
}

impl Look {
    /// An effect in full brightness from this moment.
    #[must_use]
    pub fn of_effect(effect: Effect, now: Duration) -> Self {
        Self::of_content(Content::Effect(effect), now)
    }

    /// Something drawn in full brightness from this moment.
    pub(super) fn of_content(content: Content, now: Duration) -> Self {
        Self {
            on: true,
            brightness: u8::MAX,
            content,
            since: now,
            flash: None,
        }
    }

    /// Changes the look as a command to the whole board asks.
    pub(super) fn change_board(&mut self, command: &Command, now: Duration, scenes: &Scenes) {
        if let Some((kind, params)) = command.effect {
            let running = match self.content {
                Content::Effect(effect) if effect.kind == kind => Some(effect),
                Content::Effect(_) | Content::Picture(_) | Content::Scene(_) => None,
            };
            // The same effect with other parameters goes on where it is.
            if running.is_none() {
                self.since = now;
            }
            let kept = match self.content {
                Content::Effect(effect) if command.keeps_colour => effect.colour,
                Content::Effect(_) | Content::Picture(_) | Content::Scene(_) => None,
            };
            self.content = Content::Effect(Effect {
                kind,
                params,
                colour: command.colour.or(kept).filter(|_| kind.info().takes_colour),
            });
        } else if let Some(scene) = command.scene {
            self.change_scene(scene, now, scenes);
        } else if let Some(colour) = command.colour {
            self.change_colour(colour, now);
        } else if let Some(levels) = command.levels {
            self.content = Content::Picture(levels);
            self.since = now;
        }
        if let Some(begins) = command.begins
            && command.has_picture()
        {
            self.since = begins;
        }
        if let Some(brightness) = command.brightness {
            self.brightness = brightness;
        }
        self.change_power(command, now);
    }

    /// Whether it is on and not a picture in which every LED is dark.
    #[must_use]
    pub fn is_lit(&self) -> bool {
        self.on && self.segment_level(Segment::Board) > 0
    }

    /// Blinks on top of what is shown, and changes nothing else.
    pub(super) fn blink(&mut self, flash: Flash, now: Duration) {
        self.flash = Some((flash, now));
    }

    /// A scene that runs goes on where it is; one that has come to its end begins again.
    fn change_scene(&mut self, scene: SceneIndex, now: Duration, scenes: &Scenes) {
        let elapsed = now.saturating_sub(self.since);
        if self.content != Content::Scene(scene) || scenes.has_ended(scene, elapsed) {
            self.since = now;
        }
        self.content = Content::Scene(scene);
    }

    fn change_power(&mut self, command: &Command, now: Duration) {
        self.on = match command.power {
            Some(Power::Off) => false,
            Some(Power::Toggle) => !self.is_lit(),
            Some(Power::On) | None => true,
        };
        self.flash = command.flash.map(|flash| (flash, now));
    }

    /// A colour alone tints an effect that takes one, and is `solid` otherwise.
    fn change_colour(&mut self, colour: Rgb, now: Duration) {
        let tinted = match self.content {
            Content::Effect(effect) if effect.kind.info().takes_colour => Some(effect),
            Content::Effect(_) | Content::Picture(_) | Content::Scene(_) => None,
        };
        let effect = tinted.unwrap_or_else(|| {
            self.since = now;
            Effect::new(Kind::Solid)
        });
        self.content = Content::Effect(Effect {
            colour: Some(colour),
            ..effect
        });
    }

    /// Paints a segment on the layer's picture, dark where nothing was painted before.
    pub(super) fn paint_segment(&mut self, command: &Command, now: Duration) {
        let mut levels = match self.content {
            // The master level goes into the picture, so that what is painted is as bright as it says.
            Content::Picture(levels) if self.on => levels
                .map(|level| (u16::from(level) * u16::from(self.brightness)).div_ceil(255) as u8),
            Content::Picture(_) | Content::Effect(_) | Content::Scene(_) => [0; LEDS],
        };
        let painted = (0..LEDS)
            .filter(|index| command.segment.contains(*index))
            .map(|index| levels[index])
            .max()
            .unwrap_or_default();
        let lit = match command.power {
            Some(Power::Off) => false,
            Some(Power::Toggle) => painted == 0,
            Some(Power::On) | None => true,
        };
        let before = if painted == 0 { u8::MAX } else { painted };
        let level = if lit {
            command.brightness.unwrap_or(before)
        } else {
            0
        };
        let rings = command.colour.map_or([1.0; 6], Rgb::rings);
        for (index, led) in BOARD.iter().enumerate() {
            if command.segment.contains(index) {
                levels[index] = (f32::from(level) * rings[led.ring as usize]).round() as u8;
            }
        }
        if !matches!(self.content, Content::Picture(_)) {
            self.since = now;
        }
        self.brightness = u8::MAX;
        self.content = Content::Picture(levels);
        self.on = true;
        self.flash = command.flash.map(|flash| (flash, now));
    }

    /// The level a segment is set to, 0 to 255: of a picture its brightest LED, of an effect or a scene the master level.
    #[must_use]
    pub fn segment_level(&self, segment: Segment) -> u8 {
        if !self.on {
            return 0;
        }
        match &self.content {
            Content::Effect(_) | Content::Scene(_) => self.brightness,
            Content::Picture(levels) => (0..LEDS)
                .filter(|index| segment.contains(*index))
                .map(|index| levels[index])
                .max()
                .unwrap_or_default(),
        }
    }

    /// The picture at this time.
    #[must_use]
    pub(super) fn canvas(&self, now: Duration, inputs: &Inputs, scenes: &Scenes) -> Canvas {
        if !self.on || self.flash_is_dark(now) {
            return Canvas::DARK;
        }
        let canvas = match &self.content {
            Content::Effect(effect) => effect.paint(now.saturating_sub(self.since), inputs),
            Content::Scene(scene) => scenes.paint(*scene, now.saturating_sub(self.since), inputs),
            Content::Picture(levels) => Canvas(levels.map(|level| f32::from(level) / 255.0)),
        };
        canvas.scaled(f32::from(self.brightness) / 255.0)
    }

    /// When its picture changes by itself; an [`At`](Change::At) is on the stage's clock.
    pub(super) fn next_change(&self, now: Duration, inputs: &Inputs, scenes: &Scenes) -> Change {
        let elapsed = now.saturating_sub(self.since);
        let change = match &self.content {
            Content::Effect(effect) if self.on => effect.next_change(elapsed, inputs),
            Content::Scene(scene) if self.on => scenes.next_change(*scene, elapsed, inputs),
            Content::Effect(_) | Content::Scene(_) | Content::Picture(_) => Change::Never,
        };
        match change {
            Change::At(elapsed) => Change::At(self.since + elapsed),
            change @ (Change::Never | Change::WithInputs | Change::EveryFrame) => change,
        }
    }

    /// What of the host its picture depends on.
    pub(super) fn readings(&self, scenes: &Scenes) -> Readings {
        match &self.content {
            _ if !self.on => Readings::None,
            Content::Effect(effect) => effect.kind.readings(),
            Content::Scene(scene) => scenes.readings(*scene),
            Content::Picture(_) => Readings::None,
        }
    }

    /// Whether its picture depends on the local time.
    pub(super) fn needs_local_time(&self, scenes: &Scenes) -> bool {
        let needs = match &self.content {
            Content::Effect(effect) => effect.kind.needs_local_time(),
            Content::Scene(scene) => scenes.needs_local_time(*scene),
            Content::Picture(_) => false,
        };
        self.on && needs
    }

    /// The next edge of the blink, if one is running.
    pub(super) fn next_flash_edge(&self, now: Duration) -> Option<Duration> {
        let (flash, began) = self.flash?;
        let elapsed = now.saturating_sub(began);
        if elapsed >= flash.duration() {
            return None;
        }
        let half = Flash::HALF_PERIOD.as_micros();
        let edges = elapsed.as_micros() / half + 1;
        Some(began + Flash::HALF_PERIOD * u32::try_from(edges).unwrap_or(u32::MAX))
    }

    fn flash_is_dark(&self, now: Duration) -> bool {
        self.flash.is_some_and(|(flash, began)| {
            let elapsed = now.saturating_sub(began);
            elapsed < flash.duration()
                && (elapsed.as_micros() / Flash::HALF_PERIOD.as_micros()).is_multiple_of(2)
        })
    }
}
