//! The algorithm, on borrowed memory.

use core::marker::PhantomData;

use crate::anderson::bump;
use crate::error::{Error, check_at_least, check_field, check_length};
use crate::history::{MAX_DEPTH, Ring};
use crate::kernels::{Column, GROUP, Kernels, Portable, Scaled, copy, first_non_finite};
use crate::multisecant::config::clamp;
use crate::multisecant::direction::{self, Settings};
use crate::multisecant::lengths::{self, RETREAT};
use crate::multisecant::pairs::Pairs;
use crate::multisecant::scaling;
use crate::multisecant::small::SmallMemory;
use crate::multisecant::state::Direction;
use crate::multisecant::{Asked, Config, Memory, Reason, State, Told};

/// `theta` stays within this factor of that of the first step.
const THETA_RANGE: f32 = 1e3;
/// What `theta` is divided by when the pairs are given up, and multiplied by where a step was too short
/// to change the gradient.
const THETA_CUT: f32 = 10.0;
/// The mixing of the multisecant step, in units of `theta`: what the pairs do not span is of less
/// curvature than the newest step.
const MIXING: f32 = 2.0;
/// A gradient that the pairs span is to shrink to less than this. Where it does not, they are of other
/// places or of no quadratic.
const CONTRACTION: f32 = 0.3;

/// Training from losses and gradients: the engine itself, which borrows its memory. See the
/// [module](super).
#[derive(Debug)]
pub struct MultisecantMut<'a, C, K = Portable> {
    pairs: Pairs<'a, C>,
    small: SmallMemory<'a>,
    point: &'a mut [f32],
    gradient: &'a mut [f32],
    state: &'a mut State,
    kernels: PhantomData<K>,
}

impl<'a, C: Column, K: Kernels> MultisecantMut<'a, C, K> {
    /// An engine for `n` numbers with `depth` pairs, `1 <= depth <= 32`, in columns `stride` elements
    /// apart.
    ///
    /// # Errors
    /// [`Error::Config`] of `depth` or `stride`; [`Error::Length`] of what is too short in `memory`.
    pub fn new(
        n: usize,
        depth: usize,
        stride: usize,
        memory: Memory<'a, C>,
        state: &'a mut State,
    ) -> Result<Self, Error> {
        if !(1..=MAX_DEPTH).contains(&depth) {
            return Err(Error::Config { field: "depth", requires: "1 <= depth <= 32" });
        }
        if stride < n {
            return Err(Error::Config { field: "stride", requires: "stride >= n" });
        }
        let columns = (depth - 1).saturating_mul(stride).saturating_add(n);
        check_at_least(&[
            ("steps", memory.steps.len(), columns),
            ("changes", memory.changes.len(), columns),
            ("point", memory.point.len(), n),
            ("gradient", memory.gradient.len(), n),
            ("squares", memory.squares.len(), 3 * depth * depth),
            ("rows", memory.rows.len(), 7 * depth),
            ("exponents", memory.exponents.len(), 2 * depth),
            ("pivots", memory.pivots.len(), depth),
        ])?;
        if !state.ring.fits(depth) {
            return Err(Error::Config { field: "depth", requires: "that of the state" });
        }
        Ok(Self::assemble(n, depth, stride, memory, state))
    }

    /// [`MultisecantMut::new`] of what is known to fit.
    pub(super) fn assemble(
        n: usize,
        depth: usize,
        stride: usize,
        memory: Memory<'a, C>,
        state: &'a mut State,
    ) -> Self {
        let Memory { steps, changes, point, gradient, squares, rows, exponents, pivots } = memory;
        Self {
            pairs: Pairs { n, depth, stride, steps, changes, exponents },
            small: SmallMemory { depth, squares, rows, pivots },
            // Longer ones would be longer than the columns.
            point: point.get_mut(..n).unwrap_or_default(),
            gradient: gradient.get_mut(..n).unwrap_or_default(),
            state,
            kernels: PhantomData,
        }
    }

    /// What is kept between two calls, but for the numbers.
    pub fn state(&self) -> &State {
        self.state
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self.state = State::new();
    }

    /// The loss is now one of other data (a replay buffer has changed): the next loss and gradient
    /// told replace those of the point accepted last, without a comparison. The pairs stay: they
    /// are of a curvature that changes slowly. Tell them at that point: [`MultisecantMut::ask`]
    /// gives it until then.
    pub fn data_changed(&mut self) {
        self.state.stale = true;
    }

    /// Takes the loss and the gradient at `x`, decides about them, and leaves in `x` the point
    /// accepted last, to the bit: `x` itself, or the one before. In `gradient` stays the gradient of
    /// what is minimised: clipped, with the weight decay.
    ///
    /// Work: one pass over the pairs; with a new scaling (at the pairs 2, 4, 8 and 16, and every sixteenth from
    /// there, unless pairs were given up) three more, and the products of all changes with each other.
    ///
    /// # Errors
    /// [`Error::Length`] of `x`, `gradient` or the bounds, [`Error::Config`], also of an `x` outside of
    /// the bounds; [`Error::NonFinite`] of `x`, and of a loss or gradient at the first point, from where
    /// there is no way back. Nothing but `gradient` has changed then.
    pub fn tell(
        &mut self,
        config: &Config<'_>,
        x: &mut [f32],
        loss: f32,
        gradient: &mut [f32],
    ) -> Result<Told, Error> {
        self.check(config, x)?;
        check_length("gradient", self.pairs.n, gradient.len())?;
        if let Some(index) = first_non_finite(x) {
            return Err(Error::NonFinite { what: "x", index });
        }
        check_field(config.bounds.hold(x), "x", "lower <= x <= upper")?;
        let fresh = !self.state.started || self.state.stale;
        if fresh {
            if !loss.is_finite() {
                return Err(Error::NonFinite { what: "loss", index: 0 });
            }
            if let Some(index) = first_non_finite(gradient) {
                return Err(Error::NonFinite { what: "gradient", index });
            }
        }
        let (loss, gradient2) = config.regularize::<K>(x, loss, gradient);
        let finite = loss.is_finite() && gradient2.is_finite();
        if fresh && !finite {
            let what = if loss.is_finite() { "gradient" } else { "loss" };
            return Err(Error::NonFinite { what, index: 0 });
        }
        bump(&mut self.state.stats.evaluations, 1);
        if !finite {
            let reason =
                if loss.is_finite() { Reason::NonFiniteGradient } else { Reason::NonFiniteLoss };
            return Ok(self.take_back(config, x, reason, RETREAT));
        }
        if !fresh && loss > self.state.largest_loss(config.window) {
            let shorter = lengths::shortening(self.state, loss);
            return Ok(self.take_back(config, x, Reason::Loss, shorter));
        }

        let moved = x.iter().zip(&*self.point).any(|(x, point)| x != point);
        let pair = if fresh {
            None
        } else {
            let before = (&mut *self.point, &mut *self.gradient);
            self.pairs.append::<K>(&mut self.state.ring, (x, gradient), before)
        };
        copy(self.point, x);
        bump(&mut self.state.stats.accepted, 1);
        let state = &mut *self.state;
        if !state.started {
            // No scaling, whatever the memory held.
            self.gradient.fill(0.0);
            let theta = lengths::first_theta(loss, gradient2, K::dot(x, x));
            state.start_theta = config.first_step * theta;
            state.set_theta(state.start_theta);
        } else if (fresh || pair.is_none()) && state.theta < state.start_theta {
            // The loss is another, or the step has become too short to be one: it was cut for what is
            // no longer there.
            state.set_theta(state.start_theta);
        } else if !fresh && pair.is_none() && moved && state.ring.is_empty() {
            state.set_theta(state.theta * THETA_CUT);
        }
        if fresh {
            state.accepted = 0;
            state.started = true;
            state.stale = false;
        }
        let fall = state.loss().map(|before| before - loss);
        let spanned = !fresh && state.residual < config.balance;
        let before2 = state.gradient2;
        state.accept(loss);
        self.multiply(config, x, gradient, pair.zip(fall));
        // With a new scaling, norms are of other coordinates than before. To trust the pairs then, or not to, costs as
        // many evaluations on networks and more on Rosenbrock's function.
        let contraction2 = self.state.gradient2 / before2;
        self.state.misled = spanned && !(contraction2 < CONTRACTION * CONTRACTION);
        Ok(if fresh { Told::Started } else { Told::Accepted })
    }

    /// Puts the point to evaluate next in `x`; at first that is `x` itself, brought within the bounds.
    /// Asked again without a [`MultisecantMut::tell`], it
    /// gives the same point.
    ///
    /// Work: a solve, and one pass over the pairs.
    ///
    /// # Errors
    /// [`Error::Length`] of `x` or the bounds, [`Error::Config`].
    pub fn ask(&mut self, config: &Config<'_>, x: &mut [f32]) -> Result<Asked, Error> {
        self.check(config, x)?;
        if self.state.started && self.state.stale {
            copy(x, self.point);
        }
        if !self.state.started || self.state.stale {
            config.bounds.clamp_all(x);
            return Ok(Asked::Start);
        }
        let asked = match self.state.direction {
            Direction::Found(_) if self.state.shortened > 0 => Asked::Shortened,
            Direction::Found(asked) => asked,
            Direction::Wanted => {
                let asked = self.find_direction(config);
                self.state.direction = Direction::Found(asked);
                asked
            }
        };
        self.combine(config, x);
        let moved = x.iter().zip(&*self.point).any(|(x, point)| x != point);
        Ok(if moved { asked } else { Asked::Stationary })
    }

    pub(super) fn check(&self, config: &Config<'_>, x: &[f32]) -> Result<(), Error> {
        config.validate()?;
        check_length("x", self.pairs.n, x.len())?;
        config.bounds.check(self.pairs.n)
    }

    /// Restores the point accepted last; makes the step that led away from it shorter, if it is one that
    /// was asked for, and gives the pairs up where it has been shortened enough.
    fn take_back(
        &mut self,
        config: &Config<'_>,
        x: &mut [f32],
        reason: Reason,
        shorter: f32,
    ) -> Told {
        copy(x, self.point);
        let state = &mut *self.state;
        if let Direction::Found(_) = state.direction {
            state.length *= shorter;
            state.shortened = state.shortened.saturating_add(1);
            if state.shortened > config.backtracks {
                state.ring = Ring::new();
                state.theta /= THETA_CUT;
                state.first_theta = clamp(state.first_theta, 0.0, state.theta);
                state.length = 1.0;
                state.shortened = 0;
                state.direction = Direction::Wanted;
                bump(&mut state.stats.restarts, 1);
            }
        }
        state.stats.reject(reason)
    }

    /// Pass one: the products of all pairs with the newest change and with the gradient. `x` is the
    /// accepted point before and after, and scratch in between. `pair` is the slot of a new pair, and by
    /// how much the loss fell along it. Keeps the `gradient`.
    fn multiply(
        &mut self,
        config: &Config<'_>,
        x: &mut [f32],
        gradient: &[f32],
        pair: Option<(usize, f32)>,
    ) {
        if let Some((slot, _)) = pair {
            let mut products = self.small.products();
            products.set_step(slot, K::column_norm2(self.pairs.step(slot)));
            if scaling::is_due(self.state) {
                products.set_changes(slot, slot, K::column_norm2(self.pairs.change(slot)));
                let window = self.pairs.window(&self.state.ring);
                if !self.pairs.rescale::<K>(&window, self.gradient, x, &mut products) {
                    self.state.ring = Ring::new();
                    bump(&mut self.state.stats.restarts, 1);
                }
            }
        }
        K::run(scaling::Keep { gradient, packed: &mut *self.gradient });
        K::run(scaling::Unpack { packed: &*self.gradient, factor: 1.0, out: &mut *x });
        let bounded = !config.bounds.are_none();
        if bounded {
            // Without the elements that push against a bound.
            for (i, (x, point)) in x.iter_mut().zip(&*self.point).enumerate() {
                if config.bounds.block(i, *point, *x) {
                    *x = 0.0;
                }
            }
        }
        self.state.gradient2 = K::dot(x, x);
        let window = self.pairs.window(&self.state.ring);
        if let Some(newest) = window.last().map(|slot| usize::from(*slot)) {
            let exponent = C::Vector::exponent(K::max_magnitude(x));
            let gradient = Scaled { elements: &*x, exponent };
            let mut products = self.small.products();
            for slots in window.chunks(GROUP / 2) {
                let mut columns = heapless::Vec::<_, GROUP>::new();
                for slot in slots.iter().map(|slot| usize::from(*slot)) {
                    // Never full: two columns for each slot of half a group.
                    let _ = columns.push(self.pairs.step(slot));
                    let _ = columns.push(self.pairs.change(slot));
                }
                let mut dots = [[0.0; 2]; GROUP];
                K::column_dots(&columns, self.pairs.change(newest), gradient, &mut dots);
                let (dots, _) = dots.as_chunks::<2>();
                for (slot, [step, change]) in slots.iter().zip(dots) {
                    products.set_row((*slot).into(), newest, *step, *change);
                }
            }
            if let Some((slot, fall)) = pair {
                if !bounded && config.clip == f32::INFINITY {
                    // A gradient that is reduced or clipped is not that of the losses.
                    direction::correct_curvature(&mut products, slot, fall);
                }
                if let Some(theta) = direction::long_step(&products, slot) {
                    let first = self.state.first_theta;
                    self.state.theta = clamp(theta, first / THETA_RANGE, first * THETA_RANGE);
                }
            }
        }
        copy(x, self.point);
    }

    fn find_direction(&mut self, config: &Config<'_>) -> Asked {
        let window = self.pairs.window(&self.state.ring);
        let State { theta, gradient2, misled, .. } = *self.state;
        let (products, mut d, mut scratch) = self.small.parts(window.len());
        d.follow_gradient(theta);
        let mut slope = 0.0;
        self.state.residual = 1.0;
        // Of a gradient of zero, the pairs have nothing to say.
        let known = !window.is_empty() && gradient2 > 0.0;
        if known {
            // What a single pair seems to span it may as well span by chance.
            let alone = misled || window.len() == 1;
            let balance = if alone && config.balance.is_finite() { 0.0 } else { config.balance };
            let settings = Settings {
                balance,
                regularization: config.regularization,
                theta: MIXING * theta,
                gradient2,
            };
            let blended = direction::blend(&products, &window, &settings, &mut d, &mut scratch);
            self.state.residual = blended.residual;
            bump(&mut self.state.stats.columns_dropped, blended.dropped as u32);
            slope = d.slope(&products, &window, gradient2);
        }
        let descends = slope < 0.0 && slope.is_finite();
        if !descends {
            d.follow_gradient(theta);
            slope = -theta * gradient2;
            bump(&mut self.state.stats.gradient_steps, known.into());
        }
        self.state.gradient = d.gradient;
        self.state.slope = slope;
        if descends { Asked::Pairs } else { Asked::Gradient }
    }

    /// Pass two: the point that is `length` times the direction away from the accepted one.
    fn combine(&mut self, config: &Config<'_>, x: &mut [f32]) {
        let window = self.pairs.window(&self.state.ring);
        let State { length, gradient, .. } = *self.state;
        let factor = length * gradient;
        K::run(scaling::Unpack { packed: &*self.gradient, factor, out: &mut *x });
        let (_, d, _) = self.small.parts(window.len());
        let coefficients = d.steps.chunks(GROUP / 2).zip(d.changes.chunks(GROUP / 2));
        for (slots, (steps, changes)) in window.chunks(GROUP / 2).zip(coefficients) {
            let mut terms = heapless::Vec::<_, GROUP>::new();
            for (slot, (step, change)) in slots.iter().zip(steps.iter().zip(changes)) {
                let slot = usize::from(*slot);
                let _ = terms.push((self.pairs.step(slot), length * *step));
                let _ = terms.push((self.pairs.change(slot), length * *change));
            }
            K::add_columns(x, &terms);
        }
        K::run(scaling::Add { point: &*self.point, packed: &*self.gradient, x: &mut *x });
        if !config.bounds.are_none() {
            let both = self.gradient.iter().zip(&*self.point);
            for (i, (x, (g, point))) in x.iter_mut().zip(both).enumerate() {
                *x = if config.bounds.block(i, *point, scaling::number(*g)) {
                    *point
                } else {
                    config.bounds.clamp(i, *x)
                };
            }
        }
        if !K::all_finite(x) {
            // Too far for float32.
            copy(x, self.point);
        }
    }
}
