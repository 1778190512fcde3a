//! The accelerated step beside the same step with the least squares of nalgebra and of faer:
//! `cargo bench --manifest-path aadl-bench/peers/Cargo.toml --bench least_squares`, one thread.
//!
//! All are given the same window of M = 11 iterates and solve in its 9 second differences. Ours keeps the
//! inner products from step to step. The peers form the differences anew, in one pass each, as a caller
//! who has iterates would; their QR and their normal equations are in float32, as the differences are.
//! Before anything is timed, all accelerated points are compared.

use std::hint::black_box;
use std::time::Duration;

use aadl_core::anderson::{Config, Reason, Safeguard, Step};
use aadl_core::kernels::Gram;
use aadl_core::random::Random;
use aadl_host::owned::AndersonVec;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use faer::linalg::solvers::{Solve, SolveLstsqCore};
use faer::prelude::*;
use nalgebra::{DMatrix, DVector};

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Iterates of the window, and columns of the least squares.
const DEPTH: usize = 11;
const COLUMNS: usize = DEPTH - 2;

/// Iterates that can be used round and round: one more than the window holds.
fn iterates(n: usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(1);
    (0..=DEPTH).map(|_| (0..n).map(|_| random.uniform::<f32>() - 0.5).collect()).collect()
}

/// The window of the step that `next` is the newest iterate of: oldest first.
fn window(stream: &[Vec<f32>], next: usize) -> [&[f32]; DEPTH] {
    std::array::from_fn(|i| &stream[(next + stream.len() + 1 + i - DEPTH) % stream.len()][..])
}

/// Column `c` of the second differences.
fn second_difference(window: &[&[f32]; DEPTH], c: usize, column: &mut [f32]) {
    let [a, b, c] = [window[c], window[c + 1], window[c + 2]];
    for ((place, a), (b, c)) in column.iter_mut().zip(a).zip(b.iter().zip(c)) {
        *place = (c - b) - (b - a);
    }
}

fn newest_residual(window: &[&[f32]; DEPTH], residual: &mut [f32]) {
    let [older, newer] = [window[DEPTH - 2], window[DEPTH - 1]];
    for ((place, newer), older) in residual.iter_mut().zip(newer).zip(older) {
        *place = newer - older;
    }
}

/// The accelerated point: the newest iterate less `gamma_c` times the difference of the iterates `c + 1`
/// and `c + 2`.
fn point(window: &[&[f32]; DEPTH], gamma: &[f32], x: &mut [f32]) {
    x.copy_from_slice(window[DEPTH - 1]);
    for (c, gamma) in gamma.iter().enumerate() {
        for ((x, newer), older) in x.iter_mut().zip(window[c + 2]).zip(window[c + 1]) {
            *x -= gamma * (newer - older);
        }
    }
}

/// Ours, whose window stays that of the plain iterates, since a loss rejects every point.
struct Ours {
    owner: AndersonVec<f32>,
    config: Config,
    x: Vec<f32>,
    accelerated: Vec<f32>,
}

impl Ours {
    fn new(n: usize) -> Self {
        let owner = AndersonVec::new(n, DEPTH).expect("the depth is in range");
        let config = Config {
            gram: Gram::Exact,
            frequency: 1,
            safeguard: Safeguard::Loss,
            ..Config::DEFAULT
        };
        Self { owner, config, x: vec![0.0; n], accelerated: vec![0.0; n] }
    }

    /// The step of `newest`; with `keep` its accelerated point is kept.
    fn step(&mut self, newest: &[f32], keep: bool) -> Step {
        self.x.copy_from_slice(newest);
        let (accelerated, mut asked) = (&mut self.accelerated, 0);
        let loss = |point: &[f32]| {
            asked += 1;
            // The first is the plain one.
            if keep && asked == 2 {
                accelerated.copy_from_slice(point);
            }
            0.0
        };
        self.owner.view().step_with(&self.config, &mut self.x, loss).expect("all is finite")
    }
}

/// A peer's step: from the window to the accelerated point.
type Peer = Box<dyn FnMut(&[&[f32]; DEPTH], &mut [f32])>;

fn nalgebra_qr(n: usize) -> Peer {
    // It factors in place, so that its matrix is made anew.
    Box::new(move |window, x| {
        let mut columns = DMatrix::zeros(n, COLUMNS);
        for c in 0..COLUMNS {
            second_difference(window, c, columns.column_mut(c).as_mut_slice());
        }
        let mut residual = DVector::zeros(n);
        newest_residual(window, residual.as_mut_slice());
        let qr = columns.qr();
        qr.q_tr_mul(&mut residual);
        let right = residual.rows(0, COLUMNS).into_owned();
        let gamma = qr.r().solve_upper_triangular(&right).expect("the columns are independent");
        point(window, gamma.as_slice(), x);
    })
}

fn nalgebra_normal(n: usize) -> Peer {
    let mut columns = DMatrix::zeros(n, COLUMNS);
    let mut residual = DVector::zeros(n);
    Box::new(move |window, x| {
        for c in 0..COLUMNS {
            second_difference(window, c, columns.column_mut(c).as_mut_slice());
        }
        newest_residual(window, residual.as_mut_slice());
        let (gram, right) = (columns.tr_mul(&columns), columns.tr_mul(&residual));
        let gamma = gram.cholesky().expect("the columns are independent").solve(&right);
        point(window, gamma.as_slice(), x);
    })
}

fn fill(window: &[&[f32]; DEPTH], columns: &mut Mat<f32>, residual: &mut Mat<f32>) {
    for c in 0..COLUMNS {
        let column = columns.as_mut().col_mut(c).try_as_col_major_mut();
        second_difference(window, c, column.expect("columns lie in one piece").as_slice_mut());
    }
    let column = residual.as_mut().col_mut(0).try_as_col_major_mut();
    newest_residual(window, column.expect("columns lie in one piece").as_slice_mut());
}

fn faer_qr(n: usize) -> Peer {
    let (mut columns, mut residual) = (Mat::zeros(n, COLUMNS), Mat::zeros(n, 1));
    Box::new(move |window, x| {
        fill(window, &mut columns, &mut residual);
        columns.qr().solve_lstsq_in_place_with_conj(faer::Conj::No, residual.as_mut());
        let gamma: Vec<f32> = (0..COLUMNS).map(|c| residual[(c, 0)]).collect();
        point(window, &gamma, x);
    })
}

fn faer_normal(n: usize) -> Peer {
    let (mut columns, mut residual) = (Mat::zeros(n, COLUMNS), Mat::zeros(n, 1));
    Box::new(move |window, x| {
        fill(window, &mut columns, &mut residual);
        let gram = columns.transpose() * &columns;
        let right = columns.transpose() * &residual;
        let factor = gram.llt(faer::Side::Lower).expect("the columns are independent");
        let gamma = factor.solve(&right);
        let gamma: Vec<f32> = (0..COLUMNS).map(|c| gamma[(c, 0)]).collect();
        point(window, &gamma, x);
    })
}

/// The distance of two points over the norm of the first.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| term(f64::from(*a), f64::from(*b))).sum()
    };
    (sum(&|a, b| (a - b) * (a - b)) / sum(&|a, _| a * a)).sqrt()
}

fn steps(criterion: &mut Criterion) {
    // Threads of faer are left out with its feature; this says so to what remains.
    faer::set_global_parallelism(faer::Par::Seq);
    for n in SIZES {
        let stream = iterates(n);
        let mut ours = Ours::new(n);
        let mut peers: Vec<(&str, Peer)> = vec![
            ("nalgebra QR", nalgebra_qr(n)),
            ("nalgebra normal equations", nalgebra_normal(n)),
            ("faer QR", faer_qr(n)),
            ("faer normal equations", faer_normal(n)),
        ];
        let mut x = vec![0.0; n];
        for newest in stream.iter().cycle().take(2 * stream.len()) {
            ours.step(newest, true);
        }
        let newest = stream.len() - 1;
        peers.retain_mut(|(name, peer)| {
            peer(&window(&stream, newest), &mut x);
            let distance = distance(&ours.accelerated, &x);
            println!("N = {n}: {name} is {distance:.1e} of the norm away from ours");
            // faer's QR gives NaN in float32 for a million rows: nothing to compare with.
            if distance.is_nan() {
                println!("N = {n}: {name} is left out");
                return false;
            }
            // Normal equations square the condition, which is 21 here; sums of n numbers in float32 may
            // be wrong by 2^-24 n.
            let allowed = 1e-4 + 1e-8 * n as f64;
            assert!(distance <= allowed, "more than {allowed:.1e}");
            true
        });
        let mut group = criterion.benchmark_group(format!("step/N={n}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_secs(1));
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter("ours"), |bencher| {
            bencher.iter(|| {
                let step = ours.step(&stream[next], false);
                next = (next + 1) % stream.len();
                assert_eq!(step, Step::Rejected(Reason::Loss), "nothing to measure");
            });
        });
        for (name, peer) in &mut peers {
            group.bench_function(BenchmarkId::from_parameter(*name), |bencher| {
                bencher.iter(|| {
                    peer(&window(&stream, next), &mut x);
                    next = (next + 1) % stream.len();
                    black_box(&x);
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, steps);
criterion_main!(benches);
