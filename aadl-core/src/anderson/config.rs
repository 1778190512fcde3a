//! Settings of the accelerator.

use crate::anderson::Gate;
use crate::error::{Error, check_field as check};
use crate::kernels::Gram;
use crate::least_squares::Regularization;

/// Which least-squares solver finds the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Solver {
    /// Pivoted Cholesky on the Gram matrix, `m x m` in float64: no pass over the history of its
    /// own, no scratch.
    #[default]
    Cholesky,
    /// Column-pivoted QR of the differences of residuals, in the type of the iterates. Needs
    /// scratch: [`super::AndersonMut::with_scratch`].
    Qr,
}

/// What an accelerated point must prove before it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Safeguard {
    /// Only that it is finite.
    None,
    /// A loss strictly below that of the plain point. Needs `step_with`; two loss evaluations an
    /// acceleration, counted in [`super::Stats`].
    Loss,
    /// The first residual after it is at most `growth` times the last one before it (Euclidean
    /// norms). Found out one map evaluation later; the plain point is then restored from the
    /// history, and that evaluation is lost.
    Residual {
        /// Positive; below 1 only a decrease will do.
        growth: f64,
    },
}

/// Settings of the accelerator, in float64 so that they can be computed in a `const`. Pass them by
/// reference at each call: changing them between two calls is allowed.
///
/// | field | default | range |
/// |---|---|---|
/// | `relaxation` | 1 | `0 < relaxation <= 1` |
/// | `wait_iterations` | 0 | any |
/// | `store_each_nth` | 1 | at least 1 |
/// | `frequency` | 2 | at least 1 |
/// | `regularization` | `Relative(1e-10)` | `0 <= t < inf` |
/// | `solver` | `Cholesky` | |
/// | `gram` | `Exact` | |
/// | `safeguard` | `Residual { growth: 10 }` | `growth > 0` |
/// | `gate` | `Open` | `error > 0` |
/// | `gamma_cap` | 1e6 | `gamma_cap > 0` |
/// | `drop_tolerance` | 1e-14 | `0 <= drop_tolerance < 1` |
///
/// The depth of the history is not here: it is the `M` of the owner.
///
/// ```
/// use aadl_core::anderson::{Config, Safeguard};
/// const CONFIG: Config = Config { safeguard: Safeguard::Loss, ..Config::DEFAULT };
/// const _: () = assert!(CONFIG.validate().is_ok()); // found out by the compiler
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// `beta`: how far along the mixed residual the new point goes.
    pub relaxation: f64,
    /// No acceleration in this many first steps (they are stored all the same).
    pub wait_iterations: u32,
    /// Store every n-th iterate; a residual is then that of `n` steps of the map, so that a change
    /// of `n` makes an end of the residuals known. An acceleration that falls due between two stores waits for the next: only then does the current iterate
    /// take part, and only then can a rejection restore it.
    pub store_each_nth: u32,
    /// Accelerate at every n-th step; where the iterate of that step begins a chain, as after
    /// [`super::AndersonMut::interrupt`], at the next that does not. 2 gives twice as many residuals for the same memory and
    /// fewer map evaluations than 1.
    pub frequency: u32,
    /// Tikhonov term of the least squares.
    pub regularization: Regularization,
    /// Who solves the least squares.
    pub solver: Solver,
    /// How inner products of residuals are summed.
    pub gram: Gram,
    /// What an accelerated point must prove.
    pub safeguard: Safeguard,
    /// When an acceleration may be tried.
    pub gate: Gate,
    /// Where some `|gamma_j|` exceeds this, all are scaled down to it: the objective is convex, so
    /// a shorter step along the same line still reduces it.
    pub gamma_cap: f64,
    /// Columns whose pivot, relative to their own norm, is at most this are dropped (squared
    /// cosine to the others' complement). [`Solver::Qr`] takes its square root as `rcond`, or
    /// machine precision times the number of rows where that is larger, and at most 1/2.
    pub drop_tolerance: f64,
}

impl Config {
    /// True residuals, every second step, a small relative ridge, the residual safeguard.
    pub const DEFAULT: Self = Self {
        relaxation: 1.0,
        wait_iterations: 0,
        store_each_nth: 1,
        frequency: 2,
        regularization: Regularization::Relative(1e-10),
        solver: Solver::Cholesky,
        gram: Gram::Exact,
        safeguard: Safeguard::Residual { growth: 10.0 },
        gate: Gate::Open,
        gamma_cap: 1e6,
        drop_tolerance: 1e-14,
    };

    /// [`Config::DEFAULT`] for the training of networks: every 4th step, guarded by the loss.
    /// Small residuals are no sign of progress there, since saddle points have them too, and the
    /// residual safeguard lets an accelerated optimizer run into one.
    pub const TRAINING: Self = Self { frequency: 4, safeguard: Safeguard::Loss, ..Self::DEFAULT };

    /// [`Config::TRAINING`] behind a [`Gate`], for an optimizer that may be given mini-batches: of
    /// those the steps cannot be foretold, the gate stays shut, and what it costs stays below 1.4 % of
    /// the gradients (two losses, each 1/3 of one, in 48 steps). On all samples it opens after 48
    /// steps. With a history of 5 iterates.
    ///
    /// ```
    /// use aadl_core::anderson::{Anderson, Config};
    /// use aadl_core::optim::{Accelerated, Sgd, SgdConfig};
    /// use aadl_core::random::Random;
    /// // Gradients of 0.5 (x^2 + 30 y^2) at 200 steps, exact ones and ones that scatter.
    /// for scatter in [0.0, 1.0] {
    ///     let sgd = Sgd::new(SgdConfig { lr: 0.03, ..SgdConfig::DEFAULT }, [])?;
    ///     let mut optimizer =
    ///         Accelerated::new(sgd, Anderson::<2, 5, f64>::new(), Config::MINI_BATCH)?;
    ///     let (mut params, mut random) = ([1.0, 1.0], Random::new(1));
    ///     for _ in 0..200 {
    ///         let noise = [(); 2].map(|()| scatter * (random.uniform::<f64>() - 0.5));
    ///         let grad = [params[0] + noise[0], 30.0 * params[1] + noise[1]];
    ///         optimizer.step_with(&mut params, &grad, |p| {
    ///             0.5 * (p[0] * p[0] + 30.0 * p[1] * p[1]) + noise[0] * p[0] + noise[1] * p[1]
    ///         })?;
    ///     }
    ///     let stats = optimizer.accelerators().stats();
    ///     assert_eq!(stats.accelerated > 0, scatter == 0.0);
    ///     assert!(stats.loss <= 200 / 48);
    /// }
    /// # Ok::<(), aadl_core::Error>(())
    /// ```
    pub const MINI_BATCH: Self =
        Self { gate: Gate::Prediction { error: 0.1, patience: 48 }, ..Self::TRAINING };

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field out of range. NaN is out of every range.
    pub const fn validate(&self) -> Result<(), Error> {
        let growth_ok = match self.safeguard {
            Safeguard::Residual { growth } => growth > 0.0,
            Safeguard::None | Safeguard::Loss => true,
        };
        let error_ok = match self.gate {
            Gate::Prediction { error, .. } => error > 0.0,
            Gate::Open => true,
        };
        let checks = [
            check(
                self.relaxation > 0.0 && self.relaxation <= 1.0,
                "relaxation",
                "0 < relaxation <= 1",
            ),
            check(self.store_each_nth >= 1, "store_each_nth", "store_each_nth >= 1"),
            check(self.frequency >= 1, "frequency", "frequency >= 1"),
            self.regularization.validate(),
            check(growth_ok, "growth", "growth > 0"),
            check(error_ok, "error", "error > 0"),
            check(self.gamma_cap > 0.0, "gamma_cap", "gamma_cap > 0"),
            check(
                self.drop_tolerance >= 0.0 && self.drop_tolerance < 1.0,
                "drop_tolerance",
                "0 <= drop_tolerance < 1",
            ),
        ];
        crate::error::first(&checks)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
