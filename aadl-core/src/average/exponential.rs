//! The lean form: an exponential moving average (EMA), for evaluation.
//!
//! With the decay `d`, the mean of `x_1 .. x_k` is `sum_i d^(k-i) x_i / sum_i d^(k-i)`, which is the
//! recurrence `m = d m + (1 - d) x` from zero divided by `1 - d^k` (the bias correction of Adam,
//! Kingma & Ba, ICLR 2015). Updated in place, with `w` the sum of the weights:
//!
//! `w = d w + 1`, `mean = mean + (x - mean) / w`.
//!
//! `d = 1` is the mean of all (Polyak & Juditsky, SIAM J. Control Optim. 30, 1992): reset at the
//! beginning of an epoch, it is the epoch's.
//!
//! Cost of a push: a read that looks for what is not finite, and the update, in `T`; `w` alone is
//! float64.

use crate::error::{Error, check_length};
use crate::kernels::{Difference, Kernels, Portable, copy, first_non_finite};
use crate::real::Real;

/// An exponential moving average of parameters, to evaluate a network at: in mini-batches the steps
/// scatter round a point that is often better than each of them. Training goes on from the last step,
/// not from the mean.
///
/// The mean lies in `B`: an array, a slice, a `Vec`. RAM: that and a float64; of zeros when new over
/// zeros, so that a `static` one takes no flash.
///
/// ```
/// use aadl_core::average::Ema;
/// let mut ema = Ema::new([0.0f32; 1]);
/// for (x, mean) in [(4.0, 4.0), (1.0, 2.0), (2.0, 2.0)] {
///     ema.push(&[x], 0.5)?; // (0.5 * 4 + 1) / 1.5, (0.25 * 4 + 0.5 * 1 + 2) / 1.75
///     assert_eq!(ema.mean(), Some(&[mean][..]));
/// }
/// // The mean of an epoch:
/// ema.reset();
/// for x in [4.0, 1.0, 4.0] {
///     ema.push(&[x], 1.0)?;
/// }
/// assert_eq!(ema.mean(), Some(&[3.0][..]));
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ema<B> {
    mean: B,
    /// Sum of the weights; 0 where nothing was seen.
    weights: f64,
}

impl<B> Ema<B> {
    /// An empty average in `mean`, whose values do not matter.
    pub const fn new(mean: B) -> Self {
        Self { mean, weights: 0.0 }
    }

    /// Takes in one vector. `decay` is what all before it weigh from now on, 0 to 1: with 0.9 the mean
    /// is of about the last 10, with 1 of all. It may change from call to call.
    ///
    /// # Errors
    /// [`Error::Config`] of `decay`; [`Error::Length`] and [`Error::NonFinite`] of `params`, also for
    /// one so far from the mean that their difference overflows. Nothing has changed then.
    pub fn push<T: Real>(&mut self, params: &[T], decay: f64) -> Result<(), Error>
    where
        B: AsRef<[T]> + AsMut<[T]>,
    {
        if !(0.0..=1.0).contains(&decay) {
            return Err(Error::Config { field: "decay", requires: "0 <= decay <= 1" });
        }
        let mean = self.mean.as_mut();
        check_length("params", mean.len(), params.len())?;
        if let Some(index) = first_non_finite(params) {
            return Err(Error::NonFinite { what: "params", index });
        }
        if self.weights == 0.0 {
            // What the memory held before does not matter.
            copy(mean, params);
            self.weights = 1.0;
            return Ok(());
        }
        let difference = Difference { newer: params, older: mean };
        if Portable::max_difference(difference) >= T::INFINITY_BITS {
            let overflows = |(x, mean): (&T, &T)| !(*x - *mean).is_finite();
            let index = params.iter().zip(&*mean).position(overflows).unwrap_or(0);
            return Err(Error::NonFinite { what: "params - mean", index });
        }
        self.weights = decay * self.weights + 1.0;
        let share = T::from_f64(1.0 / self.weights);
        for (mean, x) in mean.iter_mut().zip(params) {
            *mean += share * (*x - *mean);
        }
        Ok(())
    }

    /// The mean; none where nothing was seen.
    pub fn mean<T: Real>(&self) -> Option<&[T]>
    where
        B: AsRef<[T]>,
    {
        (self.weights > 0.0).then(|| self.mean.as_ref())
    }

    /// Forgets everything.
    pub const fn reset(&mut self) {
        self.weights = 0.0;
    }
}
