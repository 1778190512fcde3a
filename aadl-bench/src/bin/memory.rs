//! The most memory that a run with an accelerator takes, beside what it must hold:
//! `cargo run --release -p aadl-bench --bin memory`. Ends with status 1 where it is more by a twentieth,
//! which the program itself, 2.5 MB, already is on short vectors. Linux only, whose kernel keeps the peak
//! of each process.

use std::path::PathBuf;
use std::process::ExitCode;

use aadl_core::anderson::{Config, Safeguard, Step};
use aadl_host::owned::AndersonVec;
use aadl_host::report::{check_writable, write_json};
use clap::Parser;
use serde::Serialize;

/// Run an accelerated map on many numbers, and compare the peak of this process's memory with that of
/// the history and the parameters.
#[derive(Parser)]
struct Arguments {
    /// Numbers of an iterate.
    #[arg(default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Iterates of the history.
    #[arg(default_value_t = 11, value_parser = clap::value_parser!(u8).range(3..=32))]
    depth: u8,
    /// Write what was found to this file, too, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Bytes.
#[derive(Serialize)]
struct Memory {
    history: usize,
    parameters: usize,
    peak: usize,
}

/// What a run may take beyond the history and the parameters, in percent of these.
const MARGIN: f64 = 5.0;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("more than {MARGIN} % beyond the history and the parameters");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what was found; whether it is within the margin.
fn run(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let (n, depth) = (arguments.n as usize, usize::from(arguments.depth));
    if let Some(path) = &arguments.json {
        check_writable(path)?;
    }
    let config = Config { frequency: 1, safeguard: Safeguard::None, ..Config::DEFAULT };
    let mut owner = AndersonVec::<f32>::new(n, depth)?;
    let mut x = vec![1.0f32; n];
    let mut accelerated = 0;
    // An acceleration is stored, too: every place of the history is written nearly twice.
    for _ in 0..depth {
        for (i, x) in x.iter_mut().enumerate() {
            // Gradient descent on a quadratic of curvatures 0.01 .. 1, in place.
            *x -= 0.01 * (1 + i % 100) as f32 * *x;
        }
        let step = owner.view().step(&config, &mut x)?;
        accelerated += usize::from(matches!(step, Step::Accelerated { .. }));
    }
    let peak = peak()?;
    let (history, parameters) = (depth * n * size_of::<f32>(), n * size_of::<f32>());
    let beyond = 100.0 * (peak as f64 / (history + parameters) as f64 - 1.0);
    let megabytes = |bytes: usize| bytes as f64 * 1e-6;
    println!("N = {n}, M = {depth}, {accelerated} accelerations");
    println!("history    {:>9.2} MB", megabytes(history));
    println!("parameters {:>9.2} MB", megabytes(parameters));
    println!("peak       {:>9.2} MB, {beyond:.2} % beyond these", megabytes(peak));
    if let Some(path) = &arguments.json {
        write_json(path, &Memory { history, parameters, peak })?;
    }
    Ok(beyond <= MARGIN)
}

/// The most memory that this process has had, in bytes.
fn peak() -> Result<usize, Box<dyn std::error::Error>> {
    const STATUS: &str = "/proc/self/status";
    let status = std::fs::read_to_string(STATUS).map_err(|e| format!("{STATUS}: {e}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix("kB"));
    Ok(1024 * kilobytes.ok_or("no line VmHWM in kB")?.trim().parse::<usize>()?)
}
