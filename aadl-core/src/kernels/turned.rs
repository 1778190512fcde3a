//! The forward product of a dense layer for large registers: samples side by side.
//!
//! `y[s][o] = b[o] + sum_i W[o][i] x[s][i]`, as in `dense`: one accumulator a result, from `b[o]`, `i`
//! ascending. The samples of a batch lie far apart; here `x` is turned, [`LARGE`] inputs of
//! [`SAMPLES`] samples at most at a time, into a panel on the stack in which they are neighbours. A tile of
//! outputs by all samples then has its sums in registers and takes, an input, one row of the panel and
//! a weight for each output. Between panels, the sums of a block of outputs are kept on the stack.
//!
//! Turning costs a move per input and sample, once for a block of outputs or, with few inputs, for all,
//! and one per output and sample to turn sums back: some 4 % of the time of 784 inputs and 128 outputs,
//! a third of that of 64 and 32. It is left to functions of their own, compiled for the target's
//! baseline: those turn squares in registers, where compilers would make scatters for AVX-512, ten times
//! as slow.

use super::Kernels;
use super::dense::{ROWS, rows};
use super::held::add;
use crate::real::Real;

/// Samples of a tile.
pub(super) const SAMPLES: usize = 16;

/// Whether the sums of a tile leave room in registers of so many bytes, of which there are 16 of 32, 32
/// of 64.
pub(super) const fn fits_registers<T>(bytes: usize) -> bool {
    SAMPLES * size_of::<T>() <= 2 * bytes
}

/// The most inputs of a panel, which is 16 KiB of float32 then and stays in a cache. A block has half as many
/// outputs.
const LARGE: usize = 256;
/// Of a small layer, so that little has to be set to zero.
const SMALL: usize = 64;
/// Samples, inputs or outputs of a square.
const SQUARE: usize = 4;

/// One input, or one output, of all samples.
type Abreast<T> = [T; SAMPLES];

/// All outputs of at most [`SAMPLES`] samples. Lengths fit each other, and `bias` is not empty.
#[inline(always)]
pub(super) fn forward<K: Kernels + ?Sized, T: Real>(
    weights: &[T],
    bias: &[T],
    x: &[T],
    y: &mut [T],
) {
    let inputs = weights.len().checked_div(bias.len()).unwrap_or(0);
    let layer = Layer { weights, bias, inputs };
    if inputs <= SMALL {
        layer.by_tiles::<K, SMALL, { SMALL / 2 }>(x, y);
    } else {
        layer.by_tiles::<K, LARGE, { LARGE / 2 }>(x, y);
    }
}

struct Layer<'a, T> {
    weights: &'a [T],
    bias: &'a [T],
    inputs: usize,
}

impl<T: Real> Layer<'_, T> {
    /// In tiles of as many outputs as keep the adders busy: a register of 64 bytes holds all samples of
    /// float32, and additions to four such sums only would wait for each other.
    #[inline(always)]
    fn by_tiles<K: Kernels + ?Sized, const P: usize, const B: usize>(&self, x: &[T], y: &mut [T]) {
        if K::REGISTER >= 64 {
            self.blocks::<{ 2 * ROWS }, P, B>(x, y);
        } else {
            self.blocks::<ROWS, P, B>(x, y);
        }
    }

    /// By tiles of `O` outputs and blocks of `B`, from panels of at most `P` inputs, all of about one
    /// length.
    #[inline(always)]
    fn blocks<const O: usize, const P: usize, const B: usize>(&self, x: &[T], y: &mut [T]) {
        let Self { weights, bias, inputs } = *self;
        let (mut panel, mut sums) = ([[T::ZERO; SAMPLES]; P], [[T::ZERO; SAMPLES]; B]);
        let depth = inputs.div_ceil(inputs.div_ceil(P).max(1)).max(1);
        let block = inputs.saturating_mul(B).max(1);
        for (b, (weights, bias)) in weights.chunks(block).zip(bias.chunks(B)).enumerate() {
            for (sums, bias) in sums.iter_mut().zip(bias) {
                *sums = [*bias; SAMPLES];
            }
            let sums = sums.get_mut(..bias.len()).unwrap_or_default();
            for start in (0..inputs).step_by(depth) {
                let panel = panel.get_mut(..depth.min(inputs - start)).unwrap_or_default();
                if b == 0 || depth < inputs {
                    turn(x, inputs, start, panel);
                }
                for (w, sums) in weights.chunks(inputs * O).zip(sums.chunks_mut(O)) {
                    add_products::<T, O>(w, inputs, start, panel, sums);
                }
            }
            turn_back(sums, y, self.bias.len(), b * B);
        }
    }
}

/// What the inputs of `panel`, those from `start` on, add to `O` sums or fewer with rows of weights.
#[inline(always)]
fn add_products<T: Real, const O: usize>(
    weights: &[T],
    inputs: usize,
    start: usize,
    panel: &[Abreast<T>],
    sums: &mut [Abreast<T>],
) {
    if let (Some(w), Some(to)) = (rows::<T, O>(weights, inputs), sums.first_chunk_mut::<O>()) {
        *to = tile(w.map(|w| w.get(start..).unwrap_or_default()), panel, *to);
        return;
    }
    for (weights, sums) in weights.chunks(inputs * ROWS).zip(sums.chunks_mut(ROWS)) {
        if let (Some(w), Some(to)) = (rows::<T, ROWS>(weights, inputs), sums.first_chunk_mut()) {
            *to = tile(w.map(|w| w.get(start..).unwrap_or_default()), panel, *to);
            continue;
        }
        for (w, to) in weights.chunks(inputs).zip(sums) {
            [*to] = tile([w.get(start..).unwrap_or_default()], panel, [*to]);
        }
    }
}

/// `sums` and what the inputs of `panel` add with these weights.
#[inline(always)]
fn tile<T: Real, const O: usize>(
    weights: [&[T]; O],
    panel: &[Abreast<T>],
    mut sums: [Abreast<T>; O],
) -> [Abreast<T>; O] {
    // Written out: a loop over outputs would be kept, or vectorised across them, and the sums in memory.
    if let ([a, b, c, d, e, f, g, h], [p, q, r, s, t, u, v, z]) =
        (weights.as_slice(), sums.as_mut_slice())
    {
        let weights = columns([a, b, c, d]).zip(columns([e, f, g, h]));
        for (x, ([a, b, c, d], [e, f, g, h])) in panel.iter().zip(weights) {
            add(p, a, x);
            add(q, b, x);
            add(r, c, x);
            add(s, d, x);
            add(t, e, x);
            add(u, f, x);
            add(v, g, x);
            add(z, h, x);
        }
    } else if let ([a, b, c, d], [p, q, r, s]) = (weights.as_slice(), sums.as_mut_slice()) {
        for (x, [a, b, c, d]) in panel.iter().zip(columns([a, b, c, d])) {
            add(p, a, x);
            add(q, b, x);
            add(r, c, x);
            add(s, d, x);
        }
    } else {
        for (sums, w) in sums.iter_mut().zip(weights) {
            for (x, w) in panel.iter().zip(w) {
                add(sums, *w, x);
            }
        }
    }
    sums
}

/// A matrix of [`ROWS`] rows, column by column: one check of an index serves all that is zipped.
#[inline(always)]
fn columns<T: Real>([a, b, c, d]: [&[T]; ROWS]) -> impl Iterator<Item = [T; ROWS]> {
    a.iter().zip(b).zip(c).zip(d).map(|(((a, b), c), d)| [*a, *b, *c, *d])
}

/// Stores sums as columns of `y` (rows of `outputs`), from `first` on.
#[inline(never)]
fn turn_back<T: Real>(sums: &[Abreast<T>], y: &mut [T], outputs: usize, first: usize) {
    let (squares, rest) = sums.as_chunks::<SQUARE>();
    let outputs = outputs.max(1);
    for (q, y) in y.chunks_mut(outputs.saturating_mul(SQUARE)).enumerate() {
        let mut rows: [&mut [T]; SQUARE] = core::array::from_fn(|_| [].as_mut_slice());
        for (row, y) in rows.iter_mut().zip(y.chunks_mut(outputs)) {
            *row = y.get_mut(first..).unwrap_or_default();
        }
        let mut rows = rows.map(<[T]>::as_chunks_mut::<SQUARE>);
        for (o, square) in squares.iter().enumerate() {
            let square = square.each_ref().map(|sums| sums.as_chunks::<SQUARE>().0.get(q));
            let square = square.map(|sums| sums.copied().unwrap_or_default());
            for (s, (row, _)) in rows.iter_mut().enumerate() {
                if let Some(to) = row.get_mut(o) {
                    *to = square.map(|sums| sums[s]);
                }
            }
        }
        for (s, (_, row)) in rows.into_iter().enumerate() {
            for (to, sums) in row.iter_mut().zip(rest) {
                *to = sums.get(q * SQUARE + s).copied().unwrap_or_default();
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
