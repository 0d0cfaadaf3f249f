//! Asking the chip whether it is there.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::panel::{Backend, Bus, Fault, Sn3218};

/// 3 s: a controller gives up a stuck bus after one.
const LIMIT: Duration = Duration::from_secs(3);

/// What became of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Nobody asked.
    NotAsked,
    /// The chip acknowledged its address.
    Answered,
    /// It did not, or the bus could not be opened.
    Failed(Fault),
    /// The transfer did not end.
    Hung,
}

/// Writes a register pointer that no data follows: nothing that the chip shows changes, also not while a node uses it.
#[must_use]
pub fn probe(bus: &Path) -> Probe {
    let backend = Backend::I2c {
        bus: bus.to_owned(),
    };
    within(LIMIT, move || {
        Bus::open(&backend).and_then(|bus| Sn3218::new(bus).probe())
    })
    .map_or(Probe::Hung, |asked| match asked {
        Ok(()) => Probe::Answered,
        Err(error) => Probe::Failed(error.fault),
    })
}

/// What a function says within a time; a thread that hangs in the kernel is left behind for the process to take along.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    ask: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, answer) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("doctor".to_owned())
        .spawn(move || drop(sender.send(ask())))
        .ok()?;
    answer.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_is_not_there_is_an_answer() {
        let bus = Path::new("/dev/i2c-does-not-exist");
        assert_eq!(probe(bus), Probe::Failed(Fault::NoBus));
        assert_eq!(probe(Path::new("/dev/null")), Probe::Failed(Fault::NotI2c));
    }

    #[test]
    fn who_hangs_is_left_behind() {
        let (_held, forever) = mpsc::sync_channel::<()>(0);
        assert_eq!(within(Duration::ZERO, move || forever.recv()), None);
    }
}
