//! The gate: open where the map can be foretold, shut at a bounded cost where it cannot.

use aadl_core::anderson::{Anderson, Config, Gate, Reason, Safeguard, State, Step};
use aadl_core::optim::{Accelerated, Optimizer, Rows, Sgd, SgdConfig};
use aadl_core::random::Random;
use aadl_core::{Error, Real};

const N: usize = 12;

/// Curvatures of a bowl, condition 100.
fn curvature<T: Real>(i: usize) -> T {
    T::from_f64(0.02 * 100f64.powf(i as f64 / (N - 1) as f64))
}

/// `sum_i c_i x_i^2 / 2 + noise_i x_i`, whose gradient the noise moves.
fn loss<T: Real>(x: &[T], noise: &[T; N]) -> T {
    let half = T::from_f64(0.5);
    x.iter()
        .zip(noise)
        .enumerate()
        .fold(T::ZERO, |sum, (i, (x, noise))| sum + (half * curvature::<T>(i) * *x + *noise) * *x)
}

const fn descent(momentum: f64) -> SgdConfig {
    SgdConfig { lr: 0.4, momentum, ..SgdConfig::DEFAULT }
}

/// Gradient descent with the preset on bowls whose gradients are off by up to `scatter`, a new one
/// at each step. `check` sees every step's number, the accelerator's state and the parameters beside
/// those of the plain optimizer.
fn run<const R: usize>(
    config: &Config,
    momentum: f64,
    steps: u32,
    scatter: impl Fn(u32) -> f64,
    mut check: impl FnMut(u32, &State, &[f32; N], &[f32; N]),
) {
    let sgd = || Sgd::<Rows<N, R>>::zeroed(descent(momentum)).unwrap();
    let mut plain = sgd();
    let mut accelerated = Accelerated::new(sgd(), Anderson::<N, 5>::new(), *config).unwrap();
    let (mut x, mut y) = ([1.0f32; N], [1.0f32; N]);
    let mut random = Random::new(60);
    for step in 1..=steps {
        let scatter = scatter(step) as f32;
        let noise = core::array::from_fn(|_| scatter * (2.0 * random.uniform::<f32>() - 1.0));
        let gradient =
            |x: &[f32; N]| core::array::from_fn(|i| curvature::<f32>(i) * x[i] + noise[i]);
        let mut losses = 0;
        let grad: [f32; N] = gradient(&x);
        accelerated
            .step_with(&mut x, &grad, |x| {
                losses += 1;
                loss(x, &noise)
            })
            .unwrap();
        assert!(losses == 0 || losses == 2);
        let grad: [f32; N] = gradient(&y);
        plain.step(&mut y, &grad).unwrap();
        check(step, accelerated.accelerators().state(), &x, &y);
    }
}

fn preset() -> (f64, u32) {
    match Config::MINI_BATCH.gate {
        Gate::Prediction { error, patience } => (error, patience),
        Gate::Open => panic!("the preset has a gate"),
    }
}

#[test]
fn opens_where_the_map_can_be_foretold_and_gains() {
    let (_, patience) = preset();
    let none = [0.0; N];
    let mut first = None;
    run::<0>(
        &Config::MINI_BATCH,
        0.0,
        250,
        |_| 0.0,
        |step, state, x, y| {
            if step < patience {
                assert_eq!((state.stats().loss_evaluations, x), (0, y));
            }
            if state.stats().accelerated > 0 {
                first.get_or_insert(step);
            }
            if step == 250 {
                assert!(
                    loss(x, &none) < 1e-5 * loss(y, &none),
                    "{} {}",
                    loss(x, &none),
                    loss(y, &none)
                );
                assert_eq!(state.stats().unpredictable, 0);
            }
        },
    );
    assert_eq!(first, Some(patience + 3));
}

/// Gradient descent and heavy ball in noise as large as the gradients are at the start: not one
/// acceleration, not one evaluation, the plain optimizer's parameters to the bit; and looks so rare
/// that nearly all steps are slept through.
#[test]
fn stays_shut_in_noise() {
    let check = |step: u32, state: &State, x: &[f32; N], y: &[f32; N]| {
        assert_eq!(x, y);
        let stats = state.stats();
        assert_eq!((stats.accelerated, stats.loss_evaluations), (0, 0));
        if step == 4000 {
            assert!((5..=12).contains(&stats.unpredictable), "{stats:?}");
            assert_eq!(stats.slept + stats.stored, step);
            assert!(stats.stored < 60);
        }
    };
    run::<0>(&Config::MINI_BATCH, 0.0, 4000, |_| 0.5, check);
    run::<1>(&Config::MINI_BATCH, 0.9, 4000, |_| 0.5, check);
}

/// The noise comes, and goes: the gate shuts at the first look, and is open again before twice the
/// steps that it took.
#[test]
fn shuts_and_opens_again() {
    let noisy = |step: u32| if (101..=300).contains(&step) { 0.5 } else { 0.0 };
    let (mut before, mut during) = (0, 0);
    run::<0>(&Config::MINI_BATCH, 0.0, 600, noisy, |step, state, _, _| match step {
        100 => before = state.stats().accelerated,
        300 => during = state.stats().accelerated,
        600 => {
            assert!(before > 5, "{before}");
            assert_eq!(during, before);
            assert!(state.stats().accelerated > during);
        }
        _ => {}
    });
}

/// A map that can be foretold, and a loss that never falls: trials in vain are at most one in
/// `patience` steps at any time, and pauses double.
#[test]
fn trials_in_vain_are_bounded() {
    for patience in [0, 7, 48] {
        let gate = Gate::Prediction { error: 0.1, patience };
        for safeguard in [Safeguard::Loss, Safeguard::Residual { growth: 1e-30 }] {
            let config = Config { gate, safeguard, ..Config::TRAINING };
            let mut accelerator = Anderson::<N, 5, f64>::new();
            let mut x = [1.0; N];
            let mut trials = Vec::new();
            for step in 1..=3000u32 {
                for (i, x) in x.iter_mut().enumerate() {
                    *x -= 0.004 * curvature::<f64>(i) * *x;
                }
                let mut calls = 0;
                let losses = [1.0, 2.0];
                let before = x;
                let done = accelerator.step_with(&config, &mut x, |_| {
                    calls += 1;
                    losses[calls - 1]
                });
                match done.unwrap() {
                    Step::Rejected(Reason::Loss) => {
                        assert_eq!(x, before);
                        trials.push(step);
                    }
                    Step::Rejected(Reason::ResidualGrew) => trials.push(step),
                    Step::Rejected(reason) => panic!("{reason:?}"),
                    _ => {}
                }
                assert!(trials.len() as u32 * patience <= step);
            }
            assert!(trials.len() >= 5, "{trials:?}");
            if safeguard == Safeguard::Loss {
                assert!(trials.len() < 12);
                let gaps: Vec<u32> = trials.windows(2).map(|pair| pair[1] - pair[0]).collect();
                assert!(gaps.is_sorted(), "{gaps:?}");
                assert!(gaps.windows(2).skip(4).all(|pair| pair[1] >= 2 * pair[0] - 8), "{gaps:?}");
            }
        }
    }
}

/// Without a loss the gate serves a fixed-point map as well, whatever the schedule; what is due
/// waits until the chain is long enough.
#[test]
fn waits_for_a_chain() {
    let gate = Gate::Prediction { error: 0.1, patience: 0 };
    for frequency in [1, 2, 3, 4, 7] {
        let config = Config { gate, frequency, ..Config::DEFAULT };
        let mut accelerator = Anderson::<N, 6, f64>::new();
        let (mut x, mut since) = ([1.0; N], 0);
        for _ in 0..200 {
            for (i, x) in x.iter_mut().enumerate() {
                *x -= 0.4 * curvature::<f64>(i) * *x;
            }
            since += 1;
            if let Step::Accelerated { .. } = accelerator.step(&config, &mut x).unwrap() {
                assert!(since >= frequency.max(4), "{since} {frequency}");
                since = 0;
            }
        }
        assert!(accelerator.stats().accelerated > 10, "{:?}", accelerator.stats());
        assert!(x.iter().all(|x| x.abs() < 1e-5), "{frequency} {x:?}");
    }
}

/// The same decisions in all units, as far as float32 goes.
#[test]
fn units_do_not_matter() {
    let run = |scale: f32| {
        let mut accelerator = Anderson::<N, 5>::new();
        let mut x = [scale; N];
        let mut random = Random::new(61);
        let mut steps = Vec::new();
        for _ in 0..300 {
            let scatter = 0.02 * scale;
            for (i, x) in x.iter_mut().enumerate() {
                *x -= 0.4 * curvature::<f32>(i) * *x + scatter * (random.uniform::<f32>() - 0.5);
            }
            let config = Config {
                gate: Gate::Prediction { error: 0.5, patience: 0 },
                safeguard: Safeguard::None,
                ..Config::DEFAULT
            };
            steps.push(accelerator.step(&config, &mut x).unwrap());
        }
        (steps, x.map(|x| x / scale), *accelerator.stats())
    };
    let (steps, x, stats) = run(1.0);
    assert!(stats.accelerated >= 3 && stats.unpredictable >= 3, "{stats:?}");
    for exponent in [-40, -11, 17, 40] {
        assert_eq!(run(2f32.powi(exponent)), (steps.clone(), x, stats), "{exponent}");
    }
}

/// A shut gate begins no chain and keeps the history; opened, it goes on as if nothing had been.
#[test]
fn a_shut_gate_leaves_everything() {
    let config = Config { frequency: 1, ..Config::MINI_BATCH };
    let mut accelerator = Anderson::<1, 5, f64>::new();
    assert!(accelerator.view().wants_start());
    for _ in 0..10 {
        assert_eq!(accelerator.step_with(&config, &mut [f64::NAN], |_| 0.0), Ok(Step::Waited));
        assert!(!accelerator.view().wants_start());
    }
    assert_eq!((accelerator.stats().slept, accelerator.stats().stored), (10, 0));
    let open = Config { gate: Gate::Open, ..config };
    for x in [1.0, 0.5, 0.25] {
        let mut x = [x];
        let step = accelerator.step_with(&open, &mut x, |x| x[0]).unwrap();
        assert_eq!(matches!(step, Step::Accelerated { .. }), accelerator.stats().stored == 3);
    }
    accelerator.view().forget();
    assert!(accelerator.view().wants_start());
}

#[test]
fn a_gate_needs_five_iterates_and_a_positive_error() {
    let (error, patience) = preset();
    let mut x = [0.0f32];
    let refused = Error::Config { field: "gate", requires: "a history of 5 iterates" };
    let step = Anderson::<1, 4>::new().step_with(&Config::MINI_BATCH, &mut x, |_| 0.0);
    assert_eq!(step, Err(refused));
    assert_eq!(
        Anderson::<1, 5>::new().step_with(&Config::MINI_BATCH, &mut x, |_| 0.0),
        Ok(Step::Waited)
    );
    for wrong in [0.0, -error, f64::NAN] {
        let config =
            Config { gate: Gate::Prediction { error: wrong, patience }, ..Config::MINI_BATCH };
        assert!(matches!(config.validate(), Err(Error::Config { field: "error", .. })));
    }
}
