//! The demonstration: everything a fleet needs, in one process.

mod broker;

pub use broker::{BrokerError, BrokerOptions, EmbeddedBroker};
