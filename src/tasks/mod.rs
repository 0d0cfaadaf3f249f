//! The tasks of a node, each a loop that names what it can hear.

mod archive;
mod courier;
mod intake;
mod keeper;
mod mirror;
mod publisher;
mod renderer;
mod responder;
mod sampler;
mod schedule;
mod solitude;
mod tally;
mod waiting;

pub use archive::{Archive, Disk};
pub use courier::{Courier, Remains, Route};
pub use intake::Intake;
pub use keeper::{Keeper, recall};
pub use mirror::Mirror;
pub use publisher::Publisher;
pub use renderer::{ORDERS, Order, Renderer};
pub use responder::{Answer, Responder};
pub use sampler::{Measured, SAMPLES, Sampler};
pub use tally::Tally;
