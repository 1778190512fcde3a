//! How far to go along a direction.

use crate::math::sqrt;
use crate::multisecant::State;

/// A step after a loss or gradient that is not finite is this much of the one before.
pub(super) const RETREAT: f32 = 0.1;

/// The first step in units of the gradient: as far as would bring the loss to zero if it were linear
/// (Polyak, USSR Comput. Math. Math. Phys. 9, 1969), but no farther than zero is from the point. It is
/// the same step whatever the units of the loss and of the parameters.
pub(super) fn first_theta(loss: f32, gradient2: f32, point2: f32) -> f32 {
    // A point at zero has no scale of its own.
    let longest = if point2 > 0.0 && point2.is_finite() { sqrt(point2) } else { 1.0 };
    let norm = sqrt(gradient2);
    let length = loss / norm;
    // A loss that is not positive says nothing.
    let length = if length > 0.0 && length < longest { length } else { longest };
    let theta = length / norm;
    // Where the gradient is zero, no step is any.
    if theta.is_finite() { theta } else { 1.0 }
}

/// How much of a step that led to `loss` to go: the minimum of the parabola through both losses
/// with the slope at the beginning, between a tenth and a half.
pub(super) fn shortening(state: &State, loss: f32) -> f32 {
    let before = state.loss().unwrap_or(loss);
    let slope = state.slope * state.length;
    let rise = (loss - before) - slope;
    let minimum = -0.5 * slope / rise;
    // NaN counts as a tenth.
    if minimum >= 0.5 {
        0.5
    } else if minimum > RETREAT {
        minimum
    } else {
        RETREAT
    }
}
