//! Optimizers, the gradient of a network for one sample, and a whole training step.

use crate::figure;
use aadl_core::nn::{Init, Loss, Network, Targets};
use aadl_core::optim::{Adam, AdamConfig, Optimizer, Sgd, SgdConfig};
use aadl_core::random::Random;
use core::fmt::Display;
use core::hint::black_box;
use measure::clock::Clock;
use measure::networks::{LARGE, SMALL};
use static_cell::ConstStaticCell;

/// The most parameters.
const N: usize = LARGE.params();
/// The most parameters that an optimizer is counted with.
const STEP: usize = 1024;

struct Buffers {
    params: [f32; N],
    grad: [f32; N],
    moments: [f32; 2 * STEP],
    inputs: [f32; LARGE.inputs()],
    scratch: [f32; LARGE.scratch(1)],
}

static BUFFERS: ConstStaticCell<Buffers> = ConstStaticCell::new(Buffers {
    params: [0.0; N],
    grad: [0.0; N],
    moments: [0.0; 2 * STEP],
    inputs: [0.0; LARGE.inputs()],
    scratch: [0.0; LARGE.scratch(1)],
});

pub(crate) fn count(clock: &mut Clock) {
    let buffers = BUFFERS.take();
    let mut random = Random::new(3);
    buffers.params.iter_mut().for_each(|x| *x = random.uniform());
    buffers.grad.iter_mut().for_each(|g| *g = random.uniform());
    buffers.inputs.iter_mut().for_each(|x| *x = random.uniform());
    for n in [64, 256, STEP] {
        let sgd = Sgd::new(SgdConfig::DEFAULT, []).expect("the default is valid");
        optimizer(clock, format_args!("sgd/{n}"), sgd, &mut buffers.params[..n], &buffers.grad);
        let moments = &mut buffers.moments[..2 * n];
        let adam = Adam::new(AdamConfig::DEFAULT, moments).expect("the default is valid");
        optimizer(clock, format_args!("adam/{n}"), adam, &mut buffers.params[..n], &buffers.grad);
    }
    network(clock, "4-16-3", SMALL, buffers);
    network(clock, "64-32-10", LARGE, buffers);
}

/// The second step, since in the first one the state has no history.
fn optimizer(
    clock: &mut Clock,
    name: impl Display,
    mut optimizer: impl Optimizer,
    params: &mut [f32],
    grad: &[f32],
) {
    let n = params.len();
    let grad = &grad[..n];
    optimizer.step(params, grad).expect("a proper call");
    let (params, grad) = black_box((params, grad));
    let (counted, step) = clock.count(|| optimizer.step(params, grad));
    step.expect("a proper call");
    figure(name, n, counted);
}

fn network(clock: &mut Clock, name: &str, network: Network, buffers: &mut Buffers) {
    let n = network.params();
    let Buffers { params, grad, inputs, scratch, .. } = buffers;
    let (params, grad) = (&mut params[..n], &mut grad[..n]);
    network.init(Init::PYTORCH, &mut Random::new(4), params).expect("the length is its own");
    let inputs = black_box(&inputs[..network.inputs()]);
    let targets = black_box(Targets::Classes(&[1]));

    let (params, grad) = black_box((params, grad));
    let network = black_box(network);
    let (counted, loss) = clock.count(|| {
        network.loss_and_gradient(Loss::CrossEntropy, params, inputs, targets, grad, scratch)
    });
    loss.expect("a proper call");
    figure(format_args!("gradient/{name}"), n, counted);

    let mut sgd = Sgd::new(SgdConfig::DEFAULT, []).expect("the default is valid");
    let (params, grad) = black_box((params, grad));
    let (counted, step) = clock.count(|| {
        network.loss_and_gradient(Loss::CrossEntropy, params, inputs, targets, grad, scratch)?;
        sgd.step(params, grad)
    });
    step.expect("a proper call");
    figure(format_args!("training-step/{name}"), n, counted);
}
