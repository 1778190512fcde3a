//! What is written for AVX2 rather than left to the compiler: exact sums of integers. No compiler
//! finds these instructions, for want of knowing that the integers are small.
#![forbid(unsafe_code)]

use std::arch::x86_64::{
    __m256, __m256i, _mm256_abs_epi32, _mm256_add_epi64, _mm256_cvttps_epi32, _mm256_extract_epi32,
    _mm256_extract_epi64, _mm256_mul_epi32, _mm256_mul_ps, _mm256_or_si256, _mm256_set1_ps,
    _mm256_setr_ps, _mm256_setzero_si256, _mm256_srli_epi64, _mm256_sub_ps,
};
use std::ops::Range;

use aadl_core::kernels::{EXACT_DIGITS, Gram};
use aadl_core::real::Real;

use super::exact::{self, Chunks, Residual, TOGETHER, exact_kernels};

/// Lanes of a register of float32.
const LANES: usize = 8;
/// Of more columns, sums and factors do not stay in registers: eight took three times as long as five.
const ABREAST: usize = 5;

type Register = __m256i;

exact_kernels! { "avx2", [1 2 3 4 5] }

#[target_feature(enable = "avx2")]
#[inline]
fn zero() -> Register {
    _mm256_setzero_si256()
}

#[target_feature(enable = "avx2")]
#[inline]
fn integers(newer: &[f32; LANES], older: &[f32; LANES], factor: f32) -> Register {
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
pub(super) fn add_products(sums: Register, a: Register, b: Register) -> Register {
    let even = _mm256_mul_epi32(a, b);
    let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
    _mm256_add_epi64(_mm256_add_epi64(sums, even), odd)
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn add_bits(bits: Register, a: Register) -> Register {
    _mm256_or_si256(bits, _mm256_abs_epi32(a))
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn total(sums: Register) -> i128 {
    i128::from(_mm256_extract_epi64::<0>(sums))
        + i128::from(_mm256_extract_epi64::<1>(sums))
        + i128::from(_mm256_extract_epi64::<2>(sums))
        + i128::from(_mm256_extract_epi64::<3>(sums))
}

/// Whether any integer is too large for an exact sum.
#[target_feature(enable = "avx2")]
pub(super) fn above(bits: Register) -> bool {
    lanes(bits).iter().any(|lane| lane.cast_unsigned() >> EXACT_DIGITS != 0)
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn lanes(x: Register) -> [i32; 8] {
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
