//! The engine with arrays of its own.

use crate::error::Error;
use crate::history::MAX_DEPTH;
use crate::kernels::Column;
use crate::multisecant::{Asked, Config, Memory, MultisecantMut, State, Stats, Told};

/// The engine for devices with the least memory: five pairs of bytes, `4.5 N` numbers of state in all.
///
/// ```
/// use aadl_core::multisecant::{Multisecant, Tiny};
/// // Of 1,000 parameters, 10,000 bytes of pairs and 8,000 of floats against 40,000 and 8,000.
/// assert!(Tiny::<1000>::BYTES < 18_800 && Multisecant::<1000>::BYTES < 49_700);
/// ```
pub type Tiny<const N: usize> = Multisecant<N, 5, i8>;

/// The memory of an engine for `n` parameters with this number of pairs, in bytes: two columns of `n`
/// elements a pair, a point and a gradient, and what depends on the pairs alone. [`Multisecant::BYTES`]
/// is this, rounded up to a multiple of 4.
///
/// ```
/// use aadl_core::multisecant::{Multisecant, bytes};
/// const _: () = assert!(Multisecant::<1000>::BYTES == bytes::<i16>(1000, 10));
/// assert!(bytes::<i8>(2410, 5) < 48 * 1024); // a network 64-32-10 in the smallest way
/// ```
pub const fn bytes<C: Column>(n: usize, pairs: usize) -> usize {
    let columns = (2 * pairs).saturating_mul(n).saturating_mul(size_of::<C>());
    let small = 4 * (3 * pairs * pairs + 7 * pairs) + 2 * 3 * pairs + size_of::<State>();
    columns.saturating_add(n.saturating_mul(8)).saturating_add(small)
}

/// Training of `N` parameters from losses and gradients with the last `M` pairs, `1 <= M <= 32`,
/// checked by the compiler. It holds nothing but zeros at the start, so that a `static` one lies in
/// `.bss`.
///
/// Memory: [`bytes`].
///
/// ```
/// use aadl_core::multisecant::{Config, Multisecant};
/// // Rosenbrock's valley, from (-1.2, 1) to (1, 1).
/// let mut engine = Multisecant::<2, 5>::new();
/// let (mut x, mut gradient) = ([-1.2f32, 1.0], [0.0; 2]);
/// for _ in 0..80 {
///     let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
///     gradient = [-2.0 * a - 400.0 * x[0] * b, 200.0 * b];
///     engine.tell(&Config::DEFAULT, &mut x, a * a + 100.0 * b * b, &mut gradient)?;
///     engine.ask(&Config::DEFAULT, &mut x)?;
/// }
/// assert!((x[0] - 1.0).abs() < 1e-3 && (x[1] - 1.0).abs() < 1e-3, "{x:?}");
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Multisecant<const N: usize, const M: usize = 10, C = i16> {
    steps: [[C; N]; M],
    changes: [[C; N]; M],
    point: [f32; N],
    gradient: [f32; N],
    squares: [[[f32; M]; M]; 3],
    rows: [[f32; M]; 7],
    exponents: [[i16; M]; 2],
    pivots: [u16; M],
    state: State,
}

impl<const N: usize, const M: usize, C: Column> Multisecant<N, M, C> {
    /// The memory of one, in bytes.
    pub const BYTES: usize = size_of::<Self>();

    /// An engine that knows nothing.
    pub const fn new() -> Self {
        const { assert!(M >= 1 && M <= MAX_DEPTH, "the number of pairs M must be in 1..=32") };
        Self {
            steps: [[C::ZERO; N]; M],
            changes: [[C::ZERO; N]; M],
            point: [0.0; N],
            gradient: [0.0; N],
            squares: [[[0.0; M]; M]; 3],
            rows: [[0.0; M]; 7],
            exponents: [[0; M]; 2],
            pivots: [0; M],
            state: State::new(),
        }
    }

    /// The engine itself, which borrows the memory of this one; all else is there.
    pub fn view(&mut self) -> MultisecantMut<'_, C> {
        let memory = Memory {
            steps: self.steps.as_flattened_mut(),
            changes: self.changes.as_flattened_mut(),
            point: &mut self.point,
            gradient: &mut self.gradient,
            squares: self.squares.as_flattened_mut().as_flattened_mut(),
            rows: self.rows.as_flattened_mut(),
            exponents: self.exponents.as_flattened_mut(),
            pivots: &mut self.pivots,
        };
        MultisecantMut::assemble(N, M, N, memory, &mut self.state)
    }

    /// [`MultisecantMut::tell`], the lengths being known.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Length`] of bounds, [`Error::NonFinite`].
    pub fn tell(
        &mut self,
        config: &Config<'_>,
        x: &mut [f32; N],
        loss: f32,
        gradient: &mut [f32; N],
    ) -> Result<Told, Error> {
        self.view().tell(config, x, loss, gradient)
    }

    /// [`MultisecantMut::ask`], the length being known.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Length`] of bounds.
    pub fn ask(&mut self, config: &Config<'_>, x: &mut [f32; N]) -> Result<Asked, Error> {
        self.view().ask(config, x)
    }

    /// What is kept between two calls, but for the numbers.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Counts since the start.
    pub const fn stats(&self) -> &Stats {
        self.state.stats()
    }

    /// Forgets everything.
    pub const fn reset(&mut self) {
        self.state = State::new();
    }
}

impl<const N: usize, const M: usize, C: Column> Default for Multisecant<N, M, C> {
    fn default() -> Self {
        Self::new()
    }
}
