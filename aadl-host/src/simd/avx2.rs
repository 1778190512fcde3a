//! What is written for AVX2 rather than left to the compiler: exact sums of integers. No compiler
//! finds these instructions, for want of knowing that the integers are small.
#![forbid(unsafe_code)]

use std::arch::x86_64::{
    __m256, __m256i, _mm256_abs_epi32, _mm256_add_epi64, _mm256_cvttps_epi32, _mm256_extract_epi32,
    _mm256_extract_epi64, _mm256_max_epu32, _mm256_mul_epi32, _mm256_mul_ps, _mm256_set1_ps,
    _mm256_setr_ps, _mm256_setzero_si256, _mm256_srli_epi64, _mm256_sub_ps,
};
use std::ops::Range;

use aadl_core::kernels::{Difference, EXACT_DIGITS, Gram, Kernels, Portable, common_length};
use aadl_core::real::Real;

use super::rounded;

/// Lanes of a register of float32.
const LANES: usize = 8;
/// Columns in one pass. Of more, sums and factors do not stay in registers: eight took three times as
/// long as five.
const ABREAST: usize = 5;
/// Columns of two passes, which take turns after [`BLOCK`] elements: so what both read comes from
/// memory once.
const TOGETHER: usize = 2 * ABREAST;
/// Few enough that sums of 64 bits hold the products, which are below `2^48`.
const BLOCK: usize = 1 << 13;

/// A residual and its scale.
type Residual<'a, T = f32> = (Difference<'a, T>, i32);

/// [`Kernels::gram_row`].
#[target_feature(enable = "avx2")]
pub(super) fn gram_row<T: Real>(
    gram: Gram,
    newest: Residual<'_, T>,
    columns: &[Residual<'_, T>],
    out: &mut [f64],
) {
    if gram != Gram::Exact || !exact_row(newest, columns, out) {
        Portable::gram_row(gram, newest, columns, out);
    }
}

/// The newest residual, no longer than the shortest of all.
fn shortened<'a, T>(newest: Residual<'a, T>, columns: &[Residual<'_, T>]) -> Residual<'a, T> {
    part(&newest, 0..common_length(&newest.0, columns))
}

fn single<T: Real>((d, exponent): Residual<'_, T>) -> Option<Residual<'_>> {
    Some((Difference { newer: T::single(d.newer)?, older: T::single(d.older)? }, exponent))
}

/// The row of [`Gram::Exact`]. False where it is not computed: elements are not float32, an integer
/// is larger than it should be (something is not finite, or a scale not the residual's), or a scale
/// takes two factors.
#[target_feature(enable = "avx2")]
fn exact_row<T: Real>(
    newest: Residual<'_, T>,
    columns: &[Residual<'_, T>],
    out: &mut [f64],
) -> bool {
    let newest = shortened(newest, columns);
    columns.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER)).all(|(columns, out)| {
        let mut sums = [0; TOGETHER];
        if !add_sums(newest, columns, &mut sums) {
            return false;
        }
        for ((column, sum), out) in columns.iter().zip(sums).zip(out) {
            *out = rounded(sum, newest.1, column.1);
        }
        true
    })
}

/// [`Kernels::exact_sums`].
#[target_feature(enable = "avx2")]
pub(super) fn exact_sums<T: Real>(
    newest: Residual<'_, T>,
    columns: &[Residual<'_, T>],
    sums: &mut [i128],
) {
    let newest = shortened(newest, columns);
    for (columns, sums) in columns.chunks(TOGETHER).zip(sums.chunks_mut(TOGETHER)) {
        let mut found = [0; TOGETHER];
        if add_sums(newest, columns, &mut found) {
            sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
        } else {
            Portable::exact_sums(newest, columns, sums);
        }
    }
}

/// Adds the sums of integer products of at most [`TOGETHER`] columns, of which none is shorter than
/// `newest`. False as of [`exact_row`]; then the sums are nothing.
#[target_feature(enable = "avx2")]
fn add_sums<T: Real>(
    newest: Residual<'_, T>,
    columns: &[Residual<'_, T>],
    sums: &mut [i128; TOGETHER],
) -> bool {
    let Some(newest) = single(newest) else { return false };
    let mut all = [newest; TOGETHER];
    for (place, column) in all.iter_mut().zip(columns) {
        *place = single(*column).unwrap_or(newest);
    }
    let (n, all) = (newest.0.length(), &all[..columns.len()]);
    for start in (0..n).step_by(BLOCK) {
        let range = start..n.min(start + BLOCK);
        let newest = part(&newest, range.clone());
        for (columns, sums) in all.chunks(ABREAST).zip(sums.chunks_mut(ABREAST)) {
            let column =
                |i: usize| columns.get(i).map_or(newest, |column| part(column, range.clone()));
            let done = match columns.len() {
                1 => abreast(newest, [0].map(column), sums),
                2 => abreast(newest, [0, 1].map(column), sums),
                3 => abreast(newest, [0, 1, 2].map(column), sums),
                4 => abreast(newest, [0, 1, 2, 3].map(column), sums),
                _ => abreast(newest, [0, 1, 2, 3, 4].map(column), sums),
            };
            if !done {
                return false;
            }
        }
    }
    true
}

fn part<'a, T>((d, exponent): &Residual<'a, T>, range: Range<usize>) -> Residual<'a, T> {
    (d.part(range), *exponent)
}

/// [`add_sums`] of `C` columns and at most [`BLOCK`] elements in one pass.
#[target_feature(enable = "avx2")]
fn abreast<const C: usize>(
    newest: Residual<'_>,
    columns: [Residual<'_>; C],
    out: &mut [i128],
) -> bool {
    let n = newest.0.length();
    let shift = |(_, exponent): &Residual<'_>| (EXACT_DIGITS - 1).saturating_sub(*exponent);
    if columns.iter().chain([&newest]).any(|column| shift(column) >= f32::MAX_EXP) {
        return false;
    }
    let factor = |column: &Residual<'_>| f32::power_of_two(shift(column));
    let (factor_newest, factors) = (factor(&newest), columns.each_ref().map(factor));
    let (newer, older) = (newest.0.newer[..n].as_chunks().0, newest.0.older[..n].as_chunks().0);
    let columns_chunks =
        columns.map(|(d, _)| (d.newer[..n].as_chunks().0, d.older[..n].as_chunks().0));

    let mut sums = [0i128; C];
    let mut largest = _mm256_setzero_si256();
    let mut lanes = [_mm256_setzero_si256(); C];
    for i in 0..newer.len() {
        let a = integers(&newer[i], &older[i], factor_newest);
        largest = _mm256_max_epu32(largest, _mm256_abs_epi32(a));
        for c in 0..C {
            let (newer, older) = columns_chunks[c];
            let b = integers(&newer[i], &older[i], factors[c]);
            largest = _mm256_max_epu32(largest, _mm256_abs_epi32(b));
            lanes[c] = add_products(lanes[c], a, b);
        }
    }
    for (sum, lanes) in sums.iter_mut().zip(lanes) {
        *sum += horizontal(lanes);
    }
    let tail = |d: Difference<'_, f32>| {
        let (mut newer, mut older) = ([0.0; LANES], [0.0; LANES]);
        let start = n - n % LANES;
        newer[..n - start].copy_from_slice(&d.newer[start..n]);
        older[..n - start].copy_from_slice(&d.older[start..n]);
        (newer, older)
    };
    let (newer, older) = tail(newest.0);
    let a = integers(&newer, &older, factor_newest);
    largest = _mm256_max_epu32(largest, _mm256_abs_epi32(a));
    for (c, (d, _)) in columns.iter().enumerate() {
        let (newer, older) = tail(*d);
        let b = integers(&newer, &older, factors[c]);
        largest = _mm256_max_epu32(largest, _mm256_abs_epi32(b));
        sums[c] += horizontal(add_products(_mm256_setzero_si256(), a, b));
    }
    if above(largest) {
        return false;
    }
    out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
    true
}

/// The differences as integers.
#[target_feature(enable = "avx2")]
#[inline]
fn integers(newer: &[f32; LANES], older: &[f32; LANES], factor: f32) -> __m256i {
    let difference = _mm256_sub_ps(load(newer), load(older));
    _mm256_cvttps_epi32(_mm256_mul_ps(difference, _mm256_set1_ps(factor)))
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn load(x: &[f32; LANES]) -> __m256 {
    let [a, b, c, d, e, f, g, h] = *x;
    _mm256_setr_ps(a, b, c, d, e, f, g, h)
}

/// Adds the products of eight pairs of integers, two to each sum.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn add_products(sums: __m256i, a: __m256i, b: __m256i) -> __m256i {
    let even = _mm256_mul_epi32(a, b);
    let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
    _mm256_add_epi64(_mm256_add_epi64(sums, even), odd)
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn horizontal(sums: __m256i) -> i128 {
    i128::from(_mm256_extract_epi64::<0>(sums))
        + i128::from(_mm256_extract_epi64::<1>(sums))
        + i128::from(_mm256_extract_epi64::<2>(sums))
        + i128::from(_mm256_extract_epi64::<3>(sums))
}

/// Whether any of these is too large for an integer of an exact sum.
#[target_feature(enable = "avx2")]
pub(super) fn above(largest: __m256i) -> bool {
    lanes(largest).iter().any(|lane| lane.cast_unsigned() >> EXACT_DIGITS != 0)
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn lanes(x: __m256i) -> [i32; 8] {
    [
        _mm256_extract_epi32::<0>(x),
        _mm256_extract_epi32::<1>(x),
        _mm256_extract_epi32::<2>(x),
        _mm256_extract_epi32::<3>(x),
        _mm256_extract_epi32::<4>(x),
        _mm256_extract_epi32::<5>(x),
        _mm256_extract_epi32::<6>(x),
        _mm256_extract_epi32::<7>(x),
    ]
}
