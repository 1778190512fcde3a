//! The only sums along long slices, and the products that more than one module needs. What they compute is fixed
//! to the bit; how fast is left to the implementer of [`Kernels`].
//!
//! # The numeric contract
//! 1. Multiply, then add; never fused.
//! 2. A *reduction over a long slice* takes blocks of [`BLOCK`] elements. In a block, [`LANES`]
//!    accumulators start at zero and take every [`LANES`]-th term; they are folded by halving
//!    (`l` with `l + 4`, then `l + 2`, then `l + 1`). The terms left over, which only the last
//!    block can have, are summed in order from zero and that sum is added to the fold. Block
//!    results are added left to right, from zero.
//! 3. *Inside a network layer* each result has one accumulator, and the summed index ascends
//!    (`dense`).
//! 4. The *exact* Gram of float32 residuals has no order: [`Kernels::gram_row`].
//!
//! On 64-bit targets the kernels are inlined into whoever calls them, so that a host can compile them
//! once more for the instruction sets that a CPU may have (`aadl_host::simd`); on smaller ones, code
//! size decides.
//!
//! No CPU, lane width, thread count or static size may choose another order. Slices of one call
//! must have the same length; of longer ones the rest is ignored.

mod columns;
mod dense;
mod held;
mod lockstep;
mod portable;
mod turned;

pub use columns::{Column, Elements, Scaled};

use crate::real::Real;
use core::cell::Cell;
use core::ops::Range;

/// Elements of a block of a long reduction.
pub const BLOCK: usize = 4096;
/// Accumulators of a block.
pub const LANES: usize = 8;
/// On small targets at most this many columns go into one call of [`Kernels::gram_row`] or
/// [`Kernels::add_differences`]: more of them would fill stacks.
pub const GROUP: usize = 8;
/// On others all that a history can have: what the columns are multiplied with or added to is then
/// read once.
pub(crate) const TOGETHER: usize = if WIDE { 32 } else { GROUP };
/// Whether the target has vector registers to fill; 32-bit ones have a scalar unit at best. Chooses
/// the shapes of tiles.
const WIDE: bool = cfg!(target_pointer_width = "64");
/// Digits of the integers that the exact Gram rounds residuals to. Products of two stay below
/// `2^48`, so `2^15` of them fit in an `i64`.
pub const EXACT_DIGITS: i32 = 24;

/// A vector given as the difference of two stored ones, `newer - older`, rounded once per element.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Difference<'a, T> {
    /// The minuend.
    pub newer: &'a [T],
    /// The subtrahend, as long as `newer`.
    pub older: &'a [T],
}

impl<T> Default for Difference<'_, T> {
    fn default() -> Self {
        Self { newer: &[], older: &[] }
    }
}

/// The elements that all of these residuals have: of longer ones, the rest is ignored.
///
/// ```
/// use aadl_core::kernels::{Difference, common_length};
/// let three = Difference { newer: &[1.0f32, 2.0, 3.0], older: &[0.0; 3] };
/// assert_eq!(three.length(), 3);
/// assert_eq!(three.part(1..3).newer, [2.0, 3.0]);
/// assert_eq!(common_length(&three, &[(three, 1), (three.part(0..2), 0)]), 2);
/// ```
pub fn common_length<T>(newest: &Difference<'_, T>, columns: &[(Difference<'_, T>, i32)]) -> usize {
    columns.iter().fold(newest.length(), |n, (column, _)| n.min(column.length()))
}

impl<T> Difference<'_, T> {
    /// The elements that both vectors have.
    pub fn length(&self) -> usize {
        self.newer.len().min(self.older.len())
    }

    /// The elements in `range`; none where it ends beyond those of a vector.
    pub fn part(&self, range: Range<usize>) -> Self {
        let of = |x| <[T]>::get(x, range.clone()).unwrap_or_default();
        Self { newer: of(self.newer), older: of(self.older) }
    }

    /// Whether both are of the same memory.
    fn is(&self, other: &Self) -> bool {
        core::ptr::eq(self.newer, other.newer) && core::ptr::eq(self.older, other.older)
    }
}

/// In which arithmetic inner products of residuals are summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Gram {
    /// Each float32 residual is cut to 24-bit integers of its own power-of-two scale and the
    /// products are summed as integers: exact, whatever the order. float64 residuals, which do
    /// not fit, are summed as by [`Gram::Wide`].
    #[default]
    Exact,
    /// Products and sums in float64, in the order of long reductions.
    Wide,
}

/// The kernels of one instruction set. The provided methods are the portable definition; an
/// implementation may only be faster, never different.
///
/// ```
/// use aadl_core::kernels::{Kernels, Portable};
/// assert_eq!(Portable::dot(&[1.0f32, 2.0], &[3.0, 4.0]), 11.0);
/// ```
pub trait Kernels {
    /// Bytes of a vector register. Chooses the shapes of tiles, which change speed only.
    const REGISTER: usize = 16;

    /// `sum_i a_i b_i`, in `T`.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn dot<T: Real>(a: &[T], b: &[T]) -> T {
        portable::dot(a, b)
    }

    /// `sum_i a_i b_i`, products and sums in float64.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn dot_wide<T: Real>(a: &[T], b: &[T]) -> f64 {
        portable::dot_wide(a, b)
    }

    /// The sum of `n` computed terms in the order of long reductions, without a slice to hold
    /// them: `terms(i)` gives terms `i .. i + LANES`, of which those from `n` on are ignored.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn sum_terms(n: usize, terms: impl Fn(usize) -> [f64; LANES]) -> f64 {
        portable::sum_terms(n, terms)
    }

    /// `y += a x`, element by element.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn axpy<T: Real>(y: &mut [T], a: T, x: &[T]) {
        portable::axpy(y, a, x);
    }

    /// Whether nothing is NaN or infinite.
    ///
    /// ```
    /// use aadl_core::kernels::{Kernels, Portable};
    /// assert!(Portable::all_finite(&[1.0, f32::MAX]) && !Portable::all_finite(&[f32::NAN, 1.0]));
    /// ```
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn all_finite<T: Real>(x: &[T]) -> bool {
        // Larger registers have a maximum of integers of four bytes, SSE2's have not.
        if Self::REGISTER >= 32 && size_of::<T>() == 4 {
            return Self::max_magnitude(x) < T::INFINITY_BITS;
        }
        portable::all_finite(x)
    }

    /// The bits of the largest magnitude; not below [`Real::INFINITY_BITS`] if anything is NaN or
    /// infinite.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn max_magnitude<T: Real>(x: &[T]) -> T::Bits {
        portable::max_magnitude(x)
    }

    /// [`Kernels::max_magnitude`] of a difference.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn max_difference<T: Real>(x: Difference<'_, T>) -> T::Bits {
        portable::max_difference(x)
    }

    /// Inner products of the residual `newest` with each of the `columns`, into `out`: at most [`GROUP`]
    /// of them on targets of less than 64 bits, which ignore what is beyond. With each residual comes its
    /// scale: `floor(log2)` of its largest magnitude ([`Real::exponent`]), from -150 (of
    /// zeros) to 127, which [`Gram::Wide`] ignores. Of residuals longer than the shortest, the rest is ignored.
    ///
    /// [`Gram::Exact`], of float32: with `e` the scale, each element becomes the integer
    /// `trunc(f * 2^(23 - e))`, below `2^24`; the integer products are summed exactly, the sum is
    /// rounded once to float64 and multiplied by `2^(e + e' - 46)`. Of elements that are not finite, or
    /// beyond their scale, or of other scales, nothing is promised.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn gram_row<T: Real>(
        gram: Gram,
        newest: (Difference<'_, T>, i32),
        columns: &[(Difference<'_, T>, i32)],
        out: &mut [f64],
    ) {
        portable::gram_row(gram, &newest, columns, out);
    }

    /// Adds to `sums` the sums of integer products that [`Gram::Exact`] would round, of float32: those
    /// of pieces of vectors, with the scales of the whole, add up to those of the whole. Every element
    /// must be below `2^(e + 1)`.
    ///
    /// ```
    /// use aadl_core::kernels::{Difference, Kernels, Portable};
    /// let residual = (Difference { newer: &[1.0f32, -0.5], older: &[0.0; 2] }, 0);
    /// let mut sums = [0];
    /// Portable::exact_sums(residual, &[residual], &mut sums);
    /// assert_eq!(sums, [(1 << 46) + (1 << 44)]); // in units of 2^-46
    /// ```
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn exact_sums<T: Real>(
        newest: (Difference<'_, T>, i32),
        columns: &[(Difference<'_, T>, i32)],
        sums: &mut [i128],
    ) {
        portable::add_exact_sums(&newest, columns, sums);
    }

    /// Does a task, with the instructions of this backend where [`Task::run`] is inlined.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn run<T: Task>(task: T) -> T::Output {
        task.run()
    }

    /// `to = from`.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn copy<T: Real>(to: &mut [T], from: &[T]) {
        copy(to, from);
    }

    /// `x += sum_c b_c (newer_c - older_c)`, element by element, the terms in order.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn add_differences<T: Real>(x: &mut [T], terms: &[(Difference<'_, T>, T)]) {
        if WIDE {
            lockstep::add_differences(x, terms);
            return;
        }
        for &(difference, b) in terms {
            portable::add_difference(x, difference, b);
        }
    }

    /// For each column, its inner products with the column `newest` and with `vector`, which is
    /// first rounded to the digits of [`Column::Vector`] with its exponent. Integers are summed
    /// exactly; the sum is rounded to float32.
    ///
    /// ```
    /// use aadl_core::kernels::{Kernels, Portable, Scaled};
    /// let column = Scaled { elements: &[64i8, 32], exponent: 0 }; // 1 and 1/2
    /// let vector = Scaled { elements: &[2.0f32, 3.0], exponent: 1 };
    /// let mut out = [[0.0; 2]];
    /// Portable::column_dots(&[column], column, vector, &mut out);
    /// assert_eq!(out, [[1.25, 3.5]]);
    /// ```
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn column_dots<C: Column>(
        columns: &[Scaled<'_, C>],
        newest: Scaled<'_, C>,
        vector: Scaled<'_, f32>,
        out: &mut [[f32; 2]],
    ) {
        columns::dots(columns, newest, vector, out);
    }

    /// The squared norm of a column, summed as by [`Kernels::column_dots`].
    ///
    /// ```
    /// use aadl_core::kernels::{Kernels, Portable, Scaled};
    /// assert_eq!(Portable::column_norm2(Scaled { elements: &[64i8, 32], exponent: 0 }), 1.25);
    /// ```
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn column_norm2<C: Column>(column: Scaled<'_, C>) -> f32 {
        columns::norm2(column)
    }

    /// `x += sum_c b_c column_c`, element by element, the columns in order.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn add_columns<C: Column>(x: &mut [f32], terms: &[(Scaled<'_, C>, f32)]) {
        columns::add_columns(x, terms);
    }

    /// A dense layer of `bias.len()` outputs: `outputs[s][o] = bias[o] + sum_i weights[o][i]
    /// inputs[s][i]`. `weights` has as many rows as there are outputs, `inputs` and `outputs` have
    /// a row per sample. Each sum starts at its bias and takes `i` in ascending order.
    ///
    /// ```
    /// use aadl_core::kernels::{Kernels, Portable};
    /// let mut outputs = [0.0f32; 2];
    /// Portable::dense_forward(&[1.0, 2.0, 3.0, 4.0], &[0.5, 0.0], &[1.0, 10.0], &mut outputs);
    /// assert_eq!(outputs, [21.5, 43.0]);
    /// ```
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn dense_forward<T: Real>(weights: &[T], bias: &[T], inputs: &[T], outputs: &mut [T]) {
        dense::forward::<Self, T>(weights, bias, inputs, outputs);
    }

    /// The gradient with respect to a dense layer's inputs: `upstream[s][i] = sum_o delta[s][o]
    /// weights[o][i]`, from zero, `o` ascending. `outputs` is the number of rows of `weights`.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn dense_backward_input<T: Real>(
        weights: &[T],
        outputs: usize,
        delta: &[T],
        upstream: &mut [T],
    ) {
        dense::backward_input::<Self, T>(weights, outputs, delta, upstream);
    }

    /// The gradient with respect to a dense layer's parameters, added to what is there:
    /// `weights[o][i] += sum_s delta[s][o] inputs[s][i]` and `bias[o] += sum_s delta[s][o]`, one
    /// sample after the other, `s` ascending.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn dense_backward_weights<T: Real>(
        delta: &[T],
        inputs: &[T],
        weights: &mut [T],
        bias: &mut [T],
    ) {
        dense::backward_weights::<Self, T>(delta, inputs, weights, bias, false);
    }

    /// [`Kernels::dense_backward_weights`] added to zero: what `weights` and `bias` hold before does
    /// not matter.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn dense_backward_weights_from_zero<T: Real>(
        delta: &[T],
        inputs: &[T],
        weights: &mut [T],
        bias: &mut [T],
    ) {
        dense::backward_weights::<Self, T>(delta, inputs, weights, bias, true);
    }
}

/// A loop over vectors that is no kernel, since only one module needs it: a closure that can be told to be inlined,
/// which is for speed only. Its bits must not depend on how it is compiled.
///
/// ```
/// use aadl_core::kernels::{Kernels, Portable, Task};
/// struct Double<'a>(&'a mut [f32]);
/// impl Task for Double<'_> {
///     type Output = ();
///     #[inline(always)]
///     fn run(self) {
///         self.0.iter_mut().for_each(|x| *x *= 2.0);
///     }
/// }
/// let mut x = [1.0, -3.0];
/// Portable::run(Double(&mut x));
/// assert_eq!(x, [2.0, -6.0]);
/// ```
pub trait Task {
    /// What comes out of it.
    type Output;
    /// Does it.
    fn run(self) -> Self::Output;
}

/// The portable definition itself, as safe scalar code that compilers vectorise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Portable;

impl Kernels for Portable {}

/// Where the first NaN or infinity stands.
///
/// ```
/// use aadl_core::kernels::first_non_finite;
/// assert_eq!(first_non_finite(&[1.0, f32::NAN]), Some(1));
/// ```
pub fn first_non_finite<T: Real>(x: &[T]) -> Option<usize> {
    // The search does not vectorise; it is rarely needed.
    if Portable::all_finite(x) {
        return None;
    }
    x.iter().position(|x| !x.is_finite())
}

/// `copy_from_slice` without its panic: the lengths are equal wherever this is called.
pub(crate) fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Moves elements to the places `by` before theirs; those that come first are lost.
pub(crate) fn move_up<T: Copy>(x: &mut [T], by: usize) {
    if WIDE && by <= x.len() {
        x.copy_within(by.., 0);
        return;
    }
    // On a device, the `memmove` of `copy_within` is 1.3 KB.
    let x = Cell::from_mut(x).as_slice_of_cells();
    for (to, from) in x.iter().zip(x.get(by..).unwrap_or_default()) {
        to.set(from.get());
    }
}

/// The first of two slices of one length, by its name, that holds a NaN or an infinity, and where.
pub(crate) fn first_non_finite_of<T: Real>(
    slices: [(&'static str, &[T]); 2],
) -> Option<(&'static str, usize)> {
    let [(_, a), (_, b)] = slices;
    if portable::finite_products(a, b) {
        return None;
    }
    slices.into_iter().find_map(|(what, x)| first_non_finite(x).map(|index| (what, index)))
}

/// `x *= 2^exponent`, by as many exact factors as the range of `T` asks for: nothing is rounded
/// but what underflows. Exponents beyond `±4096`, which leave nothing but zeros and infinities,
/// count as that.
///
/// ```
/// let mut x = [1.5f32, 0.0];
/// aadl_core::kernels::multiply_by_power_of_two(&mut x, -2);
/// assert_eq!(x, [0.375, 0.0]);
/// ```
pub fn multiply_by_power_of_two<T: Real>(x: &mut [T], exponent: i32) {
    let largest = T::exponent(T::INFINITY_BITS) - 1;
    let mut exponent = exponent.clamp(-4096, 4096);
    while exponent != 0 {
        let part = exponent.clamp(1 - largest, largest);
        let factor = T::power_of_two(part);
        exponent -= part;
        for x in &mut *x {
            *x *= factor;
        }
    }
}
