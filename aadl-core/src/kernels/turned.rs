//! The forward product of a dense layer for large registers: samples side by side.
//!
//! `y[s][o] = b[o] + sum_i W[o][i] x[s][i]`, as in `dense`: one accumulator a result, from `b[o]`, `i`
//! ascending. The samples of a batch lie far apart; here `x` is turned, [`PANEL`] inputs of
//! [`SAMPLES`] samples at a time, into a panel on the stack in which they are neighbours. A tile of
//! [`ROWS`] outputs by all samples then has its sums in registers and takes, an input, one row of
//! the panel and [`ROWS`] weights. Between panels, sums are kept in `y`.
//!
//! Turning costs a move per input and sample, for all outputs together, and one per output and sample
//! to turn sums back: some 5 % of the time of 784 inputs and 128 outputs, a third of that of 64 and
//! 32. It is left to functions of their own, compiled for the target's baseline: those turn squares in
//! registers, where compilers would make scatters for AVX-512, ten times as slow.

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
/// Samples, inputs or outputs of a square.
const SQUARE: usize = 4;

/// A row of the panel: one input, or one output, of all samples.
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
    let mut panel = [[T::ZERO; SAMPLES]; P];
    let depth = inputs.div_ceil(inputs.div_ceil(P).max(1)).max(1);
    for start in (0..inputs).step_by(depth) {
        let panel = panel.get_mut(..depth.min(inputs - start)).unwrap_or_default();
        turn(x, inputs, start, panel);
        // Later panels find sums in `y`.
        let bias = if start == 0 { bias } else { &[] };
        for (o, w) in weights.chunks(inputs * ROWS).enumerate() {
            let first = o * ROWS;
            if let Some(w) = rows::<T, ROWS>(w, inputs) {
                let y = Tile { y, outputs, first };
                tile(w.map(|w| w.get(start..).unwrap_or_default()), bias, panel, y);
            } else {
                for (o, w) in w.chunks(inputs).enumerate() {
                    let y = Tile { y, outputs, first: first + o };
                    tile([w.get(start..).unwrap_or_default()], bias, panel, y);
                }
            }
        }
    }
}

/// What the inputs of `panel` add to the outputs with these weights.
#[inline(always)]
fn tile<T: Real, const O: usize>(
    weights: [&[T]; O],
    bias: &[T],
    panel: &[Abreast<T>],
    mut to: Tile<'_, T>,
) {
    let mut stored = [[T::ZERO; SAMPLES]; O];
    to.load(bias, &mut stored);
    // What another function is given has an address; these stay in registers.
    let mut sums = stored;
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
    stored = sums;
    to.store(&stored);
}

#[inline(always)]
fn add<T: Real>(sums: &mut Abreast<T>, w: T, x: &Abreast<T>) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += w * *x;
    }
}

/// Where the results of a tile lie.
struct Tile<'a, T> {
    y: &'a mut [T],
    outputs: usize,
    first: usize,
}

impl<T: Real> Tile<'_, T> {
    /// The sums so far: at first the bias, if there is one.
    #[inline(never)]
    fn load<const O: usize>(&self, bias: &[T], sums: &mut [Abreast<T>; O]) {
        if let Some(bias) = bias.get(self.first..).and_then(<[T]>::first_chunk::<O>) {
            *sums = bias.map(|b| [b; SAMPLES]);
            return;
        }
        for (s, y) in self.y.chunks(self.outputs.max(1)).take(SAMPLES).enumerate() {
            if let Some(y) = y.get(self.first..).and_then(<[T]>::first_chunk::<O>) {
                for (sums, y) in sums.iter_mut().zip(y) {
                    sums[s] = *y;
                }
            }
        }
    }

    /// Square by square.
    #[inline(never)]
    fn store<const O: usize>(&mut self, sums: &[Abreast<T>; O]) {
        let outputs = self.outputs.max(1);
        for (q, y) in self.y.chunks_mut(outputs.saturating_mul(SQUARE)).enumerate() {
            let square = sums.each_ref().map(|sums| sums.as_chunks::<SQUARE>().0.get(q));
            let square = square.map(|sums| sums.copied().unwrap_or_default());
            let turned: [[T; O]; SQUARE] = core::array::from_fn(|s| square.map(|sums| sums[s]));
            for (y, turned) in y.chunks_mut(outputs).zip(turned) {
                if let Some(y) = y.get_mut(self.first..).and_then(<[T]>::first_chunk_mut) {
                    *y = turned;
                }
            }
        }
    }
}

/// Fills `panel` with columns of `x` (rows of `inputs`), from `start` on.
#[inline(never)]
fn turn<T: Real>(x: &[T], inputs: usize, start: usize, panel: &mut [Abreast<T>]) {
    let n = panel.len();
    let Some(first) = part(x, start, n) else { return };
    // Of a sample that is missing nothing is kept: the first serves.
    let mut samples = [first; SAMPLES];
    for (sample, row) in samples.iter_mut().zip(x.chunks(inputs.max(1))) {
        *sample = part(row, start, n).unwrap_or(first);
    }
    let (squares, rest) = panel.as_chunks_mut::<SQUARE>();
    for (q, quarter) in samples.as_chunks::<SQUARE>().0.iter().enumerate() {
        let [a, b, c, d] = quarter.map(|x| x.as_chunks::<SQUARE>().0);
        for ((((to, a), b), c), d) in squares.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            for (i, to) in to.iter_mut().enumerate() {
                if let Some(to) = to.as_chunks_mut().0.get_mut(q) {
                    *to = [a[i], b[i], c[i], d[i]];
                }
            }
        }
    }
    for (k, to) in rest.iter_mut().enumerate() {
        *to = samples.map(|x| x.as_chunks::<SQUARE>().1.get(k).copied().unwrap_or_default());
    }
}

/// `n` elements from `start` on.
#[inline(always)]
fn part<T>(x: &[T], start: usize, n: usize) -> Option<&[T]> {
    x.get(start..)?.get(..n)
}
