//! The step of a small dense network: loss and gradient, and what an optimizer adds to it.

use std::hint::black_box;
use std::time::Duration;

use aadl_core::kernels::{Kernels, Portable};
use aadl_core::math::Libm;
use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::optim::{Adam, AdamConfig, Optimizer, Sgd, SgdConfig};
use aadl_core::random::Random;
use aadl_host::simd::Fastest;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};

/// A network with the fastest kernels of this CPU, or with others.
type Net<K = Fastest> = Network<'static, Libm, K>;

const fn network<K>(layers: &'static [Layer]) -> Net<K> {
    match Net::new(layers) {
        Ok(network) => network,
        Err(_) => panic!("the layers do not fit together"),
    }
}

const fn networks<K>() -> [(&'static str, Net<K>); 3] {
    [
        ("4-16-3", network(&LAYERS_4_16_3)),
        ("64-32-10", network(&LAYERS_64_32_10)),
        ("784-128-10", network(&LAYERS_784_128_10)),
    ]
}

const LAYERS_4_16_3: [Layer; 2] =
    [Layer::dense(4, 16, Activation::Tanh), Layer::dense(16, 3, Activation::Identity)];
const LAYERS_64_32_10: [Layer; 2] =
    [Layer::dense(64, 32, Activation::Relu), Layer::dense(32, 10, Activation::Identity)];
const LAYERS_784_128_10: [Layer; 2] =
    [Layer::dense(784, 128, Activation::Relu), Layer::dense(128, 10, Activation::Identity)];
const BATCHES: [usize; 2] = [1, 32];

fn short<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1));
    group
}

fn initial<K>(net: &Net<K>) -> Vec<f32> {
    let mut params = vec![0.0; net.params()];
    net.init(Init::PYTORCH, &mut Random::new(1), &mut params).expect("the length is its own");
    params
}

/// Forward and backward of a whole batch, cross-entropy of classes.
fn gradient(criterion: &mut Criterion) {
    gradient_with::<Fastest>(criterion, "gradient");
    gradient_with::<Portable>(criterion, "gradient/portable");
}

fn gradient_with<K: Kernels>(criterion: &mut Criterion, name: &str) {
    let mut group = short(criterion, name);
    for (name, net) in networks::<K>() {
        let params = initial(&net);
        let mut random = Random::new(2);
        for batch in BATCHES {
            let inputs: Vec<f32> = (0..batch * net.inputs()).map(|_| random.uniform()).collect();
            let classes: Vec<u8> = (0..batch).map(|_| random.below(net.outputs()) as u8).collect();
            let mut grad = vec![0.0; net.params()];
            let mut scratch = vec![0.0; net.scratch(batch)];
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::new(name, format!("batch={batch}")), |bencher| {
                bencher.iter(|| {
                    net.loss_and_gradient(
                        Loss::CrossEntropy,
                        black_box(&params),
                        black_box(&inputs),
                        Targets::Classes(&classes),
                        &mut grad,
                        &mut scratch,
                    )
                    .expect("lengths and classes fit")
                })
            });
        }
    }
    group.finish();
}

/// A whole training step on a batch: gradient, then SGD.
fn step(criterion: &mut Criterion) {
    let mut group = short(criterion, "training-step");
    for (name, net) in networks::<Fastest>() {
        let mut random = Random::new(4);
        for batch in BATCHES {
            let inputs: Vec<f32> = (0..batch * net.inputs()).map(|_| random.uniform()).collect();
            let classes: Vec<u8> = (0..batch).map(|_| random.below(net.outputs()) as u8).collect();
            let (mut params, mut grad) = (initial(&net), vec![0.0; net.params()]);
            let mut scratch = vec![0.0; net.scratch(batch)];
            let mut sgd = Sgd::new(SgdConfig { lr: 1e-3, ..SgdConfig::DEFAULT }, [])
                .expect("the settings are valid");
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::new(name, format!("batch={batch}")), |bencher| {
                bencher.iter(|| {
                    let classes = Targets::Classes(&classes);
                    net.loss_and_gradient(
                        Loss::CrossEntropy,
                        &params,
                        black_box(&inputs),
                        classes,
                        &mut grad,
                        &mut scratch,
                    )
                    .expect("lengths and classes fit");
                    sgd.step(&mut params, &grad).expect("the gradient is finite")
                })
            });
        }
    }
    group.finish();
}

/// One step of an optimizer over the parameters of each network, the gradient given.
fn optimizer(criterion: &mut Criterion) {
    let mut group = short(criterion, "optimizer");
    for (name, net) in networks::<Fastest>() {
        let n = net.params();
        let mut random = Random::new(3);
        let grad: Vec<f32> = (0..n).map(|_| random.uniform::<f32>() - 0.5).collect();
        let sgd = SgdConfig { lr: 1e-3, ..SgdConfig::DEFAULT };
        let heavy = SgdConfig { momentum: 0.9, ..sgd };
        let settings = "the settings are in range";
        let mut optimizers: [(&str, Box<dyn Optimizer<f32>>); 3] = [
            ("sgd", Box::new(Sgd::new(sgd, vec![]).expect(settings))),
            ("momentum", Box::new(Sgd::new(heavy, vec![0.0; n]).expect(settings))),
            ("adam", Box::new(Adam::new(AdamConfig::DEFAULT, vec![0.0; 2 * n]).expect(settings))),
        ];
        group.throughput(Throughput::Elements(n as u64));
        for (kind, optimizer) in &mut optimizers {
            let mut params = initial(&net);
            group.bench_function(BenchmarkId::new(*kind, name), |bencher| {
                bencher.iter(|| optimizer.step(&mut params, black_box(&grad)))
            });
        }
    }
    group.finish();
}

criterion_group!(benches, gradient, step, optimizer);
criterion_main!(benches);
