//! `cargo run --release -p aadl-bench --bin suite`: the benchmark suite.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aadl_bench::suite::methods::{self, Rival};
use aadl_bench::suite::objective::{Method, Problem};
use aadl_bench::suite::record::Records;
use aadl_bench::suite::report::{self, Outcome};
use aadl_bench::suite::tuning::{LIMIT, over_seeds, tune};
use aadl_bench::suite::{map_problems, map_report, mini_batch, tasks};
use aadl_host::report::{Table, check_writable, write_json, write_whole};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Compares the learning-rate-free engine with tuned optimizers, L-BFGS and AADL.
///
/// Interrupted, it goes on where it was.
#[derive(Parser)]
struct Arguments {
    /// Three seeds and a part of the grids: under two minutes.
    #[arg(long)]
    quick: bool,
    /// Only tasks whose names contain one of these, separated by commas.
    #[arg(long, default_value = "", value_delimiter = ',')]
    only: Vec<String>,
    /// Without rivals that have settings to tune.
    #[arg(long)]
    untuned: bool,
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
    let mut tables = Vec::new();
    if arguments.has(Part::FullBatch) {
        tables.extend(full_batch(arguments, &records, seeds)?);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let bar = progress(0);
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
    records: &Records,
    seeds: u64,
) -> Result<Vec<Table>, Box<dyn std::error::Error>> {
    let mut tasks = tasks::full_batch(seeds)?;
    tasks.retain(|task| arguments.keeps(task.name()));
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let mut rivals = if arguments.untuned { Vec::new() } else { methods::tuned() };
    if arguments.quick {
        // Every other learning rate of the middle of the first line.
        for rival in &mut rivals {
            let mut index = 0;
            rival.grid.retain(|_| {
                index += 1;
                index % 2 == 0 && index <= 20
            });
        }
    }
    let outcomes = measure(records, &tasks, &rivals, seeds)?;
    let all = report::ratios(&outcomes, "all tasks");
    let training: Vec<Outcome> =
        outcomes.iter().filter(|outcome| outcome.is_training).cloned().collect();
    let mut tables = vec![report::ratios(&training, "networks"), all];
    for (target, what) in ["easy", "medium", "hard"].into_iter().enumerate().rev() {
        tables.push(report::costs(&outcomes, target, what));
    }
    if !arguments.untuned {
        tables.push(report::settings(&outcomes));
    }
    Ok(tables)
}

fn progress(steps: u64) -> ProgressBar {
    ProgressBar::new(steps).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

/// All methods on all tasks, one task a thread at a time.
fn measure(
    records: &Records,
    tasks: &[Box<dyn Problem>],
    rivals: &[Rival],
    seeds: u64,
) -> io::Result<Vec<Outcome>> {
    let untuned = methods::untuned();
    let steps = tasks.len() * (untuned.len() + rivals.len());
    let bar = progress(steps as u64);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(task) = tasks.get(index) else { return };
                    let outcome = on_task(records, &**task, rivals, &untuned, seeds, &bar);
                    if let Ok(mut done) = done.lock() {
                        done.push((index, outcome));
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn on_task(
    records: &Records,
    task: &dyn Problem,
    rivals: &[Rival],
    untuned: &[(&'static str, Box<dyn Method>)],
    seeds: u64,
    bar: &ProgressBar,
) -> io::Result<Outcome> {
    let mut outcome = Outcome {
        task: task.name().to_owned(),
        is_training: task.is_training(),
        tuned: Vec::new(),
        untuned: Vec::new(),
    };
    for (name, method) in untuned {
        bar.set_message(format!("{}: {name}", task.name()));
        outcome
            .untuned
            .push((name, over_seeds(records, task, (name, &**method), 0..seeds, LIMIT)?));
        bar.inc(1);
    }
    for rival in rivals {
        bar.set_message(format!("{}: {}", task.name(), rival.name));
        outcome.tuned.push((rival.name, rival.plain, tune(records, task, rival, seeds)?));
        bar.inc(1);
    }
    Ok(outcome)
}
