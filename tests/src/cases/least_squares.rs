//! Both solvers, on problems of full rank and on those that are not.

use super::{Outcome, ensure, vector};
use crate::trace::Trace;
use aadl_core::Real;
use aadl_core::kernels::Kernels;
use aadl_core::least_squares::Regularization;
use aadl_core::least_squares::cholesky::Cholesky;
use aadl_core::least_squares::qr::{self, Columns};
use aadl_core::random::Random;

const ROWS: usize = 11;
const COLUMNS: usize = 6;

/// Columns of which the last may be the sum of two others, and another zero.
fn problem<T: Real>(random: &mut Random, dependent: bool) -> ([[T; ROWS]; COLUMNS], [T; ROWS]) {
    let mut columns: [[T; ROWS]; COLUMNS] = core::array::from_fn(|_| vector(random));
    if dependent {
        columns[2] = [T::ZERO; ROWS];
        columns[5] = core::array::from_fn(|i| columns[0][i] + columns[1][i]);
    }
    (columns, vector(random))
}

fn product<T: Real>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::ZERO, |sum, (a, b)| sum + *a * *b)
}

pub(super) fn cholesky<T: Real>(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(30);
    for (dependent, regularization) in [
        (false, Regularization::None),
        (false, Regularization::Relative(1e-6)),
        (false, Regularization::Absolute(0.1)),
        (true, Regularization::None),
        (true, Regularization::Relative(1e-3)),
    ] {
        let (columns, b) = problem::<T>(&mut random, dependent);
        let mut matrix = [[T::ZERO; COLUMNS]; COLUMNS];
        for (row, a) in matrix.iter_mut().zip(&columns) {
            for (element, b) in row.iter_mut().zip(&columns) {
                *element = product(a, b);
            }
        }
        let mut x = columns.map(|column| product(&column, &b));
        let (mut remaining, mut pivots) = ([T::ZERO; COLUMNS], [0; COLUMNS]);
        let elements = matrix.as_flattened_mut();
        let tolerance = 16.0 * T::EPSILON.to_f64();
        let factor = Cholesky::factor(
            elements,
            COLUMNS,
            COLUMNS,
            regularization,
            tolerance,
            &mut remaining,
            &mut pivots,
        )?;
        factor.solve(&mut x)?;
        let rank = factor.rank();
        trace.integer("rank", rank as u64);
        trace.reals("x", &x);
        trace.reals("factor", matrix.as_flattened());
        let ridge = regularization != Regularization::None;
        ensure!(rank == COLUMNS - usize::from(dependent) - usize::from(dependent && !ridge));
        ensure!(x.iter().all(|x| x.is_finite()));
    }
    Ok(())
}

pub(super) fn qr<K: Kernels, T: Real>(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(31);
    for (dependent, rcond) in [(false, None), (true, None), (false, Some(0.5)), (true, Some(0.2))] {
        let (columns, right) = problem::<T>(&mut random, dependent);
        let (mut values, mut b, mut x) = (columns, right, [T::ZERO; COLUMNS]);
        let mut scratch = [T::ZERO; qr::scratch(ROWS, COLUMNS)];
        let a = Columns {
            values: values.as_flattened_mut(),
            rows: ROWS,
            columns: COLUMNS,
            stride: ROWS,
        };
        let info = qr::solve::<T, K>(a, &mut b, &mut x, rcond, &mut scratch)?;
        trace.integer("rank", info.rank as u64);
        trace.real("residual_norm", info.residual_norm);
        trace.reals("x", &x);
        if rcond.is_none() {
            ensure!(info.rank == COLUMNS - 2 * usize::from(dependent));
            // The residual stands perpendicular on every column.
            let residual: [T; ROWS] = core::array::from_fn(|i| {
                right[i] - columns.iter().zip(x).fold(T::ZERO, |sum, (c, x)| sum + c[i] * x)
            });
            let bound = T::EPSILON.to_f64() * 200.0;
            ensure!(columns.iter().all(|c| product(c, &residual).to_f64().abs() < bound));
        }
    }
    Ok(())
}
