//! The forward product of a dense layer for large registers: samples side by side.
//!
//! `y[s][o] = b[o] + sum_i W[o][i] x[s][i]`, as in `dense`: one accumulator a result, from `b[o]`, `i`
//! ascending. The samples of a batch lie far apart; here `x` is turned, [`PANEL`] inputs of
//! [`SAMPLES`] samples at a time, into a panel on the stack in which they are neighbours. A tile of
//! [`ROWS`] outputs by all samples then has its sums in registers and takes, an input, one row of
//! the panel and [`ROWS`] weights. Between panels, sums are kept in `y`.
//!
//! Turning costs a move per input and sample, for all outputs together: some 5 % of the time of
//! 784 inputs and 128 outputs, where turning the weights in registers took half of it.

use super::dense::{ROWS, rows};
use crate::real::Real;

/// Samples of a tile.
pub(super) const SAMPLES: usize = 16;

/// Whether the sums of a tile leave room in registers of so many bytes, of which there are 16 of 32, 32
/// of 64.
pub(super) const fn fits_registers<T>(bytes: usize) -> bool {
    SAMPLES * size_of::<T>() <= 2 * bytes
}

/// The most inputs of a panel, which is 16 KiB of float32 then and stays in a cache.
const PANEL: usize = 256;
/// Of a small layer, so that little has to be set to zero.
const SMALL: usize = 64;

/// A row of the panel: one input of all samples.
type Abreast<T> = [T; SAMPLES];

/// All outputs of at most [`SAMPLES`] samples. Lengths fit each other, and `bias` is not empty.
#[inline(always)]
pub(super) fn forward<T: Real>(weights: &[T], bias: &[T], x: &[T], y: &mut [T]) {
    let inputs = weights.len().checked_div(bias.len()).unwrap_or(0);
    if inputs <= SMALL {
        panels::<T, SMALL>(weights, inputs, bias, x, y);
    } else {
        panels::<T, PANEL>(weights, inputs, bias, x, y);
    }
}

/// [`forward`] with panels of at most `P` inputs, all of about one length.
#[inline(always)]
fn panels<T: Real, const P: usize>(weights: &[T], inputs: usize, bias: &[T], x: &[T], y: &mut [T]) {
    let outputs = bias.len();
    for y in y.chunks_mut(outputs.max(1)) {
        super::copy(y, bias);
    }
    let mut panel = [[T::ZERO; SAMPLES]; P];
    let depth = inputs.div_ceil(inputs.div_ceil(P).max(1)).max(1);
    for start in (0..inputs).step_by(depth) {
        let panel = panel.get_mut(..depth.min(inputs - start)).unwrap_or_default();
        turn(x, inputs, start, panel);
        for (o, w) in weights.chunks(inputs * ROWS).enumerate() {
            let first = o * ROWS;
            if let Some(w) = rows::<T, ROWS>(w, inputs) {
                let y = Tile { y, outputs, first };
                tile(w.map(|w| w.get(start..).unwrap_or_default()), panel, y);
            } else {
                for (o, w) in w.chunks(inputs).enumerate() {
                    let y = Tile { y, outputs, first: first + o };
                    tile([w.get(start..).unwrap_or_default()], panel, y);
                }
            }
        }
    }
}

/// Where the results of a tile lie.
struct Tile<'a, T> {
    y: &'a mut [T],
    outputs: usize,
    first: usize,
}

/// What the inputs of `panel` add to the outputs with these weights.
#[inline(always)]
fn tile<T: Real, const O: usize>(weights: [&[T]; O], panel: &[Abreast<T>], to: Tile<'_, T>) {
    let Tile { y, outputs, first } = to;
    let mut indexed = [[T::ZERO; SAMPLES]; O];
    for (s, y) in y.chunks(outputs).take(SAMPLES).enumerate() {
        if let Some(y) = y.get(first..).and_then(<[T]>::first_chunk::<O>) {
            for (sums, y) in indexed.iter_mut().zip(y) {
                sums[s] = *y;
            }
        }
    }
    // What is indexed at run time has an address; these stay in registers.
    let mut sums = indexed;
    if let [a, b, c, d] = weights.as_slice() {
        // One check of an index serves all that is zipped.
        for ((((x, a), b), c), d) in panel.iter().zip(*a).zip(*b).zip(*c).zip(*d) {
            for (sums, w) in sums.iter_mut().zip([a, b, c, d]) {
                add(sums, *w, x);
            }
        }
    } else {
        for (sums, w) in sums.iter_mut().zip(weights) {
            for (x, w) in panel.iter().zip(w) {
                add(sums, *w, x);
            }
        }
    }
    let indexed = sums;
    for (s, y) in y.chunks_mut(outputs).take(SAMPLES).enumerate() {
        if let Some(y) = y.get_mut(first..).and_then(<[T]>::first_chunk_mut::<O>) {
            for (y, sums) in y.iter_mut().zip(&indexed) {
                *y = sums[s];
            }
        }
    }
}

#[inline(always)]
fn add<T: Real>(sums: &mut Abreast<T>, w: T, x: &Abreast<T>) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += w * *x;
    }
}

/// Fills `panel` with columns of `x` (rows of `inputs`), from `start` on.
#[inline(always)]
fn turn<T: Real>(x: &[T], inputs: usize, start: usize, panel: &mut [Abreast<T>]) {
    let n = panel.len();
    let Some(first) = part(x, start, n) else { return };
    // Of a sample that is missing nothing is kept: the first serves.
    let mut samples = [first; SAMPLES];
    for (sample, row) in samples.iter_mut().zip(x.chunks(inputs)) {
        *sample = part(row, start, n).unwrap_or(first);
    }
    for (q, quarter) in samples.as_chunks().0.iter().enumerate() {
        let [a, b, c, d] = *quarter;
        for ((((to, a), b), c), d) in panel.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            if let Some(to) = to.as_chunks_mut().0.get_mut(q) {
                *to = [*a, *b, *c, *d];
            }
        }
    }
}

/// `n` elements from `start` on.
#[inline(always)]
fn part<T>(x: &[T], start: usize, n: usize) -> Option<&[T]> {
    x.get(start..)?.get(..n)
}
