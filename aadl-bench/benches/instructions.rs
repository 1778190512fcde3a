//! Instructions of kernels, steps and gradients on this machine, counted by valgrind:
//! `cargo bench -p aadl-bench --bench instructions`. Unlike times they are the same at every run, so that
//! a change of one percent shows. Each run is compared with the one before; what takes 3 % more than then
//! ends it with an error.

/// Tools that this needs, how to ask whether they are there, and what installs them.
const TOOLS: [(&str, &str); 2] = [
    ("valgrind", "apt-get install valgrind libc6-dbg"),
    ("gungraun-runner", "cargo install gungraun-runner --version 0.20.0 --locked"),
];

fn main() -> std::process::ExitCode {
    // The runner calls this program again, for each of the benches.
    let outermost = std::env::args().all(|argument| argument != "--gungraun-run");
    for (tool, command) in TOOLS.iter().filter(|_| outermost) {
        let found = std::process::Command::new(tool).arg("--version").output();
        if !found.is_ok_and(|found| found.status.success()) {
            eprintln!("{tool} does not run. Type: {command}");
            return std::process::ExitCode::FAILURE;
        }
    }
    counted::run();
    std::process::ExitCode::SUCCESS
}

// Those of the macros.
#[allow(unused_qualifications)]
mod counted {
    use std::hint::black_box;

    use aadl_core::anderson::{Config, Safeguard, Step};
    use aadl_core::kernels::{Column, Difference, Gram, Kernels, Portable};
    use aadl_core::math::Libm;
    use aadl_core::multisecant::{self, Told};
    use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
    use aadl_core::random::Random;
    use aadl_host::owned::{AndersonVec, MultisecantVec};
    use aadl_host::simd::Fastest;
    use gungraun::prelude::*;
    use gungraun::{Callgrind, EventKind};

    /// Iterates of the history, pairs of the engine.
    const DEPTH: usize = 11;
    const PAIRS: usize = 10;

    fn vectors(count: usize, n: usize) -> Vec<Vec<f32>> {
        let mut random = Random::new(1);
        (0..count).map(|_| (0..n).map(|_| random.uniform::<f32>() - 0.5).collect()).collect()
    }

    fn rows(n: usize) -> Vec<Vec<f32>> {
        vectors(6, n)
    }

    fn gram_row<K: Kernels>(gram: Gram, x: &[Vec<f32>]) -> [f64; 4] {
        let column = |i: usize| (Difference { newer: &x[i + 1][..], older: &x[i][..] }, -1);
        let mut out = [0.0; 4];
        K::gram_row(gram, column(4), &[0, 1, 2, 3].map(column), &mut out);
        out
    }

    #[library_benchmark]
    #[bench::n_10_000(rows(10_000))]
    fn gram_row_exact(x: Vec<Vec<f32>>) -> ([f64; 4], Vec<Vec<f32>>) {
        (gram_row::<Fastest>(Gram::Exact, black_box(&x)), x)
    }

    #[library_benchmark]
    #[bench::n_10_000(rows(10_000))]
    fn gram_row_wide(x: Vec<Vec<f32>>) -> ([f64; 4], Vec<Vec<f32>>) {
        (gram_row::<Fastest>(Gram::Wide, black_box(&x)), x)
    }

    #[library_benchmark]
    #[bench::n_10_000(rows(10_000))]
    fn gram_row_exact_portable(x: Vec<Vec<f32>>) -> ([f64; 4], Vec<Vec<f32>>) {
        (gram_row::<Portable>(Gram::Exact, black_box(&x)), x)
    }

    #[library_benchmark]
    #[bench::n_10_000(rows(10_000))]
    fn dot(x: Vec<Vec<f32>>) -> (f32, Vec<Vec<f32>>) {
        (Fastest::dot(black_box(&x[0]), black_box(&x[1])), x)
    }

    /// An accelerator whose history is full, and the next iterate.
    struct Stepping {
        config: Config,
        owner: AndersonVec<f32>,
        x: Vec<f32>,
    }

    fn stepping(gram: Gram, n: usize) -> Stepping {
        let config = Config { gram, frequency: 1, safeguard: Safeguard::None, ..Config::DEFAULT };
        let owner = AndersonVec::new(n, DEPTH).expect("the depth is in range");
        let mut stepping = Stepping { config, owner, x: vec![0.0; n] };
        let stream = vectors(7, n);
        for x in stream.iter().cycle().take(2 * DEPTH) {
            stepping.x.copy_from_slice(x);
            let step = stepping.owner.view().step(&config, &mut stepping.x);
            step.expect("the iterates are finite");
        }
        stepping.x.copy_from_slice(&stream[1]);
        stepping
    }

    #[library_benchmark]
    #[bench::exact_1_000(stepping(Gram::Exact, 1_000))]
    #[bench::exact_10_000(stepping(Gram::Exact, 10_000))]
    #[bench::wide_10_000(stepping(Gram::Wide, 10_000))]
    fn accelerated_step(mut stepping: Stepping) -> Stepping {
        let step = stepping.owner.view().step(&stepping.config, &mut stepping.x);
        assert!(matches!(step, Ok(Step::Accelerated { .. })), "nothing to count");
        stepping
    }

    /// The engine without a learning rate, its pairs full, and the next gradient.
    struct Engine<C> {
        owner: MultisecantVec<C>,
        x: Vec<f32>,
        gradient: Vec<f32>,
    }

    fn engine<C: Column>(n: usize) -> Engine<C> {
        let owner = MultisecantVec::new(n, PAIRS).expect("the depth is in range");
        let mut engine = Engine { owner, x: vec![0.0; n], gradient: vec![0.0; n] };
        let stream = vectors(7, n);
        for (i, gradient) in stream.iter().cycle().take(2 * PAIRS).enumerate() {
            engine.gradient.copy_from_slice(gradient);
            advance(&mut engine, -(i as f32));
        }
        engine.gradient.copy_from_slice(&stream[6]);
        engine
    }

    fn advance<C: Column>(engine: &mut Engine<C>, loss: f32) -> Told {
        let (config, Engine { owner, x, gradient }) = (multisecant::Config::DEFAULT, engine);
        let told = owner.view().tell(&config, x, loss, gradient).expect("all is finite");
        owner.view().ask(&config, x).expect("all is finite");
        told
    }

    #[library_benchmark]
    #[bench::n_10_000(engine(10_000))]
    fn engine_i16(mut engine: Engine<i16>) -> Engine<i16> {
        assert_eq!(advance(&mut engine, -100.0), Told::Accepted, "nothing to count");
        engine
    }

    #[library_benchmark]
    #[bench::n_10_000(engine(10_000))]
    fn engine_f32(mut engine: Engine<f32>) -> Engine<f32> {
        assert_eq!(advance(&mut engine, -100.0), Told::Accepted, "nothing to count");
        engine
    }

    const SMALL: [Layer; 2] =
        [Layer::dense(64, 32, Activation::Relu), Layer::dense(32, 10, Activation::Identity)];
    const LARGE: [Layer; 2] =
        [Layer::dense(784, 128, Activation::Relu), Layer::dense(128, 10, Activation::Identity)];

    /// A network and a batch for it.
    struct Training {
        net: Network<'static, Libm, Fastest>,
        params: Vec<f32>,
        inputs: Vec<f32>,
        classes: Vec<u8>,
        grad: Vec<f32>,
        scratch: Vec<f32>,
    }

    fn training(layers: &'static [Layer], batch: usize) -> Training {
        let net = Network::<Libm, Fastest>::new(layers).expect("the layers fit together");
        let mut random = Random::new(2);
        let mut params = vec![0.0; net.params()];
        net.init(Init::PYTORCH, &mut random, &mut params).expect("the length is its own");
        Training {
            params,
            inputs: (0..batch * net.inputs()).map(|_| random.uniform()).collect(),
            classes: (0..batch).map(|_| random.below(net.outputs()) as u8).collect(),
            grad: vec![0.0; net.params()],
            scratch: vec![0.0; net.scratch(batch)],
            net,
        }
    }

    #[library_benchmark]
    #[bench::small_1(training(&SMALL, 1))]
    #[bench::small_32(training(&SMALL, 32))]
    #[bench::large_64(training(&LARGE, 64))]
    fn gradient(training: Training) -> Training {
        let Training { net, params, inputs, classes, mut grad, mut scratch } = training;
        net.loss_and_gradient(
            Loss::CrossEntropy,
            &params,
            &inputs,
            Targets::Classes(&classes),
            &mut grad,
            &mut scratch,
        )
        .expect("lengths and classes fit");
        Training { net, params, inputs, classes, grad, scratch }
    }

    library_benchmark_group!(
        name = kernels,
        benchmarks = [dot, gram_row_exact, gram_row_wide, gram_row_exact_portable]
    );
    library_benchmark_group!(name = steps, benchmarks = [accelerated_step, engine_i16, engine_f32]);
    library_benchmark_group!(name = networks, benchmarks = [gradient]);
    gungraun::main!(
        config = LibraryBenchmarkConfig::default()
            .tool(Callgrind::default().soft_limits([(EventKind::Ir, 3.0)])),
        library_benchmark_groups = [kernels, steps, networks]
    );

    /// What the macro makes is private.
    pub(super) fn run() {
        main();
    }
}
