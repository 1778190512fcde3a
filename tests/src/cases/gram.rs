//! Inner products of residuals: exact integers and float64 lanes.

use super::{Outcome, ensure, vector};
use crate::trace::Trace;
use aadl_core::Real;
use aadl_core::kernels::{BLOCK, Difference, GROUP, Gram, Kernels, multiply_by_power_of_two};
use aadl_core::random::Random;

type Residual<'a, T> = (Difference<'a, T>, i32);

/// The residual that two iterates make, with its scale.
fn residual<'a, K: Kernels, T: Real>(newer: &'a [T], older: &'a [T]) -> Residual<'a, T> {
    let difference = Difference { newer, older };
    (difference, T::exponent(K::max_difference(difference)))
}

/// The products of the last residual of consecutive iterates with up to [`GROUP`] others.
fn row<K: Kernels, T: Real, const C: usize>(
    gram: Gram,
    iterates: &[&[T]],
) -> ([f64; C], Option<f64>) {
    let mut columns = [residual::<K, T>(&[], &[]); C];
    for (column, pair) in columns.iter_mut().zip(iterates.windows(2)) {
        *column = residual::<K, T>(pair[1], pair[0]);
    }
    let (mut out, mut alone) = ([0.0; C], [0.0]);
    let newest = columns[C - 1];
    K::gram_row(gram, newest, &columns, &mut out);
    // A column's product does not depend on the company it comes in.
    let mut same = None;
    for (column, out) in columns.iter().zip(out) {
        K::gram_row(gram, newest, &[*column], &mut alone);
        if alone[0].to_bits() != out.to_bits() {
            same = Some(out);
        }
    }
    (out, same)
}

pub(super) fn exact<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(20);
    let iterates: [[f32; 61]; GROUP + 1] = core::array::from_fn(|_| vector(&mut random));
    for n in [0, 1, 5, 8, 16, 33, 61] {
        let slices = iterates.each_ref().map(|x| &x[..n]);
        let (products, differs) = row::<K, f32, GROUP>(Gram::Exact, &slices);
        ensure!(differs.is_none());
        trace.reals("row", &products);
    }
    // Exact sums know no order.
    let forward = row::<K, f32, GROUP>(Gram::Exact, &iterates.each_ref().map(|x| x.as_slice()));
    let backward = iterates.map(|mut x| {
        x.reverse();
        x
    });
    let backward = row::<K, f32, GROUP>(Gram::Exact, &backward.each_ref().map(|x| x.as_slice()));
    ensure!(forward == backward);
    Ok(())
}

/// Residuals of all sizes that float32 has, so that scales need two factors and elements vanish.
pub(super) fn scales<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(21);
    let iterates: [[f32; 24]; 5] = core::array::from_fn(|_| vector(&mut random));
    let plain = row::<K, f32, 4>(Gram::Exact, &iterates.each_ref().map(|x| x.as_slice())).0;
    for exponent in [-149, -140, -126, -110, -104, -60, 0, 60, 120] {
        let mut scaled = iterates;
        multiply_by_power_of_two(scaled.as_flattened_mut(), exponent);
        let (products, differs) =
            row::<K, f32, 4>(Gram::Exact, &scaled.each_ref().map(|x| x.as_slice()));
        ensure!(differs.is_none());
        trace.reals("row", &products);
        if exponent >= -100 {
            // Nothing was rounded: the products are scaled, too, to the bit.
            let mut expected = plain;
            multiply_by_power_of_two(&mut expected, 2 * exponent);
            ensure!(products == expected);
        }
    }
    // Elements of very different size: the small ones are cut to zero.
    let mut mixed = iterates;
    for (x, exponent) in mixed.as_flattened_mut().iter_mut().zip((-30..30).cycle()) {
        *x *= f32::power_of_two(exponent);
    }
    trace.reals("mixed", &row::<K, f32, 4>(Gram::Exact, &mixed.each_ref().map(|x| x.as_slice())).0);
    Ok(())
}

/// More than a block, of the largest integers: no sum overflows.
pub(super) fn blocks<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let (newer, older) = ([f32::from_bits(0x3fff_ffff); BLOCK + 21], [0.0f32; BLOCK + 21]);
    let r = residual::<K, f32>(&newer, &older);
    let mut out = [0.0; 2];
    K::gram_row(Gram::Exact, r, &[r, r], &mut out);
    trace.reals("row", &out);
    // (2^24 - 1)^2 2^-46 for each element, a sum of less than 2^61: rounded once.
    let expected = ((1u64 << 24) - 1).pow(2) as f64 * (BLOCK + 21) as f64 * f64::power_of_two(-46);
    ensure!((out[0] - expected).abs() <= expected * f64::EPSILON && out[0] == out[1]);
    Ok(())
}

pub(super) fn wide<K: Kernels, T: Real>(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(22);
    let iterates: [[T; 45]; 5] = core::array::from_fn(|_| vector(&mut random));
    for n in [0, 1, 7, 8, 9, 16, 45] {
        let slices = iterates.each_ref().map(|x| &x[..n]);
        let (products, differs) = row::<K, T, 4>(Gram::Wide, &slices);
        ensure!(differs.is_none());
        trace.reals("row", &products);
    }
    Ok(())
}
