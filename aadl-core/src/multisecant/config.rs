//! Settings of the multisecant engine.

use crate::error::{Error, check_field as check, check_length};
use crate::kernels::Kernels;
use crate::least_squares::Regularization;
use crate::math::sqrt;

/// The most losses that [`Config::window`] can remember.
pub const MAX_WINDOW: usize = 8;

/// Limits of every parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Bounds<'a> {
    /// No limits.
    #[default]
    None,
    /// The same two limits for all parameters.
    Uniform {
        /// The smallest value.
        lower: f32,
        /// The largest value, not below `lower`.
        upper: f32,
    },
    /// Limits of each parameter.
    Each {
        /// The smallest values.
        lower: &'a [f32],
        /// The largest values, none below that in `lower`.
        upper: &'a [f32],
    },
}

/// `f32::clamp` without its panic and its two calls of a library.
pub(super) fn clamp(x: f32, lower: f32, upper: f32) -> f32 {
    if x < lower {
        lower
    } else if x > upper {
        upper
    } else {
        x
    }
}

impl Bounds<'_> {
    /// The limits of parameter `i`: none where there are none.
    pub(super) fn of(&self, i: usize) -> (f32, f32) {
        match self {
            Self::None => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Uniform { lower, upper } => (*lower, *upper),
            Self::Each { lower, upper } => (
                lower.get(i).copied().unwrap_or(f32::NEG_INFINITY),
                upper.get(i).copied().unwrap_or(f32::INFINITY),
            ),
        }
    }

    /// The value of parameter `i` nearest to `x` within its limits.
    pub(super) fn clamp(&self, i: usize, x: f32) -> f32 {
        let (lower, upper) = self.of(i);
        clamp(x, lower, upper)
    }

    /// Brings every parameter within its limits.
    pub(super) fn clamp_all(&self, x: &mut [f32]) {
        if !self.are_none() {
            for (i, x) in x.iter_mut().enumerate() {
                *x = self.clamp(i, *x);
            }
        }
    }

    /// Whether no parameter is outside of its limits.
    pub(super) fn hold(&self, x: &[f32]) -> bool {
        self.are_none() || x.iter().enumerate().all(|(i, x)| *x == self.clamp(i, *x))
    }

    /// Whether a step against the gradient would only push parameter `i` against a limit.
    pub(super) fn block(&self, i: usize, point: f32, gradient: f32) -> bool {
        let (lower, upper) = self.of(i);
        (point <= lower && gradient > 0.0) || (point >= upper && gradient < 0.0)
    }

    pub(super) fn are_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Checks the lengths.
    pub(super) fn check(&self, n: usize) -> Result<(), Error> {
        if let Self::Each { lower, upper } = self {
            check_length("lower", n, lower.len())?;
            check_length("upper", n, upper.len())?;
        }
        Ok(())
    }
}

/// Settings of the multisecant engine. None of them is a learning rate, and none needs tuning: the
/// defaults are those of the benchmarks. Pass them by reference at each call; changing them between
/// two calls is allowed, but a change of the weight decay or the bounds makes another problem: call
/// [`super::MultisecantMut::data_changed`] then.
///
/// | field | default | range |
/// |---|---|---|
/// | `balance` | 0.05 | `balance >= 0` |
/// | `regularization` | `Relative(1e-7)` | `0 <= t < inf` |
/// | `window` | 3 | 1 to 8 |
/// | `backtracks` | 4 | any |
/// | `first_step` | 1 | `0 < first_step < inf` |
/// | `weight_decay` | 0 | `0 <= weight_decay < inf` |
/// | `clip` | infinity | `clip > 0` |
/// | `bounds` | none | `lower <= upper` |
///
/// ```
/// use aadl_core::multisecant::{Bounds, Config};
/// const CONFIG: Config =
///     Config { bounds: Bounds::Uniform { lower: -1.0, upper: 1.0 }, ..Config::DEFAULT };
/// const _: () = assert!(CONFIG.validate().is_ok()); // found out by the compiler
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config<'a> {
    /// The relative residual of the multisecant least squares at which both directions have the same
    /// share: below it the multisecant has more, above it L-BFGS. 0: L-BFGS alone; infinity: the
    /// multisecant alone.
    pub balance: f32,
    /// Tikhonov term of that least squares.
    pub regularization: Regularization,
    /// A point is accepted if its loss is at most the largest of this many accepted ones.
    pub window: u8,
    /// How often a step is shortened before the pairs are given up.
    pub backtracks: u8,
    /// Factor of the length of the first step: see the [module](super).
    pub first_step: f32,
    /// `lambda`: `lambda/2 ||x||^2` is added to the loss and `lambda x` to the gradient.
    pub weight_decay: f32,
    /// A gradient with a larger norm is scaled down to this one (before the weight decay).
    pub clip: f32,
    /// Limits of the parameters. Where they become narrower between two calls, call
    /// [`super::MultisecantMut::data_changed`].
    pub bounds: Bounds<'a>,
}

impl Config<'static> {
    /// The settings of the benchmarks.
    pub const DEFAULT: Self = Self {
        balance: 0.05,
        regularization: Regularization::Relative(1e-7),
        window: 3,
        backtracks: 4,
        first_step: 1.0,
        weight_decay: 0.0,
        clip: f32::INFINITY,
        bounds: Bounds::None,
    };
}

impl Config<'_> {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field out of range. NaN is out of every range.
    pub const fn validate(&self) -> Result<(), Error> {
        const fn natural(x: f32) -> bool {
            x >= 0.0 && x.is_finite()
        }
        /// Whether there is a number between them.
        const fn hold_a_number(lower: f32, upper: f32) -> bool {
            lower <= upper && lower < f32::INFINITY && upper > f32::NEG_INFINITY
        }
        let ordered = match self.bounds {
            Bounds::None => true,
            Bounds::Uniform { lower, upper } => hold_a_number(lower, upper),
            Bounds::Each { lower, upper } => {
                let (mut i, mut ordered) = (0, true);
                while i < lower.len() && i < upper.len() {
                    ordered = ordered && hold_a_number(lower[i], upper[i]);
                    i += 1;
                }
                ordered
            }
        };
        let checks = [
            check(self.balance >= 0.0, "balance", "balance >= 0"),
            self.regularization.validate(),
            check(
                self.window >= 1 && self.window as usize <= MAX_WINDOW,
                "window",
                "1 <= window <= 8",
            ),
            check(
                natural(self.first_step) && self.first_step > 0.0,
                "first_step",
                "0 < first_step < inf",
            ),
            check(natural(self.weight_decay), "weight_decay", "0 <= weight_decay < inf"),
            check(self.clip > 0.0, "clip", "clip > 0"),
            check(ordered, "bounds", "lower <= upper, and a number between them"),
        ];
        crate::error::first(&checks)
    }

    /// Applies clipping and weight decay. Returns the loss and the squared norm of the gradient.
    pub(super) fn regularize<K: Kernels>(
        &self,
        x: &[f32],
        loss: f32,
        gradient: &mut [f32],
    ) -> (f32, f32) {
        let norm2 = K::dot(gradient, gradient);
        let norm = sqrt(norm2);
        let clipped = norm > self.clip && norm.is_finite();
        if clipped {
            let factor = self.clip / norm;
            for g in &mut *gradient {
                *g *= factor;
            }
        }
        let decay = self.weight_decay;
        if decay == 0.0 && !clipped {
            return (loss, norm2);
        }
        K::axpy(gradient, decay, x);
        (loss + 0.5 * decay * K::dot(x, x), K::dot(gradient, gradient))
    }
}

impl Default for Config<'static> {
    fn default() -> Self {
        Self::DEFAULT
    }
}
