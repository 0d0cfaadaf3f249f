//! What somebody asks of the LEDs, checked field by field but not yet against what they show.

use std::time::Duration;

use super::board::{LEDS, Segment};
use super::colour::Rgb;
use super::effect::{Kind, Params};
use super::scene::SceneIndex;
use super::siren::Siren;

/// The layers a command can address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// What was commanded; above the base.
    Remote,
    /// Above everything commanded, for a limited time.
    Alert,
}

/// On, off, or the other of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Lit.
    On,
    /// Dark, which is not the same as giving the board back.
    Off,
    /// On when it was off, and the reverse.
    Toggle,
}

/// A blink to draw attention, on top of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flash {
    /// Two seconds.
    Short,
    /// Ten seconds.
    Long,
}

impl Flash {
    /// Half of a blink: 250 ms on, 250 ms off is 2 flashes a second, below the 3 that are safe (WCAG 2.3.1).
    pub const HALF_PERIOD: Duration = Duration::from_millis(250);

    /// How long it lasts.
    #[must_use]
    pub const fn duration(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(2),
            Self::Long => Duration::from_secs(10),
        }
    }
}

/// A level for each LED, 0 to 255, in the order of their numbers.
pub type Levels = [u8; LEDS];

/// A command to the LEDs.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Which LEDs.
    pub segment: Segment,
    /// Which layer.
    pub target: Target,
    /// On, off or toggle.
    pub power: Option<Power>,
    /// The segment's master level, 1 to 255.
    pub brightness: Option<u8>,
    /// A colour, for `solid` or for the effect beside it.
    pub colour: Option<Rgb>,
    /// Whether, without a colour, the effect takes that of the one before it.
    pub keeps_colour: bool,
    /// An effect with its parameters.
    pub effect: Option<(Kind, Params)>,
    /// Whether the effect names no rate of its own, so that it takes the speed that effects are set to.
    pub takes_speed: bool,
    /// A scene of the stage's catalogue, instead of an effect.
    pub scene: Option<SceneIndex>,
    /// A raw picture.
    pub levels: Option<Levels>,
    /// A blink on top.
    pub flash: Option<Flash>,
    /// The time of the cross-fade; zero is at once.
    pub transition: Duration,
    /// When the effect began or begins, on the stage's clock; `None`: when the command is carried out.
    pub begins: Option<Duration>,
    /// How long it holds the board; `None` until something else is commanded.
    pub lease: Option<Duration>,
    /// The siren that it raises, if it is one.
    pub siren: Option<Siren>,
    /// Who asks.
    pub from: Option<String>,
}

impl Command {
    /// A command to the whole board's remote layer that asks for nothing yet.
    #[must_use]
    pub fn to_board() -> Self {
        Self {
            segment: Segment::Board,
            target: Target::Remote,
            power: None,
            brightness: None,
            colour: None,
            keeps_colour: false,
            effect: None,
            takes_speed: false,
            scene: None,
            levels: None,
            flash: None,
            transition: Duration::ZERO,
            begins: None,
            lease: None,
            siren: None,
            from: None,
        }
    }

    /// Whether it brings a picture of its own, moving or still.
    #[must_use]
    pub fn has_picture(&self) -> bool {
        self.effect.is_some()
            || self.scene.is_some()
            || self.colour.is_some()
            || self.levels.is_some()
    }

    /// The blink, if it asks for nothing else.
    #[must_use]
    pub fn flash_alone(&self) -> Option<Flash> {
        let alone = self.power.is_none() && self.brightness.is_none() && !self.has_picture();
        self.flash.filter(|_| alone)
    }

    /// Whether it asks for a change of what is shown.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.power.is_some()
            || self.brightness.is_some()
            || self.colour.is_some()
            || self.effect.is_some()
            || self.scene.is_some()
            || self.levels.is_some()
            || self.flash.is_some()
    }
}
