//! Which entities are announced.

use std::fmt;
use std::str::FromStr;

/// A kind of entities that can be wanted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityKind {
    /// The whole board as one light.
    Light,
    /// A light for each arm.
    Arms,
    /// A light for each ring, disabled until somebody enables it.
    Rings,
    /// A light for each LED, disabled until somebody enables it.
    Leds,
    /// Alerts by tone.
    Siren,
    /// What the node tells once.
    Events,
    /// A button by which a person finds the machine.
    Identify,
    /// The speed of effects and the brightness limit.
    Settings,
    /// The readings of the host.
    Sensors,
    /// What is wrong: panel, power, heat.
    Problems,
    /// Whether the node is connected.
    Connectivity,
}

impl EntityKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Light,
        Self::Arms,
        Self::Rings,
        Self::Leds,
        Self::Siren,
        Self::Events,
        Self::Identify,
        Self::Settings,
        Self::Sensors,
        Self::Problems,
        Self::Connectivity,
    ];

    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Arms => "arms",
            Self::Rings => "rings",
            Self::Leds => "leds",
            Self::Siren => "siren",
            Self::Events => "events",
            Self::Identify => "identify",
            Self::Settings => "settings",
            Self::Sensors => "sensors",
            Self::Problems => "problems",
            Self::Connectivity => "connectivity",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no kind of entities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no kind of entity; expected one of {list}", list = EntityKind::ALL.map(EntityKind::name).join(", "))]
pub struct UnknownEntityKind;

impl FromStr for EntityKind {
    type Err = UnknownEntityKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(UnknownEntityKind)
    }
}

/// The kinds of entities that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entities(u16);

impl Entities {
    /// Whether this kind is among them.
    #[must_use]
    pub const fn has(self, kind: EntityKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// The same without a kind.
    #[must_use]
    pub const fn without(self, kind: EntityKind) -> Self {
        Self(self.0 & !kind.bit())
    }
}

impl FromIterator<EntityKind> for Entities {
    fn from_iter<T: IntoIterator<Item = EntityKind>>(kinds: T) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | kind.bit()))
    }
}
