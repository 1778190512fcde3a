//! Steps of the accelerator around a linear map, once its history is full.

use crate::figure;
use aadl_core::anderson::{AndersonMut, Config, Memory, State, Step};
use aadl_core::random::Random;
use core::hint::black_box;
use measure::clock::Clock;
use static_cell::ConstStaticCell;

/// The most parameters and the most iterates.
const N: usize = 1024;
const M: usize = 8;

/// Steps until all figures are those of a full history.
const STEPS: u32 = 24;

struct Buffers {
    iterates: [[f32; N]; M],
    gram: [[f64; M]; M],
    work: [[f64; M]; 2],
    exponents: [i16; M],
    pivots: [u16; M],
    x: [f32; N],
}

static BUFFERS: ConstStaticCell<Buffers> = ConstStaticCell::new(Buffers {
    iterates: [[0.0; N]; M],
    gram: [[0.0; M]; M],
    work: [[0.0; M]; 2],
    exponents: [0; M],
    pivots: [0; M],
    x: [0.0; N],
});

pub(crate) fn count(clock: &mut Clock) {
    let buffers = BUFFERS.take();
    for n in [64, 256, N] {
        for depth in [3, 5, M] {
            steps(clock, n, depth, buffers);
        }
    }
}

fn steps(clock: &mut Clock, n: usize, depth: usize, buffers: &mut Buffers) {
    let memory = Memory {
        iterates: buffers.iterates.as_flattened_mut(),
        gram: buffers.gram.as_flattened_mut(),
        work: buffers.work.as_flattened_mut(),
        exponents: &mut buffers.exponents,
        pivots: &mut buffers.pivots,
    };
    let mut state = State::new();
    let mut accelerator: AndersonMut<f32> =
        AndersonMut::new(n, depth, n, memory, &mut state).expect("the buffers fit");
    let x = &mut buffers.x[..n];
    let mut random = Random::new(2);
    x.iter_mut().for_each(|x| *x = random.uniform());

    let (mut stored, mut accelerated) = (None, None);
    for _ in 0..STEPS {
        // Contractions by 0.02 to 0.98: too many of them to be done with in so few steps.
        for (i, x) in x.iter_mut().enumerate() {
            *x *= 0.02 + 0.96 * (i as f32 / n as f32);
        }
        let (config, x) = black_box((&Config::DEFAULT, &mut *x));
        let (counted, step) = clock.count(|| accelerator.step(config, x));
        match step.expect("a proper call") {
            Step::Stored => stored = Some(counted),
            Step::Accelerated { columns_dropped: 0, .. } => accelerated = Some(counted),
            other => panic!("{n}x{depth}: {other:?}"),
        }
    }
    let [stored, accelerated] = [stored, accelerated].map(|c| c.expect("steps of both kinds"));
    figure(format_args!("step-stored/{n}x{depth}"), n, stored);
    figure(format_args!("step-accelerated/{n}x{depth}"), n, accelerated);
}
