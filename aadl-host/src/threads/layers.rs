//! Dense layers on all cores: results are shared out, never the terms of one, so that the bits are
//! those of one thread. Products are shared out by samples, gradients of weights by outputs.

use aadl_core::Real;
use aadl_core::kernels::Kernels;
use rayon::prelude::*;

/// Samples and outputs come to a thread in multiples of these: of fewer, a tile takes about as long, where
/// registers are large; elsewhere half as many samples are a tile.
const SAMPLES: usize = 16;
const OUTPUTS: usize = 4;

/// A layer with a batch, large enough for threads.
struct Shape {
    samples: usize,
    outputs: usize,
    inputs: usize,
}

impl Shape {
    /// That of slices of these lengths: of all weights, and of the batch at the layer's either end.
    /// `None` where one thread does it: less than `long` products, or lengths that do not fit each other,
    /// which the kernels answer for.
    fn new(
        weights: usize,
        outputs: usize,
        [batch_in, batch_out]: [usize; 2],
        long: usize,
    ) -> Option<Self> {
        let inputs = weights.checked_div(outputs)?;
        let samples = batch_out / outputs;
        let fits = weights == inputs * outputs
            && batch_out == samples * outputs
            && batch_in == samples * inputs;
        let products = samples.saturating_mul(weights);
        (fits && products >= long.max(1)).then_some(Self { samples, outputs, inputs })
    }

    /// How many of `count` each thread takes.
    fn share(count: usize, tile: usize) -> usize {
        count.div_ceil(rayon::current_num_threads()).next_multiple_of(tile)
    }
}

pub(super) fn forward<K: Kernels, const LONG: usize, T: Real>(
    weights: &[T],
    bias: &[T],
    x: &[T],
    y: &mut [T],
) {
    let Some(shape) = Shape::new(weights.len(), bias.len(), [x.len(), y.len()], LONG) else {
        return K::dense_forward(weights, bias, x, y);
    };
    let share = Shape::share(shape.samples, SAMPLES);
    y.par_chunks_mut(share * shape.outputs)
        .zip(x.par_chunks(share * shape.inputs))
        .for_each(|(y, x)| K::dense_forward(weights, bias, x, y));
}

pub(super) fn backward_input<K: Kernels, const LONG: usize, T: Real>(
    weights: &[T],
    outputs: usize,
    delta: &[T],
    upstream: &mut [T],
) {
    let batch = [upstream.len(), delta.len()];
    let Some(shape) = Shape::new(weights.len(), outputs, batch, LONG) else {
        return K::dense_backward_input(weights, outputs, delta, upstream);
    };
    let share = Shape::share(shape.samples, SAMPLES);
    upstream
        .par_chunks_mut(share * shape.inputs)
        .zip(delta.par_chunks(share * outputs))
        .for_each(|(upstream, delta)| K::dense_backward_input(weights, outputs, delta, upstream));
}

/// Each thread takes some outputs of all samples, whose deltas lie apart: it works on a copy of them.
pub(super) fn backward_weights<const LONG: usize, T: Real>(
    delta: &[T],
    inputs: &[T],
    weights: &mut [T],
    bias: &mut [T],
    kernel: impl Fn(&[T], &[T], &mut [T], &mut [T]) + Sync,
) {
    let batch = [inputs.len(), delta.len()];
    let Some(shape) = Shape::new(weights.len(), bias.len(), batch, LONG) else {
        return kernel(delta, inputs, weights, bias);
    };
    let share = Shape::share(shape.outputs, OUTPUTS);
    weights
        .par_chunks_mut(share * shape.inputs)
        .zip(bias.par_chunks_mut(share))
        .enumerate()
        .for_each(|(i, (weights, bias))| {
            let some = i * share..i * share + bias.len();
            let rows = delta.chunks(shape.outputs);
            let delta: Vec<T> = rows.flat_map(|row| row[some.clone()].iter().copied()).collect();
            kernel(&delta, inputs, weights, bias);
        });
}
