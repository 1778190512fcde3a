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
//! at once, and no sum is split. Where registers are large, [`forward`] is that of `turned`, and the
//! backward products, but of some wide layers, are those of `held`.

use super::held::{self, ByResult, ByTerm, Ones};
use super::{Kernels, WIDE, turned};
use crate::real::Real;

/// Outputs (or samples, in [`backward_input`]) of a tile; twice as many outputs in [`forward`], where
/// registers are of 32 bytes.
pub(super) const ROWS: usize = 4;
/// Samples of a tile of [`forward`].
const SAMPLES: usize = if WIDE { 8 } else { 1 };
/// Terms of a tile of the backward products. More than one saves loads and stores of a batch's
/// results, some 15 % of its time on a Cortex-M4F, for 1.3 KiB of code.
const TERMS: usize = if WIDE { 4 } else { 1 };
/// Inputs of a tile of the backward products; twice as many where registers are of 32 bytes, eight
/// times where they are of 64. With more than 16 sums in a tile, compilers for x86-64's
/// baseline keep them in memory, unvectorised: 3 instead of 10 to 13 products a nanosecond.
const COLUMNS: usize = if WIDE { 4 } else { 8 };
/// Whether registers are of 32 bytes at least.
const fn large<K: Kernels + ?Sized>() -> bool {
    WIDE && K::REGISTER >= 32
}
/// Inputs that [`forward`] takes at a time, so that weights can be turned in registers; more where
/// there is nothing to turn and the loop costs.
const DEPTH: usize = if WIDE { 4 } else { 8 };

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn forward<K: Kernels + ?Sized, T: Real>(
    weights: &[T],
    bias: &[T],
    inputs: &[T],
    outputs: &mut [T],
) {
    let layer = Layer { weights, bias, inputs: columns(weights, bias.len()), outputs: bias.len() };
    if layer.inputs == 0 {
        return;
    }
    if !(large::<K>() && turned::fits_registers::<T>(K::REGISTER) && layer.is_whole()) {
        return layer.samples::<K>(inputs, outputs);
    }
    let (block_in, block_out) = layer.block(turned::SAMPLES);
    for (x, y) in inputs.chunks(block_in).zip(outputs.chunks_mut(block_out)) {
        let samples = x.len() / layer.inputs;
        let fits = x.len() == samples * layer.inputs && y.len() == samples * layer.outputs;
        // Of half of the samples or less, most work would be for nothing.
        if fits && samples > turned::SAMPLES / 2 {
            turned::forward::<K, T>(weights, bias, x, y);
        } else {
            layer.samples::<K>(x, y);
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
    /// Whether there are as many weights as inputs and outputs ask for, and outputs for a tile.
    fn is_whole(&self) -> bool {
        self.outputs >= ROWS && self.weights.len().is_multiple_of(self.outputs)
    }

    /// The inputs and the outputs of so many samples.
    fn block(&self, samples: usize) -> (usize, usize) {
        (self.inputs.saturating_mul(samples), self.outputs.saturating_mul(samples))
    }

    /// [`forward`] by tiles of [`SAMPLES`].
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn samples<K: Kernels + ?Sized>(&self, x: &[T], y: &mut [T]) {
        let (block_in, block_out) = self.block(SAMPLES);
        for (x, y) in x.chunks(block_in).zip(y.chunks_mut(block_out)) {
            if SAMPLES > 1 && x.len() == block_in && y.len() == block_out {
                if large::<K>() {
                    self.forward::<{ 2 * ROWS }, SAMPLES>(x, y);
                } else {
                    self.forward::<ROWS, SAMPLES>(x, y);
                }
            } else {
                for (x, y) in x.chunks(self.inputs).zip(y.chunks_mut(self.outputs)) {
                    self.forward::<ROWS, 1>(x, y);
                }
            }
        }
    }

    /// All outputs of `S` samples, `O` at a time.
    #[inline(always)]
    fn forward<const O: usize, const S: usize>(&self, x: &[T], y: &mut [T]) {
        let rows = self.inputs.saturating_mul(O);
        let mut first = 0;
        for (w, b) in self.weights.chunks(rows).zip(self.bias.chunks(O)) {
            if let Some(b) = b.first_chunk::<O>() {
                self.forward_tile::<O, S>(w, *b, x, y, first);
            } else {
                for (o, (w, b)) in w.chunks(self.inputs).zip(b).enumerate() {
                    self.forward_tile::<1, S>(w, [*b], x, y, first + o);
                }
            }
            first += O;
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
        let (Some(w), Some(x)) = (rows::<T, O>(weights, self.inputs), rows::<T, S>(x, self.inputs))
        else {
            return;
        };
        let (w, x): ([Row<'_, T>; O], [Row<'_, T>; S]) =
            (w.map(<[T]>::as_chunks), x.map(<[T]>::as_chunks));
        let mut sums = [bias; S];
        // Chunks by reference: where loops are not unrolled, `memcpy` would copy them.
        let zeros = [T::ZERO; DEPTH];
        for k in 0..self.inputs / DEPTH {
            let w = w.map(|(chunks, _)| chunks.get(k).unwrap_or(&zeros));
            let x = x.map(|(chunks, _)| chunks.get(k).unwrap_or(&zeros));
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

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn backward_input<K: Kernels + ?Sized, T: Real>(
    weights: &[T],
    outputs: usize,
    delta: &[T],
    upstream: &mut [T],
) {
    let inputs = columns(weights, outputs);
    let weights = weights.get(..outputs * inputs).unwrap_or_default();
    let samples = delta.len().checked_div(outputs).unwrap_or(0);
    let (upstream, rest) = upstream.split_at_mut(upstream.len().min(samples * inputs));
    rest.fill(T::ZERO);
    if large::<K>() && held::suits::<T>(inputs) {
        return held::accumulate::<K, T>(upstream, weights, inputs, ByResult(delta, outputs), true);
    }
    let factors = Factors { values: delta, result: outputs, term: 1 };
    accumulate::<K, T>(upstream, weights, inputs, factors, true);
}

/// `from_zero`: nothing is added to what `weights` and `bias` hold.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn backward_weights<K: Kernels + ?Sized, T: Real>(
    delta: &[T],
    inputs: &[T],
    weights: &mut [T],
    bias: &mut [T],
    from_zero: bool,
) {
    let (outputs, columns) = (bias.len(), columns(weights, bias.len()));
    let weights = weights.get_mut(..outputs * columns).unwrap_or_default();
    let samples = delta.len().checked_div(outputs).unwrap_or(0);
    let inputs = inputs.get(..samples * columns).unwrap_or(inputs);
    if large::<K>() && held::suits::<T>(columns) {
        held::accumulate::<K, T>(bias, delta, outputs, Ones, from_zero);
        let factors = ByTerm(delta, outputs);
        return held::accumulate::<K, T>(weights, inputs, columns, factors, from_zero);
    }
    if from_zero {
        bias.fill(T::ZERO);
    }
    for d in delta.chunks_exact(outputs.max(1)) {
        for (b, d) in bias.iter_mut().zip(d) {
            *b += *d;
        }
    }
    let factors = Factors { values: delta, result: 1, term: outputs };
    accumulate::<K, T>(weights, inputs, columns, factors, from_zero);
}

/// The factors of [`accumulate`]: from one result to the next, and from one term to the next.
#[derive(Clone, Copy)]
struct Factors<'a, T> {
    values: &'a [T],
    result: usize,
    term: usize,
}

impl<'a, T: Real> Factors<'a, T> {
    /// Those from this result and this term on.
    fn from(self, result: usize, term: usize) -> Self {
        let start = result * self.result + term * self.term;
        Self { values: self.values.get(start..).unwrap_or_default(), ..self }
    }

    /// Those of the first results, by term.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn block<const R: usize, const K: usize>(self) -> [[T; R]; K] {
        core::array::from_fn(|k| {
            core::array::from_fn(|r| {
                self.values.get(r * self.result + k * self.term).copied().unwrap_or_default()
            })
        })
    }
}

/// `results[r] += sum_k factors[r][k] terms[k]`, or `= ` that sum from zero, all of them rows of
/// `width`, `k` ascending.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn accumulate<K: Kernels + ?Sized, T: Real>(
    results: &mut [T],
    terms: &[T],
    width: usize,
    factors: Factors<'_, T>,
    from_zero: bool,
) {
    if terms.len() < width || width == 0 {
        if from_zero {
            results.fill(T::ZERO);
        }
        return;
    }
    let block = width.saturating_mul(ROWS);
    for (b, results) in results.chunks_mut(block).enumerate() {
        if results.len() == block {
            let factors = factors.from(b * ROWS, 0);
            accumulate_some::<K, T, ROWS>(results, terms, width, factors, from_zero);
        } else {
            for (r, results) in results.chunks_mut(width).enumerate() {
                let factors = factors.from(b * ROWS + r, 0);
                accumulate_some::<K, T, 1>(results, terms, width, factors, from_zero);
            }
        }
    }
}

/// [`accumulate`] of `R` results, as many columns at a time as suit the registers. (Large ones come
/// here with wide rows only, all of whose columns these tiles divide.)
#[inline(always)]
fn accumulate_some<K: Kernels + ?Sized, T: Real, const R: usize>(
    results: &mut [T],
    terms: &[T],
    width: usize,
    factors: Factors<'_, T>,
    from_zero: bool,
) {
    if WIDE && K::REGISTER >= 64 {
        accumulate_rows::<T, R, { 8 * COLUMNS }>(results, terms, width, factors, from_zero);
    } else if large::<K>() {
        accumulate_rows::<T, R, { 2 * COLUMNS }>(results, terms, width, factors, from_zero);
    } else {
        accumulate_rows::<T, R, COLUMNS>(results, terms, width, factors, from_zero);
    }
}

/// [`accumulate`] of `R` results, `C` columns at a time.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn accumulate_rows<T: Real, const R: usize, const C: usize>(
    results: &mut [T],
    terms: &[T],
    width: usize,
    factors: Factors<'_, T>,
    from_zero: bool,
) {
    let mut from_zero = from_zero;
    let block = width.saturating_mul(TERMS);
    for (b, terms) in terms.chunks(block).enumerate() {
        if terms.len() == block {
            let factors = factors.from(0, b * TERMS).block();
            tile::<T, R, TERMS, C>(results, terms, width, factors, from_zero);
        } else {
            for (k, terms) in terms.chunks(width).enumerate() {
                let factors = factors.from(0, b * TERMS + k).block();
                tile::<T, R, 1, C>(results, terms, width, factors, core::mem::take(&mut from_zero));
            }
        }
        from_zero = false;
    }
}

/// [`accumulate`] of `R` results and `K` terms.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn tile<T: Real, const R: usize, const K: usize, const C: usize>(
    results: &mut [T],
    terms: &[T],
    width: usize,
    factors: [[T; R]; K],
    from_zero: bool,
) {
    let (Some(results), Some(terms)) =
        (rows_mut::<T, R>(results, width), rows::<T, K>(terms, width))
    else {
        return;
    };
    let (mut results, terms) = chunks::<T, R, K, C>(results, terms, factors, from_zero);
    for i in 0..terms.first().map_or(0, |term| term.len()) {
        for (r, result) in results.iter_mut().enumerate() {
            let Some(result) = result.get_mut(i) else { continue };
            let mut sum = if from_zero { T::ZERO } else { *result };
            for (factors, term) in factors.iter().zip(&terms) {
                sum += factors[r] * term.get(i).copied().unwrap_or_default();
            }
            *result = sum;
        }
    }
}

/// [`tile`] of all chunks of `C` columns; returns what is left over.
#[inline(always)]
fn chunks<'r, 't, T: Real, const R: usize, const K: usize, const C: usize>(
    results: [&'r mut [T]; R],
    terms: [&'t [T]; K],
    factors: [[T; R]; K],
    from_zero: bool,
) -> ([&'r mut [T]; R], [&'t [T]; K]) {
    let mut results = results.map(<[T]>::as_chunks_mut::<C>);
    let terms = terms.map(<[T]>::as_chunks::<C>);
    for i in 0..terms.first().map_or(0, |(term, _)| term.len()) {
        let terms = terms.map(|(term, _)| term.get(i).copied().unwrap_or([T::ZERO; C]));
        for (r, (result, _)) in results.iter_mut().enumerate() {
            let Some(result) = result.get_mut(i) else { continue };
            let mut sums = if from_zero { [T::ZERO; C] } else { *result };
            for (factors, term) in factors.iter().zip(&terms) {
                for (sum, x) in sums.iter_mut().zip(term) {
                    *sum += factors[r] * *x;
                }
            }
            *result = sums;
        }
    }
    (results.map(|(_, rest)| rest), terms.map(|(_, rest)| rest))
}

/// The first `N` rows of a matrix. All being of `width` elements, which the compiler sees, one
/// check of an index serves them all.
#[inline(always)]
pub(super) fn rows<T, const N: usize>(mut matrix: &[T], width: usize) -> Option<[&[T]; N]> {
    let mut rows = [[].as_slice(); N];
    for row in &mut rows {
        (*row, matrix) = matrix.split_at_checked(width)?;
    }
    Some(rows)
}

/// [`rows`] to be changed.
#[inline(always)]
pub(super) fn rows_mut<T, const N: usize>(
    mut matrix: &mut [T],
    width: usize,
) -> Option<[&mut [T]; N]> {
    let mut rows = core::array::from_fn(|_| [].as_mut_slice());
    for row in &mut rows {
        (*row, matrix) = matrix.split_at_mut_checked(width)?;
    }
    Some(rows)
}
