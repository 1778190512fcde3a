//! `cargo run --release -p aadl-bench --bin suite`: the benchmark suite.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use aadl_bench::suite::objective::Problem;
use aadl_bench::suite::record::Records;
use aadl_bench::suite::report::{self, Outcome};
use aadl_bench::suite::rivals::Rival;
use aadl_bench::suite::run::Runner;
use aadl_bench::suite::tuning::LIMIT;
use aadl_bench::suite::{
    document, held_out, map_problems, map_report, methods, mini_batch, pictures, rivals, tasks,
};
use aadl_host::report::{Table, check_writable, write_json, write_whole};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Compares the learning-rate-free engine with tuned optimizers, L-BFGS and AADL.
///
/// Interrupted, it goes on where it was.
#[derive(Parser)]
struct Arguments {
    /// Three seeds, two lines of AADL's grids, none of the large networks (digits, drift): under two
    /// minutes on two cores.
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
    /// Writes the pictures, and the tables into the marked blocks of `benchmarks.md`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What the suite consists of.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Training with all samples in each step, and AADL's test functions.
    FullBatch,
    /// The same on tasks that nothing was chosen on.
    HeldOut,
    /// How soon a drift or a sensor is calibrated away.
    Recovery,
    /// Fixed-point maps.
    Maps,
    /// Training in mini-batches.
    MiniBatch,
}

impl Arguments {
    fn uses(&self, method: &str) -> bool {
        self.methods.iter().any(|part| method.contains(part.as_str()))
    }

    /// Whether this part is to run, and this task of it.
    fn keeps(&self, part: Part, task: &str) -> bool {
        (self.part.is_empty() || self.part.contains(&part))
            && self.only.iter().any(|part| task.contains(part.as_str()))
            && !(self.quick && SLOW.iter().any(|slow| task.contains(slow)))
    }
}

/// Tasks that `--quick` leaves out.
const SLOW: [&str; 2] = ["digits", "drift"];

/// The names of the document's blocks, in order.
const BLOCKS: [&str; 8] = [
    "summary",
    "costs",
    "held-out",
    "small-memory",
    "settings",
    "recovery",
    "maps",
    "mini-batches",
];

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("suite: {error}");
            ExitCode::from(2)
        }
    }
}

/// Tables by block, and pictures by file name.
struct Report {
    blocks: Vec<(&'static str, Vec<Table>)>,
    pictures: Vec<(&'static str, String)>,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(path) = &arguments.json {
        check_writable(path)?;
    }
    if let Some(folder) = &arguments.out {
        check_writable(&folder.join("benchmarks.md"))?;
        // What lacks a mark is found out before the work, not after it.
        let text = read_document(folder)?;
        BLOCKS.iter().try_for_each(|name| document::replace(&text, name, "").map(drop))?;
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
    let seeds = if arguments.quick { 3 } else { 10 };
    let runner = Runner { records: &records, threads, seeds, bar: &bar };
    let report = measure(arguments, &runner)?;
    bar.finish_and_clear();
    for table in report.blocks.iter().flat_map(|(_, tables)| tables) {
        println!("{table}");
    }
    println!(
        "{seeds} seeds; loss and gradient count 1, a loss alone 1/3; at most {LIMIT} a run of full \
         batches, which is also what a failure counts as in ratios."
    );
    if let Some(path) = &arguments.json {
        let tables: Vec<&Table> = report.blocks.iter().flat_map(|(_, tables)| tables).collect();
        write_json(path, &tables)?;
    }
    if let Some(folder) = &arguments.out {
        write_document(folder, &report)?;
    }
    Ok(())
}

fn measure(arguments: &Arguments, runner: &Runner<'_>) -> Result<Report, Box<dyn Error>> {
    let (mut rivals, mut untuned) = (rivals::tuned(), methods::untuned());
    rivals.retain(|rival| arguments.uses(rival.name));
    untuned.retain(|(name, _)| arguments.uses(name));
    if arguments.quick {
        // The plain optimizers keep their grids: less tuned they would flatter all others.
        let others = rivals.iter_mut().filter(|rival| !rival.plain);
        others.for_each(|rival| rival.lines.truncate(2));
    }
    let mut report = Report { blocks: Vec::new(), pictures: Vec::new() };
    let mut tasks = tasks::full_batch(runner.seeds)?;
    tasks.retain(|task| arguments.keeps(Part::FullBatch, task.name()));
    if !tasks.is_empty() {
        let outcomes = runner.full_batch(&tasks, &rivals, &untuned)?;
        full_batch_tables(&outcomes, &rivals, &mut report);
        let losses = pictures::losses(&outcomes, &tasks, &rivals, &untuned, runner.seeds);
        if let Some(chart) = losses {
            report.pictures.push(("losses.svg", chart.to_svg()?));
        }
        if let Some(dots) = pictures::ratios(&outcomes) {
            report.pictures.push(("ratios.svg", dots.to_svg()));
        }
        let small = small_memory(arguments, runner, tasks)?;
        report.blocks.extend(small.map(|table| ("small-memory", vec![table])));
    }
    let mut held_out = held_out::tasks(runner.seeds);
    held_out.retain(|task| arguments.keeps(Part::HeldOut, task.name()));
    if !held_out.is_empty() {
        let outcomes = runner.full_batch(&held_out, &rivals, &untuned)?;
        let mut tables = vec![report::ratios(&outcomes, "held-out tasks")];
        tables.extend(costs(&outcomes));
        report.blocks.push(("held-out", tables));
    }
    let mut recovery = tasks::recovery(runner.seeds)?;
    recovery.retain(|task| arguments.keeps(Part::Recovery, task.name()));
    if !recovery.is_empty() {
        let outcomes = runner.full_batch(&recovery, &rivals, &untuned)?;
        report.blocks.push(("recovery", vec![report::recovery(&outcomes)]));
    }
    let (records, threads, seeds, bar) = (runner.records, runner.threads, runner.seeds, runner.bar);
    let keep = |name: &str| arguments.keeps(Part::Maps, name);
    if map_problems::NAMES.iter().any(|name| keep(name)) {
        let table = map_report::table(records, threads, seeds, keep, bar)?;
        report.blocks.push(("maps", vec![table]));
    }
    let mut mini = mini_batch::tasks()?;
    mini.retain(|task| arguments.keeps(Part::MiniBatch, task.name()));
    if !mini.is_empty() {
        let tables = mini_batch::tables(records, threads, seeds, &mini, bar)?;
        report.blocks.push(("mini-batches", tables.into()));
    }
    if report.blocks.is_empty() {
        let names = arguments.only.join("\" or \"");
        return Err(format!("nothing in these parts has \"{names}\" in its name").into());
    }
    Ok(report)
}

/// The engine in little memory, and what else needs little. The plain optimizers' runs are known by
/// now. None where nothing of it is wanted.
fn small_memory(
    arguments: &Arguments,
    runner: &Runner<'_>,
    mut tasks: Vec<Box<dyn Problem>>,
) -> Result<Option<Table>, Box<dyn Error>> {
    tasks.retain(|task| task.is_training());
    let mut rivals = rivals::short_memory();
    rivals.retain(|rival| arguments.uses(rival.name));
    let mut untuned = methods::small_memory();
    untuned.retain(|(name, _)| arguments.uses(name));
    if tasks.is_empty() || (rivals.is_empty() && untuned.is_empty()) {
        return Ok(None);
    }
    rivals.splice(0..0, rivals::plain());
    rivals.retain(|rival| arguments.uses(rival.name));
    Ok(Some(report::small_memory(&runner.full_batch(&tasks, &rivals, &untuned)?)))
}

fn full_batch_tables(outcomes: &[Outcome], rivals: &[Rival], report: &mut Report) {
    let training: Vec<Outcome> =
        outcomes.iter().filter(|outcome| outcome.is_training).cloned().collect();
    let ratios = [report::ratios(&training, "networks"), report::ratios(outcomes, "all tasks")];
    report.blocks.push(("summary", ratios.into()));
    report.blocks.push(("costs", costs(outcomes).into()));
    let mut settings = vec![report::largest()];
    if !rivals.is_empty() {
        settings.insert(0, report::settings(outcomes));
    }
    report.blocks.push(("settings", settings));
}

/// The tables of costs, by target.
fn costs(outcomes: &[Outcome]) -> [Table; 3] {
    [(2, "hard"), (1, "medium"), (0, "easy")]
        .map(|(target, what)| report::costs(outcomes, target, what))
}

/// The document in a folder, or one of empty blocks.
fn read_document(folder: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(folder.join("benchmarks.md")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(document::skeleton(&BLOCKS))
        }
        text => text,
    }
}

/// Replaces the blocks that were measured; the document's other ones stay as they are.
fn write_document(folder: &Path, report: &Report) -> Result<(), Box<dyn Error>> {
    let mut text = read_document(folder)?;
    for (name, tables) in &report.blocks {
        let tables: Vec<String> = tables.iter().map(Table::to_markdown).collect();
        text = document::replace(&text, name, &tables.join("\n"))?;
    }
    write_whole(&folder.join("benchmarks.md"), text.as_bytes())?;
    for (name, svg) in &report.pictures {
        write_whole(&folder.join(name), svg.as_bytes())?;
    }
    Ok(())
}
