//! The diagonal scaling: for each parameter a length `c_i` in whose units steps are measured, a
//! power of `2^(1/4)`.
//!
//! The engine works in `z_i = x_i / c_i`, where the gradient is `g_i c_i`: columns are stored and
//! multiplied there. The exponents cost no memory, for they take the place of the last eight
//! bits of the gradient that is kept. Sixteen digits of it are enough, as long as what is subtracted from
//! it is rounded alike.
//!
//! A new scaling is found from the pairs in use, of `n` numbers:
//! `c_i^4 = (2/n + sum_j dx_ij^2 / |dX_j|^2) / (2/n + sum_j dg_ij^2 / |dG_j|^2)`, the norms being
//! those in the coordinates used so far. Its root, `c_i^2`, is the inverse of a curvature but for a factor
//! that all share: that of the secant equation of parameter `i` alone, in the mean of squares over pairs. Two pairs that say nothing (`2/n`) keep a
//! few pairs from saying too much.

use crate::history::MAX_DEPTH;
use crate::kernels::{Column, GROUP, Kernels, Scaled, Task};
use crate::math::sqrt;
use crate::multisecant::direction::slots;
use crate::multisecant::pairs::Pairs;
use crate::multisecant::products::Products;
use crate::multisecant::state::State;
use crate::real::Real;

/// Elements of the sums that are on the stack at a time.
const PIECE: usize = 32;
/// Bits of a number of the gradient that hold an exponent.
pub(super) const EXPONENT: u32 = 0xFF;
/// Exponents stay within this: lengths between `2^-15.75` and `2^15.75`.
const RANGE: i32 = 63;
/// Pairs that say nothing, which are added to those that say something.
const PRIOR: f32 = 2.0;
/// The first scaling is found from this many pairs.
const FIRST: u8 = 2;
/// The most pairs between two scalings.
const MAX_WAIT: u8 = 16;

/// `2^(exponent / 4)`, of exponents up to twice [`RANGE`].
pub(super) fn length(exponent: i32) -> f32 {
    static TABLE: [f32; 256] = {
        let mut table = [0.0; 256];
        let mut i = 0;
        while i < 256 {
            table[i] = computed(i as u8 as i8 as i32);
            i += 1;
        }
        table
    };
    if cfg!(target_abi = "eabihf") {
        // A quarter of the instructions on an Arm with a unit for floats and none for vectors.
        TABLE[usize::from(exponent as u8)]
    } else {
        computed(exponent)
    }
}

/// [`length`] without branches, so that whole vectors of it are made at once.
const fn computed(exponent: i32) -> f32 {
    const ONE: u32 = 1f32.to_bits();
    const QUARTER: u32 = 1.189_207_1f32.to_bits() - ONE;
    const HALF: u32 = core::f32::consts::SQRT_2.to_bits() - ONE;
    /// What of both together is not that of three quarters.
    const ALL: u32 = QUARTER ^ HALF ^ (1.681_792_9f32.to_bits() - ONE);
    let is_odd = 0u32.wrapping_sub(exponent as u32 & 1);
    let is_half = 0u32.wrapping_sub((exponent as u32 >> 1) & 1);
    let mantissa = (is_odd & QUARTER) ^ (is_half & HALF) ^ (is_odd & is_half & ALL);
    f32::from_bits(((exponent >> 2) << 23).wrapping_add(ONE as i32) as u32 | mantissa)
}

/// A number of the gradient, in scaled coordinates, rounded to sixteen digits, with the exponent of its
/// parameter. It is finite: so is its square, without the scaling. (Wrapping spares a check.)
fn pack(number: f32, exponent: i32) -> f32 {
    let half = (EXPONENT + 1) >> 1;
    let bits = number.to_bits().wrapping_add(half) & !EXPONENT;
    f32::from_bits(bits | (exponent as u32 & EXPONENT))
}

/// The number.
pub(super) fn number(packed: f32) -> f32 {
    f32::from_bits(packed.to_bits() & !EXPONENT)
}

/// The exponent.
fn exponent_of(packed: f32) -> i32 {
    i32::from(packed.to_bits() as u8 as i8)
}

/// Packs a gradient; the scaling stays.
pub(super) struct Keep<'a> {
    pub(super) gradient: &'a [f32],
    pub(super) packed: &'a mut [f32],
}

impl Task for Keep<'_> {
    type Output = ();
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn run(self) {
        for (packed, gradient) in self.packed.iter_mut().zip(self.gradient) {
            let exponent = exponent_of(*packed);
            *packed = pack(*gradient * length(exponent), exponent);
        }
    }
}

/// `factor` times the gradient, into `out`.
pub(super) struct Unpack<'a> {
    pub(super) packed: &'a [f32],
    pub(super) factor: f32,
    pub(super) out: &'a mut [f32],
}

impl Task for Unpack<'_> {
    type Output = ();
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn run(self) {
        for (out, packed) in self.out.iter_mut().zip(self.packed) {
            *out = self.factor * number(*packed);
        }
    }
}

/// The step from `point` to `x`, into `point`, and the change of the gradient, packed. The bits of the largest
/// magnitude of each, at least [`Real::INFINITY_BITS`] of what overflows.
///
/// Gradients are rounded alike before they are subtracted: where one does not change, the change is nothing,
/// however large it is, as that of a parameter which is pressed against its bound.
pub(super) struct Subtract<'a> {
    pub(super) x: &'a [f32],
    pub(super) gradient: &'a [f32],
    pub(super) point: &'a mut [f32],
    pub(super) packed: &'a mut [f32],
}

impl Task for Subtract<'_> {
    type Output = [u32; 2];
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn run(self) -> [u32; 2] {
        let both = self.point.iter_mut().zip(self.packed);
        let mut largest = [0; 2];
        for ((point, packed), (x, gradient)) in both.zip(self.x.iter().zip(self.gradient)) {
            let exponent = exponent_of(*packed);
            let step = (*x - *point) * length(-exponent);
            let rounded = number(pack(*gradient * length(exponent), exponent));
            let change = pack(rounded - number(*packed), exponent);
            (*point, *packed) = (step, change);
            for (largest, number) in largest.iter_mut().zip([step, number(change)]) {
                let bits = number.magnitude_bits();
                *largest = if bits > *largest { bits } else { *largest };
            }
        }
        largest
    }
}

/// A step, in `x`, becomes the point that it leads to.
pub(super) struct Add<'a> {
    pub(super) point: &'a [f32],
    pub(super) packed: &'a [f32],
    pub(super) x: &'a mut [f32],
}

impl Task for Add<'_> {
    type Output = ();
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn run(self) {
        for (x, (packed, point)) in self.x.iter_mut().zip(self.packed.iter().zip(self.point)) {
            *x = *point + length(exponent_of(*packed)) * *x;
        }
    }
}

/// Whether it is time for another scaling, a pair having come: with the pairs 2, 4, 8 and 16, and every sixteenth
/// from there; later where there is but one pair in use then, as after a restart, and never if there can be but one.
pub(super) fn is_due(state: &mut State) -> bool {
    state.pairs = state.pairs.saturating_add(1);
    state.since = state.since.saturating_add(1);
    let due = state.since >= state.wait && state.ring.len() >= FIRST.into();
    if due {
        state.since = 0;
        state.wait = if state.pairs < MAX_WAIT { state.pairs } else { MAX_WAIT };
    }
    due
}

/// A column with the factor that makes shares of its elements.
type Shared<'a, C> = (Scaled<'a, C>, f32);

/// Finds lengths from the pairs; nothing but they is left in `packed`. `factors` become what steps are to be
/// multiplied by.
struct Choose<'a, C> {
    pairs: &'a [[Shared<'a, C>; 2]],
    prior: f32,
    packed: &'a mut [f32],
    factors: &'a mut [f32],
}

impl<C: Column> Task for Choose<'_, C> {
    type Output = ();
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn run(self) {
        let pieces = self.packed.chunks_mut(PIECE).zip(self.factors.chunks_mut(PIECE));
        for (i, (packed, factors)) in pieces.enumerate() {
            let mut sums = [[0.0; PIECE]; 2];
            for pair in self.pairs {
                for (sums, (column, unit)) in sums.iter_mut().zip(pair) {
                    let elements = column.elements.get(i * PIECE..).unwrap_or_default();
                    for (sum, element) in sums.iter_mut().zip(elements) {
                        let share = element.value() * *unit;
                        *sum += share * share;
                    }
                }
            }
            let [steps, changes] = &sums;
            let elements = packed.iter_mut().zip(factors).zip(steps.iter().zip(changes));
            for ((packed, factor), (steps, changes)) in elements {
                let before = exponent_of(*packed);
                let square = length(2 * before);
                let ratio = (self.prior + *steps * square) / (self.prior + *changes / square);
                // The nearest power of two.
                let bits = (ratio * core::f32::consts::SQRT_2).magnitude_bits();
                let now = <f32 as Real>::exponent(bits).clamp(-RANGE, RANGE);
                *packed = pack(0.0, now);
                *factor = length(before - now);
            }
        }
    }
}

/// Multiplies a column by `factors`, element by element; returns its exponent. None where that overflows; it is
/// as it was then.
struct Multiply<'a, C> {
    exponent: i32,
    factors: &'a [f32],
    column: &'a mut [C],
}

impl<C: Column> Task for Multiply<'_, C> {
    type Output = Option<i32>;
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn run(self) -> Option<i32> {
        let unit = C::unit(self.exponent);
        let mut largest = 0;
        for (element, factor) in self.column.iter().zip(self.factors) {
            let bits = (element.value() * *factor).magnitude_bits();
            largest = if bits > largest { bits } else { largest };
        }
        let largest = f32::from_bits(largest) * unit;
        if !largest.is_finite() {
            return None;
        }
        let exponent = C::exponent(largest.magnitude_bits());
        let units = unit * C::units(exponent);
        for (element, factor) in self.column.iter_mut().zip(self.factors) {
            *element = C::quantise(element.value() * *factor, units);
        }
        Some(exponent)
    }
}

impl<C: Column> Pairs<'_, C> {
    /// Finds a scaling from the pairs in `window`, whose products are known, brings them into its coordinates,
    /// and finds those products again that depend on it. `packed` keeps the scaling alone, and `scratch` is as long. False
    /// where a pair overflows.
    pub(super) fn rescale<K: Kernels>(
        &mut self,
        window: &[u8],
        packed: &mut [f32],
        scratch: &mut [f32],
        products: &mut Products<'_>,
    ) -> bool {
        self.choose::<K>(window, packed, scratch, products);
        let mut all_fit = true;
        for slot in slots(window) {
            all_fit &= self.multiply::<K>(slot, false, scratch);
        }
        // What makes steps shorter makes changes larger.
        for factor in &mut *scratch {
            *factor = 1.0 / *factor;
        }
        for slot in slots(window) {
            all_fit &= self.multiply::<K>(slot, true, scratch);
        }
        for slot in slots(window) {
            products.set_step(slot, K::column_norm2(self.step(slot)));
        }
        self.multiply_changes::<K>(window, scratch, products);
        all_fit
    }

    /// Changes the exponents in `packed`; `factors` become what steps are to be multiplied by.
    fn choose<K: Kernels>(
        &self,
        window: &[u8],
        packed: &mut [f32],
        factors: &mut [f32],
        products: &Products<'_>,
    ) {
        let mut pairs = heapless::Vec::<_, MAX_DEPTH>::new();
        for slot in slots(window) {
            let squares = [products.step(slot), products.changes(slot, slot)];
            let mut pair = [self.step(slot), self.change(slot)].map(|column| (column, 0.0));
            for ((column, unit), square) in pair.iter_mut().zip(squares) {
                let share = C::unit(column.exponent) / sqrt(square);
                // Where the square underflows or overflows, nothing is known.
                *unit = if share.is_finite() { share } else { 0.0 };
            }
            // Never full: a window has at most as many slots.
            let _ = pairs.push(pair);
        }
        K::run(Choose { pairs: &pairs, prior: PRIOR / self.n as f32, packed, factors });
    }

    /// Multiplies the step or the change of a pair by `factors`, element by element. False where that
    /// overflows; it is as it was then.
    fn multiply<K: Kernels>(&mut self, slot: usize, change: bool, factors: &[f32]) -> bool {
        let at = 2 * slot + usize::from(change);
        let exponent = self.exponents.get(at).map_or(0, |exponent| i32::from(*exponent));
        let column = if change { self.change_mut(slot) } else { self.step_mut(slot) };
        let product = K::run(Multiply { exponent, factors, column });
        if let (Some(exponent), Some(place)) = (product, self.exponents.get_mut(at)) {
            *place = exponent as i16;
        }
        product.is_some()
    }

    /// The products of changes with each other: two columns at a time, one of them as numbers in `scratch`.
    fn multiply_changes<K: Kernels>(
        &self,
        window: &[u8],
        scratch: &mut [f32],
        products: &mut Products<'_>,
    ) {
        for (i, two) in window.chunks(2).enumerate() {
            let (Some(first), Some(second)) = (two.first(), two.last()) else { continue };
            let [first, second] = [*first, *second].map(usize::from);
            scratch.fill(0.0);
            K::add_columns(scratch, &[(self.change(second), 1.0)]);
            // Exactly these numbers again: a vector has at least the digits of a column.
            let exponent = C::Vector::exponent(K::max_magnitude(scratch));
            let vector = Scaled { elements: &*scratch, exponent };
            let older = window.get(..2 * i + two.len()).unwrap_or_default();
            for group in older.chunks(GROUP) {
                let mut columns = heapless::Vec::<_, GROUP>::new();
                for slot in slots(group) {
                    // Never full: a column for each slot of a group.
                    let _ = columns.push(self.change(slot));
                }
                let mut dots = [[0.0; 2]; GROUP];
                K::column_dots(&columns, self.change(first), vector, &mut dots);
                for (slot, [with_first, with_second]) in slots(group).zip(dots) {
                    products.set_changes(slot, first, with_first);
                    products.set_changes(slot, second, with_second);
                }
            }
        }
    }
}
