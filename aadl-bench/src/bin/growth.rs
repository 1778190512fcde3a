//! How the time of a step grows with the numbers of an iterate and with the history, drawn:
//! `cargo run --release -p aadl-bench --bin growth`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aadl_bench::rows::Rows;
use aadl_bench::steps::{self, stream};
use aadl_core::anderson::{Config, Reason, Safeguard, Step};
use aadl_core::kernels::{Column, Gram};
use aadl_host::owned::AndersonVec;
use aadl_host::report::{Chart, Panel, Series, check_writable, write_json, write_whole};
use aadl_host::simd::Fastest;
use clap::Parser;

/// Time steps on one thread over the numbers of an iterate, and over the iterates of the history, and
/// draw both with logarithmic axes.
#[derive(Parser)]
struct Arguments {
    /// The picture to write.
    #[arg(long, default_value = "aadl-out/growth.svg")]
    out: PathBuf,
    /// Write the tables to this file, too, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Short vectors only.
    #[arg(long)]
    quick: bool,
}

/// Numbers of an iterate, with a history of [`DEPTH`]; with `--quick` only the first of them.
const SIZES: [usize; 13] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000,
];
const QUICK: usize = 4;
const DEPTH: usize = 11;
/// Histories, with iterates of [`LENGTHS`]; with `--quick` only of the first.
const DEPTHS: [usize; 9] = [3, 4, 6, 8, 11, 14, 18, 24, 32];
const LENGTHS: [usize; 2] = [10_000, 1_000_000];
/// Of one point, how long steps are taken, and how many there are at least.
const TIME: Duration = Duration::from_millis(500);
const STEPS: usize = 30;
fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    for path in [&arguments.out].into_iter().chain(&arguments.json) {
        check_writable(path)?;
    }
    let sizes = &SIZES[..if arguments.quick { QUICK } else { SIZES.len() }];
    let lengths = &LENGTHS[..if arguments.quick { 1 } else { LENGTHS.len() }];
    let mut over_size: [Vec<(usize, f64)>; 4] = Default::default();
    let title = format!("a step, M = {DEPTH} iterates or {} pairs, microseconds", DEPTH - 1);
    let mut first = Rows::new(title, &["N", "exact", "wide", "i16", "f32"]);
    for n in sizes {
        let stream = stream(*n);
        let times = [
            accelerated(Gram::Exact, DEPTH, &stream)?,
            accelerated(Gram::Wide, DEPTH, &stream)?,
            engine::<i16>(DEPTH - 1, &stream)?,
            engine::<f32>(DEPTH - 1, &stream)?,
        ];
        first.row(&[&[*n as f64], &times[..]].concat());
        for (line, time) in over_size.iter_mut().zip(times) {
            line.push((*n, time));
        }
    }
    let mut over_depth = Vec::new();
    let title = "a step, M iterates or pairs, microseconds".to_owned();
    let mut second = Rows::new(title, &["N", "M", "exact", "i16"]);
    for (colour, n) in lengths.iter().enumerate() {
        let stream = stream(*n);
        let mut lines: [Vec<(usize, f64)>; 2] = Default::default();
        for depth in DEPTHS {
            let times = [accelerated(Gram::Exact, depth, &stream)?, engine::<i16>(depth, &stream)?];
            second.row(&[&[*n as f64, depth as f64], &times[..]].concat());
            for (line, time) in lines.iter_mut().zip(times) {
                line.push((depth, time));
            }
        }
        let [exact, engine] = lines;
        over_depth.push(series(format!("accelerated step, N = {n}"), 2 * colour, &exact));
        over_depth.push(series(format!("no learning rate, i16, N = {n}"), 2 * colour + 1, &engine));
    }
    let names = [
        "accelerated step, exact sums",
        "accelerated step, wide sums",
        "no learning rate, i16",
        "no learning rate, f32",
    ];
    let over_size = names.iter().zip(&over_size).enumerate();
    let panel = |title: String, series| Panel { title, series };
    let chart = Chart {
        title: "Time of a step on one thread".to_owned(),
        x_label: "numbers N, or iterates and pairs M".to_owned(),
        y_label: "microseconds".to_owned(),
        log_x: true,
        panels: vec![
            panel(
                format!("over N, M = {DEPTH} iterates or {} pairs", DEPTH - 1),
                over_size.map(|(i, (name, line))| series((*name).to_owned(), i, line)).collect(),
            ),
            panel("over M".to_owned(), over_depth),
        ],
    };
    write_whole(&arguments.out, chart.to_svg()?.as_bytes())?;
    if let Some(path) = &arguments.json {
        write_json(path, &[first, second])?;
    }
    println!("\n{}", arguments.out.display());
    Ok(())
}

fn series(name: String, colour: usize, line: &[(usize, f64)]) -> Series {
    let points = line.iter().map(|(x, time)| (*x as f64, *time, *time, *time)).collect();
    Series { name, colour, accented: true, points }
}

/// The shortest time of a step in microseconds, after `warm_up` of them. A step tells its own time.
fn least<E>(warm_up: usize, mut step: impl FnMut() -> Result<Duration, E>) -> Result<f64, E> {
    for _ in 0..warm_up {
        step()?;
    }
    let (start, mut steps, mut least) = (Instant::now(), 0, Duration::MAX);
    while steps < STEPS || start.elapsed() < TIME {
        least = least.min(step()?);
        steps += 1;
    }
    Ok(1e6 * least.as_secs_f64())
}

/// A loss rejects every accelerated point, so that the history is always that of a map: `M - 1`
/// residuals.
fn accelerated(gram: Gram, depth: usize, stream: &[Vec<f32>]) -> Result<f64, aadl_core::Error> {
    let config = Config { gram, frequency: 1, safeguard: Safeguard::Loss, ..Config::DEFAULT };
    let mut owner = AndersonVec::<f32>::new(stream[0].len(), depth)?;
    let (mut x, mut iterates) = (stream[0].clone(), stream.iter().cycle());
    let mut step = Step::Waited;
    let time = least(2 * depth, || {
        if let Some(iterate) = iterates.next() {
            x.copy_from_slice(iterate);
        }
        let start = Instant::now();
        step = owner.view().step_with(&config, &mut x, |_| 0.0)?;
        Ok(start.elapsed())
    })?;
    assert_eq!(step, Step::Rejected(Reason::Loss), "nothing to measure");
    Ok(time)
}

fn engine<C: Column>(pairs: usize, stream: &[Vec<f32>]) -> Result<f64, aadl_core::Error> {
    let mut step = steps::engine::<C, Fastest>(pairs, stream)?;
    least(2 * pairs, || step().map(|(_, time)| time))
}
