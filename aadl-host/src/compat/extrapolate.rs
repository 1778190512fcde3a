//! AADL's two extrapolation functions.
//!
//! `X` holds iterates as columns, oldest first. With `DX` the differences of neighbours and `DR`
//! those of `DX`, `gamma` minimises `||dx - DR gamma||^2 + reg ||gamma||^2`, `dx` the last column of
//! `DX`, and the point is `x_{n-1} + dx - (DX' + DR) gamma`, `x_{n-1}` the last iterate but one and
//! `DX'` without its last column. A relaxation `r` other than 1 gives `r` times that point plus
//! `1 - r` times the combination of all iterates but the last whose weights are `gamma_0`,
//! `gamma_i - gamma_{i-1}`, `1 - gamma_last`.

use aadl_core::kernels::{Kernels, Portable};
use aadl_core::least_squares::{Regularization, cholesky::Cholesky, qr};
use aadl_core::math::sqrt;
use aadl_core::{Error, Real};

/// What an extrapolation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Extrapolation<T> {
    /// The extrapolated parameters.
    pub point: Vec<T>,
    /// The least-squares weights, one fewer than there are differences.
    pub gamma: Vec<T>,
}

/// AADL's `anderson`: column-pivoted QR, of `DR` stacked over `sqrt(reg) I` where `reg` is not 0.
///
/// `iterates` are at least 3, of one length, oldest first.
///
/// ```
/// use aadl_host::compat::extrapolate_qr;
/// // 4, 2, 1, ...: the limit 0 is found from three iterates.
/// let found = extrapolate_qr(&[&[4.0], &[2.0], &[1.0]], 1.0, 0.0)?;
/// assert_eq!(found.point, [0.0]);
/// # Ok::<(), aadl_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Length`] of `iterates`, [`Error::Config`] of `relaxation` or `regularization`.
pub fn extrapolate_qr<T: Real>(
    iterates: &[&[T]],
    relaxation: f64,
    regularization: f64,
) -> Result<Extrapolation<T>, Error> {
    extrapolate(iterates, relaxation, regularization, |columns, target| {
        let count = columns.len();
        let extra = if regularization == 0.0 { 0 } else { count };
        let rows = target.len() + extra;
        let root = sqrt(T::from_f64(regularization));
        let mut values = Vec::with_capacity(rows * count);
        for (j, column) in columns.iter().enumerate() {
            values.extend_from_slice(column);
            values.extend((0..extra).map(|i| if i == j { root } else { T::ZERO }));
        }
        let mut target = target.to_vec();
        target.resize(rows, T::ZERO);
        let mut gamma = vec![T::ZERO; count];
        let mut scratch = vec![T::ZERO; qr::scratch(rows, count)];
        let a = qr::Columns { values: &mut values, rows, columns: count, stride: rows };
        qr::solve::<T, Portable>(a, &mut target, &mut gamma, None, &mut scratch)?;
        Ok(gamma)
    })
}

/// AADL's `anderson_normal_equation`: `(DR'DR + reg I) gamma = DR'dx`. Columns that depend on the
/// others to working accuracy get the weight 0; AADL fails there.
///
/// # Errors
/// As [`extrapolate_qr`].
pub fn extrapolate_normal_equation<T: Real>(
    iterates: &[&[T]],
    relaxation: f64,
    regularization: f64,
) -> Result<Extrapolation<T>, Error> {
    extrapolate(iterates, relaxation, regularization, |columns, target| {
        let n = columns.len();
        let mut gram = vec![T::ZERO; n * n];
        for (c, second) in columns.iter().enumerate() {
            for (r, first) in columns.iter().enumerate().skip(c) {
                gram[c * n + r] = Portable::dot(first, second);
            }
        }
        let mut gamma: Vec<T> = columns.iter().map(|c| Portable::dot(c, target)).collect();
        let (mut remaining, mut pivots) = (vec![T::ZERO; n], vec![0; n]);
        let regularization = Regularization::Absolute(regularization);
        let tolerance = T::EPSILON.to_f64() * n as f64;
        Cholesky::factor(&mut gram, n, n, regularization, tolerance, &mut remaining, &mut pivots)?
            .solve(&mut gamma)?;
        Ok(gamma)
    })
}

fn extrapolate<T: Real>(
    iterates: &[&[T]],
    relaxation: f64,
    regularization: f64,
    solve: impl FnOnce(&[Vec<T>], &[T]) -> Result<Vec<T>, Error>,
) -> Result<Extrapolation<T>, Error> {
    let [earlier @ .., before, _] = iterates else {
        return Err(Error::Length { what: "iterates", expected: 3, found: iterates.len() });
    };
    if earlier.is_empty() {
        return Err(Error::Length { what: "iterates", expected: 3, found: iterates.len() });
    }
    if let Some(other) = iterates.iter().find(|x| x.len() != before.len()) {
        let (expected, found) = (before.len(), other.len());
        return Err(Error::Length { what: "iterates", expected, found });
    }
    if relaxation.is_nan() || relaxation <= 0.0 {
        return Err(Error::Config { field: "relaxation", requires: "0 < relaxation" });
    }
    if regularization.is_nan() || regularization < 0.0 {
        return Err(Error::Config { field: "regularization", requires: "0 <= regularization" });
    }
    let subtract = |newer: &[T], older: &[T]| -> Vec<T> {
        newer.iter().zip(older).map(|(newer, older)| *newer - *older).collect()
    };
    let dx: Vec<Vec<T>> = iterates.windows(2).map(|w| subtract(w[1], w[0])).collect();
    let dr: Vec<Vec<T>> = dx.windows(2).map(|w| subtract(&w[1], &w[0])).collect();
    let last = &dx[dx.len() - 1];
    let gamma = match solve(&dr, last) {
        // AADL does not look for NaN; what it computes from it is NaN.
        Err(Error::NonFinite { .. }) => vec![T::from_f64(f64::NAN); dr.len()],
        other => other?,
    };

    let mut correction = vec![T::ZERO; before.len()];
    for ((dx, dr), gamma) in dx.iter().zip(&dr).zip(&gamma) {
        for ((sum, dx), dr) in correction.iter_mut().zip(dx).zip(dr) {
            *sum += (*dx + *dr) * *gamma;
        }
    }
    let mut point: Vec<T> = before
        .iter()
        .zip(last)
        .zip(&correction)
        .map(|((before, last), correction)| *before + *last - *correction)
        .collect();
    if relaxation != 1.0 {
        let (r, rest) = (T::from_f64(relaxation), T::from_f64(1.0 - relaxation));
        let mut mixed = vec![T::ZERO; before.len()];
        for (i, iterate) in iterates.iter().take(gamma.len() + 1).enumerate() {
            let next = if i < gamma.len() { gamma[i] } else { T::ONE };
            let alpha = if i == 0 { next } else { next - gamma[i - 1] };
            for (sum, x) in mixed.iter_mut().zip(*iterate) {
                *sum += rest * *x * alpha;
            }
        }
        for (point, mixed) in point.iter_mut().zip(&mixed) {
            *point = r * *point + *mixed;
        }
    }
    Ok(Extrapolation { point, gamma })
}
