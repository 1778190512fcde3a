//! The forward pass of dense layers beside the products of matrices of nalgebra, which are those of the
//! crate matrixmultiply, and of faer, which are those of gemm and of its own:
//! `cargo bench --manifest-path aadl-bench/peers/Cargo.toml --bench dense`, one thread.
//!
//! All add to the bias, which is written to the outputs first; ours in the order of its contract, the
//! peers in an order of theirs, fused. Results are compared before anything is timed.

use std::hint::black_box;
use std::time::Duration;

use aadl_core::kernels::Kernels;
use aadl_core::random::Random;
use aadl_host::simd::Fastest;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use nalgebra::{DMatrixView, DMatrixViewMut};

/// Inputs, outputs and batch of the layers of 64-32-10 at 32 and of 784-128-10 at 64.
const LAYERS: [(usize, usize, usize); 4] =
    [(64, 32, 32), (32, 10, 32), (784, 128, 64), (128, 10, 64)];

/// A layer and a batch for it, all row by row.
struct Layer {
    inputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    x: Vec<f32>,
}

impl Layer {
    fn new((inputs, outputs, batch): (usize, usize, usize)) -> Self {
        let mut random = Random::new(1);
        let mut draw = |n| (0..n).map(|_| random.uniform::<f32>() - 0.5).collect();
        Self {
            inputs,
            weights: draw(inputs * outputs),
            bias: draw(outputs),
            x: draw(batch * inputs),
        }
    }

    /// The outputs hold the bias.
    fn begin(&self, y: &mut [f32]) {
        y.chunks_exact_mut(self.bias.len()).for_each(|row| row.copy_from_slice(&self.bias));
    }

    fn ours(&self, y: &mut [f32]) {
        Fastest::dense_forward(&self.weights, &self.bias, &self.x, y);
    }

    fn nalgebra(&self, y: &mut [f32]) {
        self.begin(y);
        let (k, n) = (self.inputs, self.bias.len());
        let m = self.x.len() / k;
        // Its matrices are stored by columns: this is the transposed product.
        let weights = DMatrixView::from_slice_with_strides(&self.weights, n, k, k, 1);
        let x = DMatrixView::from_slice(&self.x, k, m);
        DMatrixViewMut::from_slice(y, n, m).gemm(1.0, &weights, &x, 1.0);
    }

    fn faer(&self, y: &mut [f32]) {
        self.begin(y);
        let (k, n) = (self.inputs, self.bias.len());
        let m = self.x.len() / k;
        let weights = MatRef::from_row_major_slice(&self.weights, n, k);
        let x = MatRef::from_row_major_slice(&self.x, m, k);
        let y = MatMut::from_row_major_slice_mut(y, m, n);
        matmul(y, Accum::Add, x, weights.transpose(), 1.0, Par::Seq);
    }
}

/// Computes the outputs.
type Forward = fn(&Layer, &mut [f32]);

fn forward(criterion: &mut Criterion) {
    let kinds: [(&str, Forward); 3] = [
        ("ours", Layer::ours),
        ("nalgebra (matrixmultiply)", Layer::nalgebra),
        ("faer (gemm)", Layer::faer),
    ];
    for shape in LAYERS {
        let (inputs, outputs, batch) = shape;
        let layer = Layer::new(shape);
        let (mut expected, mut y) = (vec![0.0; batch * outputs], vec![0.0; batch * outputs]);
        layer.ours(&mut expected);
        let mut group =
            criterion.benchmark_group(format!("forward/{inputs}-{outputs}, batch {batch}"));
        group.sample_size(20).warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::Elements((inputs * outputs * batch) as u64));
        for (name, kind) in kinds {
            kind(&layer, &mut y);
            for (y, expected) in y.iter().zip(&expected) {
                assert!((y - expected).abs() <= 1e-4, "{name}: {y} is not {expected}");
            }
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| kind(&layer, black_box(&mut y)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
