//! A sensor calibrates itself while it runs: readings arrive one by one, a bounded buffer keeps the
//! last 32, and after every 16 a small network makes as many steps on the buffer, plainly and
//! accelerated. Half-way the sensor's gain and offset drift. Nothing is allocated: the buffers are
//! `heapless`, all else are arrays, as on a device.
//!
//! Other readings make another loss, and residuals of another map: the history is forgotten when
//! the buffer has changed.
//!
//! `cargo run --release -p aadl-core --example stream`

use aadl_core::Error;
use aadl_core::anderson::{Anderson, Config};
use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::optim::{Accelerated, Optimizer, Sgd, SgdConfig};
use aadl_core::random::Random;
use heapless::HistoryBuf;

const NET: Network = match Network::new(&[
    Layer::dense(2, 8, Activation::Tanh),
    Layer::dense(8, 1, Activation::Identity),
]) {
    Ok(net) => net,
    Err(_) => panic!("the layers do not fit together"),
};
const N: usize = NET.params();
const KEPT: usize = 32;
const READINGS: usize = 800;
/// Readings, and steps, between two changes of the buffer that training sees.
const ROUND: usize = 16;

/// What the sensor shows, and its temperature, for a true value of -1 to 1.
fn reading(truth: f32, temperature: f32, drifted: bool) -> [f32; 2] {
    let (gain, offset) = if drifted { (0.7, 0.2) } else { (1.0, 0.0) };
    let raw = gain * truth * (1.0 + 0.3 * temperature) + 0.2 * truth * truth * truth + offset;
    [raw, temperature]
}

/// A trainer on the readings kept, with or without acceleration.
struct Calibration<O> {
    params: [f32; N],
    optimizer: O,
    inputs: HistoryBuf<[f32; 2], KEPT>,
    truths: HistoryBuf<f32, KEPT>,
}

/// A step from a gradient, with the loss for those who ask for it.
type Step<O> = fn(&mut O, &mut [f32], &[f32], &mut dyn FnMut(&[f32]) -> f32) -> Result<(), Error>;

impl<O> Calibration<O> {
    fn new(optimizer: O) -> Result<Self, Error> {
        let mut params = [0.0; N];
        NET.init(Init::PYTORCH, &mut Random::new(3), &mut params)?;
        let (inputs, truths) = (HistoryBuf::new(), HistoryBuf::new());
        Ok(Self { params, optimizer, inputs, truths })
    }

    /// One step on all readings that are kept.
    fn train(&mut self, step: Step<O>) -> Result<(), Error> {
        // The order of the samples in the buffer does not matter to a full batch.
        let inputs = self.inputs.as_slice().as_flattened();
        let targets = Targets::Values(self.truths.as_slice());
        let (mut grad, mut scratch) = ([0.0; N], [0.0; NET.scratch(4)]);
        let mut spare = [0.0; NET.scratch(4)];
        let kind = Loss::MeanSquares;
        NET.loss_and_gradient(kind, &self.params, inputs, targets, &mut grad, &mut scratch)?;
        step(&mut self.optimizer, &mut self.params, &grad, &mut |params| {
            NET.loss(kind, params, inputs, targets, &mut spare).unwrap_or(f32::INFINITY)
        })
    }

    /// Root mean square of the error over a grid of true values and temperatures.
    fn error(&self, drifted: bool) -> Result<f32, Error> {
        let mut sum = 0.0;
        for i in 0..100 {
            let (truth, temperature) = ((i % 10) as f32 / 4.5 - 1.0, (i / 10) as f32 / 9.0);
            let (mut out, mut scratch) = ([0.0], [0.0; NET.scratch(1)]);
            let input = reading(truth, temperature, drifted);
            NET.predict(&self.params, &input, &mut out, &mut scratch)?;
            sum += (out[0] - truth) * (out[0] - truth);
        }
        Ok(aadl_core::math::sqrt(sum / 100.0))
    }
}

fn main() -> Result<(), Error> {
    let sgd = || Sgd::new(SgdConfig { lr: 0.2, ..SgdConfig::DEFAULT }, []);
    let mut plain = Calibration::new(sgd()?)?;
    let accelerated = Accelerated::new(sgd()?, Anderson::<N, 8>::new(), Config::TRAINING)?;
    let mut accelerated = Calibration::new(accelerated)?;

    println!("readings    error, plain    error, accelerated");
    let mut random = Random::new(1);
    for count in 1..=READINGS {
        let drifted = count > READINGS / 2;
        let truth = 2.0 * random.uniform::<f32>() - 1.0;
        let input = reading(truth, random.uniform(), drifted);
        plain.inputs.write(input);
        plain.truths.write(truth);
        accelerated.inputs.write(input);
        accelerated.truths.write(truth);
        if count % ROUND == 0 {
            accelerated.optimizer.accelerators_mut().view().forget();
            for _ in 0..ROUND {
                plain.train(|sgd, params, grad, _| sgd.step(params, grad).map(drop))?;
                accelerated.train(|accelerated, params, grad, loss| {
                    accelerated.step_with(params, grad, loss).map(drop)
                })?;
            }
        }
        if count % 100 == 0 {
            let (p, a) = (plain.error(drifted)?, accelerated.error(drifted)?);
            println!("{count:8}    {p:12.4}    {a:18.4}");
        }
    }
    let stats = *accelerated.optimizer.accelerators().stats();
    println!(
        "a gradient a reading each; the safeguard evaluated {} losses besides (each a third of a \
         gradient), and kept {} of {} accelerated points",
        stats.loss_evaluations,
        stats.accelerated,
        stats.accelerated + stats.rejected()
    );
    println!(
        "state: {} bytes plain, {} accelerated",
        size_of_val(&plain),
        size_of_val(&accelerated)
    );
    Ok(())
}
