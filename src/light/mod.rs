//! The LED engine: pure, no clock, no I/O.
//!
//! `Command`s change a [`Stage`]; [`Stage::frame`] paints what it shows at a time, [`Stage::next_wake`] says when to look
//! again, and [`Stage::state`] what it is set to. Intensities are perceived ones until [`gamma`](Gamma) makes PWM of them.

pub mod board;
mod canvas;
mod colour;
mod command;
mod current;
pub mod effect;
mod flashes;
mod frame;
mod gamma;
mod inputs;
mod look;
mod night;
pub mod scene;
mod siren;
mod stage;
mod state;
mod tuning;

pub use canvas::Canvas;
pub use colour::Rgb;
pub use command::{Command, Flash, Levels, Power, Target};
pub use current::FULL_MILLIAMPS;
pub use frame::Frame;
pub use gamma::Gamma;
pub use inputs::{CORES_SHOWN, Cores, Inputs, Readings};
pub use look::{Content, Look};
pub use night::{Hours, HoursError, Night};
pub use scene::{SceneIndex, Scenes};
pub use siren::{Siren, Tone};
pub use stage::{Conflict, Settings, Stage};
pub use state::{LayerName, LightState};
pub use tuning::{SPEED_MAX, SPEED_MIN, Setting, Tuning};
