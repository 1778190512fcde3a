//! Training that never stands in the way: it runs in thread mode, below every interrupt, while the
//! timer's interrupt takes a reading each millisecond. Between two steps it lets the other tasks of
//! the executor run; where there are no readings, the processor sleeps.
//!
//! `cargo run --release --target thumbv7em-none-eabihf` runs it in QEMU.
#![no_std]
#![no_main]

use aadl_core::anderson::{Anderson, Config};
use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::optim::{Accelerated, Sgd, SgdConfig};
use aadl_core::{Error, random::Random};
use cortex_m::peripheral::{Peripherals, SYST, syst::SystClkSource};
use cortex_m_rt::exception;
use embassy_executor::Spawner;
use embassy_futures::yield_now;
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, channel::Channel};
use heapless::HistoryBuf;
use semihosting::{println, process::Termination};
use sensor::Sensor;
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

static READINGS: Channel<CriticalSectionRawMutex, ([f32; 2], f32), 16> = Channel::new();

#[exception]
fn SysTick() {
    static mut SENSOR: Sensor = Sensor::new();
    // Where the trainer is late the sensor waits, so that every run sees the same readings.
    if !READINGS.is_full() {
        READINGS.try_send(SENSOR.read()).expect("nobody else sends");
    }
}

/// A reading each millisecond, of a core of 25 MHz.
fn start(timer: &mut SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(25_000 - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

async fn train() -> Result<(), Error> {
    let Trainer { params, grad, scratch, accelerator, inputs, truths } = TRAINER.take();
    NET.init(Init::PYTORCH, &mut Random::new(3), params)?;
    let sgd = Sgd::new(SgdConfig { lr: 0.2, ..SgdConfig::DEFAULT }, [])?;
    let mut optimizer = Accelerated::new(sgd, accelerator, Config::TRAINING)?;
    let mut meanwhile = 0;
    for count in 1..=800 {
        let (input, truth) = READINGS.receive().await;
        inputs.write(input);
        truths.write(truth);
        if count % 16 == 0 {
            // Other readings make another loss: residuals of the old one would mislead.
            optimizer.accelerators_mut().view().forget();
            let x = inputs.as_slice().as_flattened();
            let y = Targets::Values(truths.as_slice());
            for _ in 0..16 {
                let before = READINGS.len();
                NET.loss_and_gradient(LOSS, params, x, y, grad, scratch)?;
                let loss = |p: &[f32]| NET.loss(LOSS, p, x, y, scratch).unwrap_or(f32::INFINITY);
                optimizer.step_with(params, grad, loss)?;
                meanwhile += READINGS.len() - before;
                yield_now().await;
            }
        }
        if count % 100 == 0 {
            let error = sensor::error(count, |x, y| NET.predict(params, x, y, scratch))?;
            println!("after {count} readings: error {error:.4}");
        }
    }
    // How many depends on the speed of the machine.
    println!(
        "readings that came in during a step: {}",
        if meanwhile > 0 { "some" } else { "none" }
    );
    Ok(())
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let mut peripherals = Peripherals::take().expect("nobody else takes them");
    start(&mut peripherals.SYST);
    train().await.report().exit_process()
}
