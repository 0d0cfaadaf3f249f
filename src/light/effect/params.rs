//! Parameters of effects: declared with their limits, held without allocation.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

/// The most parameters an effect may have.
const PARAMS_MAX: usize = 4;

/// The longest text a parameter can hold, in bytes.
pub(super) const TEXT_MAX: usize = 32;

/// Something that an effect takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Param {
    /// Its name in `params`.
    pub name: &'static str,
    /// One phrase for people.
    pub summary: &'static str,
    /// What it takes.
    pub kind: ParamKind,
}

/// What a parameter takes, and its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// A number.
    Number {
        /// Its unit, as a symbol or a phrase that follows a number.
        unit: &'static str,
        /// The least value.
        min: f32,
        /// The greatest value.
        max: f32,
        /// The value when nothing is said.
        default: f32,
    },
    /// One of a few names.
    Choice {
        /// The names.
        names: &'static [&'static str],
        /// The place in `names` of what is taken when nothing is said.
        default: usize,
    },
    /// A text of ASCII characters; letters are taken as capitals, spaces around it are dropped.
    Text {
        /// The most characters; the least is 1.
        max: usize,
        /// The text when nothing is said.
        default: &'static str,
        /// The characters it may have.
        allowed: &'static str,
        /// The same for people.
        allowed_summary: &'static str,
    },
}

/// A value of a parameter, as it is given or read back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamValue<'a> {
    /// A number.
    Number(f64),
    /// A text, or one of the names of a choice.
    Text(&'a str),
}

/// Why a parameter is refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamError {
    /// The effect has no parameter of that name.
    Unknown,
    /// A text where a number is expected, or the reverse.
    WrongKind(Param),
    /// The value lies outside the parameter's limits.
    OutOfRange(Param),
}

impl Param {
    /// A number in a unit, with its limits and its default.
    pub(super) const fn number(
        name: &'static str,
        summary: &'static str,
        unit: &'static str,
        (min, max): (f32, f32),
        default: f32,
    ) -> Self {
        let kind = ParamKind::Number {
            unit,
            min,
            max,
            default,
        };
        Self {
            name,
            summary,
            kind,
        }
    }

    /// How often something happens.
    pub(super) const fn rate(
        name: &'static str,
        summary: &'static str,
        limits: (f32, f32),
        default: f32,
    ) -> Self {
        Self::number(name, summary, PER_MINUTE, limits, default)
    }

    /// One of a few names, with the place of the default among them.
    pub(super) const fn choice(
        name: &'static str,
        summary: &'static str,
        names: &'static [&'static str],
        default: usize,
    ) -> Self {
        let kind = ParamKind::Choice { names, default };
        Self {
            name,
            summary,
            kind,
        }
    }

    /// What is allowed, for people: `1 to 60 per minute`, `cpu, memory or disk`.
    #[must_use]
    pub fn expected(&self) -> impl fmt::Display {
        Expected(self.kind)
    }

    /// The value when nothing is said.
    #[must_use]
    pub fn default_value(&self) -> ParamValue<'static> {
        match self.kind {
            ParamKind::Number { default, .. } => ParamValue::Number(default.into()),
            ParamKind::Choice { names, default } => ParamValue::Text(names[default]),
            ParamKind::Text { default, .. } => ParamValue::Text(default),
        }
    }

    fn take(&self, value: ParamValue<'_>) -> Result<Value, ParamError> {
        match (self.kind, value) {
            (ParamKind::Number { min, max, .. }, ParamValue::Number(number)) => {
                let within = (f64::from(min)..=f64::from(max)).contains(&number);
                within.then_some(Value::Number(number as f32))
            }
            (ParamKind::Choice { names, .. }, ParamValue::Text(text)) => names
                .iter()
                .position(|name| *name == text)
                .map(Value::Choice),
            (ParamKind::Text { max, allowed, .. }, ParamValue::Text(text)) => {
                Text::new(text, max, allowed).map(Value::Text)
            }
            (ParamKind::Number { .. }, ParamValue::Text(_))
            | (ParamKind::Choice { .. } | ParamKind::Text { .. }, ParamValue::Number(_)) => {
                return Err(ParamError::WrongKind(*self));
            }
        }
        .ok_or(ParamError::OutOfRange(*self))
    }
}

struct Expected(ParamKind);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ParamKind::Number { unit, min, max, .. } => write!(f, "{min} to {max} {unit}"),
            ParamKind::Choice { names, .. } => {
                for (index, name) in names.iter().enumerate() {
                    f.write_str(match index {
                        0 => "",
                        _ if index + 1 == names.len() => " or ",
                        _ => ", ",
                    })?;
                    f.write_str(name)?;
                }
                Ok(())
            }
            ParamKind::Text {
                max,
                allowed_summary,
                ..
            } => write!(f, "1 to {max} of {allowed_summary}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Number(f32),
    Choice(usize),
    Text(Text),
}

/// A short ASCII text, held in place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Text {
    bytes: [u8; TEXT_MAX],
    length: usize,
}

impl Text {
    fn new(text: &str, max: usize, allowed: &str) -> Option<Self> {
        let text = text.trim_matches(' ').as_bytes();
        let mut bytes = [0; TEXT_MAX];
        let taken = bytes.get_mut(..text.len())?;
        taken.copy_from_slice(text);
        taken.make_ascii_uppercase();
        let fits = (1..=max).contains(&text.len());
        let known = taken.iter().all(|byte| allowed.as_bytes().contains(byte));
        (fits && known && taken.is_ascii()).then_some(Self {
            bytes,
            length: text.len(),
        })
    }

    fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// How far ahead an effect is: every effect whose first parameter is a rate takes it, so that a motion can run across a
/// row of boards that begin together.
pub const PHASE: Param = Param::number(
    "phase",
    "how far ahead it is",
    "of a cycle",
    (0.0, 1.0),
    0.0,
);

/// What a rate is counted in.
const PER_MINUTE: &str = "per minute";

/// Whether effects with these parameters take a [`PHASE`].
#[must_use]
pub fn takes_phase(declared: &[Param]) -> bool {
    declared.first().is_some_and(
        |param| matches!(param.kind, ParamKind::Number { unit, .. } if unit == PER_MINUTE),
    )
}

/// The values of an effect's parameters, in the order of their declaration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    values: [Value; PARAMS_MAX],
    /// A share of a cycle, 0 to 1.
    phase: f32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            values: [Value::Number(0.0); PARAMS_MAX],
            phase: 0.0,
        }
    }
}

impl Params {
    /// The default of each parameter.
    #[must_use]
    pub fn defaults(declared: &[Param]) -> Self {
        Self::each(declared, Param::default_value)
    }

    /// The greatest value of each number, and the default of all else.
    #[must_use]
    pub fn greatest(declared: &[Param]) -> Self {
        Self::each(declared, |param| match param.kind {
            ParamKind::Number { max, .. } => ParamValue::Number(max.into()),
            ParamKind::Choice { .. } | ParamKind::Text { .. } => param.default_value(),
        })
    }

    fn each(declared: &[Param], value: impl Fn(&Param) -> ParamValue<'static>) -> Self {
        let mut params = Self::default();
        for (slot, param) in params.values.iter_mut().zip(declared) {
            // Limits and defaults lie within the limits, which a test holds.
            *slot = param.take(value(param)).unwrap_or(*slot);
        }
        params
    }

    /// Sets a parameter by its name.
    ///
    /// # Errors
    ///
    /// Refuses unknown names, values of another kind and values outside the limits; nothing is changed then.
    pub fn set(
        &mut self,
        declared: &[Param],
        name: &str,
        value: ParamValue<'_>,
    ) -> Result<(), ParamError> {
        if name == PHASE.name && takes_phase(declared) {
            if let Value::Number(phase) = PHASE.take(value)? {
                self.phase = phase;
            }
            return Ok(());
        }
        let (slot, param) = self
            .values
            .iter_mut()
            .zip(declared)
            .find(|(_, param)| param.name == name)
            .ok_or(ParamError::Unknown)?;
        *slot = param.take(value)?;
        Ok(())
    }

    /// The name and value of each parameter.
    pub fn values(
        &self,
        declared: &'static [Param],
    ) -> impl Iterator<Item = (&'static str, ParamValue<'_>)> {
        let phase = (self.phase > 0.0).then(|| (PHASE.name, ParamValue::Number(self.phase.into())));
        let values = self.values.iter().zip(declared).map(|(value, param)| {
            let value = match (value, param.kind) {
                (Value::Number(number), _) => ParamValue::Number(f64::from(*number)),
                (Value::Choice(place), ParamKind::Choice { names, .. }) => {
                    ParamValue::Text(names.get(*place).copied().unwrap_or_default())
                }
                (Value::Text(text), _) => ParamValue::Text(text.as_str()),
                (Value::Choice(_), ParamKind::Number { .. } | ParamKind::Text { .. }) => {
                    param.default_value()
                }
            };
            (param.name, value)
        });
        values.chain(phase)
    }

    /// How far ahead of its beginning the effect is.
    #[must_use]
    pub fn lead(&self) -> Duration {
        let rate = self.number(0);
        if self.phase > 0.0 && rate > 0.0 {
            Duration::from_secs_f64(60.0 / f64::from(rate) * f64::from(self.phase))
        } else {
            Duration::ZERO
        }
    }

    /// These values with each number brought within the limits declared here.
    #[must_use]
    pub fn clamped(mut self, declared: &[Param]) -> Self {
        for (slot, param) in self.values.iter_mut().zip(declared) {
            if let (Value::Number(number), ParamKind::Number { min, max, .. }) = (slot, param.kind)
            {
                *number = number.clamp(min, max);
            }
        }
        self
    }

    /// How often a minute an effect with these parameters repeats, if it does.
    #[must_use]
    pub fn rate(&self, declared: &[Param]) -> Option<f32> {
        takes_phase(declared).then(|| self.number(0))
    }

    /// These values with the rate at this many percent of its default, within its limits.
    #[must_use]
    pub fn at_speed(mut self, declared: &[Param], percent: u16) -> Self {
        if takes_phase(declared)
            && let (Some(slot), Some(param)) = (self.values.first_mut(), declared.first())
            && let ParamKind::Number { default, .. } = param.kind
        {
            *slot = Value::Number(default * f32::from(percent) / 100.0);
        }
        self.clamped(declared)
    }

    /// The number declared at this place; 0 when there is none.
    #[must_use]
    pub fn number(&self, index: usize) -> f32 {
        match self.values.get(index) {
            Some(Value::Number(number)) => *number,
            Some(Value::Choice(_) | Value::Text(_)) | None => 0.0,
        }
    }

    /// The place among the names of the choice declared at this place; 0 when there is none.
    #[must_use]
    pub fn choice(&self, index: usize) -> usize {
        match self.values.get(index) {
            Some(Value::Choice(place)) => *place,
            Some(Value::Number(_) | Value::Text(_)) | None => 0,
        }
    }

    /// The text declared at this place; empty when there is none.
    #[must_use]
    pub fn text(&self, index: usize) -> &str {
        match self.values.get(index) {
            Some(Value::Text(text)) => text.as_str(),
            Some(Value::Number(_) | Value::Choice(_)) | None => "",
        }
    }
}
