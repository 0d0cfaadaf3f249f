//! The driver of the SN3218, the PiGlow's LED chip (IS31FL3218 is the same part).
//!
//! The register pointer advances with every byte, so one transfer carries run, all currents, all switches and the latch:
//! a frame cannot tear, and each one repairs a chip that lost its power.

use embedded_hal::i2c::I2c;

use crate::light::Frame;
use crate::light::board::{BOARD, LEDS};

/// The chip's only I2C address (data sheet, "slave address").
pub const ADDRESS: u8 = 0x54;

/// The first register of a picture: shutdown, bit 0 = 1 runs.
const SHUTDOWN: u8 = 0x00;

/// The register that latches what was written before.
const UPDATE: u8 = 0x16;

/// Pointer, shutdown, 18 currents, 3 switches, update. A byte more would reach 0x17, which resets the chip.
const PICTURE: usize = 1 + 1 + LEDS + 3 + 1;

/// All six sources of a control register on.
const ALL_ON: u8 = 0x3F;

// What makes the index in `picture` safe.
const _: () = {
    let mut led = 0;
    while led < LEDS {
        assert!(BOARD[led].out >= 1 && BOARD[led].out as usize <= LEDS);
        led += 1;
    }
};

/// The driver of one SN3218 on the bus `I`; it is write-only, as the chip is.
#[derive(Debug)]
pub struct Sn3218<I> {
    i2c: I,
}

impl<I: I2c> Sn3218<I> {
    /// Takes the bus without touching it.
    pub const fn new(i2c: I) -> Self {
        Self { i2c }
    }

    /// Gives the bus back without touching it.
    pub fn release(self) -> I {
        self.i2c
    }

    /// Shows a frame in one transfer of 24 bytes: 2.3 ms of bus at 100 kHz.
    ///
    /// # Errors
    ///
    /// The bus's own, when the chip does not acknowledge or the bus fails.
    pub fn show(&mut self, frame: &Frame) -> Result<(), I::Error> {
        self.i2c.write(ADDRESS, &picture(true, frame))
    }

    /// Shuts all LEDs off in one transfer of 24 bytes, and leaves zero currents behind for whoever runs the chip next.
    ///
    /// # Errors
    ///
    /// The bus's own, when the chip does not acknowledge or the bus fails.
    pub fn darken(&mut self) -> Result<(), I::Error> {
        self.i2c.write(ADDRESS, &picture(false, &Frame::DARK))
    }

    /// Asks whether the chip answers, without changing what it shows.
    ///
    /// It does not acknowledge reads, so this writes a register pointer that no data follows.
    ///
    /// # Errors
    ///
    /// The bus's own, when the chip does not acknowledge or the bus fails.
    pub fn probe(&mut self) -> Result<(), I::Error> {
        self.i2c.write(ADDRESS, &[UPDATE])
    }
}

/// Lays out registers 0x00 to 0x16 behind their pointer; the update's value does not matter.
fn picture(run: bool, frame: &Frame) -> [u8; PICTURE] {
    let mut bytes = [0; PICTURE];
    bytes[0] = SHUTDOWN;
    bytes[1] = u8::from(run);
    for (led, pwm) in BOARD.iter().zip(frame.0) {
        // OUT1's current is register 0x01, behind the pointer and the shutdown register.
        bytes[1 + usize::from(led.out)] = pwm;
    }
    bytes[2 + LEDS..PICTURE - 1].fill(ALL_ON);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

    #[test]
    fn frame_is_one_transfer_in_the_order_of_the_outputs() {
        // LED 1 at 1 … LED 18 at 18, so that each current names its LED.
        let frame = Frame(std::array::from_fn(|index| index as u8 + 1));
        let mut bytes = vec![0x00, 0x01];
        bytes.extend([
            13, 14, 15, 16, 5, 4, 1, 2, 3, 6, 12, 11, 18, 10, 17, 9, 8, 7,
        ]);
        bytes.extend([0x3F, 0x3F, 0x3F, 0x00]);
        assert_eq!(bytes.len(), 24);
        let mut chip = Sn3218::new(Mock::new(&[Transaction::write(0x54, bytes)]));

        chip.show(&frame).unwrap();

        chip.release().done();
    }

    #[test]
    fn darkening_shuts_down_first_and_clears_the_currents() {
        let mut bytes = vec![0; 24];
        bytes[20..23].fill(0x3F);
        let mut chip = Sn3218::new(Mock::new(&[Transaction::write(0x54, bytes)]));

        chip.darken().unwrap();

        chip.release().done();
    }

    #[test]
    fn probe_is_a_pointer_without_data() {
        let mut chip = Sn3218::new(Mock::new(&[Transaction::write(0x54, vec![0x16])]));

        chip.probe().unwrap();

        chip.release().done();
    }

    #[test]
    fn bus_errors_come_through() {
        let silent = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
        let probe = Transaction::write(0x54, vec![0x16]).with_error(silent);
        let mut chip = Sn3218::new(Mock::new(&[probe]));

        assert_eq!(chip.probe(), Err(silent));

        chip.release().done();
    }
}
