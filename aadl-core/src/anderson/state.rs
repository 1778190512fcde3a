//! What an accelerator keeps between two steps.

use crate::anderson::gate::Shutter;
use crate::anderson::{Stats, Step};
use crate::history::Ring;

/// Bookkeeping of an accelerator, whatever its size: all zeros at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct State {
    pub(super) ring: Ring,
    /// The next iterate stored begins a chain although the ring is not empty.
    pub(super) interrupted: bool,
    /// An acceleration fell due and waits for a store.
    pub(super) due: bool,
    /// Steps of the first `wait_iterations`, since the last multiple of `frequency`, since the
    /// last store.
    pub(super) waited: u32,
    pub(super) since_due: u32,
    pub(super) since_store: u32,
    /// Steps of the map between the two iterates of each residual in the ring.
    pub(super) span: u32,
    /// The newest iterate is an accelerated point that the residual safeguard has yet to confirm;
    /// the squared norm of the residual before it.
    pub(super) unconfirmed: Option<f64>,
    pub(super) shutter: Shutter,
    pub(super) last: Step,
    pub(super) stats: Stats,
}

impl State {
    /// The state of an empty accelerator.
    pub const fn new() -> Self {
        Self {
            ring: Ring::new(),
            interrupted: false,
            due: false,
            waited: 0,
            since_due: 0,
            since_store: 0,
            span: 0,
            unconfirmed: None,
            shutter: Shutter::NEW,
            last: Step::Waited,
            stats: Stats::ZERO,
        }
    }

    /// Whether the newest iterate is an accelerated point that the residual safeguard has yet to
    /// confirm, and may take back.
    pub const fn is_unconfirmed(&self) -> bool {
        self.unconfirmed.is_some()
    }

    /// Counts of what happened.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }
}

/// The memory of an accelerator of `depth` iterates of `n` numbers, but for its [`State`]. What it
/// holds at the start does not matter.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Memory<'a, T> {
    /// `depth` columns, `stride >= n` elements apart.
    pub iterates: &'a mut [T],
    /// `depth * depth`: inner products and, above their diagonal, the system of a solve.
    pub gram: &'a mut [f64],
    /// `2 * depth`: weights, and scratch of a solve.
    pub work: &'a mut [f64],
    /// `depth`: the scale of each residual, for the exact Gram.
    pub exponents: &'a mut [i16],
    /// `depth`: scratch of a solve.
    pub pivots: &'a mut [u16],
}
