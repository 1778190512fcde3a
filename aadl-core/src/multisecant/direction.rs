//! From inner products to a direction, at the size of the number of pairs.
//!
//! Both directions are combinations of the pairs and the gradient, so inner products are all they
//! need (vector-free L-BFGS: Chen, Wang & Zhou, NIPS 2014).

use crate::least_squares::{Regularization, cholesky::Cholesky};
use crate::math::sqrt;
use crate::multisecant::products::Products;

/// Squared cosine of the angle between step and change below which a pair says nothing about the
/// curvature along the step.
const CURVATURE: f32 = 1e-12;
/// The largest correction of a curvature, relative to it.
const CORRECTION: f32 = 0.5;
/// Columns of the least squares whose pivot is at most this are dropped: what rounding leaves.
const DROP: f64 = 1e-7;

/// `sum_j steps_j dX_j + changes_j dG_j + gradient g`, by the places of the pairs in the window.
#[derive(Debug)]
pub(super) struct Combination<'a> {
    pub(super) steps: &'a mut [f32],
    pub(super) changes: &'a mut [f32],
    pub(super) gradient: f32,
}

impl Combination<'_> {
    /// Becomes `-theta g`.
    pub(super) fn follow_gradient(&mut self, theta: f32) {
        self.steps.fill(0.0);
        self.changes.fill(0.0);
        self.gradient = -theta;
    }

    /// Its inner product with the gradient, whose square is `gradient2`.
    pub(super) fn slope(&self, products: &Products<'_>, window: &[u8], gradient2: f32) -> f32 {
        let mut slope = self.gradient * gradient2;
        for (slot, (step, change)) in slots(window).zip(self.steps.iter().zip(&*self.changes)) {
            slope +=
                *step * products.step_gradient(slot) + *change * products.change_gradient(slot);
        }
        slope
    }
}

/// Scratch: `depth` elements, but the system `depth * depth`.
#[derive(Debug)]
pub(super) struct Scratch<'a> {
    pub(super) gamma: &'a mut [f32],
    pub(super) alpha: &'a mut [f32],
    pub(super) system: &'a mut [f32],
    pub(super) pivots: &'a mut [u16],
}

/// What the directions are made of, besides the products.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) balance: f32,
    pub(super) regularization: Regularization,
    pub(super) theta: f32,
    pub(super) gradient2: f32,
}

/// `dX . dG` of a pair, where it is positive: the curvature of the loss along the step.
fn curvature(products: &Products<'_>, slot: usize) -> Option<f32> {
    let curvature = products.mixed(slot, slot);
    let cosine2 = curvature / products.step(slot) * (curvature / products.changes(slot, slot));
    (curvature > 0.0 && cosine2 > CURVATURE).then_some(curvature)
}

/// Takes the losses into account in the curvature along the newest step, whose slope at its end is its
/// product with the gradient, and along which the loss fell by `fall`.
///
/// `dX . dG` is the mean of the curvature along the step. The cubic through losses and slopes at both
/// ends has `6 (fall + dX . g) - 2 dX . dG` at the newer end, where the next step begins (Zhang, Deng &
/// Chen, J. Optim. Theory Appl. 102, 1999). Taken is what lies two thirds of the way there; and nothing
/// of it where that is another curvature altogether.
pub(super) fn correct_curvature(products: &mut Products<'_>, slot: usize, fall: f32) {
    let mean = products.mixed(slot, slot);
    let corrected = 4.0 * (fall + products.step_gradient(slot)) - mean;
    if (corrected - mean).abs() < CORRECTION * mean {
        products.set_curvature(slot, corrected);
    }
}

/// The long Barzilai-Borwein step of a pair (IMA J. Numer. Anal. 8, 1988), where its curvature is
/// positive.
pub(super) fn long_step(products: &Products<'_>, slot: usize) -> Option<f32> {
    curvature(products, slot).map(|curvature| products.step(slot) / curvature)
}

/// What a blend found besides the direction.
pub(super) struct Blended {
    /// Columns that the least squares dropped.
    pub(super) dropped: usize,
    /// Its residual, relative to the gradient.
    pub(super) residual: f32,
}

/// The blend of both directions of the pairs in `window` (slots, oldest first), into `d`.
///
/// Where the changes of the gradient span almost all of the gradient, the relative residual `r` of the
/// least squares is small: the pairs know the whole Hessian that matters, and the multisecant step is
/// as good as Newton's. Elsewhere L-BFGS, which is of full rank, knows more. Its share is
/// `r / (r + balance)`.
pub(super) fn blend(
    products: &Products<'_>,
    window: &[u8],
    settings: &Settings,
    d: &mut Combination<'_>,
    scratch: &mut Scratch<'_>,
) -> Blended {
    let dropped = least_squares(products, window, settings.regularization, scratch);
    let spanned = slots(window)
        .zip(&*scratch.gamma)
        .fold(0.0, |sum, (slot, gamma)| sum + *gamma * products.change_gradient(slot));
    let residual2 = 1.0 - spanned / settings.gradient2;
    let residual = if residual2 > 0.0 { sqrt(residual2) } else { 0.0 };

    let share = if !quasi_newton(products, window, d, scratch.alpha) {
        0.0
    } else if settings.balance > 0.0 {
        residual / (residual + settings.balance)
    } else {
        1.0
    };
    let rest = 1.0 - share;
    // The multisecant step is -dX gamma - theta (g - dG gamma).
    for ((step, change), gamma) in d.steps.iter_mut().zip(&mut *d.changes).zip(&*scratch.gamma) {
        *step = share * *step - rest * *gamma;
        *change = share * *change + rest * (settings.theta * *gamma);
    }
    d.gradient = share * d.gradient - rest * settings.theta;
    Blended { dropped, residual }
}

/// The L-BFGS direction by the two-loop recursion (Nocedal, Math. Comp. 35, 1980), in `d`; false
/// where no pair has positive curvature, and `d` is zero then.
fn quasi_newton(
    products: &Products<'_>,
    window: &[u8],
    d: &mut Combination<'_>,
    alphas: &mut [f32],
) -> bool {
    d.follow_gradient(0.0);
    // v = -g; newest to oldest: alpha_j = dX_j . v / dX_j . dG_j, v -= alpha_j dG_j.
    let mut scaling = None;
    for (j, slot) in slots(window).enumerate().rev() {
        let Some(curvature) = curvature(products, slot) else { continue };
        scaling = scaling.or(Some(curvature / products.changes(slot, slot)));
        let mut dot = -products.step_gradient(slot);
        for (newer, change) in slots(window).zip(&*d.changes).skip(j + 1) {
            dot += *change * products.mixed(slot, newer);
        }
        if let (Some(change), Some(alpha)) = (d.changes.get_mut(j), alphas.get_mut(j)) {
            *alpha = dot / curvature;
            *change = -*alpha;
        }
    }
    let Some(scaling) = scaling else { return false };
    d.gradient = -scaling;
    for change in &mut *d.changes {
        *change *= scaling;
    }
    // Oldest to newest: v += (alpha_j - dG_j . v / dX_j . dG_j) dX_j.
    for (j, slot) in slots(window).enumerate() {
        let Some(curvature) = curvature(products, slot) else { continue };
        let mut dot = d.gradient * products.change_gradient(slot);
        for (other, change) in slots(window).zip(&*d.changes) {
            dot += *change * products.changes(slot, other);
        }
        for (older, step) in slots(window).zip(&*d.steps).take(j) {
            dot += *step * products.mixed(older, slot);
        }
        if let (Some(step), Some(alpha)) = (d.steps.get_mut(j), alphas.get(j)) {
            *step = *alpha - dot / curvature;
        }
    }
    true
}

/// `gamma`, the minimiser of `||g - dG gamma||^2` with the Tikhonov term, in the scratch. Returns
/// the number of columns dropped.
fn least_squares(
    products: &Products<'_>,
    window: &[u8],
    regularization: Regularization,
    scratch: &mut Scratch<'_>,
) -> usize {
    let (k, depth) = (window.len(), products.depth);
    for (c, slot) in slots(window).enumerate() {
        for (r, other) in slots(window).enumerate().skip(c) {
            if let Some(place) = scratch.system.get_mut(c * depth + r) {
                *place = products.changes(slot, other);
            }
        }
    }
    let Some(gamma) = scratch.gamma.get_mut(..k) else { return 0 };
    for (gamma, slot) in gamma.iter_mut().zip(slots(window)) {
        *gamma = products.change_gradient(slot);
    }
    let (remaining, pivots) = (&mut *scratch.alpha, &mut *scratch.pivots);
    Cholesky::factor(scratch.system, depth, k, regularization, DROP, remaining, pivots)
        .and_then(|factor| factor.solve(gamma).map(|()| k - factor.rank()))
        .unwrap_or_else(|_| {
            // Something overflowed: no combination of the changes is known.
            gamma.fill(0.0);
            k
        })
}

pub(super) fn slots(window: &[u8]) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator {
    window.iter().map(|slot| usize::from(*slot))
}
