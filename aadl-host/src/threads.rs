//! Kernels over long vectors on all cores.
//!
//! The bits are those of one thread, for any number of them: vectors are cut at places that do not
//! depend on it; integers are summed exactly, which has no order; what has an order (float64 sums) is
//! kept by block and added left to right, as the contract asks.

use std::marker::PhantomData;
use std::ops::Range;

use aadl_core::Real;
use aadl_core::history::MAX_DEPTH;
use aadl_core::kernels::{BLOCK, Column, Difference, Gram, Kernels, Scaled, Task, common_length};
use rayon::prelude::*;

use crate::simd::{Fastest, rounded};

mod layers;

/// Elements that a thread takes at a time.
const PIECE: usize = 4 * BLOCK;
/// Blocks whose results are kept until they can be added in order.
const ROUND: usize = 256;

/// `K` on all threads of the current [`rayon`] pool, where vectors have `LONG` elements and more, and
/// where a layer takes `LONG` products and more for the samples of one call (a network's are at most
/// [`TILE`](aadl_core::nn::TILE)). On less, waking threads may cost more than they save: where two
/// begin to win depends on the machine (`docs/performance.md`). One thread does the sums that have no slice ([`Kernels::sum_terms`]),
/// those of quantised columns, and tasks ([`Kernels::run`]).
///
/// ```
/// use aadl_core::kernels::{Kernels, Portable};
/// use aadl_host::threads::Threaded;
/// let x: Vec<f32> = (0..1 << 20).map(|i| (i as f32).sin()).collect();
/// assert_eq!(<Threaded>::dot(&x, &x).to_bits(), Portable::dot(&x, &x).to_bits());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threaded<K = Fastest, const LONG: usize = { 1 << 20 }>(PhantomData<K>);

/// A residual and its scale.
type Residual<'a, T> = (Difference<'a, T>, i32);

fn cut<T>(x: &[T], range: Range<usize>) -> &[T] {
    x.get(range).unwrap_or_default()
}

/// The pieces of `n` elements.
fn pieces(n: usize) -> impl IndexedParallelIterator<Item = Range<usize>> {
    (0..n.div_ceil(PIECE)).into_par_iter().map(move |i| i * PIECE..n.min((i + 1) * PIECE))
}

/// Calls `add` with the result of each block of `n` elements, left to right. `block` is given a range
/// of elements and the place for its result.
fn by_block<A: Copy + Send>(
    n: usize,
    zero: A,
    block: impl Fn(Range<usize>, &mut A) + Sync,
    mut add: impl FnMut(&A),
) {
    let mut results = [zero; ROUND];
    let blocks = n.div_ceil(BLOCK);
    for first in (0..blocks).step_by(ROUND) {
        let results = &mut results[..ROUND.min(blocks - first)];
        results.par_iter_mut().enumerate().with_min_len(PIECE / BLOCK).for_each(|(i, result)| {
            let start = (first + i) * BLOCK;
            block(start..n.min(start + BLOCK), result);
        });
        results.iter().for_each(&mut add);
    }
}

impl<K: Kernels, const LONG: usize> Threaded<K, LONG> {
    /// [`Kernels::gram_row`] of at most [`MAX_DEPTH`] columns of `n` elements.
    fn row<T: Real>(
        gram: Gram,
        newest: Residual<'_, T>,
        columns: &[Residual<'_, T>],
        n: usize,
        out: &mut [f64],
    ) {
        let at = |range: Range<usize>| {
            let mut parts = [Residual::<'_, T>::default(); MAX_DEPTH];
            for (place, (d, exponent)) in parts.iter_mut().zip(columns) {
                *place = (d.part(range.clone()), *exponent);
            }
            ((newest.0.part(range), newest.1), parts)
        };
        if gram == Gram::Exact && T::single(newest.0.newer).is_some() {
            let sums = pieces(n)
                .map(|range| {
                    let (newest, parts) = at(range);
                    let mut sums = [0; MAX_DEPTH];
                    K::exact_sums(newest, &parts[..columns.len()], &mut sums);
                    sums
                })
                .reduce(
                    || [0; MAX_DEPTH],
                    |mut a, b| {
                        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                        a
                    },
                );
            for ((sum, (_, exponent)), out) in sums.iter().zip(columns).zip(out) {
                *out = rounded(*sum, newest.1, *exponent);
            }
            return;
        }
        out.fill(0.0);
        let block = |range, result: &mut [f64; MAX_DEPTH]| {
            let (newest, parts) = at(range);
            K::gram_row(gram, newest, &parts[..columns.len()], result);
        };
        by_block(n, [0.0; MAX_DEPTH], block, |result| {
            out.iter_mut().zip(result).for_each(|(out, result)| *out += result);
        });
    }
}

impl<K: Kernels, const LONG: usize> Kernels for Threaded<K, LONG> {
    fn dot<T: Real>(a: &[T], b: &[T]) -> T {
        let n = a.len().min(b.len());
        if n < LONG {
            return K::dot(a, b);
        }
        let mut total = T::ZERO;
        let block = |range: Range<usize>, result: &mut T| {
            *result = K::dot(cut(a, range.clone()), cut(b, range));
        };
        by_block(n, T::ZERO, block, |result| total += *result);
        total
    }

    fn dot_wide<T: Real>(a: &[T], b: &[T]) -> f64 {
        let n = a.len().min(b.len());
        if n < LONG {
            return K::dot_wide(a, b);
        }
        let mut total = 0.0;
        let block = |range: Range<usize>, result: &mut f64| {
            *result = K::dot_wide(cut(a, range.clone()), cut(b, range));
        };
        by_block(n, 0.0, block, |result| total += result);
        total
    }

    fn sum_terms(n: usize, terms: impl Fn(usize) -> [f64; aadl_core::kernels::LANES]) -> f64 {
        K::sum_terms(n, terms)
    }

    fn axpy<T: Real>(y: &mut [T], a: T, x: &[T]) {
        if y.len() < LONG {
            return K::axpy(y, a, x);
        }
        y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(y, x)| K::axpy(y, a, x));
    }

    fn copy<T: Real>(to: &mut [T], from: &[T]) {
        if to.len() < LONG {
            return K::copy(to, from);
        }
        to.par_chunks_mut(PIECE).zip(from.par_chunks(PIECE)).for_each(|(to, x)| K::copy(to, x));
    }

    fn all_finite<T: Real>(x: &[T]) -> bool {
        if x.len() < LONG {
            return K::all_finite(x);
        }
        x.par_chunks(PIECE).all(K::all_finite)
    }

    fn max_magnitude<T: Real>(x: &[T]) -> T::Bits {
        if x.len() < LONG {
            return K::max_magnitude(x);
        }
        x.par_chunks(PIECE).map(K::max_magnitude).max().unwrap_or_default()
    }

    fn max_difference<T: Real>(x: Difference<'_, T>) -> T::Bits {
        let n = x.length();
        if n < LONG {
            return K::max_difference(x);
        }
        pieces(n).map(|range| K::max_difference(x.part(range))).max().unwrap_or_default()
    }

    fn gram_row<T: Real>(
        gram: Gram,
        newest: Residual<'_, T>,
        columns: &[Residual<'_, T>],
        out: &mut [f64],
    ) {
        let n = common_length(&newest.0, columns);
        if n < LONG {
            return K::gram_row(gram, newest, columns, out);
        }
        let count = columns.len().min(out.len());
        let (columns, out) = (&columns[..count], &mut out[..count]);
        for (columns, out) in columns.chunks(MAX_DEPTH).zip(out.chunks_mut(MAX_DEPTH)) {
            Self::row(gram, newest, columns, n, out);
        }
    }

    fn exact_sums<T: Real>(
        newest: Residual<'_, T>,
        columns: &[Residual<'_, T>],
        sums: &mut [i128],
    ) {
        K::exact_sums(newest, columns, sums);
    }

    fn add_differences<T: Real>(x: &mut [T], terms: &[(Difference<'_, T>, T)]) {
        let n = terms.iter().map(|(d, _)| d.length()).fold(x.len(), usize::min);
        let x = &mut x[..n];
        if n < LONG {
            return K::add_differences(x, terms);
        }
        x.par_chunks_mut(PIECE).enumerate().for_each(|(i, x)| {
            let start = i * PIECE;
            for terms in terms.chunks(MAX_DEPTH) {
                let mut parts = [(Difference::default(), T::ZERO); MAX_DEPTH];
                for (place, (d, b)) in parts.iter_mut().zip(terms) {
                    *place = (d.part(start..start + x.len()), *b);
                }
                K::add_differences(x, &parts[..terms.len()]);
            }
        });
    }

    fn run<T: Task>(task: T) -> T::Output {
        K::run(task)
    }

    fn column_dots<C: Column>(
        columns: &[Scaled<'_, C>],
        newest: Scaled<'_, C>,
        vector: Scaled<'_, f32>,
        out: &mut [[f32; 2]],
    ) {
        K::column_dots(columns, newest, vector, out);
    }

    fn column_norm2<C: Column>(column: Scaled<'_, C>) -> f32 {
        K::column_norm2(column)
    }

    fn add_columns<C: Column>(x: &mut [f32], terms: &[(Scaled<'_, C>, f32)]) {
        let n = terms.iter().map(|(c, _)| c.elements.len()).fold(x.len(), usize::min);
        let x = &mut x[..n];
        if n < LONG {
            return K::add_columns(x, terms);
        }
        x.par_chunks_mut(PIECE).enumerate().for_each(|(i, x)| {
            let start = i * PIECE;
            for terms in terms.chunks(2 * MAX_DEPTH) {
                let mut parts = [(Scaled::default(), 0.0); 2 * MAX_DEPTH];
                for (place, (column, b)) in parts.iter_mut().zip(terms) {
                    let elements = cut(column.elements, start..start + x.len());
                    *place = (Scaled { elements, ..*column }, *b);
                }
                K::add_columns(x, &parts[..terms.len()]);
            }
        });
    }

    fn dense_forward<T: Real>(weights: &[T], bias: &[T], inputs: &[T], outputs: &mut [T]) {
        layers::forward::<K, LONG, T>(weights, bias, inputs, outputs);
    }

    fn dense_backward_input<T: Real>(
        weights: &[T],
        outputs: usize,
        delta: &[T],
        upstream: &mut [T],
    ) {
        layers::backward_input::<K, LONG, T>(weights, outputs, delta, upstream);
    }

    fn dense_backward_weights<T: Real>(
        delta: &[T],
        inputs: &[T],
        weights: &mut [T],
        bias: &mut [T],
    ) {
        layers::backward_weights::<LONG, T>(
            delta,
            inputs,
            weights,
            bias,
            K::dense_backward_weights,
        );
    }

    fn dense_backward_weights_from_zero<T: Real>(
        delta: &[T],
        inputs: &[T],
        weights: &mut [T],
        bias: &mut [T],
    ) {
        layers::backward_weights::<LONG, T>(
            delta,
            inputs,
            weights,
            bias,
            K::dense_backward_weights_from_zero,
        );
    }
}
