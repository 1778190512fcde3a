//! The pairs: columns of steps and of the changes of the gradient along them.

use crate::history::{Ring, Slots};
use crate::kernels::{Column, Difference, Kernels, Scaled};
use crate::real::Real;

/// The columns, by slot of the ring.
#[derive(Debug)]
pub(super) struct Pairs<'a, C> {
    pub(super) n: usize,
    pub(super) depth: usize,
    pub(super) stride: usize,
    pub(super) steps: &'a mut [C],
    pub(super) changes: &'a mut [C],
    pub(super) exponents: &'a mut [i16],
}

impl<C: Column> Pairs<'_, C> {
    /// `dX` of the pair in `slot`.
    pub(super) fn step(&self, slot: usize) -> Scaled<'_, C> {
        self.column(self.steps, slot, 2 * slot)
    }

    /// `dG` of the pair in `slot`.
    pub(super) fn change(&self, slot: usize) -> Scaled<'_, C> {
        self.column(self.changes, slot, 2 * slot + 1)
    }

    fn column<'b>(&'b self, columns: &'b [C], slot: usize, exponent: usize) -> Scaled<'b, C> {
        let start = slot * self.stride;
        Scaled {
            elements: columns.get(start..start + self.n).unwrap_or_default(),
            exponent: self.exponents.get(exponent).copied().unwrap_or(0).into(),
        }
    }

    /// Slots in use, the oldest pair first.
    pub(super) fn window(&self, ring: &Ring) -> Slots {
        let mut slots = Slots::new();
        for slot in (0..ring.len()).rev().filter_map(|age| ring.slot(self.depth, age)) {
            // Never full: a ring has at most as many slots.
            let _ = slots.push(slot as u8);
        }
        slots
    }

    /// Stores a pair, over the oldest where all slots are in use, unless it is nothing or overflows.
    /// Returns its slot.
    pub(super) fn append<K: Kernels>(
        &mut self,
        ring: &mut Ring,
        step: Difference<'_, f32>,
        change: Difference<'_, f32>,
    ) -> Option<usize> {
        let largest = [K::max_difference(step), K::max_difference(change)];
        if largest.iter().any(|bits| *bits == 0 || *bits >= f32::INFINITY_BITS) {
            return None;
        }
        let slot = ring.push(self.depth, false);
        let (start, places) = (slot * self.stride, self.exponents.iter_mut().skip(2 * slot));
        let columns = [&mut *self.steps, &mut *self.changes];
        let differences = [step, change].into_iter().zip(largest);
        for ((column, place), (difference, largest)) in
            columns.into_iter().zip(places).zip(differences)
        {
            let exponent = C::exponent(largest);
            *place = exponent as i16;
            let column = column.get_mut(start..start + self.n).unwrap_or_default();
            K::quantise(difference, exponent, column);
        }
        Some(slot)
    }
}
