//! From a window of residuals to the weights of the stored iterates.

use crate::anderson::Config;
use crate::history::{MAX_DEPTH, preceding};
use crate::kernels::{Difference, Kernels, TOGETHER, multiply_by_power_of_two};
use crate::least_squares::Regularization;
use crate::least_squares::cholesky::Cholesky;
use crate::least_squares::gram::GramMatrix;
use crate::least_squares::qr::{self, Columns};
use crate::math::sqrt;
use crate::real::Real;

/// `gamma` of a window of `residuals`, at least two, from their Gram matrix. Returns the columns used;
/// nothing where the square of a difference is not finite. `gamma`, `remaining` and `pivots` have a place for each.
pub(super) fn solve_gram(
    config: &Config,
    gram: &mut GramMatrix<'_>,
    residuals: usize,
    depth: usize,
    gamma: &mut [f64],
    remaining: &mut [f64],
    pivots: &mut [u16],
) -> Option<usize> {
    let m = residuals.saturating_sub(1);
    let gamma = gamma.get_mut(..m).unwrap_or_default();
    let system = gram.difference_system(residuals, gamma);
    let factor = Cholesky::factor_checked(
        system,
        depth,
        m,
        config.regularization,
        config.drop_tolerance,
        remaining,
        pivots,
    )
    .ok()?;
    factor.solve(gamma).ok()?;
    Some(factor.rank())
}

/// Elements of scratch for [`solve_qr`] with up to `columns` differences of `n` numbers: the
/// differences with a row of regularization below each, the right side, the solution, the QR's own.
pub(super) const fn qr_scratch(n: usize, columns: usize) -> usize {
    let rows = n.saturating_add(columns);
    rows.saturating_mul(columns + 1)
        .saturating_add(columns)
        .saturating_add(qr::scratch(rows, columns))
}

/// `gamma` of the window from the differences of its residuals themselves, each scaled by a power
/// of two to a largest element in `[1, 2)`: older ones are longer and would hide the newer from the
/// rank decision. Returns the rank; nothing where something is not finite. `residual` gives the
/// residual in a slot.
pub(super) fn solve_qr<'r, T: Real, K: Kernels>(
    config: &Config,
    n: usize,
    window: &[u8],
    residual: impl Fn(u8) -> Difference<'r, T>,
    gamma: &mut [f64],
    scratch: &mut [T],
) -> Option<usize> {
    let m = window.len().checked_sub(1)?;
    let rows = n.checked_add(m)?;
    let (values, rest) = scratch.split_at_mut_checked(rows.checked_mul(m)?)?;
    let (b, rest) = rest.split_at_mut_checked(rows)?;
    let (x, rest) = rest.split_at_mut_checked(m)?;

    let mut exponents = heapless::Vec::<i32, MAX_DEPTH>::new();
    // With no pair there is no column, and perhaps no row: chunks may not be empty.
    let columns = values.chunks_mut(rows.max(1)).enumerate();
    for ((j, column), pair) in columns.zip(window.windows(2)) {
        let &[older, newer] = pair else { return None };
        let (top, bottom) = column.split_at_mut_checked(n)?;
        subtract(top, residual(newer), residual(older));
        let bits = K::max_magnitude(top);
        if bits >= T::INFINITY_BITS {
            return None;
        }
        // A column of zeros has no scale: an absolute lambda stays as it is.
        let exponent = if bits > T::Bits::default() { T::exponent(bits) } else { 0 };
        multiply_by_power_of_two(top, -exponent);
        exponents.push(exponent).ok()?;
        bottom.fill(T::ZERO);
        // The scaled column's lambda; an absolute one is in the units before the scaling.
        let lambda = match config.regularization {
            Regularization::Absolute(t) => scaled(t, -2 * exponent),
            relative => relative.lambda(K::dot_wide(top, top)),
        };
        *bottom.get_mut(j)? = T::from_f64(sqrt(lambda));
    }
    let (top, bottom) = b.split_at_mut_checked(n)?;
    let newest = residual(*window.last()?);
    for (b, (newer, older)) in top.iter_mut().zip(newest.newer.iter().zip(newest.older)) {
        *b = *newer - *older;
    }
    bottom.fill(T::ZERO);

    let columns = Columns { values, rows, columns: m, stride: rows };
    let rounding = T::EPSILON.to_f64() * rows as f64;
    let rcond = sqrt(config.drop_tolerance).max(rounding).min(0.5);
    let info = qr::solve::<T, K>(columns, b, x, Some(rcond), rest).ok()?;
    // By reference: moving the list would bring `memcpy`, 0.9 KiB.
    for ((gamma, x), exponent) in gamma.iter_mut().zip(x).zip(&exponents) {
        *gamma = scaled(x.to_f64(), -*exponent);
    }
    Some(info.rank)
}

/// `column = newer - older`, of two residuals.
fn subtract<T: Real>(column: &mut [T], newer: Difference<'_, T>, older: Difference<'_, T>) {
    let newer = newer.newer.iter().zip(newer.older);
    let older = older.newer.iter().zip(older.older);
    for (place, ((a, b), (c, d))) in column.iter_mut().zip(newer.zip(older)) {
        *place = (*a - *b) - (*c - *d);
    }
}

fn scaled(x: f64, exponent: i32) -> f64 {
    let mut x = [x];
    multiply_by_power_of_two(&mut x, exponent);
    let [x] = x;
    x
}

/// The larger of two numbers, `a` where `b` is NaN. (`f64::max` brings a function of its own.)
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// Scales `gamma` down to the cap; true where it had to.
pub(super) fn cap(gamma: &mut [f64], cap: f64) -> bool {
    let largest = gamma.iter().fold(0.0, |max, g| larger(max, g.abs()));
    let over = largest > cap;
    if over {
        for g in gamma {
            *g = *g / largest * cap;
        }
    }
    over
}

/// Turns `gamma_0 .. gamma_{m-1}`, and one place more, into the `m + 1` weights of the residuals:
/// differences of neighbours, with 0 before the first and 1 after the last.
pub(super) fn residual_weights(a: &mut [f64]) {
    if let Some(last) = a.last_mut() {
        *last = 1.0;
    }
    let mut previous = 0.0;
    for a in a {
        let gamma = *a;
        *a = gamma - previous;
        previous = gamma;
    }
}

/// Weights of the iterates, by slot, from the weights `a` of the residuals in `window`:
/// `x_j + beta f_j` is `1 - beta` of the older and `beta` of the newer iterate.
pub(super) fn iterate_weights(
    window: &[u8],
    a: &[f64],
    relaxation: f64,
    depth: usize,
    weights: &mut [f64],
) {
    weights.fill(0.0);
    for (slot, a) in window.iter().zip(a) {
        let newer = usize::from(*slot);
        for (slot, share) in [(newer, relaxation), (preceding(newer, depth), 1.0 - relaxation)] {
            if let Some(weight) = weights.get_mut(slot) {
                *weight += a * share;
            }
        }
    }
}

/// Adds to `x`, the newest iterate `z_0`, the terms `b_j (z_j - z_{j-1})` that make it the weighted
/// mean of the iterates. `slots` are those in use, newest first; `weights` go by slot and sum to 1.
pub(super) fn combine<'r, T: Real, K: Kernels>(
    x: &mut [T],
    slots: impl Iterator<Item = usize>,
    weights: &[f64],
    iterate: impl Fn(usize) -> &'r [T],
) {
    // b_j: all the weight that is at iterate j or older; the weights sum to 1. Iterates without weight are
    // passed over, but for the newest.
    let mut partial = 1.0;
    let mut terms = heapless::Vec::<_, TOGETHER>::new();
    let mut newer = None;
    for slot in slots {
        let weight = weights.get(slot).copied().unwrap_or(0.0);
        if newer.is_some() && weight.magnitude_bits() == 0 {
            continue;
        }
        let older = iterate(slot);
        if let Some(newer) = newer {
            let difference = Difference { newer: older, older: newer };
            let _ = terms.push((difference, T::from_f64(partial)));
            if terms.is_full() {
                K::add_differences(x, &terms);
                terms.clear();
            }
        }
        partial -= weight;
        newer = Some(older);
    }
    K::add_differences(x, &terms);
}
