//! Column-pivoted QR: LAPACK's answers, the conditions that define the least-squares solution of
//! least norm, invariance under powers of two, and inputs at the edge of the number range.

use aadl_core::kernels::Portable;
use aadl_core::least_squares::qr::{self, Columns, Info};
use aadl_core::{Error, Real};
use proptest::prelude::*;
use serde::Deserialize;

/// Relative deviation from LAPACK per unit of the condition number.
const LAPACK: f64 = 2e-15;

#[derive(Deserialize)]
struct Case {
    name: String,
    rows: usize,
    columns: usize,
    a: Vec<f64>,
    b: Vec<f64>,
    x: Vec<f64>,
    rank: usize,
    residual: f64,
    condition: f64,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../tests/reference/torch/gelsy.json")).unwrap()
}

fn solve<T: Real>(a: &[T], rows: usize, columns: usize, b: &[T]) -> Result<(Vec<T>, Info), Error> {
    let (mut values, mut b) = (a.to_vec(), b.to_vec());
    let mut x = vec![T::ZERO; columns];
    let mut scratch = vec![T::from_f64(f64::NAN); qr::scratch(rows, columns)];
    let a = Columns { values: &mut values, rows, columns, stride: rows };
    let info = qr::solve::<T, Portable>(a, &mut b, &mut x, None, &mut scratch)?;
    Ok((x, info))
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn residual(a: &[f64], rows: usize, b: &[f64], x: &[f64]) -> Vec<f64> {
    let mut r: Vec<f64> = b.iter().map(|b| -b).collect();
    for (column, x) in a.chunks(rows).zip(x) {
        for (r, a) in r.iter_mut().zip(column) {
            *r += a * x;
        }
    }
    r
}

fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |max, x| max.max(x.abs()))
}

#[test]
fn agrees_with_lapack() {
    for case in cases() {
        let (x, info) = solve(&case.a, case.rows, case.columns, &case.b).unwrap();
        assert_eq!(info.rank, case.rank, "{}", case.name);
        let difference: Vec<f64> = x.iter().zip(&case.x).map(|(a, b)| a - b).collect();
        let allowed = LAPACK * case.condition.max(10.0);
        let found = largest(&difference) / largest(&case.x).max(f64::MIN_POSITIVE);
        assert!(found <= allowed, "{}: x differs by {found:e}, allowed {allowed:e}", case.name);
        let found = (info.residual_norm - case.residual).abs() / norm(&case.b);
        assert!(found <= allowed, "{}: the residual differs by {found:e}", case.name);
    }
}

#[test]
fn float32_agrees_where_the_condition_allows() {
    let mut compared = 0;
    for case in cases()
        .iter()
        .filter(|case| case.condition < 1e4 && (1e-30..1e30).contains(&largest(&case.a)))
    {
        let single = |x: &[f64]| -> Vec<f32> { x.iter().map(|x| *x as f32).collect() };
        let (x, info) = solve(&single(&case.a), case.rows, case.columns, &single(&case.b)).unwrap();
        // Rounding to float32 may make dependent columns independent only below its own threshold.
        assert_eq!(info.rank, case.rank, "{}", case.name);
        let difference: Vec<f64> = x.iter().zip(&case.x).map(|(a, b)| f64::from(*a) - b).collect();
        let allowed = 2e-6 * case.condition.max(1.0);
        let found = largest(&difference) / largest(&case.x).max(1e-30);
        assert!(found <= allowed, "{}: {found:e}, allowed {allowed:e}", case.name);
        compared += 1;
    }
    assert!(compared >= 12, "{compared}");
}

#[test]
fn padding_between_columns_is_not_touched() {
    let (rows, columns, stride) = (5, 3, 8);
    let element = |i: usize, j: usize| ((i * 7 + j * 11) % 13) as f64 - 6.0;
    let dense: Vec<f64> =
        (0..columns).flat_map(|j| (0..rows).map(move |i| element(i, j))).collect();
    let mut padded = vec![f64::NAN; (columns - 1) * stride + rows];
    for j in 0..columns {
        padded[j * stride..j * stride + rows].copy_from_slice(&dense[j * rows..][..rows]);
    }
    let b = [1.0, -2.0, 3.0, 0.5, 4.0];
    let expected = solve(&dense, rows, columns, &b).unwrap();
    let (mut b, mut x) = (b, vec![0.0; columns]);
    let mut scratch = vec![0.0; qr::scratch(rows, columns)];
    let a = Columns { values: &mut padded, rows, columns, stride };
    let info = qr::solve::<f64, Portable>(a, &mut b, &mut x, None, &mut scratch).unwrap();
    assert_eq!((x, info), expected);
    let padding = (0..columns - 1).flat_map(|j| &padded[j * stride + rows..(j + 1) * stride]);
    assert!(padding.copied().all(f64::is_nan));
}

#[test]
fn empty_problems_have_the_solution_zero() {
    assert_eq!(
        solve::<f64>(&[], 0, 3, &[]).unwrap(),
        (vec![0.0; 3], Info { rank: 0, residual_norm: 0.0 })
    );
    let (x, info) = solve(&[], 3, 0, &[2.0, 1.0, 2.0]).unwrap();
    assert_eq!((x.len(), info), (0, Info { rank: 0, residual_norm: 3.0 }));
    assert_eq!(solve::<f32>(&[], 0, 0, &[]).unwrap().1.rank, 0);
    let (x, info) = solve(&[0.0; 6], 3, 2, &[2.0, 1.0, 2.0]).unwrap();
    assert_eq!((x, info), (vec![0.0; 2], Info { rank: 0, residual_norm: 3.0 }));
    let (x, info) = solve(&[1.0, 0.0, 0.0, 1.0], 2, 2, &[0.0, 0.0]).unwrap();
    assert_eq!((x, info), (vec![0.0; 2], Info { rank: 2, residual_norm: 0.0 }));
}

/// One call with everything open to choice; whether `a`, `b` and `x` were left alone.
fn call(
    a: &[f64],
    [rows, columns, stride, b, x, scratch]: [usize; 6],
    rcond: Option<f64>,
) -> (Result<Info, Error>, bool) {
    let mut values = a.to_vec();
    let (mut b, mut x) = (vec![1.0; b], vec![7.0; x]);
    let before = (b.clone(), x.clone());
    let mut scratch = vec![0.0; scratch];
    let columns = Columns { values: &mut values, rows, columns, stride };
    let result = qr::solve::<f64, Portable>(columns, &mut b, &mut x, rcond, &mut scratch);
    let same = values.iter().zip(a).all(|(a, b)| a.to_bits() == b.to_bits());
    (result, same && (b, x) == before)
}

#[test]
fn wrong_arguments_are_named_and_change_nothing() {
    let a = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
    let length = |what, expected, found| Err(Error::Length { what, expected, found });
    for (sizes, expected) in [
        ([3, 2, 2, 3, 2, 10], length("stride", 3, 2)),
        ([3, 3, 3, 3, 3, 15], length("a", 9, 6)),
        ([3, 2, 3, 2, 2, 10], length("b", 3, 2)),
        ([3, 2, 3, 3, 3, 10], length("x", 2, 3)),
        ([3, 2, 3, 3, 2, 9], length("scratch", 10, 9)),
        ([usize::MAX, 2, usize::MAX, 3, 2, 9], length("a", usize::MAX, 6)),
    ] {
        assert_eq!(call(&a, sizes, None), (expected, true));
    }
    for rcond in [-1e-3, 1.0, f64::NAN, f64::INFINITY] {
        let (result, same) = call(&a, [3, 2, 3, 3, 2, 10], Some(rcond));
        assert!(matches!(result, Err(Error::Config { field: "rcond", .. })) && same);
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut a = a;
        a[4] = bad;
        let expected = Err(Error::NonFinite { what: "a", index: 4 });
        assert_eq!(call(&a, [3, 2, 3, 3, 2, 10], None), (expected, true));
        let found = solve(&[1.0, 2.0], 2, 1, &[1.0, bad]);
        assert_eq!(found, Err(Error::NonFinite { what: "b", index: 1 }));
    }
}

#[test]
fn a_solution_beyond_the_number_range_is_an_error() {
    let found = solve(&[1e-200, 0.0], 2, 1, &[1e200, 0.0]);
    assert_eq!(found, Err(Error::NonFinite { what: "x", index: 0 }));
}

#[test]
fn rcond_decides_the_rank() {
    let a = [1.0, 0.0, 0.0, 1e-5];
    let rank = |rcond| call(&a, [2, 2, 2, 2, 2, 10], Some(rcond)).0.unwrap().rank;
    assert_eq!((rank(0.9e-5), rank(1.1e-5), rank(0.0)), (2, 1, 2));
}

/// Small integers, so that dependent columns are dependent exactly.
fn problem() -> impl Strategy<Value = (usize, usize, Vec<f64>, Vec<f64>)> {
    (1usize..=12, 1usize..=12).prop_flat_map(|(rows, columns)| {
        let integers = |count| prop::collection::vec((-4i32..=4).prop_map(f64::from), count);
        (Just(rows), Just(columns), integers(rows * columns), integers(rows))
    })
}

proptest! {
    #[test]
    fn the_residual_is_orthogonal_to_the_columns((rows, columns, a, b) in problem()) {
        let (x, info) = solve(&a, rows, columns, &b).unwrap();
        let r = residual(&a, rows, &b, &x);
        prop_assert!((norm(&r) - info.residual_norm).abs() <= 1e-12 * (1.0 + norm(&b)));
        let scale = 1.0 + largest(&a) * (largest(&b) + largest(&a) * largest(&x) * 12.0);
        for column in a.chunks(rows) {
            let along: f64 = column.iter().zip(&r).map(|(a, r)| a * r).sum();
            prop_assert!(along.abs() <= 1e-12 * scale, "{along:e} of {scale:e}");
        }
    }

    /// With `A c` appended as a column, `(c, -1)` is in the null space.
    #[test]
    fn the_solution_has_no_share_in_the_null_space(
        (rows, columns, mut a, b) in problem(),
        weights in prop::collection::vec(-3i32..=3, 12),
    ) {
        // No longer integers: what is left of dependent columns is rounding errors, not zeros.
        a.iter_mut().for_each(|a| *a /= 3.0);
        let mut null: Vec<f64> = weights[..columns].iter().map(|w| f64::from(*w)).collect();
        let sum: Vec<f64> = residual(&a, rows, &vec![0.0; rows], &null);
        a.extend(sum);
        null.push(-1.0);
        let (x, info) = solve(&a, rows, columns + 1, &b).unwrap();
        prop_assert!(info.rank <= columns.min(rows));
        let along: f64 = x.iter().zip(&null).map(|(x, n)| x * n).sum();
        prop_assert!(along.abs() <= 1e-11 * norm(&null) * (1.0 + norm(&x)), "{along:e}");
        // And none in any other: x is a combination of the rows.
        let transposed: Vec<f64> =
            (0..rows).flat_map(|i| a.iter().skip(i).step_by(rows).copied()).collect();
        let (_, rest) = solve(&transposed, columns + 1, rows, &x).unwrap();
        prop_assert!(rest.residual_norm <= 1e-11 * (1.0 + norm(&x)), "{}", rest.residual_norm);
    }

    #[test]
    fn powers_of_two_change_no_bit(
        (rows, columns, a, b) in problem(),
        (k, l) in (-40i32..=40, -40i32..=40),
    ) {
        fn check<T: Real>(a: &[f64], rows: usize, columns: usize, b: &[f64], k: i32, l: i32) {
            let scaled = |x: &[f64], k: i32| -> Vec<T> {
                x.iter().map(|x| T::from_f64(*x / 3.0) * T::power_of_two(k)).collect()
            };
            let (x, info) =
                solve(&scaled(a, 0), rows, columns, &scaled(b, 0)).unwrap();
            let (y, same) =
                solve(&scaled(a, k), rows, columns, &scaled(b, l)).unwrap();
            let expected: Vec<T> = x.iter().map(|x| *x * T::power_of_two(l - k)).collect();
            assert_eq!(y, expected);
            assert_eq!(same.rank, info.rank);
            assert_eq!(same.residual_norm, info.residual_norm * f64::power_of_two(l));
        }
        check::<f64>(&a, rows, columns, &b, k * 20, k * 20);
        check::<f64>(&a, rows, columns, &b, k, l);
        check::<f32>(&a, rows, columns, &b, k, k);
        check::<f32>(&a, rows, columns, &b, k, l);
    }

    /// Any finite float32 whatever, subnormals included.
    #[test]
    fn what_comes_out_is_finite(
        columns in 1usize..=6,
        bits in prop::collection::vec(any::<u32>(), 6..42),
    ) {
        let values: Vec<f32> = bits
            .iter()
            .map(|b| f32::from_bits(*b))
            .map(|x| if x.is_finite() { x } else { 0.0 })
            .collect();
        let rows = values.len() / (columns + 1);
        prop_assume!(rows > 0);
        let (a, b) = values.split_at(rows * columns);
        match solve(a, rows, columns, &b[..rows]) {
            Ok((x, info)) => {
                prop_assert!(x.iter().all(|x| x.is_finite()));
                prop_assert!(info.residual_norm.is_finite() && info.rank <= rows.min(columns));
            }
            Err(error) => {
                prop_assert!(matches!(error, Error::NonFinite { what: "x", .. }), "{error}");
            }
        }
    }
}
