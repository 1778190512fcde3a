//! What the optimizers share: where their state lies, its layout and the checks of a step.
//!
//! The state of an optimizer is one buffer of `rows` vectors as long as the parameters, one after
//! the other; its `Config::rows` says how many. The buffer is anything that gives slices:
//! [`Rows`] or an array (on a device), a `&'static mut [T]`, a `Vec` (on a host).

use crate::error::{Error, check_length};
use crate::real::Real;

/// `R` vectors of `N` numbers, as one slice of `R N`: state for an optimizer of `N` parameters,
/// usable where `N` is itself generic. `R N size_of::<T>()` bytes.
///
/// ```
/// use aadl_core::optim::{Adam, AdamConfig, Rows};
/// const ADAM: AdamConfig = AdamConfig { lr: 0.01, ..AdamConfig::DEFAULT };
/// struct Trainer<const N: usize> {
///     optimizer: Adam<Rows<N, { ADAM.rows() }>>,
/// }
/// let trainer = Trainer::<100> { optimizer: Adam::zeroed(ADAM)? };
/// assert!(size_of_val(&trainer) < 2 * 100 * 4 + 100);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rows<const N: usize, const R: usize, T = f32>(pub [[T; N]; R]);

impl<const N: usize, const R: usize, T: Real> Rows<N, R, T> {
    /// All zeros.
    pub const ZERO: Self = Self([[T::ZERO; N]; R]);
}

impl<const N: usize, const R: usize, T> AsRef<[T]> for Rows<N, R, T> {
    fn as_ref(&self) -> &[T] {
        self.0.as_flattened()
    }
}

impl<const N: usize, const R: usize, T> AsMut<[T]> for Rows<N, R, T> {
    fn as_mut(&mut self) -> &mut [T] {
        self.0.as_flattened_mut()
    }
}

/// An error naming `field`, unless `holds`.
pub(super) const fn require(
    holds: bool,
    field: &'static str,
    requires: &'static str,
) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Config { field, requires }) }
}

/// Not negative, and finite in float32 too. False for NaN.
pub(super) const fn non_negative(x: f64) -> bool {
    x >= 0.0 && x <= f32::MAX as f64
}

/// Everything that can be wrong with a step.
pub(super) fn check<T: Real>(
    rows: usize,
    state: &[T],
    params: &[T],
    grad: &[T],
) -> Result<(), Error> {
    check_length("state", rows.saturating_mul(params.len()), state.len())?;
    super::check_step(params, grad)
}

/// The first row of `n` numbers, and the others. Empty rows where there are none.
pub(super) fn split<T>(state: &mut [T], n: usize) -> (&mut [T], &mut [T]) {
    state.split_at_mut_checked(n).unwrap_or((&mut [], &mut []))
}

/// `a + weight (b - a)`, anchored at the nearer end as PyTorch's `lerp` is.
#[inline(always)]
pub(super) fn lerp<T: Real>(a: T, b: T, weight: T) -> T {
    if weight < T::from_f64(0.5) { a + weight * (b - a) } else { b - (b - a) * (T::ONE - weight) }
}

/// `a / b`, and 0 where `b` is 0: a coordinate that has seen only zero gradients stays.
#[inline(always)]
pub(super) fn ratio<T: Real>(a: T, b: T) -> T {
    if b == T::ZERO { T::ZERO } else { a / b }
}

/// The first error of a list.
pub(super) const fn first_error(checks: &[Result<(), Error>]) -> Result<(), Error> {
    let mut rest = checks;
    while let [check, later @ ..] = rest {
        if check.is_err() {
            return *check;
        }
        rest = later;
    }
    Ok(())
}

/// The settings are valid, and `found` rows are what they need.
pub(super) const fn check_rows(
    valid: Result<(), Error>,
    expected: usize,
    found: usize,
) -> Result<(), Error> {
    if valid.is_err() {
        valid
    } else if expected != found {
        Err(Error::Length { what: "rows of state", expected, found })
    } else {
        Ok(())
    }
}
