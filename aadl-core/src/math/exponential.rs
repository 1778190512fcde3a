//! `e^x` in float32, without a branch: the bits of `libm`'s `expf` for all `2^32` arguments, in a
//! form that compilers vectorise.
//!
//! The method is that of Sun's `e_expf.c` (msun, FreeBSD; conversion to float by I. L. Taylor), which
//! `libm` has by way of musl. With `k` the integer nearest `x / ln 2`, ties away from zero,
//!
//! - `r = x - k ln 2`, where `ln 2 = hi + lo` and `hi` has so few digits that `k hi` is exact;
//! - `R(r^2) = r (e^r + 1) / (e^r - 1) = 2 + P1 r^2 + P2 r^4`, a Remez fit to `2^-27.7`;
//! - `e^r = 1 + r + r c / (2 - c)` with `c = r - (P1 r^2 + P2 r^4)`, and `e^x = 2^k e^r`.
//!
//! Bits are those of `libm` because roundings are the same, in the same order. What is different:
//!
//! 1. Arguments beyond the results' range are cut to ends whose exponentials overflow, or underflow, by
//!    the same arithmetic. A NaN passes both comparisons, and all that follows.
//! 2. `k` is found by adding and subtracting `1.5 * 2^23`, which rounds to an integer, ties to even. With
//!    its last bit set, no `x / ln 2` is a tie: what was one is just beyond it, and goes away from zero.
//!    Small arguments, for which `libm` compares and has no `k`, get `k = 0` or `±1`.
//! 3. `2^k` is two factors, one for each half of `k`, both normal numbers: only the second product can be
//!    subnormal or overflow, so the result is rounded once, as by `scalbnf`.
//!
//! Cost: 25 flops and integer operations, one of them a division.

use crate::real::Real;

/// `ln 2` to 16 digits, and the rest.
const LN_2: [f32; 2] = [f32::from_bits(0x3f31_7200), f32::from_bits(0x35bf_be8e)];
/// The coefficients of `R`.
const P: [f32; 2] = [f32::from_bits(0x3e2a_aa8f), f32::from_bits(0xbb35_5215)];
/// Below it `e^x` is 0, above its opposite an infinity.
const LEAST: f32 = -104.0;
/// `1.5 * 2^23`: a sum with it has no digits after the point.
const INTEGERS: f32 = 12_582_912.0;
/// `2^-14`. Up to here `libm` returns `1 + x`, and not all of these are rounded `e^x`.
const SMALL: f32 = f32::from_bits(0x3900_0000);

/// `e^x`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = if x < LEAST { LEAST } else { x };
    let x = if x > -LEAST { -LEAST } else { x };
    let shifted = f32::from_bits((core::f32::consts::LOG2_E * x).to_bits() | 1) + INTEGERS;
    let (k, whole) =
        (shifted.to_bits().wrapping_sub(INTEGERS.to_bits()) as i32, shifted - INTEGERS);
    let (high, low) = (x - whole * LN_2[0], whole * LN_2[1]);
    let r = high - low;
    let square = r * r;
    let c = r - square * (P[0] + square * P[1]);
    let above_1 = r * c / (2.0 - c) - low + high;
    let power = 1.0 + if x.abs() <= SMALL { x } else { above_1 };
    let half = k >> 1;
    power * f32::power_of_two(half) * f32::power_of_two(k.wrapping_sub(half))
}
