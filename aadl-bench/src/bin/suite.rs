//! `cargo run --release -p aadl-bench --bin suite`: the benchmark suite.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use aadl_bench::suite::record::Records;
use aadl_bench::suite::report::{self, Outcome};
use aadl_bench::suite::run::Runner;
use aadl_bench::suite::tuning::LIMIT;
use aadl_bench::suite::{methods, rivals, tasks};
use aadl_host::report::{Table, check_writable, write_json, write_whole};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Compares the learning-rate-free engine with tuned optimizers, L-BFGS and AADL.
///
/// Interrupted, it goes on where it was.
#[derive(Parser)]
struct Arguments {
    /// Three seeds and two lines of each grid: under two minutes.
    #[arg(long)]
    quick: bool,
    /// Only tasks whose names contain one of these, separated by commas.
    #[arg(long, default_value = "", value_delimiter = ',')]
    only: Vec<String>,
    /// Only methods whose names contain one of these, separated by commas.
    #[arg(long, default_value = "", value_delimiter = ',')]
    methods: Vec<String>,
    /// Writes the tables as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the tables as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("suite: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    for path in arguments.json.iter().chain(&arguments.markdown) {
        check_writable(path)?;
    }
    let seeds = if arguments.quick { 3 } else { 10 };
    let mut tasks = tasks::full_batch(seeds)?;
    tasks.retain(|task| arguments.only.iter().any(|part| task.name().contains(part)));
    if tasks.is_empty() {
        let names = arguments.only.join("\" or \"");
        return Err(format!("no task has \"{names}\" in its name").into());
    }
    let chosen = |name: &str| arguments.methods.iter().any(|part| name.contains(part));
    let (mut rivals, mut untuned) = (rivals::tuned(), methods::untuned());
    rivals.retain(|rival| chosen(rival.name));
    untuned.retain(|(name, _)| chosen(name));
    if arguments.quick {
        for rival in &mut rivals {
            rival.lines.truncate(2);
        }
    }
    let records = Records::open(&Records::path()?)?;
    if !records.is_empty() {
        eprintln!("{} runs are known already", records.len());
    }
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runner = Runner { records: &records, threads, seeds, bar: &bar };
    let outcomes = runner.full_batch(&tasks, &rivals, &untuned)?;
    bar.finish_and_clear();
    let all = report::ratios(&outcomes, "all tasks");
    let training: Vec<Outcome> =
        outcomes.iter().filter(|outcome| outcome.is_training).cloned().collect();
    let mut tables = vec![report::ratios(&training, "networks"), all];
    for (target, what) in ["easy", "medium", "hard"].into_iter().enumerate().rev() {
        tables.push(report::costs(&outcomes, target, what));
    }
    if !rivals.is_empty() {
        tables.push(report::settings(&outcomes));
    }
    tables.push(report::largest());
    for table in &tables {
        println!("{table}");
    }
    println!(
        "{seeds} seeds; loss and gradient count 1, a loss alone 1/3; at most {LIMIT} a run, which is \
         also what a failure counts as in ratios."
    );
    if let Some(path) = &arguments.json {
        write_json(path, &tables)?;
    }
    if let Some(path) = &arguments.markdown {
        let text: Vec<String> = tables.iter().map(Table::to_markdown).collect();
        write_whole(path, text.join("\n").as_bytes())?;
    }
    Ok(())
}
