//! Averages of iterates. Where parameters oscillate round a point instead of approaching it, their
//! mean is nearer; AADL's `average` option loads it when the spread is large. Two forms of one
//! trait, [`Average`], and a lean one that only has a mean:
//!
//! | form | numbers of `T` | `push` | mean and deviation |
//! |---|---|---|---|
//! | [`Averager`], [`AveragerMut`]: the last `W` vectors, exactly | `W N` | writes `N` | read `W N` |
//! | [`RunningAverager`], [`RunningMut`]: all vectors, later ones weighing more | `N` | reads `2 N` twice, writes `N` | read `N` |
//! | [`Ema`]: all vectors, by a decay of your choice; for evaluation | `N` | the same, nothing in float64 | no deviation |
//!
//! **Relative deviation.** With `mean_i` and the unbiased variance `var_i` of coordinate `i`,
//!
//! `sqrt(sum_i var_i) / sqrt(sum_i mean_i^2)`:
//!
//! the spread of the vectors over the length of their mean. It depends neither on units nor on
//! signs. AADL's own measure, `max_i(std_i) / max_i(mean_i)`, has no meaning where means are
//! negative or near zero, and is NaN for a single entry. Here one entry has no deviation (`None`),
//! 0 / 0 is 0 (everything is zero), and any spread round a mean of zero is infinite.

mod exponential;
mod running;
mod window;

pub use exponential::Ema;
pub use running::{RunningAverager, RunningMut, RunningState};
pub use window::{Averager, AveragerMut, WindowState};

use crate::error::{Error, check_length};
use crate::real::Real;

/// What [`Average::apply`] found and did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Applied {
    /// The mean has been loaded.
    pub loaded: bool,
    /// The relative deviation; `None` with fewer than two entries.
    pub deviation: Option<f64>,
}

/// An average of parameter vectors of one length.
///
/// ```
/// use aadl_core::average::{Average, Averager};
/// static AVERAGER: Averager<2, 10> = Averager::new(); // all zeros: no flash
/// let mut averager = AVERAGER.clone();
/// averager.push(&[1.0, -2.0])?;
/// averager.push(&[3.0, -2.0])?;
/// let mut mean = [0.0; 2];
/// assert_eq!(averager.mean(&mut mean)?, 2);
/// assert_eq!(mean, [2.0, -2.0]);
/// // variances 2 and 0, mean of length sqrt(8)
/// assert_eq!(averager.relative_deviation(), Some(0.5));
/// # Ok::<(), aadl_core::Error>(())
/// ```
pub trait Average<T: Real = f32> {
    /// The length of the vectors.
    fn dimension(&self) -> usize;

    /// Takes in one vector.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::NonFinite`] of `params`; nothing has changed then.
    fn push(&mut self, params: &[T]) -> Result<(), Error>;

    /// How many vectors the mean is of.
    fn count(&self) -> usize;

    /// Writes the mean and returns [`Average::count`]; if that is 0, `out` is left as it is.
    ///
    /// # Errors
    /// [`Error::Length`] of `out`.
    fn mean(&self, out: &mut [T]) -> Result<usize, Error>;

    /// Spread over length of the mean, at least 0 and never NaN (see [`crate::average`]); `None`
    /// with fewer than two entries.
    fn relative_deviation(&self) -> Option<f64>;

    /// Forgets everything.
    fn reset(&mut self);

    /// Replaces `params` by the mean if the relative deviation exceeds `tolerance` (at least 0;
    /// infinity: never), else leaves them. The average does not change.
    ///
    /// # Errors
    /// [`Error::Config`] of `tolerance`, [`Error::Length`] of `params`.
    ///
    /// ```
    /// use aadl_core::average::{Average, RunningAverager};
    /// let mut average = RunningAverager::<1, 10>::new();
    /// for x in [1.0, -0.9, 0.8] {
    ///     average.push(&[x])?;
    /// }
    /// let mut x = [0.8];
    /// assert!(average.apply(&mut x, 0.1)?.loaded);
    /// assert!((x[0] - 0.3f32).abs() < 1e-6);
    /// # Ok::<(), aadl_core::Error>(())
    /// ```
    fn apply(&self, params: &mut [T], tolerance: f64) -> Result<Applied, Error> {
        check_tolerance(tolerance)?;
        check_length("params", self.dimension(), params.len())?;
        let deviation = self.relative_deviation();
        let loaded = deviation.is_some_and(|deviation| deviation > tolerance);
        if loaded {
            self.mean(params)?;
        }
        Ok(Applied { loaded, deviation })
    }
}

/// A tolerance on the relative deviation is not negative, nor NaN.
pub(crate) const fn check_tolerance(tolerance: f64) -> Result<(), Error> {
    if tolerance >= 0.0 {
        Ok(())
    } else {
        Err(Error::Config { field: "tolerance", requires: "tolerance >= 0" })
    }
}

/// `sqrt(variance) / sqrt(square)` with the limits of the module's definition.
fn deviation(variance: f64, square: f64) -> f64 {
    if variance == 0.0 {
        0.0
    } else if square == 0.0 {
        f64::INFINITY
    } else {
        crate::math::sqrt(variance) / crate::math::sqrt(square)
    }
}
