//! The SN3218's registers, as its data sheet describes them.

use crate::light::Frame;
use crate::light::board::{BOARD, LEDS};

/// The registers that a latch copies: 18 currents (0x01–0x12) and 3 controls (0x13–0x15).
const SHADOWED: usize = LEDS + 3;

/// The state of one chip; its default is the state after power-on.
#[derive(Debug, Default)]
pub(super) struct Chip {
    run: bool,
    shadow: [u8; SHADOWED],
    latched: [u8; SHADOWED],
}

/// What a write to a register did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that shows.
    Stored,
    /// The chip was shut down or set to run.
    Switched,
    /// The shadow registers were latched.
    Latched,
    /// Every register took its default.
    Reset,
}

impl Chip {
    /// Writes one register; those that do not exist swallow their bytes.
    pub(super) fn write(&mut self, register: usize, value: u8) -> Effect {
        match register {
            0x00 => {
                self.run = value & 1 == 1;
                Effect::Switched
            }
            0x01..=SHADOWED => {
                self.shadow[register - 1] = value;
                Effect::Stored
            }
            0x16 => {
                self.latched = self.shadow;
                Effect::Latched
            }
            0x17 => {
                *self = Self::default();
                Effect::Reset
            }
            _ => Effect::Stored,
        }
    }

    /// What is lit: current × control bit × run bit, in the order of the LEDs.
    pub(super) fn lit(&self) -> Frame {
        if !self.run {
            return Frame::DARK;
        }
        let (pwm, control) = self.latched.split_at(LEDS);
        Frame(BOARD.map(|led| {
            let output = usize::from(led.out - 1);
            let on = control[output / 6] >> (output % 6) & 1;
            pwm[output] * on
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OUT1 is LED 13, at index 12.
    const OUT1: usize = 12;

    fn write(chip: &mut Chip, registers: &[(usize, u8)]) {
        for (register, value) in registers {
            chip.write(*register, *value);
        }
    }

    #[test]
    fn currents_and_controls_wait_for_the_update() {
        let mut chip = Chip::default();
        write(&mut chip, &[(0x00, 1), (0x01, 200), (0x13, 0b00_0001)]);
        assert_eq!(chip.lit(), Frame::DARK);

        assert_eq!(chip.write(0x16, 0xAA), Effect::Latched);

        let mut expected = Frame::DARK;
        expected.0[OUT1] = 200;
        assert_eq!(chip.lit(), expected);
    }

    #[test]
    fn shutdown_acts_at_once_and_keeps_the_registers() {
        let mut chip = Chip::default();
        write(&mut chip, &[(0x00, 1), (0x01, 9), (0x13, 1), (0x16, 0)]);
        let lit = chip.lit();

        chip.write(0x00, 0);
        assert_eq!(chip.lit(), Frame::DARK);

        chip.write(0x00, 1);
        assert_eq!(chip.lit(), lit);
    }

    #[test]
    fn output_without_its_control_bit_is_dark() {
        let mut chip = Chip::default();
        write(
            &mut chip,
            &[(0x00, 1), (0x01, 9), (0x13, 0b11_1110), (0x16, 0)],
        );
        assert_eq!(chip.lit(), Frame::DARK);
    }

    #[test]
    fn reset_returns_every_register_to_its_default() {
        let mut chip = Chip::default();
        write(&mut chip, &[(0x00, 1), (0x01, 9), (0x13, 1), (0x16, 0)]);

        assert_eq!(chip.write(0x17, 0), Effect::Reset);

        write(&mut chip, &[(0x00, 1), (0x16, 0)]);
        assert_eq!(chip.lit(), Frame::DARK);
    }
}
