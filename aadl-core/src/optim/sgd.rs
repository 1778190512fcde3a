//! Stochastic gradient descent with momentum (Polyak 1964; Nesterov's form as in Sutskever et al.,
//! ICML 2013), numerically PyTorch's `torch.optim.SGD`.
//!
//! With `g` the gradient, `x` the parameters and `b` the momentum buffer, a step is
//!
//! 1. `g = -g` if `maximize`; `g = g + weight_decay x`;
//! 2. with momentum: `b = g` at the first step, later `b = momentum b + (1 - dampening) g`; then
//!    `g = g + momentum b` (Nesterov) or `g = b`;
//! 3. `x = x - lr g`.
//!
//! Cost: 2 to 8 flops a parameter, one pass over parameters and gradient, and over `b` if there is
//! momentum; one more read of parameters and gradient looks for NaN and infinities.

use super::state::{Rows, check, non_negative, require};
use super::{Optimizer, Update};
use crate::error::Error;
use crate::real::Real;

/// Settings of [`Sgd`]: PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SgdConfig {
    /// Learning rate, at least 0. Default `1e-3`.
    pub lr: f64,
    /// Share of the old buffer in the new one, at least 0; 0 (the default) needs no buffer.
    pub momentum: f64,
    /// What is taken off the weight of a new gradient in the buffer. Default 0.
    pub dampening: f64,
    /// Weight of the parameters in the gradient (L2 penalty), at least 0. Default 0.
    pub weight_decay: f64,
    /// Nesterov's form; needs momentum, and no dampening. Default false.
    pub nesterov: bool,
    /// Ascends instead of descending. Default false.
    pub maximize: bool,
}

impl SgdConfig {
    /// PyTorch's defaults.
    pub const DEFAULT: Self = Self {
        lr: 1e-3,
        momentum: 0.0,
        dampening: 0.0,
        weight_decay: 0.0,
        nesterov: false,
        maximize: false,
    };

    /// Names the first field outside its range.
    ///
    /// ```
    /// use aadl_core::{Error, optim::SgdConfig};
    /// let config = SgdConfig { nesterov: true, ..SgdConfig::DEFAULT };
    /// assert!(matches!(config.validate(), Err(Error::Config { field: "nesterov", .. })));
    /// ```
    pub const fn validate(&self) -> Result<(), Error> {
        let checks = [
            require(non_negative(self.lr), "lr", "lr >= 0, finite in float32"),
            require(non_negative(self.momentum), "momentum", "momentum >= 0, finite in float32"),
            require(self.dampening.abs() <= f32::MAX as f64, "dampening", "finite in float32"),
            require(
                non_negative(self.weight_decay),
                "weight_decay",
                "weight_decay >= 0, finite in float32",
            ),
            require(
                !self.nesterov || (self.momentum > 0.0 && self.dampening == 0.0),
                "nesterov",
                "momentum > 0 and dampening = 0",
            ),
        ];
        super::state::first_error(&checks)
    }

    /// Vectors of state, each as long as the parameters: 1 with momentum, else 0.
    pub const fn rows(&self) -> usize {
        (self.momentum != 0.0) as usize
    }
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Gradient descent over a state buffer `B` of [`SgdConfig::rows`] times as many numbers as there
/// are parameters: none without momentum (`[]`), else one each.
/// RAM: the buffer and 48 bytes.
///
/// ```
/// use aadl_core::optim::{Optimizer, Sgd, SgdConfig};
/// let mut x = [1.0f32, -2.0];
/// let mut plain = Sgd::new(SgdConfig { lr: 0.5, ..SgdConfig::DEFAULT }, [])?;
/// plain.step(&mut x, &[1.0, -2.0])?;
/// assert_eq!(x, [0.5, -1.0]);
///
/// let config = SgdConfig { momentum: 0.9, ..SgdConfig::DEFAULT };
/// let mut heavy_ball = Sgd::new(config, [0.0; 2])?; // on a host: vec![0.0; 2]
/// heavy_ball.step(&mut x, &[1.0, -2.0])?;
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sgd<B = [f32; 0]> {
    config: SgdConfig,
    started: bool,
    state: B,
}

impl<B> Sgd<B> {
    /// Checks the settings. What the buffer holds does not matter; its length is checked at each
    /// step.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field outside its range.
    pub fn new(config: SgdConfig, state: B) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self { config, started: false, state })
    }

    /// The settings.
    pub const fn config(&self) -> &SgdConfig {
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
        let config = SgdConfig { lr, ..self.config };
        config.validate()?;
        self.config = config;
        Ok(())
    }
}

impl<const N: usize, const R: usize, T: Real> Sgd<Rows<N, R, T>> {
    /// With its own state for `N` parameters; `R` must be [`SgdConfig::rows`]. For a `static`.
    ///
    /// # Errors
    /// [`Error::Config`] as above; [`Error::Length`] where `R` is another number.
    pub const fn zeroed(config: SgdConfig) -> Result<Self, Error> {
        match super::state::check_rows(config.validate(), config.rows(), R) {
            Ok(()) => Ok(Self { config, started: false, state: Rows::ZERO }),
            Err(error) => Err(error),
        }
    }
}

impl<T: Real, B: AsRef<[T]> + AsMut<[T]>> Optimizer<T> for Sgd<B> {
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        self.check(params, grad)?;
        let SgdConfig { lr, momentum, dampening, weight_decay, nesterov, maximize } = self.config;
        let (lr, decay) = (T::from_f64(-lr), T::from_f64(weight_decay));
        let penalised = |x: T, g: T| {
            let g = if maximize { -g } else { g };
            if weight_decay == 0.0 { g } else { g + decay * x }
        };
        if momentum == 0.0 {
            for (x, g) in params.iter_mut().zip(grad) {
                *x += lr * penalised(*x, *g);
            }
        } else {
            let weight = T::from_f64(1.0 - dampening);
            let momentum = T::from_f64(momentum);
            let buffer = self.state.as_mut().iter_mut();
            for ((x, g), b) in params.iter_mut().zip(grad).zip(buffer) {
                let g = penalised(*x, *g);
                *b = if self.started { momentum * *b + weight * g } else { g };
                *x += lr * if nesterov { g + momentum * *b } else { *b };
            }
        }
        self.started = true;
        Ok(Update::Step)
    }

    fn reset(&mut self) {
        self.started = false;
    }

    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        check(self.config.rows(), self.state.as_ref(), params, grad)
    }
}
