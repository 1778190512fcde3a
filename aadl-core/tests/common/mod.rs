//! What several test files share: random data, accelerators on vectors, a dense least squares and
//! the one table of tolerances.
#![allow(dead_code, unreachable_pub)] // every test file is a crate of its own and takes what it needs

use std::collections::VecDeque;

use aadl_core::Real;
use aadl_core::anderson::{AndersonMut, Config, Memory, State};
use aadl_core::kernels::Portable;
use aadl_core::random::Random;

/// The tolerances of the property tests, each a few times what was measured. All others compare
/// bits.
pub mod tolerance {
    /// Iterates in float64 against the textbook with pairs, relative to the size of the start;
    /// rounding is amplified by the weights. Measured: 1.9e-13.
    pub const TEXTBOOK: f64 = 2e-12;
    /// Residuals of a linear problem against GMRES, relative to the first one. Measured: 4.0e-16.
    pub const GMRES: f64 = 1e-14;
    /// One accelerated point, in multiples of its first-order rounding error. Measured: 0.93.
    pub const ROUNDINGS: f64 = 4.0;
    /// Solutions of well-conditioned dense systems in float64. Measured: 8.1e-16.
    pub const DENSE: f64 = 1e-14;
    /// Squared residual norms in float64, relative to that of the right-hand side. Measured:
    /// 3.7e-16.
    pub const NORM2: f64 = 1e-14;
    /// Relative residual at which a float32 run past convergence must stay. Measured: 1.7e-6.
    pub const FLOOR_F32: f64 = 5e-6;
}

/// An integer in `-bound ..= bound`.
pub fn integer(random: &mut Random, bound: usize) -> i32 {
    random.below(2 * bound + 1) as i32 - bound as i32
}

/// Uniform on `[-1, 1)`.
pub fn signed(random: &mut Random) -> f64 {
    2.0 * random.uniform::<f64>() - 1.0
}

/// `n` numbers uniform on `[-1, 1)`.
pub fn vector<T: Real>(random: &mut Random, n: usize) -> Vec<T> {
    (0..n).map(|_| T::from_f64(signed(random))).collect()
}

/// The same numbers, of their own bits; tells -0 from 0, and NaNs are equal to themselves.
pub fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

/// Largest difference of two vectors.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |max, (a, b)| {
        let d = (a - b).abs();
        if d <= max { max } else { d } // NaN is the largest
    })
}

pub fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

pub fn wide<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// An accelerator on vectors. The columns stand further apart than they are long, and what the
/// memory holds at the start is not a number.
#[derive(Clone, Debug)]
pub struct Borrowed<T> {
    pub n: usize,
    pub depth: usize,
    pub stride: usize,
    pub iterates: Vec<T>,
    pub gram: Vec<f64>,
    pub work: Vec<f64>,
    pub exponents: Vec<i16>,
    pub pivots: Vec<u16>,
    pub state: State,
    pub scratch: Vec<T>,
}

impl<T: Real> Borrowed<T> {
    pub fn new(n: usize, depth: usize) -> Self {
        let stride = n + 3;
        Self {
            n,
            depth,
            stride,
            iterates: vec![T::from_f64(f64::NAN); stride * depth],
            gram: vec![f64::NAN; depth * depth],
            work: vec![f64::NAN; 2 * depth],
            exponents: vec![77; depth],
            pivots: vec![7777; depth],
            state: State::new(),
            scratch: vec![T::from_f64(f64::NAN); AndersonMut::<T>::qr_scratch(n, depth)],
        }
    }

    pub fn view(&mut self) -> AndersonMut<'_, T, Portable> {
        let memory = Memory {
            iterates: &mut self.iterates,
            gram: &mut self.gram,
            work: &mut self.work,
            exponents: &mut self.exponents,
            pivots: &mut self.pivots,
        };
        AndersonMut::new(self.n, self.depth, self.stride, memory, &mut self.state)
            .unwrap()
            .with_scratch(&mut self.scratch)
    }

    /// Everything it holds, as bits.
    pub fn snapshot(&self) -> (State, Vec<u64>, Vec<u64>) {
        (self.state, bits(&self.iterates), bits(&self.gram))
    }
}

/// Of [`least_squares`].
#[derive(Clone, Debug)]
pub struct Solution {
    pub x: Vec<f64>,
    /// Squared norm of the residual.
    pub norm2: f64,
    /// Of the smallest angle between a column taken and those before it.
    pub sine: f64,
}

/// `min || A x - b ||` by modified Gram-Schmidt with column pivoting and reorthogonalisation.
/// Columns whose remainder is below `tolerance` times their norm get the unknown 0.
pub fn least_squares(columns: &[Vec<f64>], b: &[f64], tolerance: f64) -> Solution {
    let n = columns.len();
    let norms: Vec<f64> = columns.iter().map(|c| norm(c)).collect();
    let mut rest: Vec<Vec<f64>> = columns.to_vec();
    let mut r = vec![vec![0.0; n]; n]; // r[k][j]: component of column j on the k-th direction
    let mut directions: Vec<Vec<f64>> = Vec::new();
    let mut order = Vec::new();
    let mut residual = b.to_vec();
    let mut z = Vec::new();
    let mut sine = 1.0f64;
    for components in &mut r {
        let remainder = |j: &usize| if norms[*j] > 0.0 { norm(&rest[*j]) / norms[*j] } else { 0.0 };
        let best = (0..n)
            .filter(|j| !order.contains(j))
            .max_by(|i, j| remainder(i).total_cmp(&remainder(j)))
            .unwrap();
        if !(remainder(&best) > tolerance) {
            break;
        }
        sine = sine.min(remainder(&best));
        order.push(best);
        let length = norm(&rest[best]);
        let q: Vec<f64> = rest[best].iter().map(|x| x / length).collect();
        for j in 0..n {
            for _ in 0..2 {
                let d: f64 = q.iter().zip(&rest[j]).map(|(q, x)| q * x).sum();
                components[j] += d;
                rest[j].iter_mut().zip(&q).for_each(|(x, q)| *x -= d * q);
            }
        }
        let mut zk = 0.0;
        for _ in 0..2 {
            let d: f64 = q.iter().zip(&residual).map(|(q, x)| q * x).sum();
            zk += d;
            residual.iter_mut().zip(&q).for_each(|(x, q)| *x -= d * q);
        }
        z.push(zk);
        directions.push(q);
    }
    let mut x = vec![0.0; n];
    for k in (0..order.len()).rev() {
        let known: f64 = order[k + 1..].iter().map(|j| r[k][*j] * x[*j]).sum();
        x[order[k]] = (z[k] - known) / r[k][order[k]];
    }
    Solution { x, norm2: norm(&residual).powi(2), sine }
}

/// The textbook: Anderson mixing of stored pairs of a point and its residual, the residual
/// evaluated where it belongs. It knows nothing of rings, chains and Gram matrices. Each pair
/// carries when its point came about, so that it can be made to forget when a history of
/// `depth` iterates would.
#[derive(Clone, Debug)]
pub struct Textbook {
    depth: usize,
    clock: usize,
    pairs: VecDeque<(usize, Vec<f64>, Vec<f64>)>,
}

impl Textbook {
    pub fn new(depth: usize) -> Self {
        Self { depth, clock: 0, pairs: VecDeque::new() }
    }

    /// A point has come about that no pair knows yet.
    pub fn point(&mut self) {
        self.clock += 1;
        while self.pairs.front().is_some_and(|pair| pair.0 + self.depth <= self.clock) {
            self.pairs.pop_front();
        }
    }

    /// The residual at the newest point is known, and the map's value there is the next point.
    pub fn residual(&mut self, x: &[f64], f: &[f64]) {
        self.pairs.push_back((self.clock, x.to_vec(), f.to_vec()));
        self.point();
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The mixed point and the least squares behind it; none of fewer than two pairs.
    pub fn mixed(&self, relaxation: f64, tolerance: f64) -> Option<(Vec<f64>, Solution)> {
        if self.pairs.len() < 2 {
            return None;
        }
        let difference =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let pairs = || self.pairs.iter().zip(self.pairs.iter().skip(1));
        let df: Vec<_> = pairs().map(|(old, new)| difference(&new.2, &old.2)).collect();
        let dx: Vec<_> = pairs().map(|(old, new)| difference(&new.1, &old.1)).collect();
        let (_, x, f) = self.pairs.back().unwrap();
        let solution = least_squares(&df, f, tolerance);
        let mut next: Vec<f64> = x.iter().zip(f).map(|(x, f)| x + relaxation * f).collect();
        for ((dx, df), gamma) in dx.iter().zip(&df).zip(&solution.x) {
            for ((next, dx), df) in next.iter_mut().zip(dx).zip(df) {
                *next -= gamma * (dx + relaxation * df);
            }
        }
        Some((next, solution))
    }
}

/// A contraction that is not linear: `g(x) = x + h (b + 0.3 tanh(C x) - A x)`, `A` symmetric
/// positive definite with eigenvalues from 1 to `condition`, `h` just stable.
#[derive(Clone, Debug)]
pub struct Map {
    pub a: Vec<Vec<f64>>,
    pub c: Vec<Vec<f64>>,
    pub b: Vec<f64>,
    pub step: f64,
    pub bend: f64,
}

impl Map {
    pub fn new(random: &mut Random, n: usize, condition: f64, bend: f64) -> Self {
        // Reflections of a diagonal keep the spectrum.
        let mut a = vec![vec![0.0; n]; n];
        for (i, row) in a.iter_mut().enumerate() {
            row[i] = condition.powf(i as f64 / (n.max(2) - 1) as f64);
        }
        for _ in 0..3 {
            let v: Vec<f64> = vector(random, n);
            let vv: f64 = v.iter().map(|v| v * v).sum();
            let av: Vec<f64> =
                a.iter().map(|row| row.iter().zip(&v).map(|(a, v)| a * v).sum()).collect();
            let vav: f64 = v.iter().zip(&av).map(|(v, w)| v * w).sum();
            for i in 0..n {
                for j in 0..n {
                    a[i][j] += -2.0 / vv * (v[i] * av[j] + av[i] * v[j])
                        + 4.0 * vav / (vv * vv) * v[i] * v[j];
                }
            }
        }
        let c = (0..n).map(|_| vector(random, n)).collect();
        Self { a, c, b: vector(random, n), step: 1.0 / condition, bend }
    }

    /// `f(x)`, computed in `T`.
    pub fn residual<T: Real>(&self, x: &[T]) -> Vec<T> {
        let times =
            |row: &[f64]| row.iter().zip(x).fold(T::ZERO, |sum, (a, x)| sum + T::from_f64(*a) * *x);
        (0..x.len())
            .map(|i| {
                let bend = T::from_f64(self.bend * times(&self.c[i]).to_f64().tanh());
                (T::from_f64(self.b[i]) + bend - times(&self.a[i])) * T::from_f64(self.step)
            })
            .collect()
    }

    /// `x = g(x)`.
    pub fn apply<T: Real>(&self, x: &mut [T]) {
        let residual = self.residual(x);
        for (x, f) in x.iter_mut().zip(residual) {
            *x += f;
        }
    }
}

/// The default settings without a ridge and without a safeguard: what the textbook does.
pub const BARE: Config = Config {
    regularization: aadl_core::least_squares::Regularization::None,
    safeguard: aadl_core::anderson::Safeguard::None,
    ..Config::DEFAULT
};
