//! Least-squares cases (`aadl-ls-v1`): one extrapolation each, by both of AADL's functions.

use aadl_core::kernels::{Kernels, Portable};

use super::reader::{Read, Reader};
use super::trajectory::worse;
use super::{Case, Outcome};
use crate::compat::{Extrapolation, extrapolate_normal_equation, extrapolate_qr};

/// Relative deviation that passes at a condition number of up to 100; above, in proportion.
const TOLERANCE: f64 = 1e-9;

/// Checks each case of the file.
pub(super) fn check(file: &Reader<'_>, name: &str) -> Read<Vec<Case>> {
    let field = file.get("cases")?;
    let cases = field.list()?;
    if cases.is_empty() {
        return field.error("no cases");
    }
    let mut found = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let id = match case.find("id").ok().flatten().map(|id| id.text()) {
            Some(Ok(id)) => id.to_owned(),
            _ => format!("case {index}"),
        };
        match Window::read(case) {
            Ok(window) => {
                for method in [Method::Qr, Method::NormalEquation] {
                    let id = format!("{id} {}", method.key());
                    found.push(Case::new(name, id, window.check(case, method)));
                }
            }
            Err(message) => found.push(Case::new(name, id, Err(message))),
        }
    }
    Ok(found)
}

#[derive(Clone, Copy, PartialEq)]
enum Method {
    Qr,
    NormalEquation,
}

impl Method {
    fn key(self) -> &'static str {
        match self {
            Self::Qr => "anderson",
            Self::NormalEquation => "anderson_normal_equation",
        }
    }
}

/// A case: the iterates as columns, and the least-squares problem they pose.
struct Window {
    iterates: Vec<Vec<f64>>,
    relaxation: f64,
    regularization: f64,
    /// `DR`, stacked over `sqrt(reg) I`, by columns.
    columns: Vec<Vec<f64>>,
    target: Vec<f64>,
    values: SingularValues,
}

impl Window {
    fn read(case: &Reader<'_>) -> Read<Self> {
        let (rows, count) = (case.get("N")?.count()?, case.get("cols")?.count()?);
        if rows == 0 || count < 3 {
            return case.get("cols")?.error("at least 3 columns of at least 1 row are needed");
        }
        // Memory is taken for what the lists hold, never for what `N` and `cols` claim.
        let mut matrix = Vec::new();
        for row in case.get("X_float32_rows")?.sized(rows)? {
            matrix.push(row.sized(count)?.iter().map(Reader::float32).collect::<Read<Vec<_>>>()?);
        }
        let iterates: Vec<Vec<f64>> =
            (0..count).map(|j| matrix.iter().map(|row| row[j]).collect()).collect();
        let relaxation = case.get("relaxation")?.number()?;
        let regularization = case.get("regularization")?.number()?;
        if relaxation <= 0.0 {
            return case.get("relaxation")?.error("must be above 0");
        }
        if regularization < 0.0 {
            return case.get("regularization")?.error("must not be negative");
        }
        let subtract = |columns: &[Vec<f64>]| -> Vec<Vec<f64>> {
            columns
                .windows(2)
                .map(|w| w[1].iter().zip(&w[0]).map(|(a, b)| a - b).collect())
                .collect()
        };
        let dx = subtract(&iterates);
        let mut columns = subtract(&dx);
        let mut target = dx[dx.len() - 1].clone();
        if regularization > 0.0 {
            let count = columns.len();
            for (j, column) in columns.iter_mut().enumerate() {
                column.extend((0..count).map(|i| if i == j { regularization.sqrt() } else { 0.0 }));
            }
            target.resize(rows + count, 0.0);
        }
        let values = SingularValues::new(&columns, &target);
        Ok(Self { iterates, relaxation, regularization, columns, target, values })
    }

    /// The residual norm must be the minimum, whatever the method. The recorded vector is compared
    /// where it is well determined:
    ///
    /// - `anderson`: always, except where a singular value is so near the rank threshold that
    ///   rounding decides (LAPACK's answer of least norm is unique otherwise);
    /// - `anderson_normal_equation`: where no error is recorded and `eps cond^2 < 1e-9`.
    fn check(&self, case: &Reader<'_>, method: Method) -> Read<Outcome> {
        let recorded = case.get(method.key())?;
        let failed = recorded.find("error")?.is_some();
        let reference = if failed && recorded.find("extrapolated")?.is_none() {
            None
        } else {
            Some(recorded.get("extrapolated")?.vector(self.iterates[0].len())?)
        };
        let iterates: Vec<&[f64]> = self.iterates.iter().map(Vec::as_slice).collect();
        let extrapolate = match method {
            Method::Qr => extrapolate_qr,
            Method::NormalEquation => extrapolate_normal_equation,
        };
        let Extrapolation { point, gamma } =
            extrapolate(&iterates, self.relaxation, self.regularization)
                .or_else(|error| recorded.error(error))?;

        let condition = self.values.condition;
        let tolerance = TOLERANCE * (condition / 100.0).max(1.0);
        let excess = (self.residual_norm(&gamma) - self.values.minimum).max(0.0);
        let mut deviation = worse(0.0, excess / norm(&self.target).max(f64::MIN_POSITIVE));
        let finite = point.iter().chain(&gamma).all(|x| x.is_finite());

        let determined = match method {
            Method::Qr => !self.values.doubtful,
            Method::NormalEquation => {
                !failed && self.values.full && f64::EPSILON * condition * condition < TOLERANCE
            }
        };
        let note = match reference {
            Some(reference) if determined => {
                let distance =
                    point.iter().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0.0, worse);
                let newest = iterates[iterates.len() - 1];
                let size = reference.iter().chain(newest).fold(0.0f64, |max, x| max.max(x.abs()));
                deviation = worse(deviation, distance / size.max(f64::MIN_POSITIVE));
                String::new()
            }
            _ => "residual norm and finiteness only".to_owned(),
        };
        Ok(Outcome { deviation, tolerance, pass: finite && deviation <= tolerance, note })
    }

    fn residual_norm(&self, gamma: &[f64]) -> f64 {
        let mut residual = self.target.clone();
        for (column, gamma) in self.columns.iter().zip(gamma) {
            for (r, x) in residual.iter_mut().zip(column) {
                *r -= x * gamma;
            }
        }
        norm(&residual)
    }
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    Portable::dot(a, b)
}

/// What the singular values say about `min ||A x - b||`: the independent route, which shares no
/// code with the solvers. One-sided Jacobi (Hestenes, J. SIAM 6, 1958): columns are rotated in pairs
/// until all are orthogonal; their norms are the singular values then.
struct SingularValues {
    /// `||A x - b||` at the minimum, of the singular values above the rank threshold.
    minimum: f64,
    /// Ratio of the largest singular value to the smallest above the threshold.
    condition: f64,
    /// No singular value is below the threshold, and there are not more columns than rows.
    full: bool,
    /// A singular value is so near the threshold that rounding may decide the rank.
    doubtful: bool,
}

impl SingularValues {
    fn new(columns: &[Vec<f64>], target: &[f64]) -> Self {
        let mut columns = columns.to_vec();
        for _ in 0..60 {
            let mut rotated = false;
            for q in 1..columns.len() {
                let (before, rest) = columns.split_at_mut(q);
                for p in before {
                    rotated |= orthogonalise(p, &mut rest[0]);
                }
            }
            if !rotated {
                break;
            }
        }
        columns.sort_by(|a, b| norm(b).total_cmp(&norm(a)));
        let least = columns.len().min(target.len());
        let largest = columns.first().map_or(0.0, |c| norm(c));
        let threshold = f64::EPSILON * columns.len().max(target.len()) as f64 * largest;

        let mut residual = target.to_vec();
        let (mut rank, mut smallest, mut doubtful) = (0, largest, false);
        for column in &columns[..least] {
            let value = norm(column);
            doubtful |= value > threshold / 8.0 && value < threshold * 100.0;
            if value > threshold {
                let along = dot(column, &residual) / value / value;
                for (r, x) in residual.iter_mut().zip(column) {
                    *r -= along * x;
                }
                (rank, smallest) = (rank + 1, value);
            }
        }
        Self {
            minimum: norm(&residual),
            condition: if largest > 0.0 { largest / smallest } else { 1.0 },
            full: rank == columns.len(),
            doubtful,
        }
    }
}

/// Rotates two columns until they are orthogonal; whether there was anything to do.
fn orthogonalise(p: &mut [f64], q: &mut [f64]) -> bool {
    let (pp, qq, pq) = (dot(p, p), dot(q, q), dot(p, q));
    if pq.abs() <= f64::EPSILON * (pp * qq).sqrt() {
        return false;
    }
    let zeta = (qq - pp) / (2.0 * pq);
    let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = cosine * tangent;
    for (p, q) in p.iter_mut().zip(q) {
        (*p, *q) = (cosine * *p - sine * *q, sine * *p + cosine * *q);
    }
    true
}
