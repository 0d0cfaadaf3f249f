//! The LED engine: pure, no clock, no I/O.

pub mod board;
mod frame;

pub use frame::Frame;
