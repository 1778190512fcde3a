//! Fixed-point maps: evaluations until the residual has fallen by a given factor.
//!
//! Every map is computed in float64. In the runs in float32 its argument and its value are rounded,
//! and so is all that the accelerator stores.

use aadl_core::anderson::{Config, Stop, solve};
use aadl_core::optim::SgdConfig;
use aadl_core::{Error, Real};
use aadl_host::compat::{Aadl, Settings};
use aadl_host::optim::Base;
use aadl_host::owned::AndersonVec;

/// Evaluations after which a run has failed.
pub const LIMIT: u32 = 20_000;
/// What is left of the residual, in float64.
pub const TOLERANCE: f64 = 1e-6;
/// The same in float32, whose iterates cannot all tell smaller residuals from rounding.
pub const TOLERANCE_F32: f64 = 1e-4;

type Function<T> = Box<dyn Fn(&[f64]) -> T + Sync>;

/// A fixed-point map with a start.
pub struct Map {
    /// Where the iteration begins.
    pub start: Vec<f64>,
    /// The map.
    pub map: Function<Vec<f64>>,
    /// What it minimises, where it minimises anything.
    pub loss: Option<Function<f64>>,
}

/// How to iterate.
#[derive(Clone, Copy, Debug)]
pub enum Iteration {
    /// The map alone.
    Plain,
    /// Accelerated with [`Config::DEFAULT`] and this many iterates.
    Accelerated(usize),
    /// The same in float32.
    AcceleratedF32(usize),
    /// The map alone in float32.
    PlainF32,
    /// In AADL-compatible mode.
    Compatible(Settings),
}

impl Map {
    /// Evaluations of the map to the tolerance; infinite where it was not reached. A loss counts
    /// 1/3.
    ///
    /// # Errors
    /// Those of settings out of range.
    pub fn cost(&self, iteration: Iteration) -> Result<f64, Error> {
        match iteration {
            Iteration::Plain => Ok(self.plain::<f64>(TOLERANCE)),
            Iteration::PlainF32 => Ok(self.plain::<f32>(TOLERANCE_F32)),
            Iteration::Accelerated(depth) => self.accelerated::<f64>(depth, TOLERANCE),
            Iteration::AcceleratedF32(depth) => self.accelerated::<f32>(depth, TOLERANCE_F32),
            Iteration::Compatible(settings) => self.compatible(settings),
        }
    }

    fn residual(&self, x: &[f64]) -> Vec<f64> {
        (self.map)(x).iter().zip(x).map(|(g, x)| g - x).collect()
    }

    /// The largest residual norm that counts as converged.
    fn tolerance(&self, relative: f64) -> f64 {
        relative * norm(&self.residual(&self.start))
    }

    fn apply<T: Real>(&self, x: &mut [T]) {
        let wide: Vec<f64> = x.iter().map(|x| x.to_f64()).collect();
        for (x, g) in x.iter_mut().zip((self.map)(&wide)) {
            *x = T::from_f64(g);
        }
    }

    fn plain<T: Real>(&self, relative: f64) -> f64 {
        let tolerance = self.tolerance(relative);
        let mut x: Vec<T> = self.start.iter().map(|x| T::from_f64(*x)).collect();
        let converged = (1..=LIMIT).find(|_| {
            let before = x.clone();
            self.apply(&mut x);
            let steps = x.iter().zip(&before).map(|(x, before)| x.to_f64() - before.to_f64());
            norm(&steps.collect::<Vec<_>>()) <= tolerance
        });
        converged.map_or(f64::INFINITY, f64::from)
    }

    fn accelerated<T: Real>(&self, depth: usize, relative: f64) -> Result<f64, Error> {
        let mut accelerator = AndersonVec::<T>::new(self.start.len(), depth)?;
        let mut x: Vec<T> = self.start.iter().map(|x| T::from_f64(*x)).collect();
        let (config, tolerance) = (&Config::DEFAULT, self.tolerance(relative));
        let map = |x: &mut [T]| self.apply(x);
        let solution = solve(&mut accelerator.view(), config, &mut x, tolerance, LIMIT, map)?;
        Ok(match solution.stop {
            Stop::Converged => solution.evaluations.into(),
            Stop::Limit | Stop::NonFinite => f64::INFINITY,
        })
    }

    /// The map as gradient descent with learning rate 1 on `x - g(x)`.
    fn compatible(&self, settings: Settings) -> Result<f64, Error> {
        let n = self.start.len();
        let descent = Base::Sgd(SgdConfig { lr: 1.0, ..SgdConfig::DEFAULT }).build(n)?;
        let mut aadl = Aadl::new(settings, vec![(0..n, descent)])?;
        let tolerance = self.tolerance(TOLERANCE);
        let (mut x, mut thirds) = (self.start.clone(), 0);
        while thirds < 3 * LIMIT {
            thirds += 3;
            let residual = self.residual(&x);
            if norm(&residual) <= tolerance {
                return Ok(f64::from(thirds) / 3.0);
            }
            let gradient: Vec<f64> = residual.iter().map(|r| -r).collect();
            // AADL accepts a point if a loss fell. A map that minimises nothing lends it the norm of
            // its residual, which costs a whole evaluation: without a closure AADL does far worse.
            let mut counted = |x: &[f64]| match &self.loss {
                Some(loss) => {
                    thirds += 1;
                    loss(x)
                }
                None => {
                    thirds += 3;
                    norm(&self.residual(x))
                }
            };
            let stepped = aadl.step(&mut x, &gradient, Some(&mut counted));
            // AADL looks for no overflow; the next step finds it.
            if matches!(stepped, Err(Error::NonFinite { .. })) {
                break;
            }
            stepped?;
        }
        Ok(f64::INFINITY)
    }
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::map_problems::{NAMES, problem};
    use crate::suite::rivals::compatible_settings;

    #[test]
    fn every_map_has_a_fixed_point_that_acceleration_finds_sooner() {
        for name in NAMES {
            let map = problem(name, 1).unwrap().unwrap();
            let accelerated = map.cost(Iteration::Accelerated(11)).unwrap();
            let plain = map.cost(Iteration::Plain).unwrap();
            assert!(
                accelerated < plain && accelerated.is_finite(),
                "{name}: {accelerated} {plain}"
            );
        }
    }

    /// The step of a map that descends is against the gradient of its loss.
    #[test]
    fn maps_lower_their_losses() {
        for name in NAMES {
            let map = problem(name, 2).unwrap().unwrap();
            let Some(loss) = &map.loss else { continue };
            let mut x = map.start.clone();
            for _ in 0..5 {
                let next = (map.map)(&x);
                assert!(loss(&next) < loss(&x), "{name}");
                x = next;
            }
        }
    }

    #[test]
    fn losses_of_aadl_count_a_third() {
        // Contracts by 1/2: the residual 2^-k is at most 1e-6 first at k = 20.
        let halves = || Map {
            start: vec![2.0],
            map: Box::new(|x| vec![0.5 * x[0]]),
            loss: Some(Box::new(|x| x[0] * x[0])),
        };
        let settings = compatible_settings(&[6], &[1], &[0.0]);
        let never = Settings { wait_iterations: 99, ..settings[0] };
        assert_eq!(halves().cost(Iteration::Plain).unwrap(), 21.0);
        assert_eq!(halves().cost(Iteration::Compatible(never)).unwrap(), 21.0);
        let often = Settings { wait_iterations: 1, ..never };
        let cost = halves().cost(Iteration::Compatible(often)).unwrap();
        assert!(cost.fract() != 0.0 && cost < 10.0, "{cost}");
    }
}
