//! The Gram matrix of a window of residuals and the normal equations of their differences.
//!
//! `G_ij = f_i . f_j` over ring slots. With the residuals `f_0 .. f_m` of the window in order of
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
//! system, one smaller, is built and factored in the triangle above it.

/// `||df||^2` relative to `||f||^2` of both its residuals below which rounding has eaten it: each of
/// the three inner products is off by half a unit in the last place at least.
const CANCELLED: f64 = 2.0 * f64::EPSILON;

/// The Gram matrix of the residuals of a ring, by slot, and the room above its diagonal.
///
/// ```
/// use aadl_core::least_squares::gram::GramMatrix;
/// // Residuals (2, 0) in slot 1 and (1, 1) in slot 2 of three; their difference is (-1, 1).
/// let mut memory = [0.0; 9];
/// let mut gram = GramMatrix::new(&mut memory, 3);
/// for (i, j, dot) in [(1, 1, 4.0), (2, 1, 2.0), (2, 2, 2.0)] {
///     gram.set(i, j, dot);
/// }
/// let mut rhs = [0.0];
/// let system = gram.difference_system(&[1, 2], &mut rhs);
/// assert_eq!((system[0], rhs[0]), (2.0, 0.0)); // df.df, df.f
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

    fn index(&self, i: usize, j: usize) -> usize {
        // Saturated, it is outside of every slice.
        i.max(j).saturating_mul(self.depth).saturating_add(i.min(j))
    }

    fn row(&self, slot: u8) -> Row {
        Row { slot: slot.into(), start: usize::from(slot).wrapping_mul(self.depth) }
    }

    /// The element of a row whose other slot is `other`: [`GramMatrix::at`] with less to compute, where
    /// `depth` is that of the elements.
    #[inline]
    fn of(&self, row: Row, other: u8) -> f64 {
        let other = usize::from(other);
        let below = other.wrapping_mul(self.depth).wrapping_add(row.slot);
        let place = if other < row.slot { row.start.wrapping_add(other) } else { below };
        self.elements.get(place).copied().unwrap_or(0.0)
    }

    /// `f_i . f_j` of the residuals in slots `i` and `j`, 0 outside the matrix.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.elements.get(self.index(i, j)).copied().unwrap_or(0.0)
    }

    /// Stores `f_i . f_j`.
    pub fn set(&mut self, i: usize, j: usize, dot: f64) {
        let index = self.index(i, j);
        if let Some(element) = self.elements.get_mut(index) {
            *element = dot;
        }
    }

    /// Builds the normal equations of the residuals in the slots `window`, oldest first: the right
    /// side in `rhs`, the matrix above the diagonal. Returns the matrix by columns (lower
    /// triangle, `depth` elements from one column to the next) and leaves `G` as it was.
    pub fn difference_system(&mut self, window: &[u8], rhs: &mut [f64]) -> &mut [f64] {
        let newer = window.get(1..).unwrap_or_default();
        let last = self.row(newer.last().copied().unwrap_or_default());
        for ((older, newer), rhs) in window.iter().zip(newer).zip(rhs) {
            *rhs = self.of(last, *newer) - self.of(last, *older);
        }
        // Element (r, c) stands in row c, column r + 1, which is above the diagonal.
        let mut diagonal = 1usize;
        for (c, (older_c, newer_c)) in window.iter().zip(newer).enumerate() {
            let (older_row, newer_row) = (self.row(*older_c), self.row(*newer_c));
            // What a row has to say to this column, which two elements ask for.
            let said = |gram: &Self, slot| gram.of(newer_row, slot) - gram.of(older_row, slot);
            let mut older = said(self, *older_c);
            let mut place = diagonal;
            for newer_r in newer.get(c..).unwrap_or_default() {
                let newer = said(self, *newer_r);
                if let Some(element) = self.elements.get_mut(place) {
                    *element = newer - older;
                }
                older = newer;
                place = place.wrapping_add(1);
            }
            let both = self.of(newer_row, *newer_c) + self.of(older_row, *older_c);
            if let Some(element) = self.elements.get_mut(diagonal)
                && *element <= CANCELLED * both
            {
                *element = 0.0;
            }
            diagonal = diagonal.wrapping_add(self.depth).wrapping_add(1);
        }
        self.elements.get_mut(1..).unwrap_or_default()
    }

    /// `|| sum_j a_j f_j ||^2` of the residuals in the slots `window` with the weights `a`. `sums` is
    /// scratch with a place for each; NaN where there are fewer.
    pub fn norm2(&self, window: &[u8], a: &[f64], sums: &mut [f64]) -> f64 {
        for (i, (slot, ai)) in window.iter().zip(a).enumerate() {
            let row = self.row(*slot);
            let Some((before, [own, ..])) = sums.split_at_mut_checked(i) else { return f64::NAN };
            // `sum_j a_j G_ij`, `j` ascending: an element of the triangle counts in two of them.
            let mut sum = 0.0;
            for ((j, aj), other) in window.iter().zip(a).zip(before) {
                let dot = self.of(row, *j);
                sum += aj * dot;
                *other += ai * dot;
            }
            *own = sum + ai * self.of(row, *slot);
        }
        let weights = window.iter().zip(a).map(|(_, a)| a);
        weights.zip(sums).fold(0.0, |total, (a, sum)| total + a * *sum)
    }
}

/// A row of the matrix by a slot, and where its elements left of the diagonal start.
#[derive(Clone, Copy)]
struct Row {
    slot: usize,
    start: usize,
}
