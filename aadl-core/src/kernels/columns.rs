//! Quantised columns: vectors stored as integers of their own power-of-two scale, and the sums and
//! products over them. Sums of integers are exact: no order, no rounding.

use core::fmt::Debug;
use core::hint::black_box;

use super::{EXACT_DIGITS, GROUP};
use crate::real::Real;

/// Elements of the vector that [`dots`] keeps as integers, on the stack.
const CHUNK: usize = 128;
/// Of these, how many an inner loop takes at a time, so that small cores have less to count.
const UNROLL: usize = 16;
/// Elements between two folds of its sums.
const FOLD: usize = 1 << 14;
/// The smallest scale. Below it, where its inverse is no normal number, integers just get smaller.
const SMALLEST: i32 = -100;
/// `1.5 * 2^23`: added to a float32 below `2^22`, it leaves the nearest integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;

mod sealed {
    pub trait Sealed {}
    impl Sealed for i8 {}
    impl Sealed for i16 {}
    impl Sealed for f32 {}
}

/// How the elements of a column are stored: as `i8`, as `i16`, or as they are, `f32`. Sealed.
///
/// With `e` the exponent of the column ([`Column::exponent`]) and `D` its digits, an integer `k`
/// stands for `k 2^(e + 1 - D)`. An `f32` column is stored unrounded; in inner products, its
/// elements are cut to integers of 24 digits, as those of [`super::Gram::Exact`].
///
/// ```
/// use aadl_core::kernels::{Column, Kernels, Portable, Scaled};
/// let x = [0.75f32, -1.0, 0.3];
/// let exponent = i8::exponent(Portable::max_magnitude(&x));
/// let elements = x.map(|x| i8::quantise(x, i8::units(exponent)));
/// assert_eq!(elements, [48, -64, 19]); // in units of 1/64
/// let mut back = [0.0; 3];
/// Portable::add_columns(&mut back, &[(Scaled { elements: &elements, exponent }, 1.0)]);
/// assert_eq!(back, [0.75, -1.0, 0.296875]);
/// ```
pub trait Column: sealed::Sealed + Copy + Default + Debug + Send + Sync + 'static {
    /// Digits of the integers, the sign not counted.
    const DIGITS: i32;
    /// 0.
    const ZERO: Self;
    /// What the elements of a vector that is not stored become in inner products with a column.
    type Vector: Column;

    /// The slice itself, for kernels that are made for one format.
    fn elements(x: &[Self]) -> Elements<'_>;
    /// The element that stands for `x`, given how many units a 1 has.
    fn quantise(x: f32, units: f32) -> Self;
    /// The element as an integer, given how many units a 1 has.
    fn integer(self, units: f32) -> i32;
    /// The element as a number: of units, or `f32` itself.
    fn value(self) -> f32;
    /// What a 1 in [`Column::value`] stands for in a column with this exponent.
    fn unit(exponent: i32) -> f32;

    /// How many units a 1 has in a column with this exponent.
    fn units(exponent: i32) -> f32 {
        f32::power_of_two((Self::DIGITS - 1).saturating_sub(exponent))
    }

    /// The exponent of a column whose largest magnitude has these bits ([`Real::magnitude_bits`]):
    /// the smallest `e >= -100` at which that magnitude, rounded, stays below `2^(e + 1)`.
    fn exponent(largest: u32) -> i32 {
        let half_unit = (1 << EXACT_DIGITS >> (Self::DIGITS + 1)) as u32;
        <f32 as Real>::exponent(largest.saturating_add(half_unit)).max(SMALLEST)
    }
}

/// A slice of one of the formats of [`Column`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Elements<'a> {
    /// Of 8-bit integers.
    I8(&'a [i8]),
    /// Of 16-bit integers.
    I16(&'a [i16]),
    /// Of numbers as they are.
    F32(&'a [f32]),
}

macro_rules! integers {
    ($t:ident, $Format:ident) => {
        impl Column for $t {
            const DIGITS: i32 = $t::BITS as i32 - 1;
            const ZERO: Self = 0;
            type Vector = i16;

            #[inline]
            fn elements(x: &[Self]) -> Elements<'_> {
                Elements::$Format(x)
            }
            #[inline]
            fn quantise(x: f32, units: f32) -> Self {
                (x * units + ROUNDER).to_bits() as Self
            }
            #[inline]
            fn integer(self, _: f32) -> i32 {
                self.into()
            }
            #[inline]
            fn value(self) -> f32 {
                self.into()
            }
            #[inline]
            fn unit(exponent: i32) -> f32 {
                f32::power_of_two(exponent.saturating_add(1 - Self::DIGITS))
            }
        }
    };
}

integers!(i8, I8);
integers!(i16, I16);

impl Column for f32 {
    const DIGITS: i32 = EXACT_DIGITS;
    const ZERO: Self = 0.0;
    type Vector = f32;

    #[inline]
    fn elements(x: &[Self]) -> Elements<'_> {
        Elements::F32(x)
    }
    #[inline]
    fn quantise(x: f32, _: f32) -> Self {
        x
    }
    #[inline]
    fn integer(self, units: f32) -> i32 {
        (self * units).truncate()
    }
    #[inline]
    fn value(self) -> f32 {
        self
    }
    #[inline]
    fn unit(_: i32) -> f32 {
        1.0
    }
}

/// A column with its exponent.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scaled<'a, C> {
    /// The elements.
    pub elements: &'a [C],
    /// Their [`Column::exponent`].
    pub exponent: i32,
}

impl<C> Default for Scaled<'_, C> {
    fn default() -> Self {
        Self { elements: &[], exponent: 0 }
    }
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn norm2<C: Column>(column: Scaled<'_, C>) -> f32 {
    let units = C::units(column.exponent);
    let mut sum = Sum::default();
    for chunk in column.elements.chunks(FOLD) {
        sum.fold::<C>();
        sum.add(chunk.iter().fold(0, |sum, element| {
            let element = element.integer(units);
            add_product::<C, C>(sum, element, element)
        }));
    }
    let exponent = column.exponent.saturating_sub(C::DIGITS);
    sum.scaled(exponent, exponent)
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn dots<C: Column>(
    columns: &[Scaled<'_, C>],
    newest: Scaled<'_, C>,
    vector: Scaled<'_, f32>,
    out: &mut [[f32; 2]],
) {
    let length = newest.elements.len().min(vector.elements.len());
    let length = columns.iter().fold(length, |n, column| n.min(column.elements.len()));
    let elements = vector.elements.get(..length).unwrap_or_default();
    let numbers = newest.elements.get(..length).unwrap_or_default();
    let units = C::Vector::units(vector.exponent);
    let units_newest = C::units(newest.exponent);
    let mut integers = [C::Vector::ZERO; CHUNK];
    for (columns, out) in columns.chunks(GROUP).zip(out.chunks_mut(GROUP)) {
        let mut sums = [[Sum::default(); 2]; GROUP];
        if by_halves::<C>() {
            for (column, [first, _]) in columns.iter().zip(&mut sums) {
                first.add(product(column.elements, numbers));
            }
        }
        for (part, vector) in elements.chunks(CHUNK).enumerate() {
            if part % (FOLD / CHUNK) == 0 {
                sums.as_flattened_mut().iter_mut().for_each(Sum::fold::<C>);
            }
            let Some(integers) = integers.get_mut(..vector.len()) else { continue };
            for (integer, x) in integers.iter_mut().zip(vector) {
                *integer = C::Vector::quantise(*x, units);
            }
            let range = part * CHUNK..part * CHUNK + vector.len();
            let Some(newest) = numbers.get(range.clone()) else { continue };
            for (column, [first, second]) in columns.iter().zip(&mut sums) {
                let units_column = C::units(column.exponent);
                let Some(column) = column.elements.get(range.clone()) else { continue };
                let sums = if by_halves::<C>() {
                    [0, product(column, integers)]
                } else {
                    two_products((column, units_column), (newest, units_newest), (integers, units))
                };
                first.add(sums[0]);
                second.add(sums[1]);
            }
        }
        for ((column, [first, second]), out) in columns.iter().zip(&sums).zip(out) {
            let exponent = column.exponent.saturating_sub(C::DIGITS);
            *out = [
                first.scaled(exponent, newest.exponent.saturating_sub(C::DIGITS)),
                second.scaled(exponent, vector.exponent.saturating_sub(C::Vector::DIGITS)),
            ];
        }
    }
}

/// Whether the core multiplies 32 bits to 32 only: an Armv6-M, which is known by its lack of atomics.
const NARROW: bool = cfg!(all(target_arch = "arm", not(target_has_atomic = "ptr")));

/// `sum + a b`, of integers of `A` and `B`. Wrapping says "no overflow check": between two folds there
/// are at most 2^14 products, each below 2^48.
#[inline(always)]
fn add_product<A: Column, B: Column>(sum: i64, a: i32, b: i32) -> i64 {
    sum.wrapping_add(if NARROW && A::DIGITS + B::DIGITS < 32 {
        a.wrapping_mul(b).into()
    } else {
        i64::from(a).wrapping_mul(b.into())
    })
}

/// Sums of products of a column with another and with a vector, each given with how many units a 1
/// has, of at most [`FOLD`] elements. Both at once: an element is loaded once for two products.
#[inline(always)]
fn two_products<C: Column>(
    (column, units_column): (&[C], f32),
    (newest, units_newest): (&[C], f32),
    (vector, units_vector): (&[C::Vector], f32),
) -> [i64; 2] {
    let mut sums = [0; 2];
    let mut add = |column: C, newest: C, vector: C::Vector| {
        let element = column.integer(units_column);
        sums[0] = add_product::<C, C>(sums[0], element, newest.integer(units_newest));
        sums[1] = add_product::<C, C::Vector>(sums[1], element, vector.integer(units_vector));
    };
    let (columns, column_tail) = column.as_chunks::<UNROLL>();
    let (newests, newest_tail) = newest.as_chunks::<UNROLL>();
    let (vectors, vector_tail) = vector.as_chunks::<UNROLL>();
    for (column, (newest, vector)) in columns.iter().zip(newests.iter().zip(vectors)) {
        for (column, (newest, vector)) in column.iter().zip(newest.iter().zip(vector)) {
            add(*column, *newest, *vector);
        }
    }
    for (column, (newest, vector)) in column_tail.iter().zip(newest_tail.iter().zip(vector_tail)) {
        add(*column, *newest, *vector);
    }
    sums
}

/// Whether the core may multiply two 16-bit halves of registers at once: an Arm from v7-M on. (Whether it
/// does, M4 or M3, stable Rust cannot ask.)
const fn by_halves<C: Column>() -> bool {
    cfg!(all(target_arch = "arm", target_has_atomic = "ptr")) && C::DIGITS == i16::DIGITS
}

/// The sum of products of 16-bit columns. The compiler makes `smlald` of two of them, but only in blocks of
/// at most 16 loads, and only where what it loads is not needed for another product.
#[inline(never)]
fn product<A: Column, B: Column>(a: &[A], b: &[B]) -> i64 {
    let n = a.len().min(b.len());
    let (a, a_tail) = a.get(..n).unwrap_or_default().as_chunks();
    let (b, b_tail) = b.get(..n).unwrap_or_default().as_chunks();
    let mut sum = 0;
    let mut add = |a: A, b: B| sum = add_product::<A, B>(sum, a.integer(1.0), b.integer(1.0));
    // Backwards, as that takes less to count; written out, as for size no loop is unrolled.
    for (&[a0, a1, a2, a3, a4, a5, a6, a7], &[b0, b1, b2, b3, b4, b5, b6, b7]) in
        a.iter().zip(b).rev()
    {
        add(a0, b0);
        add(a1, b1);
        add(a2, b2);
        add(a3, b3);
        add(a4, b4);
        add(a5, b5);
        add(a6, b6);
        add(a7, b7);
        // What the compiler cannot see through keeps it from making one block of two.
        black_box(());
    }
    a_tail.iter().zip(b_tail).for_each(|(a, b)| add(*a, *b));
    sum
}

/// Columns that are added in one pass over `x`: as many as a small core has registers for.
const ABREAST: usize = 4;

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn add_columns<C: Column>(x: &mut [f32], terms: &[(Scaled<'_, C>, f32)]) {
    let factor = |(column, b): &(Scaled<'_, C>, f32)| b * C::unit(column.exponent);
    let (groups, rest) = terms.as_chunks::<ABREAST>();
    for group in groups {
        let [p, q, r, s] = group.map(|(column, _)| column.elements.iter());
        let [bp, bq, br, bs] = group.each_ref().map(factor);
        for (x, ((p, q), (r, s))) in x.iter_mut().zip(p.zip(q).zip(r.zip(s))) {
            *x = *x + bp * p.value() + bq * q.value() + br * r.value() + bs * s.value();
        }
    }
    for term in rest {
        let b = factor(term);
        for (x, element) in x.iter_mut().zip(term.0.elements) {
            *x += b * element.value();
        }
    }
}

/// An exact sum of products: `high * 2^40 + low`.
#[derive(Clone, Copy, Default)]
struct Sum {
    high: i64,
    low: i64,
}

impl Sum {
    const DIGITS: u32 = 40;

    fn add(&mut self, products: i64) {
        self.low = self.low.wrapping_add(products);
    }

    /// Makes room for [`FOLD`] products. Those of 16-bit integers never fill an `i64`.
    fn fold<C: Column>(&mut self) {
        if C::DIGITS > i16::DIGITS {
            self.high = self.high.wrapping_add(self.low >> Self::DIGITS);
            self.low &= (1 << Self::DIGITS) - 1;
        }
    }

    /// Rounded to float32 once, times `2^(a + b + 2)`.
    fn scaled(self, a: i32, b: i32) -> f32 {
        let sum = if self.high == 0 {
            self.low as f32
        } else {
            ((i128::from(self.high) << Self::DIGITS) + i128::from(self.low)) as f32
        };
        // One after the other: their product may be no normal number where the result is.
        sum * f32::power_of_two(a.saturating_add(1)) * f32::power_of_two(b.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::product;

    /// On hosts nothing else calls it.
    #[test]
    fn products_by_halves_are_plain_sums() {
        let numbers: [i16; 40] = core::array::from_fn(|i| (i as i16).wrapping_mul(12_345));
        for n in 0..=40 {
            for m in [0, 7, 8, 9, 40] {
                let expected = numbers.iter().rev().take(n).zip(numbers.iter().take(m));
                let expected = expected.fold(0, |sum, (a, b)| sum + i64::from(*a) * i64::from(*b));
                let mut reversed = numbers;
                reversed.reverse();
                assert_eq!(product(&reversed[..n], &numbers[..m]), expected, "{n}, {m}");
            }
        }
        assert_eq!(product(&[i16::MIN; 9], &[i16::MIN; 9]), 9 << 30);
    }
}
