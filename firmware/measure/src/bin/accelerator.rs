//! The accelerator alone, around a linear map.
#![no_std]
#![no_main]

use aadl_core::anderson::{Anderson, Config};
use core::hint::black_box;
use static_cell::ConstStaticCell;

const N: usize = 64;

static STATE: ConstStaticCell<([f32; N], Anderson<N, 5>)> =
    ConstStaticCell::new(([0.0; N], Anderson::new()));

#[measure::entry]
fn main() -> ! {
    measure::stack::report(&STATE, |(x, accelerator)| {
        x.fill(1.0);
        for _ in 0..24 {
            let mut contraction = 0.0;
            for x in black_box(&mut *x) {
                *x *= contraction;
                contraction += 1.0 / 64.0;
            }
            let _ = black_box(accelerator.step(&Config::DEFAULT, black_box(x)));
        }
        accelerator.stats().accelerated > 0
    })
}
