//! A small seeded generator: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), integers only, so the
//! same numbers on every target. Not for secrets.

use crate::math::{Math, sqrt};
use crate::real::Real;

/// A stream of pseudo-random numbers, determined by its seed.
///
/// ```
/// use aadl_core::{math::Libm, random::Random};
/// let mut a = Random::new(7);
/// let mut b = Random::new(7);
/// assert_eq!(a.next_u64(), b.next_u64());
/// let u: f32 = a.uniform();
/// assert!((0.0..1.0).contains(&u));
/// assert!(a.below(6) < 6);
/// let z: f64 = a.normal::<f64, Libm>(); // 99 of 100 lie in (-2.6, 2.6)
/// assert!(z.is_finite());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator whose numbers depend on `seed` alone.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An index below `bound` (0 where `bound` is 0), by multiplication and shift; the bias is
    /// below `bound / 2^64`.
    pub const fn below(&mut self, bound: usize) -> usize {
        ((self.next_u64() as u128 * bound as u128) >> 64) as usize
    }

    /// Uniform on `[0, 1)`, on a grid of `2^-24` (f32) or `2^-53` (f64).
    pub fn uniform<T: Real>(&mut self) -> T {
        let bits = self.next_u64() >> (64 - T::DIGITS);
        T::from_f64(bits as f64) * T::power_of_two(-(T::DIGITS as i32))
    }

    /// Standard normal, by the Box-Muller transform (two uniform draws a number, one number kept).
    pub fn normal<T: Real, F: Math<T>>(&mut self) -> T {
        // 1 - u lies in (0, 1], so the logarithm is finite.
        let radius = sqrt(T::from_f64(-2.0) * F::ln(T::ONE - self.uniform::<T>()));
        radius * F::cos(T::from_f64(core::f64::consts::TAU) * self.uniform::<T>())
    }
}
