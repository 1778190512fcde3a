//! The kernels in portable Rust. Inner loops run over fixed-size chunks and zips, so that no
//! bounds check, hence no panic path, survives.

use super::{BLOCK, Difference, EXACT_DIGITS, Gram, LANES};
use crate::real::Real;

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
    let (a, b) = (cut(a, b.len()), cut(b, a.len()));
    let mut total = A::ZERO;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        total += block(
            a.iter().zip(b).map(|(a, b)| core::array::from_fn(|l| term(a[l], b[l]))),
            a_tail.iter().zip(b_tail).map(|(a, b)| term(*a, *b)),
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

pub(super) fn max_magnitude<T: Real>(x: &[T]) -> T::Bits {
    x.iter().fold(T::Bits::default(), |max, x| max.max(x.magnitude_bits()))
}

pub(super) fn max_difference<T: Real>(d: Difference<'_, T>) -> T::Bits {
    d.newer
        .iter()
        .zip(d.older)
        .fold(T::Bits::default(), |max, (newer, older)| max.max((*newer - *older).magnitude_bits()))
}

pub(super) fn residual_dot<T: Real>(
    gram: Gram,
    a: (Difference<'_, T>, i32),
    b: (Difference<'_, T>, i32),
) -> f64 {
    match gram {
        Gram::Exact if T::DIGITS as i32 <= EXACT_DIGITS => exact(a, b),
        _ => wide(a.0, b.0),
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

/// The two factors of `2^(23 - e)`: one power of two where it is a normal number, else two (a
/// residual below `2^-104` in float32), the second applied to the result of the first. Both
/// products are exact wherever the result is not cut off anyway.
fn scale<T: Real>(exponent: i32) -> (T, Option<T>) {
    let shift = (EXACT_DIGITS - 1).saturating_sub(exponent);
    let first = T::power_of_two(shift);
    let rest = shift.saturating_sub(T::exponent(first.magnitude_bits()));
    (first, (rest > 0).then(|| T::power_of_two(rest)))
}

fn exact<T: Real>(a: (Difference<'_, T>, i32), b: (Difference<'_, T>, i32)) -> f64 {
    let sum = match (scale::<T>(a.1), scale::<T>(b.1)) {
        ((sa, None), (sb, None)) => {
            sum_of_products(a.0, b.0, |f| (f * sa).truncate(), |f| (f * sb).truncate())
        }
        ((sa, ra), (sb, rb)) => {
            let (ra, rb) = (ra.unwrap_or(T::ONE), rb.unwrap_or(T::ONE));
            sum_of_products(a.0, b.0, |f| (f * sa * ra).truncate(), |f| (f * sb * rb).truncate())
        }
    };
    sum as f64 * f64::power_of_two(a.1.saturating_add(b.1).saturating_sub(2 * (EXACT_DIGITS - 1)))
}

#[inline(always)]
fn sum_of_products<T: Real>(
    a: Difference<'_, T>,
    b: Difference<'_, T>,
    integer_a: impl Fn(T) -> i32,
    integer_b: impl Fn(T) -> i32,
) -> i128 {
    let mut total = 0i128;
    let blocks_a = a.newer.chunks(BLOCK).zip(a.older.chunks(BLOCK));
    let blocks_b = b.newer.chunks(BLOCK).zip(b.older.chunks(BLOCK));
    for ((a, a_older), (b, b_older)) in blocks_a.zip(blocks_b) {
        let mut sum = 0i64;
        for ((a, a_older), (b, b_older)) in a.iter().zip(a_older).zip(b.iter().zip(b_older)) {
            // Wrapping says "no overflow check"; none can occur: 4096 products below 2^48.
            let product = i64::from(integer_a(*a - *a_older))
                .wrapping_mul(i64::from(integer_b(*b - *b_older)));
            sum = sum.wrapping_add(product);
        }
        total = total.wrapping_add(i128::from(sum));
    }
    total
}
