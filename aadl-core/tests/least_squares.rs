//! The pivoted Cholesky factorization and the normal equations from a Gram matrix, against dense
//! least squares on the columns themselves.

mod common;

use aadl_core::Error;
use aadl_core::least_squares::Regularization::{self, Absolute, None as NoRidge, Relative};
use aadl_core::least_squares::cholesky::Cholesky;
use aadl_core::least_squares::gram::GramMatrix;
use aadl_core::random::Random;
use common::{bits, distance, integer, least_squares, norm, tolerance, vector};

type Columns = Vec<Vec<f64>>;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The lower triangle of `F'F` by columns; all else is NaN.
fn gram_of(columns: &Columns, stride: usize) -> Vec<f64> {
    let n = columns.len();
    let mut elements = vec![f64::NAN; stride * n];
    for c in 0..n {
        for r in c..n {
            elements[c * stride + r] = dot(&columns[r], &columns[c]);
        }
    }
    elements
}

struct Solved {
    x: Vec<f64>,
    rank: usize,
    elements: Vec<f64>,
}

fn solve(columns: &Columns, b: &[f64], ridge: Regularization, drop: f64, stride: usize) -> Solved {
    let n = columns.len();
    let mut elements = gram_of(columns, stride);
    let mut x: Vec<f64> = columns.iter().map(|c| dot(c, b)).collect();
    let (mut remaining, mut pivots) = (vec![f64::NAN; n], vec![u16::MAX; n]);
    let factor =
        Cholesky::factor(&mut elements, stride, n, ridge, drop, &mut remaining, &mut pivots)
            .unwrap();
    let rank = factor.rank();
    factor.solve(&mut x).unwrap();
    Solved { x, rank, elements }
}

/// `min ||F x - b||^2 + x' Lambda x` by the columns of `[F; sqrt(Lambda)]`.
fn expected(columns: &Columns, b: &[f64], ridge: Regularization) -> Vec<f64> {
    let n = columns.len();
    let stacked: Columns = columns
        .iter()
        .enumerate()
        .map(|(j, column)| {
            let mut below = vec![0.0; n];
            below[j] = ridge.lambda(dot(column, column)).sqrt();
            column.iter().copied().chain(below).collect()
        })
        .collect();
    let right: Vec<f64> = b.iter().copied().chain(vec![0.0; n]).collect();
    least_squares(&stacked, &right, 1e-7).x
}

fn residual_norm2(columns: &Columns, x: &[f64], b: &[f64]) -> f64 {
    let mut r = b.to_vec();
    for (column, x) in columns.iter().zip(x) {
        r.iter_mut().zip(column).for_each(|(r, c)| *r -= c * x);
    }
    dot(&r, &r)
}

fn random_columns(random: &mut Random, rows: usize, n: usize) -> Columns {
    (0..n).map(|_| vector(random, rows)).collect()
}

#[test]
fn regular_systems_are_solved_with_every_ridge() {
    let mut random = Random::new(11);
    for n in 1..=12 {
        for ridge in [NoRidge, Relative(0.0), Relative(1e-3), Absolute(0.0), Absolute(0.7)] {
            let mut columns = random_columns(&mut random, 3 * n + 2, n);
            // Columns of very different units.
            for column in &mut columns {
                let unit = 10f64.powi(integer(&mut random, 2));
                column.iter_mut().for_each(|c| *c *= unit);
            }
            let b: Vec<f64> = vector(&mut random, 3 * n + 2);
            let solved = solve(&columns, &b, ridge, 1e-14, n + n % 3);
            let x = expected(&columns, &b, ridge);
            assert_eq!(solved.rank, n);
            // Compared in the units of each column.
            let in_units = |x: &[f64]| -> Vec<f64> {
                x.iter().zip(&columns).map(|(x, c)| x * norm(c)).collect()
            };
            let error = distance(&in_units(&solved.x), &in_units(&x));
            assert!(error <= tolerance::DENSE * norm(&b), "n {n}, {ridge:?}: {error:e}");
        }
    }
}

/// Columns that are combinations of others, zero, or more than there are rows: as many as the rank
/// are taken, and the residual is the least-squares minimum.
#[test]
fn dependent_columns_are_dropped_and_the_minimum_is_reached() {
    let mut random = Random::new(12);
    for trial in 0..200 {
        let rank = 1 + random.below(5);
        let rows = rank + random.below(6);
        let n = rank + random.below(6);
        // Integers, so that duplicates and sums are exact.
        let basis: Columns = loop {
            let basis: Columns = (0..rank)
                .map(|_| (0..rows).map(|_| f64::from(integer(&mut random, 9))).collect())
                .collect();
            let volume = least_squares(&basis, &vec![1.0; rows], 1e-3);
            if volume.sine > 1e-3 && volume.x.iter().all(|x| *x != 0.0) {
                break basis;
            }
        };
        let mut columns = basis.clone();
        for extra in rank..n {
            let mut column = vec![0.0; rows];
            match extra % 3 {
                0 => {} // a zero column
                1 => column.clone_from(&basis[random.below(rank)]),
                _ => {
                    for other in &basis {
                        let factor = f64::from(integer(&mut random, 2));
                        column.iter_mut().zip(other).for_each(|(c, o)| *c += factor * o);
                    }
                }
            }
            columns.insert(random.below(columns.len() + 1), column);
        }
        let b: Vec<f64> = vector(&mut random, rows);
        let minimum = least_squares(&columns, &b, 1e-6).norm2;
        for drop in [1e-12, 1e-10] {
            let solved = solve(&columns, &b, NoRidge, drop, n);
            assert_eq!(solved.rank, rank, "trial {trial}");
            assert_eq!(solved.x.iter().filter(|x| **x != 0.0).count(), rank, "trial {trial}");
            let reached = residual_norm2(&columns, &solved.x, &b);
            assert!(
                (reached - minimum).abs() <= tolerance::NORM2 * dot(&b, &b),
                "trial {trial}: {reached:e} instead of {minimum:e}"
            );
        }
    }
}

#[test]
fn a_matrix_of_zeros_has_no_rank_and_the_solution_zero() {
    let columns = vec![vec![0.0; 4]; 3];
    for ridge in [NoRidge, Relative(1e-3), Absolute(1e-3)] {
        let solved = solve(&columns, &[1.0; 4], ridge, 0.0, 3);
        assert_eq!((solved.rank, solved.x), (0, vec![0.0; 3]));
    }
}

#[test]
fn a_ridge_keeps_duplicates_and_shares_their_weight() {
    let columns = vec![vec![1.0, 2.0, 2.0]; 2];
    let solved = solve(&columns, &[3.0, 6.0, 6.0], Relative(1e-6), 1e-14, 2);
    assert_eq!(solved.rank, 2);
    let share = 3.0 / (2.0 + 1e-6);
    assert!(distance(&solved.x, &[share; 2]) < 1e-9, "{:?}", solved.x);
}

/// A relative ridge and the tolerance must not know the units: a power of two on each column gives
/// the same bits, up to that power.
#[test]
fn units_of_columns_do_not_matter() {
    let mut random = Random::new(13);
    for trial in 0..100 {
        let n = 2 + random.below(9);
        let mut columns = random_columns(&mut random, 20, n);
        if trial % 3 == 0 {
            columns[n - 1] = columns[0].clone();
        }
        let b: Vec<f64> = vector(&mut random, 20);
        for ridge in [NoRidge, Relative(1e-10), Relative(1e-2)] {
            let powers: Vec<f64> = (0..n).map(|_| 2f64.powi(integer(&mut random, 200))).collect();
            let scaled: Columns = columns
                .iter()
                .zip(&powers)
                .map(|(column, p)| column.iter().map(|c| c * p).collect())
                .collect();
            let one = solve(&columns, &b, ridge, 1e-13, n);
            let other = solve(&scaled, &b, ridge, 1e-13, n);
            assert_eq!(one.rank, other.rank);
            let back: Vec<f64> = other.x.iter().zip(&powers).map(|(x, p)| x * p).collect();
            assert_eq!(bits(&one.x), bits(&back));
        }
    }
}

/// A square that small has lost its digits, and its reciprocal overflows; the largest one has not.
#[test]
fn a_column_with_a_subnormal_square_is_dropped() {
    for (tiny, rank, first) in [(f64::from_bits(3), 1, 0.0), (f64::MIN_POSITIVE, 2, 1.0)] {
        let (mut elements, mut b) = ([tiny, 0.0, 0.0, f64::MAX], [tiny, f64::MAX]);
        let (mut remaining, mut pivots) = ([0.0; 2], [0; 2]);
        let factor =
            Cholesky::factor(&mut elements, 2, 2, NoRidge, 1e-14, &mut remaining, &mut pivots)
                .unwrap();
        assert_eq!(factor.rank(), rank);
        factor.solve(&mut b).unwrap();
        assert!(distance(&b, &[first, 1.0]) < 1e-12, "{b:?}");
    }
}

/// Its pivot is a fifth of the smallest normal number; the third column is independent of it.
#[test]
fn a_pivot_without_a_reciprocal_costs_its_own_column_only() {
    let (tiny, third) = (f32::MIN_POSITIVE, 0.9f32.sqrt());
    let unit = tiny.sqrt();
    // Columns e_1, unit (sqrt 0.8, sqrt 0.2, 0), (sqrt 0.9, 0, sqrt 0.1).
    let (cosine, mixed) = (unit * 0.8f32.sqrt(), unit * 0.72f32.sqrt());
    let mut elements = [1.0, cosine, third, 0.0, tiny, mixed, 0.0, 0.0, 1.0];
    let (mut remaining, mut pivots) = ([0.0; 3], [0; 3]);
    let factor =
        Cholesky::factor(&mut elements, 3, 3, NoRidge, 1e-6, &mut remaining, &mut pivots).unwrap();
    assert_eq!(factor.rank(), 2);
    // Of the first and the third column.
    let mut x = [1.0 + 2.0 * third, 0.0, third + 2.0];
    factor.solve(&mut x).unwrap();
    assert!((x[0] - 1.0).abs() < 1e-5 && x[1] == 0.0 && (x[2] - 2.0).abs() < 1e-5, "{x:?}");
}

#[test]
fn the_factorization_is_that_of_the_matrix() {
    let mut random = Random::new(14);
    for n in 1..10 {
        let columns = random_columns(&mut random, n + 5, n);
        let mut elements = gram_of(&columns, n);
        let original = elements.clone();
        let (mut remaining, mut pivots) = (vec![0.0; n], vec![0; n]);
        Cholesky::factor(&mut elements, n, n, NoRidge, 0.0, &mut remaining, &mut pivots).unwrap();
        let mut order: Vec<usize> = (0..n).collect();
        for (k, p) in pivots.iter().enumerate() {
            order.swap(k, usize::from(*p));
        }
        // L has a unit diagonal, in whose place the reciprocals of D stand.
        let l = |r: usize, c: usize| if r == c { 1.0 } else { elements[c * n + r] };
        let d = |k: usize| 1.0 / elements[k * n + k];
        let square = |r: usize| original[order[r] * (n + 1)];
        for r in 0..n {
            for c in 0..=r {
                let (i, j) = (order[r].max(order[c]), order[r].min(order[c]));
                let product: f64 = (0..=c).map(|k| l(r, k) * d(k) * l(c, k)).sum();
                let error = (product - original[j * n + i]) / (square(r) * square(c)).sqrt();
                assert!(error.abs() < 1e-14, "n {n}");
            }
            // Pivots descend, relative to what they were.
            let relative = |k: usize| d(k) / square(k);
            assert!(r == 0 || relative(r) <= relative(r - 1) * (1.0 + 1e-12));
        }
    }
}

#[test]
fn only_the_lower_triangle_is_touched() {
    let mut random = Random::new(15);
    let (n, stride) = (5, 8);
    let columns = random_columns(&mut random, 9, n);
    let solved = solve(&columns, &[1.0; 9], NoRidge, 1e-14, stride);
    for (index, element) in solved.elements.iter().enumerate() {
        let (c, r) = (index / stride, index % stride);
        assert_eq!(element.is_nan(), r < c || r >= n, "row {r}, column {c}");
    }
    // The stride changes no bit, and the last column may end with the matrix.
    let dense = solve(&columns, &[1.0; 9], NoRidge, 1e-14, n);
    assert_eq!(bits(&solved.x), bits(&dense.x));
    let mut elements = gram_of(&columns, stride);
    elements.truncate((n - 1) * stride + n);
    let (mut remaining, mut pivots) = ([0.0; 5], [0; 5]);
    assert!(
        Cholesky::factor(&mut elements, stride, n, NoRidge, 0.0, &mut remaining, &mut pivots)
            .is_ok()
    );
}

#[test]
fn float32_is_solved_to_its_own_precision() {
    let (mut elements, mut x) = ([14.0f32, 6.0, 0.0, 4.0], [34.0f32, 16.0]);
    let (mut remaining, mut pivots) = ([0.0; 2], [0; 2]);
    Cholesky::factor(&mut elements, 2, 2, NoRidge, 1e-6, &mut remaining, &mut pivots)
        .unwrap()
        .solve(&mut x)
        .unwrap();
    assert!((x[0] - 2.0).abs() < 1e-5 && (x[1] - 1.0).abs() < 1e-5, "{x:?}");
}

#[test]
fn bad_arguments_are_named() {
    let attempt = |len: usize, stride, n, ridge, drop, remaining: usize, pivots: usize| {
        let mut elements = vec![1.0; len];
        let (mut remaining, mut pivots) = (vec![0.0; remaining], vec![0; pivots]);
        Cholesky::factor(&mut elements, stride, n, ridge, drop, &mut remaining, &mut pivots)
            .map(|factor| factor.rank())
            .unwrap_err()
    };
    let length = |what, expected, found| Error::Length { what, expected, found };
    assert_eq!(attempt(9, 2, 3, NoRidge, 0.0, 3, 3), length("stride", 3, 2));
    assert_eq!(attempt(8, 3, 3, NoRidge, 0.0, 3, 3), length("elements", 9, 8));
    assert_eq!(attempt(9, 3, 3, NoRidge, 0.0, 2, 3), length("remaining", 3, 2));
    assert_eq!(attempt(9, 3, 3, NoRidge, 0.0, 3, 0), length("pivots", 3, 0));
    for t in [-1.0, f64::NAN, f64::INFINITY] {
        for ridge in [Relative(t), Absolute(t)] {
            let error = attempt(9, 3, 3, ridge, 0.0, 3, 3);
            assert!(matches!(error, Error::Config { field: "regularization", .. }), "{error:?}");
        }
    }
    for drop in [-0.1, 1.0, f64::NAN] {
        let error = attempt(9, 3, 3, NoRidge, drop, 3, 3);
        assert!(matches!(error, Error::Config { field: "drop_tolerance", .. }), "{error:?}");
    }

    for bad in [f64::NAN, f64::INFINITY, -1e-300] {
        let mut elements = [1.0, 0.0, 0.0, bad];
        let (mut remaining, mut pivots) = ([0.0; 2], [0; 2]);
        let error =
            Cholesky::factor(&mut elements, 2, 2, NoRidge, 0.0, &mut remaining, &mut pivots);
        assert_eq!(error.unwrap_err(), Error::NonFinite { what: "diagonal", index: 1 });
    }
    let (mut elements, mut remaining, mut pivots) = ([1.0], [0.0], [0]);
    let factor =
        Cholesky::factor(&mut elements, 1, 1, NoRidge, 0.0, &mut remaining, &mut pivots).unwrap();
    assert_eq!(factor.solve(&mut [1.0, 2.0]).unwrap_err(), length("b", 1, 2));
}

#[test]
fn no_unknowns_are_no_trouble() {
    let factor = Cholesky::<f64>::factor(&mut [], 0, 0, NoRidge, 0.0, &mut [], &mut []).unwrap();
    assert_eq!(factor.rank(), 0);
    assert_eq!(factor.solve(&mut []), Ok(()));
}

/// Integer residuals, so that every number on the way is exact.
#[test]
fn normal_equations_of_differences_are_those_of_the_columns() {
    let mut random = Random::new(16);
    for trial in 0..100 {
        let depth = 3 + random.below(8);
        let mut residuals: Columns = (0..depth)
            .map(|_| (0..7).map(|_| f64::from(integer(&mut random, 50))).collect())
            .collect();
        let mut elements = vec![f64::NAN; depth * depth];
        let mut gram = GramMatrix::new(&mut elements, depth);
        for i in 0..depth {
            assert_eq!(gram.row_mut(i).len(), i + 1);
            for (j, place) in gram.row_mut(i).iter_mut().enumerate() {
                *place = dot(&residuals[i], &residuals[j]);
            }
        }
        // The window is full at first; then the oldest goes, and a newer one may come.
        for round in 0..3 * depth {
            let m = residuals.len() - 1;
            let df: Columns = residuals
                .windows(2)
                .map(|f| f[1].iter().zip(&f[0]).map(|(newer, older)| newer - older).collect())
                .collect();
            let mut rhs = vec![f64::NAN; depth];
            let system = gram.difference_system(m + 1, &mut rhs).to_vec();
            for (c, column) in df.iter().enumerate() {
                assert_eq!(rhs[c], dot(column, &residuals[m]), "trial {trial}, round {round}");
                for (r, row) in df.iter().enumerate().skip(c) {
                    assert_eq!(system[c * depth + r], dot(column, row), "trial {trial}");
                }
            }
            assert!(rhs[m..].iter().all(|rhs| rhs.is_nan()), "no more than there are");
            for i in 0..=m {
                for j in 0..=m {
                    assert_eq!(gram.at(i, j), dot(&residuals[i], &residuals[j]), "G itself stays");
                }
            }
            let a: Vec<f64> = (0..=m).map(|_| f64::from(integer(&mut random, 9))).collect();
            let mut mixed = vec![0.0; 7];
            for (f, a) in residuals.iter().zip(&a) {
                mixed.iter_mut().zip(f).for_each(|(mixed, f)| *mixed += a * f);
            }
            assert_eq!(gram.norm2(&a), dot(&mixed, &mixed));

            gram.forget_oldest();
            residuals.remove(0);
            if residuals.is_empty() || random.below(3) > 0 {
                residuals.push((0..7).map(|_| f64::from(integer(&mut random, 50))).collect());
                let m = residuals.len() - 1;
                for (j, place) in gram.row_mut(m).iter_mut().enumerate() {
                    *place = dot(&residuals[m], &residuals[j]);
                }
            }
        }
    }
}

#[test]
fn places_outside_a_gram_matrix_are_zero_or_none() {
    let mut elements = [1.0; 9];
    let mut gram = GramMatrix::new(&mut elements, 3);
    assert!(gram.row_mut(5).is_empty() && gram.row_mut(usize::MAX).is_empty());
    assert_eq!((gram.at(5, 0), gram.at(7, usize::MAX)), (0.0, 0.0));
    // As far as the matrix goes.
    assert_eq!(gram.norm2(&[1.0; 5]), 9.0);
    assert_eq!(gram.difference_system(9, &mut [0.0; 9]).len(), 8);
    let mut huge = GramMatrix::new(&mut elements, usize::MAX);
    huge.forget_oldest();
    assert_eq!(huge.at(3, 2), 0.0);
    assert_eq!(huge.difference_system(4, &mut [0.0; 3]).len(), 8);
    let mut none = GramMatrix::new(&mut [], 0);
    none.forget_oldest();
    assert_eq!(none.difference_system(usize::MAX, &mut [0.0; 3]).len(), 0);
    assert_eq!(none.norm2(&[1.0]), 0.0);
}

#[test]
fn a_stride_behind_a_single_column_does_not_matter() {
    let (mut matrix, mut remaining, mut pivots, mut x) = ([4.0], [0.0], [0], [8.0]);
    let none = Regularization::None;
    let factor =
        Cholesky::factor(&mut matrix, usize::MAX, 1, none, 0.0, &mut remaining, &mut pivots)
            .unwrap();
    factor.solve(&mut x).unwrap();
    assert_eq!(x, [2.0]);
}
