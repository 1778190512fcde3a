//! A loop over a closure.

use crate::error::{Error, check_length};
use crate::kernels::{Column, Kernels, first_non_finite};
use crate::multisecant::{Asked, Config, MultisecantMut};

/// Why [`minimize`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stop {
    /// The loss is at most the target.
    Target,
    /// The gradient is zero, or no step changes the point any more.
    Stationary,
    /// The limit of evaluations was reached.
    Limit,
}

/// What [`minimize`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Minimum {
    /// Why it stopped.
    pub stop: Stop,
    /// Evaluations of the loss and its gradient.
    pub evaluations: u32,
    /// The loss at the point, the weight decay included.
    pub loss: f32,
}

/// Minimises from `x` until the loss is at most `target` or `limit` evaluations are spent. `evaluate`
/// returns the loss at its first argument and leaves the gradient in its second. `x` becomes the last
/// accepted point, whose loss is at most the largest of the [`Config::window`] before it; `gradient` is
/// scratch of the same length. What the engine knew before is forgotten.
///
/// # Errors
/// Those of [`MultisecantMut::tell`]; [`Error::Config`] of a `limit` of 0 or a `target` that is NaN.
///
/// ```
/// use aadl_core::multisecant::{Config, Multisecant, Stop, minimize};
/// // The sensor reads 2 t^2 + t - 1; calibrate a parabola from nine samples.
/// let mut engine = Multisecant::<3>::new();
/// let (mut weights, mut gradient) = ([0.0f32; 3], [0.0; 3]);
/// let evaluate = |w: &[f32], gradient: &mut [f32]| {
///     gradient.fill(0.0);
///     let mut loss = 0.0;
///     for i in -4..=4 {
///         let t = i as f32 / 4.0;
///         let error = (w[0] * t * t + w[1] * t + w[2]) - (2.0 * t * t + t - 1.0);
///         loss += error * error / 9.0;
///         for (g, input) in gradient.iter_mut().zip([t * t, t, 1.0]) {
///             *g += 2.0 / 9.0 * error * input;
///         }
///     }
///     loss
/// };
/// let found = minimize(
///     &mut engine.view(), &Config::DEFAULT, &mut weights, &mut gradient, 1e-10, 50, evaluate,
/// )?;
/// assert_eq!(found.stop, Stop::Target);
/// assert!(found.evaluations <= 12 && (weights[0] - 2.0).abs() < 1e-4);
/// # Ok::<(), aadl_core::Error>(())
/// ```
pub fn minimize<C: Column, K: Kernels>(
    engine: &mut MultisecantMut<'_, C, K>,
    config: &Config<'_>,
    x: &mut [f32],
    gradient: &mut [f32],
    target: f32,
    limit: u32,
    mut evaluate: impl FnMut(&[f32], &mut [f32]) -> f32,
) -> Result<Minimum, Error> {
    engine.check(config, x)?;
    check_length("gradient", x.len(), gradient.len())?;
    if let Some(index) = first_non_finite(x) {
        return Err(Error::NonFinite { what: "x", index });
    }
    if limit == 0 {
        return Err(Error::Config { field: "limit", requires: "limit >= 1" });
    }
    if target.is_nan() {
        return Err(Error::Config { field: "target", requires: "a number" });
    }
    engine.reset();
    let mut evaluations = 0;
    let mut stop = Stop::Limit;
    while evaluations < limit {
        if engine.ask(config, x)? == Asked::Stationary {
            stop = Stop::Stationary;
            break;
        }
        let loss = evaluate(x, gradient);
        evaluations += 1;
        engine.tell(config, x, loss, gradient)?;
        if engine.state().loss().is_some_and(|loss| loss <= target) {
            stop = Stop::Target;
            break;
        }
    }
    Ok(Minimum { stop, evaluations, loss: engine.state().loss().unwrap_or(f32::NAN) })
}
