//! RMSprop (Hinton, lecture 6e of "Neural Networks for Machine Learning", 2012; centred form:
//! Graves, arXiv 1308.0850, section 4.2), numerically PyTorch's `torch.optim.RMSprop`.
//!
//! With `g` the gradient, `x` the parameters and state rows `v` (mean square), `c` (mean) and `b`
//! (momentum), a step is
//!
//! 1. `g = -g` if `maximize`; `g = g + weight_decay x`;
//! 2. `v = alpha v + (1 - alpha) g g`;
//! 3. centred: `c = c + (1 - alpha) (g - c)`, `d = sqrt(v - c c) + eps`; else `d = sqrt(v) + eps`;
//! 4. with momentum: `b = momentum b + g / d`, `x = x - lr b`; else `x = x - lr g / d`.
//!
//! Deviations, only where PyTorch's result is NaN or infinite: (1) where rounding makes `v - c c`
//! negative it counts as 0; (2) where `d` is 0 (possible with `eps` 0) the quotient is 0.
//!
//! Cost: a square root, a division and 6 to 14 flops a parameter, one pass over parameters,
//! gradient and state; one more read of parameters and gradient looks for NaN and infinities.

use super::state::{Rows, check, lerp, non_negative, ratio, require, split};
use super::{Optimizer, Update};
use crate::error::Error;
use crate::math::sqrt;
use crate::real::Real;

/// Settings of [`RmsProp`]: PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RmsPropConfig {
    /// Learning rate, at least 0. Default `1e-2`.
    pub lr: f64,
    /// Share of the old mean square in the new one, in `[0, 1]`. Default 0.99.
    pub alpha: f64,
    /// Added to the root of the mean square, at least 0. Default `1e-8`.
    pub eps: f64,
    /// Weight of the parameters in the gradient (L2 penalty), at least 0. Default 0.
    pub weight_decay: f64,
    /// Share of the old buffer in the new one, at least 0; 0 (the default) needs no buffer.
    pub momentum: f64,
    /// Divides by the standard deviation instead of the root mean square. Default false.
    pub centered: bool,
    /// Ascends instead of descending. Default false.
    pub maximize: bool,
}

impl RmsPropConfig {
    /// PyTorch's defaults.
    pub const DEFAULT: Self = Self {
        lr: 1e-2,
        alpha: 0.99,
        eps: 1e-8,
        weight_decay: 0.0,
        momentum: 0.0,
        centered: false,
        maximize: false,
    };

    /// Names the first field outside its range. (PyTorch also takes `alpha > 1`, whose mean
    /// squares are negative.)
    ///
    /// ```
    /// use aadl_core::{Error, optim::RmsPropConfig};
    /// let config = RmsPropConfig { alpha: 1.5, ..RmsPropConfig::DEFAULT };
    /// assert!(matches!(config.validate(), Err(Error::Config { field: "alpha", .. })));
    /// ```
    pub const fn validate(&self) -> Result<(), Error> {
        let checks = [
            require(non_negative(self.lr), "lr", "lr >= 0, finite in float32"),
            require(self.alpha >= 0.0 && self.alpha <= 1.0, "alpha", "0 <= alpha <= 1"),
            require(non_negative(self.eps), "eps", "eps >= 0, finite in float32"),
            require(
                non_negative(self.weight_decay),
                "weight_decay",
                "weight_decay >= 0, finite in float32",
            ),
            require(non_negative(self.momentum), "momentum", "momentum >= 0, finite in float32"),
        ];
        super::state::first_error(&checks)
    }

    /// Vectors of state, each as long as the parameters: 1, and 1 more each for `momentum` and
    /// `centered`.
    pub const fn rows(&self) -> usize {
        1 + self.centered as usize + (self.momentum != 0.0) as usize
    }
}

impl Default for RmsPropConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// RMSprop over a state buffer `B` of [`RmsPropConfig::rows`] times as many numbers as there are
/// parameters: mean squares, then means if centred, then the momentum buffer if there is momentum.
/// RAM: the buffer and 56 bytes.
///
/// ```
/// use aadl_core::optim::{Optimizer, RmsProp, RmsPropConfig};
/// const CONFIG: RmsPropConfig = RmsPropConfig { centered: true, ..RmsPropConfig::DEFAULT };
/// let mut x = [1.0f64, -2.0];
/// let mut optimizer = RmsProp::new(CONFIG, [0.0; CONFIG.rows() * 2])?;
/// optimizer.step(&mut x, &[1.0, -2.0])?;
/// assert!(x[0] < 1.0 && x[1] > -2.0);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RmsProp<B> {
    config: RmsPropConfig,
    started: bool,
    state: B,
}

impl<B> RmsProp<B> {
    /// Checks the settings. What the buffer holds does not matter; its length is checked at each
    /// step.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field outside its range.
    pub fn new(config: RmsPropConfig, state: B) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self { config, started: false, state })
    }

    /// The settings.
    pub const fn config(&self) -> &RmsPropConfig {
        &self.config
    }

    /// The learning rate.
    pub const fn lr(&self) -> f64 {
        self.config.lr
    }

    /// Changes the learning rate from the next step on, for schedules.
    ///
    /// # Errors
    /// [`Error::Config`] of `lr`; it stays as it was then.
    pub fn set_lr(&mut self, lr: f64) -> Result<(), Error> {
        let config = RmsPropConfig { lr, ..self.config };
        config.validate()?;
        self.config = config;
        Ok(())
    }
}

impl<const N: usize, const R: usize, T: Real> RmsProp<Rows<N, R, T>> {
    /// With its own state for `N` parameters; `R` must be [`RmsPropConfig::rows`]. For a `static`.
    ///
    /// # Errors
    /// [`Error::Config`] as above; [`Error::Length`] where `R` is another number.
    pub const fn zeroed(config: RmsPropConfig) -> Result<Self, Error> {
        match super::state::check_rows(config.validate(), config.rows(), R) {
            Ok(()) => Ok(Self { config, started: false, state: Rows::ZERO }),
            Err(error) => Err(error),
        }
    }
}

impl<T: Real, B: AsRef<[T]> + AsMut<[T]>> Optimizer<T> for RmsProp<B> {
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        self.check(params, grad)?;
        let RmsPropConfig { lr, alpha, eps, weight_decay, momentum, centered, maximize } =
            self.config;
        if !self.started {
            self.state.as_mut().fill(T::ZERO);
            self.started = true;
        }
        let (lr, eps, decay) = (T::from_f64(-lr), T::from_f64(eps), T::from_f64(weight_decay));
        let (keep, weight) = (T::from_f64(alpha), T::from_f64(1.0 - alpha));
        let has_momentum = momentum != 0.0;
        let momentum = T::from_f64(momentum);

        let n = params.len();
        let (squares, rest) = split(self.state.as_mut(), n);
        let (means, rest) = if centered { split(rest, n) } else { rest.split_at_mut(0) };
        let buffer = rest;

        // The gradient with its penalty, and the denominator. Rows that are not there are `None`
        // throughout a loop.
        let scaled = |x: T, g: T, v: &mut T, c: Option<&mut T>| {
            let g = if maximize { -g } else { g };
            let g = if weight_decay == 0.0 { g } else { g + decay * x };
            *v = keep * *v + weight * g * g;
            let variance = match c {
                Some(c) => {
                    *c = lerp(*c, g, weight);
                    let variance = *v - *c * *c;
                    if variance < T::ZERO { T::ZERO } else { variance }
                }
                None => *v,
            };
            (g, sqrt(variance) + eps)
        };
        let moved = |x: &mut T, (g, d): (T, T), b: Option<&mut T>| match b {
            Some(b) => {
                *b = momentum * *b + ratio(g, d);
                *x += lr * *b;
            }
            None => *x += ratio(lr * g, d),
        };

        let each = params.iter_mut().zip(grad).zip(squares);
        match (centered, has_momentum) {
            (false, false) => {
                each.for_each(|((x, g), v)| moved(x, scaled(*x, *g, v, None), None));
            }
            (false, true) => each
                .zip(buffer)
                .for_each(|(((x, g), v), b)| moved(x, scaled(*x, *g, v, None), Some(b))),
            (true, false) => each
                .zip(means)
                .for_each(|(((x, g), v), c)| moved(x, scaled(*x, *g, v, Some(c)), None)),
            (true, true) => each
                .zip(means.iter_mut().zip(buffer))
                .for_each(|(((x, g), v), (c, b))| moved(x, scaled(*x, *g, v, Some(c)), Some(b))),
        }
        Ok(Update::Step)
    }

    fn reset(&mut self) {
        self.started = false;
    }

    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        check(self.config.rows(), self.state.as_ref(), params, grad)
    }
}
