//! SGD with the accelerator around it, on a quadratic.
#![no_std]
#![no_main]

use aadl_core::anderson::{Anderson, Config};
use aadl_core::optim::{Accelerated, Optimizer, Sgd, SgdConfig};
use core::hint::black_box;
use static_cell::ConstStaticCell;

const N: usize = 64;

struct State {
    params: [f32; N],
    grad: [f32; N],
    accelerator: Anderson<N, 5>,
}

static STATE: ConstStaticCell<State> =
    ConstStaticCell::new(State { params: [0.0; N], grad: [0.0; N], accelerator: Anderson::new() });

#[measure::entry]
fn main() -> ! {
    measure::stack::report(&STATE, |State { params, grad, accelerator }| {
        params.fill(1.0);
        let config = SgdConfig { lr: 1.0, ..SgdConfig::DEFAULT };
        let Ok(sgd) = Sgd::new(config, []) else { return false };
        let Ok(mut optimizer) = Accelerated::new(sgd, accelerator, Config::DEFAULT) else {
            return false;
        };
        for _ in 0..24 {
            let mut curvature = 1.0;
            for (g, x) in grad.iter_mut().zip(black_box(&*params)) {
                *g = curvature * x;
                curvature -= 1.0 / 64.0;
            }
            let _ = black_box(optimizer.step(black_box(params), black_box(grad)));
        }
        optimizer.accelerators().stats().accelerated > 0
    })
}
