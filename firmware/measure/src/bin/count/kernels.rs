//! Dot products, rows of the Gram matrix, and the accelerator's small solve.

use crate::figure;
use aadl_core::anderson::Config;
use aadl_core::kernels::{Difference, Gram, Kernels, Portable};
use aadl_core::least_squares::{cholesky::Cholesky, gram::GramMatrix};
use aadl_core::random::Random;
use aadl_core::real::Real;
use core::hint::black_box;
use measure::clock::Clock;
use static_cell::ConstStaticCell;

/// The longest vectors.
const N: usize = 1024;
/// The most columns of a row of the Gram matrix.
const COLUMNS: usize = 8;
/// The largest system.
const SYSTEM: usize = 8;

static ITERATES: ConstStaticCell<[[f32; N]; COLUMNS + 2]> =
    ConstStaticCell::new([[0.0; N]; COLUMNS + 2]);

pub(crate) fn count(clock: &mut Clock) {
    let iterates = ITERATES.take();
    let mut random = Random::new(1);
    iterates.as_flattened_mut().iter_mut().for_each(|x| *x = random.uniform());
    for n in [64, 256, N] {
        let (a, b) = black_box((&iterates[0][..n], &iterates[1][..n]));
        figure(format_args!("dot/{n}"), n, clock.count(move || Portable::dot(a, b)).0);
    }
    for (kind, gram) in [("exact", Gram::Exact), ("wide", Gram::Wide)] {
        for columns in [1, COLUMNS] {
            row(clock, kind, gram, columns, iterates);
        }
    }
    for m in [3, 5, SYSTEM] {
        solve(clock, m, iterates);
    }
}

/// The residual of two iterates, and its scale.
fn residual<'a>(newer: &'a [f32], older: &'a [f32]) -> (Difference<'a, f32>, i32) {
    let difference = Difference { newer, older };
    (difference, f32::exponent(Portable::max_difference(difference)))
}

fn row(clock: &mut Clock, kind: &str, gram: Gram, columns: usize, iterates: &[[f32; N]]) {
    let n = 256;
    let mut residuals = [(Difference::default(), 0); COLUMNS + 1];
    for (place, pair) in residuals.iter_mut().zip(iterates.windows(2)) {
        *place = residual(&pair[1][..n], &pair[0][..n]);
    }
    let mut out = [0.0; COLUMNS];
    let newest = black_box(residuals[COLUMNS]);
    let (others, dots) = black_box((&residuals[..columns], &mut out));
    let gram = black_box(gram);
    let counted = clock.count(move || Portable::gram_row(gram, newest, others, dots)).0;
    figure(format_args!("gram-row-{kind}/{n}x{columns}"), n * columns, counted);
}

/// The system of `m` differences from the Gram matrix of `m + 1` residuals, and its solution.
fn solve(clock: &mut Clock, m: usize, iterates: &[[f32; N]]) {
    let depth = m + 2;
    let mut memory = [0.0; (SYSTEM + 2) * (SYSTEM + 2)];
    let mut gram = GramMatrix::new(&mut memory[..depth * depth], depth);
    for i in 0..=m {
        for (j, dot) in gram.row_mut(i).iter_mut().enumerate() {
            *dot = Portable::dot_wide(&iterates[i][..64], &iterates[j][..64]);
        }
    }
    let (mut gamma, mut remaining, mut pivots) = ([0.0; SYSTEM], [0.0; SYSTEM], [0; SYSTEM]);
    let (residuals, config) = black_box((m + 1, &Config::DEFAULT));
    let (gamma, remaining, pivots) =
        black_box((&mut gamma[..m], &mut remaining[..m], &mut pivots[..m]));
    let (counted, rank) = clock.count(|| {
        let system = gram.difference_system(residuals, gamma);
        let (ridge, tolerance) = (config.regularization, config.drop_tolerance);
        let factor = Cholesky::factor(system, depth, m, ridge, tolerance, remaining, pivots);
        factor.and_then(|factor| factor.solve(gamma).map(|()| factor.rank()))
    });
    assert_eq!(rank, Ok(m), "columns were dropped");
    figure(format_args!("solve/{m}"), 0, counted);
}
