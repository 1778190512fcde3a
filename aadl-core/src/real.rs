//! The scalar types.

use core::fmt::{Debug, Display};
use core::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A floating-point scalar: `f32` (the default everywhere) or `f64`. Sealed: the numeric contract
/// holds for these two only.
///
/// ```
/// use aadl_core::Real;
/// fn half<T: Real>(x: T) -> T { x * T::from_f64(0.5) }
/// assert_eq!(half(3.0f32), 1.5);
/// ```
pub trait Real:
    sealed::Sealed
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Send
    + Sync
    + 'static
{
    /// The bit pattern of a magnitude. Magnitudes order as their bit patterns do, infinities and
    /// NaNs last, so one integer maximum finds the scale of a slice and anything not finite in it.
    type Bits: Copy + Ord + Default + Debug + Send + Sync + 'static;

    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// Whether the compiler is known to compute with this type in hardware. Where it does not, bit
    /// patterns are tested as integers. Decides speed only.
    const HARDWARE: bool;
    /// Digits of the significand, the hidden one included: 24 or 53.
    const DIGITS: u32;
    /// The magnitude bits of infinity: those of every finite number are below.
    const INFINITY_BITS: Self::Bits;

    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// The same number in float64 (exact).
    fn to_f64(self) -> f64;
    /// `self as i32`: towards zero, saturating, NaN to 0.
    fn truncate(self) -> i32;
    /// The slice itself, where this type is `f32`: for kernels that are made for that.
    fn single(x: &[Self]) -> Option<&[f32]>;
    /// |self|.
    fn abs(self) -> Self;
    /// Neither NaN nor an infinity.
    fn is_finite(self) -> bool;
    /// The bit pattern of |self|.
    fn magnitude_bits(self) -> Self::Bits;
    /// `floor(log2(x))` of the positive finite magnitude with these bits, subnormals included.
    fn exponent(bits: Self::Bits) -> i32;
    /// `2^exponent`, for exponents of normal numbers of this type. Of another exponent, a number
    /// that means nothing, though the same on every target: who needs no check pays for none.
    fn power_of_two(exponent: i32) -> Self;
}

macro_rules! real {
    ($t:ident, $bits:ident, $hardware:ident, $single:ident) => {
        impl Real for $t {
            type Bits = $bits;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $t::EPSILON;
            const HARDWARE: bool = $hardware;
            const DIGITS: u32 = $t::MANTISSA_DIGITS;
            const INFINITY_BITS: $bits = $t::INFINITY.to_bits();

            #[inline]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self.into()
            }
            #[inline]
            fn truncate(self) -> i32 {
                self as i32
            }
            #[inline]
            fn single(x: &[Self]) -> Option<&[f32]> {
                $single(x)
            }
            #[inline]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline]
            fn is_finite(self) -> bool {
                // Cheaper than a comparison where there is no FPU.
                self.magnitude_bits() < Self::INFINITY_BITS
            }
            #[inline]
            fn magnitude_bits(self) -> $bits {
                self.to_bits() & ($bits::MAX >> 1)
            }
            #[inline]
            fn exponent(bits: $bits) -> i32 {
                const STORED: u32 = $t::MANTISSA_DIGITS - 1;
                const BIAS: i32 = $t::MAX_EXP - 1;
                let biased = (bits >> STORED) as i32;
                if biased == 0 {
                    // Subnormal: the value is bits * 2^(1 - BIAS - STORED).
                    ($bits::BITS - 1) as i32 - bits.leading_zeros() as i32 + 1
                        - BIAS
                        - STORED as i32
                } else {
                    biased - BIAS
                }
            }
            #[inline]
            fn power_of_two(exponent: i32) -> Self {
                const STORED: u32 = $t::MANTISSA_DIGITS - 1;
                const BIAS: i32 = $t::MAX_EXP - 1;
                $t::from_bits((exponent.wrapping_add(BIAS) as $bits) << STORED)
            }
        }
    };
}

real!(f32, u32, SINGLE, single);
real!(f64, u64, DOUBLE, double);

/// What [`Real::single`] is of each type.
fn single(x: &[f32]) -> Option<&[f32]> {
    Some(x)
}
fn double(_: &[f64]) -> Option<&[f32]> {
    None
}

/// Whether the target is known to have an FPU for double, and for single precision. (What Arm's
/// hard-float ABI promises is single; that of a RISC-V cannot be asked for.)
const DOUBLE: bool = cfg!(target_pointer_width = "64");
const SINGLE: bool = DOUBLE || cfg!(target_abi = "eabihf");
