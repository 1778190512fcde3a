//! Activations, applied element by element, and their derivatives.
//!
//! A derivative is computed from the activation's *value* `a`, not from its argument, so that
//! backpropagation keeps one number per unit instead of two:
//!
//! | | value | derivative from the value |
//! |---|---|---|
//! | identity | `x` | 1 |
//! | ReLU | `x` if `x > 0`, else 0 | 1 if `a > 0`, else 0 |
//! | leaky ReLU | `x` if `x > 0`, else `slope x` | 1 if `a > 0`, else `slope` |
//! | tanh | `tanh x` | `1 - a^2` |
//! | sigmoid | `1 / (1 + e^-x)` | `a (1 - a)` |
//! | softplus | `ln(1 + e^x)` | `1 - e^-a = 2 t / (1 + t)`, `t = tanh(a / 2)` |
//!
//! The last form of softplus's derivative does not cancel for small `a`. At 0 the derivatives of
//! the ReLUs are those of the left side, as in PyTorch. Cost: at most one transcendental a value
//! (two for softplus) and one a derivative (softplus only).

use crate::math::Math;
use crate::real::Real;

/// What a layer does to each of its sums.
///
/// ```
/// use aadl_core::nn::{Activation, Layer};
/// let hidden = Layer::dense(64, 16, Activation::LeakyRelu(0.01));
/// assert_eq!(hidden.activation, Activation::LeakyRelu(0.01));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Activation {
    /// `x`.
    #[default]
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, `slope x` below. The slope is finite in float32 and not negative.
    LeakyRelu(f64),
    /// `tanh x`.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `ln(1 + e^x)`. (PyTorch returns `x` itself above 20, this function never does.)
    Softplus,
}

impl Activation {
    /// Whether the slope, if there is one, is in range.
    pub(super) const fn is_valid(self) -> bool {
        match self {
            Activation::LeakyRelu(slope) => 0.0 <= slope && slope <= f32::MAX as f64,
            _ => true,
        }
    }

    /// Replaces sums by values.
    pub(super) fn apply<T: Real, F: Math<T>>(self, values: &mut [T]) {
        match self {
            Activation::Identity => {}
            // "Not above" would turn a NaN into 0 and hide it.
            Activation::Relu => map(values, |x| if x <= T::ZERO { T::ZERO } else { x }),
            Activation::LeakyRelu(slope) => {
                let slope = T::from_f64(slope);
                map(values, |x| if x <= T::ZERO { slope * x } else { x });
            }
            Activation::Tanh => map(values, F::tanh),
            Activation::Sigmoid => map(values, sigmoid::<T, F>),
            Activation::Softplus => map(values, softplus::<T, F>),
        }
    }

    /// Replaces each value by `upstream` times the derivative there.
    pub(super) fn backward<T: Real, F: Math<T>>(self, values: &mut [T], upstream: &[T]) {
        match self {
            Activation::Relu => {
                zip(values, upstream, |a, g| if a > T::ZERO { g } else { T::ZERO });
            }
            // A slope of 1 is the identity: a loop that only copies would bring `memcpy`, 0.9 KiB.
            Activation::Identity | Activation::LeakyRelu(_) => {
                let slope = match self {
                    Activation::LeakyRelu(slope) => T::from_f64(slope),
                    _ => T::ONE,
                };
                zip(values, upstream, |a, g| if a > T::ZERO { g } else { slope * g });
            }
            Activation::Tanh => zip(values, upstream, |a, g| g * (T::ONE - a * a)),
            Activation::Sigmoid => zip(values, upstream, |a, g| g * (a * (T::ONE - a))),
            Activation::Softplus => zip(values, upstream, |a, g| {
                let t = F::tanh(T::from_f64(0.5) * a);
                g * ((t + t) / (T::ONE + t))
            }),
        }
    }
}

fn map<T: Real>(values: &mut [T], f: impl Fn(T) -> T) {
    for value in values {
        *value = f(*value);
    }
}

fn zip<T: Real>(values: &mut [T], upstream: &[T], f: impl Fn(T, T) -> T) {
    for (value, upstream) in values.iter_mut().zip(upstream) {
        *value = f(*value, *upstream);
    }
}

/// `1 / (1 + e^-x)`, with the exponential of a number that is not positive, so that it cannot
/// overflow.
pub(super) fn sigmoid<T: Real, F: Math<T>>(x: T) -> T {
    let e = F::exp(-x.abs());
    let above = if x < T::ZERO { e } else { T::ONE };
    above / (T::ONE + e)
}

/// `ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)`.
pub(super) fn softplus<T: Real, F: Math<T>>(x: T) -> T {
    let tail = F::ln_1p(F::exp(-x.abs()));
    if x <= T::ZERO { tail } else { x + tail }
}
