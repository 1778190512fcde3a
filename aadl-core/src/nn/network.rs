//! Dense networks: shapes, prediction, loss, and the gradient by backpropagation (Rumelhart,
//! Hinton & Williams, Nature 1986).
//!
//! Layer `k` computes `a_k = act_k(W_k a_(k-1) + b_k)` from the inputs `a_0`. With `d_k` the
//! gradient of the loss with respect to the sums of layer `k`,
//!
//! - `d_L = loss'(a_L) act_L'`, and `d_(k-1) = (W_k' d_k) act_(k-1)'`, element by element;
//! - `grad W_k = sum_s d_k[s] a_(k-1)[s]'`, `grad b_k = sum_s d_k[s]`.
//!
//! # Order, and why the scratch does not matter
//! A batch is processed in tiles of as many samples as the scratch holds, [`TILE`] at most. Samples
//! do not meet in a forward pass; each gradient entry has one accumulator, which starts at zero and
//! takes the samples in ascending order, whichever tile they lie in; each sample's loss is
//! summed over its outputs in `T`, these are summed over samples in float64, ascending, and the
//! mean is rounded to `T` once. So results have the same bits for every size of scratch.
//!
//! # Scratch
//! A sample needs all `a_k` and one gradient as wide as the widest layer: `d_k` replaces `a_k` in
//! place, since activations give their derivative from their value.
//!
//! # Cost
//! With `P` parameters: forward `P` multiplications and additions a sample, backward `2 P` less
//! the first layer's weights (nothing needs the gradient with respect to the inputs). Each call
//! reads parameters, inputs and targets once more, to find what is not finite.

use core::fmt;
use core::marker::PhantomData;

use super::activation::Activation;
use super::loss::{Loss, Target, Targets};
use crate::error::{Error, check_length};
use crate::kernels::{Kernels, Portable, first_non_finite};
use crate::math::{Libm, Math};
use crate::real::Real;

/// The most samples that are processed at once. More would leave the caches of a desktop and gain
/// nothing; one, the least, costs speed only.
pub const TILE: usize = 32;

/// One dense layer: `outputs` sums over `inputs` values and a bias, and what is done to each sum.
///
/// ```
/// use aadl_core::nn::{Activation, Layer};
/// const HIDDEN: Layer = Layer::dense(64, 16, Activation::Relu);
/// assert_eq!(HIDDEN.params(), 64 * 16 + 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layer {
    /// Values that enter.
    pub inputs: usize,
    /// Values that leave.
    pub outputs: usize,
    /// Applied to each sum.
    pub activation: Activation,
}

impl Layer {
    /// A layer of these shapes. They are checked by [`Network::new`].
    pub const fn dense(inputs: usize, outputs: usize, activation: Activation) -> Self {
        Self { inputs, outputs, activation }
    }

    /// Weights and biases: `outputs * (inputs + 1)`, at most `usize::MAX`.
    pub const fn params(&self) -> usize {
        self.outputs.saturating_mul(self.inputs.saturating_add(1))
    }
}

/// A network on a table of layers, which is all it holds: parameters are given with each call.
///
/// `F` computes the transcendentals, `K` the products; neither is stored.
///
/// ```
/// use aadl_core::nn::{Activation, Layer, Network};
/// const NET: Network = match Network::new(&[
///     Layer::dense(64, 16, Activation::Relu),
///     Layer::dense(16, 10, Activation::Identity),
/// ]) {
///     Ok(net) => net,
///     Err(_) => panic!("the layers do not fit together"),
/// };
/// static PARAMS: [f32; NET.params()] = [0.0; NET.params()];
/// assert_eq!(PARAMS.len(), 1210);
/// let mut outputs = [1.0; 10];
/// NET.predict(&PARAMS, &[0.5; 64], &mut outputs, &mut [0.0; NET.scratch(1)])?;
/// assert_eq!(outputs, [0.0; 10]);
/// # Ok::<(), aadl_core::Error>(())
/// ```
pub struct Network<'a, F = Libm, K = Portable> {
    layers: &'a [Layer],
    engine: PhantomData<fn() -> (F, K)>,
}

// By hand, because deriving would ask for the same of `F` and `K`.
impl<F, K> Clone for Network<'_, F, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, K> Copy for Network<'_, F, K> {}

impl<F, K> fmt::Debug for Network<'_, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("layers", &self.layers).finish()
    }
}

impl<'a, F, K> Network<'a, F, K> {
    /// A network of these layers, the first of which takes the inputs.
    ///
    /// # Errors
    /// [`Error::Config`] of `layers`, if there are none, if one has no inputs or no outputs, if
    /// one does not take what the one before gives, or if there are more parameters than a slice
    /// can hold; of `slope`, if a leaky ReLU's is negative or not finite in float32.
    pub const fn new(layers: &'a [Layer]) -> Result<Self, Error> {
        if layers.is_empty() {
            return Err(Error::Config { field: "layers", requires: "at least one layer" });
        }
        let (mut rest, mut width, mut total) = (layers, 0, 0usize);
        while let [layer, tail @ ..] = rest {
            if layer.inputs == 0 || layer.outputs == 0 {
                return Err(Error::Config { field: "layers", requires: "inputs > 0, outputs > 0" });
            }
            if width != 0 && layer.inputs != width {
                let requires = "inputs = outputs of the layer before";
                return Err(Error::Config { field: "layers", requires });
            }
            if !layer.activation.is_valid() {
                return Err(Error::Config { field: "slope", requires: "0 <= slope, finite" });
            }
            // Two per unit more than the parameters: the scratch of a sample fits too.
            total = total
                .saturating_add(layer.params())
                .saturating_add(layer.outputs.saturating_mul(2));
            if total > (isize::MAX / 8) as usize {
                return Err(Error::Config { field: "layers", requires: "fewer parameters" });
            }
            (rest, width) = (tail, layer.outputs);
        }
        Ok(Self { layers, engine: PhantomData })
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// Elements of a sample's inputs.
    pub const fn inputs(&self) -> usize {
        match self.layers {
            [first, ..] => first.inputs,
            [] => 0,
        }
    }

    /// Elements of a sample's outputs.
    pub const fn outputs(&self) -> usize {
        match self.layers {
            [.., last] => last.outputs,
            [] => 0,
        }
    }

    /// Elements of the parameters and of the gradient.
    pub const fn params(&self) -> usize {
        let (mut rest, mut total) = (self.layers, 0);
        while let [layer, tail @ ..] = rest {
            total += layer.params();
            rest = tail;
        }
        total
    }

    /// Elements of scratch with which `batch` samples are processed at once: that many times the
    /// sum of the layers' outputs and the largest of them. Every call needs `scratch(1)`, uses
    /// at most `scratch(`[`TILE`]`)`, and computes the same bits whatever it is given.
    pub const fn scratch(&self, batch: usize) -> usize {
        let (mut rest, mut values, mut widest) = (self.layers, 0, 0);
        while let [layer, tail @ ..] = rest {
            values += layer.outputs;
            widest = if layer.outputs > widest { layer.outputs } else { widest };
            rest = tail;
        }
        batch.saturating_mul(values + widest)
    }
}

impl<F, K: Kernels> Network<'_, F, K> {
    /// The outputs of a batch: `inputs` is `batch x inputs`, `outputs` becomes `batch x outputs`.
    /// `scratch` has at least [`Network::scratch`]`(1)` elements, whose values do not matter.
    ///
    /// # Errors
    /// [`Error::Length`] of `params`, `inputs` (not a positive multiple), `outputs` or `scratch`;
    /// [`Error::NonFinite`] of `params` or `inputs`. `outputs` is unchanged then. Outputs that
    /// overflow are not an error here.
    pub fn predict<T: Real>(
        &self,
        params: &[T],
        inputs: &[T],
        outputs: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), Error>
    where
        F: Math<T>,
    {
        let batch = self.batch(inputs)?;
        check_length("outputs", batch.saturating_mul(self.outputs()), outputs.len())?;
        let mut rows = outputs.chunks_exact_mut(self.widths().1);
        self.for_each_output(params, inputs, scratch, |output| {
            if let Some(row) = rows.next() {
                row.copy_from_slice(output);
            }
            Ok(())
        })
    }

    /// The mean loss of a batch. Shapes are those of [`Network::loss_and_gradient`], and so are
    /// the bits.
    ///
    /// # Errors
    /// Those of [`Network::loss_and_gradient`].
    pub fn loss<T: Real>(
        &self,
        loss: Loss,
        params: &[T],
        inputs: &[T],
        targets: Targets<'_, T>,
        scratch: &mut [T],
    ) -> Result<T, Error>
    where
        F: Math<T>,
    {
        self.evaluate(loss, params, inputs, targets, None, scratch)
    }

    /// The mean loss of a batch and its gradient with respect to the parameters.
    ///
    /// `inputs` is `batch x inputs`, `targets` as [`Targets`] says, `grad` as long as `params`,
    /// `scratch` has at least [`Network::scratch`]`(1)` elements. What `grad` and `scratch` hold
    /// before does not matter.
    ///
    /// # Errors
    /// [`Error::Length`] of `params`, `inputs` (not a positive multiple), `targets`, `grad` or
    /// `scratch`; [`Error::NonFinite`] of `params`, `inputs` or `targets`; [`Error::OutOfRange`]
    /// of `targets`, for a class that does not exist; [`Error::Config`] of `delta`. `grad` is
    /// unchanged after these.
    ///
    /// [`Error::NonFinite`] of `loss`, with the index of the first sample whose loss overflowed
    /// (or of the last one, if only the mean did not fit `T`): `grad` holds nothing of use then.
    /// Where the loss is finite, an entry of the gradient can still have overflowed; optimizers
    /// check that.
    pub fn loss_and_gradient<T: Real>(
        &self,
        loss: Loss,
        params: &[T],
        inputs: &[T],
        targets: Targets<'_, T>,
        grad: &mut [T],
        scratch: &mut [T],
    ) -> Result<T, Error>
    where
        F: Math<T>,
    {
        self.evaluate(loss, params, inputs, targets, Some(grad), scratch)
    }

    fn evaluate<T: Real>(
        &self,
        loss: Loss,
        params: &[T],
        inputs: &[T],
        targets: Targets<'_, T>,
        grad: Option<&mut [T]>,
        scratch: &mut [T],
    ) -> Result<T, Error>
    where
        F: Math<T>,
    {
        let batch = self.batch(inputs)?;
        self.check_targets(loss, batch, targets)?;
        if let Some(grad) = &grad {
            check_length("grad", self.params(), grad.len())?;
        }
        let tile = self.tile(params, inputs, scratch)?;
        let mut grad = grad;
        if let Some(grad) = &mut grad {
            grad.fill(T::ZERO);
        }
        let (width, width_out) = self.widths();
        let terms = loss.terms(batch, width_out);
        let scale = T::from_f64(1.0 / terms);
        let (mut total, mut sample) = (0.0f64, 0usize);
        for x in inputs.chunks(width.saturating_mul(tile)) {
            let samples = x.len() / width;
            let (values, upstream) = self.split(scratch, samples);
            self.forward(params, x, values, samples);
            let rows = last(values, samples * width_out).chunks(width_out);
            for (y, g) in rows.zip(upstream.chunks_mut(width_out)) {
                let part = loss.sample::<T, F>(y, self.target(targets, sample), scale, g);
                if !part.is_finite() {
                    return Err(Error::NonFinite { what: "loss", index: sample });
                }
                total += part.to_f64();
                sample += 1;
            }
            if let Some(grad) = &mut grad {
                self.backward(params, x, values, upstream, grad, samples);
            }
        }
        let mean = T::from_f64(total / terms);
        if !mean.is_finite() {
            return Err(Error::NonFinite { what: "loss", index: sample.saturating_sub(1) });
        }
        Ok(mean)
    }

    /// Calls `f` with the outputs of each sample, in order.
    pub(super) fn for_each_output<T: Real>(
        &self,
        params: &[T],
        inputs: &[T],
        scratch: &mut [T],
        mut f: impl FnMut(&[T]) -> Result<(), Error>,
    ) -> Result<(), Error>
    where
        F: Math<T>,
    {
        self.batch(inputs)?;
        let tile = self.tile(params, inputs, scratch)?;
        let (width, width_out) = self.widths();
        for x in inputs.chunks(width.saturating_mul(tile)) {
            let samples = x.len() / width;
            let (values, _) = self.split(scratch, samples);
            self.forward(params, x, values, samples);
            last(values, samples * width_out).chunks(width_out).try_for_each(&mut f)?;
        }
        Ok(())
    }

    /// Inputs and outputs. They are not zero ([`Network::new`]); `max` tells the compiler.
    fn widths(&self) -> (usize, usize) {
        (self.inputs().max(1), self.outputs().max(1))
    }

    /// The number of samples.
    pub(super) fn batch<T>(&self, inputs: &[T]) -> Result<usize, Error> {
        let (width, found) = (self.widths().0, inputs.len());
        let batch = found.div_ceil(width).max(1);
        check_length("inputs", batch.saturating_mul(width), found).map(|()| batch)
    }

    /// Checks the targets and the loss's own setting.
    pub(super) fn check_targets<T: Real>(
        &self,
        loss: Loss,
        batch: usize,
        targets: Targets<'_, T>,
    ) -> Result<(), Error> {
        if let Loss::Huber { delta } = loss {
            let delta = T::from_f64(delta);
            if !(delta > T::ZERO && delta.is_finite()) {
                return Err(Error::Config { field: "delta", requires: "0 < delta, finite" });
            }
        }
        match targets {
            Targets::Values(values) => {
                check_length("targets", batch.saturating_mul(self.outputs()), values.len())?;
                check_finite::<T, K>("targets", values)
            }
            Targets::Classes(classes) => {
                check_length("targets", batch, classes.len())?;
                let limit = loss.classes(self.outputs());
                match classes.iter().position(|class| usize::from(*class) >= limit) {
                    Some(index) => Err(Error::OutOfRange { what: "targets", index, limit }),
                    None => Ok(()),
                }
            }
        }
    }

    /// Checks parameters, inputs and scratch; how many samples the scratch holds.
    fn tile<T: Real>(&self, params: &[T], inputs: &[T], scratch: &[T]) -> Result<usize, Error> {
        check_length("params", self.params(), params.len())?;
        let one = self.scratch(1);
        let tile = scratch.len().checked_div(one).unwrap_or(0).min(TILE);
        if tile == 0 {
            return Err(Error::Length { what: "scratch", expected: one, found: scratch.len() });
        }
        check_finite::<T, K>("params", params)?;
        check_finite::<T, K>("inputs", inputs)?;
        Ok(tile)
    }

    /// The target of a sample.
    fn target<'t, T: Real>(&self, targets: Targets<'t, T>, sample: usize) -> Target<'t, T> {
        match targets {
            Targets::Values(values) => {
                let start = sample * self.outputs();
                Target::Values(values.get(start..start + self.outputs()).unwrap_or_default())
            }
            Targets::Classes(classes) => {
                Target::Class(classes.get(sample).copied().unwrap_or_default().into())
            }
        }
    }

    /// Cuts the scratch into the values of all layers and the gradient with respect to one.
    fn split<'s, T>(&self, scratch: &'s mut [T], samples: usize) -> (&'s mut [T], &'s mut [T]) {
        let mut scratch = scratch;
        let mut values = 0;
        for layer in self.layers {
            values += samples * layer.outputs;
        }
        (take(&mut scratch, values), scratch)
    }

    /// Fills `values` with `a_1 .. a_L`.
    fn forward<T: Real>(&self, params: &[T], inputs: &[T], values: &mut [T], samples: usize)
    where
        F: Math<T>,
    {
        let (mut params, mut below, mut values) = (params, inputs, values);
        for layer in self.layers {
            let weights = layer.outputs * layer.inputs;
            let (layer_params, rest) = params.split_at_checked(layer.params()).unwrap_or_default();
            let (weights, bias) = layer_params.split_at_checked(weights).unwrap_or_default();
            let above = take(&mut values, samples * layer.outputs);
            K::dense_forward(weights, bias, below, above);
            layer.activation.apply::<T, F>(above);
            (params, below) = (rest, above);
        }
    }

    /// Adds to `grad` what a tile contributes. `values` holds `a_1 .. a_L`, `upstream` begins with
    /// the gradient with respect to `a_L`; both are overwritten.
    fn backward<T: Real>(
        &self,
        params: &[T],
        inputs: &[T],
        values: &mut [T],
        upstream: &mut [T],
        grad: &mut [T],
        samples: usize,
    ) where
        F: Math<T>,
    {
        let (mut params, mut grad, mut values) = (params, grad, values);
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let delta = take_last(&mut values, samples * layer.outputs);
            layer.activation.backward::<T, F>(delta, upstream);
            let below = match k {
                0 => inputs,
                _ => last(values, samples * layer.inputs),
            };
            let grad = take_last(&mut grad, layer.params());
            let (weights, bias) =
                grad.split_at_mut_checked(layer.outputs * layer.inputs).unwrap_or_default();
            K::dense_backward_weights(delta, below, weights, bias);
            if k > 0 {
                let (rest, layer_params) = params
                    .split_at_checked(params.len().saturating_sub(layer.params()))
                    .unwrap_or_default();
                let (weights, _) =
                    layer_params.split_at_checked(layer.outputs * layer.inputs).unwrap_or_default();
                let upstream = upstream.get_mut(..samples * layer.inputs).unwrap_or_default();
                K::dense_backward_input(weights, layer.outputs, delta, upstream);
                params = rest;
            }
        }
    }
}

fn check_finite<T: Real, K: Kernels>(what: &'static str, x: &[T]) -> Result<(), Error> {
    // The maximum is fast and vectorises; the search is for the rare case.
    if K::max_magnitude(x) < T::INFINITY_BITS {
        return Ok(());
    }
    first_non_finite(x).map_or(Ok(()), |index| Err(Error::NonFinite { what, index }))
}

// The three below cannot fail where they are used, since lengths have been checked; saying "empty"
// rather than panicking keeps panics out of the program.

/// Cuts the first `n` elements off.
fn take<'t, T>(x: &mut &'t mut [T], n: usize) -> &'t mut [T] {
    let (first, rest) = core::mem::take(x).split_at_mut_checked(n).unwrap_or_default();
    *x = rest;
    first
}

/// Cuts the last `n` elements off.
fn take_last<'t, T>(x: &mut &'t mut [T], n: usize) -> &'t mut [T] {
    let start = x.len().saturating_sub(n);
    let (rest, last) = core::mem::take(x).split_at_mut_checked(start).unwrap_or_default();
    *x = rest;
    last
}

/// The last `n` elements.
fn last<T>(x: &[T], n: usize) -> &[T] {
    x.get(x.len().saturating_sub(n)..).unwrap_or_default()
}
