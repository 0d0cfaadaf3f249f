//! piglow-node: an MQTT edge node for the Raspberry Pi and its PiGlow.

pub mod config;
pub mod light;
pub mod panel;
pub mod units;
