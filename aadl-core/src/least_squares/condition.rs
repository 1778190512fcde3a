//! Incremental condition estimation: the extreme singular values of a triangular matrix that grows
//! by columns (Bischof, SIAM J. Matrix Anal. Appl. 11, 1990).
//!
//! If `y` is the approximate left singular vector of the columns taken, `||y'R|| = sigma`, and the
//! next column is `(w, gamma)`, the next vector is sought as `(s y, t)`, `s^2 + t^2 = 1`. The next
//! `sigma` is then a singular value of the 2 x 2 matrix `[sigma, alpha; 0, gamma]`, `alpha = y'w`,
//! and `(s, t)` its left singular vector: the larger for the largest, the smaller for the smallest
//! value of `R`.
//!
//! Deviation: the smaller value is raised by the rounding error of its own 2 x 2 problem, as in
//! LAPACK's `laic1`, which decides where it is near a threshold.
//!
//! Cost: `2 k` multiplications for the `k`-th column and each of the two values.

use crate::math::sqrt;
use crate::real::Real;

/// One step: the next `sigma`, and how the vector is extended.
pub(super) struct Extended<T> {
    pub(super) sigma: T,
    s: T,
    t: T,
}

impl<T: Real> Extended<T> {
    /// Singular values of `[sigma, alpha; 0, gamma]`, larger and smaller, and the left singular
    /// vector `(s, t)` of the larger one. With `f`, `h` the diagonal's magnitudes, the sum of the
    /// two is `hypot(f + h, alpha)`, the difference `hypot(f - h, alpha)`, the product `f h`: no
    /// cancellation. The vector is that of the symmetric 2 x 2 matrix by a Jacobi rotation.
    fn both(sigma: T, alpha: T, gamma: T) -> (T, T, [T; 2]) {
        let h = gamma.abs();
        let (sum, difference) = (sigma + h, sigma - h);
        let square = alpha * alpha;
        let twice = sqrt(sum * sum + square) + sqrt(difference * difference + square);
        if twice == T::ZERO {
            return (T::ZERO, T::ZERO, [T::ONE, T::ZERO]);
        }
        let larger = twice * T::from_f64(0.5);
        let smaller = sigma * (h / larger);
        // Diagonal elements differ by `excess`; the off-diagonal one is alpha gamma.
        let excess = difference * sum + square;
        let off = alpha * gamma;
        let tangent = if off == T::ZERO {
            T::ZERO
        } else {
            let zeta = excess.abs() / (off + off);
            sign(zeta) / (zeta.abs() + sqrt(T::ONE + zeta * zeta))
        };
        let cosine = T::ONE / sqrt(T::ONE + tangent * tangent);
        let sine = cosine * tangent;
        (larger, smaller, if excess > T::ZERO { [cosine, sine] } else { [sine, cosine] })
    }

    /// Towards the largest singular value.
    pub(super) fn larger(sigma: T, alpha: T, gamma: T) -> Self {
        let (larger, _, [s, t]) = Self::both(sigma, alpha, gamma);
        Self { sigma: larger, s, t }
    }

    /// Towards the smallest singular value.
    pub(super) fn smaller(sigma: T, alpha: T, gamma: T) -> Self {
        let (_, mut smaller, [s, t]) = Self::both(sigma, alpha, gamma);
        // The deviation; none where the 2 x 2 problem is as good as diagonal, or one row of it zero.
        let unit = T::EPSILON * T::from_f64(0.5);
        let (g, h) = (alpha.abs(), gamma.abs());
        if g > unit * sigma && h > unit * sigma && sigma > unit * max(g, h) {
            let norm2 = max(sigma * sigma + g * g, h * h) + g * h;
            smaller = sqrt(smaller * smaller + T::EPSILON * T::EPSILON * norm2);
        }
        Self { sigma: smaller, s: -t, t: s }
    }

    /// The vector of `k` elements becomes the extended one.
    pub(super) fn extend(&self, vector: &mut [T], k: usize) {
        for y in vector.iter_mut().take(k) {
            *y *= self.s;
        }
        set(vector, k, self.t);
    }
}

fn sign<T: Real>(x: T) -> T {
    if x < T::ZERO { -T::ONE } else { T::ONE }
}

/// The larger of two numbers.
pub(super) fn max<T: Real>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// Assigns to an element that is there.
pub(super) fn set<T>(x: &mut [T], i: usize, value: T) {
    if let Some(x) = x.get_mut(i) {
        *x = value;
    }
}
