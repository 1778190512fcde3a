//! The step without the numeric contract: what its bits cost is measured against this.
//!
//! Inner products are sums of float32 in whatever order suits the registers, fused; so are the
//! combinations; the largest residual, which only exact sums ask for, is not looked for.

use aadl_core::history::MAX_DEPTH;
use aadl_core::kernels::{Difference, Gram, Kernels};
use aadl_core::real::Real;
use aadl_host::simd::Fastest;
use pulp::{Arch, Simd, WithSimd};

/// Columns of a row that are read at a time, and terms of a combination.
const ABREAST: usize = 8;
const TERMS: usize = 4;
/// Elements that all terms are added to before the next ones.
const BLOCK: usize = 512;

/// Kernels of no fixed order, for float32 and what the accelerated step with [`Gram::Wide`] needs.
pub(crate) struct Free;

impl Kernels for Free {
    fn all_finite<T: Real>(x: &[T]) -> bool {
        Fastest::all_finite(x)
    }

    fn max_difference<T: Real>(_: Difference<'_, T>) -> T::Bits {
        T::ONE.magnitude_bits()
    }

    fn gram_row<T: Real>(
        _: Gram,
        newest: (Difference<'_, T>, i32),
        columns: &[(Difference<'_, T>, i32)],
        out: &mut [f64],
    ) {
        let (arch, newest) = (Arch::new(), single(newest.0));
        for (columns, out) in columns.chunks(ABREAST).zip(out.chunks_mut(ABREAST)) {
            let mut group = [newest; ABREAST];
            for (place, (column, _)) in group.iter_mut().zip(columns) {
                *place = single(*column);
            }
            let [a, b, c, d, e, f, g, h] = group;
            match columns.len() {
                1 => arch.dispatch(Row { newest, columns: [a], out }),
                2 => arch.dispatch(Row { newest, columns: [a, b], out }),
                3 => arch.dispatch(Row { newest, columns: [a, b, c], out }),
                4 => arch.dispatch(Row { newest, columns: [a, b, c, d], out }),
                5 => arch.dispatch(Row { newest, columns: [a, b, c, d, e], out }),
                6 => arch.dispatch(Row { newest, columns: [a, b, c, d, e, f], out }),
                7 => arch.dispatch(Row { newest, columns: [a, b, c, d, e, f, g], out }),
                _ => arch.dispatch(Row { newest, columns: [a, b, c, d, e, f, g, h], out }),
            }
        }
    }

    fn add_differences<T: Real>(x: &mut [T], terms: &[(Difference<'_, T>, T)]) {
        let arch = Arch::new();
        let mut place = [(Difference::default(), 0.0); MAX_DEPTH];
        for (place, (difference, b)) in place.iter_mut().zip(terms) {
            *place = (single(*difference), b.to_f64() as f32);
        }
        let (groups, rest) = place[..terms.len()].as_chunks::<TERMS>();
        for (index, x) in x.chunks_mut(BLOCK).enumerate() {
            let start = index * BLOCK;
            // There is no way from `&mut [T]` to `&mut [f32]`.
            let mut sums = [0.0; BLOCK];
            let sums = &mut sums[..x.len()];
            for terms in groups {
                arch.dispatch(Combination { x: sums, terms, start });
            }
            for term in rest {
                arch.dispatch(Combination { x: sums, terms: &[*term], start });
            }
            for (x, sum) in x.iter_mut().zip(sums) {
                *x += T::from_f64(f64::from(*sum));
            }
        }
    }
}

fn single<T: Real>(d: Difference<'_, T>) -> Difference<'_, f32> {
    let single = |x| T::single(x).expect("float32 is what this is for");
    Difference { newer: single(d.newer), older: single(d.older) }
}

/// The inner products of a residual with `C` others.
struct Row<'a, const C: usize> {
    newest: Difference<'a, f32>,
    columns: [Difference<'a, f32>; C],
    out: &'a mut [f64],
}

impl<const C: usize> WithSimd for Row<'_, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { newest, columns, out } = self;
        let n = newest.newer.len();
        let (newer, newer_rest) = S::as_simd_f32s(&newest.newer[..n]);
        let (older, older_rest) = S::as_simd_f32s(&newest.older[..n]);
        let parts =
            columns.map(|d| (S::as_simd_f32s(&d.newer[..n]).0, S::as_simd_f32s(&d.older[..n]).0));
        let mut sums = [simd.splat_f32s(0.0); C];
        for i in 0..newer.len() {
            let a = simd.sub_f32s(newer[i], older[i]);
            for (sum, (newer, older)) in sums.iter_mut().zip(&parts) {
                *sum = simd.mul_add_f32s(a, simd.sub_f32s(newer[i], older[i]), *sum);
            }
        }
        let start = n - newer_rest.len();
        for ((out, sum), d) in out.iter_mut().zip(sums).zip(&columns) {
            let mut sum = simd.reduce_sum_f32s(sum);
            for (i, (newer, older)) in newer_rest.iter().zip(older_rest).enumerate() {
                sum += (newer - older) * (d.newer[start + i] - d.older[start + i]);
            }
            *out = sum.into();
        }
    }
}

/// Multiples of `C` differences, of `x.len()` elements from `start` on, added to `x`.
struct Combination<'a, const C: usize> {
    x: &'a mut [f32],
    terms: &'a [(Difference<'a, f32>, f32); C],
    start: usize,
}

impl<const C: usize> WithSimd for Combination<'_, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, terms, start } = self;
        let end = start + x.len();
        let (sums, rest) = S::as_mut_simd_f32s(x);
        let parts = terms.map(|(d, _)| {
            let [newer, older] = [d.newer, d.older].map(|x| S::as_simd_f32s(&x[start..end]).0);
            (&newer[..sums.len()], &older[..sums.len()])
        });
        let factors = terms.map(|(_, b)| simd.splat_f32s(b));
        for i in 0..sums.len() {
            let mut sum = sums[i];
            for ((newer, older), factor) in parts.iter().zip(&factors) {
                sum = simd.mul_add_f32s(*factor, simd.sub_f32s(newer[i], older[i]), sum);
            }
            sums[i] = sum;
        }
        let first = end - rest.len();
        for (i, sum) in rest.iter_mut().enumerate() {
            for (d, b) in terms {
                *sum += b * (d.newer[first + i] - d.older[first + i]);
            }
        }
    }
}
