//! The memory whose size depends on the number of pairs alone, cut up.

use crate::multisecant::direction::{Combination, Scratch};
use crate::multisecant::products::Products;

/// `squares` and `rows` of [`super::Memory`].
#[derive(Debug)]
pub(super) struct SmallMemory<'a> {
    pub(super) depth: usize,
    pub(super) squares: &'a mut [f32],
    pub(super) rows: &'a mut [f32],
    pub(super) pivots: &'a mut [u16],
}

impl SmallMemory<'_> {
    /// The inner products.
    pub(super) fn products(&mut self) -> Products<'_> {
        self.parts(0).0
    }

    /// All parts, for `k` pairs in use.
    pub(super) fn parts(&mut self, k: usize) -> (Products<'_>, Combination<'_>, Scratch<'_>) {
        let depth = self.depth;
        let mut squares = self.squares.chunks_mut((depth * depth).max(1));
        let mut square = || squares.next().unwrap_or_default();
        let (changes, mixed, system) = (square(), square(), square());
        let mut rows = self.rows.chunks_mut(depth.max(1));
        let mut row = || rows.next().unwrap_or_default();
        let (steps, steps_gradient, changes_gradient) = (row(), row(), row());
        let products = Products { depth, changes, mixed, steps, steps_gradient, changes_gradient };
        let mut of_pairs = || row().get_mut(..k).unwrap_or_default();
        let d = Combination { steps: of_pairs(), changes: of_pairs(), gradient: 0.0 };
        let scratch = Scratch { gamma: row(), alpha: row(), system, pivots: &mut *self.pivots };
        (products, d, scratch)
    }
}
