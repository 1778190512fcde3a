//! What the engine did, and the counts of it.

use crate::anderson::bump;

/// What became of a point whose loss and gradient were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Told {
    /// It is the point to go on from, without a comparison: the first one, or the first one of
    /// other data.
    Started,
    /// It is the point to go on from.
    Accepted,
    /// The parameters are again those accepted last, to the bit.
    Rejected(Reason),
}

/// Why a point was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// Its loss is larger than all of the last accepted ones ([`super::Config::window`]).
    Loss,
    /// Its loss is NaN or infinite.
    NonFiniteLoss,
    /// Its gradient holds NaN or an infinity, or overflows when squared.
    NonFiniteGradient,
}

/// The point to evaluate next, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Asked {
    /// The point that is there: nothing is known yet.
    Start,
    /// A step along the gradient alone: no pairs yet, or what they say does not descend.
    Gradient,
    /// A step found from the pairs.
    Pairs,
    /// The step that was rejected, shortened.
    Shortened,
    /// The point accepted last: the gradient there is zero, or the step too short or too long for
    /// float32.
    Stationary,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stats {
    /// Losses and gradients told: evaluations.
    pub evaluations: u32,
    /// Points accepted, the first one included.
    pub accepted: u32,
    /// Rejections for [`Reason::Loss`].
    pub loss: u32,
    /// Rejections for [`Reason::NonFiniteLoss`].
    pub non_finite_loss: u32,
    /// Rejections for [`Reason::NonFiniteGradient`].
    pub non_finite_gradient: u32,
    /// Times that all pairs were given up: after the last shortening, or where they overflowed in new coordinates.
    pub restarts: u32,
    /// Steps whose pairs did not descend, so that the gradient was followed.
    pub gradient_steps: u32,
    /// Columns of the multisecant least squares that were combinations of the others.
    pub columns_dropped: u32,
}

impl Stats {
    /// All zero.
    pub const ZERO: Self = Self {
        evaluations: 0,
        accepted: 0,
        loss: 0,
        non_finite_loss: 0,
        non_finite_gradient: 0,
        restarts: 0,
        gradient_steps: 0,
        columns_dropped: 0,
    };

    /// Rejections of all causes.
    pub const fn rejected(&self) -> u32 {
        self.loss.saturating_add(self.non_finite_loss).saturating_add(self.non_finite_gradient)
    }

    /// Counts a rejection and makes the outcome of it.
    pub(super) fn reject(&mut self, reason: Reason) -> Told {
        let count = match reason {
            Reason::Loss => &mut self.loss,
            Reason::NonFiniteLoss => &mut self.non_finite_loss,
            Reason::NonFiniteGradient => &mut self.non_finite_gradient,
        };
        bump(count, 1);
        Told::Rejected(reason)
    }
}
