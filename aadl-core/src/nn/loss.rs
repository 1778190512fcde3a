//! Losses, as PyTorch defines them with mean reduction, for the samples of a tile.
//!
//! With `y` the outputs of a sample (`outputs` of them), `t` its targets, and sums over outputs in
//! ascending order:
//!
//! | loss | a sample's part | its gradient | the mean is over |
//! |---|---|---|---|
//! | mean squares | `sum (y - t)^2` | `2 (y - t)` | batch and outputs |
//! | Huber | `sum h(y - t)`, `h(d) = d^2 / 2` below `delta`, `delta (abs d - delta / 2)` above | `d` cut to `+-delta` | batch and outputs |
//! | binary cross-entropy | `sum max(y, 0) - y t + ln(1 + e^-abs y)` | `sigmoid(y) - t` | batch and outputs |
//! | cross-entropy | `sum_c t_c (ln s + m - y_c)` | `(e^(y_c - m) / s) sum t - t_c` | batch |
//!
//! with `m` the largest output and `s = sum_c e^(y_c - m)`, so that no exponential overflows. For
//! class `k`, `t` is 1 at `k` and 0 elsewhere. The two entropies take logits: the last layer's
//! activation is the identity. Cost a sample: `outputs` exponentials for cross-entropy, two
//! transcendentals more per output for binary cross-entropy, none for the others.

use super::activation::sigmoid;
use crate::error::Error;
use crate::math::Math;
use crate::real::Real;

/// What is minimised.
///
/// ```
/// use aadl_core::nn::{Activation, Layer, Loss, Network, Targets};
/// let layers = [Layer::dense(1, 2, Activation::Identity)];
/// let net: Network = Network::new(&layers)?;
/// let params = [0.0f32; 4];
/// let loss = net.loss(Loss::CrossEntropy, &params, &[1.0], Targets::Classes(&[1]), &mut [0.0; 4])?;
/// assert!((loss - core::f32::consts::LN_2).abs() < 1e-6);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Loss {
    /// The mean of `(y - t)^2` (`nn.MSELoss`).
    MeanSquares,
    /// Softmax cross-entropy of logits (`nn.CrossEntropyLoss`). [`Targets::Values`] are
    /// probabilities of the classes.
    CrossEntropy,
    /// Cross-entropy of one logit per output and targets in `[0, 1]`, which is not checked
    /// (`nn.BCEWithLogitsLoss`).
    BinaryCrossEntropy,
    /// Quadratic up to an error of `delta`, which is positive, linear above (`nn.HuberLoss`).
    Huber {
        /// Where the quadratic part ends; finite and positive in the scalar type.
        delta: f64,
    },
}

/// The targets of a batch.
///
/// ```
/// use aadl_core::nn::Targets;
/// let targets: Targets<f32> = Targets::Classes(&[0, 9]);
/// assert_eq!(targets.len(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Targets<'a, T = f32> {
    /// One number per output: `batch x outputs`, row-major.
    Values(&'a [T]),
    /// The index of its class per sample: `batch` elements. Stands for values that are 1 at the
    /// class and 0 elsewhere or, where there is one output, for 0 or 1.
    Classes(&'a [u8]),
}

impl<T> Targets<'_, T> {
    /// Elements of the slice.
    pub const fn len(&self) -> usize {
        match self {
            Targets::Values(values) => values.len(),
            Targets::Classes(classes) => classes.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The targets of one sample.
#[derive(Clone, Copy)]
pub(super) enum Target<'a, T> {
    Values(&'a [T]),
    Class(usize),
}

impl<T: Real> Target<'_, T> {
    /// The value for output `o`: of a class, 1 at its place.
    fn value(self, o: usize) -> T {
        match self {
            Target::Values(values) => values.get(o).copied().unwrap_or(T::ZERO),
            Target::Class(class) if class == o => T::ONE,
            Target::Class(_) => T::ZERO,
        }
    }
}

impl Loss {
    /// How many terms the mean over a batch has.
    pub(super) fn terms(self, batch: usize, outputs: usize) -> f64 {
        match self {
            Loss::CrossEntropy => batch as f64,
            _ => batch as f64 * outputs as f64,
        }
    }

    /// How many classes there are.
    pub(super) const fn classes(self, outputs: usize) -> usize {
        match (self, outputs) {
            (Loss::CrossEntropy, _) => outputs,
            (_, 1) => 2,
            _ => outputs,
        }
    }

    /// Gives `part` each sample's part of the loss, not divided by anything, in order; into `grad`,
    /// `scale` times its gradient with respect to the outputs. `y` and `grad` have a row of `outputs`
    /// per sample, `target` gives the target of the sample with that index.
    ///
    /// # Errors
    /// Those of `part`, which ends with its first one.
    pub(super) fn tile<'t, T: Real, F: Math<T>>(
        self,
        (y, outputs): (&[T], usize),
        target: impl Fn(usize) -> Target<'t, T>,
        scale: T,
        grad: &mut [T],
        mut part: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self == Loss::CrossEntropy {
            exponentials::<T, F>(y, outputs, grad);
        }
        for (s, (y, grad)) in y.chunks(outputs).zip(grad.chunks_mut(outputs)).enumerate() {
            part(self.sample::<T, F>(y, target(s), scale, grad))?;
        }
        Ok(())
    }

    /// [`Loss::tile`] of one sample. Cross-entropy expects [`exponentials`] in `grad`.
    fn sample<T: Real, F: Math<T>>(
        self,
        y: &[T],
        target: Target<'_, T>,
        scale: T,
        grad: &mut [T],
    ) -> T {
        match self {
            Loss::MeanSquares => each(y, target, scale + scale, grad, |y, t| {
                let d = y - t;
                (d * d, d)
            }),
            Loss::Huber { delta } => {
                let (delta, half) = (T::from_f64(delta), T::from_f64(0.5));
                each(y, target, scale, grad, |y, t| {
                    let d = y - t;
                    if d.abs() < delta {
                        (half * (d * d), d)
                    } else {
                        let slope = if d < T::ZERO { -delta } else { delta };
                        (delta * (d.abs() - half * delta), slope)
                    }
                })
            }
            Loss::BinaryCrossEntropy => each(y, target, scale, grad, |y, t| {
                let positive = if y > T::ZERO { y } else { T::ZERO };
                let tail = F::ln_1p(F::exp(-y.abs()));
                ((positive - y * t) + tail, sigmoid::<T, F>(y) - t)
            }),
            Loss::CrossEntropy => cross_entropy::<T, F>(y, target, scale, grad),
        }
    }
}

/// Losses that are a sum over outputs of a function of one output and its target.
fn each<T: Real>(
    y: &[T],
    target: Target<'_, T>,
    scale: T,
    grad: &mut [T],
    f: impl Fn(T, T) -> (T, T),
) -> T {
    let target = match (target, y.len()) {
        // One output: class 1 has the value 1 at output 0, class 0 nowhere.
        (Target::Class(class), 1) => Target::Class(class ^ 1),
        _ => target,
    };
    let mut sum = T::ZERO;
    for (o, (y, grad)) in y.iter().zip(grad).enumerate() {
        let (loss, slope) = f(*y, target.value(o));
        sum += loss;
        *grad = scale * slope;
    }
    sum
}

/// The largest output of a sample, NaNs left out unless it begins with one.
fn largest<T: Real>(y: &[T]) -> T {
    let mut largest = y.first().copied().unwrap_or(T::ZERO);
    for &y in y {
        largest = if y > largest { y } else { largest };
    }
    largest
}

/// `e^(y_c - m)` for all outputs of all samples in turn, which vectorises. A NaN that [`largest`] left
/// out makes its exponential, hence the loss, NaN.
fn exponentials<T: Real, F: Math<T>>(y: &[T], outputs: usize, to: &mut [T]) {
    for (y, to) in y.chunks(outputs).zip(to.chunks_mut(outputs)) {
        let largest = largest(y);
        for (to, y) in to.iter_mut().zip(y) {
            *to = *y - largest;
        }
    }
    for x in to.iter_mut().take(y.len()) {
        *x = F::exp(*x);
    }
}

fn cross_entropy<T: Real, F: Math<T>>(
    y: &[T],
    target: Target<'_, T>,
    scale: T,
    grad: &mut [T],
) -> T {
    let mut sum = T::ZERO;
    for e in grad.iter() {
        sum += *e;
    }
    let (ln_sum, largest) = (F::ln(sum), largest(y));
    let values = match target {
        Target::Values(values) => values,
        Target::Class(class) => {
            // The same for a target of 1, and of 0 elsewhere: products with them and sums are exact.
            let own = grad.get(class).copied().unwrap_or(T::ZERO);
            for grad in grad.iter_mut() {
                *grad = scale * (*grad / sum);
            }
            if let Some(grad) = grad.get_mut(class) {
                *grad = scale * (own / sum - T::ONE);
            }
            return ln_sum + (largest - y.get(class).copied().unwrap_or(largest));
        }
    };
    let (mut loss, mut mass) = (T::ZERO, T::ZERO);
    for (&y, &t) in y.iter().zip(values) {
        // Skipping targets of 0 keeps an infinite distance to another class out of the loss.
        if t != T::ZERO {
            loss += t * (ln_sum + (largest - y));
            mass += t;
        }
    }
    for (grad, &t) in grad.iter_mut().zip(values) {
        *grad = scale * (*grad / sum * mass - t);
    }
    loss
}
