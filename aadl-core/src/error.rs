//! The caller's mistakes. What the numbers do (a rejected step, a dropped column) is an outcome,
//! not an error, and is reported by the operation that met it.

use core::fmt;

/// What was wrong with a call. Nothing has been changed when one is returned, unless the function
/// says otherwise.
///
/// ```
/// use aadl_core::{Error, anderson::Config};
/// let config = Config { relaxation: 1.5, ..Config::DEFAULT };
/// assert_eq!(
///     config.validate(),
///     Err(Error::Config { field: "relaxation", requires: "0 < relaxation <= 1" })
/// );
/// ```
///
/// On a device the text goes into a bounded string:
///
/// ```
/// use core::fmt::Write;
/// let error = aadl_core::Error::NonFinite { what: "grad", index: 3 };
/// let mut text = heapless::String::<64>::new();
/// write!(text, "{error}").expect("64 bytes are enough for this one");
/// assert_eq!(text, "grad: element 3 is not a finite number");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A slice has the wrong number of elements.
    Length {
        /// The argument.
        what: &'static str,
        /// How many elements it must have (at least, where more are allowed).
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A slice holds NaN or an infinity.
    NonFinite {
        /// The argument.
        what: &'static str,
        /// The first element that is not finite.
        index: usize,
    },
    /// An index in a slice of indices is not below its limit.
    OutOfRange {
        /// The argument.
        what: &'static str,
        /// The first element out of range.
        index: usize,
        /// What every element must be below.
        limit: usize,
    },
    /// A setting is outside its range.
    Config {
        /// The setting.
        field: &'static str,
        /// What is allowed.
        requires: &'static str,
    },
    /// The configuration asks for the loss safeguard, and the call brought no loss to evaluate:
    /// use the `step_with` of the same name.
    LossRequired,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { what, expected, found } => {
                write!(f, "{what}: {found} elements where {expected} are needed")
            }
            Error::NonFinite { what, index } => {
                write!(f, "{what}: element {index} is not a finite number")
            }
            Error::OutOfRange { what, index, limit } => {
                write!(f, "{what}: element {index} is not below {limit}")
            }
            Error::Config { field, requires } => write!(f, "{field}: must satisfy {requires}"),
            Error::LossRequired => f.write_str("the loss safeguard needs a loss: call step_with"),
        }
    }
}

impl core::error::Error for Error {}

/// Checks that `found` elements are exactly the `expected` ones.
pub(crate) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

/// Checks that each of these slices, given as name, length and least length, is long enough.
pub(crate) fn check_at_least(lengths: &[(&'static str, usize, usize)]) -> Result<(), Error> {
    for &(what, found, expected) in lengths {
        if found < expected {
            return Err(Error::Length { what, expected, found });
        }
    }
    Ok(())
}

/// Checks that a setting is what it must be.
pub(crate) const fn check_field(
    ok: bool,
    field: &'static str,
    requires: &'static str,
) -> Result<(), Error> {
    if ok { Ok(()) } else { Err(Error::Config { field, requires }) }
}

/// The first error.
pub(crate) const fn first(checks: &[Result<(), Error>]) -> Result<(), Error> {
    let mut i = 0;
    while i < checks.len() {
        if checks[i].is_err() {
            return checks[i];
        }
        i += 1;
    }
    Ok(())
}
