//! What a step of the accelerator did, and the counts of it.

/// What a step of the accelerator did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// Nothing: not a step whose iterate is stored, or the gate is shut ([`super::Gate`]).
    #[default]
    Waited,
    /// The iterate was stored; no acceleration was due, or fewer than two residuals are known.
    Stored,
    /// The parameters are now the accelerated point.
    Accelerated {
        /// Differences of residuals that took part.
        columns_used: u8,
        /// Differences that were combinations of the others.
        columns_dropped: u8,
        /// Norm of the mixed residual over that of the newest: what the linear model promises.
        gain: f32,
    },
    /// The parameters are the plain ones, exactly: those that came in, or, where the residual
    /// safeguard rejects the point before, those of the step before it.
    Rejected(Reason),
}

/// Why an iterate or an accelerated point was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// The parameters that came in are NaN or infinite. They were not stored, and the next iterate
    /// begins a new chain.
    NonFiniteIterate,
    /// The accelerated point, or an inner product on the way to it, would be NaN or infinite.
    NonFinitePoint,
    /// One of the two losses is NaN or infinite.
    NonFiniteLoss,
    /// The loss at the accelerated point is not below that at the plain one.
    Loss,
    /// The residual after the accelerated point grew beyond the safeguard's factor, or was not
    /// finite.
    ResidualGrew,
    /// The newest residual is zero: the iterate is a fixed point already.
    ZeroResidual,
    /// No column could be used: all residuals are the same, up to rounding.
    NoColumns,
    /// The residuals before the newest do not foretell it: [`super::Gate::Prediction`].
    Unpredictable,
}

/// Counts since the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stats {
    /// Calls of a step.
    pub steps: u32,
    /// Iterates stored, accelerated points not counted.
    pub stored: u32,
    /// Accelerated points taken; those that the residual safeguard took back are counted here and
    /// below.
    pub accelerated: u32,
    /// Columns dropped, over all solves.
    pub columns_dropped: u32,
    /// Solves whose weights were scaled down to the cap.
    pub capped: u32,
    /// Loss evaluations of the safeguard.
    pub loss_evaluations: u32,
    /// Rejections for [`Reason::NonFiniteIterate`].
    pub non_finite_iterate: u32,
    /// Rejections for [`Reason::NonFinitePoint`].
    pub non_finite_point: u32,
    /// Rejections for [`Reason::NonFiniteLoss`].
    pub non_finite_loss: u32,
    /// Rejections for [`Reason::Loss`].
    pub loss: u32,
    /// Rejections for [`Reason::ResidualGrew`].
    pub residual_grew: u32,
    /// Rejections for [`Reason::ZeroResidual`].
    pub zero_residual: u32,
    /// Rejections for [`Reason::NoColumns`].
    pub no_columns: u32,
    /// Rejections for [`Reason::Unpredictable`].
    pub unpredictable: u32,
    /// Steps while the gate was shut.
    pub slept: u32,
}

impl Stats {
    /// All zero.
    pub const ZERO: Self = Self {
        steps: 0,
        stored: 0,
        accelerated: 0,
        columns_dropped: 0,
        capped: 0,
        loss_evaluations: 0,
        non_finite_iterate: 0,
        non_finite_point: 0,
        non_finite_loss: 0,
        loss: 0,
        residual_grew: 0,
        zero_residual: 0,
        no_columns: 0,
        unpredictable: 0,
        slept: 0,
    };

    /// Rejections of all causes.
    pub const fn rejected(&self) -> u32 {
        self.non_finite_iterate
            .saturating_add(self.non_finite_point)
            .saturating_add(self.non_finite_loss)
            .saturating_add(self.loss)
            .saturating_add(self.residual_grew)
            .saturating_add(self.zero_residual)
            .saturating_add(self.no_columns)
            .saturating_add(self.unpredictable)
    }

    /// Rejections of points that something was evaluated for.
    pub(super) const fn in_vain(&self) -> u32 {
        self.loss.saturating_add(self.non_finite_loss).saturating_add(self.residual_grew)
    }

    /// Counts a rejection and makes the outcome of it.
    pub(super) fn reject(&mut self, reason: Reason) -> Step {
        let count = match reason {
            Reason::NonFiniteIterate => &mut self.non_finite_iterate,
            Reason::NonFinitePoint => &mut self.non_finite_point,
            Reason::NonFiniteLoss => &mut self.non_finite_loss,
            Reason::Loss => &mut self.loss,
            Reason::ResidualGrew => &mut self.residual_grew,
            Reason::ZeroResidual => &mut self.zero_residual,
            Reason::NoColumns => &mut self.no_columns,
            Reason::Unpredictable => &mut self.unpredictable,
        };
        bump(count, 1);
        Step::Rejected(reason)
    }
}

/// Counts without wrapping: a device may run for years.
pub(crate) fn bump(count: &mut u32, by: u32) {
    *count = count.saturating_add(by);
}
