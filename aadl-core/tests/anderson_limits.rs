//! The accelerator at its limits: past convergence, after rejections.

mod common;

use aadl_core::Real;
use aadl_core::anderson::{Anderson, Config, Reason, Safeguard, Solver, Step};
use aadl_core::kernels::Gram;
use aadl_core::least_squares::Regularization;
use aadl_core::random::Random;
use common::{BARE, Borrowed, Map, bits, norm, tolerance, vector, wide};

// ---- Past convergence ----

/// `n` numbers, `depth` iterates: 400 steps past the point where plain rounding holds the
/// residual. Returns the largest relative residual over the last 300.
fn past_convergence<T: Real>(map: &Map, config: &Config, depth: usize, seed: u64) -> f64 {
    let n = map.b.len();
    let mut random = Random::new(seed);
    let mut x: Vec<T> = vector(&mut random, n);
    let mut accelerator = Borrowed::<T>::new(n, depth);
    // What the residual is made of: rounding is relative to this.
    let size = |x: &[T]| map.step * (norm(&map.b) + norm(&wide(x)) / map.step);
    let mut worst = 0.0f64;
    let mut reached = None;
    for step in 0..4000 {
        map.apply(&mut x);
        accelerator.view().step(config, &mut x).unwrap();
        assert!(x.iter().all(|x| x.is_finite()), "{config:?}, step {step}");
        let residual = norm(&wide(&map.residual(&x))) / size(&x);
        if residual <= tolerance::FLOOR_F32 && reached.is_none() {
            reached = Some(step);
        }
        if let Some(first) = reached {
            if step >= first + 100 {
                worst = worst.max(residual);
            }
            if step >= first + 400 {
                break;
            }
        }
    }
    assert!(reached.is_some(), "{config:?} did not converge");
    let stats = accelerator.state.stats();
    assert_eq!(stats.non_finite_iterate, 0);
    assert_eq!(stats.non_finite_point, 0, "{config:?}: {stats:?}");
    worst
}

#[test]
fn four_hundred_steps_past_convergence_in_float32() {
    for seed in 0..12 {
        let mut random = Random::new(500 + seed);
        let condition = [3.0, 30.0, 300.0][random.below(3)];
        let bend = [0.0, 0.3][random.below(2)];
        // The last two have fewer rows than columns.
        for (n, depth) in [(40, 10), (7, 5), (2, 10), (1, 6)] {
            let map = Map::new(&mut random, n, condition, bend);
            for gram in [Gram::Exact, Gram::Wide] {
                for regularization in [
                    Config::DEFAULT.regularization,
                    Regularization::Relative(1e-6),
                    Regularization::None,
                ] {
                    for (frequency, solver) in [
                        (1, Solver::Cholesky),
                        (2, Solver::Cholesky),
                        (1, Solver::Qr),
                        (2, Solver::Qr),
                    ] {
                        let config =
                            Config { gram, regularization, frequency, solver, ..Config::DEFAULT };
                        let worst = past_convergence::<f32>(&map, &config, depth, seed);
                        assert!(
                            worst <= tolerance::FLOOR_F32,
                            "{config:?}, n {n}, seed {seed}: {worst:e}"
                        );
                        let bare = Config { safeguard: Safeguard::None, ..config };
                        past_convergence::<f32>(&map, &bare, depth, seed);
                    }
                }
            }
        }
    }
}

/// Residuals that hardly change: their differences are all rounding, in a wide Gram even negative
/// squares. Those are columns to drop, not numbers that are not finite, and no weights at random.
#[test]
fn columns_lost_to_cancellation_are_dropped() {
    let mut random = Random::new(51);
    for (change, lost) in [(1e-9, true), (1e-5, false)] {
        for trial in 0..100 {
            let n = 3 + random.below(40);
            let f: Vec<f64> = vector(&mut random, n);
            let mut x: Vec<f64> = vec![0.0; n];
            let mut accelerator = Borrowed::<f64>::new(n, 8);
            let config = Config { safeguard: Safeguard::Loss, frequency: 1, ..BARE };
            for step in 0..20 {
                let noise: Vec<f64> = vector(&mut random, n);
                for ((x, f), noise) in x.iter_mut().zip(&f).zip(&noise) {
                    *x += f * (1.0 + change * noise);
                }
                // A loss that rejects, so that the stream of residuals goes on.
                let done = accelerator.view().step_with(&config, &mut x, |_| 0.0).unwrap();
                let expected = match (step, lost) {
                    (0 | 1, _) => Step::Stored,
                    (_, true) => Step::Rejected(Reason::NoColumns),
                    (_, false) => Step::Rejected(Reason::Loss),
                };
                assert_eq!(done, expected, "change {change}, trial {trial}, step {step}");
            }
        }
    }
}

/// A stream of residuals that are all the same, to the bit, then zero.
#[test]
fn constant_and_zero_residuals_are_told() {
    for gram in [Gram::Exact, Gram::Wide] {
        for regularization in [Config::DEFAULT.regularization, Regularization::None] {
            let config = Config { gram, regularization, frequency: 1, ..Config::DEFAULT };
            let mut accelerator = Anderson::<3, 5>::new();
            let mut x = [0.0f32; 3];
            accelerator.view().start(&x).unwrap();
            for (residual, reason) in
                [([0.5, -3.0, 1.0], Reason::NoColumns), ([0.0; 3], Reason::ZeroResidual)]
            {
                for step in 0..30 {
                    x.iter_mut().zip(residual).for_each(|(x, f)| *x += f);
                    let before = x;
                    let done = accelerator.step(&config, &mut x).unwrap();
                    if (reason, step) == (Reason::NoColumns, 0) {
                        assert_eq!(done, Step::Stored);
                    } else {
                        assert_eq!(done, Step::Rejected(reason), "step {step}");
                    }
                    assert_eq!(bits(&x), bits(&before));
                }
            }
        }
    }
}

// ---- Restoration ----

/// A run in which every jump is rejected, beside the plain map: the same bits all along.
fn rejected_runs_are_plain_runs<T: Real>(
    reason: Reason,
    mut losses: impl FnMut(u32) -> (f64, f64),
) {
    for seed in 0..10 {
        let mut random = Random::new(600 + seed);
        let n = 1 + random.below(20);
        let map = Map::new(&mut random, n, 50.0, 0.3);
        let mut x: Vec<T> = vector(&mut random, n);
        let mut plain = x.clone();
        let mut accelerator = Borrowed::<T>::new(n, 6);
        let config = Config { safeguard: Safeguard::Loss, ..Config::DEFAULT };
        let mut rejected = 0;
        for step in 0..60 {
            map.apply(&mut x);
            map.apply(&mut plain);
            let (first, second) = losses(step);
            let mut calls = 0;
            let before = plain.clone();
            let done = accelerator
                .view()
                .step_with(&config, &mut x, |p| {
                    calls += 1;
                    if calls == 1 {
                        assert_eq!(bits(p), bits(&before), "the first loss is the plain one");
                    }
                    T::from_f64(if calls == 1 { first } else { second })
                })
                .unwrap();
            assert_eq!(bits(&x), bits(&plain), "seed {seed}, step {step}: {done:?}");
            match done {
                Step::Rejected(found) => {
                    assert_eq!((found, calls), (reason, 2));
                    rejected += 1;
                }
                done => assert_eq!((done, calls), (Step::Stored, 0)),
            }
        }
        let stats = accelerator.state.stats();
        assert_eq!(rejected, 29, "every second step, but for the first with one residual only");
        assert_eq!((stats.rejected(), stats.loss_evaluations), (29, 58));
        assert_eq!((stats.accelerated, stats.stored), (0, 60));
    }
}

#[test]
fn a_loss_that_does_not_fall_restores_the_plain_point() {
    rejected_runs_are_plain_runs::<f32>(Reason::Loss, |_| (1.0, 1.0));
    rejected_runs_are_plain_runs::<f64>(Reason::Loss, |step| (step.into(), f64::from(step) + 1e-9));
}

#[test]
fn a_loss_that_is_not_finite_restores_the_plain_point() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        rejected_runs_are_plain_runs::<f32>(Reason::NonFiniteLoss, |_| (1.0, bad));
        rejected_runs_are_plain_runs::<f64>(Reason::NonFiniteLoss, |_| (bad, 0.5));
        rejected_runs_are_plain_runs::<f64>(Reason::NonFiniteLoss, |_| (bad, bad));
    }
}

/// Residuals that overflow when mixed: the point is rejected before any second loss.
#[test]
fn a_point_that_overflows_is_restored() {
    let config = Config {
        gamma_cap: f64::INFINITY,
        frequency: 2,
        safeguard: Safeguard::Loss,
        drop_tolerance: 0.0,
        ..BARE
    };
    let mut accelerator = Anderson::<2, 4>::new();
    // Residuals (1, s) and (1 + 2^-20, s): the weights are about 2^20.
    let big = f32::MAX / 8.0;
    accelerator.view().start(&[0.0, 0.0]).unwrap();
    let mut x = [big, big * 0.5];
    assert_eq!(accelerator.step_with(&config, &mut x, |_| 0.0), Ok(Step::Stored));
    x = [big + big * (1.0 - 1e-6), big];
    let before = x;
    let mut calls = 0;
    let done = accelerator.step_with(&config, &mut x, |_| {
        calls += 1;
        0.0
    });
    assert_eq!(done, Ok(Step::Rejected(Reason::NonFinitePoint)));
    assert_eq!(x, before);
    assert_eq!(calls, 1);
    assert_eq!(accelerator.stats().loss_evaluations, 1);
    assert_eq!(accelerator.stats().non_finite_point, 1);
}

/// How the map misbehaves at the point after a jump.
#[derive(Clone, Copy, Debug)]
enum Explosion {
    Large,
    Overflow,
    NotANumber,
    Infinite,
}

/// Every jump is followed by a residual that explodes. The parameters then are those before the
/// jump, to the bit, and what follows is the run of an accelerator which never jumped there.
#[test]
fn an_exploding_residual_takes_the_jump_back() {
    let explosions =
        [Explosion::Large, Explosion::Overflow, Explosion::NotANumber, Explosion::Infinite];
    let (mut all_taken_back, mut all_kept) = (0, 0);
    for seed in 0..24 {
        let explosion = explosions[seed as usize % 4];
        let mut random = Random::new(700 + seed);
        let (n, depth) = (2 + random.below(12), 4 + random.below(8));
        let frequency = 2 + random.below(3) as u32;
        let map = Map::new(&mut random, n, 40.0, 0.3);
        // So large that only the explosions exceed it.
        let safeguard = Safeguard::Residual { growth: 1e3 };
        let config = Config { frequency, safeguard, ..Config::DEFAULT };
        let never = Config { frequency: u32::MAX, ..config };
        let mut x: Vec<f32> = vector(&mut random, n);
        let mut y = x.clone();
        let (mut one, mut twin) = (Borrowed::<f32>::new(n, depth), Borrowed::<f32>::new(n, depth));
        let mut explode = false;
        let (mut taken_back, mut kept) = (0, 0);
        for step in 0..60 {
            let what = format!("seed {seed}, {explosion:?}, step {step}");
            if explode {
                // The twin does not have this step: it still is where the jump began.
                match explosion {
                    Explosion::Large => x.iter_mut().for_each(|x| *x += 1e6),
                    Explosion::Overflow => x.iter_mut().for_each(|x| *x = f32::MAX),
                    Explosion::NotANumber => x[n - 1] = f32::NAN,
                    Explosion::Infinite => x[0] = f32::NEG_INFINITY,
                }
                let done = one.view().step(&config, &mut x).unwrap();
                assert_eq!(done, Step::Rejected(Reason::ResidualGrew), "{what}");
                assert_eq!(bits(&x), bits(&y), "{what}");
                explode = false;
                taken_back += 1;
                continue;
            }
            map.apply(&mut x);
            map.apply(&mut y);
            assert_eq!(bits(&x), bits(&y), "{what}");
            let done = one.view().step(&config, &mut x).unwrap();
            if let Step::Accelerated { .. } = done {
                explode = random.below(3) < 2;
                kept += u32::from(!explode);
            }
            let done_twin = if explode {
                twin.view().step(&never, &mut y).unwrap()
            } else {
                // The twin's count of steps is behind; what is due is told it.
                let due = !matches!(done, Step::Stored);
                let told = Config { frequency: if due { 1 } else { u32::MAX }, ..config };
                twin.view().step(&told, &mut y).unwrap()
            };
            assert_eq!(done_twin, if explode { Step::Stored } else { done }, "{what}");
        }
        assert_eq!(one.state.stats().residual_grew, taken_back);
        let pending = u32::from(explode);
        assert_eq!(one.state.stats().accelerated, taken_back + kept + pending);
        all_taken_back += taken_back;
        all_kept += kept;
    }
    assert!(all_taken_back > 150 && all_kept > 60, "{all_taken_back}, {all_kept}");
}

/// Two equal residuals make a column of zeros, which is no reason not to use the others.
#[test]
fn a_column_of_zeros_does_not_hide_the_others() {
    fn check<T: Real>() {
        for regularization in
            [Regularization::None, Regularization::Relative(1e-6), Regularization::Absolute(1e-3)]
        {
            for solver in [Solver::Cholesky, Solver::Qr] {
                let config = Config { frequency: 4, regularization, solver, ..BARE };
                let mut accelerator = Borrowed::<T>::new(2, 5);
                let mut x = [T::ZERO; 2];
                let mut done = Step::Waited;
                for residual in [0.0, 1.0, 1.0, 0.5] {
                    x[0] += T::from_f64(residual);
                    done = accelerator.view().step(&config, &mut x).unwrap();
                }
                // The residual shrinks by a half where it changes: it ends 0.5 further on.
                assert!(matches!(done, Step::Accelerated { .. }), "{config:?}: {done:?}");
                assert!((x[0].to_f64() - 3.0).abs() < 2e-2, "{config:?}: {x:?}");
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn the_residual_may_grow_as_far_as_allowed() {
    // x stands still after the jump but for a residual of the given size.
    for (growth, factor, rejected) in
        [(2.0, 1.9, false), (2.0, 2.1, true), (0.5, 0.4, false), (0.5, 0.6, true)]
    {
        let config =
            Config { frequency: 3, safeguard: Safeguard::Residual { growth }, ..Config::DEFAULT };
        let mut accelerator = Anderson::<1, 4, f64>::new();
        let mut x = [0.0];
        for residual in [1.0, 0.75, 0.5] {
            x[0] += residual;
            accelerator.step(&config, &mut x).unwrap();
        }
        // The last residual before the jump is 0.5.
        assert!(matches!(accelerator.view().last_step(), Step::Accelerated { .. }));
        x[0] += 0.5 * factor;
        let done = accelerator.step(&config, &mut x).unwrap();
        assert_eq!(done == Step::Rejected(Reason::ResidualGrew), rejected, "{growth}, {factor}");
        assert_eq!(x[0] == 2.25, rejected);
    }
}
