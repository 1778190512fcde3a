//! Whole training runs: network, loss, optimizer and accelerator together.

use super::anderson::{Owned, show};
use super::{Outcome, ensure, signed, vector};
use crate::trace::Trace;
use aadl_core::Real;
use aadl_core::anderson::{Anderson, Config};
use aadl_core::kernels::Kernels;
use aadl_core::math::{Libm, Math};
use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::optim::{Accelerated, Adam, AdamConfig, Optimizer, Sgd, SgdConfig};
use aadl_core::random::Random;

const CLASSES: usize = 3;
const INPUTS: usize = 4;
const LAYERS: [Layer; 2] =
    [Layer::dense(INPUTS, 8, Activation::Tanh), Layer::dense(8, CLASSES, Activation::Identity)];
const SHAPE: Network<'static> = network(&LAYERS);
const N: usize = SHAPE.params();
const SAMPLES: usize = 24;

const fn network(layers: &'static [Layer]) -> Network<'static> {
    match Network::new(layers) {
        Ok(net) => net,
        Err(_) => panic!("the layers do not fit together"),
    }
}

/// Samples round one centre for each class.
fn samples<T: Real>(random: &mut Random) -> ([T; SAMPLES * INPUTS], [u8; SAMPLES]) {
    let centres: [[T; INPUTS]; CLASSES] = core::array::from_fn(|_| vector(random));
    let classes: [u8; SAMPLES] = core::array::from_fn(|s| (s % CLASSES) as u8);
    let inputs = core::array::from_fn(|i| {
        let centre = centres[i / INPUTS % CLASSES][i % INPUTS];
        centre + T::from_f64(0.4) * signed(random)
    });
    (inputs, classes)
}

/// Gradient descent on all samples, accelerated and guarded by the loss.
fn full<K: Kernels, T: Real>(trace: &mut Trace<'_>, steps: usize) -> Outcome
where
    Libm: Math<T>,
{
    let net = Network::<Libm, K>::new(&LAYERS)?;
    let mut random = Random::new(80);
    let (inputs, classes) = samples::<T>(&mut random);
    let targets = Targets::Classes(&classes);
    let (mut params, mut grad) = ([T::ZERO; N], [T::ZERO; N]);
    let (mut scratch, mut spare) = ([T::ZERO; SHAPE.scratch(2)], [T::ZERO; SHAPE.scratch(2)]);
    net.init(Init::PYTORCH, &mut random, &mut params)?;
    let sgd = Sgd::new(SgdConfig { lr: 0.5, ..SgdConfig::DEFAULT }, [])?;
    let mut accelerator = Anderson::<N, 6, T>::new();
    let mut optimizer = Accelerated::new(sgd, &mut accelerator, Config::TRAINING)?;
    let loss = Loss::CrossEntropy;
    let (mut first, mut last) = (T::ZERO, T::ZERO);
    for count in 0..steps {
        last = net.loss_and_gradient(loss, &params, &inputs, targets, &mut grad, &mut scratch)?;
        trace.real("loss", last);
        first = if count == 0 { last } else { first };
        optimizer.step_with(&mut params, &grad, |params| {
            let loss = net.loss(loss, params, &inputs, targets, &mut spare);
            loss.unwrap_or(T::from_f64(f64::INFINITY))
        })?;
        show(trace, optimizer.accelerators_mut().view().last_step());
    }
    trace.reals("params", &params);
    ensure!(optimizer.accelerators().stats().accelerated >= 3);
    ensure!(last < first * T::from_f64(0.2));
    let right = net.count_correct(&params, &inputs, &classes, &mut scratch)?;
    trace.integer("right", right as u64);
    ensure!(right >= SAMPLES - 1);
    Ok(())
}

pub(super) fn full_batch<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    full::<K, f32>(trace, 48)
}

pub(super) fn float64<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    full::<K, f64>(trace, 32)
}

/// Adam on shuffled batches of 6.
pub(super) fn mini_batch<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let net = Network::<Libm, K>::new(&LAYERS)?;
    let mut random = Random::new(81);
    let (inputs, classes) = samples::<f32>(&mut random);
    let (mut params, mut grad) = ([0.0; N], [0.0; N]);
    let mut scratch = [0.0; SHAPE.scratch(2)];
    net.init(Init::PYTORCH, &mut random, &mut params)?;
    let mut adam = Adam::new(AdamConfig { lr: 0.02, ..AdamConfig::DEFAULT }, [0.0; 2 * N])?;
    for _ in 0..60 {
        let (mut batch, mut labels) = ([0.0; 6 * INPUTS], [0; 6]);
        for (row, label) in batch.chunks_mut(INPUTS).zip(&mut labels) {
            let s = random.below(SAMPLES);
            row.copy_from_slice(&inputs[s * INPUTS..][..INPUTS]);
            *label = classes[s];
        }
        let targets = Targets::Classes(&labels);
        let kind = Loss::CrossEntropy;
        let loss =
            net.loss_and_gradient(kind, &params, &batch, targets, &mut grad, &mut scratch)?;
        trace.real("loss", loss);
        adam.step(&mut params, &grad)?;
    }
    trace.reals("params", &params);
    ensure!(net.count_correct(&params, &inputs, &classes, &mut scratch)? >= SAMPLES - 1);
    Ok(())
}

/// A sensor is calibrated from the readings of a bounded buffer, which drift and are replaced one
/// by one; the history is forgotten when the buffer changes.
pub(super) fn stream<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    const LAYERS: [Layer; 2] =
        [Layer::dense(1, 4, Activation::Tanh), Layer::dense(4, 1, Activation::Identity)];
    const N: usize = network(&LAYERS).params();
    const KEPT: usize = 12;
    let net = Network::<Libm, K>::new(&LAYERS)?;
    let mut random = Random::new(82);
    let (mut params, mut grad) = ([0.0f32; N], [0.0; N]);
    let mut scratch = [0.0; network(&LAYERS).scratch(1)];
    net.init(Init::PYTORCH, &mut random, &mut params)?;
    let (mut readings, mut truths) = ([0.0; KEPT], [0.0; KEPT]);
    let mut sgd = Sgd::new(SgdConfig { lr: 0.1, ..SgdConfig::DEFAULT }, [])?;
    let mut accelerator = Owned::<N, 5, f32>::new();
    for count in 0..96 {
        let truth = signed::<f32>(&mut random);
        let gain = if count < 48 { 1.2 } else { 0.7 };
        (readings[count % KEPT], truths[count % KEPT]) = (gain * truth + 0.1, truth);
        if count % 8 == 0 {
            accelerator.view::<K>()?.forget();
        }
        let targets = Targets::Values(&truths);
        let kind = Loss::MeanSquares;
        let loss =
            net.loss_and_gradient(kind, &params, &readings, targets, &mut grad, &mut scratch)?;
        trace.real("loss", loss);
        sgd.step(&mut params, &grad)?;
        let step =
            accelerator.view::<K>()?.step_with(&Config::TRAINING, &mut params, |params| {
                net.loss(kind, params, &readings, targets, &mut scratch).unwrap_or(f32::INFINITY)
            })?;
        ensure!(params.iter().all(|x| x.is_finite()));
        if count % 4 == 3 {
            show(trace, step);
        }
    }
    trace.reals("params", &params);
    Ok(())
}

/// A network of a size that small devices train at most.
pub(super) fn large<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    const LAYERS: [Layer; 2] =
        [Layer::dense(64, 32, Activation::Tanh), Layer::dense(32, 10, Activation::Identity)];
    const N: usize = network(&LAYERS).params();
    const SAMPLES: usize = 12;
    let net = Network::<Libm, K>::new(&LAYERS)?;
    let mut random = Random::new(83);
    let inputs: [f32; SAMPLES * 64] = vector(&mut random);
    let classes: [u8; SAMPLES] = core::array::from_fn(|_| random.below(10) as u8);
    let targets = Targets::Classes(&classes);
    let (mut params, mut grad) = ([0.0; N], [0.0; N]);
    let mut scratch = [0.0; network(&LAYERS).scratch(SAMPLES)];
    net.init(Init::PYTORCH, &mut random, &mut params)?;
    let mut sgd = Sgd::new(SgdConfig { lr: 0.2, ..SgdConfig::DEFAULT }, [])?;
    let mut accelerator = Owned::<N, 4, f32>::new();
    let kind = Loss::CrossEntropy;
    let mut last = f32::INFINITY;
    for _ in 0..24 {
        last = net.loss_and_gradient(kind, &params, &inputs, targets, &mut grad, &mut scratch)?;
        trace.real("loss", last);
        sgd.step(&mut params, &grad)?;
        let step =
            accelerator.view::<K>()?.step_with(&Config::TRAINING, &mut params, |params| {
                net.loss(kind, params, &inputs, targets, &mut scratch).unwrap_or(f32::INFINITY)
            })?;
        show(trace, step);
    }
    ensure!(last < 0.5);
    for layer in params.chunks(97) {
        trace.real("params", layer.iter().fold(0.0, |sum, x| sum + x));
    }
    trace.reals("biases", &params[N - 10..]);
    Ok(())
}
