//! The accelerator's calls: bad input, the schedule, the counts, reset, memory and size.

mod common;

use aadl_core::anderson::{
    Anderson, AndersonMut, Config, Gate, Memory, Reason, Safeguard, Solver, State, Stats, Step,
};
use aadl_core::least_squares::Regularization;
use aadl_core::random::Random;
use aadl_core::{Error, Real};
use common::{BARE, Borrowed, Map, bits, norm, vector, wide};

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

    let mut deeper = Borrowed::<f32>::new(4, 6);
    for step in 0..6 {
        deeper.view().step(&Config::DEFAULT, &mut [step as f32; 4]).unwrap();
    }
    // A history of 6 iterates, shown as one of 5.
    let b = &mut deeper;
    let memory = Memory {
        iterates: &mut b.iterates,
        gram: &mut b.gram,
        work: &mut b.work,
        exponents: &mut b.exponents,
        pivots: &mut b.pivots,
    };
    let error = AndersonMut::<f32>::new(4, 5, 7, memory, &mut b.state).unwrap_err();
    assert!(matches!(error, Error::Config { field: "state", .. }), "{error:?}");
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
/// A residual of two steps of the map and one of a single step do not meet in a solve.
#[test]
fn another_distance_of_stores_begins_with_no_residuals() {
    let mut accelerator = Anderson::<1, 6, f64>::new();
    let mut x = [1.0];
    let mut step = |store_each_nth, frequency| {
        x[0] *= 0.5;
        let config = Config { store_each_nth, frequency, ..BARE };
        accelerator.step(&config, &mut x).unwrap()
    };
    for _ in 0..4 {
        assert_eq!(step(1, u32::MAX), Step::Stored);
    }
    // The first residual of two steps is alone.
    assert_eq!([step(2, 1), step(2, 1), step(2, 1)], [Step::Waited, Step::Stored, Step::Waited]);
    assert!(matches!(step(2, 1), Step::Accelerated { columns_used: 1, columns_dropped: 0, .. }));
    assert!(x[0].abs() < 1e-15); // the map is linear: two of its residuals give the fixed point
}

#[test]
fn counts_add_up() {
    let mut random = Random::new(96);
    for trial in 0..40 {
        let n = 1 + random.below(6);
        let map = Map::new(&mut random, n, 8.0, 0.3);
        let mut x: Vec<f32> = vector(&mut random, n);
        let depth = 3 + random.below(6);
        let mut accelerator = Borrowed::<f32>::new(n, depth);
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
                gate: if depth < 5 || random.below(2) == 0 {
                    Gate::Open
                } else {
                    Gate::Prediction { error: 0.5, patience: 2 }
                },
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
                        Reason::Unpredictable => &mut expected.unpredictable,
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
        assert!(stats.slept + stats.stored <= stats.steps);
        expected.slept = stats.slept;
        assert_eq!(stats, expected, "trial {trial}");
        assert_eq!(stats.loss_evaluations, 2 * attempts);
        let sum = stats.non_finite_iterate
            + stats.non_finite_point
            + stats.non_finite_loss
            + stats.loss
            + stats.residual_grew
            + stats.zero_residual
            + stats.no_columns
            + stats.unpredictable;
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
