//! Training that logs through defmt: a network learns XOR, and each acceleration is logged with what
//! it did, the counts at the end. The texts stay in the program's file on the host; the device sends
//! numbers alone.
//!
//! `cargo run --release --target thumbv7em-none-eabihf` runs it in QEMU and decodes the log.
#![no_std]
#![no_main]

use aadl_core::Error;
use aadl_core::anderson::{Anderson, Config};
use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::optim::{Accelerated, Sgd, SgdConfig};
use aadl_core::random::Random;
use cortex_m as _; // the critical section of a single core
use cortex_m_rt::entry;
use defmt_semihosting as _; // where the log goes
use semihosting::process::ExitCode;
use static_cell::ConstStaticCell;

const NET: Network = match Network::new(&[
    Layer::dense(2, 4, Activation::Tanh),
    Layer::dense(4, 1, Activation::Identity),
]) {
    Ok(net) => net,
    Err(_) => panic!("the layers do not fit together"), // at compile time
};
const N: usize = NET.params();
const INPUTS: [f32; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
const XOR: Targets = Targets::Values(&[0.0, 1.0, 1.0, 0.0]);
const LOSS: Loss = Loss::MeanSquares;

static ACCELERATOR: ConstStaticCell<Anderson<N, 8>> = ConstStaticCell::new(Anderson::new());

fn run() -> Result<(), Error> {
    let (mut params, mut grad, mut scratch) = ([0.0; N], [0.0; N], [0.0; NET.scratch(4)]);
    NET.init(Init::PYTORCH, &mut Random::new(5), &mut params)?;
    let sgd = Sgd::new(SgdConfig { lr: 0.3, ..SgdConfig::DEFAULT }, [])?;
    let mut optimizer = Accelerated::new(sgd, ACCELERATOR.take(), Config::TRAINING)?;
    defmt::info!("{} around {}", Config::TRAINING, optimizer.optimizer());
    for count in 1..=100 {
        let (x, y) = (&INPUTS, XOR);
        let before = NET.loss_and_gradient(LOSS, &params, x, y, &mut grad, &mut scratch)?;
        let loss = |p: &[f32]| NET.loss(LOSS, p, x, y, &mut scratch).unwrap_or(f32::INFINITY);
        optimizer.step_with(&mut params, &grad, loss)?;
        if count % Config::TRAINING.frequency == 0 {
            let step = optimizer.accelerators_mut().view().last_step();
            defmt::debug!("step {}: loss {}, {}", count, before, step);
        }
    }
    defmt::info!("{}", optimizer.accelerators().stats());
    // What a mistake of the caller's looks like in the log: too short a gradient is refused.
    if let Err(error) = optimizer.step_with(&mut params, &grad[1..], |_| 0.0) {
        defmt::warn!("{}", error);
    }
    Ok(())
}

#[entry]
fn main() -> ! {
    let status = match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            defmt::error!("{}", error);
            ExitCode::FAILURE
        }
    };
    status.exit_process()
}
