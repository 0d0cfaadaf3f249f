//! What can be adjusted while the node runs.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::result::{Reason, Rejection};
use super::{Address, Leaf, Message, Topics, json};
use crate::light::{SPEED_MAX, SPEED_MIN, Setting, Tuning};
use crate::units::NodeId;

/// The whole numbers that a setting takes, where `brightness_max` is what the configuration allows, and their unit.
pub(super) fn limits(setting: Setting, brightness_max: u8) -> (RangeInclusive<u16>, &'static str) {
    match setting {
        Setting::EffectSpeed => (SPEED_MIN..=SPEED_MAX, "percent"),
        Setting::BrightnessLimit => (1..=brightness_max.into(), "PWM steps"),
    }
}

/// Reads a number for a setting.
///
/// # Errors
///
/// Rejects what is no whole number within the limits.
pub fn decode_setting(
    setting: Setting,
    payload: &[u8],
    brightness_max: u8,
) -> Result<u16, Rejection> {
    let (range, unit) = limits(setting, brightness_max);
    let text = payload.trim_ascii();
    let value: Value = serde_json::from_slice(text)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(text).into_owned()));
    let number = value.as_f64();
    let found = range
        .clone()
        .find(|candidate| number == Some(f64::from(*candidate)));
    found.ok_or_else(|| {
        let reason = if number.is_some() {
            Reason::OutOfRange
        } else {
            Reason::Malformed
        };
        let expected = format!("{} to {} {unit}, whole", range.start(), range.end());
        Rejection::at(reason, setting.name(), &value, expected)
    })
}

/// The retained value of a setting.
#[must_use]
pub fn setting_state(topics: &Topics, node: &NodeId, setting: Setting, value: u16) -> Message {
    let topic = topics.build(&Address::Node(node.clone()), Leaf::SettingState(setting));
    Message::state(topic, value.to_string().into_bytes())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    effect_speed: u16,
    brightness_limit: Option<u8>,
}

/// What is kept of the settings across a restart; `None` when nothing has been adjusted.
#[must_use]
pub fn kept_tuning(tuning: &Tuning) -> Option<Vec<u8>> {
    let kept = Kept {
        effect_speed: tuning.effect_speed,
        brightness_limit: tuning.brightness_limit,
    };
    (*tuning != Tuning::default()).then(|| json(&kept))
}

/// Reads what was kept.
///
/// # Errors
///
/// Tells what is wrong with it.
pub fn recall_tuning(kept: &[u8]) -> Result<Tuning, String> {
    let kept: Kept = serde_json::from_slice(kept).map_err(|error| error.to_string())?;
    let is_valid =
        (SPEED_MIN..=SPEED_MAX).contains(&kept.effect_speed) && kept.brightness_limit != Some(0);
    is_valid
        .then_some(Tuning {
            effect_speed: kept.effect_speed,
            brightness_limit: kept.brightness_limit,
        })
        .ok_or_else(|| "a value is outside its limits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_within_the_limits_are_taken_also_as_home_assistant_writes_them() {
        let speed = |payload: &str| decode_setting(Setting::EffectSpeed, payload.as_bytes(), 48);
        assert_eq!(speed("150"), Ok(150));
        assert_eq!(speed(" 150.0\n"), Ok(150));
        assert_eq!(decode_setting(Setting::BrightnessLimit, b"48", 48), Ok(48));
        for (payload, reason) in [
            ("9", Reason::OutOfRange),
            ("401", Reason::OutOfRange),
            ("99.5", Reason::OutOfRange),
            ("fast", Reason::Malformed),
            ("", Reason::Malformed),
            ("[1]", Reason::Malformed),
        ] {
            assert_eq!(speed(payload).unwrap_err().reason, reason, "{payload}");
        }
        let above = decode_setting(Setting::BrightnessLimit, b"49", 48).unwrap_err();
        assert_eq!(above.expected, "1 to 48 PWM steps, whole");
        assert_eq!(above.field.as_deref(), Some("brightness_limit"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(payload: Vec<u8>) {
            for setting in Setting::ALL {
                if let Ok(value) = decode_setting(setting, &payload, 48) {
                    prop_assert!(limits(setting, 48).0.contains(&value));
                }
            }
            if let Ok(tuning) = recall_tuning(&payload) {
                prop_assert!(tuning.effect_speed >= SPEED_MIN);
            }
        }

        #[test]
        fn what_is_kept_is_recalled(
            effect_speed in SPEED_MIN..=SPEED_MAX, brightness_limit in proptest::option::of(1u8..),
        ) {
            let tuning = Tuning { effect_speed, brightness_limit };
            let recalled = kept_tuning(&tuning).map_or(Ok(Tuning::default()), |kept| recall_tuning(&kept));
            prop_assert_eq!(recalled, Ok(tuning));
        }
    }
}
