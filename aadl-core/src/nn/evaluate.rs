//! Prediction, loss, and the gradient by backpropagation (Rumelhart, Hinton & Williams, Nature
//! 1986).
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
//! reads inputs, targets and the sums of its first tile once more, to find what is not finite.

use super::loss::{Loss, Target, Targets};
use super::network::Network;
use crate::error::{Error, check_length};
use crate::kernels::{Kernels, first_non_finite};
use crate::math::Math;
use crate::real::Real;

/// The most samples that are processed at once. Half as many cost 2 to 8 % of a step on the host
/// (784-128-10, 64-32-10); more would leave a cache for wide layers; one, the least, costs speed only.
pub const TILE: usize = 64;

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
            let row = rows.next().unwrap_or_default();
            row.iter_mut().zip(output).for_each(|(to, from)| *to = *from);
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
        let (width, width_out) = self.widths();
        let terms = loss.terms(batch, width_out);
        let scale = T::from_f64(1.0 / terms);
        let (mut total, mut sample, mut first) = (0.0f64, 0usize, true);
        for x in inputs.chunks(width.saturating_mul(tile).max(1)) {
            let samples = x.len() / width;
            let (values, upstream) = self.split(scratch, samples);
            self.forward(params, x, values, samples, first)?;
            let y = (last(values, samples * width_out), width_out);
            let first_sample = sample;
            let target = |s| self.target(targets, first_sample + s);
            loss.tile::<T, F>(y, target, scale, upstream, |part| {
                if !part.is_finite() {
                    return Err(Error::NonFinite { what: "loss", index: sample });
                }
                total += part.to_f64();
                sample += 1;
                Ok(())
            })?;
            if let Some(grad) = &mut grad {
                self.backward(params, x, values, upstream, grad, first);
            }
            first = false;
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
        let mut first = true;
        for x in inputs.chunks(width.saturating_mul(tile).max(1)) {
            let samples = x.len() / width;
            let (values, _) = self.split(scratch, samples);
            self.forward(params, x, values, samples, core::mem::take(&mut first))?;
            last(values, samples * width_out).chunks(width_out).try_for_each(&mut f)?;
        }
        Ok(())
    }

    /// Inputs and outputs. They are not zero ([`Network::new`]); `max`, inlined, tells the compiler.
    #[inline(always)]
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

    /// Checks lengths and inputs; how many samples the scratch holds.
    fn tile<T: Real>(&self, params: &[T], inputs: &[T], scratch: &[T]) -> Result<usize, Error> {
        check_length("params", self.params(), params.len())?;
        let one = self.scratch(1);
        let tile = scratch.len().checked_div(one).unwrap_or(0).min(TILE);
        if tile == 0 {
            return Err(Error::Length { what: "scratch", expected: one, found: scratch.len() });
        }
        if !K::all_finite(inputs) {
            check_finite::<T, K>("params", params)?;
            check_finite::<T, K>("inputs", inputs)?;
        }
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
        for layer in self.layers() {
            values += samples * layer.outputs;
        }
        (take(&mut scratch, values), scratch)
    }

    /// Fills `values` with `a_1 .. a_L`. The `first` tile of a call checks the parameters: all of
    /// them enter its sums, and a sum that NaN or an infinity has entered is not finite any more.
    fn forward<T: Real>(
        &self,
        params: &[T],
        inputs: &[T],
        values: &mut [T],
        samples: usize,
        first: bool,
    ) -> Result<(), Error>
    where
        F: Math<T>,
    {
        let all = params;
        let (mut params, mut below, mut values) = (params, inputs, values);
        for layer in self.layers() {
            let weights = layer.outputs * layer.inputs;
            let (layer_params, rest) = params.split_at_checked(layer.params()).unwrap_or_default();
            let (weights, bias) = layer_params.split_at_checked(weights).unwrap_or_default();
            let above = take(&mut values, samples * layer.outputs);
            K::dense_forward(weights, bias, below, above);
            if first && !K::all_finite(above) {
                // Or the sums have overflowed, which is no error.
                check_finite::<T, K>("params", all)?;
            }
            layer.activation.apply::<T, F>(above);
            (params, below) = (rest, above);
        }
        Ok(())
    }

    /// Adds to `grad`, or to zero for the `first` tile, what a tile contributes. `values` holds `a_1 .. a_L`, `upstream` begins with
    /// the gradient with respect to `a_L`; both are overwritten.
    fn backward<T: Real>(
        &self,
        params: &[T],
        inputs: &[T],
        values: &mut [T],
        upstream: &mut [T],
        grad: &mut [T],
        first: bool,
    ) where
        F: Math<T>,
    {
        let samples = inputs.len() / self.widths().0;
        let (mut params, mut grad, mut values) = (params, grad, values);
        for (k, layer) in self.layers().iter().enumerate().rev() {
            let delta = take_last(&mut values, samples * layer.outputs);
            layer.activation.backward::<T, F>(delta, upstream);
            let below = match k {
                0 => inputs,
                _ => last(values, samples * layer.inputs),
            };
            let grad = take_last(&mut grad, layer.params());
            let (weights, bias) =
                grad.split_at_mut_checked(layer.outputs * layer.inputs).unwrap_or_default();
            if first {
                K::dense_backward_weights_from_zero(delta, below, weights, bias);
            } else {
                K::dense_backward_weights(delta, below, weights, bias);
            }
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
    // The search is for the rare case.
    if K::all_finite(x) {
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
