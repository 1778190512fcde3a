//! A training run with every evaluation counted.
//!
//! Cost is counted in *evaluation equivalents*: one forward and backward pass over the whole
//! training set is 1, a forward pass alone 1/3, a mini-batch its share of the set. What is only
//! measured for the record (the loss after an epoch, the test accuracy) costs nothing.

use std::time::{Duration, Instant};

use aadl_core::anderson::{Config, Stats};
use aadl_core::average::Ema;
use aadl_core::multisecant;
use aadl_core::nn::{Init, Loss, Network, TILE, Targets};
use aadl_core::optim::{Accelerated, Optimizer};
use aadl_core::random::Random;
use aadl_core::{Error, Real};

use crate::data::{Dataset, Labels};
use crate::optim::Base;
use crate::owned::{AndersonVec, MultisecantVec};
use crate::simd::Fastest;

/// Forward passes that cost as much as one forward and backward pass.
const FORWARDS: u64 = 3;

/// What makes the steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// An optimizer.
    Plain(Base),
    /// An optimizer, accelerated with a history of this depth.
    Accelerated(Base, Config, usize),
    /// No learning rate: gradients and losses alone, with this many pairs in 16 bits. Only for all
    /// samples a step.
    Multisecant(multisecant::Config<'static>, usize),
}

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Method {
    /// What makes the steps.
    pub rule: Rule,
    /// Samples a step; none: all of them.
    pub batch: Option<usize>,
    /// Where the loss after an epoch of mini-batches is measured.
    pub evaluation: Evaluation,
    /// Evaluation equivalents to spend.
    pub budget: f64,
}

/// At which parameters a loss is measured; training goes on from the last step in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Evaluation {
    /// Those of the last step.
    #[default]
    Last,
    /// An exponential moving average over the steps with this decay, 0 to 1.
    Ema(f64),
    /// The mean over the steps of the epoch.
    EpochMean,
}

impl Evaluation {
    /// The decay of the average.
    const fn decay(self) -> Option<f64> {
        match self {
            Self::Last => None,
            Self::Ema(decay) => Some(decay),
            Self::EpochMean => Some(1.0),
        }
    }
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
    /// Wall time so far, shuffles included, measurements not.
    pub time: Duration,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// In order of cost.
    pub points: Vec<Point>,
    /// The parameters at the end.
    pub params: Vec<f32>,
    /// What the accelerator did, where there is one.
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

/// Trains `network`, on the [`Fastest`] kernels, on `set` from the parameters that `seed` makes.
/// `proceed` is called after each epoch with the cost so far; false ends the run.
///
/// # Errors
/// Those of the network and of the optimizers, for shapes and settings that do not fit. A loss or
/// gradient that overflows ends the run, and is no error: the last point has an infinite loss. (With
/// [`Rule::Multisecant`] only at the start: it takes such a step back.)
/// [`Error::Length`] of `samples` where the set has none, [`Error::Config`] of a `batch` that is not
/// all samples with [`Rule::Multisecant`].
pub fn train(
    network: &Network<'_>,
    loss: Loss,
    set: &Dataset,
    method: &Method,
    seed: u64,
    mut proceed: impl FnMut(f64) -> bool,
) -> Result<Run, Error> {
    if set.is_empty() {
        return Err(Error::Length { what: "samples", expected: 1, found: 0 });
    }
    let network = network.on::<Fastest>();
    let n = network.params();
    let mut random = Random::new(seed);
    let mut params = vec![0.0f32; n];
    network.init(Init::PYTORCH, &mut random, &mut params)?;
    let mut base = None;
    let mut stepper = Stepper::new(&method.rule, n, &mut base)?;
    let batch = method.batch.unwrap_or(set.len()).clamp(1, set.len());
    if batch < set.len() && matches!(method.rule, Rule::Multisecant(..)) {
        return Err(Error::Config { field: "batch", requires: "all samples, with Multisecant" });
    }
    let mut batches = Batches::new(set, batch);
    let (mut grad, mut scratch) = (vec![0.0; n], vec![0.0; network.scratch(TILE)]);
    let mut spare = scratch.clone();
    let mut average = Ema::new(vec![0.0f32; n]);

    let mut points = Vec::new();
    let mut now =
        Point { cost: 0.0, gradients: 0, losses: 0, loss: f64::NAN, time: Duration::ZERO };
    // In forward passes of one sample: whole numbers, whose sum has no rounding.
    let mut passes = 0;
    let cost = |passes: u64| passes as f64 / (FORWARDS * set.len() as u64) as f64;
    while now.cost < method.budget {
        let clock = Instant::now();
        batches.shuffle(&mut random);
        now.time += clock.elapsed();
        if method.evaluation == Evaluation::EpochMean {
            average.reset();
        }
        for (inputs, targets) in batches.get() {
            let samples = targets.len() as u64;
            let clock = Instant::now();
            stepper.ask(&mut params)?;
            let value =
                network.loss_and_gradient(loss, &params, inputs, targets, &mut grad, &mut scratch);
            now.gradients += 1;
            passes += FORWARDS * samples;
            now.cost = cost(passes);
            let value = overflow_is_infinite(value)?;
            if !value.is_finite() && !stepper.recovers() {
                return Ok(finish(points, now, params, stepper));
            }
            let seen = Point { time: now.time + clock.elapsed(), ..now };
            let mut losses = 0;
            let stepped = stepper.tell(&mut params, value, &mut grad, |params| {
                losses += 1;
                network.loss(loss, params, inputs, targets, &mut spare).unwrap_or(f32::INFINITY)
            });
            // Where the first loss of all is not finite, there are no parameters in force.
            if batch == set.len() && (value.is_finite() || stepped.is_ok()) {
                // The gradient brought the loss before the step, at the cost so far.
                points.push(Point { loss: stepper.loss(value).into(), ..seen });
            }
            let averaged = method.evaluation.decay().map_or(Ok(()), |d| average.push(&params, d));
            now.losses += losses;
            passes += u64::from(losses) * samples;
            now.cost = cost(passes);
            now.time += clock.elapsed();
            match stepped.and(averaged) {
                Err(Error::NonFinite { .. }) => return Ok(finish(points, now, params, stepper)),
                done => done?,
            }
        }
        if batch < set.len() {
            let at = average.mean().unwrap_or(&params);
            let value = network.loss(loss, at, &set.inputs, set.targets(), &mut spare);
            points.push(Point { loss: overflow_is_infinite(value)?.into(), ..now });
        }
        if !proceed(now.cost) {
            break;
        }
    }
    Ok(Run { points, params, stats: stepper.stats() })
}

/// The end of a run that overflowed.
fn finish(mut points: Vec<Point>, now: Point, params: Vec<f32>, mut stepper: Stepper<'_>) -> Run {
    points.push(Point { loss: f64::INFINITY, ..now });
    Run { points, params, stats: stepper.stats() }
}

fn overflow_is_infinite<T: Real>(loss: Result<T, Error>) -> Result<T, Error> {
    match loss {
        Err(Error::NonFinite { .. }) => Ok(T::from_f64(f64::INFINITY)),
        loss => loss,
    }
}

/// A [`Rule`] with its state.
enum Stepper<'a> {
    Plain(&'a mut dyn Optimizer<f32>),
    Accelerated(Box<Accelerated<&'a mut dyn Optimizer<f32>, AndersonVec<f32>>>),
    Multisecant(multisecant::Config<'static>, Box<MultisecantVec>),
}

impl<'a> Stepper<'a> {
    /// An optimizer, if there is one, is built in `base`.
    fn new(
        rule: &Rule,
        params: usize,
        base: &'a mut Option<Box<dyn Optimizer<f32>>>,
    ) -> Result<Self, Error> {
        Ok(match *rule {
            Rule::Plain(plain) => Self::Plain(&mut **base.insert(plain.build(params)?)),
            Rule::Accelerated(plain, config, depth) => {
                let base: &mut dyn Optimizer<f32> = &mut **base.insert(plain.build(params)?);
                let accelerator = AndersonVec::new(params, depth)?;
                Self::Accelerated(Box::new(Accelerated::new(base, accelerator, config)?))
            }
            Rule::Multisecant(config, pairs) => {
                Self::Multisecant(config, Box::new(MultisecantVec::new(params, pairs)?))
            }
        })
    }

    /// Whether a loss that is not finite, but for the first, is taken back.
    fn recovers(&self) -> bool {
        matches!(self, Self::Multisecant(..))
    }

    /// Moves `params` to where to evaluate, if that is not where they are.
    fn ask(&mut self, params: &mut [f32]) -> Result<(), Error> {
        match self {
            Self::Plain(_) | Self::Accelerated(_) => Ok(()),
            Self::Multisecant(config, engine) => engine.view().ask(config, params).map(drop),
        }
    }

    /// Leaves in `params` what was made of them by their loss and gradient.
    fn tell(
        &mut self,
        params: &mut [f32],
        value: f32,
        grad: &mut [f32],
        loss: impl FnMut(&[f32]) -> f32,
    ) -> Result<(), Error> {
        match self {
            Self::Plain(base) => base.step(params, grad).map(drop),
            Self::Accelerated(accelerated) => accelerated.step_with(params, grad, loss).map(drop),
            Self::Multisecant(config, engine) => {
                engine.view().tell(config, params, value, grad).map(drop)
            }
        }
    }

    /// The loss of the parameters in force, where that of those evaluated is `value`: another where
    /// they were taken back.
    fn loss(&mut self, value: f32) -> f32 {
        match self {
            Self::Plain(_) | Self::Accelerated(_) => value,
            Self::Multisecant(_, engine) => engine.view().state().loss().unwrap_or(value),
        }
    }

    fn stats(&mut self) -> Stats {
        match self {
            Self::Plain(_) | Self::Multisecant(..) => Stats::ZERO,
            Self::Accelerated(accelerated) => *accelerated.accelerators_mut().view().stats(),
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
                Labels::Classes { classes, .. } => {
                    Targets::Classes(classes.get(range).unwrap_or_default())
                }
                Labels::Values(values) => Targets::Values(values.get(range).unwrap_or_default()),
            };
            (inputs, targets)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Task;
    use aadl_core::nn::{Activation, Layer};
    use aadl_core::optim::SgdConfig;

    const LAYERS: [Layer; 2] =
        [Layer::dense(2, 3, Activation::Tanh), Layer::dense(3, 1, Activation::Identity)];

    /// Five samples: batches of two have shares of 2/5, 2/5 and 1/5.
    fn set() -> Dataset {
        Dataset::parse("t", "0,0,0\n0,1,1\n1,0,1\n1,1,0\n2,1,1\n", Task::Regress).unwrap()
    }

    fn run(lr: f64, acceleration: Option<(Config, usize)>, batch: usize, budget: f64) -> Run {
        let base = Base::Sgd(SgdConfig { lr, ..SgdConfig::DEFAULT });
        let rule = match acceleration {
            None => Rule::Plain(base),
            Some((config, depth)) => Rule::Accelerated(base, config, depth),
        };
        let evaluation = Evaluation::Last;
        let method = Method { rule, batch: Some(batch), evaluation, budget };
        let network: Network<'_> = Network::new(&LAYERS).unwrap();
        train(&network, Loss::MeanSquares, &set(), &method, 1, |_| true).unwrap()
    }

    #[test]
    fn full_batches_cost_one_a_gradient() {
        let run = run(0.1, None, 5, 3.0);
        let counts: Vec<_> = run.points.iter().map(|p| (p.cost, p.gradients, p.losses)).collect();
        assert_eq!(counts, [(1.0, 1, 0), (2.0, 2, 0), (3.0, 3, 0)]);
        // The loss of a point is that before its step: the first is that of the initial parameters.
        let network: Network<'_> = Network::new(&LAYERS).unwrap();
        let mut params = vec![0.0; network.params()];
        network.init(Init::PYTORCH, &mut Random::new(1), &mut params).unwrap();
        let mut scratch = vec![0.0; network.scratch(5)];
        let set = set();
        let loss: f32 = network
            .loss(Loss::MeanSquares, &params, &set.inputs, set.targets(), &mut scratch)
            .unwrap();
        assert_eq!(run.points[0].loss, f64::from(loss));
        assert!(run.points[2].loss < run.points[0].loss);
        assert_eq!(run.reached(run.points[1].loss), Some(&run.points[1]));
        assert_eq!(run.reached(0.0), None);
        assert_eq!((run.loss_at(0.9), run.loss_at(2.5)), (None, Some(run.points[1].loss)));
    }

    #[test]
    fn mini_batches_cost_their_share() {
        let run = run(0.1, None, 2, 30.0);
        assert_eq!(run.points.len(), 30);
        for (epoch, point) in (1u32..).zip(&run.points) {
            assert_eq!((point.gradients, point.losses), (3 * epoch, 0));
            assert_eq!(point.cost, f64::from(epoch));
        }
    }

    #[test]
    fn the_safeguard_is_counted() {
        for (batch, shares) in [(5, &[1.0][..]), (2, &[0.4, 0.4, 0.2])] {
            let run = run(0.1, Some((Config::TRAINING, 5)), batch, 40.0);
            let last = run.points.last().unwrap();
            assert!(run.stats.accelerated > 0 && last.losses > 0);
            // What the last step evaluates comes after the last point of full batches.
            assert!(run.stats.loss_evaluations - last.losses <= 2);
            assert_eq!(run.stats.steps, last.gradients);
            // Two losses, at the plain and the accelerated point, at steps 8, 12, 16, ...
            let mut expected = 0.0;
            let mut losses = 0;
            for step in 1..=last.gradients as usize {
                let share = shares[(step - 1) % shares.len()];
                expected += share;
                if step % 4 == 0 && losses < last.losses {
                    losses += 2;
                    expected += 2.0 * share / 3.0;
                }
            }
            assert_eq!(losses, last.losses);
            assert!((last.cost - expected).abs() < 1e-9, "{} {expected}", last.cost);
        }
    }

    /// Averages change where a loss is measured, and neither the steps nor what they cost.
    #[test]
    fn averages_are_for_evaluation() {
        let base = Base::Sgd(SgdConfig { lr: 0.3, ..SgdConfig::DEFAULT });
        let network: Network<'_> = Network::new(&LAYERS).unwrap();
        let run = |evaluation, epochs: f64| {
            let method =
                Method { rule: Rule::Plain(base), batch: Some(2), evaluation, budget: epochs };
            train(&network, Loss::MeanSquares, &set(), &method, 1, |_| true).unwrap()
        };
        let last = run(Evaluation::Last, 8.0);
        for evaluation in [Evaluation::Ema(0.5), Evaluation::Ema(1.0), Evaluation::EpochMean] {
            let run = run(evaluation, 8.0);
            assert_eq!(run.params, last.params);
            for (a, b) in run.points.iter().zip(&last.points) {
                assert_eq!((a.cost, a.gradients), (b.cost, b.gradients));
                assert_ne!(a.loss, b.loss);
            }
        }
        // Of the last alone it is the same; and all of the first epoch are its mean.
        let losses = |run: &Run| run.points.iter().map(|point| point.loss).collect::<Vec<_>>();
        assert_eq!(losses(&run(Evaluation::Ema(0.0), 1.0)), losses(&run(Evaluation::Last, 1.0)));
        let first = losses(&run(Evaluation::EpochMean, 2.0));
        let all = losses(&run(Evaluation::Ema(1.0), 2.0));
        assert_eq!(first[0], all[0]);
        assert_ne!(first[1], all[1]);
    }

    #[test]
    fn a_start_that_overflows_ends_the_run_with_one_infinite_loss() {
        let mut set = set();
        set.inputs.fill(f32::MAX);
        let network: Network<'_> = Network::new(&LAYERS).unwrap();
        for rule in [
            Rule::Plain(Base::Sgd(SgdConfig::DEFAULT)),
            Rule::Multisecant(multisecant::Config::DEFAULT, 5),
        ] {
            let evaluation = Evaluation::Last;
            let method = Method { rule, batch: None, evaluation, budget: 9.0 };
            let labels = Labels::Values(vec![f32::MAX; 5]);
            let set = Dataset { labels, ..set.clone() };
            let run = train(&network, Loss::MeanSquares, &set, &method, 1, |_| true).unwrap();
            let losses: Vec<f64> = run.points.iter().map(|point| point.loss).collect();
            assert_eq!(losses, [f64::INFINITY], "{rule:?}");
        }
    }

    #[test]
    fn an_overflow_ends_the_run_with_one_infinite_loss() {
        for batch in [5, 2] {
            let run = run(1e30, None, batch, 100.0);
            let (last, before) = run.points.split_last().unwrap();
            assert_eq!(last.loss, f64::INFINITY);
            assert!(last.cost < 10.0 && before.iter().all(|point| point.loss.is_finite()));
        }
    }

    #[test]
    fn what_cannot_be_trained_on_is_an_error() {
        let rule = Rule::Plain(Base::Sgd(SgdConfig::DEFAULT));
        let (batch, evaluation) = (Some(1), Evaluation::Last);
        let method = Method { rule, batch, evaluation, budget: 2.0 };
        let network: Network<'_> = Network::new(&LAYERS).unwrap();
        let attempt = |set: &Dataset| {
            train(&network, Loss::MeanSquares, set, &method, 1, |_| true)
                .map(|run| run.points.len())
        };
        assert_eq!(attempt(&set()), Ok(2));
        let empty = Dataset { inputs: vec![], labels: Labels::Values(vec![]), ..set() };
        assert_eq!(attempt(&empty), Err(Error::Length { what: "samples", expected: 1, found: 0 }));
        let torn = Dataset { labels: Labels::Values(vec![1.0; 2]), ..set() };
        assert!(matches!(attempt(&torn), Err(Error::Length { .. })));
    }

    #[test]
    fn no_learning_rate_is_needed() {
        let network: Network<'_> = Network::new(&LAYERS).unwrap();
        let rule = Rule::Multisecant(multisecant::Config::DEFAULT, 5);
        let method = Method { rule, batch: None, evaluation: Evaluation::Last, budget: 60.0 };
        let learn =
            |method, seed| train(&network, Loss::MeanSquares, &set(), method, seed, |_| true);
        let descent = run(0.1, None, 5, 60.0);
        let limit = 0.1 * descent.points.last().unwrap().loss;
        // From some seeds there is another minimum, for L-BFGS alone from more.
        let good = |seed: &u64| learn(&method, *seed).unwrap().points.last().unwrap().loss < limit;
        let count = (0..100).filter(good).count();
        assert!(count >= 65, "{count}");
        let found = learn(&method, 1).unwrap();
        let last = found.points.last().unwrap();
        assert_eq!((last.cost, last.gradients, last.losses), (60.0, 60, 0));
        // What is left in the end is the point accepted last, not one that was only tried.
        let mut scratch = vec![0.0; network.scratch(5)];
        let set = set();
        let end: f32 = network
            .loss(Loss::MeanSquares, &found.params, &set.inputs, set.targets(), &mut scratch)
            .unwrap();
        assert_eq!(last.loss, f64::from(end));
        assert!(matches!(
            learn(&Method { batch: Some(2), ..method }, 1),
            Err(Error::Config { field: "batch", .. })
        ));
    }
}
