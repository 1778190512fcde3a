//! The learning-rate-free engine.

use aadl_core::Error;
use aadl_core::kernels::Column;
use aadl_core::least_squares::Regularization;
use aadl_core::multisecant::{
    Asked, Bounds, Config, Memory, Multisecant, MultisecantMut, Reason, State, Told, bytes,
};
use aadl_core::random::Random;

const N: usize = 6;
/// Between these there is no number.
const INFINITE: Bounds<'_> = Bounds::Uniform { lower: f32::INFINITY, upper: f32::INFINITY };

/// `1/2 sum_i w_i (x_i - 1)^2`, `w` from 1 to 32.
fn quadratic(x: &[f32; N]) -> (f32, [f32; N]) {
    let weight = |i: usize| (1u32 << i) as f32;
    let gradient = core::array::from_fn(|i| weight(i) * (x[i] - 1.0));
    let loss = (0..N).map(|i| 0.5 * weight(i) * (x[i] - 1.0) * (x[i] - 1.0)).sum();
    (loss, gradient)
}

fn descend<const M: usize, C: Column>(
    config: &Config<'_>,
    steps: usize,
) -> ([f32; N], Multisecant<N, M, C>) {
    let mut engine = Multisecant::<N, M, C>::new();
    let mut x = [0.0; N];
    for _ in 0..steps {
        let (loss, mut gradient) = quadratic(&x);
        engine.tell(config, &mut x, loss, &mut gradient).unwrap();
        engine.ask(config, &mut x).unwrap();
        assert!(x.iter().all(|x| x.is_finite()));
    }
    (x, engine)
}

fn close(x: &[f32; N], to: &[f32; N], tolerance: f32) -> bool {
    x.iter().zip(to).all(|(x, to)| (x - to).abs() <= tolerance)
}

#[test]
fn every_format_finds_the_minimum_and_stays_there() {
    let check = |x: [f32; N]| assert!(close(&x, &[1.0; N], 1e-5), "{x:?}");
    // Past convergence, where all there is is rounding.
    for steps in [40, 400] {
        check(descend::<10, i16>(&Config::DEFAULT, steps).0);
        check(descend::<10, f32>(&Config::DEFAULT, steps).0);
        check(descend::<5, i8>(&Config::DEFAULT, steps).0);
        // One pair is little more than gradient descent.
        check(descend::<1, i16>(&Config::DEFAULT, 2 * steps).0);
        check(descend::<32, i16>(&Config::DEFAULT, steps).0);
        let alone = |balance| Config { balance, ..Config::DEFAULT };
        check(descend::<10, i16>(&alone(0.0), steps).0);
        check(descend::<10, i16>(&alone(f32::INFINITY), steps).0);
    }
}

/// The lengths that steps are measured in, after as many pairs: found from all of them when there are two, four,
/// eight.
fn lengths(dx: &[[f64; N]], dg: &[[f64; N]]) -> [f64; N] {
    let mut c = [1.0f64; N];
    for pairs in [2, 4, 8].into_iter().filter(|pairs| *pairs <= dx.len()) {
        let prior = 2.0 / N as f64;
        let (mut steps, mut changes) = ([prior; N], [prior; N]);
        for (s, y) in dx.iter().zip(dg).take(pairs) {
            let s2: f64 = (0..N).map(|i| (s[i] / c[i]).powi(2)).sum();
            let y2: f64 = (0..N).map(|i| (y[i] * c[i]).powi(2)).sum();
            for i in 0..N {
                steps[i] += s[i] * s[i] / s2;
                changes[i] += y[i] * y[i] / y2;
            }
        }
        c = core::array::from_fn(|i| ((steps[i] / changes[i]).log2().round() / 4.0).exp2());
    }
    c
}

/// The first steps of both directions against textbook recursions in float64 on explicit vectors.
#[test]
fn directions_are_the_textbook_ones() {
    type Vector = [f64; N];
    let dot = |a: &Vector, b: &Vector| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let plus =
        |a: &Vector, s: f64, b: &Vector| -> Vector { core::array::from_fn(|i| a[i] + s * b[i]) };
    const ALL: f32 = f32::INFINITY;
    for (balance, pairs) in [(0.0, 1), (0.0, 2), (0.0, 4), (ALL, 1), (ALL, 2), (ALL, 3)] {
        let config = Config { balance, regularization: Regularization::None, ..Config::DEFAULT };
        let mut engine = Multisecant::<N, 4, f32>::new();
        let mut x = [0.0f32; N];
        let (mut points, mut gradients) = (Vec::new(), Vec::new());
        for _ in 0..=pairs {
            let (loss, mut gradient) = quadratic(&x);
            points.push(x.map(f64::from));
            gradients.push(gradient.map(f64::from));
            assert!(!matches!(
                engine.tell(&config, &mut x, loss, &mut gradient),
                Ok(Told::Rejected(_)) | Err(_)
            ));
            engine.ask(&config, &mut x).unwrap();
        }
        let differences = |of: &[Vector]| -> Vec<Vector> {
            of.windows(2).map(|two| plus(&two[1], -1.0, &two[0])).collect()
        };
        let (mut dx, mut dg) = (differences(&points), differences(&gradients));
        let (point, mut g) = (points[pairs], gradients[pairs]);
        let c = lengths(&dx, &dg);
        for i in 0..N {
            dx.iter_mut().for_each(|s| s[i] /= c[i]);
            dg.iter_mut().for_each(|y| y[i] *= c[i]);
            g[i] *= c[i];
        }
        let d = if balance == 0.0 {
            // Nocedal & Wright, algorithm 7.4.
            let mut q = g;
            let mut alphas = Vec::new();
            for (s, y) in dx.iter().zip(&dg).rev() {
                let alpha = dot(s, &q) / dot(s, y);
                q = plus(&q, -alpha, y);
                alphas.push(alpha);
            }
            let scaling = dot(&dx[pairs - 1], &dg[pairs - 1]) / dot(&dg[pairs - 1], &dg[pairs - 1]);
            let mut r = q.map(|q| scaling * q);
            for ((s, y), alpha) in dx.iter().zip(&dg).zip(alphas.iter().rev()) {
                r = plus(&r, alpha - dot(y, &r) / dot(s, y), s);
            }
            r.map(|r| -r)
        } else {
            // Gram-Schmidt gives gamma of any number of columns: the projection and its preimage.
            let (mut ys, mut ss) = (dg.clone(), dx.clone());
            let (mut residual, mut step) = (g, [0.0; N]);
            for j in 0..pairs {
                for i in 0..j {
                    let factor = dot(&ys[j], &ys[i]) / dot(&ys[i], &ys[i]);
                    ys[j] = plus(&ys[j], -factor, &ys[i].clone());
                    ss[j] = plus(&ss[j], -factor, &ss[i].clone());
                }
                let gamma = dot(&residual, &ys[j]) / dot(&ys[j], &ys[j]);
                residual = plus(&residual, -gamma, &ys[j]);
                step = plus(&step, -gamma, &ss[j]);
            }
            let newest = (&dx[pairs - 1], &dg[pairs - 1]);
            // Mixed with twice the long step.
            let theta = 2.0 * dot(newest.0, newest.0) / dot(newest.0, newest.1);
            plus(&step, -theta, &residual)
        };
        let d: Vector = core::array::from_fn(|i| c[i] * d[i]);
        let expected = plus(&point, 1.0, &d);
        let size = dot(&d, &d).sqrt();
        for (x, expected) in x.iter().zip(&expected) {
            let error = (f64::from(*x) - expected).abs() / size;
            assert!(error < 2e-3, "balance {balance}, {pairs} pairs: {error}");
        }
    }
}

#[test]
fn a_rejected_point_is_restored_to_the_bit_and_the_step_shortened() {
    let config = Config::DEFAULT;
    for (loss, gradient, reason) in [
        (1e9, 1.0, Reason::Loss),
        (f32::NAN, 1.0, Reason::NonFiniteLoss),
        (f32::INFINITY, 1.0, Reason::NonFiniteLoss),
        (1.0, f32::NAN, Reason::NonFiniteGradient),
        (1.0, f32::MAX, Reason::NonFiniteGradient),
    ] {
        let (_, mut engine) = descend::<10, i16>(&config, 3);
        let mut accepted = [0.0; N];
        // What is accepted is known after the next evaluation.
        engine.ask(&config, &mut accepted).unwrap();
        let (value, mut g) = quadratic(&accepted);
        engine.tell(&config, &mut accepted, value, &mut g).unwrap();
        let before = *engine.stats();
        let mut distance = f32::INFINITY;
        for rejections in 1..=5 {
            let mut x = [f32::NAN; N];
            let asked = engine.ask(&config, &mut x).unwrap();
            assert_eq!(asked == Asked::Shortened, rejections > 1);
            let moved: f32 = x.iter().zip(&accepted).map(|(x, a)| (x - a).abs()).sum();
            assert!(moved < distance && moved > 0.0);
            distance = moved;
            let told = engine.tell(&config, &mut x, loss, &mut [gradient; N]).unwrap();
            assert_eq!(told, Told::Rejected(reason));
            assert_eq!(x.map(f32::to_bits), accepted.map(f32::to_bits));
        }
        let stats = engine.stats();
        assert_eq!((stats.rejected() - before.rejected(), stats.restarts), (5, 1));
        // The pairs are given up; the engine goes on.
        let mut x = accepted;
        assert_eq!(engine.ask(&config, &mut x), Ok(Asked::Gradient));
        for _ in 0..60 {
            let (loss, mut gradient) = quadratic(&x);
            engine.tell(&config, &mut x, loss, &mut gradient).unwrap();
            engine.ask(&config, &mut x).unwrap();
        }
        assert!(close(&x, &[1.0; N], 1e-5), "{x:?}");
    }
}

/// Curvatures from 1 to 1e4 along the axes: steps are measured in lengths that follow them.
#[test]
fn parameters_of_other_units_cost_little() {
    const M: usize = 60;
    let evaluations = |spread: f32| {
        let weight = |i: usize| spread.powf(i as f32 / (M - 1) as f32);
        let mut engine = Multisecant::<M, 5>::new();
        let mut x = [1.0f32; M];
        for evaluation in 1..1000 {
            let mut gradient = core::array::from_fn(|i| weight(i) * x[i]);
            let loss = (0..M).map(|i| 0.5 * weight(i) * x[i] * x[i]).sum();
            engine.tell(&Config::DEFAULT, &mut x, loss, &mut gradient).unwrap();
            if loss < 1e-3 {
                return evaluation;
            }
            engine.ask(&Config::DEFAULT, &mut x).unwrap();
        }
        1000
    };
    let (same, other) = (evaluations(1.0), evaluations(1e4));
    // Without a scaling it is 491.
    assert!(same <= 4 && other < 150, "{same} and {other}");
}

/// What has neither a gradient nor a value is nothing at all, though exponents are kept with the gradient.
#[test]
fn zeros_stay_zeros() {
    const UNUSED: [usize; 2] = [1, 4];
    let mut engine = Multisecant::<N>::new();
    let mut x = [0.0; N];
    for _ in 0..40 {
        let (_, mut gradient) = quadratic(&x);
        UNUSED.iter().for_each(|i| gradient[*i] = 0.0);
        let loss = (0..N).map(|i| 0.5 * gradient[i] * (x[i] - 1.0)).sum();
        engine.tell(&Config::DEFAULT, &mut x, loss, &mut gradient).unwrap();
        engine.ask(&Config::DEFAULT, &mut x).unwrap();
        assert!(UNUSED.iter().all(|i| x[*i].abs() == 0.0), "{x:?}");
    }
    assert!((0..N).filter(|i| !UNUSED.contains(i)).all(|i| (x[i] - 1.0).abs() < 1e-5), "{x:?}");
}

/// Memory that is longer than it need be, with anything in it, makes the same steps.
#[test]
fn what_memory_is_too_long_or_holds_does_not_matter() {
    const PAIRS: usize = 5;
    for more in [0, 1, 100, 1000] {
        for held in [0.0, 1e30, f32::NAN] {
            let long = N + more;
            let [mut steps, mut changes] = [(); 2].map(|()| vec![-7i16; long * PAIRS]);
            let [mut point, mut kept] = [(); 2].map(|()| vec![held; long]);
            let mut squares = vec![held; 3 * PAIRS * PAIRS + more];
            let (mut rows, mut pivots) = (vec![held; 7 * PAIRS + more], vec![7; PAIRS + more]);
            let (mut exponents, mut state) = (vec![7; 2 * PAIRS + more], State::new());
            let memory = Memory {
                steps: &mut steps,
                changes: &mut changes,
                point: &mut point,
                gradient: &mut kept,
                squares: &mut squares,
                rows: &mut rows,
                exponents: &mut exponents,
                pivots: &mut pivots,
            };
            let mut engine: MultisecantMut<'_, i16> =
                MultisecantMut::new(N, PAIRS, long, memory, &mut state).unwrap();
            let mut x = [0.0; N];
            for _ in 0..20 {
                let (loss, mut gradient) = quadratic(&x);
                engine.tell(&Config::DEFAULT, &mut x, loss, &mut gradient).unwrap();
                engine.ask(&Config::DEFAULT, &mut x).unwrap();
            }
            let (exact, _) = descend::<PAIRS, i16>(&Config::DEFAULT, 20);
            assert_eq!(x.map(f32::to_bits), exact.map(f32::to_bits), "{more} more of {held}");
        }
    }
}

#[test]
fn asking_twice_gives_the_same_point() {
    let (x, mut engine) = descend::<10, i16>(&Config::DEFAULT, 5);
    let mut again = [0.0; N];
    engine.ask(&Config::DEFAULT, &mut again).unwrap();
    assert_eq!(again, x);
}

#[test]
fn bounds_hold_at_every_point_and_the_constrained_minimum_is_found() {
    let (lower, upper) = ([-1.0, 0.0, 0.5, 1.25, -1.0, -1.0], [0.25, 2.0, 2.0, 2.0, 0.5, 1.0]);
    let each = Bounds::Each { lower: &lower, upper: &upper };
    let mut x = [0.0, 0.0, 0.5, 2.0, 0.0, 0.0];
    let mut engine = Multisecant::<N>::new();
    let config = Config { bounds: each, ..Config::DEFAULT };
    for _ in 0..60 {
        let (loss, mut gradient) = quadratic(&x);
        engine.tell(&config, &mut x, loss, &mut gradient).unwrap();
        engine.ask(&config, &mut x).unwrap();
        assert!(x.iter().zip(lower.iter().zip(&upper)).all(|(x, (l, u))| l <= x && x <= u));
    }
    assert!(close(&x, &[0.25, 1.0, 1.0, 1.25, 0.5, 1.0], 1e-5), "{x:?}");

    let uniform = Bounds::Uniform { lower: -0.5, upper: 0.75 };
    let (x, _) = descend::<10, i16>(&Config { bounds: uniform, ..Config::DEFAULT }, 60);
    assert!(close(&x, &[0.75; N], 1e-6), "{x:?}");
}

/// What presses two parameters against their bounds is large, and does not change: nothing of it may hide the
/// changes of the others.
#[test]
fn large_multipliers_at_active_bounds_do_not_hide_the_curvature() {
    const UNKNOWNS: usize = 20;
    fn evaluations<C: Column, const M: usize>(multiplier: f32, start: f32) -> usize {
        let bounds = Bounds::Uniform { lower: 0.0, upper: 100.0 };
        let config = Config { bounds, ..Config::DEFAULT };
        let mut engine = Multisecant::<UNKNOWNS, M, C>::new();
        let mut x = [2.0f32; UNKNOWNS];
        x[..2].fill(start);
        let mut gradient = [0.0; UNKNOWNS];
        for evaluation in 1..200 {
            gradient[..2].copy_from_slice(&[multiplier, 1.7 * multiplier]);
            let mut loss = 0.0;
            for (i, (x, g)) in x.iter().zip(&mut gradient).enumerate().skip(2) {
                let curvature = 1e3f64.powf(i as f64 / 19.0);
                let residual = f64::from(*x) - 1.0;
                loss += 0.5 * curvature * residual * residual;
                *g = (curvature * residual) as f32;
            }
            if loss < 1e-10 {
                return evaluation;
            }
            let pressed = multiplier * x[0] + 1.7 * multiplier * x[1];
            engine.tell(&config, &mut x, loss as f32 + pressed, &mut gradient).unwrap();
            engine.ask(&config, &mut x).unwrap();
        }
        usize::MAX
    }
    for multiplier in [0.1, 12_345.679, 1.234_567_9e6] {
        // On their bounds from the start, or free for a few steps.
        for start in [0.0, 2.0] {
            let all = [
                evaluations::<i16, 10>(multiplier, start),
                evaluations::<f32, 10>(multiplier, start),
                evaluations::<i8, 5>(multiplier, start),
            ];
            assert!(all.iter().all(|count| *count <= 85), "{multiplier}, {start}: {all:?}");
        }
    }
}

/// Whatever its length has become: a gradient that stays does not change, not even across a new scaling.
#[test]
fn a_gradient_that_stays_does_not_change_across_a_new_scaling() {
    const PAIRS: usize = 4;
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let curvatures: [f32; N] = core::array::from_fn(|_| 50.0 * random.uniform::<f32>());
        let (mut steps, mut changes) = ([0.0f32; PAIRS * N], [0.0f32; PAIRS * N]);
        let (mut point, mut kept, mut state) = ([0.0; N], [0.0; N], State::new());
        let (mut squares, mut rows) = ([0.0; 3 * PAIRS * PAIRS], [0.0; 7 * PAIRS]);
        let (mut exponents, mut pivots) = ([0; 2 * PAIRS], [0; PAIRS]);
        let memory = Memory {
            steps: &mut steps,
            changes: &mut changes,
            point: &mut point,
            gradient: &mut kept,
            squares: &mut squares,
            rows: &mut rows,
            exponents: &mut exponents,
            pivots: &mut pivots,
        };
        let mut engine: MultisecantMut<'_, f32> =
            MultisecantMut::new(N, PAIRS, N, memory, &mut state).unwrap();
        let (mut x, mut stays) = ([0.0; N], 0.0);
        // The eighth pair brings a scaling; the four from there on fill the columns.
        for pair in 0..=12 {
            let mut gradient: [f32; N] = core::array::from_fn(|i| curvatures[i] * (x[i] - 1.3));
            if pair <= 8 {
                stays = gradient[0];
            }
            gradient[0] = stays;
            let told = engine.tell(&Config::DEFAULT, &mut x, -(pair as f32), &mut gradient);
            assert!(matches!(told, Ok(Told::Started | Told::Accepted)));
            engine.ask(&Config::DEFAULT, &mut x).unwrap();
            x[1] += 0.1 * random.uniform::<f32>();
        }
        let changes: Vec<f32> = changes.iter().step_by(N).copied().collect();
        assert_eq!(changes, [0.0; PAIRS], "{seed}");
    }
}

/// Steps that fit a float32 may not in the coordinates that the pairs then ask for.
#[test]
fn pairs_that_overflow_in_new_coordinates_are_given_up() {
    const UNKNOWNS: usize = 2000;
    let mut engine = Multisecant::<UNKNOWNS, 3, f32>::new();
    let mut x = [0.0f32; UNKNOWNS];
    for (i, place) in [0.0, 2.9e38, 0.0].into_iter().enumerate() {
        x.fill(0.0);
        x[0] = place;
        let mut gradient = [0.0; UNKNOWNS];
        gradient[0] = 1.0 - 2.0 * (i % 2) as f32;
        assert_eq!(engine.state().stats().restarts, 0);
        let told = engine.tell(&Config::DEFAULT, &mut x, -(i as f32), &mut gradient).unwrap();
        assert!(matches!(told, Told::Started | Told::Accepted));
    }
    assert_eq!(engine.state().stats().restarts, 1);
    assert_eq!(x, [0.0; UNKNOWNS]);
    assert!(matches!(engine.ask(&Config::DEFAULT, &mut x), Ok(Asked::Gradient)));
    assert!(x[0] < 0.0 && x[0].is_finite() && x[1..] == [0.0; UNKNOWNS - 1]);
}

#[test]
fn a_start_outside_of_the_bounds_is_refused_until_asked_for() {
    // The gradient pushes some starts further out, others back in.
    let config = Config { bounds: Bounds::Uniform { lower: 1.5, upper: 2.0 }, ..Config::DEFAULT };
    let requires = "lower <= x <= upper";
    for start in [0.0, 1.25, 5.0] {
        let mut engine = Multisecant::<N>::new();
        let mut x = [start; N];
        let refused = engine.tell(&config, &mut x, 1.0, &mut [1.0; N]);
        assert_eq!(refused, Err(Error::Config { field: "x", requires }));
        for _ in 0..30 {
            engine.ask(&config, &mut x).unwrap();
            assert!(x.iter().all(|x| (1.5..=2.0).contains(x)), "{start}: {x:?}");
            let (loss, mut gradient) = quadratic(&x);
            engine.tell(&config, &mut x, loss, &mut gradient).unwrap();
        }
        assert_eq!(x, [1.5; N]);
        // Narrower bounds, which the accepted point does not keep: another problem.
        let narrow = Bounds::Uniform { lower: 1.75, upper: 2.0 };
        let config = Config { bounds: narrow, ..config };
        engine.view().data_changed();
        assert_eq!(engine.ask(&config, &mut x), Ok(Asked::Start));
        assert_eq!(x, [1.75; N]);
    }
}

#[test]
fn weight_decay_finds_the_ridge_solution_and_clipping_the_same_minimum() {
    let (x, _) = descend::<10, i16>(&Config { weight_decay: 0.5, ..Config::DEFAULT }, 60);
    let ridge = core::array::from_fn(|i| (1u32 << i) as f32 / ((1u32 << i) as f32 + 0.5));
    assert!(close(&x, &ridge, 1e-5), "{x:?}");
    let mut engine = Multisecant::<N>::new();
    let config = Config { clip: 0.5, ..Config::DEFAULT };
    let mut x = [0.0; N];
    let (loss, mut gradient) = quadratic(&x);
    engine.tell(&config, &mut x, loss, &mut gradient).unwrap();
    let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
    assert!((norm - 0.5).abs() < 1e-6);
    let (x, _) = descend::<10, i16>(&config, 200);
    assert!(close(&x, &[1.0; N], 1e-4), "{x:?}");
}

#[test]
fn other_data_are_no_rejection_and_make_no_pair() {
    let (_, mut engine) = descend::<10, i16>(&Config::DEFAULT, 4);
    engine.view().data_changed();
    let mut x = [0.0; N];
    assert_eq!(engine.ask(&Config::DEFAULT, &mut x), Ok(Asked::Start));
    let base = x;
    let told = engine.tell(&Config::DEFAULT, &mut x, 1e6, &mut [1.0; N]);
    assert_eq!((told, x), (Ok(Told::Started), base));
    assert_eq!(engine.state().loss(), Some(1e6));
    assert_eq!(engine.ask(&Config::DEFAULT, &mut x), Ok(Asked::Pairs));
}

#[test]
fn mistakes_are_named_and_change_nothing() {
    let config = Config::DEFAULT;
    let mut engine = Multisecant::<N>::new();
    let mut x = [0.0; N];
    let non_finite = |what, index| Err(Error::NonFinite { what, index });
    let mut bad = [0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0];
    assert_eq!(engine.tell(&config, &mut x, f32::NAN, &mut [1.0; N]), non_finite("loss", 0));
    assert_eq!(engine.tell(&config, &mut x, 1.0, &mut bad), non_finite("gradient", 2));
    assert_eq!(engine.tell(&config, &mut bad, 1.0, &mut [1.0; N]), non_finite("x", 2));
    assert_eq!(engine.tell(&config, &mut x, 1.0, &mut [f32::MAX; N]), non_finite("gradient", 0));
    let view = &mut engine.view();
    assert_eq!(
        view.tell(&config, &mut x, 1.0, &mut [1.0]),
        Err(Error::Length { what: "gradient", expected: N, found: 1 })
    );
    assert_eq!(
        view.ask(&config, &mut [0.0]),
        Err(Error::Length { what: "x", expected: N, found: 1 })
    );
    let short = Config { bounds: Bounds::Each { lower: &[0.0; 2], upper: &[1.0; N] }, ..config };
    assert_eq!(
        view.ask(&short, &mut x),
        Err(Error::Length { what: "lower", expected: N, found: 2 })
    );
    assert_eq!(*engine.state(), Default::default());
    for (config, field) in [
        (Config { balance: -1.0, ..config }, "balance"),
        (Config { balance: f32::NAN, ..config }, "balance"),
        (Config { window: 0, ..config }, "window"),
        (Config { window: 9, ..config }, "window"),
        (Config { first_step: 0.0, ..config }, "first_step"),
        (Config { weight_decay: -1.0, ..config }, "weight_decay"),
        (Config { clip: 0.0, ..config }, "clip"),
        (Config { regularization: Regularization::Relative(-1.0), ..config }, "regularization"),
        (Config { bounds: Bounds::Uniform { lower: 1.0, upper: 0.0 }, ..config }, "bounds"),
        (Config { bounds: Bounds::Each { lower: &[f32::NAN], upper: &[0.0] }, ..config }, "bounds"),
        (Config { bounds: INFINITE, ..config }, "bounds"),
    ] {
        assert!(matches!(config.validate(), Err(Error::Config { field: f, .. }) if f == field));
        assert!(engine.ask(&config, &mut x).is_err());
    }
}

#[test]
fn a_stationary_start_is_said_to_be_one() {
    let mut engine = Multisecant::<N>::new();
    let mut x = [1.0; N];
    assert_eq!(engine.ask(&Config::DEFAULT, &mut x), Ok(Asked::Start));
    let (loss, mut gradient) = quadratic(&x);
    assert_eq!(engine.tell(&Config::DEFAULT, &mut x, loss, &mut gradient), Ok(Told::Started));
    assert_eq!(engine.ask(&Config::DEFAULT, &mut x), Ok(Asked::Stationary));
    assert_eq!(x, [1.0; N]);
}

#[test]
fn the_formula_of_the_memory_is_that_of_the_type() {
    fn check<const N: usize, const M: usize, C: Column>() {
        let formula = bytes::<C>(N, M);
        let own = Multisecant::<N, M, C>::BYTES;
        assert!(formula <= own && own < formula + 4, "{N} {M}: {formula} {own}");
    }
    check::<1, 1, i8>();
    check::<7, 3, i8>();
    check::<64, 10, i16>();
    check::<33, 32, f32>();
    assert_eq!(bytes::<i16>(usize::MAX, 10), usize::MAX);
}

/// A sum of squares times `loss_scale`, of parameters in units of `1 / unit`.
fn scaled(x: &[f32; N], loss_scale: f32, unit: f32) -> (f32, [f32; N]) {
    let (loss, gradient) = quadratic(&x.map(|x| unit * x));
    (loss_scale * loss, gradient.map(|g| loss_scale * unit * g))
}

/// Parameters and losses in other units, by powers of two: the same steps, to the bit.
#[test]
fn no_step_depends_on_a_unit() {
    let run = |loss_scale: f32, unit: f32| -> Vec<[f32; N]> {
        let mut engine = Multisecant::<N, 4, i16>::new();
        let mut x = [0.5 / unit, -0.25 / unit, 0.0, 0.5 / unit, 0.75 / unit, 2.0 / unit];
        (0..20)
            .map(|_| {
                let (loss, mut gradient) = scaled(&x, loss_scale, unit);
                engine.tell(&Config::DEFAULT, &mut x, loss, &mut gradient).unwrap();
                engine.ask(&Config::DEFAULT, &mut x).unwrap();
                x.map(|x| unit * x)
            })
            .collect()
    };
    let expected = run(1.0, 1.0);
    assert!(close(&expected[19], &[1.0; N], 1e-2), "{expected:?}");
    let power = |exponent: i32| 2f32.powi(exponent);
    for (loss, unit) in [(-30, 0), (30, 0), (0, -20), (0, 20), (-10, 12), (20, -12)] {
        assert_eq!(run(power(loss), power(unit)), expected, "{loss} {unit}");
    }
}

/// From zero, which has no scale, in any units.
#[test]
fn small_losses_and_large_parameters_are_no_stationary_points() {
    for (loss_scale, unit) in
        [(1e-12, 1.0), (1e-9, 1.0), (1e9, 1.0), (1.0, 1e-12), (1e-6, 1e-5), (1.0, 1e6)]
    {
        let mut engine = Multisecant::<N>::new();
        let mut x = [0.0; N];
        for _ in 0..60 {
            let (loss, mut gradient) = scaled(&x, loss_scale, unit);
            engine.tell(&Config::DEFAULT, &mut x, loss, &mut gradient).unwrap();
            engine.ask(&Config::DEFAULT, &mut x).unwrap();
        }
        assert!(close(&x.map(|x| unit * x), &[1.0; N], 1e-4), "{loss_scale} {unit}: {x:?}");
    }
}

/// A sensor that was away: what the step was cut to for it is not what it stays.
#[test]
fn nothing_that_was_cut_stays_cut_for_ever() {
    let config = &Config::DEFAULT;
    let evaluate = |engine: &mut Multisecant<N>, x: &mut [f32; N], target: f32, bad: bool| {
        let (loss, mut gradient) = quadratic(&x.map(|x| x - target));
        let loss = if bad { f32::NAN } else { loss };
        engine.tell(config, x, loss, &mut gradient).unwrap();
        engine.ask(config, x).unwrap();
    };
    for away in [20, 40, 100, 300] {
        let (mut engine, mut x) = (Multisecant::<N>::new(), [0.5; N]);
        for i in 0..away + 100 {
            evaluate(&mut engine, &mut x, 0.0, (3..3 + away).contains(&i));
        }
        assert!(close(&x, &[1.0; N], 1e-4), "{away}: {x:?}");
        // The minimum moves, and is told of late.
        for _ in 0..away {
            evaluate(&mut engine, &mut x, 5.0, false);
        }
        engine.view().data_changed();
        engine.ask(config, &mut x).unwrap();
        for _ in 0..100 {
            evaluate(&mut engine, &mut x, 5.0, false);
        }
        assert!(close(&x, &[6.0; N], 1e-3), "{away}: {x:?}");
    }
}

/// Rejected again before anything was asked, nothing is shortened; asked twice, the answer is the same.
#[test]
fn only_a_step_that_was_asked_for_is_shortened() {
    let mut engine = Multisecant::<N>::new();
    let mut x = [0.0; N];
    let (loss, mut gradient) = quadratic(&x);
    engine.tell(&Config::DEFAULT, &mut x, loss, &mut gradient).unwrap();
    let told = engine.tell(&Config::DEFAULT, &mut x, f32::NAN, &mut gradient).unwrap();
    assert_eq!(told, Told::Rejected(Reason::NonFiniteLoss));
    let mut again = x;
    assert_eq!(engine.ask(&Config::DEFAULT, &mut x), Ok(Asked::Gradient));
    assert_eq!(engine.ask(&Config::DEFAULT, &mut again), Ok(Asked::Gradient));
    assert_eq!(x, again);
}
