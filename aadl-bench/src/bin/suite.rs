//! `cargo run --release -p aadl-bench --bin suite`: the benchmark suite.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use aadl_bench::suite::record::Records;
use aadl_bench::suite::report::{self, Outcome};
use aadl_bench::suite::run::Runner;
use aadl_bench::suite::tuning::LIMIT;
use aadl_bench::suite::{map_problems, map_report, methods, mini_batch, rivals, tasks};
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
    /// Only methods of full batches whose names contain one of these, separated by commas.
    #[arg(long, default_value = "", value_delimiter = ',')]
    methods: Vec<String>,
    /// Only these parts, separated by commas; all if none is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    part: Vec<Part>,
    /// Writes the tables as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the tables as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What the suite consists of.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Training with all samples in each step, and AADL's test functions.
    FullBatch,
    /// Fixed-point maps.
    Maps,
    /// Training in mini-batches.
    MiniBatch,
}

impl Arguments {
    fn has(&self, part: Part) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }

    fn uses(&self, method: &str) -> bool {
        self.methods.iter().any(|part| method.contains(part.as_str()))
    }

    fn keeps(&self, name: &str) -> bool {
        self.only.iter().any(|part| name.contains(part.as_str()))
    }
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
    let mut tables = Vec::new();
    if arguments.has(Part::FullBatch) {
        tables.extend(full_batch(arguments, &runner)?);
    }
    if arguments.has(Part::Maps) && map_problems::NAMES.iter().any(|name| arguments.keeps(name)) {
        let keep = |name: &str| arguments.keeps(name);
        tables.push(map_report::table(&records, threads, seeds, keep, &bar)?);
    }
    let mut mini = mini_batch::tasks()?;
    mini.retain(|task| arguments.keeps(task.name()));
    if arguments.has(Part::MiniBatch) && !mini.is_empty() {
        tables.push(mini_batch::table(&records, threads, seeds, &mini, &bar)?);
    }
    bar.finish_and_clear();
    if tables.is_empty() {
        let names = arguments.only.join("\" or \"");
        return Err(format!("nothing in these parts has \"{names}\" in its name").into());
    }
    for table in &tables {
        println!("{table}");
    }
    println!(
        "{seeds} seeds; loss and gradient count 1, a loss alone 1/3; in full-batch tasks at most {LIMIT} \
         a run, which is also what a failure counts as in ratios."
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

/// The tables of the full-batch tasks; none where no task is chosen.
fn full_batch(
    arguments: &Arguments,
    runner: &Runner<'_>,
) -> Result<Vec<Table>, Box<dyn std::error::Error>> {
    let mut tasks = tasks::full_batch(runner.seeds)?;
    tasks.retain(|task| arguments.keeps(task.name()));
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let (mut rivals, mut untuned) = (rivals::tuned(), methods::untuned());
    rivals.retain(|rival| arguments.uses(rival.name));
    untuned.retain(|(name, _)| arguments.uses(name));
    if arguments.quick {
        rivals.iter_mut().for_each(|rival| rival.lines.truncate(2));
    }
    let outcomes = runner.full_batch(&tasks, &rivals, &untuned)?;
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
    Ok(tables)
}
