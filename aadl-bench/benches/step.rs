//! One accelerated step over the number of parameters `N` and the depth of the history `M`.
//!
//! Every step accelerates (frequency 1, no safeguard) on a full history of random iterates, the
//! worst case: `M / 2` residuals, all of them with weight. A step here reads the newest iterate
//! from a stream of such, one copy of `N` numbers that is part of the figure.

use std::hint::black_box;
use std::time::Duration;

use aadl_core::anderson::{Config, Safeguard, Step};
use aadl_core::kernels::Gram;
use aadl_core::random::Random;
use aadl_host::owned::AndersonVec;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 4] = [64, 1024, 16_384, 262_144];
const DEPTHS: [usize; 3] = [5, 10, 16];
/// Iterates of the stream: more than one, so that no residual is zero; a prime, so that the same
/// residuals do not come back in the same slots.
const STREAM: usize = 7;

fn step(criterion: &mut Criterion) {
    for (name, gram) in [("step/f32/exact", Gram::Exact), ("step/f32/wide", Gram::Wide)] {
        let config = Config { gram, frequency: 1, safeguard: Safeguard::None, ..Config::DEFAULT };
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        group.warm_up_time(Duration::from_millis(300));
        group.measurement_time(Duration::from_secs(1));
        for n in SIZES {
            group.throughput(Throughput::Elements(n as u64));
            let mut random = Random::new(1);
            let stream: Vec<Vec<f32>> =
                (0..STREAM).map(|_| (0..n).map(|_| random.uniform()).collect()).collect();
            let mut iterates = stream.iter().cycle();
            for depth in DEPTHS {
                let mut owner = AndersonVec::<f32>::new(n, depth).expect("the depth is in range");
                let mut x = vec![0.0f32; n];
                let mut advance = || {
                    if let Some(iterate) = iterates.next() {
                        x.copy_from_slice(iterate);
                    }
                    black_box(owner.view().step(&config, &mut x))
                };
                for _ in 0..2 * depth {
                    let _ = advance();
                }
                assert!(matches!(advance(), Ok(Step::Accelerated { .. })), "nothing to measure");
                group.bench_function(BenchmarkId::new(format!("N={n}"), format!("M={depth}")), {
                    |bencher| bencher.iter(&mut advance)
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
