#![doc = include_str!("../docs/design.md")]

pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod events;
#[cfg(feature = "fleet")]
pub mod fleet;
#[cfg(feature = "gallery")]
pub mod gallery;
pub mod host;
pub mod light;
pub mod mqtt;
pub mod node;
pub mod panel;
pub mod picture;
pub mod protocol;
pub mod pulse;
pub mod screen;
#[cfg(feature = "fleet")]
pub mod simulate;
pub mod supervisor;
pub mod tasks;
pub mod telemetry;
pub mod units;
pub mod warden;

/// The program's version and, where it was built from a repository, the commit.
pub const VERSION: &str = env!("PIGLOW_VERSION");
