//! The kernels in portable Rust. Inner loops run over fixed-size chunks and zips, so that no
//! bounds check, hence no panic path, survives.

use core::ops::Range;

use super::{BLOCK, Difference, EXACT_DIGITS, GROUP, Gram, LANES, WIDE};
use crate::real::Real;

/// Elements of the newest residual that an exact row keeps as integers, on the stack.
const CHUNK: usize = if WIDE { 128 } else { 64 };
/// Of these, how many an inner loop takes at a time: what a scalar core is spared to count, and all
/// of them where the compiler makes vectors of the loop.
const UNROLL: usize = if WIDE { CHUNK } else { 16 };
/// Elements between two folds of its sums.
const FOLD: usize = 1 << 14;

/// One block of a long reduction: the terms by chunks of lanes, and those left over.
#[inline(always)]
fn block<A: Real>(chunks: impl Iterator<Item = [A; LANES]>, tail: impl Iterator<Item = A>) -> A {
    let mut lanes = [A::ZERO; LANES];
    for chunk in chunks {
        for (lane, term) in lanes.iter_mut().zip(chunk) {
            *lane += term;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let fold = ((a + e) + (c + g)) + ((b + f) + (d + h));
    let mut rest = A::ZERO;
    for term in tail {
        rest += term;
    }
    fold + rest
}

/// At most the first `n` elements: chunks and tails of two slices only meet where both end alike.
fn cut<T>(x: &[T], n: usize) -> &[T] {
    x.get(..n).unwrap_or(x)
}

/// A long reduction of a function of two slices.
#[inline(always)]
fn reduce<T: Real, A: Real>(a: &[T], b: &[T], term: impl Fn(T, T) -> A) -> A {
    let n = a.len().min(b.len());
    let (Some(mut a), Some(mut b)) = (a.get(..n), b.get(..n)) else { return A::ZERO };
    let mut total = A::ZERO;
    while !a.is_empty() {
        // Split at the same number, both are seen to be of one length: less to check than in chunks.
        let n = a.len().min(BLOCK);
        let (Some((block_a, rest_a)), Some((block_b, rest_b))) =
            (a.split_at_checked(n), b.split_at_checked(n))
        else {
            break;
        };
        (a, b) = (rest_a, rest_b);
        let (chunks_a, tail_a) = block_a.as_chunks::<LANES>();
        let (chunks_b, tail_b) = block_b.as_chunks::<LANES>();
        total += block(
            chunks_a.iter().zip(chunks_b).map(|(a, b)| core::array::from_fn(|l| term(a[l], b[l]))),
            tail_a.iter().zip(tail_b).map(|(a, b)| term(*a, *b)),
        );
    }
    total
}

pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    reduce(a, b, |a, b| a * b)
}

pub(super) fn dot_wide<T: Real>(a: &[T], b: &[T]) -> f64 {
    reduce(a, b, |a, b| a.to_f64() * b.to_f64())
}

pub(super) fn sum_terms(n: usize, terms: impl Fn(usize) -> [f64; LANES]) -> f64 {
    let mut total = 0.0;
    for start in (0..n).step_by(BLOCK) {
        let length = BLOCK.min(n - start);
        let whole = length - length % LANES;
        total += block(
            (start..start + whole).step_by(LANES).map(&terms),
            (whole < length)
                .then(|| terms(start + whole))
                .into_iter()
                .flatten()
                .take(length - whole),
        );
    }
    total
}

pub(super) fn axpy<T: Real>(y: &mut [T], a: T, x: &[T]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * *x;
    }
}

pub(super) fn add_difference<T: Real>(x: &mut [T], d: Difference<'_, T>, b: T) {
    for (x, (newer, older)) in x.iter_mut().zip(d.newer.iter().zip(d.older)) {
        *x += b * (*newer - *older);
    }
}

/// Whether both are known to be finite because the sum of their products is: no product with NaN or
/// an infinity is. False says nothing: a product may have overflowed.
pub(super) fn finite_products<T: Real>(a: &[T], b: &[T]) -> bool {
    if !T::HARDWARE {
        return false;
    }
    // Lanes are for vectors; where a loop is not unrolled, they cost.
    let sum =
        if WIDE { dot(a, b) } else { a.iter().zip(b).fold(T::ZERO, |sum, (a, b)| sum + *a * *b) };
    sum.is_finite()
}

pub(super) fn all_finite<T: Real>(x: &[T]) -> bool {
    finite_products(x, x) || x.iter().all(|x| x.is_finite())
}

pub(super) fn max_magnitude<T: Real>(x: &[T]) -> T::Bits {
    x.iter().fold(T::Bits::default(), |max, x| max.max(x.magnitude_bits()))
}

pub(super) fn max_difference<T: Real>(d: Difference<'_, T>) -> T::Bits {
    d.newer
        .iter()
        .zip(d.older)
        .fold(T::Bits::default(), |max, (newer, older)| max.max((*newer - *older).magnitude_bits()))
}

pub(super) fn gram_row<T: Real>(
    gram: Gram,
    newest: (Difference<'_, T>, i32),
    columns: &[(Difference<'_, T>, i32)],
    out: &mut [f64],
) {
    match gram {
        Gram::Exact if T::DIGITS as i32 <= EXACT_DIGITS => exact(newest, columns, out),
        _ => {
            for ((column, _), out) in columns.iter().zip(out) {
                *out = wide(newest.0, *column);
            }
        }
    }
}

fn wide<T: Real>(a: Difference<'_, T>, b: Difference<'_, T>) -> f64 {
    let mut total = 0.0;
    let n = a.newer.len().min(a.older.len()).min(b.newer.len()).min(b.older.len());
    let blocks_a = cut(a.newer, n).chunks(BLOCK).zip(cut(a.older, n).chunks(BLOCK));
    let blocks_b = cut(b.newer, n).chunks(BLOCK).zip(cut(b.older, n).chunks(BLOCK));
    let term = |a: T, a_older: T, b: T, b_older: T| (a - a_older).to_f64() * (b - b_older).to_f64();
    for ((a, a_older), (b, b_older)) in blocks_a.zip(blocks_b) {
        let ((a, a_tail), (a_older, a_older_tail)) = (a.as_chunks(), a_older.as_chunks());
        let ((b, b_tail), (b_older, b_older_tail)) = (b.as_chunks(), b_older.as_chunks());
        total += block(
            a.iter().zip(a_older).zip(b.iter().zip(b_older)).map(
                |((a, a_older), (b, b_older)): ((&[T; LANES], &[T; LANES]), _)| {
                    let (b, b_older): (&[T; LANES], &[T; LANES]) = (b, b_older);
                    core::array::from_fn(|l| term(a[l], a_older[l], b[l], b_older[l]))
                },
            ),
            a_tail
                .iter()
                .zip(a_older_tail)
                .zip(b_tail.iter().zip(b_older_tail))
                .map(|((a, a_older), (b, b_older))| term(*a, *a_older, *b, *b_older)),
        );
    }
    total
}

/// The row of [`Gram::Exact`], of float32. The newest residual becomes integers once for all
/// columns, a chunk at a time.
fn exact<T: Real>(
    newest: (Difference<'_, T>, i32),
    columns: &[(Difference<'_, T>, i32)],
    out: &mut [f64],
) {
    let length = |d: Difference<'_, T>| d.newer.len().min(d.older.len());
    let n = columns.iter().fold(length(newest.0), |n, column| n.min(length(column.0)));
    let mut integers = [0; CHUNK];
    for (columns, out) in columns.chunks(GROUP).zip(out.chunks_mut(GROUP)) {
        let mut sums = [Sum::default(); GROUP];
        for start in (0..n).step_by(CHUNK) {
            if start % FOLD == 0 {
                sums.iter_mut().for_each(Sum::fold);
            }
            let range = start..n.min(start + CHUNK);
            let Some(integers) = integers.get_mut(..range.len()) else { continue };
            let scale = Scale::new(newest.1);
            scale.integers(newest.0, &range, integers, |place, integer| *place = integer);
            for ((column, exponent), sum) in columns.iter().zip(&mut sums) {
                // Wrapping says "no overflow check": between two folds there are fewer than 2^15
                // products, each below 2^48.
                let mut low = sum.low;
                let mut add = |a: i32, b: i32| {
                    low = low.wrapping_add(i64::from(a).wrapping_mul(i64::from(b)));
                };
                if newest.0.is(column) && newest.1 == *exponent {
                    integers.iter().for_each(|a| add(*a, *a));
                } else {
                    Scale::new(*exponent).integers(*column, &range, integers, |a, b| add(*a, b));
                }
                sum.low = low;
            }
        }
        for (((_, exponent), sum), out) in columns.iter().zip(&mut sums).zip(out) {
            let exponent = newest.1.saturating_add(*exponent);
            *out =
                sum.rounded() * f64::power_of_two(exponent.saturating_sub(2 * (EXACT_DIGITS - 1)));
        }
    }
}

/// `2^(23 - e)` as one factor where that is a normal number, else as two (a residual below
/// `2^-104` in float32), the second applied to the result of the first. Both products are exact
/// wherever the result is not cut off anyway.
#[derive(Clone, Copy)]
struct Scale<T> {
    first: T,
    second: Option<T>,
}

impl<T: Real> Scale<T> {
    fn new(exponent: i32) -> Self {
        let shift = (EXACT_DIGITS - 1).saturating_sub(exponent);
        let largest = T::exponent(T::INFINITY_BITS) - 1;
        let second = (shift > largest).then(|| T::power_of_two(shift - largest));
        Self { first: T::power_of_two(shift), second }
    }

    /// Calls `f` with the integer of each element in `range`, and with the place that goes with it.
    #[inline(always)]
    fn integers(
        self,
        d: Difference<'_, T>,
        range: &Range<usize>,
        places: &mut [i32],
        mut f: impl FnMut(&mut i32, i32),
    ) {
        let (Some(newer), Some(older)) = (d.newer.get(range.clone()), d.older.get(range.clone()))
        else {
            return;
        };
        if let Some(second) = self.second {
            for ((newer, older), place) in newer.iter().zip(older).zip(places) {
                f(place, ((*newer - *older) * self.first * second).truncate());
            }
            return;
        }
        let mut f = |place: &mut i32, newer: T, older: T| {
            f(place, ((newer - older) * self.first).truncate());
        };
        let (newer, newer_tail) = newer.as_chunks::<UNROLL>();
        let (older, older_tail) = older.as_chunks::<UNROLL>();
        let (places, places_tail) = places.as_chunks_mut::<UNROLL>();
        for ((newer, older), places) in newer.iter().zip(older).zip(places) {
            for ((newer, older), place) in newer.iter().zip(older).zip(places) {
                f(place, *newer, *older);
            }
        }
        for ((newer, older), place) in newer_tail.iter().zip(older_tail).zip(places_tail) {
            f(place, *newer, *older);
        }
    }
}

/// An exact sum of products: `high * 2^40 + low`.
#[derive(Clone, Copy, Default)]
struct Sum {
    high: i64,
    low: i64,
}

impl Sum {
    const UNIT: i64 = 1 << 40;

    fn fold(&mut self) {
        self.high = self.high.wrapping_add(self.low / Self::UNIT);
        self.low %= Self::UNIT;
    }

    /// In float64, rounded once.
    fn rounded(&mut self) -> f64 {
        if self.high == 0 {
            return self.low as f64;
        }
        // Two numbers of at most 53 bits, up to 2^45 products: only their sum is rounded.
        self.fold();
        self.high as f64 * Self::UNIT as f64 + self.low as f64
    }
}
