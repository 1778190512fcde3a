//! What the engine keeps between two calls.

use crate::history::Ring;
use crate::multisecant::config::MAX_WINDOW;
use crate::multisecant::{Asked, Stats};

/// Bookkeeping of an engine, whatever its size: all zeros at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct State {
    pub(super) ring: Ring,
    /// Whether there is an accepted point.
    pub(super) started: bool,
    /// The next loss and gradient are of other data: see [`super::MultisecantMut::data_changed`].
    pub(super) stale: bool,
    /// How often the step was shortened since the last accepted point.
    pub(super) shortened: u8,
    /// Losses of the last accepted points, in a ring; how many there have been.
    pub(super) losses: [f32; MAX_WINDOW],
    pub(super) accepted: u32,
    /// The long step of the newest pair.
    pub(super) theta: f32,
    /// What `theta` stays within a range of: that of the first step, or of the first one after the pairs
    /// were given up.
    pub(super) first_theta: f32,
    /// That of the very first step.
    pub(super) start_theta: f32,
    /// The relative residual of the last least squares.
    pub(super) residual: f32,
    /// Small as that was, the gradient did not shrink: L-BFGS alone leads on.
    pub(super) misled: bool,
    /// Pairs so far, up to 255; since the last scaling; from that to the next.
    pub(super) pairs: u8,
    pub(super) since: u8,
    pub(super) wait: u8,
    /// `g . g` at the accepted point, in scaled coordinates.
    pub(super) gradient2: f32,
    /// The direction's coefficient of the gradient, its slope, and how far along it the next point is.
    pub(super) gradient: f32,
    pub(super) slope: f32,
    pub(super) length: f32,
    pub(super) direction: Direction,
    pub(super) stats: Stats,
}

/// What the coefficients of the direction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Direction {
    /// Out of date.
    Wanted,
    /// Those of the point last accepted.
    Found(Asked),
}

impl State {
    /// The state of an engine that knows nothing.
    pub const fn new() -> Self {
        Self {
            ring: Ring::new(),
            started: false,
            stale: false,
            shortened: 0,
            losses: [0.0; MAX_WINDOW],
            accepted: 0,
            theta: 0.0,
            first_theta: 0.0,
            start_theta: 0.0,
            residual: 0.0,
            misled: false,
            pairs: 0,
            since: 0,
            wait: 0,
            gradient2: 0.0,
            gradient: 0.0,
            slope: 0.0,
            length: 0.0,
            direction: Direction::Wanted,
            stats: Stats::ZERO,
        }
    }

    /// Counts since the start.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The loss at the point accepted last, the weight decay included.
    pub const fn loss(&self) -> Option<f32> {
        if self.accepted == 0 {
            return None;
        }
        Some(self.losses[(self.accepted as usize - 1) % MAX_WINDOW])
    }

    /// The largest of the last `window` accepted losses.
    pub(super) fn largest_loss(&self, window: u8) -> f32 {
        let last = (self.accepted as usize).min(window.into());
        let recent = (1..=last).map(|age| (self.accepted as usize - age) % MAX_WINDOW);
        recent
            .filter_map(|place| self.losses.get(place))
            .fold(f32::NEG_INFINITY, |max, loss| if *loss > max { *loss } else { max })
    }

    pub(super) fn set_theta(&mut self, theta: f32) {
        self.theta = theta;
        self.first_theta = theta;
    }

    pub(super) fn accept(&mut self, loss: f32) {
        if let Some(place) = self.losses.get_mut(self.accepted as usize % MAX_WINDOW) {
            *place = loss;
        }
        // Wraps after 2^32 accepted points to a multiple of the ring that is not 0.
        self.accepted = self.accepted.checked_add(1).unwrap_or(MAX_WINDOW as u32);
        self.shortened = 0;
        self.length = 1.0;
        self.direction = Direction::Wanted;
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// The memory of an engine with `depth` pairs of `n` numbers, but for its [`State`]. What it holds
/// at the start does not matter.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Memory<'a, C> {
    /// `depth` columns, `stride >= n` elements apart: differences of accepted points.
    pub steps: &'a mut [C],
    /// As many: differences of the gradients there.
    pub changes: &'a mut [C],
    /// `n`: the point accepted last.
    pub point: &'a mut [f32],
    /// `n`: the gradient there, and the scaling.
    pub gradient: &'a mut [f32],
    /// `3 * depth * depth`: inner products, and the system of a solve.
    pub squares: &'a mut [f32],
    /// `7 * depth`: inner products, coefficients, scratch.
    pub rows: &'a mut [f32],
    /// `2 * depth`: exponents of the columns.
    pub exponents: &'a mut [i16],
    /// `depth`: scratch of a solve.
    pub pivots: &'a mut [u16],
}
