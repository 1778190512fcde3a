//! L-BFGS with a line search, for comparison: the two-loop recursion (Nocedal & Wright, *Numerical
//! Optimization*, 2nd ed. 2006, algorithms 7.4 and 7.5), everything but the parameters in float64.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use aadl_core::Error;

use super::line_search::{Trial, search};

/// Settings of L-BFGS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lbfgs {
    /// Pairs kept, at least 1.
    pub pairs: usize,
    /// Iterations at most.
    pub iterations: u32,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LbfgsStop {
    /// The objective broke off.
    Ended,
    /// The gradient is zero, or the line search found nothing better.
    Stationary,
    /// The limit of iterations was reached.
    Limit,
}

/// A finished run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsRun {
    /// Why it ended.
    pub stop: LbfgsStop,
    /// Iterations done.
    pub iterations: u32,
    /// Evaluations of loss and gradient.
    pub evaluations: u32,
}

/// Cosine of the angle between step and change below which a pair says nothing about the curvature.
const CURVATURE: f64 = 1e-10;

/// A step, the change of the gradient along it, and their inner product.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

impl Lbfgs {
    /// Minimises from `x`, which becomes the best point found, or the one at which the run was broken
    /// off. `objective` returns the loss at its first argument and leaves the gradient in the second, or
    /// breaks off the run; a loss that is not finite shortens the step.
    ///
    /// # Errors
    /// [`Error::Config`] of `pairs`; [`Error::Length`] of an empty `x`; [`Error::NonFinite`] of the
    /// loss and the gradient at the start.
    ///
    /// ```
    /// use aadl_host::optim::Lbfgs;
    /// use std::ops::ControlFlow;
    /// let mut x = [3.0f32, -1.0];
    /// Lbfgs { pairs: 10, iterations: 20 }.minimize(&mut x, |x, gradient| {
    ///     gradient.copy_from_slice(&[2.0 * x[0], 20.0 * x[1]]);
    ///     ControlFlow::Continue(x[0] * x[0] + 10.0 * x[1] * x[1])
    /// })?;
    /// assert!(x.iter().all(|x| x.abs() < 1e-6));
    /// # Ok::<(), aadl_core::Error>(())
    /// ```
    pub fn minimize(
        &self,
        x: &mut [f32],
        mut objective: impl FnMut(&[f32], &mut [f32]) -> ControlFlow<(), f32>,
    ) -> Result<LbfgsRun, Error> {
        if self.pairs == 0 {
            return Err(Error::Config { field: "pairs", requires: "pairs >= 1" });
        }
        if x.is_empty() {
            return Err(Error::Length { what: "x", expected: 1, found: 0 });
        }
        let mut run = LbfgsRun { stop: LbfgsStop::Ended, iterations: 0, evaluations: 0 };
        let mut evaluate = |x: &[f32], run: &mut LbfgsRun| {
            let mut gradient = vec![0.0; x.len()];
            let loss = objective(x, &mut gradient)?;
            run.evaluations += 1;
            let gradient: Vec<f64> = gradient.into_iter().map(f64::from).collect();
            ControlFlow::Continue((f64::from(loss), gradient))
        };
        let ControlFlow::Continue((mut loss, mut gradient)) = evaluate(x, &mut run) else {
            return Ok(run);
        };
        if !loss.is_finite() {
            return Err(Error::NonFinite { what: "loss", index: 0 });
        }
        if let Some(index) = gradient.iter().position(|g| !g.is_finite()) {
            return Err(Error::NonFinite { what: "gradient", index });
        }
        let mut pairs: VecDeque<Pair> = VecDeque::new();
        while run.iterations < self.iterations {
            let mut d = direction(&gradient, &pairs);
            let mut slope = dot(&d, &gradient);
            if !(slope < 0.0) {
                pairs.clear();
                d = gradient.iter().map(|g| -g).collect();
                slope = dot(&d, &gradient);
            }
            let first = if pairs.is_empty() { 1.0 / dot(&d, &d).sqrt().max(1.0) } else { 1.0 };
            if !(slope < 0.0) {
                run.stop = LbfgsStop::Stationary;
                return Ok(run);
            }
            let at = |step: f64| -> Vec<f32> {
                x.iter().zip(&d).map(|(x, d)| (f64::from(*x) + step * d) as f32).collect()
            };
            // The gradient at the point that the search returns, which need not be its last one.
            let mut seen: Vec<(f64, Vec<f64>)> = Vec::new();
            let mut tried = 0.0;
            let found = search(Trial { step: 0.0, loss, slope }, first, |step| {
                tried = step;
                let (loss, gradient) = evaluate(&at(step), &mut run)?;
                let trial = Trial { step, loss, slope: dot(&d, &gradient) };
                seen.push((step, gradient));
                ControlFlow::Continue(trial)
            });
            let ControlFlow::Continue(found) = found else {
                let point = at(tried);
                x.copy_from_slice(&point);
                return Ok(run);
            };
            let next = found.and_then(|trial| {
                let (_, gradient) = seen.into_iter().find(|(step, _)| *step == trial.step)?;
                Some((trial, gradient))
            });
            let Some((trial, new)) = next else {
                run.stop = LbfgsStop::Stationary;
                return Ok(run);
            };
            let point = at(trial.step);
            let differences = point.iter().zip(&*x).map(|(new, x)| f64::from(*new) - f64::from(*x));
            let step: Vec<f64> = differences.collect();
            let change: Vec<f64> = new.iter().zip(&gradient).map(|(new, g)| new - g).collect();
            let curvature = dot(&step, &change);
            if curvature > CURVATURE * (dot(&step, &step) * dot(&change, &change)).sqrt() {
                if pairs.len() == self.pairs {
                    pairs.pop_front();
                }
                pairs.push_back(Pair { step, change, curvature });
            }
            x.copy_from_slice(&point);
            (loss, gradient) = (trial.loss, new);
            run.iterations += 1;
        }
        run.stop = LbfgsStop::Limit;
        Ok(run)
    }
}

/// The two-loop recursion.
fn direction(gradient: &[f64], pairs: &VecDeque<Pair>) -> Vec<f64> {
    let mut d: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let alpha = dot(&pair.step, &d) / pair.curvature;
        add(&mut d, -alpha, &pair.change);
        alphas.push(alpha);
    }
    if let Some(newest) = pairs.back() {
        let scale = newest.curvature / dot(&newest.change, &newest.change);
        d.iter_mut().for_each(|d| *d *= scale);
    }
    for (pair, alpha) in pairs.iter().zip(alphas.iter().rev()) {
        let beta = dot(&pair.change, &d) / pair.curvature;
        add(&mut d, alpha - beta, &pair.step);
    }
    d
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(y: &mut [f64], a: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: Lbfgs = Lbfgs { pairs: 10, iterations: 200 };

    #[test]
    fn mistakes_and_minima() {
        let flat = |_: &[f32], gradient: &mut [f32]| {
            gradient.fill(0.0);
            ControlFlow::Continue(1.0)
        };
        let run = METHOD.minimize(&mut [1.0], flat).unwrap();
        assert_eq!((run.stop, run.evaluations), (LbfgsStop::Stationary, 1));
        assert!(Lbfgs { pairs: 0, ..METHOD }.minimize(&mut [1.0], flat).is_err());
        assert!(METHOD.minimize(&mut [], flat).is_err());
        let nan = |_: &[f32], _: &mut [f32]| ControlFlow::Continue(f32::NAN);
        assert!(matches!(METHOD.minimize(&mut [1.0], nan), Err(Error::NonFinite { .. })));
        let nowhere = |_: &[f32], gradient: &mut [f32]| {
            gradient.fill(f32::NAN);
            ControlFlow::Continue(1.0)
        };
        assert!(matches!(METHOD.minimize(&mut [1.0], nowhere), Err(Error::NonFinite { .. })));
    }

    /// `1/2 sum_i 2^i x_i^2`, times a factor; breaks off at a loss.
    fn evaluations(factor: f32, target: f32) -> (u32, [f32; 8]) {
        let mut x = [1.0f32; 8];
        let run = METHOD.minimize(&mut x, |x, gradient| {
            let mut loss = 0.0;
            for (i, (x, g)) in x.iter().zip(gradient).enumerate() {
                *g = factor * (1 << i) as f32 * x;
                loss += 0.5 * *g * x;
            }
            if loss <= target { ControlFlow::Break(()) } else { ControlFlow::Continue(loss) }
        });
        (run.unwrap().evaluations, x)
    }

    #[test]
    fn pairs_have_no_unit() {
        let (expected, _) = evaluations(1.0, 1e-6);
        for exponent in [20, 40, 60] {
            let factor = 2f32.powi(exponent);
            // The first step has the norm 1.
            assert!(evaluations(factor, factor * 1e-6).0.abs_diff(expected) <= 1, "{exponent}");
        }
    }

    #[test]
    fn the_point_at_which_a_run_was_broken_off_is_not_lost() {
        let (_, x) = evaluations(1.0, 1e-3);
        let loss: f32 = (0..8).map(|i| 0.5 * (1 << i) as f32 * x[i] * x[i]).sum();
        assert!(loss <= 1e-3, "{loss}");
    }
}
