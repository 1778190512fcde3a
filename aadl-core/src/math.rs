//! The only transcendental functions of the crate, behind the trait [`Math`], so that one line of
//! a program chooses between accuracy and size, and so that nothing depends on the C library of a
//! target.
//!
//! [`Libm`] is the default. Its results are part of the numeric contract: host and device must be
//! built with the same version of the `libm` crate. `Micromath` (feature `micromath`) is smaller
//! and faster on soft-float targets and good to two or three digits; it changes bits, equally on
//! all targets.

use crate::real::Real;

mod exponential;

/// Elementary functions of one scalar type.
///
/// ```
/// use aadl_core::math::{Libm, Math};
/// assert_eq!(<Libm as Math<f32>>::tanh(0.0), 0.0);
/// ```
pub trait Math<T: Real> {
    /// `e^x`.
    fn exp(x: T) -> T;
    /// `ln x`.
    fn ln(x: T) -> T;
    /// `ln (1 + x)`, accurate near 0.
    fn ln_1p(x: T) -> T;
    /// Hyperbolic tangent.
    fn tanh(x: T) -> T;
    /// Cosine of an angle in radians.
    fn cos(x: T) -> T;
}

/// The `libm` crate: within 1 ulp or so, the same bits everywhere. On 64-bit targets the float32
/// exponential is this crate's own, which has the same bits and vectorises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Libm;

impl Math<f32> for Libm {
    #[inline]
    fn exp(x: f32) -> f32 {
        // On a Cortex-M4F libm's takes 240 bytes less and no more instructions.
        if cfg!(target_pointer_width = "64") { exponential::exp(x) } else { libm::expf(x) }
    }
    fn ln(x: f32) -> f32 {
        libm::logf(x)
    }
    fn ln_1p(x: f32) -> f32 {
        libm::log1pf(x)
    }
    fn tanh(x: f32) -> f32 {
        libm::tanhf(x)
    }
    fn cos(x: f32) -> f32 {
        libm::cosf(x)
    }
}

impl Math<f64> for Libm {
    fn exp(x: f64) -> f64 {
        libm::exp(x)
    }
    fn ln(x: f64) -> f64 {
        libm::log(x)
    }
    fn ln_1p(x: f64) -> f64 {
        libm::log1p(x)
    }
    fn tanh(x: f64) -> f64 {
        libm::tanh(x)
    }
    fn cos(x: f64) -> f64 {
        libm::cos(x)
    }
}

/// The `micromath` crate: small and fast, float32 only.
///
/// Errors, found by trying: `exp` 0.25 % of the value, and 0 where that would be subnormal; `ln`
/// and `ln_1p` 1e-4, and 0.1 % of the value near 0; `tanh` 2e-3; `cos` 2e-3 for angles up to 1000,
/// beyond which it soon means nothing. NaN gives NaN, and infinities and the ends of the domains
/// what they give in [`Libm`].
///
/// ```
/// use aadl_core::math::{Math, Micromath};
/// assert!((Micromath::exp(1.0) - 2.718282).abs() < 7e-3);
/// assert!((Micromath::ln(0.375) + 0.980829).abs() < 1e-4);
/// assert!((Micromath::ln_1p(1e-5) - 1e-5).abs() < 1e-8);
/// assert!((Micromath::tanh(-0.5) + 0.462117).abs() < 2e-3);
/// assert!((Micromath::cos(1.0) - 0.540302).abs() < 2e-3);
/// assert_eq!([Micromath::exp(89.0), Micromath::exp(-200.0)], [f32::INFINITY, 0.0]);
/// assert_eq!([Micromath::ln(0.0), Micromath::ln_1p(-1.0)], [f32::NEG_INFINITY; 2]);
/// assert!(Micromath::ln(-1.0).is_nan() && Micromath::exp(f32::NAN).is_nan());
/// ```
#[cfg(feature = "micromath")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Micromath;

#[cfg(feature = "micromath")]
impl Math<f32> for Micromath {
    fn exp(x: f32) -> f32 {
        // The logarithms of the largest and the smallest normal number, beyond which micromath
        // returns NaN or numbers that are far off.
        if x > 88.722_83 {
            f32::INFINITY
        } else if x < -87.336_54 {
            0.0
        } else if x.is_nan() {
            x
        } else {
            micromath::F32Ext::exp(x)
        }
    }
    fn ln(x: f32) -> f32 {
        // micromath's ln is good above 1 only, and takes no notice of the ends of the domain.
        if x == 0.0 {
            f32::NEG_INFINITY
        } else if x < 0.0 {
            f32::NAN
        } else if !x.is_finite() {
            x
        } else if x < f32::MIN_POSITIVE {
            Self::ln(x * 16_777_216.0) - 16.635_532 // 2^24 and its logarithm
        } else if x < 0.8 {
            -micromath::F32Ext::ln(1.0 / x)
        } else if x < 1.25 {
            ln_near_1(x - 1.0)
        } else {
            micromath::F32Ext::ln(x)
        }
    }
    fn ln_1p(x: f32) -> f32 {
        if x.abs() < 0.2 { ln_near_1(x) } else { Self::ln(1.0 + x) }
    }
    fn tanh(x: f32) -> f32 {
        // Saturates where float32's tanh is 1.
        if x > 9.0 {
            1.0
        } else if x < -9.0 {
            -1.0
        } else {
            let e = Self::exp(2.0 * x);
            (e - 1.0) / (e + 1.0)
        }
    }
    fn cos(x: f32) -> f32 {
        // Beyond some 1e10 micromath leaves [-1, 1]. The remainder is exact, and NaN of an infinity.
        micromath::F32Ext::cos(x % core::f32::consts::TAU)
    }
}

/// `ln (1 + x) = 2 artanh(x / (2 + x))` for `|x| <= 1/4`, by the first terms of its series.
#[cfg(feature = "micromath")]
fn ln_near_1(x: f32) -> f32 {
    let s = x / (2.0 + x);
    let square = s * s;
    2.0 * s * (1.0 + square * (1.0 / 3.0 + square * 0.2))
}

/// IEEE square root, correctly rounded on every target, so not a matter of choice.
///
/// ```
/// assert_eq!(aadl_core::math::sqrt(2.25f32), 1.5);
/// ```
#[inline]
pub fn sqrt<T: Real>(x: T) -> T {
    // A square root taken in float64 of a float32 and rounded once to float32 is the correctly
    // rounded float32 root (53 >= 2 * 24 + 2), but twice the cost: branch on the type instead.
    if T::DIGITS == f32::MANTISSA_DIGITS {
        T::from_f64(f64::from(libm::sqrtf(x.to_f64() as f32)))
    } else {
        T::from_f64(libm::sqrt(x.to_f64()))
    }
}
