//! Properties of the accelerator, each on random problems: what it computes (against GMRES and a
//! textbook that stores pairs), in which units, past convergence, and what it leaves behind.

mod common;

use aadl_core::Real;
use aadl_core::anderson::{Config, Reason, Safeguard, Solver, Step};
use aadl_core::kernels::Gram;
use aadl_core::least_squares::Regularization;
use aadl_core::random::Random;
use common::{
    BARE, Borrowed, Map, Textbook, bits, distance, integer, norm, tolerance, vector, wide,
};

// ---- Units ----

/// Twice the same run, the second in units `2^-k` as large. Every number must be `2^k` times that
/// of the first, which means that the weights are the same bits.
fn units_do_not_matter<T: Real>(gram: Gram, seed: u64) {
    let mut random = Random::new(seed);
    let mut accelerated = 0;
    for k in (-40..=40).step_by(8).chain([-39, 7, 33]) {
        let (n, depth) = (2 + random.below(30), 3 + random.below(9));
        let condition = 10f64.powi(1 + random.below(4) as i32);
        // Linear: no other map can be given in other units by a factor alone.
        let map = Map::new(&mut random, n, condition, 0.0);
        let mut large = map.clone();
        let power = 2f64.powi(k);
        large.b.iter_mut().for_each(|b| *b *= power);
        let regularization = match random.below(3) {
            0 => Regularization::None,
            1 => Regularization::Relative(1e-6),
            _ => Config::DEFAULT.regularization,
        };
        let frequency = 1 + random.below(3) as u32;
        let relaxation = [1.0, 0.75][random.below(2)];
        let solver = [Solver::Cholesky, Solver::Cholesky, Solver::Qr][random.below(3)];
        let config =
            Config { gram, regularization, frequency, relaxation, solver, ..Config::DEFAULT };

        let mut x: Vec<T> = vector(&mut random, n);
        let factor = T::from_f64(power);
        let scaled = |x: &[T]| x.iter().map(|x| *x * factor).collect::<Vec<T>>();
        let mut y = scaled(&x);
        let (mut one, mut other) = (Borrowed::new(n, depth), Borrowed::new(n, depth));
        for step in 0..120 {
            map.apply(&mut x);
            large.apply(&mut y);
            let done = one.view().step(&config, &mut x).unwrap();
            assert_eq!(other.view().step(&config, &mut y).unwrap(), done, "k {k}, step {step}");
            assert_eq!(bits(&scaled(&x)), bits(&y), "k {k}, step {step}");
            assert_eq!(bits(&one.work[..depth]), bits(&other.work[..depth]), "weights");
        }
        accelerated += one.state.stats().accelerated;
    }
    assert!(accelerated > 300, "{accelerated}");
}

#[test]
fn units_do_not_matter_to_the_exact_gram() {
    units_do_not_matter::<f32>(Gram::Exact, 21);
}

#[test]
fn units_do_not_matter_to_the_wide_gram() {
    units_do_not_matter::<f32>(Gram::Wide, 22);
}

#[test]
fn units_do_not_matter_in_float64() {
    units_do_not_matter::<f64>(Gram::Exact, 23);
}

// ---- Linear problems ----

/// Residual vectors of GMRES for `A x = b` from `x0`, by Arnoldi with reorthogonalisation and a
/// dense least squares at each step (Saad & Schultz, SIAM J. Sci. Stat. Comput. 7, 1986).
fn gmres(a: &[Vec<f64>], b: &[f64], x0: &[f64], steps: usize) -> Vec<Vec<f64>> {
    let times = |x: &[f64]| -> Vec<f64> {
        a.iter().map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect()
    };
    let r0: Vec<f64> = b.iter().zip(times(x0)).map(|(b, ax)| b - ax).collect();
    let mut basis = vec![r0.iter().map(|r| r / norm(&r0)).collect::<Vec<f64>>()];
    let mut images: Vec<Vec<f64>> = Vec::new();
    let mut residuals = vec![r0.clone()];
    for _ in 0..steps {
        let mut w = times(&basis[basis.len() - 1]);
        images.push(w.clone());
        let y = common::least_squares(&images, &r0, 1e-14).x;
        let mut r = r0.clone();
        for (image, y) in images.iter().zip(&y) {
            r.iter_mut().zip(image).for_each(|(r, v)| *r -= y * v);
        }
        residuals.push(r);
        for _ in 0..2 {
            for q in &basis {
                let d: f64 = q.iter().zip(&w).map(|(q, w)| q * w).sum();
                w.iter_mut().zip(q).for_each(|(w, q)| *w -= d * q);
            }
        }
        let length = norm(&w);
        basis.push(w.iter().map(|w| w / length).collect());
    }
    residuals
}

/// Walker & Ni 2011, theorem 2.2: on a linear map with full memory, iterate `k + 1` is the map's
/// value at iterate `k` of GMRES. So the residual at iterate `k + 1` is `I - A` times GMRES's.
#[test]
fn a_linear_problem_with_full_memory_is_gmres() {
    const STEPS: usize = 9;
    let config = Config { frequency: 1, drop_tolerance: 0.0, ..BARE };
    for seed in 0..30 {
        let mut random = Random::new(100 + seed);
        let n = STEPS + 1 + random.below(8);
        // f(x) = b - A x, A not symmetric, its eigenvalues round 1.
        let spread = 0.7 / (n as f64).sqrt();
        let a: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                let row: Vec<f64> = vector(&mut random, n);
                (0..n).map(|j| spread * row[j] + f64::from(u8::from(i == j))).collect()
            })
            .collect();
        let (b, x0): (Vec<f64>, Vec<f64>) = (vector(&mut random, n), vector(&mut random, n));
        let f = |x: &[f64]| -> Vec<f64> {
            let times = |row: &Vec<f64>| row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>();
            a.iter().zip(&b).map(|(row, b)| b - times(row)).collect()
        };
        let expected = gmres(&a, &b, &x0, STEPS);

        let mut accelerator = Borrowed::<f64>::new(n, 32);
        accelerator.view().start(&x0).unwrap();
        let mut x = x0.clone();
        for (k, r) in expected.iter().enumerate() {
            let newest = f(&x);
            x.iter_mut().zip(&newest).for_each(|(x, f)| *x += f);
            let done = accelerator.view().step(&config, &mut x).unwrap();
            assert_eq!(matches!(done, Step::Accelerated { .. }), k > 0, "{done:?}");
            // (I - A) r
            let image: Vec<f64> = r
                .iter()
                .zip(&a)
                .map(|(ri, row)| ri - row.iter().zip(r).map(|(a, r)| a * r).sum::<f64>())
                .collect();
            let error = distance(&f(&x), &image) / norm(&expected[0]);
            assert!(error <= tolerance::GMRES, "seed {seed}, step {k}: {error:e}");
            if let Step::Accelerated { gain, columns_used, .. } = done {
                assert_eq!(usize::from(columns_used), k);
                // What the model promises is GMRES's residual itself.
                let promised = norm(r) / norm(&newest);
                assert!((f64::from(gain) - promised).abs() < 1e-4 * promised + 1e-7);
            }
        }
        assert!(norm(&expected[STEPS]) < 0.05 * norm(&expected[0]));
    }
}

// ---- No false residual ----

/// What a schedule asks for at a step; from the documentation, not from the code.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    store: u32,
    frequency: u32,
    wait: u32,
    since_store: u32,
    due: bool,
}

impl Schedule {
    fn of(config: &Config) -> Self {
        Self {
            store: config.store_each_nth,
            frequency: config.frequency,
            wait: config.wait_iterations,
            since_store: 0,
            due: false,
        }
    }

    /// Whether step `count` (from 1) stores, and whether it accelerates where it can. An iterate
    /// that begins a chain, without a residual of its own, is not accelerated away.
    fn at(&mut self, count: u32, residual: bool) -> (bool, bool) {
        self.since_store += 1;
        self.due |= count > self.wait && count.is_multiple_of(self.frequency);
        if self.since_store < self.store {
            return (false, false);
        }
        self.since_store = 0;
        (true, residual && std::mem::take(&mut self.due))
    }
}

/// A free run beside the textbook, which evaluates `f` where it belongs. With `store_each_nth`
/// `s`, the map is `g` applied `s` times.
fn same_iterates(config: &Config, seed: u64, disturb: bool, start: bool) {
    let mut random = Random::new(seed);
    let (n, depth) = (8 + random.below(20), 5 + random.below(4));
    let condition = 6.0 + 6.0 * random.uniform::<f64>();
    let map = Map::new(&mut random, n, condition, 0.3);
    let mut x: Vec<f64> = vector(&mut random, n);
    let size = norm(&x);
    let mut y = x.clone();
    let mut accelerator = Borrowed::<f64>::new(n, depth);
    let mut book = Textbook::new(depth);
    let mut schedule = Schedule::of(config);
    let mut origin = None; // the point at which the textbook's map began
    if start {
        accelerator.view().start(&x).unwrap();
        book.point();
        origin = Some(y.clone());
    }
    let mut accelerations = 0;
    for count in 1..=50 {
        map.apply(&mut x);
        map.apply(&mut y);
        let done = accelerator.view().step(config, &mut x).unwrap();
        let (stores, accelerates) = schedule.at(count, origin.is_some());
        let mut accelerated = None;
        if stores {
            match &origin {
                Some(origin) => {
                    let f: Vec<f64> = y.iter().zip(origin).map(|(y, x)| y - x).collect();
                    book.residual(origin, &f);
                }
                None => book.point(),
            }
            accelerated = if accelerates { book.mixed(config.relaxation, 1e-7) } else { None };
            if let Some((next, _)) = &accelerated {
                y.clone_from(next);
                book.point();
                accelerations += 1;
            }
            origin = Some(y.clone());
        }
        let what = format!("{config:?}, seed {seed}, step {count}: {done:?}");
        match done {
            Step::Waited => assert!(!stores, "{what}"),
            Step::Stored => assert!(stores && accelerated.is_none(), "{what}"),
            Step::Accelerated { .. } => assert!(accelerated.is_some(), "{what}"),
            Step::Rejected(_) => panic!("{what}"),
        }
        let error = distance(&x, &y) / size;
        assert!(error <= tolerance::TEXTBOOK, "{what}: {error:e}");

        // Somebody else moves the parameters.
        if disturb && random.below(6) == 0 {
            let shift: Vec<f64> = vector(&mut random, n);
            let size = norm(&map.residual(&y));
            for ((x, y), shift) in x.iter_mut().zip(&mut y).zip(&shift) {
                *x += size * shift;
                *y += size * shift;
            }
            if random.below(2) == 0 {
                accelerator.view().interrupt();
                assert!(accelerator.view().wants_start());
                origin = None;
            } else {
                accelerator.view().start(&x).unwrap();
                book.point();
                origin = Some(y.clone());
                schedule.since_store = 0;
            }
        }
    }
    assert!(accelerations >= 10 / config.store_each_nth, "{accelerations}");
    assert_eq!(accelerator.state.stats().accelerated, accelerations);
}

#[test]
fn no_false_residual_after_acceptance() {
    let base = Config { drop_tolerance: 1e-14, ..BARE };
    for config in [
        Config { frequency: 1, ..base },
        Config { frequency: 2, ..base },
        Config { frequency: 3, ..base },
        Config { relaxation: 0.5, ..base },
        Config { relaxation: 0.5, frequency: 1, ..base },
        Config { store_each_nth: 2, ..base },
        Config { store_each_nth: 2, frequency: 3, ..base },
        Config { store_each_nth: 3, frequency: 2, relaxation: 0.8, ..base },
        Config { wait_iterations: 3, ..base },
        Config { solver: Solver::Qr, ..base },
        Config { solver: Solver::Qr, frequency: 3, store_each_nth: 2, relaxation: 0.6, ..base },
    ] {
        for seed in 0..10 {
            for (disturb, start) in [(false, false), (false, true), (true, false), (true, true)] {
                same_iterates(&config, 300 + seed, disturb, start);
            }
        }
    }
}

// ---- A thousand rolls ----

/// The map of the rolls: `f(x) = b - A x` with `A` unit upper triangular and everything integer,
/// so that all residuals, their differences and their inner products are exact, equal columns are
/// equal bits, and a column of differences that depends on others does so with the points too
/// (which makes the accelerated point unique). `I - A` is nilpotent: chains reach the fixed point
/// and go on with residuals of zero.
struct Lattice {
    a: Vec<Vec<i32>>,
    b: Vec<i32>,
}

impl Lattice {
    fn new(random: &mut Random, n: usize) -> Self {
        let entry = |random: &mut Random, i: usize, j: usize| match i.cmp(&j) {
            std::cmp::Ordering::Less => integer(random, 1),
            std::cmp::Ordering::Equal => 1,
            std::cmp::Ordering::Greater => 0,
        };
        let a = (0..n).map(|i| (0..n).map(|j| entry(random, i, j)).collect()).collect();
        Self { a, b: (0..n).map(|_| integer(random, 3)).collect() }
    }

    fn apply<T: Real>(&self, x: &mut [T]) {
        let old: Vec<T> = x.to_vec();
        for ((x, row), b) in x.iter_mut().zip(&self.a).zip(&self.b) {
            *x += T::from_f64((*b).into());
            for (a, old) in row.iter().zip(&old) {
                *x += T::from_f64(-f64::from(*a)) * *old;
            }
        }
    }
}

/// One entry of the shadow copy: an iterate as stored, and whether it continues a chain.
type Shadow<T> = Vec<(Vec<T>, bool)>;

/// The point a fresh accelerator makes of the iterates in `shadow`, and what it reports.
fn fresh<T: Real>(config: &Config, depth: usize, shadow: &Shadow<T>) -> (Vec<T>, Step) {
    let n = shadow[0].0.len();
    let mut accelerator = Borrowed::<T>::new(n, depth);
    let (last, before) = shadow.split_last().unwrap();
    let quiet = Config { frequency: u32::MAX, safeguard: Safeguard::None, ..*config };
    for (x, continues) in before {
        if *continues {
            accelerator.view().step(&quiet, &mut x.clone()).unwrap();
        } else {
            accelerator.view().start(x).unwrap();
        }
    }
    let mut x = last.0.clone();
    let done = accelerator.view().step(&Config { frequency: 1, ..quiet }, &mut x).unwrap();
    (x, done)
}

fn a_thousand_rolls<T: Real>(gram: Gram, seed: u64) {
    let mut random = Random::new(seed);
    let (mut dropped, mut zero, mut compared, mut duplicates) = (0, 0, 0, 0);
    for (n, depth) in [(6, 8), (4, 13), (9, 16), (2, 10)] {
        let lattice = Lattice::new(&mut random, n);
        // A loss that always rejects: the iterates stay integers, and the accelerated point is
        // seen by the loss alone.
        let config = Config {
            frequency: 1,
            gram,
            drop_tolerance: 1e-11,
            safeguard: Safeguard::Loss,
            ..BARE
        };
        let mut accelerator = Borrowed::<T>::new(n, depth);
        let mut shadow: Shadow<T> = Vec::new();
        let remember = |shadow: &mut Shadow<T>, x: &[T], continues: bool| {
            if shadow.len() == depth {
                shadow.remove(0);
                shadow[0].1 = false;
            }
            shadow.push((x.to_vec(), continues));
        };
        let mut x = vec![T::ZERO; n];
        for roll in 0..1000 {
            // Go on, or anew from a point of the lattice, or from one that is still stored.
            match random.below(5) {
                0 | 1 => {
                    x = (0..n).map(|_| T::from_f64(integer(&mut random, 4).into())).collect();
                    accelerator.view().start(&x).unwrap();
                    remember(&mut shadow, &x, false);
                }
                2 if !shadow.is_empty() => {
                    x = shadow[random.below(shadow.len())].0.clone();
                    accelerator.view().start(&x).unwrap();
                    remember(&mut shadow, &x, false);
                    duplicates += 1;
                }
                _ => {}
            }
            lattice.apply(&mut x);
            let plain = x.clone();
            let mut seen = Vec::new();
            let done = accelerator
                .view()
                .step_with(&config, &mut x, |p| {
                    seen.push(p.to_vec());
                    T::ZERO
                })
                .unwrap();
            let continues = !shadow.is_empty();
            remember(&mut shadow, &plain, continues);
            assert_eq!(bits(&x), bits(&plain));

            // The textbook on the same pairs.
            let mut book = Textbook::new(depth);
            for (i, (z, continues)) in shadow.iter().enumerate() {
                if *continues {
                    let older = wide(&shadow[i - 1].0);
                    let f: Vec<f64> = wide(z).iter().zip(&older).map(|(z, x)| z - x).collect();
                    book.residual(&older, &f);
                } else {
                    book.point();
                }
            }
            let (again, reported) = fresh(&config, depth, &shadow);
            match done {
                Step::Rejected(Reason::Loss) => {
                    let point = &seen[1];
                    assert!(point.iter().all(|x| x.is_finite()), "roll {roll}");
                    assert_eq!(bits(point), bits(&again), "roll {roll}: not a fresh solve");
                    let Step::Accelerated { columns_dropped, gain, .. } = reported else {
                        panic!("{reported:?}")
                    };
                    dropped += u32::from(columns_dropped);
                    let (expected, solution) = book.mixed(1.0, 1e-5).unwrap();
                    let size = shadow.iter().map(|z| norm(&wide(&z.0))).fold(1.0, f64::max);
                    let error = distance(&wide(point), &expected) / size;
                    // Rounding of the combination, and of normal equations that square the angle.
                    let gamma: f64 = solution.x.iter().map(|g| g.abs()).sum();
                    let bound = (1.0 + gamma)
                        * (T::EPSILON.to_f64() + f64::EPSILON / solution.sine.powi(2));
                    assert!(error <= tolerance::ROUNDINGS * bound, "roll {roll}: {error:e}");
                    let newest = distance_of_last(&shadow);
                    let promised = f64::from(gain) * newest;
                    assert!((promised - solution.norm2.sqrt()).abs() <= 1e-5 * size, "roll {roll}");
                    compared += 1;
                }
                Step::Rejected(Reason::ZeroResidual) => {
                    assert_eq!(distance_of_last(&shadow), 0.0);
                    zero += 1;
                }
                Step::Rejected(Reason::NoColumns) => {
                    let f0 = book.mixed(1.0, 1e-5).unwrap().1.norm2.sqrt();
                    assert!((f0 - distance_of_last(&shadow)).abs() < 1e-12);
                }
                Step::Stored => assert!(book.len() < 2),
                other => panic!("roll {roll}: {other:?}"),
            }
        }
    }
    assert!(dropped > 1000, "only {dropped} columns dropped");
    assert!(zero > 20 && compared > 2000 && duplicates > 500, "{zero}, {compared}, {duplicates}");
}

fn distance_of_last<T: Real>(shadow: &Shadow<T>) -> f64 {
    let [.., older, newer] = &shadow[..] else { return 0.0 };
    let f: Vec<f64> = wide(&newer.0).iter().zip(wide(&older.0)).map(|(a, b)| a - b).collect();
    norm(&f)
}

#[test]
fn a_thousand_rolls_with_drops_in_float64() {
    a_thousand_rolls::<f64>(Gram::Wide, 31);
}

#[test]
fn a_thousand_rolls_with_drops_and_the_exact_gram() {
    a_thousand_rolls::<f32>(Gram::Exact, 32);
}

#[test]
fn a_thousand_rolls_with_drops_and_the_wide_gram() {
    a_thousand_rolls::<f32>(Gram::Wide, 33);
}
