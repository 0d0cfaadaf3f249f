//! Which I2C adapter is the one on the header.

use super::{Adapter, Readings};

/// The controllers that are wired to pins 3 and 5, by the end of their addresses: BSC1 up to the Pi 4 (`7e804000` to the firmware,
/// `20804000`, `3f804000` or `fe804000` to the processor), and `i2c1` of the RP1 on a Pi 5.
const HEADER: [&str; 2] = ["804000.i2c", "1f00074000.i2c"];

/// The first boards, whose pins 3 and 5 belong to BSC0.
const FIRST_HEADER: &str = "205000.i2c";

/// What the first boards call themselves.
const FIRST: &str = "Raspberry Pi Model B Rev 1";

impl Readings {
    /// Whether this is a Raspberry Pi; `None` when the board does not say what it is.
    #[must_use]
    pub fn is_pi(&self) -> Option<bool> {
        match &self.model {
            Some(model) => Some(model.contains("Raspberry Pi")),
            None if !self.is_arm => Some(false),
            None => None,
        }
    }

    /// Whether this is one of the first Pis, of 2012, with the header on bus 0.
    #[must_use]
    pub fn is_first_pi(&self) -> bool {
        self.model.as_deref().is_some_and(|model| {
            model
                .strip_prefix(FIRST)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    }

    /// The number of the header's bus as this board has it when nobody renumbers it.
    #[must_use]
    pub fn usual_bus(&self) -> u32 {
        if self.is_first_pi() { 0 } else { 1 }
    }

    /// The adapter on the header, as far as the kernel has it.
    #[must_use]
    pub fn header(&self) -> Option<&Adapter> {
        self.adapters
            .iter()
            .find(|adapter| adapter.is_header(self.is_first_pi()))
    }

    /// The adapter of this number.
    #[must_use]
    pub fn adapter(&self, number: u32) -> Option<&Adapter> {
        self.adapters
            .iter()
            .find(|adapter| adapter.number == number)
    }
}

impl Adapter {
    fn is_header(&self, is_first_pi: bool) -> bool {
        // An adapter behind a multiplexer lies below its controller's.
        let mut parts = self.path.rsplit('/').skip(1);
        let controller = parts.next().unwrap_or_default();
        if is_first_pi {
            controller.ends_with(FIRST_HEADER)
        } else {
            HEADER.iter().any(|end| controller.ends_with(end))
        }
    }

    /// What the bus is for, for people.
    #[must_use]
    pub fn purpose(&self, is_first_pi: bool) -> &'static str {
        let has = |marks: &[&str]| {
            marks
                .iter()
                .any(|mark| self.name.contains(mark) || self.path.contains(mark))
        };
        if self.is_header(is_first_pi) {
            "the header"
        } else if has(&["107d508", "fef0", "Broadcom STB", "805000.i2c"]) {
            "HDMI"
        } else if has(&["mux", "205000.i2c"]) {
            "cameras and displays"
        } else {
            "not the header"
        }
    }
}
