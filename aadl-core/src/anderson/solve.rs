//! A fixed-point loop.

use crate::anderson::{AndersonMut, Config, Reason, Step};
use crate::error::Error;
use crate::kernels::Kernels;
use crate::real::Real;

/// Why [`solve`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stop {
    /// The residual norm is at most the tolerance.
    Converged,
    /// The limit of map evaluations was reached.
    Limit,
    /// The map gave NaN or an infinity, and not because of an acceleration.
    NonFinite,
}

/// What [`solve`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Solution {
    /// Why it stopped.
    pub stop: Stop,
    /// Evaluations of the map, those the safeguard cost included.
    pub evaluations: u32,
    /// `|| g(x) - x ||` of the last residual known (of `store_each_nth` steps of the map), NaN
    /// where none is.
    pub residual: f64,
}

/// Iterates `x = g(x)` with acceleration until `|| g(x) - x || <= tolerance` (Euclidean norm) or
/// `limit` evaluations of `g`, which replaces its argument. On [`Stop::Converged`], `x` is the
/// map's value at the point with that residual; on [`Stop::NonFinite`] what the map gave; on
/// [`Stop::Limit`] the last point, which may be an accelerated one that no residual has confirmed.
/// The history of before is forgotten first. While a [`super::Gate`] is shut no residual is known, so that
/// convergence is seen late: leave it open here.
///
/// # Errors
/// [`Error::Length`] and [`Error::NonFinite`] of `x`; [`Error::Config`], also for a tolerance that
/// is negative or NaN; [`Error::LossRequired`].
///
/// ```
/// use aadl_core::anderson::{Anderson, Config, Stop, solve};
/// // Kepler's equation E = M + e sin E, here with e = 0.9 and M = 0.3.
/// let mut accelerator = Anderson::<1, 5, f64>::new();
/// let mut x = [0.3];
/// let solution = solve(&mut accelerator.view(), &Config::DEFAULT, &mut x, 1e-12, 100, |x| {
///     x[0] = 0.3 + 0.9 * x[0].sin();
/// })?;
/// assert_eq!(solution.stop, Stop::Converged);
/// assert!(solution.evaluations < 20);
/// # Ok::<(), aadl_core::Error>(())
/// ```
pub fn solve<T: Real, K: Kernels>(
    accelerator: &mut AndersonMut<'_, T, K>,
    config: &Config,
    x: &mut [T],
    tolerance: f64,
    limit: u32,
    mut g: impl FnMut(&mut [T]),
) -> Result<Solution, Error> {
    accelerator.check(config, x.len(), false)?;
    if !(tolerance >= 0.0) {
        return Err(Error::Config { field: "tolerance", requires: "tolerance >= 0" });
    }
    accelerator.reset();
    accelerator.start(x)?;
    let mut solution = Solution { stop: Stop::Limit, evaluations: 0, residual: f64::NAN };
    while solution.evaluations < limit {
        g(x);
        solution.evaluations += 1;
        match accelerator.observe(config, x) {
            Step::Rejected(Reason::NonFiniteIterate) => {
                solution.stop = Stop::NonFinite;
                break;
            }
            Step::Stored => {}
            _ => continue,
        }
        if let Some(residual) = accelerator.residual_norm() {
            solution.residual = residual;
            if residual <= tolerance {
                solution.stop = Stop::Converged;
                break;
            }
        }
        let all = 0..x.len();
        accelerator.accelerate_if_due(config, x, all, None);
    }
    Ok(solution)
}
