//! Pivoted Cholesky factorization of a positive semidefinite matrix, in the form without square roots,
//! `L D L'`.
//!
//! Solves `(A + Lambda) x = b`, `A = F'F` the Gram matrix of some columns `F`, `Lambda` the
//! Tikhonov term, that is `min ||F x - c||^2 + x' Lambda x` with `b = F'c`. Diagonal pivoting after
//! Higham, *Accuracy and Stability of Numerical Algorithms* (2nd ed. 2002), section 10.3, `D` apart from
//! `L` (section 10.1), with these deviations:
//!
//! 1. What is left of a column's squared norm is kept relative to that norm. By it pivots are compared, with each
//!    other and with the tolerance: units of a column decide nothing. That is the order, and up to
//!    rounding the result, of the matrix scaled to a unit diagonal, without its square roots and products.
//! 2. The factorization stops at the first pivot that is at most the drop tolerance: the columns left are
//!    combinations of those taken, to that tolerance. They are *dropped*, which means that their unknowns
//!    are 0; the others solve the problem without them. So is a column whose square, without the
//!    Tikhonov term, or whose pivot has an infinite reciprocal: at most `2^-128` in float32, `2^-1024` in float64.
//! 3. The diagonal keeps the reciprocals of `D`, so that a solution divides nothing.
//!
//! Cost: `n^3 / 6` multiplications and `2 n` divisions, and to solve `n^2` multiplications; memory: in
//! place, and `n` scalars and `n` indices of the caller's.

use crate::error::{Error, check_at_least};
use crate::least_squares::Regularization;
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

    /// Takes column `k`, the reciprocal of whose pivot is this, and subtracts its outer product from what
    /// remains. The reciprocal stays on the diagonal. Returns the next pivot.
    fn eliminate(&mut self, k: usize, reciprocal: T, remaining: &mut [T]) -> Largest<T> {
        let mut largest = Largest { place: k + 1, value: T::ZERO };
        let from_diagonal = self.elements.get_mut(k * self.stride + k..).unwrap_or_default();
        let (mut below, mut rest) = match from_diagonal.split_at_mut_checked(remaining.len() - k) {
            Some(([diagonal, below @ ..], rest)) => {
                *diagonal = reciprocal;
                (below, rest)
            }
            _ => return largest,
        };
        // From the diagonal element of the next column on; behind the last there may be nothing.
        rest = rest.get_mut(self.stride - below.len()..).unwrap_or_default();
        let mut remaining = remaining.get_mut(k + 1..).unwrap_or_default();
        let mut place = k + 1;
        while let ([first, others @ ..], [left, lefts @ ..], [unit, column @ ..]) =
            (below, remaining, rest)
        {
            let factor = *first * reciprocal;
            // The product that does not wait for the reciprocal first.
            *left -= *first * *unit * factor;
            largest.consider(place, *left);
            place += 1;
            *first = factor;
            let Some(elements) = column.get_mut(..others.len()) else { break };
            subtract(elements, others, factor);
            (below, remaining) = (others, lefts);
            rest = column.get_mut(self.stride..).unwrap_or_default();
        }
        largest
    }
}

/// The largest of some numbers, the first of equals, and its place; where none is positive, zero.
struct Largest<T> {
    place: usize,
    value: T,
}

impl<T: Real> Largest<T> {
    /// Of the numbers from `start` on.
    fn of(numbers: &[T], start: usize) -> Self {
        let mut largest = Self { place: start, value: T::ZERO };
        for (place, number) in numbers.iter().enumerate().skip(start) {
            largest.consider(place, *number);
        }
        largest
    }

    fn consider(&mut self, place: usize, value: T) {
        // Whichever it is, no branch: nobody could foretell it.
        let larger = value > self.value;
        self.place = if larger { place } else { self.place };
        self.value = if larger { value } else { self.value };
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
/// let (mut remaining, mut pivots) = ([0.0; 2], [0; 2]);
/// let ridge = Regularization::Relative(1e-12);
/// let factor = Cholesky::factor(&mut gram, 2, 2, ridge, 1e-14, &mut remaining, &mut pivots)?;
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
    pivots: &'a [u16],
    rank: usize,
}

impl<'a, T: Real> Cholesky<'a, T> {
    /// Factors the `n x n` matrix whose lower triangle stands in `elements` by columns, `stride`
    /// elements from one column to the next (`n <= stride`); the rest of `elements` is not touched.
    ///
    /// `drop_tolerance` bounds the pivots, relative to the diagonal elements they were: `0 <= .. < 1`.
    /// `remaining` and `pivots` are scratch of at least `n` elements.
    ///
    /// # Errors
    /// [`Error::Length`] of `elements`, `remaining` or `pivots`; [`Error::Config`] of `n`
    /// (at most 65,535), `regularization` or `drop_tolerance`; [`Error::NonFinite`] with the index of a diagonal
    /// element that is NaN, infinite or negative.
    pub fn factor(
        elements: &'a mut [T],
        stride: usize,
        n: usize,
        regularization: Regularization,
        drop_tolerance: f64,
        remaining: &mut [T],
        pivots: &'a mut [u16],
    ) -> Result<Self, Error> {
        let needed = n.saturating_sub(1).saturating_mul(stride).saturating_add(n);
        check_at_least(&[
            ("stride", stride, n),
            ("elements", elements.len(), needed),
            ("remaining", remaining.len(), n),
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
            remaining,
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
        remaining: &mut [T],
        pivots: &'a mut [u16],
    ) -> Result<Self, Error> {
        let mut a = Lower { elements, stride };
        let remaining = remaining.get_mut(..n).unwrap_or_default();
        let pivots = pivots.get_mut(..n).unwrap_or_default();
        prepare(&mut a, remaining, regularization)?;

        let (mut rank, mut largest) = (0, Largest::of(remaining, 0));
        while largest.value > drop_tolerance
            && let Some(chosen) = pivots.get_mut(rank)
        {
            let p = largest.place;
            let reciprocal = a.at(p, p) / largest.value;
            if !reciprocal.is_finite() {
                if let Some(remaining) = remaining.get_mut(p) {
                    *remaining = T::ZERO;
                }
                largest = Largest::of(remaining, rank);
                continue;
            }
            *chosen = p as u16;
            if p != rank {
                a.swap(rank, p, n);
                swap(remaining, rank, p);
            }
            largest = a.eliminate(rank, reciprocal, remaining);
            rank += 1;
        }
        let Lower { elements, stride } = a;
        Ok(Self { elements, stride, pivots, rank })
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
        crate::error::check_length("b", self.pivots.len(), b.len())?;
        let swaps = || self.pivots.iter().take(self.rank).map(|p| usize::from(*p)).enumerate();
        for (k, p) in swaps() {
            swap(b, k, p);
        }
        let (taken, dropped) = b.split_at_mut(self.rank.min(b.len()));
        dropped.fill(T::ZERO);
        // L y = b and D z = y by columns, then L' x = z by rows, from the last product to the first: it
        // is that of the unknown found just before, for which the others need not wait.
        let column = |c: usize| self.elements.get(c * self.stride + c..).unwrap_or_default();
        let mut rest = &mut *taken;
        let mut c = 0;
        while let [z, below @ ..] = rest {
            let [reciprocal, column @ ..] = column(c) else { break };
            subtract(below, column.get(..below.len()).unwrap_or_default(), *z);
            *z *= *reciprocal;
            rest = below;
            c += 1;
        }
        for c in (0..taken.len()).rev() {
            if let (Some([x, after @ ..]), [_, column @ ..]) = (taken.get_mut(c..), column(c)) {
                let column = column.get(..after.len()).unwrap_or_default();
                for (l, after) in column.iter().zip(&*after).rev() {
                    *x -= *l * *after;
                }
            }
        }
        for (k, p) in swaps().rev() {
            swap(b, k, p);
        }
        Ok(())
    }
}

/// Puts the reciprocal of each column's squared norm in place of that norm, and what remains of it, the Tikhonov
/// term included, relative to it. A column that is to be dropped has zeros.
fn prepare<T: Real>(
    a: &mut Lower<'_, T>,
    remaining: &mut [T],
    regularization: Regularization,
) -> Result<(), Error> {
    for (i, remaining) in remaining.iter_mut().enumerate() {
        let square = a.at(i, i);
        if !(square >= T::ZERO && square.is_finite()) {
            return Err(Error::NonFinite { what: "diagonal", index: i });
        }
        let unit = T::ONE / square;
        let known = unit.is_finite();
        a.set(i, i, if known { unit } else { T::ZERO });
        let lambda = match regularization {
            Regularization::Relative(t) => T::from_f64(t),
            Regularization::Absolute(t) => T::from_f64(t) * unit,
            Regularization::None => T::ZERO,
        };
        *remaining = if known { T::ONE + lambda } else { T::ZERO };
    }
    Ok(())
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
