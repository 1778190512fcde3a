//! The accelerator with arrays of its own.

use crate::anderson::{AndersonMut, Config, Memory, State, Stats, Step};
use crate::error::Error;
use crate::history::MAX_DEPTH;
use crate::real::Real;

/// An accelerator of a map on `N` numbers with a history of `M` iterates, `3 <= M <= 32`, checked
/// by the compiler. It holds nothing but zeros at the start, so that a `static` one lies in `.bss`.
///
/// Memory, for `s` bytes a scalar and with `S = size_of::<State>()`:
/// `M N s + 8 M^2 + 20 M + S` bytes, [`Anderson::BYTES`], rounded up to the alignment.
///
/// ```
/// use aadl_core::anderson::{Anderson, Config};
/// let mut accelerator = Anderson::<1, 4, f64>::new();
/// let mut x = [1.0];
/// for _ in 0..12 {
///     x[0] -= 0.05 * (x[0] * x[0] - 2.0); // a slow map to the root of 2
///     accelerator.step(&Config::DEFAULT, &mut x)?;
/// }
/// assert!((x[0] - 2f64.sqrt()).abs() < 1e-9);
/// # Ok::<(), aadl_core::Error>(())
/// ```
///
/// A depth below 3 does not compile:
///
/// ```compile_fail
/// let accelerator = aadl_core::anderson::Anderson::<10, 2>::new();
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Anderson<const N: usize, const M: usize, T = f32> {
    iterates: [[T; N]; M],
    gram: [[f64; M]; M],
    work: [[f64; M]; 2],
    exponents: [i16; M],
    pivots: [u16; M],
    state: State,
}

impl<const N: usize, const M: usize, T: Real> Anderson<N, M, T> {
    /// The memory of one, in bytes, without the padding at its end.
    pub const BYTES: usize = M * N * size_of::<T>() + 8 * M * M + 20 * M + size_of::<State>();

    /// An empty accelerator.
    pub const fn new() -> Self {
        const { assert!(M >= 3 && M <= MAX_DEPTH, "the depth M must be in 3..=32") };
        Self {
            iterates: [[T::ZERO; N]; M],
            gram: [[0.0; M]; M],
            work: [[0.0; M]; 2],
            exponents: [0; M],
            pivots: [0; M],
            state: State::new(),
        }
    }

    /// The accelerator itself, which borrows the memory of this one; all else is there.
    pub fn view(&mut self) -> AndersonMut<'_, T> {
        let memory = Memory {
            iterates: self.iterates.as_flattened_mut(),
            gram: self.gram.as_flattened_mut(),
            work: self.work.as_flattened_mut(),
            exponents: &mut self.exponents,
            pivots: &mut self.pivots,
        };
        AndersonMut::assemble(N, M, N, memory, &mut self.state)
    }

    /// [`AndersonMut::step`], the length being known.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::LossRequired`].
    pub fn step(&mut self, config: &Config, x: &mut [T; N]) -> Result<Step, Error> {
        self.view().step(config, x)
    }

    /// [`AndersonMut::step_with`], the length being known.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn step_with(
        &mut self,
        config: &Config,
        x: &mut [T; N],
        loss: impl FnMut(&[T]) -> T,
    ) -> Result<Step, Error> {
        self.view().step_with(config, x, loss)
    }

    /// What is kept between two steps, but for the numbers.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Counts since the last reset.
    pub const fn stats(&self) -> &Stats {
        self.state.stats()
    }

    /// Forgets the history and the counts.
    pub const fn reset(&mut self) {
        self.state = State::new();
    }
}

impl<const N: usize, const M: usize, T: Real> Default for Anderson<N, M, T> {
    fn default() -> Self {
        Self::new()
    }
}
