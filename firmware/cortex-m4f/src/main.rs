//! A sensor recalibrates itself: after every 16 readings of a stream a small network makes as many
//! accelerated steps on the last 32. After 400 readings the sensor drifts. All big buffers are one
//! `static`, in `.bss`, that never crosses the stack.
//! `cargo run --release --target thumbv7em-none-eabihf`, or `thumbv7m-none-eabi` (M3), or
//! `thumbv6m-none-eabi` (M0), runs it in QEMU.
#![no_std]
#![no_main]

use aadl_core::anderson::{Anderson, Config};
use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::optim::{Accelerated, Sgd, SgdConfig};
use aadl_core::{Error, random::Random};
use cortex_m as _; // the critical section of a single core
use cortex_m_rt::entry;
use heapless::HistoryBuf;
use semihosting::{println, process::Termination};
use static_cell::ConstStaticCell;

const NET: Network = match Network::new(&[
    Layer::dense(2, 8, Activation::Tanh),
    Layer::dense(8, 1, Activation::Identity),
]) {
    Ok(net) => net,
    Err(_) => panic!("the layers do not fit together"), // at compile time
};
const N: usize = NET.params();
const LOSS: Loss = Loss::MeanSquares;

struct Trainer {
    params: [f32; N],
    grad: [f32; N],
    scratch: [f32; NET.scratch(4)],
    accelerator: Anderson<N, 8>,
    inputs: HistoryBuf<[f32; 2], 32>,
    truths: HistoryBuf<f32, 32>,
}

static TRAINER: ConstStaticCell<Trainer> = ConstStaticCell::new(Trainer {
    params: [0.0; N],
    grad: [0.0; N],
    scratch: [0.0; NET.scratch(4)],
    accelerator: Anderson::new(),
    inputs: HistoryBuf::new(),
    truths: HistoryBuf::new(),
});

fn run() -> Result<(), Error> {
    let Trainer { params, grad, scratch, accelerator, inputs, truths } = TRAINER.take();
    NET.init(Init::PYTORCH, &mut Random::new(3), params)?;
    let sgd = Sgd::new(SgdConfig { lr: 0.2, ..SgdConfig::DEFAULT }, [])?;
    let mut optimizer = Accelerated::new(sgd, accelerator, Config::TRAINING)?;
    let mut sensor = sensor::Sensor::new();
    for count in 1..=800 {
        let (input, truth) = sensor.read();
        inputs.write(input);
        truths.write(truth);
        if count % 16 == 0 {
            // Other readings make another loss: residuals of the old one would mislead.
            optimizer.accelerators_mut().view().forget();
            let x = inputs.as_slice().as_flattened();
            let y = Targets::Values(truths.as_slice());
            for _ in 0..16 {
                NET.loss_and_gradient(LOSS, params, x, y, grad, scratch)?;
                let loss = |p: &[f32]| NET.loss(LOSS, p, x, y, scratch).unwrap_or(f32::INFINITY);
                optimizer.step_with(params, grad, loss)?;
            }
        }
        if count % 100 == 0 {
            let error = sensor::error(count, |x, y| NET.predict(params, x, y, scratch))?;
            println!("after {count} readings: error {error:.4}");
        }
    }
    Ok(())
}

#[entry]
fn main() -> ! {
    run().report().exit_process()
}
