//! The exact moving window: the last `W` vectors are kept, and every answer is computed from them
//! anew, oldest to newest, so nothing drifts.
//!
//! Plain arrays and not `heapless::HistoryBuf<[T; N], W>`: that takes its entries by value, hence
//! over the stack, and has no form whose vectors get their length at run time.
//!
//! Per coordinate, sums and differences are float64. The sums over coordinates take the order of
//! long reductions. float64 data are first scaled by the power of two that brings the largest
//! magnitude to 1, so that no square overflows or vanishes; that costs one more read. float32 data
//! need none.

use core::marker::PhantomData;

use super::{Average, deviation};
use crate::error::{Error, check_length};
use crate::kernels::{Kernels, LANES, Portable, first_non_finite};
use crate::real::Real;

/// Which vectors of a window are filled. All zeros when empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WindowState {
    filled: usize,
    next: usize,
}

impl WindowState {
    /// The empty window.
    pub const EMPTY: Self = Self { filled: 0, next: 0 };
}

/// The last `W` vectors of `N` numbers. RAM: `W N size_of::<T>()` bytes and two integers, all
/// zeros when new, so that a `static` one takes no flash. For an example see [`Average`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Averager<const N: usize, const W: usize, T = f32> {
    rows: [[T; N]; W],
    state: WindowState,
}

impl<const N: usize, const W: usize, T: Real> Averager<N, W, T> {
    /// An empty window. `W` is at least 2, or it does not compile.
    pub const fn new() -> Self {
        const { assert!(W >= 2, "a window of fewer than two entries has no deviation") };
        Self { rows: [[T::ZERO; N]; W], state: WindowState::EMPTY }
    }

    fn read(&self) -> Entries<'_, T, Portable> {
        Entries::new(self.rows.as_flattened(), N, self.state)
    }
}

impl<const N: usize, const W: usize, T: Real> Default for Averager<N, W, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const W: usize, T: Real> Average<T> for Averager<N, W, T> {
    fn dimension(&self) -> usize {
        N
    }
    fn push(&mut self, params: &[T]) -> Result<(), Error> {
        push(self.rows.as_flattened_mut(), N, &mut self.state, params)
    }
    fn count(&self) -> usize {
        self.state.filled
    }
    fn mean(&self, out: &mut [T]) -> Result<usize, Error> {
        self.read().mean(out)
    }
    fn relative_deviation(&self) -> Option<f64> {
        self.read().relative_deviation()
    }
    fn reset(&mut self) {
        self.state = WindowState::EMPTY;
    }
}

/// [`Averager`] over borrowed memory, for lengths known at run time and other kernels.
///
/// ```
/// use aadl_core::average::{Average, AveragerMut, WindowState};
/// let (mut rows, mut state) = (vec![0.0f64; 5 * 3], WindowState::EMPTY);
/// let mut averager = AveragerMut::<f64>::new(&mut rows, 3, &mut state)?; // window of 5
/// averager.push(&[1.0, 2.0, 3.0])?;
/// assert_eq!(averager.count(), 1);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AveragerMut<'a, T, K = Portable> {
    rows: &'a mut [T],
    dimension: usize,
    state: &'a mut WindowState,
    kernels: PhantomData<K>,
}

impl<'a, T: Real, K: Kernels> AveragerMut<'a, T, K> {
    /// A window over `rows`, whose length is that of the window (at least 2) times `dimension`
    /// (at least 1), continuing from `state`.
    ///
    /// # Errors
    /// [`Error::Config`] of `dimension`, and of a `state` of more rows; [`Error::Length`] of `rows`.
    pub fn new(
        rows: &'a mut [T],
        dimension: usize,
        state: &'a mut WindowState,
    ) -> Result<Self, Error> {
        if dimension == 0 {
            return Err(Error::Config { field: "dimension", requires: "dimension >= 1" });
        }
        let window = (rows.len() / dimension).max(2);
        check_length("rows", window.saturating_mul(dimension), rows.len())?;
        if state.filled > window || state.next >= window {
            return Err(Error::Config { field: "state", requires: "the state of these rows" });
        }
        Ok(Self { rows, dimension, state, kernels: PhantomData })
    }

    fn read(&self) -> Entries<'_, T, K> {
        Entries::new(self.rows, self.dimension, *self.state)
    }
}

impl<T: Real, K: Kernels> Average<T> for AveragerMut<'_, T, K> {
    fn dimension(&self) -> usize {
        self.dimension
    }
    fn push(&mut self, params: &[T]) -> Result<(), Error> {
        push(self.rows, self.dimension, self.state, params)
    }
    fn count(&self) -> usize {
        self.state.filled
    }
    fn mean(&self, out: &mut [T]) -> Result<usize, Error> {
        self.read().mean(out)
    }
    fn relative_deviation(&self) -> Option<f64> {
        self.read().relative_deviation()
    }
    fn reset(&mut self) {
        *self.state = WindowState::EMPTY;
    }
}

/// Overwrites the oldest vector.
fn push<T: Real>(
    rows: &mut [T],
    dimension: usize,
    state: &mut WindowState,
    params: &[T],
) -> Result<(), Error> {
    check_length("params", dimension, params.len())?;
    if let Some(index) = first_non_finite(params) {
        return Err(Error::NonFinite { what: "params", index });
    }
    // Of vectors without elements there is nothing to keep: chunks of 1 find no row.
    let mut chunks = rows.chunks_exact_mut(dimension.max(1));
    let window = chunks.len();
    if let Some(row) = chunks.nth(state.next) {
        for (kept, x) in row.iter_mut().zip(params) {
            *kept = *x;
        }
        state.next = if state.next + 1 < window { state.next + 1 } else { 0 };
        state.filled = (state.filled + 1).min(window);
    }
    Ok(())
}

/// The entries, in order of age: what is read of a window.
struct Entries<'a, T, K> {
    older: &'a [T],
    newer: &'a [T],
    dimension: usize,
    count: usize,
    kernels: PhantomData<K>,
}

impl<'a, T: Real, K: Kernels> Entries<'a, T, K> {
    fn new(rows: &'a [T], dimension: usize, state: WindowState) -> Self {
        let filled = rows.get(..state.filled * dimension).unwrap_or(rows);
        // A window that is not full begins at row 0, and `next` is its end.
        let (newer, older) =
            filled.split_at_checked(state.next * dimension).unwrap_or((filled, &[]));
        Self { older, newer, dimension, count: state.filled, kernels: PhantomData }
    }

    /// A power of two that brings the largest magnitude near 1, for float64.
    fn scale(&self) -> f64 {
        if T::DIGITS == f32::MANTISSA_DIGITS {
            return 1.0;
        }
        let bits = K::max_magnitude(self.older).max(K::max_magnitude(self.newer));
        if bits == T::Bits::default() {
            return 1.0;
        }
        f64::power_of_two((-T::exponent(bits)).clamp(f64::MIN_EXP - 1, f64::MAX_EXP - 1))
    }

    /// Calls `visit` with elements `start .. start + LANES` of each entry, oldest first, in
    /// float64 and scaled; zeros where there are none.
    #[inline(always)]
    fn visit(&self, start: usize, scale: f64, mut visit: impl FnMut([f64; LANES])) {
        let width = self.dimension.max(1);
        for row in self.older.chunks_exact(width).chain(self.newer.chunks_exact(width)) {
            let rest = row.get(start..).unwrap_or(&[]);
            visit(match rest.first_chunk::<LANES>() {
                Some(chunk) => chunk.map(|x| x.to_f64() * scale),
                None => {
                    let mut lanes = [0.0; LANES];
                    for (lane, x) in lanes.iter_mut().zip(rest) {
                        *lane = x.to_f64() * scale;
                    }
                    lanes
                }
            });
        }
    }

    /// Scaled means of elements `start .. start + LANES`.
    #[inline(always)]
    fn means(&self, start: usize, scale: f64) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        self.visit(start, scale, |lanes| {
            for (sum, x) in sums.iter_mut().zip(lanes) {
                *sum += x;
            }
        });
        sums.map(|sum| sum / self.count as f64)
    }

    fn mean(&self, out: &mut [T]) -> Result<usize, Error> {
        check_length("out", self.dimension, out.len())?;
        if self.count > 0 {
            let scale = self.scale();
            for (i, chunk) in out.chunks_mut(LANES).enumerate() {
                for (out, mean) in chunk.iter_mut().zip(self.means(i * LANES, scale)) {
                    *out = T::from_f64(mean / scale);
                }
            }
        }
        Ok(self.count)
    }

    fn relative_deviation(&self) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let scale = self.scale();
        let variance = K::sum_terms(self.dimension, |start| {
            let means = self.means(start, scale);
            let mut squares = [0.0; LANES];
            self.visit(start, scale, |lanes| {
                for ((square, x), mean) in squares.iter_mut().zip(lanes).zip(means) {
                    *square += (x - mean) * (x - mean);
                }
            });
            squares
        }) / (self.count - 1) as f64;
        let square =
            K::sum_terms(self.dimension, |start| self.means(start, scale).map(|mean| mean * mean));
        Some(deviation(variance, square))
    }
}
