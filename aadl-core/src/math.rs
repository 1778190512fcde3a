//! The only transcendental functions of the crate, behind the trait [`Math`], so that one line of
//! a program chooses between accuracy and size, and so that nothing depends on the C library of a
//! target.
//!
//! [`Libm`] is the default. Its results are part of the numeric contract: host and device must be
//! built with the same version of the `libm` crate. `Micromath` (feature `micromath`) is smaller
//! and faster on soft-float targets and good to about three digits; it changes bits, equally on
//! all targets.

use crate::real::Real;

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

/// The `libm` crate: within 1 ulp or so, the same bits everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Libm;

impl Math<f32> for Libm {
    fn exp(x: f32) -> f32 {
        libm::expf(x)
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

/// The `micromath` crate: small and fast, good to about three digits, float32 only.
#[cfg(feature = "micromath")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Micromath;

#[cfg(feature = "micromath")]
impl Math<f32> for Micromath {
    fn exp(x: f32) -> f32 {
        micromath::F32Ext::exp(x)
    }
    fn ln(x: f32) -> f32 {
        micromath::F32Ext::ln(x)
    }
    fn ln_1p(x: f32) -> f32 {
        micromath::F32Ext::ln(1.0 + x)
    }
    fn tanh(x: f32) -> f32 {
        // Through exp, which micromath keeps accurate; saturates where float32's tanh is 1.
        if x > 9.0 {
            1.0
        } else if x < -9.0 {
            -1.0
        } else {
            let e = micromath::F32Ext::exp(2.0 * x);
            (e - 1.0) / (e + 1.0)
        }
    }
    fn cos(x: f32) -> f32 {
        micromath::F32Ext::cos(x)
    }
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
