//! Pivoted, equilibrated Cholesky factorization of a positive semidefinite matrix, in the form without
//! square roots, `L D L'`.
//!
//! Solves `(A + Lambda) x = b`, `A = F'F` the Gram matrix of some columns `F`, `Lambda` the
//! Tikhonov term, that is `min ||F x - c||^2 + x' Lambda x` with `b = F'c`. Diagonal pivoting after
//! Higham, *Accuracy and Stability of Numerical Algorithms* (2nd ed. 2002), section 10.3, `D` apart from
//! `L` (section 10.1), with these deviations:
//!
//! 1. The matrix is first scaled to a unit diagonal, `a_ij s_i s_j` with `s_i = a_ii^(-1/2)`, so
//!    that neither pivots nor tolerances depend on the units of a column.
//! 2. The factorization stops at the first pivot that is at most the drop tolerance, or whose reciprocal is
//!    infinite: the columns left are combinations of those taken, to that tolerance. They are *dropped*,
//!    which means that their unknowns are 0; the others solve the problem without them.
//! 3. The diagonal keeps the reciprocals of `D`, so that a solution divides nothing.
//!
//! Cost: `n^3 / 6` multiplications, `2 n` divisions and `n` square roots, and to solve `n^2`
//! multiplications; memory: in place, and `n` scalars and `n` indices of the caller's.

use crate::error::{Error, check_at_least};
use crate::least_squares::Regularization;
use crate::math::sqrt;
use crate::real::Real;

/// The lower triangle of an `n x n` matrix by columns, `stride` elements from one to the next.
struct Lower<'a, T> {
    elements: &'a mut [T],
    stride: usize,
}

impl<T: Real> Lower<'_, T> {
    /// `a_rc`, `r >= c`. Callers keep to the triangle whose size the constructor has checked.
    fn at(&self, r: usize, c: usize) -> T {
        self.elements.get(c * self.stride + r).copied().unwrap_or(T::ZERO)
    }

    fn set(&mut self, r: usize, c: usize, value: T) {
        if let Some(element) = self.elements.get_mut(c * self.stride + r) {
            *element = value;
        }
    }

    /// The row of the largest element of the diagonal from `k` on, the first of equals, and it.
    fn largest(&self, k: usize, n: usize) -> (usize, T) {
        let mut largest = (k, self.at(k, k));
        for j in k + 1..n {
            let diagonal = self.at(j, j);
            // Whichever it is, no branch: nobody could foretell it.
            let larger = diagonal > largest.1;
            largest =
                (if larger { j } else { largest.0 }, if larger { diagonal } else { largest.1 });
        }
        largest
    }

    /// Swaps rows and columns `i` and `j` of the symmetric matrix, `i < j < n`.
    fn swap(&mut self, i: usize, j: usize, n: usize) {
        let at = |r: usize, c: usize| c * self.stride + r;
        for c in 0..i {
            swap(self.elements, at(i, c), at(j, c));
        }
        swap(self.elements, at(i, i), at(j, j));
        for k in i + 1..j {
            swap(self.elements, at(k, i), at(j, k));
        }
        for r in j + 1..n {
            swap(self.elements, at(r, i), at(r, j));
        }
    }
}

/// A factorization, borrowing the caller's memory.
///
/// Ridge regression of four points on a line, `y = 2 t + 1`:
///
/// ```
/// use aadl_core::least_squares::{Regularization, cholesky::Cholesky};
/// // F = [t, 1], t = 0, 1, 2, 3: F'F by columns (the upper triangle is not read), F'y.
/// let mut gram = [14.0, 6.0, 0.0, 4.0];
/// let mut x = [34.0, 16.0];
/// let (mut scale, mut pivots) = ([0.0; 2], [0; 2]);
/// let ridge = Regularization::Relative(1e-12);
/// let factor = Cholesky::factor(&mut gram, 2, 2, ridge, 1e-14, &mut scale, &mut pivots)?;
/// assert_eq!(factor.rank(), 2);
/// factor.solve(&mut x)?;
/// assert!((x[0] - 2.0f64).abs() < 1e-10 && (x[1] - 1.0).abs() < 1e-10);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cholesky<'a, T> {
    elements: &'a [T],
    stride: usize,
    scale: &'a [T],
    pivots: &'a [u16],
    rank: usize,
}

impl<'a, T: Real> Cholesky<'a, T> {
    /// Factors the `n x n` matrix whose lower triangle stands in `elements` by columns, `stride`
    /// elements from one column to the next (`n <= stride`); the rest of `elements` is not touched.
    ///
    /// `drop_tolerance` bounds the pivots of the matrix scaled to a unit diagonal: `0 <= .. < 1`.
    /// `scale` and `pivots` are scratch of at least `n` elements.
    ///
    /// # Errors
    /// [`Error::Length`] of `elements`, `scale` or `pivots`; [`Error::Config`] of `n`
    /// (at most 65,535), `regularization` or `drop_tolerance`; [`Error::NonFinite`] with the index of a diagonal
    /// element that is NaN, infinite or negative.
    pub fn factor(
        elements: &'a mut [T],
        stride: usize,
        n: usize,
        regularization: Regularization,
        drop_tolerance: f64,
        scale: &'a mut [T],
        pivots: &'a mut [u16],
    ) -> Result<Self, Error> {
        let needed = n.saturating_sub(1).saturating_mul(stride).saturating_add(n);
        check_at_least(&[
            ("stride", stride, n),
            ("elements", elements.len(), needed),
            ("scale", scale.len(), n),
            ("pivots", pivots.len(), n),
        ])?;
        regularization.validate()?;
        if n > usize::from(u16::MAX) {
            return Err(Error::Config { field: "n", requires: "n <= 65535" });
        }
        if !(0.0..1.0).contains(&drop_tolerance) {
            return Err(Error::Config {
                field: "drop_tolerance",
                requires: "0 <= drop_tolerance < 1",
            });
        }
        Self::factor_checked(
            elements,
            stride,
            n,
            regularization,
            T::from_f64(drop_tolerance),
            scale,
            pivots,
        )
    }

    /// [`Cholesky::factor`] for callers whose lengths and settings are known to be right.
    pub(crate) fn factor_checked(
        elements: &'a mut [T],
        stride: usize,
        n: usize,
        regularization: Regularization,
        drop_tolerance: T,
        scale: &'a mut [T],
        pivots: &'a mut [u16],
    ) -> Result<Self, Error> {
        let mut a = Lower { elements, stride };
        let scale = scale.get_mut(..n).unwrap_or_default();
        let pivots = pivots.get_mut(..n).unwrap_or_default();
        equilibrate(&mut a, scale, regularization)?;

        let mut rank = 0;
        for (k, chosen) in pivots.iter_mut().enumerate() {
            let (p, largest) = a.largest(k, n);
            *chosen = p as u16;
            // Of the smallest subnormal numbers the reciprocal is infinite.
            let reciprocal = T::ONE / largest;
            if !(largest > drop_tolerance && reciprocal.is_finite()) {
                break;
            }
            if p != k {
                a.swap(k, p, n);
            }
            eliminate(&mut a, k, n, reciprocal);
            rank += 1;
        }
        let Lower { elements, stride } = a;
        Ok(Self { elements, stride, scale, pivots, rank })
    }

    /// Columns taken; the `n - rank` others were dropped.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Replaces the right-hand side `b` by the solution `x` (both of `n` elements).
    ///
    /// # Errors
    /// [`Error::Length`] of `b`.
    pub fn solve(&self, b: &mut [T]) -> Result<(), Error> {
        crate::error::check_length("b", self.scale.len(), b.len())?;
        let at =
            |r: usize, c: usize| self.elements.get(c * self.stride + r).copied().unwrap_or(T::ZERO);
        for (b, s) in b.iter_mut().zip(self.scale) {
            *b *= *s;
        }
        let swaps = || self.pivots.iter().take(self.rank).map(|p| usize::from(*p)).enumerate();
        for (k, p) in swaps() {
            swap(b, k, p);
        }
        let (taken, dropped) = b.split_at_mut(self.rank.min(b.len()));
        dropped.fill(T::ZERO);
        // L y = b and D z = y by columns, then L' x = z by rows; of each element, the products' indices
        // ascend.
        let mut rest = &mut *taken;
        let mut columns = self.elements;
        while let Some((z, below)) = core::mem::take(&mut rest).split_first_mut() {
            let Some((reciprocal, column)) = columns.split_first() else { break };
            subtract(below, column.get(..below.len()).unwrap_or_default(), *z);
            *z *= *reciprocal;
            columns = columns.get(self.stride.saturating_add(1)..).unwrap_or_default();
            rest = below;
        }
        for c in (0..taken.len()).rev() {
            let (before, after) = taken.split_at_mut(c + 1);
            if let Some(z) = before.last_mut() {
                for (r, x) in (c + 1..).zip(after.iter()) {
                    *z -= at(r, c) * *x;
                }
            }
        }
        for (k, p) in swaps().rev() {
            swap(b, k, p);
        }
        for (b, s) in b.iter_mut().zip(self.scale) {
            *b *= *s;
        }
        Ok(())
    }
}

/// Scales to a unit diagonal and adds the Tikhonov term; a zero column keeps a zero diagonal.
fn equilibrate<T: Real>(
    a: &mut Lower<'_, T>,
    scale: &mut [T],
    regularization: Regularization,
) -> Result<(), Error> {
    for (i, s) in scale.iter_mut().enumerate() {
        let diagonal = a.at(i, i);
        if !(diagonal >= T::ZERO && diagonal.is_finite()) {
            return Err(Error::NonFinite { what: "diagonal", index: i });
        }
        *s = if diagonal > T::ZERO { T::ONE / sqrt(diagonal) } else { T::ZERO };
    }
    for (c, sc) in scale.iter().enumerate() {
        for (r, sr) in scale.iter().enumerate().skip(c + 1) {
            a.set(r, c, a.at(r, c) * *sr * *sc);
        }
        if *sc > T::ZERO {
            let lambda = match regularization {
                Regularization::Relative(t) => T::from_f64(t),
                Regularization::Absolute(t) => T::from_f64(t) * *sc * *sc,
                Regularization::None => T::ZERO,
            };
            a.set(c, c, T::ONE + lambda);
        }
    }
    Ok(())
}

/// Takes column `k`, whose diagonal element has this reciprocal, as the pivot column and subtracts its
/// outer product from what remains. The reciprocal stays in place of the element.
fn eliminate<T: Real>(a: &mut Lower<'_, T>, k: usize, n: usize, reciprocal: T) {
    let stride = a.stride;
    let from_diagonal = a.elements.get_mut(k * stride + k..).unwrap_or_default();
    let (pivot, rest) = from_diagonal.split_at_mut_checked(n - k).unwrap_or_default();
    let Some((diagonal, mut below)) = pivot.split_first_mut() else { return };
    *diagonal = reciprocal;
    // From the diagonal element of the next column on; behind the last there may be nothing.
    let mut rest = rest.get_mut(stride - (n - k - 1)..).unwrap_or_default();
    while let Some(first) = below.first() {
        let factor = *first * reciprocal;
        let Some(column) = rest.get_mut(..below.len()) else { return };
        subtract(column, below, factor);
        rest = rest.get_mut(stride + 1..).unwrap_or_default();
        let Some((first, next)) = below.split_first_mut() else { return };
        *first = factor;
        below = next;
    }
}

/// `column -= pivot * factor`, of one length. Two at a time: columns are short, and what compilers
/// do for long ones costs more than it saves.
#[inline]
fn subtract<T: Real>(column: &mut [T], pivot: &[T], factor: T) {
    let (columns, column) = column.as_chunks_mut();
    let (pivots, pivot) = pivot.as_chunks();
    for ([e, f], [p, q]) in columns.iter_mut().zip(pivots) {
        *e -= *p * factor;
        *f -= *q * factor;
    }
    if let ([e, ..], [p, ..]) = (column, pivot) {
        *e -= *p * factor;
    }
}

/// `slice::swap` without its panic.
fn swap<T: Copy>(b: &mut [T], i: usize, j: usize) {
    if let Ok([x, y]) = b.get_disjoint_mut([i, j]) {
        core::mem::swap(x, y);
    }
}
