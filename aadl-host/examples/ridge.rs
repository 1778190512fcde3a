//! Ridge regression with the two least-squares solvers alone, no acceleration: the progression of
//! diabetes from ten measures, for several strengths of the ridge.
//!
//! `cargo run --release --example ridge`
//!
//! Both minimise `||A w - y||^2 + t ||w||^2`: Cholesky from the normal equations
//! `(A'A + t I) w = A'y`, QR from the columns of `A` stacked over those of `sqrt(t) I`. Measures and
//! values are standardised, so no constant is needed. Of the explained variance, that of samples
//! not learned from is what counts; the last column is how far the two solvers' weights are apart,
//! relative to the largest.

use std::error::Error;

use aadl_core::kernels::{Kernels, Portable};
use aadl_core::least_squares::Regularization;
use aadl_core::least_squares::cholesky::Cholesky;
use aadl_core::least_squares::qr::{self, Columns};
use aadl_host::data::{Dataset, Labels, Scaling};
use aadl_host::report::{Cell, Table};

/// A column for each measure; the values to be explained.
struct Problem {
    columns: Vec<Vec<f64>>,
    values: Vec<f64>,
}

impl Problem {
    fn new(set: &Dataset) -> Result<Self, Box<dyn Error>> {
        let Labels::Values(values) = &set.labels else { return Err("values expected".into()) };
        let feature = |j| set.inputs.iter().skip(j).step_by(set.features).map(|x| f64::from(*x));
        Ok(Self {
            columns: (0..set.features).map(|j| feature(j).collect()).collect(),
            values: values.iter().map(|y| f64::from(*y)).collect(),
        })
    }

    /// By Cholesky: the lower triangle of `A'A` by columns, and `A'y`.
    fn by_cholesky(&self, ridge: f64) -> Result<Vec<f64>, Box<dyn Error>> {
        let n = self.columns.len();
        let mut gram = vec![0.0; n * n];
        for (j, a) in self.columns.iter().enumerate() {
            for (i, b) in self.columns.iter().enumerate().skip(j) {
                gram[j * n + i] = Portable::dot(a, b);
            }
        }
        let mut weights: Vec<f64> =
            self.columns.iter().map(|a| Portable::dot(a, &self.values)).collect();
        let (mut remaining, mut pivots) = (vec![0.0; n], vec![0; n]);
        let ridge = Regularization::Absolute(ridge);
        let factor = Cholesky::factor(&mut gram, n, n, ridge, 1e-14, &mut remaining, &mut pivots)?;
        factor.solve(&mut weights)?;
        Ok(weights)
    }

    /// By QR, on `n` rows more.
    fn by_qr(&self, ridge: f64) -> Result<Vec<f64>, Box<dyn Error>> {
        let (n, samples) = (self.columns.len(), self.values.len());
        let rows = samples + n;
        let mut values = vec![0.0; rows * n];
        for (j, (stacked, a)) in values.chunks_mut(rows).zip(&self.columns).enumerate() {
            stacked[..samples].copy_from_slice(a);
            stacked[samples + j] = ridge.sqrt();
        }
        let mut right = self.values.clone();
        right.resize(rows, 0.0);
        let mut weights = vec![0.0; n];
        let mut scratch = vec![0.0; qr::scratch(rows, n)];
        let a = Columns { values: &mut values, rows, columns: n, stride: rows };
        qr::solve::<f64, Portable>(a, &mut right, &mut weights, None, &mut scratch)?;
        Ok(weights)
    }

    /// The explained part of the variance.
    fn explained(&self, weights: &[f64]) -> f64 {
        let count = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / count;
        let (mut error, mut variance) = (0.0, 0.0);
        for (i, y) in self.values.iter().enumerate() {
            let found: f64 = self.columns.iter().zip(weights).map(|(a, w)| a[i] * w).sum();
            error += (found - y) * (found - y);
            variance += (mean - y) * (mean - y);
        }
        1.0 - error / variance
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut split = Dataset::diabetes()?.split(0.25, 3)?;
    let scaling = Scaling::fit(&split.train);
    scaling.apply(&mut split.train)?;
    scaling.apply(&mut split.test)?;
    let (train, test) = (Problem::new(&split.train)?, Problem::new(&split.test)?);
    let mut table = Table::new(
        "Ridge regression, diabetes, 10 measures: explained variance",
        &["ridge", "length of w", "learned from", "others", "solvers apart"],
    );
    for ridge in [0.0, 0.1, 1.0, 10.0, 100.0, 1000.0] {
        let (w, v) = (train.by_cholesky(ridge)?, train.by_qr(ridge)?);
        let largest = w.iter().fold(0.0, |max: f64, w| max.max(w.abs()));
        let apart = w.iter().zip(&v).fold(0.0, |max: f64, (w, v)| max.max((w - v).abs()));
        let length = Portable::dot(&w, &w).sqrt();
        table.row([
            Cell::Number(ridge, 3),
            Cell::Number(length, 3),
            Cell::Number(train.explained(&w), 3),
            Cell::Number(test.explained(&w), 3),
            Cell::Number(apart / largest, 2),
        ]);
    }
    println!("{table}");
    Ok(())
}
