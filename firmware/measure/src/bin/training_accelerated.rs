//! The whole training of a network: initial weights, gradient of a batch, SGD with the accelerator
//! around it, guarded by the loss.
#![no_std]
#![no_main]

use aadl_core::Error;
use aadl_core::anderson::{Anderson, Config};
use aadl_core::nn::{Init, Loss, Targets};
use aadl_core::optim::{Accelerated, Sgd, SgdConfig};
use aadl_core::random::Random;
use core::hint::black_box;
use measure::networks::LARGE;
use static_cell::ConstStaticCell;

const N: usize = LARGE.params();
const BATCH: usize = 4;

struct State {
    params: [f32; N],
    grad: [f32; N],
    inputs: [f32; BATCH * LARGE.inputs()],
    scratch: [f32; LARGE.scratch(BATCH)],
    accelerator: Anderson<N, 5>,
}

static STATE: ConstStaticCell<State> = ConstStaticCell::new(State {
    params: [0.0; N],
    grad: [0.0; N],
    inputs: [0.0; BATCH * LARGE.inputs()],
    scratch: [0.0; LARGE.scratch(BATCH)],
    accelerator: Anderson::new(),
});

/// How often the accelerator had a point to offer.
fn train(state: &mut State) -> Result<u32, Error> {
    let State { params, grad, inputs, scratch, accelerator } = state;
    let mut random = Random::new(1);
    LARGE.init(Init::PYTORCH, &mut random, params)?;
    inputs.iter_mut().for_each(|x| *x = random.uniform());
    let sgd = Sgd::new(SgdConfig { lr: 0.1, ..SgdConfig::DEFAULT }, [])?;
    let mut optimizer = Accelerated::new(sgd, accelerator, Config::TRAINING)?;
    for _ in 0..16 {
        let inputs = black_box(&*inputs);
        let classes = Targets::Classes(black_box(&[1, 2, 3, 4]));
        LARGE.loss_and_gradient(Loss::CrossEntropy, params, inputs, classes, grad, scratch)?;
        let loss = |p: &[f32]| {
            let loss = LARGE.loss(Loss::CrossEntropy, p, inputs, classes, scratch);
            loss.unwrap_or(f32::INFINITY)
        };
        black_box(optimizer.step_with(params, grad, loss))?;
    }
    let stats = optimizer.accelerators().stats();
    Ok(stats.accelerated + stats.loss)
}

#[measure::entry]
fn main() -> ! {
    measure::stack::report(&STATE, |state| black_box(train(state)).is_ok_and(|offered| offered > 0))
}
