//! The gate: no acceleration of a map that cannot be foretold.
//!
//! Of a smooth map with Jacobian `J` the residuals follow `f_{k+1} = (I + J) f_k`, nearly the same
//! `J` from step to step. Two coefficients that gave the last residual but one from the two before it,
//!
//! `(a, b) = argmin || f_2 - a f_1 - b f_0 ||`, then give the newest one:
//! `error = || f_3 - a f_2 - b f_1 || / || f_3 ||`
//!
//! is small. Noise, such as the choice of a mini-batch, cannot be foretold: of gradient descent the
//! error is then about 1, and where momentum smooths the steps still far above that of the same
//! optimizer on all samples. All of it is in the Gram matrix already: no evaluation, no pass over
//! the history.

use super::{Stats, Step};
use crate::least_squares::gram::GramMatrix;

/// Residuals of one chain that the gate looks at.
pub(super) const RESIDUALS: usize = 4;
/// The iterates that make them.
pub(super) const ITERATES: usize = RESIDUALS + 1;

/// Ridge relative to the squared norms: residuals that are parallel share the coefficient.
const RIDGE: f64 = 1e-10;

/// Steps that the gate stays shut after the first rejection in a row.
const FIRST_PAUSE: u32 = 4;

/// When an acceleration that is due may be tried.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Gate {
    /// Always.
    Open,
    /// Where the newest residual is what the three before it foretell.
    ///
    /// A due acceleration waits until four residuals of one chain are known, and is rejected with
    /// [`super::Reason::Unpredictable`] where the error is larger; that costs no evaluation. After a due
    /// acceleration was rejected, for whatever reason, the gate is shut for 4 steps, and for twice as
    /// many each time until a point is accelerated. (One that [`super::Safeguard::Residual`] takes back
    /// later has been; `patience` alone bounds those.) While it is shut nothing is stored or computed ([`super::Step::Waited`]),
    /// and the history stays as it is.
    ///
    /// Accelerated points that were evaluated and rejected are at most one in `patience` steps at any
    /// time: in the first `patience` steps there is none, whatever they show. Points that are taken
    /// are not limited.
    ///
    /// Needs a history of at least 5 iterates.
    Prediction {
        /// The largest error, of the length of the residual; positive.
        error: f64,
        /// Steps that pay for a trial in vain; 0: none are asked for.
        patience: u32,
    },
}

/// For how long the gate is shut. All zeros at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Shutter {
    /// The step at which it opens, counted as [`Stats::steps`].
    opens: u32,
    /// The last pause; 0 since a point was accelerated.
    pause: u32,
}

impl Shutter {
    pub(super) const NEW: Self = Self { opens: 0, pause: 0 };

    /// Whether the newest step in `stats` is slept through.
    pub(super) fn is_shut(&mut self, gate: Gate, stats: &Stats) -> bool {
        let Gate::Prediction { patience, .. } = gate else {
            *self = Self::NEW;
            return false;
        };
        let affordable = patience.saturating_mul(stats.in_vain().saturating_add(1));
        self.opens = self.opens.max(affordable);
        stats.steps < self.opens
    }

    /// Whether the step after those in `stats` is one at which it is open again.
    pub(super) const fn opens_next(&self, stats: &Stats) -> bool {
        stats.steps.saturating_add(1) >= self.opens
    }

    /// After a rejection, shuts for twice as long as the last time.
    pub(super) fn follow(&mut self, step: Step, stats: &Stats) {
        match step {
            Step::Rejected(_) => {
                self.pause = self.pause.saturating_mul(2).max(FIRST_PAUSE);
                self.opens = stats.steps.saturating_add(self.pause);
            }
            Step::Accelerated { .. } => self.pause = 0,
            Step::Stored | Step::Waited => {}
        }
    }
}

/// The square of the error of the module's header, of four consecutive residuals of which `f0`, the place of
/// the oldest in the matrix, is the first. NaN where one of the oldest two is zero.
pub(super) fn prediction_error(gram: &GramMatrix<'_>, f0: usize) -> f64 {
    let (f1, f2, newest) = (f0 + 1, f0 + 2, f0 + 3);
    // In units of the oldest, so that no product of two products over- or underflows.
    let unit = gram.at(f0, f0);
    let dot = |i, j| gram.at(i, j) / unit;
    let (g11, g10, g00) = (dot(f1, f1), dot(f1, f0), 1.0);
    let (g21, g20, g22) = (dot(f2, f1), dot(f2, f0), dot(f2, f2));
    let ridge = 1.0 + RIDGE;
    let determinant = g11 * ridge * (g00 * ridge) - g10 * g10;
    let a = (g21 * (g00 * ridge) - g20 * g10) / determinant;
    let b = (g11 * ridge * g20 - g21 * g10) / determinant;
    let (n2, n1, nn) = (dot(newest, f2), dot(newest, f1), dot(newest, newest));
    let foretold = a * a * g22 + 2.0 * a * b * g21 + b * b * g11;
    (nn - 2.0 * (a * n2 + b * n1) + foretold) / nn
}
