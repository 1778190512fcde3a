//! The three products of a dense layer, in portable Rust.
//!
//! With `W` the weights (`outputs x inputs`, row-major), `b` the biases, `x` the inputs of a batch
//! (`batch x inputs`), `y` its outputs and `d` the gradient with respect to them
//! (`batch x outputs`):
//!
//! | function | computes | order of each result's one accumulator |
//! |---|---|---|
//! | [`forward`] | `y[s][o] = b[o] + sum_i W[o][i] x[s][i]` | from `b[o]`, `i` ascending |
//! | [`backward_input`] | `g[s][i] = sum_o d[s][o] W[o][i]` | from 0, `o` ascending |
//! | [`backward_weights`] | `W'[o][i] += sum_s d[s][o] x[s][i]`, `b'[o] += sum_s d[s][o]` | from what is there, `s` ascending |
//!
//! Each costs `batch * outputs * inputs` multiplications and additions. All three work on register
//! tiles, whose shape changes speed only: a result's accumulator never meets another's. The tile
//! lies across results (outputs, samples or inputs), so that vector units serve many accumulators
//! at once, and no sum is split.

use crate::real::Real;

/// Outputs (or samples, in [`backward_input`]) of a tile.
const ROWS: usize = 4;
/// Whether the target has vector registers to fill; 32-bit ones have a scalar unit at best.
const WIDE: bool = cfg!(target_pointer_width = "64");
/// Samples of a tile of [`forward`].
const SAMPLES: usize = if WIDE { 8 } else { 2 };
/// Inputs of a tile of the backward products. With more than 16 sums in a tile, compilers for
/// x86-64's baseline keep them in memory, unvectorised: 3 instead of 10 to 13 products a
/// nanosecond.
const COLUMNS: usize = 4;
/// Inputs that [`forward`] takes at a time, so that weights can be turned in registers.
const DEPTH: usize = 4;

pub(super) fn forward<T: Real>(weights: &[T], bias: &[T], inputs: &[T], outputs: &mut [T]) {
    let layer = Layer { weights, bias, inputs: columns(weights, bias.len()), outputs: bias.len() };
    if layer.inputs == 0 {
        return;
    }
    let (block_in, block_out) =
        (layer.inputs.saturating_mul(SAMPLES), layer.outputs.saturating_mul(SAMPLES));
    for (x, y) in inputs.chunks(block_in).zip(outputs.chunks_mut(block_out)) {
        if x.len() == block_in && y.len() == block_out {
            layer.forward::<SAMPLES>(x, y);
        } else {
            for (x, y) in x.chunks(layer.inputs).zip(y.chunks_mut(layer.outputs)) {
                layer.forward::<1>(x, y);
            }
        }
    }
}

/// The width of a matrix of `rows` rows; 0 where it has none.
fn columns<T>(matrix: &[T], rows: usize) -> usize {
    matrix.len().checked_div(rows).unwrap_or(0)
}

/// A row by chunks of [`DEPTH`], and what is left over.
type Row<'a, T> = (&'a [[T; DEPTH]], &'a [T]);

struct Layer<'a, T> {
    weights: &'a [T],
    bias: &'a [T],
    inputs: usize,
    outputs: usize,
}

impl<T: Real> Layer<'_, T> {
    /// All outputs of `S` samples.
    #[inline(always)]
    fn forward<const S: usize>(&self, x: &[T], y: &mut [T]) {
        let rows = self.inputs.saturating_mul(ROWS);
        let mut first = 0;
        for (w, b) in self.weights.chunks(rows).zip(self.bias.chunks(ROWS)) {
            if let Some(b) = b.first_chunk::<ROWS>() {
                self.forward_tile::<ROWS, S>(w, *b, x, y, first);
            } else {
                for (o, (w, b)) in w.chunks(self.inputs).zip(b).enumerate() {
                    self.forward_tile::<1, S>(w, [*b], x, y, first + o);
                }
            }
            first += ROWS;
        }
    }

    /// `O` outputs, beginning with `first`, of `S` samples.
    #[inline(always)]
    fn forward_tile<const O: usize, const S: usize>(
        &self,
        weights: &[T],
        bias: [T; O],
        x: &[T],
        y: &mut [T],
        first: usize,
    ) {
        let (mut w, mut x) = (weights.chunks(self.inputs), x.chunks(self.inputs));
        let w: [Row<'_, T>; O] = core::array::from_fn(|_| w.next().unwrap_or_default().as_chunks());
        let x: [Row<'_, T>; S] = core::array::from_fn(|_| x.next().unwrap_or_default().as_chunks());
        let mut sums = [bias; S];
        for k in 0..self.inputs / DEPTH {
            let w = w.map(|(chunks, _)| chunks.get(k).copied().unwrap_or_default());
            let x = x.map(|(chunks, _)| chunks.get(k).copied().unwrap_or_default());
            for i in 0..DEPTH {
                let turned: [T; O] = core::array::from_fn(|o| w[o][i]);
                for (sums, x) in sums.iter_mut().zip(&x) {
                    for (sum, w) in sums.iter_mut().zip(&turned) {
                        *sum += *w * x[i];
                    }
                }
            }
        }
        for k in 0..self.inputs % DEPTH {
            let w = w.map(|(_, rest)| rest.get(k).copied().unwrap_or_default());
            for (sums, (_, x)) in sums.iter_mut().zip(x) {
                let x = x.get(k).copied().unwrap_or_default();
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum += w * x;
                }
            }
        }
        for (sums, y) in sums.iter().zip(y.chunks_mut(self.outputs)) {
            if let Some(y) = y.get_mut(first..).and_then(<[T]>::first_chunk_mut) {
                *y = *sums;
            }
        }
    }
}

pub(super) fn backward_input<T: Real>(
    weights: &[T],
    outputs: usize,
    delta: &[T],
    upstream: &mut [T],
) {
    upstream.fill(T::ZERO);
    let inputs = columns(weights, outputs);
    if inputs == 0 {
        return;
    }
    let (block_in, block_out) = (inputs.saturating_mul(ROWS), outputs.saturating_mul(ROWS));
    for (d, g) in delta.chunks(block_out).zip(upstream.chunks_mut(block_in)) {
        if d.len() == block_out && g.len() == block_in {
            backward_input_rows::<T, ROWS>(weights, d, outputs, g, inputs);
        } else {
            for (d, g) in d.chunks(outputs).zip(g.chunks_mut(inputs)) {
                backward_input_rows::<T, 1>(weights, d, outputs, g, inputs);
            }
        }
    }
}

/// The gradient with respect to the inputs of `R` samples.
#[inline(always)]
fn backward_input_rows<T: Real, const R: usize>(
    weights: &[T],
    delta: &[T],
    outputs: usize,
    upstream: &mut [T],
    inputs: usize,
) {
    let mut rows = delta.chunks(outputs);
    let delta: [&[T]; R] = core::array::from_fn(|_| rows.next().unwrap_or_default());
    let factors = |o: usize| delta.map(|d| d.get(o).copied().unwrap_or_default());
    let mut first = 0;
    while first < inputs {
        let w = weights.get(first..).unwrap_or_default().chunks(inputs);
        let g = upstream.get_mut(first..).unwrap_or_default();
        let factors = (0..outputs).map(factors);
        first += if inputs - first >= COLUMNS {
            tile::<T, R, COLUMNS>(factors.zip(w), g, inputs)
        } else {
            tile::<T, R, 1>(factors.zip(w), g, inputs)
        };
    }
}

pub(super) fn backward_weights<T: Real>(
    delta: &[T],
    inputs: &[T],
    weights: &mut [T],
    bias: &mut [T],
) {
    let (outputs, columns) = (bias.len(), columns(weights, bias.len()));
    if columns == 0 {
        return;
    }
    for d in delta.chunks_exact(outputs) {
        for (b, d) in bias.iter_mut().zip(d) {
            *b += *d;
        }
    }
    let mut first = 0;
    let weights = weights.get_mut(..outputs * columns).unwrap_or_default();
    for w in weights.chunks_mut(columns.saturating_mul(ROWS)) {
        let d = delta.get(first..).unwrap_or_default();
        if outputs - first >= ROWS {
            backward_weights_rows::<T, ROWS>(d, outputs, inputs, w, columns);
        } else {
            for (o, w) in w.chunks_mut(columns).enumerate() {
                let d = d.get(o..).unwrap_or_default();
                backward_weights_rows::<T, 1>(d, outputs, inputs, w, columns);
            }
        }
        first += ROWS;
    }
}

/// The gradient with respect to the weights of `R` outputs; `delta` begins with the first of them.
#[inline(always)]
fn backward_weights_rows<T: Real, const R: usize>(
    delta: &[T],
    outputs: usize,
    inputs: &[T],
    weights: &mut [T],
    columns: usize,
) {
    let mut first = 0;
    while first < columns {
        let factors =
            delta.chunks(outputs).map(|d| d.first_chunk().copied().unwrap_or([T::ZERO; R]));
        let x = inputs.get(first..).unwrap_or_default().chunks(columns);
        let w = weights.get_mut(first..).unwrap_or_default();
        first += if columns - first >= COLUMNS {
            tile::<T, R, COLUMNS>(factors.zip(x), w, columns)
        } else {
            tile::<T, R, 1>(factors.zip(x), w, columns)
        };
    }
}

/// `sums[r][c] += factors[r] * row[c]` over the terms in order, for the first `C` elements of `R`
/// rows of `width`. Returns `C`.
#[inline(always)]
fn tile<'a, T: Real, const R: usize, const C: usize>(
    terms: impl Iterator<Item = ([T; R], &'a [T])>,
    results: &mut [T],
    width: usize,
) -> usize {
    let mut sums = [[T::ZERO; C]; R];
    for (sums, row) in sums.iter_mut().zip(results.chunks(width)) {
        *sums = row.first_chunk().copied().unwrap_or(*sums);
    }
    for (factors, row) in terms {
        let Some(row) = row.first_chunk::<C>() else { continue };
        for (sums, factor) in sums.iter_mut().zip(&factors) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += *factor * *x;
            }
        }
    }
    for (sums, row) in sums.iter().zip(results.chunks_mut(width)) {
        if let Some(row) = row.first_chunk_mut() {
            *row = *sums;
        }
    }
    C
}
