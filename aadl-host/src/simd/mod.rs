//! The core's kernels, compiled for the instruction sets that a CPU may or may not have.
//!
//! A [backend](Kernels) is a type. All compute the same bits; they differ in speed only:
//!
//! | backend | instructions | where |
//! |---|---|---|
//! | [`Portable`] | those of the target: SSE2 on x86-64, NEON on AArch64 | everywhere |
//! | [`Avx2`] | AVX2 where the CPU has it, else those of [`Portable`] | x86-64 |
//! | [`Avx512`] | AVX-512 for exact sums, differences and layers where the CPU has it, else those of [`Avx2`] | x86-64 |
//!
//! NEON belongs to every AArch64, so that the compiler already uses it in [`Portable`]. Fused
//! multiplications would change bits (the contract's first rule). Other kernels over long vectors are
//! left to AVX2: they wait for memory, and compilers make gathers of some of them for AVX-512.
//!
//! This file holds all the `unsafe` of the crate; the files beside it are safe code.

use aadl_core::kernels::{Column, Difference, EXACT_DIGITS, Gram, Kernels, Portable, Scaled, Task};
use aadl_core::real::Real;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod columns;
#[cfg(target_arch = "x86_64")]
mod exact;

/// An exact sum of products of two residuals' integers, below `2^106`, as the number it stands for.
pub(crate) fn rounded(sum: i128, newest: i32, column: i32) -> f64 {
    let exponent = newest.saturating_add(column).saturating_sub(2 * (EXACT_DIGITS - 1));
    // Two numbers of at most 53 bits: only their sum is rounded, as `sum as f64` is by a long call.
    const DIGITS: u32 = f64::MANTISSA_DIGITS;
    let high = (sum >> DIGITS) as i64 as f64 * (1u64 << DIGITS) as f64;
    let low = (sum as i64 & ((1 << DIGITS) - 1)) as f64;
    (high + low) * f64::power_of_two(exponent)
}

/// The fastest backend of this target, and of whatever CPU the program meets.
#[cfg(target_arch = "x86_64")]
pub type Fastest = Avx512;
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

/// AVX-512 for what gains by it: exact sums, multiples of differences, and layers, whose tiles fit its
/// registers. All else is [`Avx2`].
///
/// ```
/// use aadl_core::kernels::{Kernels, Portable};
/// use aadl_host::simd::Avx512;
/// let (weights, x) = ([0.1f32; 6], [0.7; 3]);
/// let (mut y, mut expected) = ([0.0; 2], [0.0; 2]);
/// Avx512::dense_forward(&weights, &[1.0; 2], &x, &mut y);
/// Portable::dense_forward(&weights, &[1.0; 2], &x, &mut expected);
/// assert_eq!(y, expected);
/// ```
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    /// Whether this CPU has the foundation of AVX-512, for registers of every length. (Found out
    /// once; then a load.)
    pub fn is_available() -> bool {
        std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
    }
}

/// The portable bodies with tiles for registers of this many bytes.
#[cfg(target_arch = "x86_64")]
struct Body<const REGISTER: usize>;

#[cfg(target_arch = "x86_64")]
impl<const REGISTER: usize> Kernels for Body<REGISTER> {
    const REGISTER: usize = REGISTER;
}

#[cfg(target_arch = "x86_64")]
type Body32 = Body<32>;
#[cfg(target_arch = "x86_64")]
type Body64 = Body<64>;

/// Implements each kernel by a function that may use these instructions, or by that of another backend
/// where the CPU has none of them. A function of [`Body`] is inlined into the clone, and so becomes code
/// for the registers that the clone is allowed.
#[cfg(target_arch = "x86_64")]
macro_rules! clones {
    ($features:literal, $Else:ident; $(
        fn $name:ident<$T:ident: $Bound:ident>($($argument:ident: $type:ty),*) $(-> $Out:ty)?
            = $module:ident;
    )*) => {$(
        #[inline]
        fn $name<$T: $Bound>($($argument: $type),*) $(-> $Out)? {
            #[target_feature(enable = $features)]
            fn clone<$T: $Bound>($($argument: $type),*) $(-> $Out)? {
                $module::$name($($argument),*)
            }
            if Self::is_available() {
                // SAFETY: `clone` is a safe function, to be called where its instructions are
                // known to exist: this CPU has just been found to have them.
                unsafe { clone($($argument),*) }
            } else {
                $Else::$name($($argument),*)
            }
        }
    )*};
}

/// Implements each kernel by that of another backend.
#[cfg(target_arch = "x86_64")]
macro_rules! others {
    ($Else:ident; $(
        fn $name:ident<$T:ident: $Bound:ident>($($argument:ident: $type:ty),*) $(-> $Out:ty)?
            = $module:ident;
    )*) => {$(
        #[inline]
        fn $name<$T: $Bound>($($argument: $type),*) $(-> $Out)? {
            $Else::$name($($argument),*)
        }
    )*};
}

/// The kernels that are left to AVX2, and what has them, given to a macro after its arguments.
#[cfg(target_arch = "x86_64")]
macro_rules! vectors {
    ($macro:ident, $($arguments:tt)*) => { $macro! { $($arguments)*
        fn dot<T: Real>(a: &[T], b: &[T]) -> T = Body32;
        fn dot_wide<T: Real>(a: &[T], b: &[T]) -> f64 = Body32;
        fn axpy<T: Real>(y: &mut [T], a: T, x: &[T]) = Body32;
        fn all_finite<T: Real>(x: &[T]) -> bool = Body32;
        fn max_magnitude<T: Real>(x: &[T]) -> T::Bits = Body32;
        fn max_difference<T: Real>(x: Difference<'_, T>) -> T::Bits = Body32;
        fn run<T: Task>(task: T) -> T::Output = Body32;
        fn column_dots<C: Column>(
            columns: &[Scaled<'_, C>],
            newest: Scaled<'_, C>,
            vector: Scaled<'_, f32>,
            out: &mut [[f32; 2]]
        ) = columns;
        fn column_norm2<C: Column>(column: Scaled<'_, C>) -> f32 = Body32;
        fn add_columns<C: Column>(x: &mut [f32], terms: &[(Scaled<'_, C>, f32)]) = Body32;
    }};
}

/// The kernels that AVX-512 has, too: exact sums of one module, all else of another. Given to a macro after
/// its arguments.
#[cfg(target_arch = "x86_64")]
macro_rules! wider {
    ($sums:ident, $module:ident, $macro:ident, $($arguments:tt)*) => { $macro! { $($arguments)*
        fn gram_row<T: Real>(
            gram: Gram,
            newest: (Difference<'_, T>, i32),
            columns: &[(Difference<'_, T>, i32)],
            out: &mut [f64]
        ) = $sums;
        fn exact_sums<T: Real>(
            newest: (Difference<'_, T>, i32),
            columns: &[(Difference<'_, T>, i32)],
            sums: &mut [i128]
        ) = $sums;
        fn add_differences<T: Real>(x: &mut [T], terms: &[(Difference<'_, T>, T)]) = $module;
        fn dense_forward<T: Real>(weights: &[T], bias: &[T], inputs: &[T], outputs: &mut [T]) = $module;
        fn dense_backward_input<T: Real>(
            weights: &[T],
            outputs: usize,
            delta: &[T],
            upstream: &mut [T]
        ) = $module;
        fn dense_backward_weights<T: Real>(
            delta: &[T],
            inputs: &[T],
            weights: &mut [T],
            bias: &mut [T]
        ) = $module;
        fn dense_backward_weights_from_zero<T: Real>(
            delta: &[T],
            inputs: &[T],
            weights: &mut [T],
            bias: &mut [T]
        ) = $module;
    }};
}

#[cfg(target_arch = "x86_64")]
impl Kernels for Avx2 {
    vectors! { clones, "avx2", Portable; }
    wider! { avx2, Body32, clones, "avx2", Portable; }
}

#[cfg(target_arch = "x86_64")]
impl Kernels for Avx512 {
    vectors! { others, Avx2; }
    wider! { avx512, Body64, clones, "avx512f,avx512vl", Avx2; }
}
