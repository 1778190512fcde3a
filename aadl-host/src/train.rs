//! A training run with every evaluation counted.
//!
//! Cost is counted in *evaluation equivalents*: one forward and backward pass over the whole
//! training set is 1, a forward pass alone 1/3, a mini-batch its share of the set. What is only
//! measured for the record (the loss after an epoch, the test accuracy) costs nothing.

use std::time::{Duration, Instant};

use aadl_core::anderson::{Config, Stats};
use aadl_core::nn::{Init, Loss, Network, Targets};
use aadl_core::optim::{Accelerated, Optimizer, Update};
use aadl_core::random::Random;
use aadl_core::{Error, Real};

use crate::data::{Dataset, Labels};
use crate::optim::Base;
use crate::owned::AndersonVec;

/// Cost of a forward pass, in evaluation equivalents.
pub const FORWARD: f64 = 1.0 / 3.0;

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Method {
    /// The optimizer.
    pub base: Base,
    /// Acceleration of it, with this depth of history.
    pub acceleration: Option<(Config, usize)>,
    /// Samples a step; none: all of them.
    pub batch: Option<usize>,
    /// Evaluation equivalents to spend.
    pub budget: f64,
}

/// The state of a run at the end of an epoch (with all samples a step: of a step).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Evaluation equivalents so far.
    pub cost: f64,
    /// Gradient evaluations so far, of batches.
    pub gradients: u32,
    /// Loss evaluations of the safeguard so far, of batches.
    pub losses: u32,
    /// Mean loss over the training set; infinite where it overflowed.
    pub loss: f64,
    /// Wall time so far, without the measurements.
    pub time: Duration,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// In order of cost.
    pub points: Vec<Point>,
    /// The parameters at the end.
    pub params: Vec<f32>,
    /// What the accelerator did.
    pub stats: Stats,
}

impl Run {
    /// The first point with at most this loss.
    pub fn reached(&self, loss: f64) -> Option<&Point> {
        self.points.iter().find(|point| point.loss <= loss)
    }

    /// The loss when `cost` had been spent: that of the last point before.
    pub fn loss_at(&self, cost: f64) -> Option<f64> {
        self.points.iter().take_while(|point| point.cost <= cost).last().map(|point| point.loss)
    }
}

/// Trains `network` on `set` from the parameters that `seed` makes. `proceed` is called after each
/// epoch with the cost so far; false ends the run.
///
/// # Errors
/// Those of the network and of the optimizers, for shapes and settings that do not fit. A loss or
/// gradient that overflows ends the run, and is no error: the last point has an infinite loss.
pub fn train(
    network: &Network<'_>,
    loss: Loss,
    set: &Dataset,
    method: &Method,
    seed: u64,
    mut proceed: impl FnMut(f64) -> bool,
) -> Result<Run, Error> {
    let n = network.params();
    let mut random = Random::new(seed);
    let mut params = vec![0.0f32; n];
    network.init(Init::PYTORCH, &mut random, &mut params)?;
    let mut base = method.base.build(n)?;
    let mut optimizer = Stepper::new(&mut *base, method.acceleration, n)?;
    let batch = method.batch.unwrap_or(set.len()).clamp(1, set.len().max(1));
    let mut batches = Batches::new(set, batch);
    let (mut grad, mut scratch) = (vec![0.0; n], vec![0.0; network.scratch(64)]);
    let mut spare = scratch.clone();

    let mut points = Vec::new();
    let mut now =
        Point { cost: 0.0, gradients: 0, losses: 0, loss: f64::NAN, time: Duration::ZERO };
    while now.cost < method.budget {
        batches.shuffle(&mut random);
        for (inputs, targets) in batches.get() {
            let share = inputs.len() as f64 / set.inputs.len() as f64;
            let clock = Instant::now();
            let value =
                network.loss_and_gradient(loss, &params, inputs, targets, &mut grad, &mut scratch);
            now.gradients += 1;
            now.cost += share;
            let value = overflow_is_infinite(value)?;
            if batch == set.len() {
                // The gradient brought the loss before the step, at the cost so far.
                points.push(Point { loss: value.into(), time: now.time + clock.elapsed(), ..now });
            }
            if !value.is_finite() {
                return Ok(finish(points, now, params, optimizer));
            }
            let mut losses = 0;
            let stepped = optimizer.step(&mut params, &grad, |params| {
                losses += 1;
                network.loss(loss, params, inputs, targets, &mut spare).unwrap_or(f32::INFINITY)
            });
            now.losses += losses;
            now.cost += f64::from(losses) * share * FORWARD;
            now.time += clock.elapsed();
            match stepped {
                Err(Error::NonFinite { .. }) => return Ok(finish(points, now, params, optimizer)),
                stepped => stepped?,
            };
        }
        if batch < set.len() {
            let value = network.loss(loss, &params, &set.inputs, set.targets(), &mut spare);
            points.push(Point { loss: overflow_is_infinite(value)?.into(), ..now });
        }
        if !proceed(now.cost) {
            break;
        }
    }
    Ok(Run { points, params, stats: optimizer.stats() })
}

/// The end of a run that overflowed.
fn finish(mut points: Vec<Point>, now: Point, params: Vec<f32>, mut optimizer: Stepper<'_>) -> Run {
    points.push(Point { loss: f64::INFINITY, ..now });
    Run { points, params, stats: optimizer.stats() }
}

fn overflow_is_infinite<T: Real>(loss: Result<T, Error>) -> Result<T, Error> {
    match loss {
        Err(Error::NonFinite { .. }) => Ok(T::from_f64(f64::INFINITY)),
        loss => loss,
    }
}

/// The optimizer of a [`Method`], accelerated or not.
enum Stepper<'a> {
    Plain(&'a mut dyn Optimizer<f32>),
    Accelerated(Box<Accelerated<&'a mut dyn Optimizer<f32>, AndersonVec<f32>>>),
}

impl<'a> Stepper<'a> {
    fn new(
        base: &'a mut dyn Optimizer<f32>,
        acceleration: Option<(Config, usize)>,
        params: usize,
    ) -> Result<Self, Error> {
        Ok(match acceleration {
            None => Self::Plain(base),
            Some((config, depth)) => {
                let accelerator = AndersonVec::new(params, depth)?;
                Self::Accelerated(Box::new(Accelerated::new(base, accelerator, config)?))
            }
        })
    }

    fn step(
        &mut self,
        params: &mut [f32],
        grad: &[f32],
        loss: impl FnMut(&[f32]) -> f32,
    ) -> Result<Update, Error> {
        match self {
            Self::Plain(base) => base.step(params, grad),
            Self::Accelerated(accelerated) => accelerated.step_with(params, grad, loss),
        }
    }

    fn stats(&mut self) -> Stats {
        match self {
            Self::Plain(_) => Stats::ZERO,
            Self::Accelerated(accelerated) => *accelerated.accelerators().view().stats(),
        }
    }
}

/// The batches of an epoch, as copies in the order of a shuffle.
struct Batches<'a> {
    set: &'a Dataset,
    size: usize,
    /// Nothing where one batch is the whole set, in its own order.
    shuffled: Option<Dataset>,
}

impl<'a> Batches<'a> {
    fn new(set: &'a Dataset, size: usize) -> Self {
        Self { set, size, shuffled: None }
    }

    fn shuffle(&mut self, random: &mut Random) {
        if self.size < self.set.len() {
            self.shuffled = Some(self.set.shuffled(random));
        }
    }

    fn get(&self) -> impl Iterator<Item = (&[f32], Targets<'_>)> {
        let set = self.shuffled.as_ref().unwrap_or(self.set);
        let rows = set.inputs.chunks(self.size.saturating_mul(set.features).max(1));
        rows.enumerate().map(|(index, inputs)| {
            let start = index * self.size;
            let range = start..(start + self.size).min(set.len());
            let targets = match &set.labels {
                Labels::Classes { classes, .. } => Targets::Classes(&classes[range]),
                Labels::Values(values) => Targets::Values(&values[range]),
            };
            (inputs, targets)
        })
    }
}
