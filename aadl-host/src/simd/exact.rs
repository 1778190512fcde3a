//! Exact sums of integers, whatever the width of the registers. What a module that uses
//! [`exact_kernels!`](exact_kernels) brings for its own is described there.
#![forbid(unsafe_code)]

use std::ops::Range;
use std::slice;

use aadl_core::kernels::{Difference, EXACT_DIGITS, Gram, Kernels, Portable, common_length};
use aadl_core::real::Real;

/// A residual and its scale.
pub(super) type Residual<'a, T = f32> = (Difference<'a, T>, i32);

/// Columns of one row that are summed together, whether in one pass or in passes that take turns after
/// [`BLOCK`] elements: so what these read comes from memory once.
pub(super) const TOGETHER: usize = 10;
/// Few enough that sums of 64 bits hold the products, which are below `2^48`.
const BLOCK: usize = 1 << 13;
const _: () = assert!(BLOCK <= 1 << 14, "the sum of all lanes is 64 bits, too");

/// [`Kernels::gram_row`], given [`add_sums`] with a pass.
pub(super) fn gram_row<T: Real>(
    gram: Gram,
    newest: Residual<'_, T>,
    columns: &[Residual<'_, T>],
    out: &mut [f64],
    add: impl Fn(Residual<'_, T>, &[Residual<'_, T>], &mut [i128; TOGETHER]) -> bool,
) {
    let shortened = shortened(newest, columns);
    let mut parts = columns.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER));
    let done = gram == Gram::Exact
        && parts.all(|(columns, out)| {
            let mut sums = [0; TOGETHER];
            let done = add(shortened, columns, &mut sums);
            for ((column, sum), out) in columns.iter().zip(sums).zip(out) {
                *out = super::rounded(sum, newest.1, column.1);
            }
            done
        });
    if !done {
        Portable::gram_row(gram, newest, columns, out);
    }
}

/// [`Kernels::exact_sums`], given [`add_sums`] with a pass.
pub(super) fn exact_sums<T: Real>(
    newest: Residual<'_, T>,
    columns: &[Residual<'_, T>],
    sums: &mut [i128],
    add: impl Fn(Residual<'_, T>, &[Residual<'_, T>], &mut [i128; TOGETHER]) -> bool,
) {
    let newest = shortened(newest, columns);
    for (columns, sums) in columns.chunks(TOGETHER).zip(sums.chunks_mut(TOGETHER)) {
        let mut found = [0; TOGETHER];
        if add(newest, columns, &mut found) {
            sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
        } else {
            Portable::exact_sums(newest, columns, sums);
        }
    }
}

/// The newest residual, no longer than the shortest of all.
fn shortened<'a, T>(newest: Residual<'a, T>, columns: &[Residual<'_, T>]) -> Residual<'a, T> {
    (newest.0.part(0..common_length(&newest.0, columns)), newest.1)
}

/// Whether both are one residual, of which one may have been shortened, at one scale.
pub(super) fn same((a, exponent_a): &Residual<'_>, (b, exponent_b): &Residual<'_>) -> bool {
    let starts = |d: &Difference<'_, f32>| (d.newer.as_ptr(), d.older.as_ptr());
    starts(a) == starts(b) && exponent_a == exponent_b
}

fn single<T: Real>((d, exponent): Residual<'_, T>) -> Option<Residual<'_>> {
    Some((Difference { newer: T::single(d.newer)?, older: T::single(d.older)? }, exponent))
}

/// Adds the sums of integer products of at most [`TOGETHER`] columns, of which none is shorter than
/// `newest`, by passes over `abreast` of them. False where they are not computed: elements are not
/// float32 or do not fill a register, an integer is larger than it should be (something is not finite, or
/// a scale not the residual's), or a scale takes two factors. Then the sums are nothing.
pub(super) fn add_sums<T: Real>(
    newest: Residual<'_, T>,
    columns: &[Residual<'_, T>],
    sums: &mut [i128; TOGETHER],
    abreast: usize,
    pass: impl Fn(Residual<'_>, &[Residual<'_>], Range<usize>, &mut [i128]) -> bool,
) -> bool {
    let Some(newest) = single(newest) else { return false };
    let mut all = [newest; TOGETHER];
    for (place, column) in all.iter_mut().zip(columns) {
        *place = single(*column).unwrap_or(newest);
    }
    let (n, all) = (newest.0.length(), &all[..columns.len()]);
    (0..n).step_by(BLOCK).all(|start| {
        let range = start..n.min(start + BLOCK);
        all.chunks(abreast)
            .zip(sums.chunks_mut(abreast))
            .all(|(columns, sums)| pass(newest, columns, range.clone(), sums))
    })
}

/// The factor that makes integers of a residual, if it takes one only.
pub(super) fn factor((_, exponent): &Residual<'_>) -> Option<f32> {
    let shift = (EXACT_DIGITS - 1).saturating_sub(*exponent);
    (shift < f32::MAX_EXP).then(|| f32::power_of_two(shift))
}

/// Registers full of the elements of a residual's two iterates.
pub(super) type Chunks<'a, const LANES: usize> = (&'a [[f32; LANES]], &'a [[f32; LANES]]);

/// Those in `range`, but for a rest that does not fill one.
#[inline]
pub(super) fn chunks<'a, const LANES: usize>(
    (d, _): &Residual<'a>,
    range: Range<usize>,
) -> Chunks<'a, LANES> {
    (d.newer[range.clone()].as_chunks().0, d.older[range].as_chunks().0)
}

/// The last one before `end`, if there are elements enough for one.
#[inline]
pub(super) fn ending<'a, const LANES: usize>(
    (d, _): &Residual<'a>,
    end: usize,
) -> Option<Chunks<'a, LANES>> {
    let last = |x: &'a [f32]| x[..end].last_chunk().map(slice::from_ref);
    Some((last(d.newer)?, last(d.older)?))
}

/// Defines `gram_row` and `exact_sums` for registers of `LANES` float32, in passes over at most
/// `ABREAST` columns, whose numbers are listed. The module has
///
/// - `Register`, the type, and `zero`, the register;
/// - `integers(newer, older, factor)`, differences times the factor, cut;
/// - `add_products(sums, a, b)`, the sums with the products of all integers added, in 64 bits;
/// - `add_bits(bits, a)`, the bits with those of the integers' magnitudes;
/// - `total(sums)`, their sum, and `above(bits)`, whether any is above [`EXACT_DIGITS`].
macro_rules! exact_kernels {
    ($features:literal, [$($count:literal)*]) => {
        #[doc = "[`Kernels::gram_row`](aadl_core::kernels::Kernels::gram_row)."]
        #[target_feature(enable = $features)]
        pub(super) fn gram_row<T: Real>(
            gram: Gram,
            newest: Residual<'_, T>,
            columns: &[Residual<'_, T>],
            out: &mut [f64],
        ) {
            exact::gram_row(gram, newest, columns, out, |newest, columns, sums| {
                exact::add_sums(newest, columns, sums, ABREAST, |a, b, r, out| pass(a, b, r, out))
            });
        }

        #[doc = "[`Kernels::exact_sums`](aadl_core::kernels::Kernels::exact_sums)."]
        #[target_feature(enable = $features)]
        pub(super) fn exact_sums<T: Real>(
            newest: Residual<'_, T>,
            columns: &[Residual<'_, T>],
            sums: &mut [i128],
        ) {
            exact::exact_sums(newest, columns, sums, |newest, columns, sums| {
                exact::add_sums(newest, columns, sums, ABREAST, |a, b, r, out| pass(a, b, r, out))
            });
        }

        const _: () = assert!([$($count),*].len() == ABREAST && ABREAST <= TOGETHER);

        #[target_feature(enable = $features)]
        fn pass(
            newest: Residual<'_>,
            columns: &[Residual<'_>],
            range: Range<usize>,
            sums: &mut [i128],
        ) -> bool {
            let own = columns.last().is_some_and(|last| exact::same(last, &newest));
            let others = &columns[..columns.len() - usize::from(own)];
            match others.len() {
                0 => own && abreast::<0, true>(newest, &[], range, sums),
                $($count => others.first_chunk::<$count>().is_some_and(|others| {
                    if own {
                        abreast::<$count, true>(newest, others, range, sums)
                    } else {
                        abreast::<$count, false>(newest, others, range, sums)
                    }
                }),)*
                _ => false,
            }
        }

        /// `OWN`: behind the columns comes the newest itself, whose integers serve twice.
        #[target_feature(enable = $features)]
        fn abreast<const C: usize, const OWN: bool>(
            newest: Residual<'_>,
            columns: &[Residual<'_>; C],
            range: Range<usize>,
            out: &mut [i128],
        ) -> bool {
            let Some(factor_newest) = exact::factor(&newest) else { return false };
            let mut factors = [0.0; C];
            for (place, column) in factors.iter_mut().zip(columns) {
                let Some(factor) = exact::factor(column) else { return false };
                *place = factor;
            }
            let newest_chunks = exact::chunks(&newest, range.clone());
            let mut all = [newest_chunks; C];
            for (place, column) in all.iter_mut().zip(columns) {
                *place = exact::chunks(column, range.clone());
            }
            let mut sums = ([zero(); C], zero(), zero());
            add::<C, OWN>(newest_chunks, factor_newest, &all, &factors, &mut sums);
            let rest = range.len() % LANES;
            if rest > 0 {
                let Some(newest) = exact::ending(&newest, range.end) else { return false };
                let mut all = [newest; C];
                for (place, column) in all.iter_mut().zip(columns) {
                    let Some(chunks) = exact::ending(column, range.end) else { return false };
                    *place = chunks;
                }
                // The elements before are summed already: of the newest they are made zero here.
                let ([newer], [older]) = newest else { return false };
                let mut last = *older;
                last[LANES - rest..].copy_from_slice(&newer[LANES - rest..]);
                let newest = (std::slice::from_ref(&last), std::slice::from_ref(older));
                add::<C, OWN>(newest, factor_newest, &all, &factors, &mut sums);
            }
            let (lanes, own, bits) = sums;
            if above(bits) {
                return false;
            }
            let own = OWN.then_some(own);
            out.iter_mut().zip(lanes.into_iter().chain(own)).for_each(|(out, lanes)| *out += total(lanes));
            true
        }

        /// Adds products to the sums of the columns and to the newest's own, and the bits of all integers to
        /// the others.
        #[target_feature(enable = $features)]
        fn add<const C: usize, const OWN: bool>(
            (newer, older): Chunks<'_, LANES>,
            factor_newest: f32,
            columns: &[Chunks<'_, LANES>; C],
            factors: &[f32; C],
            sums: &mut ([Register; C], Register, Register),
        ) {
            let (mut lanes, mut own, mut bits) = *sums;
            let n = newer.len();
            let older = &older[..n];
            let mut columns = *columns;
            for (newer, older) in &mut columns {
                (*newer, *older) = (&newer[..n], &older[..n]);
            }
            for i in 0..n {
                let a = integers(&newer[i], &older[i], factor_newest);
                bits = add_bits(bits, a);
                // Written out: a loop of ten would be kept, and the sums in memory.
                $(if $count <= C {
                    let c = $count - 1;
                    let (newer, older) = columns[c];
                    let b = integers(&newer[i], &older[i], factors[c]);
                    bits = add_bits(bits, b);
                    lanes[c] = add_products(lanes[c], a, b);
                })*
                if OWN {
                    own = add_products(own, a, a);
                }
            }
            *sums = (lanes, own, bits);
        }
    };
}
pub(super) use exact_kernels;
