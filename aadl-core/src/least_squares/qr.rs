//! Least squares by column-pivoted Householder QR: `min ||A x - b||`, and of all minimisers the
//! shortest where `A` does not determine one.
//!
//! What LAPACK's `gelsy` computes (Anderson et al., *LAPACK Users' Guide*, 3rd ed. 1999, section
//! 2.4.2.1). With `A` of `rows x columns`:
//!
//! - `A P = Q R` (Businger & Golub, Numer. Math. 7, 1965; Golub & Van Loan, *Matrix Computations*,
//!   4th ed. 2013, algorithm 5.4.1): each step takes the column whose part below the rows already
//!   done is longest, and reflects it onto one element, `H = I - tau v v'` with `v_0 = 1`. `b` is
//!   reflected along, into `c = Q'b`.
//! - The rank is the number of leading columns of `R` whose smallest and largest singular value
//!   have a ratio of at least `rcond`. Both are followed by incremental condition estimation.
//! - With fewer independent columns than columns, `[R11 R12] = [T 0] Z` by reflections from the
//!   right, and `x = P Z' [T^-1 c; 0]` is the minimiser of least norm; else `x = P R^-1 c`.
//!
//! Deviations from the textbook:
//!
//! 1. `A` and `b` are each scaled by a power of two so that their largest element lies in [1, 2).
//!    Nothing overflows or underflows that matters, and a problem multiplied by a power of two has
//!    the same `x` to the bit.
//! 2. The rank is decided before a column is moved and reflected, so the factorization ends with the last
//!    column that counts, and noise is never normalised into a direction.
//! 3. Column lengths are downdated, and taken anew once `sqrt(EPSILON)` of the original is left
//!    (Drmac & Bujanovic, ACM Trans. Math. Softw. 35, 2008), as in LAPACK since 3.1: the same
//!    pivots come out where lengths nearly tie.
//! 4. `rcond` below `EPSILON^2` counts as `EPSILON^2`: squares of shorter columns could underflow.
//!
//! Cost, with `m` rows, `n` columns and rank `r`: `4 m n r - 2 r^2 (m + n) + 4 r^3 / 3` floating
//! point operations, and each step reads the columns left twice and writes them once. The reflections
//! from the right add `4 r^2 (n - r)` where `r < n`.

use crate::error::{Error, check_length};
use crate::kernels::{Kernels, first_non_finite, multiply_by_power_of_two as scale};
use crate::least_squares::condition::{Extended, max, set};
use crate::math::sqrt;
use crate::real::Real;

/// Most columns: their indices are kept in scratch of type `T`, and float32 holds these exactly.
const MAX_COLUMNS: usize = 1 << 24;

/// A matrix by columns in somebody else's memory: element `(i, j)` is `values[j * stride + i]`.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Columns<'a, T> {
    /// At least `(columns - 1) * stride + rows` numbers. What lies between the columns is not
    /// touched.
    pub values: &'a mut [T],
    /// Length of a column.
    pub rows: usize,
    /// How many columns there are: at most `2^24`.
    pub columns: usize,
    /// From the start of one column to that of the next; not below `rows`.
    pub stride: usize,
}

impl<T> Columns<'_, T> {
    fn column(&self, j: usize) -> &[T] {
        let start = j * self.stride;
        self.values.get(start..start + self.rows).unwrap_or_default()
    }

    fn column_mut(&mut self, j: usize) -> &mut [T] {
        let start = j * self.stride;
        self.values.get_mut(start..start + self.rows).unwrap_or_default()
    }

    /// Two different columns, `i < j`.
    fn pair_mut(&mut self, i: usize, j: usize) -> (&mut [T], &mut [T]) {
        let range = |j: usize| j * self.stride..j * self.stride + self.rows;
        match self.values.get_disjoint_mut([range(i), range(j)]) {
            Ok([a, b]) => (a, b),
            Err(_) => (&mut [], &mut []),
        }
    }
}

/// What [`solve`] found out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Info {
    /// Columns that are independent to within `rcond`.
    pub rank: usize,
    /// `||A x - b||` of the problem restricted to that rank, which is the minimum to rounding.
    pub residual_norm: f64,
}

/// Elements of scratch that [`solve`] needs.
///
/// ```
/// use aadl_core::least_squares::qr;
/// let memory = [0.0f32; qr::scratch(100, 4)];
/// assert_eq!(memory.len(), 20);
/// ```
pub const fn scratch(rows: usize, columns: usize) -> usize {
    let least = if rows < columns { rows } else { columns };
    columns.saturating_mul(3).saturating_add(least.saturating_mul(2))
}

/// Solves `min ||A x - b||`; of several minimisers `x` is the one of least norm.
///
/// `a` and `b` are overwritten. `rcond` is in `[0, 1)`; `None` is `EPSILON * max(rows, columns)`.
/// A matrix of zeros, or without rows, has the solution 0 and the rank 0.
///
/// A straight line through three points, `y = 1 + 2 t`:
///
/// ```
/// use aadl_core::kernels::Portable;
/// use aadl_core::least_squares::qr::{self, Columns};
/// let mut values = [1.0, 1.0, 1.0, 0.0, 1.0, 2.0];
/// let (mut b, mut x) = ([1.0, 3.0, 5.0], [0.0; 2]);
/// let mut memory = [0.0f64; qr::scratch(3, 2)];
/// let a = Columns { values: &mut values, rows: 3, columns: 2, stride: 3 };
/// let info = qr::solve::<_, Portable>(a, &mut b, &mut x, None, &mut memory)?;
/// assert_eq!(info.rank, 2);
/// assert!((x[0] - 1.0).abs() < 1e-14 && (x[1] - 2.0).abs() < 1e-14);
/// # Ok::<(), aadl_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Length`] of `stride`, `a` and `scratch` (too short), `b` and `x` (not exact);
/// [`Error::Config`] of `rcond` and `columns`; [`Error::NonFinite`] of `a` (the index into
/// `values`) and `b`: nothing has changed then. [`Error::NonFinite`] of `x` if the solution is too
/// large for `T`.
pub fn solve<T: Real, K: Kernels>(
    mut a: Columns<'_, T>,
    b: &mut [T],
    x: &mut [T],
    rcond: Option<f64>,
    scratch: &mut [T],
) -> Result<Info, Error> {
    let (a_exponent, b_exponent) = check::<T, K>(&a, b, x, rcond, scratch)?;
    let least = a.rows.min(a.columns);
    let rcond = match rcond {
        Some(rcond) => T::from_f64(rcond),
        None => T::EPSILON * T::from_f64(a.rows.max(a.columns) as f64),
    };
    let rcond = max(rcond, T::EPSILON * T::EPSILON);

    let (swaps, rest) = scratch.split_at_mut_checked(a.columns).unwrap_or_default();
    let (lengths, rest) = rest.split_at_mut_checked(a.columns).unwrap_or_default();
    let (originals, rest) = rest.split_at_mut_checked(a.columns).unwrap_or_default();
    let (smallest, rest) = rest.split_at_mut_checked(least).unwrap_or_default();
    let largest = rest.get_mut(..least).unwrap_or_default();

    x.fill(T::ZERO);
    scale(b, -b_exponent);
    let rank = match a_exponent {
        Some(exponent) => {
            for j in 0..a.columns {
                scale(a.column_mut(j), -exponent);
            }
            let lengths = [&mut *lengths, originals];
            factor::<T, K>(&mut a, b, rcond, swaps, lengths, [&mut *smallest, &mut *largest])
        }
        None => 0,
    };
    let left = b.get(rank..).unwrap_or_default();
    let residual_norm = shift(sqrt(K::dot_wide(left, left)), b_exponent);

    let tau = smallest.get_mut(..rank).unwrap_or_default();
    let row = lengths.get_mut(..a.columns - rank).unwrap_or_default();
    if rank < a.columns {
        complete::<T, K>(&mut a, tau, row, largest);
    }
    // T y = c, by columns.
    for j in (0..rank).rev() {
        let Some((above, rest)) = b.split_at_mut_checked(j) else { break };
        let (Some((diagonal, column)), Some(c), Some(x)) =
            (a.column(j).get(..=j).and_then(|c| c.split_last()), rest.first(), x.get_mut(j))
        else {
            break;
        };
        *x = *c / *diagonal;
        K::axpy(above, -*x, column);
    }
    if rank < a.columns {
        rotate_back::<T, K>(&a, tau, row, x);
    }
    for (k, p) in swaps.iter().take(rank).enumerate().rev() {
        swap(x, k, p.truncate() as usize);
    }
    scale(x, b_exponent - a_exponent.unwrap_or_default());
    match first_non_finite(x) {
        Some(index) => Err(Error::NonFinite { what: "x", index }),
        None => Ok(Info { rank, residual_norm }),
    }
}

/// Checks the arguments; the exponents of the largest elements of `a` (`None` if all are 0) and of
/// `b` (then 0).
fn check<T: Real, K: Kernels>(
    a: &Columns<'_, T>,
    b: &[T],
    x: &[T],
    rcond: Option<f64>,
    scratch: &[T],
) -> Result<(Option<i32>, i32), Error> {
    let values = a.columns.saturating_sub(1).saturating_mul(a.stride).saturating_add(a.rows);
    let values = if a.columns == 0 { 0 } else { values };
    for (what, expected, found) in [
        ("stride", a.rows, a.stride),
        ("a", values, a.values.len()),
        ("scratch", self::scratch(a.rows, a.columns), scratch.len()),
    ] {
        if found < expected {
            return Err(Error::Length { what, expected, found });
        }
    }
    check_length("b", a.rows, b.len())?;
    check_length("x", a.columns, x.len())?;
    if a.columns > MAX_COLUMNS {
        return Err(Error::Config { field: "columns", requires: "columns <= 2^24" });
    }
    if !rcond.is_none_or(|r| (0.0..1.0).contains(&r)) {
        return Err(Error::Config { field: "rcond", requires: "0 <= rcond < 1" });
    }
    let mut largest = T::Bits::default();
    for j in 0..a.columns {
        let bits = K::max_magnitude(a.column(j));
        if bits >= T::INFINITY_BITS {
            let index = first_non_finite(a.column(j)).unwrap_or_default();
            return Err(Error::NonFinite { what: "a", index: j * a.stride + index });
        }
        largest = largest.max(bits);
    }
    let b_largest = K::max_magnitude(b);
    if b_largest >= T::INFINITY_BITS {
        let index = first_non_finite(b).unwrap_or_default();
        return Err(Error::NonFinite { what: "b", index });
    }
    let exponent = |bits: T::Bits| (bits > T::Bits::default()).then(|| T::exponent(bits));
    Ok((exponent(largest), exponent(b_largest).unwrap_or_default()))
}

/// `A P = Q R` in place (reflections are applied and not kept) as far as the rank, which it
/// returns; `b` becomes `Q'b`, and `swaps` says which column went where.
fn factor<T: Real, K: Kernels>(
    a: &mut Columns<'_, T>,
    b: &mut [T],
    rcond: T,
    swaps: &mut [T],
    [lengths, originals]: [&mut [T]; 2],
    [smallest, largest]: [&mut [T]; 2],
) -> usize {
    for (j, (length, original)) in lengths.iter_mut().zip(&mut *originals).enumerate() {
        let column = a.column(j);
        *length = sqrt(K::dot(column, column));
        *original = *length;
    }
    let (mut low, mut high) = (T::ZERO, T::ZERO);
    for k in 0..a.rows.min(a.columns) {
        let pivot = first_longest(lengths, k);
        let (above, below) = a.column(pivot).split_at_checked(k).unwrap_or_default();
        let diagonal = reflected(below.first(), K::dot(below, below));
        if diagonal == T::ZERO {
            return k;
        }
        if k == 0 {
            (low, high) = (diagonal.abs(), diagonal.abs());
            set(smallest, 0, T::ONE);
            set(largest, 0, T::ONE);
        } else {
            let along = |y: &[T]| K::dot(y.get(..k).unwrap_or_default(), above);
            let next_low = Extended::smaller(low, along(smallest), diagonal);
            let next_high = Extended::larger(high, along(largest), diagonal);
            if next_high.sigma * rcond > next_low.sigma {
                return k;
            }
            next_low.extend(smallest, k);
            next_high.extend(largest, k);
            (low, high) = (next_low.sigma, next_high.sigma);
        }
        if pivot != k {
            let (left, right) = a.pair_mut(k, pivot);
            for (left, right) in left.iter_mut().zip(right) {
                core::mem::swap(left, right);
            }
            swap(lengths, k, pivot);
            swap(originals, k, pivot);
        }
        set(swaps, k, T::from_f64(pivot as f64));
        reflect::<T, K>(a, b, k, diagonal);
        downdate::<T, K>(a, k, lengths, originals);
    }
    a.rows.min(a.columns)
}

/// Reflects column `k` onto its element `k`, and the columns to the right and `b` with it.
fn reflect<T: Real, K: Kernels>(a: &mut Columns<'_, T>, b: &mut [T], k: usize, diagonal: T) {
    let Some((alpha, v)) = a.column_mut(k).get_mut(k..).and_then(|c| c.split_first_mut()) else {
        return;
    };
    let tau = (diagonal - *alpha) / diagonal;
    let divisor = *alpha - diagonal;
    for v in v {
        *v = *v / divisor;
    }
    *alpha = diagonal;
    for j in k + 1..a.columns {
        let (pivot, column) = a.pair_mut(k, j);
        apply::<T, K>(tail(pivot, k + 1), column.get_mut(k..).unwrap_or_default(), tau);
    }
    apply::<T, K>(tail(a.column(k), k + 1), b.get_mut(k..).unwrap_or_default(), tau);
}

/// `y -= tau u (u'y)` with `u = (1, v)`.
fn apply<T: Real, K: Kernels>(v: &[T], y: &mut [T], tau: T) {
    if let Some((first, rest)) = y.split_first_mut() {
        let along = (*first + K::dot(v, rest)) * tau;
        *first -= along;
        K::axpy(rest, -along, v);
    }
}

/// Lengths of the columns right of `k` below row `k`, from those that include row `k`.
fn downdate<T: Real, K: Kernels>(
    a: &Columns<'_, T>,
    k: usize,
    lengths: &mut [T],
    originals: &mut [T],
) {
    let enough = sqrt(T::EPSILON * T::from_f64(0.5));
    for (j, (length, original)) in lengths.iter_mut().zip(originals).enumerate().skip(k + 1) {
        if *length == T::ZERO {
            continue;
        }
        let column = tail(a.column(j), k);
        let Some((gone, below)) = column.split_first() else { continue };
        let share = gone.abs() / *length;
        let left = max(T::ONE - share * share, T::ZERO);
        let since = *length / *original;
        if left * (since * since) <= enough {
            *length = sqrt(K::dot(below, below));
            *original = *length;
        } else {
            *length *= sqrt(left);
        }
    }
}

/// `[R11 R12] = [T 0] Z` in place, from the last row up: `T` replaces `R11`, the reflections'
/// vectors `R12`. `row` holds a row of `R12`, `sums` what a reflection sums over rows above.
fn complete<T: Real, K: Kernels>(
    a: &mut Columns<'_, T>,
    tau: &mut [T],
    row: &mut [T],
    sums: &mut [T],
) {
    let rank = tau.len();
    for (i, tau) in tau.iter_mut().enumerate().rev() {
        gather(a, i, rank, row);
        let Some(alpha) = a.column(i).get(i).copied() else { return };
        let along = K::dot(row, row);
        if along == T::ZERO {
            *tau = T::ZERO;
            continue;
        }
        let diagonal = reflected(Some(&alpha), alpha * alpha + along);
        *tau = (diagonal - alpha) / diagonal;
        let sums = sums.get_mut(..i).unwrap_or_default();
        for (sum, above) in sums.iter_mut().zip(a.column(i)) {
            *sum = *above;
        }
        for (j, v) in (rank..).zip(&mut *row) {
            *v = *v / (alpha - diagonal);
            K::axpy(sums, *v, a.column(j).get(..i).unwrap_or_default());
        }
        let column = a.column_mut(i);
        K::axpy(column.get_mut(..i).unwrap_or_default(), -*tau, sums);
        set(column, i, diagonal);
        for (j, v) in (rank..).zip(&*row) {
            let column = a.column_mut(j);
            K::axpy(column.get_mut(..i).unwrap_or_default(), -*tau * *v, sums);
            set(column, i, *v);
        }
    }
}

/// `x = Z' x`, where `x` is 0 from the rank on.
fn rotate_back<T: Real, K: Kernels>(a: &Columns<'_, T>, tau: &[T], row: &mut [T], x: &mut [T]) {
    let Some((head, rest)) = x.split_at_mut_checked(tau.len()) else { return };
    for (i, (factor, first)) in tau.iter().zip(head).enumerate() {
        gather(a, i, tau.len(), row);
        let along = (*first + K::dot(row, rest)) * *factor;
        *first -= along;
        K::axpy(rest, -along, row);
    }
}

/// Row `i` of the columns from `rank` on.
fn gather<T: Real>(a: &Columns<'_, T>, i: usize, rank: usize, row: &mut [T]) {
    for (j, v) in (rank..).zip(row) {
        *v = a.column(j).get(i).copied().unwrap_or_default();
    }
}

/// The element onto which a vector with this first element and squared norm is reflected: of the
/// other sign, so that forming `v` does not cancel.
fn reflected<T: Real>(first: Option<&T>, norm2: T) -> T {
    let norm = sqrt(norm2);
    if first.is_some_and(|first| *first >= T::ZERO) { -norm } else { norm }
}

/// The first of the longest columns from `k` on.
fn first_longest<T: Real>(lengths: &[T], k: usize) -> usize {
    let mut best = (k, -T::ONE);
    for (j, length) in lengths.iter().enumerate().skip(k) {
        if *length > best.1 {
            best = (j, *length);
        }
    }
    best.0
}

fn tail<T>(x: &[T], from: usize) -> &[T] {
    x.get(from..).unwrap_or_default()
}

fn swap<T>(x: &mut [T], i: usize, j: usize) {
    if let Ok([a, b]) = x.get_disjoint_mut([i, j]) {
        core::mem::swap(a, b);
    }
}

fn shift(x: f64, exponent: i32) -> f64 {
    let mut x = [x];
    scale(&mut x, exponent);
    let [x] = x;
    x
}
