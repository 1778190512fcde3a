//! The fixed-point loop: why it stops, where, and what it has cost.

mod common;

use aadl_core::Error;
use aadl_core::anderson::{Anderson, Config, Safeguard, Solution, Stop, solve};
use aadl_core::math::Libm;
use aadl_core::random::Random;
use common::{BARE, Borrowed, Map, bits, norm, vector};

#[test]
fn a_solution_is_the_maps_value_at_a_point_with_that_residual() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let n = 2 + random.below(20);
        let map = Map::new(&mut random, n, 50.0, 0.3);
        let mut x: Vec<f64> = vector(&mut random, n);
        let mut last = Vec::new();
        let mut calls = 0;
        let mut accelerator = Borrowed::<f64>::new(n, 8);
        let solution = solve(&mut accelerator.view(), &Config::DEFAULT, &mut x, 1e-10, 2000, |x| {
            last = x.to_vec();
            map.apply(x);
            calls += 1;
        })
        .unwrap();
        assert_eq!((solution.stop, solution.evaluations), (Stop::Converged, calls));
        let f: Vec<f64> = x.iter().zip(&last).map(|(new, old)| new - old).collect();
        assert!(norm(&f) <= 1e-10 && (norm(&f) - solution.residual).abs() < 1e-24);
        map.apply(&mut last);
        assert_eq!(bits(&x), bits(&last));
        assert!(norm(&map.residual(&x)) <= 1e-10);

        // Again, from what the accelerator holds: it is forgotten first.
        let mut y: Vec<f64> = vector(&mut Random::new(seed + 100), n);
        let mut z = y.clone();
        let run = |accelerator: &mut Borrowed<f64>, x: &mut [f64]| {
            solve(&mut accelerator.view(), &Config::DEFAULT, x, 1e-8, 2000, |x| map.apply(x))
        };
        assert_eq!(run(&mut accelerator, &mut y), run(&mut Borrowed::new(n, 8), &mut z));
        assert_eq!(bits(&y), bits(&z));
    }
}

#[test]
fn the_limit_is_kept() {
    let mut random = Random::new(71);
    let map = Map::new(&mut random, 5, 50.0, 0.3);
    for limit in [0, 1, 2, 7] {
        let mut x: Vec<f64> = vector(&mut random, 5);
        let mut calls = 0;
        let mut accelerator = Borrowed::<f64>::new(5, 6);
        let solution = solve(&mut accelerator.view(), &BARE, &mut x, 0.0, limit, |x| {
            map.apply(x);
            calls += 1;
        })
        .unwrap();
        assert_eq!((solution.stop, solution.evaluations), (Stop::Limit, limit));
        assert_eq!(calls, limit);
        assert_eq!(solution.residual.is_nan(), limit == 0);
    }
}

/// A map without a value beyond 9.5, whose residual has its root at 12: jumps there are taken back,
/// and the end comes only when the map itself has gone too far.
#[test]
fn only_a_plain_point_without_a_value_is_the_end() {
    let mut accelerator = Anderson::<1, 4, f64>::new();
    let mut x = [0.0];
    let mut without = 0;
    let solution = solve(&mut accelerator.view(), &Config::DEFAULT, &mut x, 1e-3, 500, |x| {
        without += u32::from(x[0] > 9.5);
        x[0] = if x[0] > 9.5 { f64::NAN } else { x[0] + 0.1 * (12.0 - x[0]) };
    })
    .unwrap();
    assert_eq!(solution.stop, Stop::NonFinite);
    let stats = accelerator.stats();
    assert_eq!(stats.residual_grew + stats.non_finite_iterate, without);
    assert!(stats.residual_grew > 3 && stats.non_finite_iterate == 1, "{stats:?}");

    let result = solve(&mut accelerator.view(), &Config::DEFAULT, &mut x, 1e-3, 500, |_| ());
    assert_eq!(result, Err(Error::NonFinite { what: "x", index: 0 }));
}

#[test]
fn bad_calls_evaluate_nothing() {
    let mut accelerator = Anderson::<2, 4, f64>::new();
    let mut attempt = |config: &Config, x: &mut [f64], tolerance| -> Result<Solution, Error> {
        solve(&mut accelerator.view(), config, x, tolerance, 10, |_| panic!("evaluated"))
    };
    for tolerance in [-1.0, f64::NAN] {
        let error = attempt(&BARE, &mut [0.0; 2], tolerance).unwrap_err();
        assert!(matches!(error, Error::Config { field: "tolerance", .. }), "{error:?}");
    }
    assert!(matches!(attempt(&BARE, &mut [0.0; 3], 0.0), Err(Error::Length { .. })));
    let error = attempt(&Config { frequency: 0, ..BARE }, &mut [0.0; 2], 0.0).unwrap_err();
    assert!(matches!(error, Error::Config { field: "frequency", .. }), "{error:?}");
    let guarded = Config { safeguard: Safeguard::Loss, ..BARE };
    assert_eq!(attempt(&guarded, &mut [0.0; 2], 0.0), Err(Error::LossRequired));
}

/// What the example `quadratics` prints, held to its bounds: evaluations to a relative residual of
/// 1e-6 on positive definite quadratics, default settings, 9 and 16 iterates, medians of 3 seeds.
/// Measured: 77, 239, 731 and 73, 227, 703.
#[test]
fn quadratics_take_few_evaluations() {
    const N: usize = 200;
    for (condition, most) in [(1e2, 80), (1e3, 250), (1e4, 750)] {
        for depth in [9, 16] {
            let mut counts = [0, 1, 2].map(|seed| {
                let mut random = Random::new(seed);
                let eigenvalue = |i| f64::powf(condition, f64::from(i) / (N as f64 - 1.0) - 1.0);
                let a: Vec<f64> = (0..N as u32).map(eigenvalue).collect();
                let b: Vec<f64> = (0..N).map(|_| random.normal::<f64, Libm>()).collect();
                let map = |x: &mut [f64]| {
                    for ((x, a), b) in x.iter_mut().zip(&a).zip(&b) {
                        *x -= a * *x - b;
                    }
                };
                let (mut x, tolerance) = (vec![0.0; N], 1e-6 * norm(&b));
                let mut accelerator = Borrowed::<f64>::new(N, depth);
                let mut view = accelerator.view();
                let found = solve(&mut view, &Config::DEFAULT, &mut x, tolerance, 2000, map);
                let found = found.unwrap();
                assert_eq!(found.stop, Stop::Converged);
                found.evaluations
            });
            counts.sort_unstable();
            assert!(counts[1] <= most, "condition {condition:e}, depth {depth}: {counts:?}");
        }
    }
}
