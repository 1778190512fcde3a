//! Training of a network, sample by sample, with SGD: no accelerator.
#![no_std]
#![no_main]

use aadl_core::Error;
use aadl_core::nn::{Loss, Targets};
use aadl_core::optim::{Optimizer, Sgd, SgdConfig};
use core::hint::black_box;
use measure::networks::LARGE;
use static_cell::ConstStaticCell;

const N: usize = LARGE.params();

struct State {
    params: [f32; N],
    grad: [f32; N],
    inputs: [f32; LARGE.inputs()],
    scratch: [f32; LARGE.scratch(1)],
}

static STATE: ConstStaticCell<State> = ConstStaticCell::new(State {
    params: [0.0; N],
    grad: [0.0; N],
    inputs: [0.0; LARGE.inputs()],
    scratch: [0.0; LARGE.scratch(1)],
});

fn train(state: &mut State) -> Result<(), Error> {
    let State { params, grad, inputs, scratch } = state;
    let mut sgd = Sgd::new(SgdConfig::DEFAULT, [])?;
    for _ in 0..4 {
        let inputs = black_box(&*inputs);
        let class = Targets::Classes(black_box(&[1]));
        LARGE.loss_and_gradient(Loss::CrossEntropy, params, inputs, class, grad, scratch)?;
        sgd.step(params, grad)?;
    }
    Ok(())
}

#[measure::entry]
fn main() -> ! {
    measure::stack::report(&STATE, |state| black_box(train(state)).is_ok())
}
