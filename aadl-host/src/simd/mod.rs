//! The core's kernels, compiled for the instruction sets that a CPU may or may not have.
//!
//! A [backend](Kernels) is a type. All compute the same bits; they differ in speed only:
//!
//! | backend | instructions | where |
//! |---|---|---|
//! | [`Portable`] | those of the target: SSE2 on x86-64, NEON on AArch64 | everywhere |
//! | [`Avx2`] | AVX2 where the CPU has it, else those of [`Portable`] | x86-64 |
//!
//! NEON belongs to every AArch64, so that the compiler already uses it in [`Portable`]. Fused
//! multiplications would change bits (the contract's first rule), and AVX-512 is left out: compilers
//! make gathers of it where two AVX2 registers do better.
//!
//! This file holds all the `unsafe` of the crate; the files beside it are safe code.

use aadl_core::kernels::{Column, Difference, EXACT_DIGITS, Gram, Kernels, Portable, Scaled};
use aadl_core::real::Real;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod columns;

/// An exact sum of products of two residuals' integers as the number it stands for.
pub(crate) fn rounded(sum: i128, newest: i32, column: i32) -> f64 {
    let exponent = newest.saturating_add(column).saturating_sub(2 * (EXACT_DIGITS - 1));
    sum as f64 * f64::power_of_two(exponent)
}

/// The fastest backend of this target, and of whatever CPU the program meets.
#[cfg(target_arch = "x86_64")]
pub type Fastest = Avx2;
/// The fastest backend of this target.
#[cfg(not(target_arch = "x86_64"))]
pub type Fastest = Portable;

/// AVX2: twice as many lanes as [`Portable`] has, and integers of the width that exact sums need.
///
/// ```
/// use aadl_core::kernels::{Kernels, Portable};
/// use aadl_host::simd::Avx2;
/// let x: Vec<f32> = (0..1000).map(|i| (i as f32).sqrt()).collect();
/// assert_eq!(Avx2::dot(&x, &x).to_bits(), Portable::dot(&x, &x).to_bits());
/// ```
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// Whether this CPU has AVX2. (Found out once; then a load.)
    pub fn is_available() -> bool {
        std::arch::is_x86_feature_detected!("avx2")
    }
}

/// The portable bodies with tiles for the registers of AVX2.
#[cfg(target_arch = "x86_64")]
struct Body;

#[cfg(target_arch = "x86_64")]
impl Kernels for Body {
    const REGISTER: usize = 32;
}

/// Implements each kernel by a function that may use AVX2, or by that of [`Portable`] where the CPU
/// has none. A function of [`Body`] is inlined into the clone, and so becomes code for the registers
/// that the clone is allowed.
#[cfg(target_arch = "x86_64")]
macro_rules! clones {
    ($(
        fn $name:ident<$T:ident: $Bound:ident>($($argument:ident: $type:ty),*) $(-> $Out:ty)?
            = $module:ident;
    )*) => {
        impl Kernels for Avx2 {
            const REGISTER: usize = Body::REGISTER;
        $(
            #[inline]
            fn $name<$T: $Bound>($($argument: $type),*) $(-> $Out)? {
                #[target_feature(enable = "avx2")]
                fn clone<$T: $Bound>($($argument: $type),*) $(-> $Out)? {
                    $module::$name($($argument),*)
                }
                if Self::is_available() {
                    // SAFETY: `clone` is a safe function, to be called where its instructions are
                    // known to exist: this CPU has just been found to have them.
                    unsafe { clone($($argument),*) }
                } else {
                    Portable::$name($($argument),*)
                }
            }
        )*}
    };
}

#[cfg(target_arch = "x86_64")]
clones! {
    fn dot<T: Real>(a: &[T], b: &[T]) -> T = Body;
    fn dot_wide<T: Real>(a: &[T], b: &[T]) -> f64 = Body;
    fn axpy<T: Real>(y: &mut [T], a: T, x: &[T]) = Body;
    fn all_finite<T: Real>(x: &[T]) -> bool = Body;
    fn max_magnitude<T: Real>(x: &[T]) -> T::Bits = Body;
    fn max_difference<T: Real>(x: Difference<'_, T>) -> T::Bits = Body;
    fn gram_row<T: Real>(
        gram: Gram,
        newest: (Difference<'_, T>, i32),
        columns: &[(Difference<'_, T>, i32)],
        out: &mut [f64]
    ) = avx2;
    fn exact_sums<T: Real>(
        newest: (Difference<'_, T>, i32),
        columns: &[(Difference<'_, T>, i32)],
        sums: &mut [i128]
    ) = avx2;
    fn add_differences<T: Real>(x: &mut [T], terms: &[(Difference<'_, T>, T)]) = Body;
    fn quantise<C: Column>(x: Difference<'_, f32>, exponent: i32, out: &mut [C]) = Body;
    fn column_dots<C: Column>(
        columns: &[Scaled<'_, C>],
        newest: Scaled<'_, C>,
        vector: Scaled<'_, f32>,
        out: &mut [[f32; 2]]
    ) = columns;
    fn column_norm2<C: Column>(column: Scaled<'_, C>) -> f32 = Body;
    fn add_columns<C: Column>(x: &mut [f32], terms: &[(Scaled<'_, C>, f32)]) = Body;
    fn dense_forward<T: Real>(weights: &[T], bias: &[T], inputs: &[T], outputs: &mut [T]) = Body;
    fn dense_backward_input<T: Real>(
        weights: &[T],
        outputs: usize,
        delta: &[T],
        upstream: &mut [T]
    ) = Body;
    fn dense_backward_weights<T: Real>(
        delta: &[T],
        inputs: &[T],
        weights: &mut [T],
        bias: &mut [T]
    ) = Body;
    fn dense_backward_weights_from_zero<T: Real>(
        delta: &[T],
        inputs: &[T],
        weights: &mut [T],
        bias: &mut [T]
    ) = Body;
}
