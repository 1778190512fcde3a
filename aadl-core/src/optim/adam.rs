//! Adam (Kingma & Ba, ICLR 2015), with AMSGrad (Reddi et al., ICLR 2018) and with decoupled weight
//! decay, AdamW (Loshchilov & Hutter, ICLR 2019); numerically PyTorch's `torch.optim.Adam` and
//! `torch.optim.AdamW`.
//!
//! With `g` the gradient, `x` the parameters and state rows `m` (mean), `v` (mean square) and
//! `h` (largest mean square so far, AMSGrad only), step `t` is
//!
//! 1. `g = -g` if `maximize`; `x = (1 - lr weight_decay) x` if decoupled, else
//!    `g = g + weight_decay x`;
//! 2. `m = m + (1 - beta1) (g - m)`, `v = beta2 v + (1 - beta2) g g`, `h = max(h, v)`;
//! 3. `d = sqrt(v or h) / sqrt(1 - beta2^t) + eps`, `x = x - (lr / (1 - beta1^t)) m / d`.
//!
//! Deviations: (1) the bias corrections `c = 1 - beta^t` follow from each other,
//! `c = beta c + (1 - beta)` in float64: no power, no cancellation, no step counter that could
//! overflow. (2) Where `d` is 0 (possible with `eps` 0) the quotient is 0; PyTorch's is NaN or
//! infinite.
//!
//! Cost: a square root, two divisions and 12 to 15 flops a parameter, one pass over parameters,
//! gradient and state; one more read of parameters and gradient looks for NaN and infinities.

use super::state::{Rows, check, lerp, non_negative, ratio, require, split};
use super::{Optimizer, Update};
use crate::error::Error;
use crate::math::sqrt;
use crate::real::Real;

/// Settings of [`Adam`]: PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AdamConfig {
    /// Learning rate, at least 0. Default `1e-3`.
    pub lr: f64,
    /// Shares of the old mean and the old mean square in the new ones, each in `[0, 1)`. Default
    /// `(0.9, 0.999)`.
    pub betas: (f64, f64),
    /// Added to the root of the corrected mean square, at least 0. Default `1e-8`.
    pub eps: f64,
    /// Weight of the parameters in the gradient, or rate of their decay if `decoupled`; at least
    /// 0. Default 0 (Adam), 0.01 (AdamW).
    pub weight_decay: f64,
    /// Divides by the largest mean square so far. Default false.
    pub amsgrad: bool,
    /// Weight decay acts on the parameters, not through the gradient: AdamW. Default false.
    pub decoupled: bool,
    /// Ascends instead of descending. Default false.
    pub maximize: bool,
}

impl AdamConfig {
    /// The defaults of PyTorch's Adam.
    pub const DEFAULT: Self = Self {
        lr: 1e-3,
        betas: (0.9, 0.999),
        eps: 1e-8,
        weight_decay: 0.0,
        amsgrad: false,
        decoupled: false,
        maximize: false,
    };

    /// The defaults of PyTorch's AdamW.
    pub const ADAMW: Self = Self { weight_decay: 1e-2, decoupled: true, ..Self::DEFAULT };

    /// Names the first field outside its range.
    ///
    /// ```
    /// use aadl_core::{Error, optim::AdamConfig};
    /// let config = AdamConfig { betas: (0.9, 1.0), ..AdamConfig::DEFAULT };
    /// assert!(matches!(config.validate(), Err(Error::Config { field: "betas", .. })));
    /// ```
    pub const fn validate(&self) -> Result<(), Error> {
        let (beta1, beta2) = self.betas;
        let checks = [
            require(non_negative(self.lr), "lr", "lr >= 0, finite in float32"),
            require(
                beta1 >= 0.0 && beta1 < 1.0 && beta2 >= 0.0 && beta2 < 1.0,
                "betas",
                "0 <= beta < 1, both",
            ),
            require(non_negative(self.eps), "eps", "eps >= 0, finite in float32"),
            require(
                non_negative(self.weight_decay),
                "weight_decay",
                "weight_decay >= 0, finite in float32",
            ),
        ];
        super::state::first_error(&checks)
    }

    /// Vectors of state, each as long as the parameters: 2, or 3 with AMSGrad.
    pub const fn rows(&self) -> usize {
        2 + self.amsgrad as usize
    }
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Adam or AdamW over a state buffer `B` of [`AdamConfig::rows`] times as many numbers as there
/// are parameters: means, then mean squares, then their maxima with AMSGrad.
/// RAM: the buffer and 64 bytes.
///
/// ```
/// use aadl_core::optim::{Adam, AdamConfig, Optimizer};
/// let config = AdamConfig { lr: 0.1, ..AdamConfig::ADAMW };
/// let mut x = [1.0f32, -2.0];
/// let mut optimizer = Adam::new(config, [0.0; 2 * 2])?; // on a host: vec![0.0; 2 * x.len()]
/// optimizer.step(&mut x, &[3.0, -4.0])?;
/// assert!((x[0] - 0.899).abs() < 1e-6); // the first step moves by lr, and AdamW decays
/// # Ok::<(), aadl_core::Error>(())
/// ```
///
/// With [`Rows`] it can be made at compile time. Where flash is scarce, keep the state in a
/// `static` buffer of zeros and hand in `&'static mut [T]`: the settings are not zeros, so a
/// `static` optimizer that owns its state is stored in flash as a whole.
///
/// ```
/// use aadl_core::optim::{Adam, AdamConfig, Rows};
/// static ADAM: Adam<Rows<100, 2>> = match Adam::zeroed(AdamConfig::DEFAULT) {
///     Ok(adam) => adam,
///     Err(_) => panic!("the settings are out of range"), // while compiling
/// };
/// assert_eq!(ADAM.lr(), 1e-3);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adam<B> {
    config: AdamConfig,
    /// `1 - beta^t` of both betas; 0 before the first step.
    corrections: (f64, f64),
    state: B,
}

impl<B> Adam<B> {
    /// Checks the settings. What the buffer holds does not matter; its length is checked at each
    /// step.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field outside its range.
    pub fn new(config: AdamConfig, state: B) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self { config, corrections: (0.0, 0.0), state })
    }

    /// The settings.
    pub const fn config(&self) -> &AdamConfig {
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
        let config = AdamConfig { lr, ..self.config };
        config.validate()?;
        self.config = config;
        Ok(())
    }
}

impl<const N: usize, const R: usize, T: Real> Adam<Rows<N, R, T>> {
    /// With its own state for `N` parameters; `R` must be [`AdamConfig::rows`]. For a `static`.
    ///
    /// # Errors
    /// [`Error::Config`] as above; [`Error::Length`] where `R` is another number.
    pub const fn zeroed(config: AdamConfig) -> Result<Self, Error> {
        match super::state::check_rows(config.validate(), config.rows(), R) {
            Ok(()) => Ok(Self { config, corrections: (0.0, 0.0), state: Rows::ZERO }),
            Err(error) => Err(error),
        }
    }
}

impl<T: Real, B: AsRef<[T]> + AsMut<[T]>> Optimizer<T> for Adam<B> {
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        self.check(params, grad)?;
        let AdamConfig { lr, betas: (beta1, beta2), eps, weight_decay, .. } = self.config;
        let AdamConfig { amsgrad, decoupled, maximize, .. } = self.config;
        // A correction is at least 1 - beta > 0 after a step.
        if self.corrections.0 == 0.0 {
            self.state.as_mut().fill(T::ZERO);
        }
        self.corrections.0 = beta1 * self.corrections.0 + (1.0 - beta1);
        self.corrections.1 = beta2 * self.corrections.1 + (1.0 - beta2);
        // PyTorch rounds beta^t before it subtracts: the same digits are lost here.
        let rounded = |c: f64| 1.0 - (1.0 - c);
        let size = T::from_f64(-(lr / rounded(self.corrections.0)));
        let root = T::from_f64(sqrt(rounded(self.corrections.1)));

        let eps = T::from_f64(eps);
        let (weight1, keep2, weight2) =
            (T::from_f64(1.0 - beta1), T::from_f64(beta2), T::from_f64(1.0 - beta2));
        let has_decay = weight_decay != 0.0;
        let shrink = T::from_f64(1.0 - lr * weight_decay);
        let decay = T::from_f64(weight_decay);

        let n = params.len();
        let (means, rest) = split(self.state.as_mut(), n);
        let (squares, largest) = split(rest, n);

        // `h` is `None` throughout a loop, or `Some` throughout.
        let update = |x: &mut T, g: T, m: &mut T, v: &mut T, h: Option<&mut T>| {
            let mut g = if maximize { -g } else { g };
            if has_decay {
                if decoupled {
                    *x *= shrink;
                } else {
                    g += decay * *x;
                }
            }
            *m = lerp(*m, g, weight1);
            *v = keep2 * *v + weight2 * g * g;
            let square = match h {
                Some(h) => {
                    if *v > *h {
                        *h = *v;
                    }
                    *h
                }
                None => *v,
            };
            *x += ratio(size * *m, sqrt(square) / root + eps);
        };
        let each = params.iter_mut().zip(grad).zip(means.iter_mut().zip(squares));
        if amsgrad {
            each.zip(largest).for_each(|(((x, g), (m, v)), h)| update(x, *g, m, v, Some(h)));
        } else {
            each.for_each(|((x, g), (m, v))| update(x, *g, m, v, None));
        }
        Ok(Update::Step)
    }

    fn reset(&mut self) {
        self.corrections = (0.0, 0.0);
    }

    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        check(self.config.rows(), self.state.as_ref(), params, grad)
    }
}
