//! A map of one's own, accelerated, with no network and no optimizer. Of a stream of readings the
//! last 32 are kept, and after every 16 a polynomial that corrects the sensor is fitted to them by 16
//! steps of gradient descent. After 400 readings the sensor drifts. All big buffers are one `static`,
//! which lies in `.bss` and never crosses the stack.
//!
//! `cargo run --release --target riscv32imac-unknown-none-elf` runs it in QEMU.
#![no_std]
#![no_main]

use aadl_core::Error;
use aadl_core::anderson::{Anderson, Config};
use heapless::HistoryBuf;
use riscv_rt::entry;
use semihosting::{println, process::Termination};
use static_cell::ConstStaticCell;

const N: usize = 8; // terms of the polynomial

struct Fit {
    weights: [f32; N],
    accelerator: Anderson<N, 8>,
    readings: HistoryBuf<([f32; 2], f32), 32>,
}

static FIT: ConstStaticCell<Fit> = ConstStaticCell::new(Fit {
    weights: [0.0; N],
    accelerator: Anderson::new(),
    readings: HistoryBuf::new(),
});

fn terms([raw, temperature]: [f32; 2]) -> [f32; N] {
    let [a, b, c] = [raw, raw * raw, raw * raw * raw];
    [1.0, a, b, c, temperature, a * temperature, b * temperature, c * temperature]
}

fn estimate(weights: &[f32; N], terms: &[f32; N]) -> f32 {
    weights.iter().zip(terms).fold(0.0, |sum, (w, t)| sum + w * t)
}

/// The map: a step of gradient descent, of rate 0.3, on the mean square of the error.
fn descend(weights: &mut [f32; N], readings: &[([f32; 2], f32)]) {
    let mut step = [0.0; N];
    for (shown, truth) in readings {
        let terms = terms(*shown);
        let error = estimate(weights, &terms) - truth;
        step.iter_mut().zip(terms).for_each(|(s, t)| *s += error * t);
    }
    let rate = 0.3 * 2.0 / readings.len() as f32;
    weights.iter_mut().zip(step).for_each(|(w, s)| *w -= rate * s);
}

fn run() -> Result<(), Error> {
    let Fit { weights, accelerator, readings } = FIT.take();
    let mut sensor = sensor::Sensor::new();
    for count in 1..=800 {
        readings.write(sensor.read());
        if count % 16 == 0 {
            // Other readings make another map: residuals of the old one would mislead.
            accelerator.view().forget();
            for _ in 0..16 {
                descend(weights, readings.as_slice());
                accelerator.step(&Config::DEFAULT, weights)?;
            }
        }
        if count % 100 == 0 {
            let error = sensor::error(count, |shown, out| {
                *out = [estimate(weights, &terms(*shown))];
                Ok(())
            })?;
            println!("after {count} readings: error {error:.4}");
        }
    }
    Ok(())
}

#[entry]
fn main() -> ! {
    run().report().exit_process()
}
