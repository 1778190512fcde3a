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

    /// The place of `f_i . f_j`; none of the matrix is so far off as that of a slot outside of it.
    fn index(&self, i: usize, j: usize) -> usize {
        let (row, column) = if i < j { (j, i) } else { (i, j) };
        // Not saturating, which is several times as long: a row this side of `depth` does not wrap.
        if row < self.depth {
            row.wrapping_mul(self.depth).wrapping_add(column)
        } else {
            usize::MAX
        }
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
        let slots = || window.iter().map(|slot| usize::from(*slot));
        let pairs = || slots().zip(slots().skip(1)).enumerate();
        let last = slots().next_back().unwrap_or(0);
        for ((_, (older, newer)), rhs) in pairs().zip(rhs) {
            *rhs = self.at(newer, last) - self.at(older, last);
        }
        for (c, (older_c, newer_c)) in pairs() {
            // What a row has to say to this column, which two elements ask for.
            let row = |gram: &Self, slot| gram.at(slot, newer_c) - gram.at(slot, older_c);
            let mut older = row(self, older_c);
            for (r, (_, newer_r)) in pairs().skip(c) {
                let newer = row(self, newer_r);
                let mut element = newer - older;
                older = newer;
                if r == c {
                    let both = self.at(newer_c, newer_c) + self.at(older_c, older_c);
                    if element <= CANCELLED * both {
                        element = 0.0;
                    }
                }
                // Element (r, c) stands in row c, column r + 1, which is above the diagonal.
                let index = c.saturating_mul(self.depth).saturating_add(r + 1);
                if let Some(place) = self.elements.get_mut(index) {
                    *place = element;
                }
            }
        }
        self.elements.get_mut(1..).unwrap_or_default()
    }

    /// `|| sum_j a_j f_j ||^2` of the residuals in the slots `window` with the weights `a`.
    pub fn norm2(&self, window: &[u8], a: &[f64]) -> f64 {
        let mut total = 0.0;
        for (i, ai) in window.iter().zip(a) {
            let mut row = 0.0;
            for (j, aj) in window.iter().zip(a) {
                row += aj * self.at(usize::from(*i), usize::from(*j));
            }
            total += ai * row;
        }
        total
    }
}
