//! Steps on long vectors beside the limit that memory sets: `cargo bench -p aadl-bench --bench limit`.
//!
//! What is compared runs in turn, round after round, so that whatever else the machine does slows
//! all of it alike; a figure is the least of all rounds. Numbers on the command line replace the sizes,
//! `--json FILE` writes the tables to a file, too.
//!
//! An accelerated step must read its history twice: for the products and for the combination. The
//! bound is the time that reading as many bytes takes, measured here: `2 M N` float32, by a kernel
//! that does nothing but find the largest magnitude, on one thread, one column after the other or 4 KiB of each in
//! turn, whichever is faster. The last column is by how much all threads read faster
//! than that, one column after the other: about what a step on all threads gains where it waits for memory.
//!
//! Layers, forward and backward, are timed on one thread and on all.
//!
//! `free` is the step without the numeric contract: what does not need to have the same bits everywhere.

mod free;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aadl_bench::rows::Rows;
use aadl_bench::steps::{self, stream};
use aadl_core::anderson::{Config, Safeguard, Step};
use aadl_core::kernels::{Column, Gram, Kernels, Portable};
use aadl_core::multisecant::Told;
use aadl_core::nn::TILE;
use aadl_core::random::Random;
use aadl_host::owned::AndersonVec;
use aadl_host::report::{check_writable, write_json};
use aadl_host::simd::Fastest;
use aadl_host::threads::Threaded;
use clap::Parser;
use free::Free;

const SIZES: [u32; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Iterates of the history.
const DEPTH: usize = 11;
/// Pairs of the engine without a learning rate.
const PAIRS: usize = 10;
/// Its steps from one new scaling of parameters to the next, which takes as long as a few steps.
const SCALING: u32 = 16;
/// Elements of a column that are read in turn with those of the others.
const BLOCK: usize = 1024;
/// Inputs and outputs of layers.
const LAYERS: [[usize; 2]; 5] = [[64, 32], [128, 64], [256, 128], [784, 128], [1024, 1024]];
/// Of one size, how long the rounds go on, and how many there are at least.
const TIME: Duration = Duration::from_secs(4);
const ROUNDS: usize = 15;
/// The same where a round takes [`SCALING`] steps.
const LONG_ROUNDS: usize = 4;

/// Does its work once and tells how long that took.
type Work<'a> = Box<dyn FnMut() -> Duration + 'a>;

/// The shortest time of each, of at least as many rounds, in which each comes once.
fn alternate<const N: usize>(least_rounds: usize, mut work: [Work<'_>; N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < least_rounds || start.elapsed() < TIME {
        for (least, work) in least.iter_mut().zip(&mut work) {
            *least = least.min(work().as_secs_f64());
        }
        rounds += 1;
    }
    least
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

/// Every step accelerates, on a full history of random iterates.
fn step<'a, K: Kernels + 'a>(gram: Gram, stream: &'a [Vec<f32>]) -> Work<'a> {
    let n = stream[0].len();
    let config = Config { gram, frequency: 1, safeguard: Safeguard::None, ..Config::DEFAULT };
    let mut owner = AndersonVec::<f32, K>::new(n, DEPTH).expect("the depth is in range");
    let (mut x, mut iterates) = (vec![0.0; n], stream.iter().cycle());
    let mut advance = move || {
        if let Some(iterate) = iterates.next() {
            x.copy_from_slice(iterate);
        }
        let mut step = Ok(Step::Waited);
        let time = timed(|| step = owner.view().step(&config, &mut x));
        (step, time)
    };
    for _ in 0..2 * DEPTH {
        advance().0.expect("the iterates are finite");
    }
    assert!(matches!(advance().0, Ok(Step::Accelerated { .. })), "nothing to measure");
    Box::new(move || advance().1)
}

/// Both of these accelerate to the same point, but for rounding.
fn assert_alike<A: Kernels, B: Kernels>(grams: [Gram; 2], stream: &[Vec<f32>]) {
    fn points<K: Kernels>(gram: Gram, stream: &[Vec<f32>]) -> Vec<f32> {
        let n = stream[0].len();
        let config = Config { gram, frequency: 1, safeguard: Safeguard::None, ..Config::DEFAULT };
        let mut owner = AndersonVec::<f32, K>::new(n, DEPTH).expect("the depth is in range");
        let mut x = vec![0.0; n];
        for iterate in stream.iter().cycle().take(2 * DEPTH) {
            x.copy_from_slice(iterate);
            owner.view().step(&config, &mut x).expect("the iterates are finite");
        }
        x
    }
    let [a, b] = [points::<A>(grams[0], stream), points::<B>(grams[1], stream)];
    let distance: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let norm: f64 = a.iter().map(|a| f64::from(*a).powi(2)).sum();
    assert!(distance <= 1e-8 * norm, "{distance:e} of {norm:e}");
}

/// Reads `columns` vectors twice, `block` elements of each in turn: several streams may come faster
/// than one.
fn read<'a, K: Kernels + 'a>(n: usize, columns: usize, block: usize) -> Work<'a> {
    let memory: Vec<Vec<f32>> = (0..columns).map(|c| vec![1.0; n + 16 * c]).collect();
    Box::new(move || {
        timed(|| {
            for start in [(); 2].iter().flat_map(|()| (0..n).step_by(block)) {
                for column in &memory {
                    let end = n.min(start + block);
                    black_box(K::max_magnitude(black_box(&column[start..end])));
                }
            }
        })
    })
}

fn engine<'a, C: Column + 'a, K: Kernels + 'a>(stream: &'a [Vec<f32>]) -> Work<'a> {
    let mut step = steps::engine::<C, K>(PAIRS, stream).expect("the depth is in range");
    let mut advance = move || step().expect("all is finite");
    for _ in 0..2 * PAIRS {
        advance();
    }
    assert_eq!(advance().0, Told::Accepted, "nothing to measure");
    // A new scaling is among so many steps once, wherever they begin.
    Box::new(move || (0..SCALING).map(|_| advance().1).sum::<Duration>() / SCALING)
}

/// A layer forward and backward, for as many samples as a network takes at a time.
fn layer<'a, K: Kernels + 'a>([inputs, outputs]: [usize; 2]) -> Work<'a> {
    let mut random = Random::new(1);
    let mut numbers = |n: usize| (0..n).map(|_| random.uniform::<f32>()).collect::<Vec<_>>();
    let (weights, bias) = (numbers(inputs * outputs), numbers(outputs));
    let (x, mut y) = (numbers(TILE * inputs), numbers(TILE * outputs));
    let (mut upstream, mut gradient, mut sums) = (x.clone(), weights.clone(), bias.clone());
    Box::new(move || {
        timed(|| {
            K::dense_forward(&weights, &bias, &x, &mut y);
            K::dense_backward_weights_from_zero(&y, &x, &mut gradient, &mut sums);
            K::dense_backward_input(&weights, outputs, &y, &mut upstream);
        })
    })
}

#[derive(Parser)]
struct Arguments {
    /// Numbers of an iterate.
    #[arg(default_values_t = SIZES, value_parser = clap::value_parser!(u32).range(1..))]
    sizes: Vec<u32>,
    /// Write the tables to this file, too, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    if let Some(path) = &arguments.json {
        check_writable(path)?;
    }
    let sizes: Vec<usize> = arguments.sizes.iter().map(|n| *n as usize).collect();
    let tables = [accelerated(&sizes), without_a_rate(&sizes), layers()];
    arguments.json.map_or(Ok(()), |path| write_json(&path, &tables))
}

fn accelerated(sizes: &[usize]) -> Rows {
    let title = format!("accelerated step, M = {DEPTH}, microseconds");
    let mut rows = Rows::new(
        title,
        &[
            "N",
            "GB/s",
            "bound",
            "exact",
            "free",
            "wide",
            "portable",
            "threads",
            "bound/exact",
            "exact/free",
            "exact/threads",
            "bound/threads'",
        ],
    );
    for n in sizes {
        let stream = stream(*n);
        assert_alike::<Fastest, Free>([Gram::Exact, Gram::Wide], &stream);
        let [whole, blocks, bound_threads, exact, free, wide, portable, threads] = alternate(
            ROUNDS,
            [
                read::<Fastest>(*n, DEPTH, *n),
                read::<Fastest>(*n, DEPTH, BLOCK),
                read::<Threaded<Fastest, 1>>(*n, DEPTH, *n),
                step::<Fastest>(Gram::Exact, &stream),
                step::<Free>(Gram::Wide, &stream),
                step::<Fastest>(Gram::Wide, &stream),
                step::<Portable>(Gram::Exact, &stream),
                step::<Threaded<Fastest, 1>>(Gram::Exact, &stream),
            ],
        );
        let bound = whole.min(blocks);
        rows.row(&[
            *n as f64,
            (2 * DEPTH * n * size_of::<f32>()) as f64 / bound * 1e-9,
            1e6 * bound,
            1e6 * exact,
            1e6 * free,
            1e6 * wide,
            1e6 * portable,
            1e6 * threads,
            bound / exact,
            exact / free,
            exact / threads,
            bound / bound_threads,
        ]);
    }
    rows
}

fn without_a_rate(sizes: &[usize]) -> Rows {
    let title = format!("step without a learning rate, M = {PAIRS}, microseconds");
    let columns = ["N", "f32 bound", "f32", "i16", "i8", "portable", "i16/f32"];
    let mut rows = Rows::new(title, &columns);
    for n in sizes {
        let stream = stream(*n);
        let [whole, blocks, single, half, quarter, portable] = alternate(
            LONG_ROUNDS,
            [
                read::<Fastest>(*n, 2 * PAIRS, *n),
                read::<Fastest>(*n, 2 * PAIRS, BLOCK),
                engine::<f32, Fastest>(&stream),
                engine::<i16, Fastest>(&stream),
                engine::<i8, Fastest>(&stream),
                engine::<i16, Portable>(&stream),
            ],
        );
        rows.row(&[
            *n as f64,
            1e6 * whole.min(blocks),
            1e6 * single,
            1e6 * half,
            1e6 * quarter,
            1e6 * portable,
            half / single,
        ]);
    }
    rows
}

fn layers() -> Rows {
    let title = format!("layer forward and backward, {TILE} samples, microseconds");
    let columns = ["inputs", "outputs", "products", "one", "threads", "one/threads"];
    let mut rows = Rows::new(title, &columns);
    for [inputs, outputs] in LAYERS {
        let [one, threads] = alternate(
            ROUNDS,
            [layer::<Fastest>([inputs, outputs]), layer::<Threaded<Fastest, 1>>([inputs, outputs])],
        );
        let products = TILE * inputs * outputs;
        let sizes = [inputs, outputs, products].map(|size| size as f64);
        rows.row(&[&sizes[..], &[1e6 * one, 1e6 * threads, one / threads]].concat());
    }
    rows
}
