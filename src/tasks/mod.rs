//! The tasks of a node, each a loop that names what it can hear.

mod archive;
mod controls;
mod courier;
mod herald;
mod intake;
mod keeper;
mod mirror;
mod publisher;
mod remains;
mod renderer;
mod reporter;
mod responder;
mod sampler;
mod schedule;
mod solitude;
mod tally;
mod waiting;

pub use archive::{Archive, Disk};
pub use controls::{Adjustment, Controls};
pub use courier::{Courier, Route};
pub use herald::{BirthListener, Herald};
pub use intake::{Intake, Limits, Reader, Wish};
pub use keeper::{Keeper, recall, recall_settings, settings_file};
pub use mirror::Mirror;
pub use publisher::Publisher;
pub use remains::Remains;
pub use renderer::{ORDERS, Order, Renderer};
pub use reporter::Reporter;
pub use responder::{Answer, Responder};
pub use sampler::{Measured, SAMPLES, Sampler};
#[cfg(feature = "fleet")]
pub(crate) use schedule::Schedule;
pub use tally::Tally;
