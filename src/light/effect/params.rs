//! Parameters of effects: declared with their limits, held without allocation.

/// The most parameters an effect may have.
const PARAMS_MAX: usize = 4;

/// A number that an effect takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Param {
    /// Its name in `params`.
    pub name: &'static str,
    /// One phrase for people.
    pub summary: &'static str,
    /// Its unit, as a symbol or a word.
    pub unit: &'static str,
    /// The least value.
    pub min: f32,
    /// The greatest value.
    pub max: f32,
    /// The value when nothing is said.
    pub default: f32,
}

/// Why a parameter is refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamError {
    /// The effect has no parameter of that name.
    Unknown,
    /// The value lies outside the parameter's limits.
    OutOfRange(Param),
}

/// The values of an effect's parameters, in the order of their declaration.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Params([f32; PARAMS_MAX]);

impl Params {
    /// The default of each parameter.
    #[must_use]
    pub fn defaults(declared: &[Param]) -> Self {
        Self::each(declared, |param| param.default)
    }

    /// The greatest value of each parameter.
    #[must_use]
    pub fn greatest(declared: &[Param]) -> Self {
        Self::each(declared, |param| param.max)
    }

    fn each(declared: &[Param], value: impl Fn(&Param) -> f32) -> Self {
        let mut values = [0.0; PARAMS_MAX];
        for (slot, param) in values.iter_mut().zip(declared) {
            *slot = value(param);
        }
        Self(values)
    }

    /// Sets a parameter by its name.
    ///
    /// # Errors
    ///
    /// Refuses unknown names and values outside the limits; nothing is changed then.
    pub fn set(&mut self, declared: &[Param], name: &str, value: f64) -> Result<(), ParamError> {
        let index = declared
            .iter()
            .position(|param| param.name == name)
            .ok_or(ParamError::Unknown)?;
        let param = declared[index];
        if !(f64::from(param.min)..=f64::from(param.max)).contains(&value) {
            return Err(ParamError::OutOfRange(param));
        }
        self.0[index] = value as f32;
        Ok(())
    }

    /// The value of the parameter declared at this place.
    #[must_use]
    pub fn get(&self, index: usize) -> f32 {
        self.0.get(index).copied().unwrap_or_default()
    }
}
