//! The accelerator on borrowed memory: the one algorithm.
//!
//! A step (1) counts and decides whether this iterate is stored; (2) forms its residual, which
//! tells whether the accelerated point before it is to be taken back; (3) stores it and computes
//! one row of the Gram matrix; (4) where an acceleration is due and the gate lets it, solves for the
//! weights and combines; (5) asks the safeguard. Memory passes: the history is read for the row and again, only
//! the iterates with weight, for the combination: once each by kernels that take the columns of a
//! call together; the portable ones go through the columns one by one, two iterates with each, or
//! for the row three with two that follow each other in a chain. The new iterate is read once
//! before, with the iterate before it, for the scale of its residual and for what is not finite; where
//! it confirms an accelerated point, once more for the norm.
//!
//! Deviations from the textbook:
//!
//! 1. Iterates are stored, not pairs of points and residuals (`history`).
//! 2. The normal equations come from the Gram matrix of the residuals, not from differences that
//!    are themselves stored and updated: nothing can drift (`least_squares::gram`).
//! 3. The new point is formed as `z_0 + sum_j b_j (z_j - z_{j-1})`, `z` the iterates with weight,
//!    newest first, and `b` the partial sums of the weights: differences are small where the
//!    iterates agree, so that rounding is relative to the step, not to the iterate.

use core::marker::PhantomData;
use core::ops::Range;

use crate::anderson::{
    Config, Gate, Memory, Reason, Safeguard, Solver, State, Stats, Step, bump, gate, mixing,
};
use crate::error::{Error, check_at_least, check_length};
use crate::history::{MAX_DEPTH, Slots, preceding};
use crate::kernels::{Difference, Gram, Kernels, Portable, TOGETHER};
use crate::least_squares::gram::GramMatrix;
use crate::real::Real;

/// A loss of all parameters, for [`Safeguard::Loss`].
pub type LossFn<'a, T> = &'a mut dyn FnMut(&[T]) -> T;

/// An accelerator of a map on `n` numbers, on borrowed memory, with the kernels `K`.
///
/// ```
/// use aadl_core::anderson::{Anderson, Config, Step};
/// // x -> cos x, element by element, from 0.
/// let mut owner = Anderson::<2, 5, f64>::new();
/// let mut accelerator = owner.view();
/// let mut x = [0.0, 0.5];
/// for _ in 0..12 {
///     x = x.map(f64::cos);
///     accelerator.step(&Config::DEFAULT, &mut x)?;
/// }
/// assert!(x.iter().all(|x| (x - 0.7390851332151607).abs() < 1e-8));
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AndersonMut<'a, T, K = Portable> {
    n: usize,
    depth: usize,
    stride: usize,
    memory: Memory<'a, T>,
    state: &'a mut State,
    scratch: &'a mut [T],
    kernels: PhantomData<K>,
}

impl<'a, T: Real, K: Kernels> AndersonMut<'a, T, K> {
    /// An accelerator over `memory`, going on from `state`.
    ///
    /// # Errors
    /// [`Error::Config`] where `depth` is not in `3..=`[`MAX_DEPTH`], the stride is below `n`, or
    /// `state` is that of a deeper history; [`Error::Length`] where a slice of `memory` is too short.
    pub fn new(
        n: usize,
        depth: usize,
        stride: usize,
        memory: Memory<'a, T>,
        state: &'a mut State,
    ) -> Result<Self, Error> {
        if !(3..=MAX_DEPTH).contains(&depth) {
            return Err(Error::Config { field: "depth", requires: "3 <= depth <= 32" });
        }
        if stride < n {
            return Err(Error::Config { field: "stride", requires: "stride >= n" });
        }
        if !state.ring.fits(depth) {
            return Err(Error::Config { field: "state", requires: "the state of this history" });
        }
        check_at_least(&[
            ("iterates", memory.iterates.len(), stride.saturating_mul(depth)),
            ("gram", memory.gram.len(), depth * depth),
            ("work", memory.work.len(), 2 * depth),
            ("exponents", memory.exponents.len(), depth),
            ("pivots", memory.pivots.len(), depth),
        ])?;
        Ok(Self::assemble(n, depth, stride, memory, state))
    }

    /// [`AndersonMut::new`] for owners whose types fix the lengths.
    pub(super) fn assemble(
        n: usize,
        depth: usize,
        stride: usize,
        memory: Memory<'a, T>,
        state: &'a mut State,
    ) -> Self {
        Self { n, depth, stride, memory, state, scratch: &mut [], kernels: PhantomData }
    }

    /// Elements of scratch that [`Solver::Qr`] needs for `depth` iterates of `n` numbers.
    pub const fn qr_scratch(n: usize, depth: usize) -> usize {
        mixing::qr_scratch(n, depth.saturating_sub(2))
    }

    /// Lends scratch for [`Solver::Qr`]: [`AndersonMut::qr_scratch`] elements at least, whose
    /// values do not matter.
    ///
    /// ```
    /// use aadl_core::anderson::{Anderson, AndersonMut, Config, Solver};
    /// const SCRATCH: usize = AndersonMut::<f32>::qr_scratch(2, 5);
    /// let config = Config { solver: Solver::Qr, ..Config::DEFAULT };
    /// let (mut owner, mut scratch) = (Anderson::<2, 5>::new(), [0.0; SCRATCH]);
    /// let mut x = [0.5, 0.25];
    /// owner.view().with_scratch(&mut scratch).step(&config, &mut x)?;
    /// # Ok::<(), aadl_core::Error>(())
    /// ```
    pub fn with_scratch<'b>(self, scratch: &'b mut [T]) -> AndersonMut<'b, T, K>
    where
        'a: 'b,
    {
        AndersonMut { scratch, ..self }
    }

    /// Counts since the last reset.
    pub fn stats(&self) -> &Stats {
        &self.state.stats
    }

    /// Numbers of an iterate.
    pub fn dimension(&self) -> usize {
        self.n
    }

    /// What the last step did; [`Step::Waited`] before the first, and after [`super::solve`].
    pub fn last_step(&self) -> Step {
        self.state.last
    }

    /// Forgets the history, since the map has become another; the counts go on.
    pub fn forget(&mut self) {
        *self.state = State { stats: self.state.stats, ..State::new() };
    }

    /// Forgets the history and the counts.
    pub fn reset(&mut self) {
        *self.state = State::new();
    }

    /// Says that the parameters were changed by something other than the map: the next iterate
    /// begins a new chain. The history stays.
    pub fn interrupt(&mut self) {
        self.state.interrupted = true;
        self.state.unconfirmed = None;
    }

    /// True where the next iterate begins a chain, so that [`AndersonMut::start`] at the point
    /// before it gains a residual, and the gate is not shut, as far as the last step told.
    pub fn wants_start(&self) -> bool {
        self.begins_chain() && self.state.shutter.opens_next(&self.state.stats)
    }

    /// Stores `x` as the point from which the map goes on: with it, the next iterate already makes
    /// a residual. Optional.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::NonFinite`] of `x`.
    pub fn start(&mut self, x: &[T]) -> Result<(), Error> {
        check_length("x", self.n, x.len())?;
        if let Some(index) = crate::kernels::first_non_finite(x) {
            return Err(Error::NonFinite { what: "x", index });
        }
        self.begin_chain(x);
        self.state.unconfirmed = None;
        self.state.since_store = 0;
        Ok(())
    }

    /// Norm of the newest residual, where the newest iterate has one.
    pub fn residual_norm(&self) -> Option<f64> {
        let ring = &self.state.ring;
        let newest = ring.slot(self.depth, 0)?;
        // The window's last: the diagonal's elements are `depth + 1` apart.
        let place = ring.count_residuals().checked_sub(1)? * (self.depth + 1);
        let norm2 = self.memory.gram.get(place)?;
        ring.is_residual(newest).then(|| crate::math::sqrt(*norm2))
    }

    /// One step, after the map was applied to `x` (`n` numbers): stores it, and where an
    /// acceleration is due replaces it.
    ///
    /// # Errors
    /// [`Error::Length`] of `x` and, for [`Solver::Qr`], `scratch`; [`Error::Config`];
    /// [`Error::LossRequired`]. Nothing has changed then.
    pub fn step(&mut self, config: &Config, x: &mut [T]) -> Result<Step, Error> {
        let all = 0..x.len();
        self.step_range(config, x, all, None)
    }

    /// [`AndersonMut::step`] with a loss for [`Safeguard::Loss`]; the other safeguards do not
    /// evaluate it. Both losses, of the plain and of the accelerated point, are evaluated here.
    ///
    /// # Errors
    /// As [`AndersonMut::step`].
    pub fn step_with(
        &mut self,
        config: &Config,
        x: &mut [T],
        mut loss: impl FnMut(&[T]) -> T,
    ) -> Result<Step, Error> {
        let all = 0..x.len();
        self.step_range(config, x, all, Some(&mut loss))
    }

    /// [`AndersonMut::step_with`] for one group of the parameters, those in `range`; the loss sees
    /// all of them.
    ///
    /// # Errors
    /// As [`AndersonMut::step`]; [`Error::Length`] where `range` does not lie in `params` or is
    /// not of `n` numbers.
    pub fn step_range(
        &mut self,
        config: &Config,
        params: &mut [T],
        range: Range<usize>,
        loss: Option<LossFn<'_, T>>,
    ) -> Result<Step, Error> {
        self.check(config, range.len(), loss.is_some())?;
        let Some(x) = params.get_mut(range.clone()) else {
            return Err(Error::Length { what: "params", expected: range.end, found: params.len() });
        };
        let step = match self.observe(config, x) {
            Step::Stored => self.accelerate_if_due(config, params, range, loss),
            step => step,
        };
        self.state.last = step;
        Ok(step)
    }

    /// Whether a step of `len` parameters, with a loss or without, is a proper call.
    pub(crate) fn check(&self, config: &Config, len: usize, with_loss: bool) -> Result<(), Error> {
        config.validate()?;
        if config.safeguard == Safeguard::Loss && !with_loss {
            return Err(Error::LossRequired);
        }
        let expected = Self::qr_scratch(self.n, self.depth);
        if config.solver == Solver::Qr && self.scratch.len() < expected {
            return Err(Error::Length { what: "scratch", expected, found: self.scratch.len() });
        }
        if config.gate != Gate::Open && self.depth < gate::ITERATES {
            return Err(Error::Config { field: "gate", requires: "a history of 5 iterates" });
        }
        check_length("params", self.n, len)
    }

    /// Parts 1 to 3 of a step.
    pub(super) fn observe(&mut self, config: &Config, x: &mut [T]) -> Step {
        let state = &mut *self.state;
        bump(&mut state.stats.steps, 1);
        state.since_store = state.since_store.saturating_add(1);
        state.since_due = state.since_due.saturating_add(1);
        let waiting = state.waited < config.wait_iterations;
        state.waited = state.waited.saturating_add(1);
        if state.since_due >= config.frequency {
            state.since_due = 0;
            state.due |= !waiting;
        }
        if state.unconfirmed.is_none() && state.shutter.is_shut(config.gate, &state.stats) {
            bump(&mut state.stats.slept, 1);
            state.interrupted = true;
            return Step::Waited;
        }
        if state.since_store < config.store_each_nth {
            return Step::Waited;
        }

        let residual = self.newest_residual(config.gram, x);
        // Where the difference to a finite iterate is finite, so is the iterate.
        if residual.is_none() && !K::all_finite(x) {
            if self.state.unconfirmed.is_some() {
                return self.take_back(x);
            }
            // Nobody knows how the next iterate will have come about.
            self.state.interrupted = true;
            return self.state.stats.reject(Reason::NonFiniteIterate);
        }
        if let (Safeguard::Residual { growth }, Some(before)) =
            (config.safeguard, self.state.unconfirmed)
        {
            // Not `>`: a residual that is NaN or cannot be formed has grown.
            let norm2 = residual.and_then(|(_, norm2)| norm2);
            if !norm2.is_some_and(|norm2| norm2 <= growth * growth * before) {
                return self.take_back(x);
            }
        }
        self.state.unconfirmed = None;
        self.append(config.gram, x, residual);
        self.state.since_store = 0;
        bump(&mut self.state.stats.stored, 1);
        Step::Stored
    }

    /// What is kept between two steps, but for the numbers.
    pub fn state(&self) -> &State {
        self.state
    }

    /// A step at whose beginning the map had no value: takes back the accelerated point that led
    /// there. `x` has `n` numbers.
    pub(crate) fn take_back_unconfirmed(&mut self, x: &mut [T]) {
        bump(&mut self.state.stats.steps, 1);
        self.state.last = self.take_back(x);
    }

    /// Restores the plain point before an accelerated one that did not stand the test.
    fn take_back(&mut self, x: &mut [T]) -> Step {
        let state = &mut *self.state;
        state.unconfirmed = None;
        state.ring.pop(self.depth);
        state.since_store = 0;
        let reason = state.stats.reject(Reason::ResidualGrew);
        if let Some(newest) = self.state.ring.slot(self.depth, 0) {
            K::copy(x, self.iterate(newest));
        }
        reason
    }

    /// Scale of the residual that `x` makes with the newest iterate and, where an accelerated point
    /// is to be judged by it, its squared norm. None where it begins a chain, or overflows.
    fn newest_residual(&self, gram: Gram, x: &[T]) -> Option<(i32, Option<f64>)> {
        if self.begins_chain() {
            return None;
        }
        let older = self.iterate(self.state.ring.slot(self.depth, 0)?);
        let difference = Difference { newer: x, older };
        let bits = K::max_difference(difference);
        if bits >= T::INFINITY_BITS {
            return None;
        }
        let residual = (difference, T::exponent(bits));
        let norm2 = self.state.unconfirmed.map(|_| {
            let mut norm2 = [0.0];
            K::gram_row(gram, residual, &[residual], &mut norm2);
            let [norm2] = norm2;
            norm2
        });
        Some((residual.1, norm2))
    }

    /// Stores `x` and, where it makes a residual, the row of its inner products: with itself, too,
    /// unless that is known.
    fn append(&mut self, gram: Gram, x: &[T], residual: Option<(i32, Option<f64>)>) {
        let Some((exponent, norm2)) = residual else {
            self.begin_chain(x);
            return;
        };
        if self.state.span != self.state.since_store {
            // `store_each_nth` has changed: residuals of another number of steps are not this map's.
            self.state.ring.forget_residuals();
            self.state.span = self.state.since_store;
        }
        let slot = self.store(x, true);
        if let Some(place) = self.memory.exponents.get_mut(slot) {
            *place = exponent as i16;
        }
        let mut window = self.state.ring.residuals(self.depth);
        let (n, depth, stride) = (self.n, self.depth, self.stride);
        let Memory { iterates, gram: matrix, exponents, .. } = &mut self.memory;
        let mut matrix = GramMatrix::new(matrix, depth);
        let row = matrix.row_mut(window.len().saturating_sub(1));
        if let (Some(norm2), Some(square)) = (norm2, row.last_mut()) {
            *square = norm2;
            window.pop();
        }
        let residual = |slot: usize| {
            let iterate = |slot| column(iterates, stride, n, slot);
            let difference =
                Difference { newer: iterate(slot), older: iterate(preceding(slot, depth)) };
            (difference, exponents.get(slot).copied().unwrap_or(0).into())
        };
        for (g, group) in window.chunks(TOGETHER).enumerate() {
            let mut columns = heapless::Vec::<_, TOGETHER>::new();
            for other in group {
                let _ = columns.push(residual(usize::from(*other)));
            }
            let start = g * TOGETHER;
            let dots = row.get_mut(start..start + group.len()).unwrap_or_default();
            K::gram_row(gram, residual(slot), &columns, dots);
        }
    }

    /// Whether the next iterate stored begins a chain.
    fn begins_chain(&self) -> bool {
        self.state.ring.is_empty() || self.state.interrupted
    }

    fn begin_chain(&mut self, x: &[T]) {
        self.store(x, false);
        self.state.interrupted = false;
    }

    /// Parts 4 and 5 of a step: `params[range]` is the newest iterate.
    pub(super) fn accelerate_if_due(
        &mut self,
        config: &Config,
        params: &mut [T],
        range: Range<usize>,
        loss: Option<LossFn<'_, T>>,
    ) -> Step {
        let step = self.try_if_due(config, params, range, loss);
        if config.gate != Gate::Open {
            self.state.shutter.follow(step, &self.state.stats);
        }
        step
    }

    fn try_if_due(
        &mut self,
        config: &Config,
        params: &mut [T],
        range: Range<usize>,
        loss: Option<LossFn<'_, T>>,
    ) -> Step {
        // An iterate that begins a chain was put there by someone: a mix of the points before it
        // would undo that. The acceleration waits until the map has moved on from it.
        let newest = self.state.ring.slot(self.depth, 0);
        if !newest.is_some_and(|slot| self.state.ring.is_residual(slot)) || !self.state.due {
            return Step::Stored;
        }
        let foretold = match config.gate {
            Gate::Open => true,
            Gate::Prediction { error, .. } => match self.prediction_error() {
                Some(found) => found <= error * error,
                None => return Step::Stored,
            },
        };
        self.state.due = false;
        let window = self.state.ring.residuals(self.depth);
        if window.len() < 2 {
            return Step::Stored;
        }
        let before = self.gram().at(window.len() - 1, window.len() - 1);
        if before.magnitude_bits() == 0 {
            return self.state.stats.reject(Reason::ZeroResidual);
        }
        if !foretold {
            return self.state.stats.reject(Reason::Unpredictable);
        }
        let (used, gain) = match self.mix(config, &window, before) {
            Ok(mixed) => mixed,
            Err(reason) => return self.state.stats.reject(reason),
        };

        let mut judge = loss.filter(|_| config.safeguard == Safeguard::Loss);
        let plain = judge.as_mut().map_or(T::ZERO, |loss| {
            bump(&mut self.state.stats.loss_evaluations, 1);
            loss(params)
        });
        let x = params.get_mut(range.clone()).unwrap_or_default();
        self.combine(x);
        let reason = if !K::all_finite(x) {
            Some(Reason::NonFinitePoint)
        } else if let Some(loss) = judge {
            bump(&mut self.state.stats.loss_evaluations, 1);
            let accelerated = loss(params);
            if !(plain.is_finite() && accelerated.is_finite()) {
                Some(Reason::NonFiniteLoss)
            } else {
                (!(accelerated < plain)).then_some(Reason::Loss)
            }
        } else {
            None
        };
        let x = params.get_mut(range).unwrap_or_default();
        if let Some(reason) = reason {
            if let Some(newest) = self.state.ring.slot(self.depth, 0) {
                K::copy(x, self.iterate(newest));
            }
            return self.state.stats.reject(reason);
        }
        self.begin_chain(x);
        if let Safeguard::Residual { .. } = config.safeguard {
            self.state.unconfirmed = Some(before);
        }
        bump(&mut self.state.stats.accelerated, 1);
        let columns = window.len() - 1;
        Step::Accelerated {
            columns_used: used as u8,
            columns_dropped: (columns - used) as u8,
            gain: gain as f32,
        }
    }

    /// How far the newest residual is from what those before it foretell: [`Gate::Prediction`]'s
    /// error, squared; none where the newest chain is too short.
    fn prediction_error(&mut self) -> Option<f64> {
        let ring = self.state.ring;
        for age in 0..gate::RESIDUALS {
            ring.slot(self.depth, age).filter(|slot| ring.is_residual(*slot))?;
        }
        let oldest = ring.count_residuals().checked_sub(gate::RESIDUALS)?;
        Some(gate::prediction_error(&self.gram(), oldest))
    }

    /// Solves for the weights of the iterates, which it leaves in the first half of `work`.
    /// Returns the columns used and the promised gain.
    #[inline(never)]
    fn mix(
        &mut self,
        config: &Config,
        window: &Slots,
        before: f64,
    ) -> Result<(usize, f64), Reason> {
        let columns = window.len() - 1;
        let used = match config.solver {
            Solver::Cholesky => self.solve_gram(config, window.len()),
            Solver::Qr => self.solve_qr(config, window),
        }
        .ok_or(Reason::NonFinitePoint)?;
        let gram = GramMatrix::new(self.memory.gram, self.depth);
        let (gamma, weights) = halves(self.memory.work, self.depth);
        bump(&mut self.state.stats.columns_dropped, (columns - used) as u32);
        if used == 0 {
            return Err(Reason::NoColumns);
        }
        let a = gamma.get_mut(..window.len()).unwrap_or_default();
        if mixing::cap(a.get_mut(..columns).unwrap_or_default(), config.gamma_cap) {
            bump(&mut self.state.stats.capped, 1);
        }
        mixing::residual_weights(a);
        let after = mixing::larger(0.0, gram.norm2(a));
        mixing::iterate_weights(window, a, config.relaxation, self.depth, weights);
        for (weight, place) in weights.iter().zip(gamma) {
            *place = *weight;
        }
        Ok((used, crate::math::sqrt(after / before)))
    }

    fn solve_gram(&mut self, config: &Config, residuals: usize) -> Option<usize> {
        let mut gram = GramMatrix::new(self.memory.gram, self.depth);
        let (gamma, remaining) = halves(self.memory.work, self.depth);
        let pivots = &mut *self.memory.pivots;
        mixing::solve_gram(config, &mut gram, residuals, self.depth, gamma, remaining, pivots)
    }

    fn solve_qr(&mut self, config: &Config, window: &Slots) -> Option<usize> {
        let (columns, stride) = (&*self.memory.iterates, self.stride);
        let iterate = |slot: usize| column(columns, stride, self.n, slot);
        let residual = |slot: u8| Difference {
            newer: iterate(slot.into()),
            older: iterate(preceding(slot.into(), self.depth)),
        };
        let gamma = &mut *self.memory.work;
        mixing::solve_qr::<T, K>(config, self.n, window, residual, gamma, self.scratch)
    }

    /// Replaces `x`, the newest iterate, by the weighted mean of the iterates: deviation 3.
    #[inline(never)]
    fn combine(&self, x: &mut [T]) {
        let ring = &self.state.ring;
        let newest = ring.slot(self.depth, 0);
        let newest_first =
            core::iter::successors(newest, |slot| Some(preceding(*slot, self.depth)))
                .take(ring.len());
        mixing::combine::<T, K>(x, newest_first, self.memory.work, |slot| self.iterate(slot));
    }

    fn gram(&mut self) -> GramMatrix<'_> {
        GramMatrix::new(self.memory.gram, self.depth)
    }

    /// The iterate in `slot`.
    fn iterate(&self, slot: usize) -> &[T] {
        column(self.memory.iterates, self.stride, self.n, slot)
    }

    /// Stores an iterate, which makes a residual with the newest where it `continues` its chain, in place of
    /// the oldest where the history is full. Returns its slot.
    fn store(&mut self, x: &[T], continues: bool) -> usize {
        if self.state.ring.push_loses_residual(self.depth) {
            self.gram().forget_oldest();
        }
        let slot = self.state.ring.push(self.depth, continues);
        let start = slot * self.stride;
        K::copy(self.memory.iterates.get_mut(start..start + self.n).unwrap_or_default(), x);
        slot
    }
}

/// The two halves of `work`.
fn halves(work: &mut [f64], depth: usize) -> (&mut [f64], &mut [f64]) {
    work.split_at_mut_checked(depth).unwrap_or_default()
}

/// Column `slot` of `n` numbers.
fn column<T>(columns: &[T], stride: usize, n: usize, slot: usize) -> &[T] {
    let start = slot * stride;
    columns.get(start..start + n).unwrap_or_default()
}
