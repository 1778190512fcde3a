//! Exact sums of integers in AVX-512.
#![forbid(unsafe_code)]

use std::arch::x86_64::{
    __m512, __m512i, _mm512_abs_epi32, _mm512_add_epi64, _mm512_cvttps_epi32, _mm512_mul_epi32,
    _mm512_mul_ps, _mm512_or_si512, _mm512_reduce_add_epi64, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setr_ps, _mm512_setzero_si512, _mm512_srli_epi64, _mm512_sub_ps, _mm512_test_epi32_mask,
};
use std::ops::Range;

use aadl_core::kernels::{EXACT_DIGITS, Gram};
use aadl_core::real::Real;

use super::exact::{self, Chunks, Residual, TOGETHER, exact_kernels};

/// Lanes of a register of float32.
const LANES: usize = 16;
/// All columns at once: there are 32 registers.
const ABREAST: usize = TOGETHER;

type Register = __m512i;

exact_kernels! { "avx512f", [1 2 3 4 5 6 7 8 9 10] }

#[target_feature(enable = "avx512f")]
#[inline]
fn zero() -> Register {
    _mm512_setzero_si512()
}

#[target_feature(enable = "avx512f")]
#[inline]
fn integers(newer: &[f32; LANES], older: &[f32; LANES], factor: f32) -> Register {
    let difference = _mm512_sub_ps(load(newer), load(older));
    _mm512_cvttps_epi32(_mm512_mul_ps(difference, _mm512_set1_ps(factor)))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(x: &[f32; LANES]) -> __m512 {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *x;
    _mm512_setr_ps(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn add_products(sums: Register, a: Register, b: Register) -> Register {
    let even = _mm512_mul_epi32(a, b);
    let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
    _mm512_add_epi64(_mm512_add_epi64(sums, even), odd)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn add_bits(bits: Register, a: Register) -> Register {
    _mm512_or_si512(bits, _mm512_abs_epi32(a))
}

/// The sum of all lanes: products below `2^48` of 2^13 elements.
#[target_feature(enable = "avx512f")]
fn total(sums: Register) -> i128 {
    _mm512_reduce_add_epi64(sums).into()
}

#[target_feature(enable = "avx512f")]
fn above(bits: Register) -> bool {
    _mm512_test_epi32_mask(bits, _mm512_set1_epi32(-1 << EXACT_DIGITS)) != 0
}
