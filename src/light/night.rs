//! Hours in which the board is dimmer.

use std::str::FromStr;
use std::time::Duration;

/// A day.
const DAY_MINUTES: u16 = 24 * 60;

/// A span of the day by the local clock, which may pass midnight, and the brightness limit within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Night {
    /// When it is.
    pub hours: Hours,
    /// The PWM value of full brightness then, 0 (dark) to 255.
    pub brightness_limit: u8,
}

/// From one minute of the day to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    until: u16,
}

/// A text that is no span of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected two different times of day such as 22:30-07:00")]
pub struct HoursError;

impl FromStr for Hours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let (from, until) = text.split_once('-').ok_or(HoursError)?;
        let hours = Self {
            from: minute_of_day(from).ok_or(HoursError)?,
            until: minute_of_day(until).ok_or(HoursError)?,
        };
        if hours.from == hours.until {
            return Err(HoursError);
        }
        Ok(hours)
    }
}

fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str, below: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: u16 = text.parse().ok()?;
        (digits && number < below).then_some(number)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

impl Hours {
    /// Whether a local time of day lies within.
    #[must_use]
    pub fn contains(self, local_time: Duration) -> bool {
        let minute = (local_time.as_secs() / 60 % u64::from(DAY_MINUTES)) as u16;
        if self.from < self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }

    /// The time until it begins or ends next, more than zero.
    #[must_use]
    pub fn until_next_edge(self, local_time: Duration) -> Duration {
        let day = Duration::from_secs(u64::from(DAY_MINUTES) * 60);
        let until = |minute: u16| {
            let edge = Duration::from_secs(u64::from(minute) * 60);
            if edge > local_time {
                edge - local_time
            } else {
                (edge + day).saturating_sub(local_time)
            }
        };
        until(self.from).min(until(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(hour: u64, minute: u64) -> Duration {
        Duration::from_secs(hour * 3600 + minute * 60)
    }

    #[test]
    fn a_night_may_pass_midnight() {
        let night: Hours = "22:30-07:00".parse().unwrap();
        for (hour, minute, within) in [
            (22, 29, false),
            (22, 30, true),
            (0, 0, true),
            (6, 59, true),
            (7, 0, false),
        ] {
            assert_eq!(night.contains(at(hour, minute)), within, "{hour}:{minute}");
        }
        let noon: Hours = "12:00-13:00".parse().unwrap();
        assert!(noon.contains(at(12, 30)) && !noon.contains(at(13, 0)) && !noon.contains(at(0, 0)));
    }

    #[test]
    fn the_next_edge_is_the_nearer_one() {
        let night: Hours = "22:30-07:00".parse().unwrap();
        assert_eq!(night.until_next_edge(at(22, 0)), at(0, 30));
        assert_eq!(night.until_next_edge(at(22, 30)), at(8, 30));
        assert_eq!(night.until_next_edge(at(23, 0)), at(8, 0));
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in [
            "",
            "22:30",
            "22:30-22:30",
            "24:00-07:00",
            "7:00-8:00",
            "22:60-07:00",
            "a-b",
        ] {
            assert_eq!(wrong.parse::<Hours>(), Err(HoursError), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn an_edge_lies_ahead_and_turns_the_answer(from in 0..1440u16, until in 0..1440u16, second in 0..86_400u64) {
            prop_assume!(from != until);
            let hours = Hours { from, until };
            let now = Duration::from_secs(second);
            let ahead = hours.until_next_edge(now);
            prop_assert!(ahead > Duration::ZERO);
            prop_assert_ne!(hours.contains(now), hours.contains(now + ahead));
        }
    }
}
