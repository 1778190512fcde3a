//! Networks: initial parameters, and forward and backward through every activation and loss.

use super::{Outcome, ensure, vector};
use crate::trace::Trace;
use aadl_core::Real;
use aadl_core::kernels::Kernels;
use aadl_core::math::{Libm, Math};
use aadl_core::nn::{Activation, Biases, Init, Layer, Loss, Network, Targets, Weights, argmax};
use aadl_core::random::Random;

const BATCH: usize = 5;
const INPUTS: usize = 6;
const HIDDEN: usize = 7;
const OUTPUTS: usize = 3;

const fn layers(activation: Activation) -> [Layer; 2] {
    [Layer::dense(INPUTS, HIDDEN, activation), Layer::dense(HIDDEN, OUTPUTS, Activation::Identity)]
}

const LAYERS: [Layer; 2] = layers(Activation::Tanh);
const SHAPE: Network<'static> = match Network::new(&LAYERS) {
    Ok(net) => net,
    Err(_) => panic!("the layers do not fit together"),
};
const PARAMS: usize = SHAPE.params();
const SCRATCH: usize = SHAPE.scratch(2);

pub(super) fn init(trace: &mut Trace<'_>) -> Outcome {
    for weights in [
        Weights::KaimingUniform,
        Weights::KaimingNormal,
        Weights::XavierUniform,
        Weights::XavierNormal,
        Weights::Linear,
    ] {
        for activation in [Activation::Relu, Activation::LeakyRelu(0.1), Activation::Tanh] {
            let layers = layers(activation);
            let net = Network::<Libm>::new(&layers)?;
            let mut params = [f32::NAN; PARAMS];
            net.init(Init { weights, biases: Biases::Zero }, &mut Random::new(70), &mut params)?;
            // The first layer's weights and the last's biases.
            trace.reals("weights", &params[..4]);
            ensure!(params[PARAMS - OUTPUTS..] == [0.0; OUTPUTS]);
        }
    }
    let (mut params, mut params_f64) = ([0.0f32; PARAMS], [0.0f64; PARAMS]);
    SHAPE.init(Init::PYTORCH, &mut Random::new(71), &mut params)?;
    trace.reals("pytorch", &params);
    SHAPE.init(Init::PYTORCH, &mut Random::new(71), &mut params_f64)?;
    trace.reals("pytorch_f64", &params_f64[..20]);
    Ok(())
}

/// The gradient of a loss; along it the loss must fall as fast as the gradient says.
fn gradient<K: Kernels, T: Real>(
    trace: &mut Trace<'_>,
    activation: Activation,
    loss: Loss,
    classes: bool,
) -> Outcome
where
    Libm: Math<T>,
{
    let layers = layers(activation);
    let net = Network::<Libm, K>::new(&layers)?;
    let mut random = Random::new(72);
    let (mut params, mut grad) = ([T::ZERO; PARAMS], [T::ZERO; PARAMS]);
    net.init(Init::PYTORCH, &mut random, &mut params)?;
    let inputs: [T; BATCH * INPUTS] = vector(&mut random);
    let values: [T; BATCH * OUTPUTS] = vector::<T, _>(&mut random).map(|x| x.abs());
    let targets =
        if classes { Targets::Classes(&[2, 0, 1, 1, 2]) } else { Targets::Values(&values) };
    let mut scratch = [T::ZERO; SCRATCH];
    let before = net.loss_and_gradient(loss, &params, &inputs, targets, &mut grad, &mut scratch)?;
    trace.real("loss", before);
    trace.reals("grad", &grad);

    let square = grad.iter().fold(0.0, |sum, g| sum + g.to_f64() * g.to_f64());
    let length = 1e-3;
    for (x, g) in params.iter_mut().zip(&grad) {
        *x -= T::from_f64(length) * *g;
    }
    let after = net.loss(loss, &params, &inputs, targets, &mut scratch)?;
    let fall = (before - after).to_f64() / (length * square);
    ensure!((0.95..1.05).contains(&fall));
    Ok(())
}

pub(super) fn activations<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    for activation in [
        Activation::Identity,
        Activation::Relu,
        Activation::LeakyRelu(0.1),
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Softplus,
    ] {
        gradient::<K, f32>(trace, activation, Loss::MeanSquares, false)?;
    }
    Ok(())
}

pub(super) fn losses<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    for loss in [
        Loss::MeanSquares,
        Loss::CrossEntropy,
        Loss::BinaryCrossEntropy,
        Loss::Huber { delta: 0.3 },
    ] {
        gradient::<K, f32>(trace, Activation::Tanh, loss, true)?;
    }
    gradient::<K, f32>(trace, Activation::Tanh, Loss::CrossEntropy, false)
}

pub(super) fn float64<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    gradient::<K, f64>(trace, Activation::Softplus, Loss::CrossEntropy, true)?;
    gradient::<K, f64>(trace, Activation::Sigmoid, Loss::BinaryCrossEntropy, false)
}

pub(super) fn predict<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let net = Network::<Libm, K>::new(&LAYERS)?;
    let mut random = Random::new(73);
    let mut params = [0.0f32; PARAMS];
    net.init(Init::PYTORCH, &mut random, &mut params)?;
    let inputs: [f32; BATCH * INPUTS] = vector(&mut random);
    let (mut outputs, mut scratch) = ([0.0; BATCH * OUTPUTS], [f32::NAN; SCRATCH]);
    net.predict(&params, &inputs, &mut outputs, &mut scratch)?;
    trace.reals("outputs", &outputs);
    let mut classes = [0; BATCH];
    for (class, row) in classes.iter_mut().zip(outputs.chunks(OUTPUTS)) {
        *class = argmax(row).unwrap_or(usize::MAX) as u8;
        trace.integer("class", (*class).into());
    }
    let right = net.count_correct(&params, &inputs, &classes, &mut scratch)?;
    ensure!(right == BATCH);
    // The size of the scratch, and with it that of tiles, changes no bit.
    let (mut again, mut small) = ([0.0; BATCH * OUTPUTS], [0.0; SHAPE.scratch(1)]);
    net.predict(&params, &inputs, &mut again, &mut small)?;
    ensure!(again == outputs);
    Ok(())
}
