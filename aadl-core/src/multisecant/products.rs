//! The inner products of the pairs with each other and with the gradient: all that a direction is
//! found from. In float32: the benchmarks show no loss against float64, which costs a device without
//! double precision most of a step.

/// Inner products by slot of the ring.
///
/// Only those are kept that the two directions need: of the steps, their own norms; of steps with
/// changes of the gradient, those where the step is not newer.
#[derive(Debug)]
pub(super) struct Products<'a> {
    pub(super) depth: usize,
    /// `dG_i . dG_j`, in the lower triangle by slots.
    pub(super) changes: &'a mut [f32],
    /// `dX_i . dG_j`, pair `i` not newer than `j`: row `j`, column `i`.
    pub(super) mixed: &'a mut [f32],
    /// `dX_i . dX_i`.
    pub(super) steps: &'a mut [f32],
    /// `dX_i . g`.
    pub(super) steps_gradient: &'a mut [f32],
    /// `dG_i . g`.
    pub(super) changes_gradient: &'a mut [f32],
}

impl Products<'_> {
    fn at(elements: &[f32], index: usize) -> f32 {
        elements.get(index).copied().unwrap_or(0.0)
    }

    fn set(elements: &mut [f32], index: usize, value: f32) {
        if let Some(element) = elements.get_mut(index) {
            *element = value;
        }
    }

    /// `dG_i . dG_j`.
    pub(super) fn changes(&self, i: usize, j: usize) -> f32 {
        Self::at(self.changes, i.max(j) * self.depth + i.min(j))
    }

    /// `dX_older . dG_newer`.
    pub(super) fn mixed(&self, older: usize, newer: usize) -> f32 {
        Self::at(self.mixed, newer * self.depth + older)
    }

    /// `dX_i . dX_i`.
    pub(super) fn step(&self, i: usize) -> f32 {
        Self::at(self.steps, i)
    }

    /// `dX_i . g`.
    pub(super) fn step_gradient(&self, i: usize) -> f32 {
        Self::at(self.steps_gradient, i)
    }

    /// `dG_i . g`.
    pub(super) fn change_gradient(&self, i: usize) -> f32 {
        Self::at(self.changes_gradient, i)
    }

    /// Stores what pass one found of pair `slot`: products with the newest change and with the
    /// gradient.
    pub(super) fn set_row(&mut self, slot: usize, newest: usize, step: [f32; 2], change: [f32; 2]) {
        Self::set(self.mixed, newest * self.depth + slot, step[0]);
        Self::set(self.steps_gradient, slot, step[1]);
        self.set_changes(slot, newest, change[0]);
        Self::set(self.changes_gradient, slot, change[1]);
    }

    /// `dG_i . dG_j`.
    pub(super) fn set_changes(&mut self, i: usize, j: usize, product: f32) {
        Self::set(self.changes, i.max(j) * self.depth + i.min(j), product);
    }

    /// `dX_i . dG_i`, once more.
    pub(super) fn set_curvature(&mut self, slot: usize, curvature: f32) {
        Self::set(self.mixed, slot * self.depth + slot, curvature);
    }

    pub(super) fn set_step(&mut self, slot: usize, norm2: f32) {
        Self::set(self.steps, slot, norm2);
    }
}
