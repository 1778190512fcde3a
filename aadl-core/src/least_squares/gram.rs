//! The Gram matrix of a window of residuals and the normal equations of their differences.
//!
//! `G_ij = f_i . f_j`. With the residuals `f_0 .. f_m` of the window in order of
//! age, oldest first, and `df_j = f_{j+1} - f_j`, the least-squares problem of Anderson
//! acceleration, `min || f_m - dF gamma ||`, has the normal equations (Walker & Ni, SIAM J. Numer.
//! Anal. 49, 2011, section 2)
//!
//! `(dF'dF)_ij = G_{i+1,j+1} - G_{i+1,j} - G_{i,j+1} + G_ij`, `(dF'f_m)_i = G_{i+1,m} - G_{i,m}`,
//!
//! so that one row of dots an iterate suffices. They are formed in float64: the differences cancel,
//! which is why `G` must be exact (or summed in float64). A squared norm `||df_j||^2` that is within
//! the rounding of the numbers it comes from says nothing (it may even be negative): it is set to
//! 0, a column for the solver to drop.
//!
//! Memory: `depth * depth` float64. `G` takes the lower triangle, diagonal included, by rows; the
//! system, one smaller, is built and factored in the triangle above it. Rows are in order of age, too,
//! and move up by one when the oldest residual goes: a copy of the matrix, which costs less than looking
//! up where each residual stands.

use crate::kernels::move_up;

/// `||df||^2` relative to `||f||^2` of both its residuals below which rounding has eaten it: each of
/// the three inner products is off by half a unit in the last place at least.
const CANCELLED: f64 = 2.0 * f64::EPSILON;

/// The Gram matrix of the residuals of a window, oldest first, and the room above its diagonal.
///
/// ```
/// use aadl_core::least_squares::gram::GramMatrix;
/// // Residuals (2, 0) and (1, 1), of at most three; their difference is (-1, 1).
/// let mut memory = [0.0; 9];
/// let mut gram = GramMatrix::new(&mut memory, 3);
/// gram.row_mut(0).copy_from_slice(&[4.0]);
/// gram.row_mut(1).copy_from_slice(&[2.0, 2.0]);
/// let mut rhs = [0.0];
/// let system = gram.difference_system(2, &mut rhs);
/// assert_eq!((system[0], rhs[0]), (2.0, 0.0)); // df.df, df.f
/// gram.forget_oldest();
/// assert_eq!(gram.at(0, 0), 2.0);
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GramMatrix<'a> {
    elements: &'a mut [f64],
    depth: usize,
}

impl<'a> GramMatrix<'a> {
    /// A view of `depth * depth` elements.
    pub fn new(elements: &'a mut [f64], depth: usize) -> Self {
        Self { elements, depth }
    }

    /// `f_i . f_j`, 0 outside the matrix.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        // Saturated, it is outside of every slice.
        let place = i.max(j).saturating_mul(self.depth).saturating_add(i.min(j));
        self.elements.get(place).copied().unwrap_or(0.0)
    }

    /// The places of the inner products of residual `i` with residuals `0 ..= i`; none outside the matrix.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        let row = self.elements.get_mut(i.saturating_mul(self.depth)..).unwrap_or_default();
        row.get_mut(..=i).unwrap_or_default()
    }

    /// Drops residual 0: residual `i + 1` becomes residual `i`.
    pub fn forget_oldest(&mut self) {
        let size = self.depth.saturating_mul(self.depth).min(self.elements.len());
        let elements = self.elements.get_mut(..size).unwrap_or_default();
        move_up(elements, self.depth.saturating_add(1));
    }

    /// Builds the normal equations of the first `residuals` residuals: the right
    /// side in `rhs`, the matrix above the diagonal. Returns the matrix by columns (lower
    /// triangle, `depth` elements from one column to the next) and leaves `G` as it was.
    pub fn difference_system(&mut self, residuals: usize, rhs: &mut [f64]) -> &mut [f64] {
        let last = self.row_mut(residuals.wrapping_sub(1));
        for (rhs, pair) in rhs.iter_mut().zip(last.windows(2)) {
            if let [older, newer] = pair {
                *rhs = *newer - *older;
            }
        }
        // No further than the matrix goes.
        let _ = (0..residuals.saturating_sub(1)).try_for_each(|r| self.difference_row(r));
        self.elements.get_mut(1..).unwrap_or_default()
    }

    /// Row `r` of the lower triangle of `dF'dF`, if the matrix has room. Its element `c` stands in row `c`,
    /// column `r + 1`, which is above the diagonal.
    fn difference_row(&mut self, r: usize) -> Option<()> {
        let (earlier, rows) = self.elements.split_at_mut_checked(r.checked_mul(self.depth)?)?;
        let (row, next) = rows.split_at_mut_checked(self.depth)?;
        let (row, above) = row.split_at_mut_checked(r + 1)?;
        let [.., mixed, newer] = next.get(..r + 2)? else { return None };
        // How much more the newer residual has of each than the older: two elements ask for it.
        let mut more = next.iter().zip(&*row).map(|(newer, older)| *newer - *older);
        let mut before = more.next().unwrap_or_default();
        for (column, more) in earlier.chunks_exact_mut(self.depth.max(1)).zip(more) {
            if let Some(place) = column.get_mut(r + 1) {
                *place = more - before;
            }
            before = more;
        }
        let (older, place) = (row.last()?, above.first_mut()?);
        let square = (*newer - *mixed) - before;
        *place = if square <= CANCELLED * (*newer + *older) { 0.0 } else { square };
        Some(())
    }

    /// `|| sum_j a_j f_j ||^2`.
    pub fn norm2(&self, a: &[f64]) -> f64 {
        let rows = self.elements.chunks(self.depth.max(1));
        a.iter().zip(rows).enumerate().fold(0.0, |total, (i, (ai, row))| {
            let (before, own) = row.split_at_checked(i).unwrap_or_default();
            // An element of the triangle stands for two of the matrix.
            let half = before.iter().zip(a).fold(0.0, |sum, (dot, aj)| sum + aj * dot);
            total + ai * (half + half + ai * own.first().copied().unwrap_or(0.0))
        })
    }
}
