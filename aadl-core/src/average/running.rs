//! The running form: mean and spread of all vectors seen, in one vector of memory.
//!
//! Welford's update (Technometrics 4, 1962) with the weights of West (CACM 22, 1979). The `k`-th
//! vector `x` gets the coefficient `a = max(1 / k, 1 / window)`: exact means of all first,
//! exponential ones with that window afterwards. With `D = |x - mean|^2` before the update,
//!
//! `spread = (1 - a) (spread + a D)`, `mean = mean + a (x - mean)`,
//! `weights = (1 - a)^2 weights + a^2`,
//!
//! where `spread` is the biased sum of variances over all coordinates and `weights` the sum of
//! squared weights of the entries; the unbiased sum is `spread / (1 - weights)`, the usual
//! `1 / (k - 1)` in the first phase. Only that sum is asked for, so no second moment per
//! coordinate is kept: `N` numbers, not `2 N`.
//!
//! Cost of a push: `D` is one long reduction in float64, the mean is updated in `T`.

use core::marker::PhantomData;

use super::{Average, deviation};
use crate::error::{Error, check_length};
use crate::kernels::{Difference, Gram, Kernels, Portable, first_non_finite};
use crate::real::Real;

/// The scalars of a running average. All zeros when empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RunningState {
    count: usize,
    spread: f64,
    weights: f64,
}

impl RunningState {
    /// Nothing seen yet.
    pub const EMPTY: Self = Self { count: 0, spread: 0.0, weights: 0.0 };
}

/// Running average of vectors of `N` numbers with window `W`. RAM: `N size_of::<T>()` bytes, two
/// float64 and an integer, all zeros when new, so that a `static` one takes no flash.
///
/// `push` also refuses a vector so far from the mean that the squared distance overflows float64
/// (or the difference `T`); `count` goes on beyond the window.
///
/// ```
/// use aadl_core::average::{Average, RunningAverager};
/// let mut average = RunningAverager::<1, 2>::new();
/// let mut mean = [0.0f32];
/// for (x, expected) in [(4.0, 4.0), (2.0, 3.0), (1.0, 2.0), (0.0, 1.0)] {
///     average.push(&[x])?;
///     average.mean(&mut mean)?;
///     assert_eq!(mean, [expected]); // from the third on: half old, half new
/// }
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RunningAverager<const N: usize, const W: usize, T = f32> {
    mean: [T; N],
    state: RunningState,
}

impl<const N: usize, const W: usize, T: Real> RunningAverager<N, W, T> {
    /// An empty average. `W` is at least 2, or it does not compile.
    pub const fn new() -> Self {
        const { assert!(W >= 2, "a window of fewer than two entries has no deviation") };
        Self { mean: [T::ZERO; N], state: RunningState::EMPTY }
    }
}

impl<const N: usize, const W: usize, T: Real> Default for RunningAverager<N, W, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const W: usize, T: Real> Average<T> for RunningAverager<N, W, T> {
    fn dimension(&self) -> usize {
        N
    }
    fn push(&mut self, params: &[T]) -> Result<(), Error> {
        push::<T, Portable>(&mut self.mean, W, &mut self.state, params)
    }
    fn count(&self) -> usize {
        self.state.count
    }
    fn mean(&self, out: &mut [T]) -> Result<usize, Error> {
        mean(&self.mean, &self.state, out)
    }
    fn relative_deviation(&self) -> Option<f64> {
        relative_deviation::<T, Portable>(&self.mean, &self.state)
    }
    fn reset(&mut self) {
        self.state = RunningState::EMPTY;
    }
}

/// [`RunningAverager`] over borrowed memory, for lengths and windows known at run time and other
/// kernels.
///
/// ```
/// use aadl_core::average::{Average, RunningMut, RunningState};
/// let (mut mean, mut state) = (vec![0.0f64; 3], RunningState::EMPTY);
/// let mut average = RunningMut::<f64>::new(&mut mean, 10, &mut state)?;
/// average.push(&[1.0, 2.0, 3.0])?;
/// assert_eq!(average.count(), 1);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RunningMut<'a, T, K = Portable> {
    mean: &'a mut [T],
    window: usize,
    state: &'a mut RunningState,
    kernels: PhantomData<K>,
}

impl<'a, T: Real, K: Kernels> RunningMut<'a, T, K> {
    /// An average in `mean` with a window of at least 2, continuing from `state`.
    ///
    /// # Errors
    /// [`Error::Config`] of `window`.
    pub fn new(
        mean: &'a mut [T],
        window: usize,
        state: &'a mut RunningState,
    ) -> Result<Self, Error> {
        if window < 2 {
            return Err(Error::Config { field: "window", requires: "window >= 2" });
        }
        Ok(Self { mean, window, state, kernels: PhantomData })
    }
}

impl<T: Real, K: Kernels> Average<T> for RunningMut<'_, T, K> {
    fn dimension(&self) -> usize {
        self.mean.len()
    }
    fn push(&mut self, params: &[T]) -> Result<(), Error> {
        push::<T, K>(self.mean, self.window, self.state, params)
    }
    fn count(&self) -> usize {
        self.state.count
    }
    fn mean(&self, out: &mut [T]) -> Result<usize, Error> {
        mean(self.mean, self.state, out)
    }
    fn relative_deviation(&self) -> Option<f64> {
        relative_deviation::<T, K>(self.mean, self.state)
    }
    fn reset(&mut self) {
        *self.state = RunningState::EMPTY;
    }
}

fn push<T: Real, K: Kernels>(
    mean: &mut [T],
    window: usize,
    state: &mut RunningState,
    params: &[T],
) -> Result<(), Error> {
    check_length("params", mean.len(), params.len())?;
    if let Some(index) = first_non_finite(params) {
        return Err(Error::NonFinite { what: "params", index });
    }
    let count = state.count.saturating_add(1);
    if count == 1 {
        // What the memory held before does not matter.
        for (mean, x) in mean.iter_mut().zip(params) {
            *mean = *x;
        }
        *state = RunningState { count, spread: 0.0, weights: 1.0 };
        return Ok(());
    }
    // The wide product of the difference with itself needs no scale.
    let difference = (Difference { newer: params, older: mean }, 0);
    let mut distance = [0.0];
    K::gram_row(Gram::Wide, difference, &[difference], &mut distance);
    let [distance] = distance;
    if !distance.is_finite() {
        let square = |(x, mean): (&T, &T)| (*x - *mean).to_f64() * (*x - *mean).to_f64();
        let index = params.iter().zip(&*mean).position(|pair| !square(pair).is_finite());
        return Err(Error::NonFinite { what: "params - mean", index: index.unwrap_or(0) });
    }
    let a = 1.0 / count.min(window) as f64;
    let keep = 1.0 - a;
    state.spread = keep * (state.spread + a * distance);
    state.weights = keep * keep * state.weights + a * a;
    state.count = count;
    let a = T::from_f64(a);
    for (mean, x) in mean.iter_mut().zip(params) {
        *mean += a * (*x - *mean);
    }
    Ok(())
}

fn mean<T: Real>(mean: &[T], state: &RunningState, out: &mut [T]) -> Result<usize, Error> {
    check_length("out", mean.len(), out.len())?;
    if state.count > 0 {
        for (out, mean) in out.iter_mut().zip(mean) {
            *out = *mean;
        }
    }
    Ok(state.count)
}

/// The mean's squared length overflows float64 only together with what made it so; the quotient of
/// two infinities is then taken as infinite.
fn relative_deviation<T: Real, K: Kernels>(mean: &[T], state: &RunningState) -> Option<f64> {
    (state.count >= 2).then(|| {
        let found = deviation(state.spread / (1.0 - state.weights), K::dot_wide(mean, mean));
        if found.is_nan() { f64::INFINITY } else { found }
    })
}
