//! From a window of residuals to the weights of the stored iterates.

use crate::anderson::Config;
use crate::history::preceding;
use crate::least_squares::cholesky::Cholesky;
use crate::least_squares::gram::GramMatrix;

/// `gamma` of the window (slots of residuals, oldest first, at least two), from the Gram matrix.
/// Returns the columns used; nothing where an inner product is not finite. `gamma`, `scale` and
/// `pivots` have a place for every slot.
pub(super) fn solve_gram(
    config: &Config,
    gram: &mut GramMatrix<'_>,
    window: &[u8],
    depth: usize,
    gamma: &mut [f64],
    scale: &mut [f64],
    pivots: &mut [u16],
) -> Option<usize> {
    let m = window.len().saturating_sub(1);
    let gamma = gamma.get_mut(..m).unwrap_or_default();
    let system = gram.difference_system(window, gamma);
    let factor = Cholesky::factor(
        system,
        depth,
        m,
        config.regularization,
        config.drop_tolerance,
        scale,
        pivots,
    )
    .ok()?;
    factor.solve(gamma).ok()?;
    Some(factor.rank())
}

/// Scales `gamma` down to the cap; true where it had to.
pub(super) fn cap(gamma: &mut [f64], cap: f64) -> bool {
    let largest = gamma.iter().fold(0.0f64, |max, g| max.max(g.abs()));
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
