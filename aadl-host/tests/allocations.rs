//! Once made, owners allocate nothing: not a step, not an acceleration, not a rejection. In a program
//! of its own, whose allocator counts.

use std::hint::black_box;

use aadl_core::anderson::{Config, Reason, Safeguard, Step};
use aadl_core::kernels::{Column, Gram, Kernels, Portable};
use aadl_core::math::Libm;
use aadl_core::multisecant::{self, Told};
use aadl_core::nn::{Activation, Layer, Loss, Network, Targets};
use aadl_core::optim::{Accelerated, Adam, AdamConfig, Optimizer};
use aadl_core::random::Random;
use aadl_host::owned::{AndersonVec, MultisecantVec};
use aadl_host::simd::Fastest;
use allocation_counter::measure;

/// More than a block of sums, and a rest.
const N: usize = 10_007;
const DEPTH: usize = 11;
/// Until histories are full and have gone round.
const STEPS: usize = 3 * DEPTH;

fn stream() -> Vec<Vec<f32>> {
    let mut random = Random::new(1);
    (0..7).map(|_| (0..N).map(|_| random.uniform::<f32>() - 0.5).collect()).collect()
}

/// Does the work, which must not touch the heap.
#[track_caller]
fn assert_allocates_nothing(work: impl FnOnce()) {
    let found = measure(work);
    assert_eq!(found.count_total, 0, "{} bytes", found.bytes_total);
}

/// All else would be worth nothing.
#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(black_box(vec![1u8; 100]))).bytes_total, 100);
    let owner = measure(|| drop(AndersonVec::<f32>::new(N, DEPTH)));
    assert!(owner.bytes_total >= (DEPTH * N * size_of::<f32>()) as u64);
}

fn accelerated_steps<K: Kernels>(gram: Gram, safeguard: Safeguard) {
    let stream = stream();
    let config = Config { gram, frequency: 1, safeguard, ..Config::DEFAULT };
    let mut owner = AndersonVec::<f32, K>::new(N, DEPTH).unwrap();
    let mut x = vec![0.0; N];
    let (mut accelerated, mut rejected) = (0, 0);
    assert_allocates_nothing(|| {
        let mut losses = [1.0, 0.0, 0.0, 1.0].into_iter().cycle();
        for iterate in stream.iter().cycle().take(STEPS) {
            x.copy_from_slice(iterate);
            let step = if safeguard == Safeguard::Loss {
                // Every other point is taken.
                owner.view().step_with(&config, &mut x, |_| losses.next().unwrap_or(0.0))
            } else {
                owner.view().step(&config, &mut x)
            };
            match step.unwrap() {
                Step::Accelerated { .. } => accelerated += 1,
                Step::Rejected(Reason::Loss | Reason::ResidualGrew) => rejected += 1,
                _ => (),
            }
        }
    });
    assert!(accelerated > DEPTH / 2 && (rejected > DEPTH / 2 || safeguard == Safeguard::None));
}

#[test]
fn an_accelerated_step_allocates_nothing() {
    for gram in [Gram::Exact, Gram::Wide] {
        for safeguard in [Safeguard::None, Safeguard::Loss, Safeguard::Residual { growth: 0.1 }] {
            accelerated_steps::<Fastest>(gram, safeguard);
            accelerated_steps::<Portable>(gram, safeguard);
        }
    }
}

fn engine_steps<C: Column, K: Kernels>() {
    let stream = stream();
    let config = multisecant::Config::DEFAULT;
    let mut owner = MultisecantVec::<C, K>::new(N, DEPTH).unwrap();
    let (mut x, mut gradient) = (vec![0.0; N], vec![0.0; N]);
    let (mut accepted, mut rejected) = (0, 0);
    assert_allocates_nothing(|| {
        let mut loss = 0.0;
        for (i, next) in stream.iter().cycle().take(STEPS).enumerate() {
            gradient.copy_from_slice(next);
            loss += if i % 5 == 4 { 1e3 } else { -1.0 };
            let told = owner.view().tell(&config, &mut x, loss, &mut gradient).unwrap();
            match told {
                Told::Accepted => accepted += 1,
                Told::Rejected(_) => {
                    rejected += 1;
                    loss -= 1e3;
                }
                _ => (),
            }
            owner.view().ask(&config, &mut x).unwrap();
        }
    });
    assert!(accepted > DEPTH && rejected > 0, "{accepted}, {rejected}");
}

#[test]
fn the_engine_without_a_learning_rate_allocates_nothing() {
    engine_steps::<i16, Fastest>();
    engine_steps::<i8, Fastest>();
    engine_steps::<f32, Fastest>();
    engine_steps::<i16, Portable>();
}

#[test]
fn a_training_step_allocates_nothing() {
    let layers =
        [Layer::dense(64, 32, Activation::Relu), Layer::dense(32, 10, Activation::Identity)];
    let net = Network::<Libm, Fastest>::new(&layers).unwrap();
    let (batch, n) = (8, net.params());
    let inputs: Vec<f32> = (0..batch * 64).map(|i| (i % 17) as f32 / 17.0).collect();
    let classes: Vec<u8> = (0..batch as u8).collect();
    let (mut params, mut grad) = (vec![0.01; n], vec![0.0; n]);
    let mut scratch = vec![0.0; net.scratch(batch)];
    let adam = Adam::new(AdamConfig::DEFAULT, vec![0.0; 2 * n]).unwrap();
    let accelerator = AndersonVec::<f32>::new(n, 5).unwrap();
    let config = Config { safeguard: Safeguard::None, ..Config::DEFAULT };
    let mut optimizer = Accelerated::new(adam, accelerator, config).unwrap();
    assert_allocates_nothing(|| {
        for _ in 0..STEPS {
            let targets = Targets::Classes(&classes);
            net.loss_and_gradient(
                Loss::CrossEntropy,
                &params,
                &inputs,
                targets,
                &mut grad,
                &mut scratch,
            )
            .unwrap();
            optimizer.step(&mut params, &grad).unwrap();
        }
    });
}
