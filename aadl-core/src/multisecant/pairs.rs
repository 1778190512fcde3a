//! The pairs: columns of steps and of the changes of the gradient along them, in scaled coordinates.

use crate::history::{Ring, Slots};
use crate::kernels::{Column, Difference, Kernels, Scaled};
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
    /// Returns its slot. The older gradient is packed.
    pub(super) fn append<K: Kernels>(
        &mut self,
        ring: &mut Ring,
        x: Difference<'_, f32>,
        gradient: Difference<'_, f32>,
    ) -> Option<usize> {
        // Both in scaled coordinates, computed twice rather than stored.
        let packed = gradient.older;
        let step = |i: usize, out: &mut [f32]| {
            let pieces = rest(x.newer, i).iter().zip(rest(x.older, i)).zip(rest(packed, i));
            for (out, ((newer, older), packed)) in out.iter_mut().zip(pieces) {
                *out = (*newer - *older) * scaling::length(-scaling::exponent(*packed));
            }
        };
        let change = |i: usize, out: &mut [f32]| {
            let pieces = rest(gradient.newer, i).iter().zip(rest(packed, i));
            for (out, (newer, packed)) in out.iter_mut().zip(pieces) {
                let difference = *newer - scaling::number(*packed);
                *out = difference * scaling::length(scaling::exponent(*packed));
            }
        };
        let largest = [largest::<K>(self.n, &step), largest::<K>(self.n, &change)];
        if largest.iter().any(|bits| *bits == 0 || *bits >= f32::INFINITY_BITS) {
            return None;
        }
        let slot = ring.push(self.depth, false);
        let exponents = largest.map(C::exponent);
        for (place, exponent) in self.exponents.iter_mut().skip(2 * slot).zip(exponents) {
            *place = exponent as i16;
        }
        let [of_step, of_change] = exponents;
        let start = slot * self.stride;
        let column = self.steps.get_mut(start..start + self.n).unwrap_or_default();
        store::<C, K>(of_step, column, &step);
        let column = self.changes.get_mut(start..start + self.n).unwrap_or_default();
        store::<C, K>(of_change, column, &change);
        Some(slot)
    }
}

/// Elements of a vector that is computed on the stack, piece by piece.
const PIECE: usize = 32;

fn rest(x: &[f32], start: usize) -> &[f32] {
    x.get(start..).unwrap_or_default()
}

/// The bits of the largest magnitude of a vector of `n` numbers, of which `fill` computes those from a place
/// on.
fn largest<K: Kernels>(n: usize, fill: &impl Fn(usize, &mut [f32])) -> u32 {
    let mut buffer = [0.0; PIECE];
    let (mut largest, mut start) = (0, 0);
    while start < n {
        let left = n - start;
        let piece = buffer.get_mut(..if left < PIECE { left } else { PIECE }).unwrap_or_default();
        fill(start, piece);
        let bits = K::max_magnitude(piece);
        largest = if bits > largest { bits } else { largest };
        start += PIECE;
    }
    largest
}

/// Stores such a vector with this exponent.
fn store<C: Column, K: Kernels>(exponent: i32, out: &mut [C], fill: &impl Fn(usize, &mut [f32])) {
    let (mut buffer, zeros) = ([0.0; PIECE], [0.0; PIECE]);
    for (i, out) in out.chunks_mut(PIECE).enumerate() {
        let piece = buffer.get_mut(..out.len()).unwrap_or_default();
        fill(i * PIECE, piece);
        let older = zeros.get(..piece.len()).unwrap_or_default();
        K::quantise(Difference { newer: piece, older }, exponent, out);
    }
}
