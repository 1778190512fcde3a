//! Dense layers on all cores: results are shared out, never the terms of one, so that the bits are
//! those of one thread. Products are shared out by samples, gradients of weights by outputs.

use aadl_core::Real;
use aadl_core::kernels::Kernels;
use rayon::prelude::*;

/// Samples and outputs come to a thread in multiples of these, which tiles are made of.
const SAMPLES: usize = 8;
const OUTPUTS: usize = 4;

/// How many of `count` results each thread takes, in multiples of `tile`, or `None` where one thread
/// takes all: less than `long` products, or slices that do not fit each other, which the kernels answer
/// for.
fn share(
    count: usize,
    tile: usize,
    [samples, weights]: [usize; 2],
    long: usize,
    fit: bool,
) -> Option<usize> {
    if !fit || count == 0 || samples.saturating_mul(weights) < long {
        return None;
    }
    // Asked last: the question starts the threads.
    let threads = rayon::current_num_threads();
    (threads > 1).then(|| count.div_ceil(threads).next_multiple_of(tile))
}

pub(super) fn forward<K: Kernels, const LONG: usize, T: Real>(
    weights: &[T],
    bias: &[T],
    x: &[T],
    y: &mut [T],
) {
    let outputs = bias.len().max(1);
    let (width, samples) = (weights.len() / outputs, y.len() / outputs);
    let fit = width > 0
        && y.len() == samples * bias.len()
        && weights.len() == width * bias.len()
        && x.len() == samples * width;
    match share(samples, SAMPLES, [samples, weights.len()], LONG, fit) {
        Some(share) => y
            .par_chunks_mut(share * outputs)
            .zip(x.par_chunks(share * width))
            .for_each(|(y, x)| K::dense_forward(weights, bias, x, y)),
        None => K::dense_forward(weights, bias, x, y),
    }
}

pub(super) fn backward_input<K: Kernels, const LONG: usize, T: Real>(
    weights: &[T],
    outputs: usize,
    delta: &[T],
    upstream: &mut [T],
) {
    let width = weights.len().checked_div(outputs).unwrap_or(0);
    let samples = delta.len().checked_div(outputs).unwrap_or(0);
    let fit = width > 0
        && weights.len() == width * outputs
        && delta.len() == samples * outputs
        && upstream.len() == samples * width;
    match share(samples, SAMPLES, [samples, weights.len()], LONG, fit) {
        Some(share) => upstream
            .par_chunks_mut(share * width)
            .zip(delta.par_chunks(share * outputs))
            .for_each(|(upstream, delta)| {
                K::dense_backward_input(weights, outputs, delta, upstream);
            }),
        None => K::dense_backward_input(weights, outputs, delta, upstream),
    }
}

/// Each thread takes some outputs of all samples, whose deltas lie apart: it works on a copy of them.
pub(super) fn backward_weights<const LONG: usize, T: Real>(
    delta: &[T],
    inputs: &[T],
    weights: &mut [T],
    bias: &mut [T],
    kernel: impl Fn(&[T], &[T], &mut [T], &mut [T]) + Sync,
) {
    let outputs = bias.len().max(1);
    let (width, samples) = (weights.len() / outputs, delta.len() / outputs);
    let fit = width > 0
        && weights.len() == width * bias.len()
        && delta.len() == samples * bias.len()
        && inputs.len() == samples * width;
    let Some(share) = share(outputs, OUTPUTS, [samples, weights.len()], LONG, fit) else {
        return kernel(delta, inputs, weights, bias);
    };
    weights.par_chunks_mut(share * width).zip(bias.par_chunks_mut(share)).enumerate().for_each(
        |(i, (weights, bias))| {
            let some = i * share..i * share + bias.len();
            let delta: Vec<T> =
                delta.chunks(outputs).flat_map(|row| row[some.clone()].iter().copied()).collect();
            kernel(&delta, inputs, weights, bias);
        },
    );
}
