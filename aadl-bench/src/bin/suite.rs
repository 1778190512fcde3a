//! `cargo run --release -p aadl-bench --bin suite`: the benchmark suite.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aadl_bench::suite::methods::{self, Rival};
use aadl_bench::suite::objective::{Problem, TARGETS};
use aadl_bench::suite::record::Records;
use aadl_bench::suite::report::{self, Outcome};
use aadl_bench::suite::tasks;
use aadl_bench::suite::tuning::{Best, Costs, LIMIT, over_seeds, tune};
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
    let mut rivals = if arguments.untuned { Vec::new() } else { methods::tuned() };
    if arguments.quick {
        // The ten odd ones of the first twenty settings, which is every other learning rate.
        for rival in &mut rivals {
            let mut index = 0;
            rival.grid.retain(|_| {
                index += 1;
                index % 2 == 0 && index <= 20
            });
        }
    }
    let records = Records::open(&Records::path()?)?;
    if !records.is_empty() {
        eprintln!("{} runs are known already", records.len());
    }
    let outcomes = measure(&records, &tasks, &rivals, seeds)?;
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

/// What a job found: of one method on one task.
enum Found {
    Untuned(Costs),
    Tuned([Best; TARGETS]),
}

/// All methods on all tasks, each of them a job for the next free thread.
fn measure(
    records: &Records,
    tasks: &[Box<dyn Problem>],
    rivals: &[Rival],
    seeds: u64,
) -> io::Result<Vec<Outcome>> {
    let untuned = methods::untuned();
    let methods = untuned.len() + rivals.len();
    let job = |index: usize| -> Option<io::Result<Found>> {
        let (task, method) = (&**tasks.get(index / methods)?, index % methods);
        Some(match method.checked_sub(untuned.len()) {
            None => {
                let (name, method) = &untuned[method];
                over_seeds(records, task, (name, &**method), 0..seeds, LIMIT).map(Found::Untuned)
            }
            Some(rival) => tune(records, task, &rivals[rival], seeds).map(Found::Tuned),
        })
    };
    let bar = ProgressBar::new((tasks.len() * methods) as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} methods on tasks, {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(found) = job(index) else { return };
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, found);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut outcomes: Vec<Outcome> = tasks
        .iter()
        .map(|task| Outcome {
            task: task.name().to_owned(),
            is_training: task.is_training(),
            tuned: Vec::new(),
            untuned: Vec::new(),
        })
        .collect();
    for (index, found) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let (outcome, method) = (&mut outcomes[index / methods], index % methods);
        match found? {
            Found::Untuned(costs) => outcome.untuned.push((untuned[method].0, costs)),
            Found::Tuned(best) => {
                let rival = &rivals[method - untuned.len()];
                outcome.tuned.push((rival.name, rival.plain, best));
            }
        }
    }
    Ok(outcomes)
}
