//! The accelerator at its limits: past convergence, after rejections, on bad input; its schedule,
//! its counts, its size.

mod common;

use aadl_core::anderson::{
    Anderson, AndersonMut, Config, Memory, Reason, Safeguard, Solver, State, Stats, Step,
};
use aadl_core::kernels::Gram;
use aadl_core::least_squares::Regularization;
use aadl_core::random::Random;
use aadl_core::{Error, Real};
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
                        // QR in float32 without a ridge takes weights from rounding now and then;
                        // they stay finite, and the safeguard brings the run back.
                        let rough = (solver, regularization) == (Solver::Qr, Regularization::None);
                        assert!(
                            rough || worst <= tolerance::FLOOR_F32,
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

// ---- Bad input ----

#[test]
fn an_iterate_that_is_not_finite_is_not_stored() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut random = Random::new(81);
        let map = Map::new(&mut random, 5, 20.0, 0.3);
        let config = Config { safeguard: Safeguard::None, ..Config::DEFAULT };
        let mut accelerator = Borrowed::<f32>::new(5, 6);
        let mut x: Vec<f32> = vector(&mut random, 5);
        for step in 0..60 {
            map.apply(&mut x);
            if step % 7 == 3 {
                let mut broken = x.clone();
                broken[step % 5] = bad;
                let (_, iterates, gram) = accelerator.snapshot();
                let before = bits(&broken);
                let done = accelerator.view().step(&config, &mut broken).unwrap();
                assert_eq!(done, Step::Rejected(Reason::NonFiniteIterate));
                assert_eq!(bits(&broken), before);
                let after = accelerator.snapshot();
                assert_eq!((after.1, after.2), (iterates, gram));
            }
            accelerator.view().step(&config, &mut x).unwrap();
            assert!(x.iter().all(|x| x.is_finite()));
        }
        assert_eq!(accelerator.state.stats().non_finite_iterate, 9);
        assert!(norm(&wide(&map.residual(&x))) < 1e-5);
    }
}

/// After an iterate that is lost, nobody knows how the next came about: the number of steps of
/// the map since the last store is another one, or the parameters were set anew.
#[test]
fn no_residual_is_made_across_a_lost_iterate() {
    let config = Config { store_each_nth: 2, frequency: u32::MAX, ..BARE };
    let mut accelerator = Anderson::<1, 5, f64>::new();
    let mut x = [0.0];
    let mut step = |x: &mut [f64; 1], value: f64| {
        x[0] = value;
        let done = accelerator.step(&config, x).unwrap();
        (done, accelerator.view().residual_norm())
    };
    assert_eq!(step(&mut x, 1.0).0, Step::Waited);
    assert_eq!(step(&mut x, 2.0).0, Step::Stored);
    assert_eq!(step(&mut x, 3.0).0, Step::Waited);
    assert_eq!(step(&mut x, f64::NAN).0, Step::Rejected(Reason::NonFiniteIterate));
    // The caller goes back to 2, where one step of the map leads to 3.
    assert_eq!(step(&mut x, 3.0), (Step::Stored, None));
    assert_eq!(step(&mut x, 4.0).0, Step::Waited);
    assert_eq!(step(&mut x, 5.0), (Step::Stored, Some(2.0)));
}

/// Calls that must fail, each in the midst of a run; the run goes on as one without them.
#[test]
fn errors_leave_no_trace() {
    let good = Config::DEFAULT;
    let nan = f64::NAN;
    let bad: Vec<(&str, Config)> = vec![
        ("relaxation", Config { relaxation: 0.0, ..good }),
        ("relaxation", Config { relaxation: -0.5, ..good }),
        ("relaxation", Config { relaxation: 1.0 + f64::EPSILON, ..good }),
        ("relaxation", Config { relaxation: nan, ..good }),
        ("store_each_nth", Config { store_each_nth: 0, ..good }),
        ("frequency", Config { frequency: 0, ..good }),
        ("regularization", Config { regularization: Regularization::Relative(-1e-9), ..good }),
        ("regularization", Config { regularization: Regularization::Relative(nan), ..good }),
        (
            "regularization",
            Config { regularization: Regularization::Absolute(f64::INFINITY), ..good },
        ),
        ("regularization", Config { regularization: Regularization::Absolute(nan), ..good }),
        ("growth", Config { safeguard: Safeguard::Residual { growth: 0.0 }, ..good }),
        ("growth", Config { safeguard: Safeguard::Residual { growth: nan }, ..good }),
        ("gamma_cap", Config { gamma_cap: 0.0, ..good }),
        ("gamma_cap", Config { gamma_cap: nan, ..good }),
        ("drop_tolerance", Config { drop_tolerance: -1e-20, ..good }),
        ("drop_tolerance", Config { drop_tolerance: 1.0, ..good }),
        ("drop_tolerance", Config { drop_tolerance: nan, ..good }),
    ];
    for (field, config) in &bad {
        let error = config.validate().unwrap_err();
        assert!(
            matches!(error, Error::Config { field: found, .. } if found == *field),
            "{error:?}"
        );
    }

    let mut random = Random::new(91);
    let map = Map::new(&mut random, 6, 30.0, 0.3);
    let mut x: Vec<f32> = vector(&mut random, 6);
    let mut y = x.clone();
    let (mut one, mut twin) = (Borrowed::<f32>::new(6, 5), Borrowed::<f32>::new(6, 5));
    for step in 0..60 {
        map.apply(&mut x);
        map.apply(&mut y);
        let (snapshot, before) = (one.snapshot(), bits(&x));
        let (field, config) = &bad[step % bad.len()];
        let error = one.view().step(config, &mut x).unwrap_err();
        assert!(matches!(error, Error::Config { field: found, .. } if found == *field));
        let error = one.view().step_with(config, &mut x, |_| panic!("no loss")).unwrap_err();
        assert!(matches!(error, Error::Config { field: found, .. } if found == *field));
        let guarded = Config { safeguard: Safeguard::Loss, ..good };
        assert_eq!(one.view().step(&guarded, &mut x), Err(Error::LossRequired));
        let qr = Config { solver: Solver::Qr, ..good };
        let (found, expected) = (3, AndersonMut::<f32>::qr_scratch(6, 5));
        assert_eq!(
            one.view().with_scratch(&mut [0.0; 3]).step(&qr, &mut x),
            Err(Error::Length { what: "scratch", expected, found })
        );
        for found in [0, 5, 7] {
            let mut wrong = vec![1.0; found];
            let length = |what| Error::Length { what, expected: 6, found };
            assert_eq!(one.view().step(&good, &mut wrong), Err(length("params")));
            assert_eq!(one.view().step_with(&good, &mut wrong, |_| 0.0), Err(length("params")));
            assert_eq!(one.view().start(&wrong), Err(length("x")));
            assert_eq!(wrong, vec![1.0; found]);
        }
        for index in [0, 5] {
            let mut wrong = [1.0; 6];
            wrong[index] = f32::NAN;
            assert_eq!(one.view().start(&wrong), Err(Error::NonFinite { what: "x", index }));
        }
        let error = one.view().step_range(&good, &mut x, 1..7, None).unwrap_err();
        assert_eq!(error, Error::Length { what: "params", expected: 7, found: 6 });
        assert!(one.view().step_range(&good, &mut x, usize::MAX - 6..usize::MAX, None).is_err());
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = 6..0;
        assert!(one.view().step_range(&good, &mut x, reversed, None).is_err());
        assert_eq!((one.snapshot(), bits(&x)), (snapshot, before));

        let done = one.view().step(&good, &mut x);
        assert_eq!(twin.view().step(&good, &mut y), done);
        assert_eq!(bits(&x), bits(&y));
    }
    assert_eq!(one.state, twin.state);
}

#[test]
fn memory_that_does_not_fit_is_named() {
    let attempt = |n: usize, depth, stride, change: &dyn Fn(&mut Borrowed<f32>)| {
        let mut b = Borrowed::<f32>::new(4, 5);
        change(&mut b);
        let memory = Memory {
            iterates: &mut b.iterates,
            gram: &mut b.gram,
            work: &mut b.work,
            exponents: &mut b.exponents,
            pivots: &mut b.pivots,
        };
        AndersonMut::<f32>::new(n, depth, stride, memory, &mut b.state).map(|a| a.dimension())
    };
    let keep = |_: &mut Borrowed<f32>| {};
    assert_eq!(attempt(4, 5, 7, &keep), Ok(4));
    for depth in [0, 1, 2, 33, usize::MAX] {
        let error = attempt(4, depth, 7, &keep).unwrap_err();
        assert!(matches!(error, Error::Config { field: "depth", .. }), "{error:?}");
    }
    let error = attempt(8, 5, 7, &keep).unwrap_err();
    assert!(matches!(error, Error::Config { field: "stride", .. }), "{error:?}");
    let length = |what, expected, found| Err(Error::Length { what, expected, found });
    assert_eq!(attempt(4, 5, 8, &keep), length("iterates", 40, 35));
    assert_eq!(attempt(4, 5, usize::MAX, &keep), length("iterates", usize::MAX, 35));
    assert_eq!(attempt(4, 5, 7, &|b| b.gram.truncate(24)), length("gram", 25, 24));
    assert_eq!(attempt(4, 5, 7, &|b| b.work.truncate(9)), length("work", 10, 9));
    assert_eq!(attempt(4, 5, 7, &|b| b.exponents.truncate(4)), length("exponents", 5, 4));
    assert_eq!(attempt(4, 5, 7, &|b| b.pivots.clear()), length("pivots", 5, 0));
}

// ---- Schedule and counts ----

/// What each of the first steps does: `.` waited, `s` stored, `A` accelerated.
fn pattern(config: Config, steps: usize) -> String {
    let mut random = Random::new(95);
    let map = Map::new(&mut random, 12, 100.0, 0.3);
    let mut x: Vec<f64> = vector(&mut random, 12);
    let mut accelerator = Borrowed::<f64>::new(12, 8);
    let letters: String = (0..steps)
        .map(|_| {
            map.apply(&mut x);
            match accelerator.view().step(&config, &mut x).unwrap() {
                Step::Waited => '.',
                Step::Stored => 's',
                Step::Accelerated { .. } => 'A',
                Step::Rejected(reason) => panic!("{reason:?}"),
            }
        })
        .collect();
    let count = |letter| letters.chars().filter(|l| *l == letter).count() as u32;
    let expected = Stats {
        steps: steps as u32,
        stored: count('s') + count('A'),
        accelerated: count('A'),
        ..Stats::ZERO
    };
    assert_eq!(*accelerator.state.stats(), expected);
    letters
}

#[test]
fn the_schedule_is_the_documented_one() {
    let config = |wait_iterations, store_each_nth, frequency| Config {
        wait_iterations,
        store_each_nth,
        frequency,
        ..BARE
    };
    // The third iterate makes the second residual.
    assert_eq!(pattern(config(0, 1, 1), 8), "ssAAAAAA");
    assert_eq!(pattern(config(0, 1, 2), 9), "sssAsAsAs");
    assert_eq!(pattern(config(0, 1, 3), 9), "ssAssAssA");
    assert_eq!(pattern(config(0, 1, 5), 11), "ssssAssssAs");
    // No multiple of the frequency within the first steps counts.
    assert_eq!(pattern(config(4, 1, 1), 8), "ssssAAAA");
    assert_eq!(pattern(config(4, 1, 2), 8), "sssssAsA");
    assert_eq!(pattern(config(5, 1, 3), 10), "sssssAssAs");
    // Due at 2, 4, 6, ..., each of them a store: 6 is the third.
    assert_eq!(pattern(config(0, 2, 2), 10), ".s.s.A.A.A");
    // Due at 3, 6, 9, 12: what falls between two stores waits for the next.
    assert_eq!(pattern(config(0, 2, 3), 14), ".s.s.A.s.A.A.s");
    assert_eq!(pattern(config(0, 3, 2), 15), "..s..s..A..A..A");
    assert_eq!(pattern(config(0, 3, 1), 12), "..s..s..A..A");
    assert_eq!(pattern(config(6, 3, 4), 15), "..s..s..A..A..s");
    assert_eq!(pattern(config(u32::MAX, 1, 1), 5), "sssss");
}

/// Every step is one of the four, every rejection has one cause, and the counts say so.
#[test]
fn counts_add_up() {
    let mut random = Random::new(96);
    for trial in 0..40 {
        let n = 1 + random.below(6);
        let map = Map::new(&mut random, n, 8.0, 0.3);
        let mut x: Vec<f32> = vector(&mut random, n);
        let mut accelerator = Borrowed::<f32>::new(n, 3 + random.below(6));
        let mut expected = Stats::ZERO;
        let mut attempts = 0;
        for _ in 0..300 {
            let safeguard = match random.below(3) {
                0 => Safeguard::None,
                1 => Safeguard::Loss,
                _ => Safeguard::Residual { growth: 0.8 },
            };
            let config = Config {
                safeguard,
                frequency: 1 + random.below(2) as u32,
                store_each_nth: 1 + random.below(2) as u32,
                gamma_cap: [1e6, 0.5][random.below(2)],
                ..Config::DEFAULT
            };
            map.apply(&mut x);
            if random.below(30) == 0 {
                x[0] = f32::NAN;
            }
            let mut calls = 0;
            let losses = [1.0, [0.5, 1.5, f32::NAN][random.below(3)]];
            let done = accelerator
                .view()
                .step_with(&config, &mut x, |_| {
                    calls += 1;
                    losses[calls as usize - 1]
                })
                .unwrap();
            assert_eq!(accelerator.view().last_step(), done);
            expected.steps += 1;
            expected.loss_evaluations += calls;
            attempts += u32::from(calls > 0);
            let mut stored = 1;
            match done {
                Step::Waited => stored = 0,
                Step::Stored => {}
                Step::Accelerated { columns_dropped, columns_used, gain } => {
                    expected.accelerated += 1;
                    expected.columns_dropped += u32::from(columns_dropped);
                    assert!(columns_used > 0 && gain >= 0.0);
                }
                Step::Rejected(reason) => {
                    let count = match reason {
                        Reason::NonFiniteIterate => &mut expected.non_finite_iterate,
                        Reason::NonFinitePoint => &mut expected.non_finite_point,
                        Reason::NonFiniteLoss => &mut expected.non_finite_loss,
                        Reason::Loss => &mut expected.loss,
                        Reason::ResidualGrew => &mut expected.residual_grew,
                        Reason::ZeroResidual => &mut expected.zero_residual,
                        Reason::NoColumns => &mut expected.no_columns,
                    };
                    *count += 1;
                    if matches!(reason, Reason::NonFiniteIterate | Reason::ResidualGrew) {
                        stored = 0;
                    }
                }
            }
            expected.stored += stored;
            if !x[0].is_finite() {
                x = vector(&mut random, n);
                accelerator.view().interrupt();
            }
        }
        let stats = *accelerator.state.stats();
        // Dropped columns and caps of rejected points are counted, too, but told by the counts only.
        expected.capped = stats.capped;
        assert!(stats.columns_dropped >= expected.columns_dropped);
        expected.columns_dropped = stats.columns_dropped;
        assert_eq!(stats, expected, "trial {trial}");
        assert_eq!(stats.loss_evaluations, 2 * attempts);
        let sum = stats.non_finite_iterate
            + stats.non_finite_point
            + stats.non_finite_loss
            + stats.loss
            + stats.residual_grew
            + stats.zero_residual
            + stats.no_columns;
        assert_eq!(stats.rejected(), sum);
        accelerator.view().reset();
        assert_eq!(accelerator.state, State::new());
    }
}

/// Residuals 1, then 1 - h: the line through them has its root at `gamma = -(1 - h) / h`.
#[test]
fn the_cap_bounds_the_weights_and_is_counted() {
    let h = 2f64.powi(-10);
    for (gamma_cap, capped) in [(1e6, 0), (2000.0, 0), (100.0, 1), (0.25, 1)] {
        let config = Config { gamma_cap, frequency: 3, ..BARE };
        let mut accelerator = Anderson::<1, 4, f64>::new();
        let mut x = [0.0];
        accelerator.step(&config, &mut x).unwrap();
        x[0] += 1.0;
        accelerator.step(&config, &mut x).unwrap();
        x[0] += 1.0 - h;
        let done = accelerator.step(&config, &mut x).unwrap();
        let gamma = -((1.0 - h) / h).min(gamma_cap);
        // x_1 + f_1 - gamma (dx + df)
        let expected = (2.0 - h) - gamma * (1.0 - h);
        assert!((x[0] - expected).abs() < 1e-9 * expected, "{x:?} instead of {expected}");
        assert_eq!(accelerator.stats().capped, capped);
        let Step::Accelerated { gain, .. } = done else { panic!("{done:?}") };
        let promised = ((1.0 - h) + gamma * h).abs() / (1.0 - h);
        assert!((f64::from(gain) - promised).abs() < 1e-6);
    }
}

/// A run after a reset is the run of a new one, whatever was left in memory.
#[test]
fn reset_forgets() {
    let mut random = Random::new(97);
    let map = Map::new(&mut random, 4, 30.0, 0.3);
    let x0: [f64; 4] = vector(&mut random, 4).try_into().unwrap();
    let run = |accelerator: &mut Anderson<4, 5, f64>| {
        let mut x = x0;
        let mut seen = Vec::new();
        for _ in 0..25 {
            map.apply(&mut x);
            accelerator.step(&Config::DEFAULT, &mut x).unwrap();
            seen.extend(bits(&x));
        }
        seen
    };
    let mut accelerator = Anderson::new();
    let first = run(&mut accelerator);
    accelerator.reset();
    assert_eq!(*accelerator.stats(), Stats::ZERO);
    assert_eq!(accelerator.view().last_step(), Step::Waited);
    assert_eq!(run(&mut accelerator), first);
    accelerator.view().reset();
    assert_eq!(run(&mut accelerator), first);
    assert_eq!(run(&mut Anderson::default()), first);
}

/// The owner and the borrowed form, whatever the stride and the rubbish in memory, agree.
#[test]
fn owner_and_view_are_the_same() {
    let mut random = Random::new(98);
    let map = Map::new(&mut random, 9, 30.0, 0.3);
    let mut x: [f32; 9] = vector(&mut random, 9).try_into().unwrap();
    let mut y = x.to_vec();
    let (mut owner, mut borrowed) = (Anderson::<9, 7>::new(), Borrowed::<f32>::new(9, 7));
    for _ in 0..50 {
        map.apply(&mut x);
        map.apply(&mut y);
        let done = owner.step(&Config::DEFAULT, &mut x);
        assert_eq!(borrowed.view().step(&Config::DEFAULT, &mut y), done);
        assert_eq!(bits(&x), bits(&y));
    }
    assert_eq!(owner.stats(), borrowed.state.stats());
}

/// Nothing is written between the columns.
#[test]
fn the_room_between_columns_is_not_touched() {
    let mut random = Random::new(99);
    let map = Map::new(&mut random, 5, 30.0, 0.3);
    let mut x: Vec<f32> = vector(&mut random, 5);
    let mut borrowed = Borrowed::<f32>::new(5, 4);
    for _ in 0..50 {
        map.apply(&mut x);
        borrowed.view().step(&Config::DEFAULT, &mut x).unwrap();
    }
    for (i, x) in borrowed.iterates.iter().enumerate() {
        assert_eq!(x.is_nan(), i % borrowed.stride >= 5, "{i}");
    }
}

// ---- Size ----

#[test]
fn the_size_is_the_documented_formula() {
    fn check<const N: usize, const M: usize, T: Real>() {
        let state = size_of::<State>();
        let formula = M * N * size_of::<T>() + 8 * M * M + 20 * M + state;
        let accelerator = Anderson::<N, M, T>::BYTES;
        assert_eq!(accelerator, formula);
        let align = align_of::<Anderson<N, M, T>>();
        assert_eq!(size_of::<Anderson<N, M, T>>(), formula.next_multiple_of(align));
    }
    check::<0, 3, f32>();
    check::<1, 3, f32>();
    check::<1, 3, f64>();
    check::<3, 5, f32>();
    check::<7, 5, f64>();
    check::<115, 10, f32>();
    check::<2410, 10, f32>();
    check::<2410, 16, f64>();
    check::<13, 31, f32>();
    check::<64, 32, f64>();
    // O(M) rest: the state does not grow.
    assert!(size_of::<State>() <= 160, "{}", size_of::<State>());
}
