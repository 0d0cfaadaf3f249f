//! The one table of the board's LEDs: arms, rings, chip outputs and places.
//!
//! Source: Pimoroni's Eagle files `piglow.sch` and `piglow.brd`. The arms and the LED numbers follow Pimoroni's library.

use std::fmt;
use std::str::FromStr;

/// The number of LEDs on the board.
pub const LEDS: usize = 18;

/// The outline of the board in millimetres, x right and y down from its top-left corner.
pub const OUTLINE: [(f32, f32); 6] = [
    (0.0, 0.0),
    (33.68, 0.0),
    (33.68, 7.64),
    (27.54, 7.64),
    (27.54, 36.82),
    (0.0, 36.82),
];

/// The centre of the spiral in millimetres.
pub const CENTRE: (f32, f32) = (14.13, 26.21);

/// One of the three spiral arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arm {
    /// Towards the top of the board: LEDs 1 to 6.
    Top,
    /// Towards the bottom right: LEDs 7 to 12.
    Right,
    /// Towards the bottom left: LEDs 13 to 18.
    Left,
}

impl Arm {
    /// All arms, in Pimoroni's order.
    pub const ALL: [Self; 3] = [Self::Top, Self::Right, Self::Left];

    /// The arm's name in topics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Top => "top",
            Self::Right => "right",
            Self::Left => "left",
        }
    }
}

/// One of the six rings of one colour, from the outside in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ring {
    /// The outermost ring.
    Red,
    /// The second ring from the outside.
    Orange,
    /// The third ring from the outside.
    Yellow,
    /// The fourth ring from the outside.
    Green,
    /// The fifth ring from the outside.
    Blue,
    /// The innermost ring.
    White,
}

impl Ring {
    /// All rings, from the outside in.
    pub const ALL: [Self; 6] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Blue,
        Self::White,
    ];

    /// The ring's name in topics and as a colour.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::White => "white",
        }
    }

    /// The colour of the ring's LEDs on a screen, sRGB.
    #[must_use]
    pub const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [255, 24, 16],
            Self::Orange => [255, 112, 0],
            Self::Yellow => [255, 208, 0],
            Self::Green => [24, 255, 72],
            Self::Blue => [32, 96, 255],
            Self::White => [255, 250, 240],
        }
    }
}

/// One LED's place on the board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Led {
    /// The arm it belongs to.
    pub arm: Arm,
    /// The ring it belongs to, and so its colour.
    pub ring: Ring,
    /// The chip's output that drives it, 1 to 18.
    pub out: u8,
    /// Millimetres from the board's left edge.
    pub x: f32,
    /// Millimetres from the board's top edge.
    pub y: f32,
}

const fn led(arm: Arm, ring: Ring, out: u8, x: f32, y: f32) -> Led {
    Led {
        arm,
        ring,
        out,
        x,
        y,
    }
}

/// The LEDs in the order of their numbers: LED 1 is at index 0.
pub const BOARD: [Led; LEDS] = [
    led(Arm::Top, Ring::Red, 7, 14.23, 14.13),
    led(Arm::Top, Ring::Orange, 8, 11.09, 16.37),
    led(Arm::Top, Ring::Yellow, 9, 8.94, 19.69),
    led(Arm::Top, Ring::Green, 6, 8.59, 23.34),
    led(Arm::Top, Ring::Blue, 5, 9.86, 26.62),
    led(Arm::Top, Ring::White, 10, 13.01, 27.98),
    led(Arm::Right, Ring::Red, 18, 24.47, 32.60),
    led(Arm::Right, Ring::Orange, 17, 24.05, 28.72),
    led(Arm::Right, Ring::Yellow, 16, 22.34, 25.31),
    led(Arm::Right, Ring::Green, 14, 19.52, 23.00),
    led(Arm::Right, Ring::Blue, 12, 16.17, 22.28),
    led(Arm::Right, Ring::White, 11, 12.89, 24.10),
    led(Arm::Left, Ring::Red, 1, 3.33, 32.37),
    led(Arm::Left, Ring::Orange, 2, 7.09, 33.79),
    led(Arm::Left, Ring::Yellow, 3, 10.99, 33.78),
    led(Arm::Left, Ring::Green, 4, 14.55, 32.34),
    led(Arm::Left, Ring::Blue, 15, 16.79, 29.46),
    led(Arm::Left, Ring::White, 13, 16.50, 25.96),
];

/// A part of the board that a command can address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Segment {
    /// All 18 LEDs.
    Board,
    /// The three LEDs of one colour.
    Ring(Ring),
    /// The six LEDs of one arm.
    Arm(Arm),
    /// A single LED by its index, 0 to 17; its name carries the number, 1 to 18.
    Led(LedIndex),
}

/// The index of an LED in [`BOARD`], 0 to 17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedIndex(u8);

impl LedIndex {
    /// Takes an LED number as printed in the documents, 1 to 18.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if number >= 1 && number as usize <= LEDS {
            Some(Self(number - 1))
        } else {
            None
        }
    }

    /// The LED's number, 1 to 18.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0 + 1
    }

    /// The index, 0 to 17.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Segment {
    /// The 27 parts below the whole board: rings, arms, single LEDs.
    pub fn parts() -> impl Iterator<Item = Self> {
        let leds = (1..=LEDS as u8).filter_map(LedIndex::from_number);
        Ring::ALL
            .into_iter()
            .map(Self::Ring)
            .chain(Arm::ALL.into_iter().map(Self::Arm))
            .chain(leds.map(Self::Led))
    }

    /// Tells whether the LED at this index belongs to the segment.
    #[must_use]
    pub fn contains(self, index: usize) -> bool {
        match self {
            Self::Board => index < LEDS,
            Self::Ring(ring) => BOARD.get(index).is_some_and(|led| led.ring == ring),
            Self::Arm(arm) => BOARD.get(index).is_some_and(|led| led.arm == arm),
            Self::Led(led) => led.index() == index,
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Board => f.write_str("board"),
            Self::Ring(ring) => write!(f, "ring/{}", ring.name()),
            Self::Arm(arm) => write!(f, "arm/{}", arm.name()),
            Self::Led(led) => write!(f, "led/{}", led.number()),
        }
    }
}

/// A text that names no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected ring/red … ring/white, arm/top, arm/right, arm/left or led/1 … led/18")]
pub struct UnknownSegment;

impl FromStr for Segment {
    type Err = UnknownSegment;

    /// Reads the name as it stands in a topic; `board` is no topic level and is not accepted.
    fn from_str(text: &str) -> Result<Self, UnknownSegment> {
        let (kind, name) = text.split_once('/').ok_or(UnknownSegment)?;
        let found = match kind {
            "ring" => Ring::ALL
                .into_iter()
                .find(|r| r.name() == name)
                .map(Self::Ring),
            "arm" => Arm::ALL
                .into_iter()
                .find(|a| a.name() == name)
                .map(Self::Arm),
            "led" => Self::parts()
                .find(|s| matches!(s, Self::Led(led) if led.number().to_string() == name)),
            _ => None,
        };
        found.ok_or(UnknownSegment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_output_is_used_once() {
        let outs: BTreeSet<u8> = BOARD.iter().map(|led| led.out).collect();
        assert_eq!(outs, (1..=18).collect());
    }

    #[test]
    fn each_arm_runs_from_red_inwards_to_white() {
        for (index, led) in BOARD.iter().enumerate() {
            assert_eq!(led.arm, Arm::ALL[index / 6]);
            assert_eq!(led.ring, Ring::ALL[index % 6]);
        }
    }

    #[test]
    fn rings_shrink_towards_the_centre() {
        for arm in 0..3 {
            let radii: Vec<f32> = (0..6)
                .map(|ring| {
                    let led = BOARD[arm * 6 + ring];
                    libm::hypotf(led.x - CENTRE.0, led.y - CENTRE.1)
                })
                .collect();
            assert!(radii.is_sorted_by(|a, b| a > b), "{radii:?}");
        }
    }

    #[test]
    fn segment_names_read_back_as_themselves() {
        let parts: Vec<Segment> = Segment::parts().collect();
        assert_eq!(parts.len(), 27);
        for segment in parts {
            assert_eq!(segment.to_string().parse(), Ok(segment));
        }
        for wrong in [
            "board",
            "ring/pink",
            "led/0",
            "led/19",
            "led/01",
            "led/+1",
            "arm",
            "",
        ] {
            assert_eq!(wrong.parse::<Segment>(), Err(UnknownSegment), "{wrong}");
        }
    }
}
