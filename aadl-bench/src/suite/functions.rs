//! AADL's test functions, minimised from random starts to fixed losses.

use super::objective::{Problem, TARGETS};
use super::tasks::normals;

/// `1/2 sum_i w_i y_i^2` of 100 unknowns, `w` from 1 to 1000, evenly spaced in its logarithm, in
/// coordinates `y = x - 2 v (v . x)` that are mirrored at random: on the axes a method that scales
/// each coordinate by itself would have nothing to learn.
pub struct MultiscaleParaboloid;

impl MultiscaleParaboloid {
    const N: usize = 100;

    fn weight(i: usize) -> f32 {
        1000f32.powf(i as f32 / (Self::N as f32 - 1.0))
    }

    fn mirrored(seed: u64, x: &[f32]) -> Vec<f32> {
        let v = normals(1200 + seed, x.len());
        let norm2: f32 = v.iter().map(|v| v * v).sum();
        let dot: f32 = v.iter().zip(x).map(|(v, x)| v * x).sum();
        x.iter().zip(&v).map(|(x, v)| x - 2.0 * dot / norm2 * v).collect()
    }
}

impl Problem for MultiscaleParaboloid {
    fn name(&self) -> &str {
        "multiscale paraboloid"
    }

    fn is_training(&self) -> bool {
        false
    }

    fn targets(&self, _: u64) -> [f32; TARGETS] {
        [10.0, 0.1, 1e-3]
    }

    fn start(&self, seed: u64) -> Vec<f32> {
        normals(1100 + seed, Self::N)
    }

    fn loss(&self, seed: u64, x: &[f32]) -> f32 {
        let y = Self::mirrored(seed, x);
        let terms = y.iter().enumerate().map(|(i, y)| f64::from(Self::weight(i) * y * y));
        (0.5 * terms.sum::<f64>()) as f32
    }

    fn loss_and_gradient(&self, seed: u64, x: &[f32], gradient: &mut [f32]) -> f32 {
        let mut y = Self::mirrored(seed, x);
        for (i, y) in y.iter_mut().enumerate() {
            *y *= Self::weight(i);
        }
        // The mirror is its own transpose.
        gradient.copy_from_slice(&Self::mirrored(seed, &y));
        self.loss(seed, x)
    }
}

/// `100 (x_2 - x_1^2)^2 + (1 - x_1)^2` from near (-1.2, 1).
pub struct Rosenbrock;

impl Problem for Rosenbrock {
    fn name(&self) -> &str {
        "Rosenbrock"
    }

    fn is_training(&self) -> bool {
        false
    }

    fn targets(&self, _: u64) -> [f32; TARGETS] {
        [1.0, 1e-2, 1e-5]
    }

    fn start(&self, seed: u64) -> Vec<f32> {
        let noise = normals(1300 + seed, 2);
        vec![-1.2 + 0.1 * noise[0], 1.0 + 0.1 * noise[1]]
    }

    fn loss(&self, seed: u64, x: &[f32]) -> f32 {
        self.loss_and_gradient(seed, x, &mut [0.0; 2])
    }

    fn loss_and_gradient(&self, _: u64, x: &[f32], gradient: &mut [f32]) -> f32 {
        let (a, b) = (x[1] - x[0] * x[0], 1.0 - x[0]);
        gradient.copy_from_slice(&[-400.0 * x[0] * a - 2.0 * b, 200.0 * a]);
        100.0 * a * a + b * b
    }
}
