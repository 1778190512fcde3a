//! The pairs: columns of steps and of the changes of the gradient along them, in scaled coordinates.

use crate::history::{Ring, Slots};
use crate::kernels::{Column, Kernels, Scaled, Task};
use crate::multisecant::scaling;
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

    /// The elements of `dX` of the pair in `slot`.
    pub(super) fn step_mut(&mut self, slot: usize) -> &mut [C] {
        let start = slot * self.stride;
        self.steps.get_mut(start..start + self.n).unwrap_or_default()
    }

    /// The elements of `dG` of the pair in `slot`.
    pub(super) fn change_mut(&mut self, slot: usize) -> &mut [C] {
        let start = slot * self.stride;
        self.changes.get_mut(start..start + self.n).unwrap_or_default()
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

    /// Stores the pair that leads from `point` to `x`, over the oldest where all slots are in use, unless it is
    /// nothing or overflows. Returns its slot. `packed` is the gradient at `point`; of both, nothing but
    /// the scaling is left.
    pub(super) fn append<K: Kernels>(
        &mut self,
        ring: &mut Ring,
        (x, gradient): (&[f32], &[f32]),
        (point, packed): (&mut [f32], &mut [f32]),
    ) -> Option<usize> {
        let largest =
            K::run(scaling::Subtract { x, gradient, point: &mut *point, packed: &mut *packed });
        if largest.iter().any(|bits| *bits == 0 || *bits >= f32::INFINITY_BITS) {
            return None;
        }
        let slot = ring.push(self.depth, false);
        let [of_step, of_change] = largest.map(C::exponent);
        for (place, exponent) in self.exponents.iter_mut().skip(2 * slot).zip([of_step, of_change])
        {
            *place = exponent as i16;
        }
        let (numbers, units) = (&*point, C::units(of_step));
        K::run(Quantise::<C, { u32::MAX }> { numbers, units, column: self.step_mut(slot) });
        let (numbers, units) = (&*packed, C::units(of_change));
        let column = self.change_mut(slot);
        K::run(Quantise::<C, { !scaling::EXPONENT }> { numbers, units, column });
        Some(slot)
    }
}

/// Stores numbers as a column: of each the bits in `MASK`.
struct Quantise<'a, C, const MASK: u32> {
    numbers: &'a [f32],
    units: f32,
    column: &'a mut [C],
}

impl<C: Column, const MASK: u32> Task for Quantise<'_, C, MASK> {
    type Output = ();
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn run(self) {
        for (element, number) in self.column.iter_mut().zip(self.numbers) {
            *element = C::quantise(f32::from_bits(number.to_bits() & MASK), self.units);
        }
    }
}
