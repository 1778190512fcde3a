//! `aadl demo`: a tiny network learns a real data set, with acceleration and without.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use aadl_core::anderson::{Anderson, Config};
use aadl_core::multisecant::{self, Multisecant};
use aadl_core::nn::{Activation, Layer, Loss, Network, TILE};
use aadl_core::optim::{AdamConfig, SgdConfig};
use aadl_host::data::{DataError, Dataset, Scaling, Split};
use aadl_host::optim::Base;
use aadl_host::report::{
    Cell, Chart, Panel, Series, Table, check_writable, write_json, write_whole,
};
use aadl_host::train::{Evaluation, Method, Rule, Run, train};

use super::{FAILURE, INTERRUPTED, SUCCESS, Stop, print};

const NET: Network = match Network::new(&[
    Layer::dense(64, 16, Activation::Tanh),
    Layer::dense(16, 10, Activation::Identity),
]) {
    Ok(network) => network,
    Err(_) => panic!("the layers do not fit together"),
};

/// Iterates in the history of an accelerator.
const DEPTH: usize = 8;
/// Pairs of the engine without a learning rate: its default.
const PAIRS: usize = 10;
/// The training loss that the table counts evaluations to.
const TARGET: f64 = 0.01;
/// Part of the budget that the picture shows.
const SHOWN: f64 = 0.5;
/// Samples a step, where not all.
const BATCH: usize = 32;
/// Mini-batches get this part of the budget: they need less.
const MINI: f64 = 10.0;

/// Arguments of `aadl demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Seed of the data split and of the first run; the others count up from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fewer seeds and a smaller budget
    #[arg(long)]
    quick: bool,
    /// Folder for the picture (made if need be)
    #[arg(long, value_name = "DIR", default_value = "aadl-out")]
    out: PathBuf,
    /// Also write the table to FILE as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// One line of the table.
struct Entry {
    name: &'static str,
    method: Method,
}

/// The engine without a learning rate, and each optimizer plainly and accelerated, with the same
/// settings: the learning rates with which
/// the *plain* optimizer is cheapest to the target, of a grid (gradient descent 0.5 to 3, Nesterov
/// 0.1 to 1.5, Adam 0.01 to 0.1; in mini-batches SGD 0.1 to 2, Adam 0.001 to 0.03).
fn entries(budget: f64) -> Vec<Entry> {
    let sgd = |lr, momentum| {
        let nesterov = momentum > 0.0;
        Base::Sgd(SgdConfig { lr, momentum, nesterov, ..SgdConfig::DEFAULT })
    };
    let adam = |lr| Base::Adam(AdamConfig { lr, ..AdamConfig::DEFAULT });
    let full =
        [("gradient descent", sgd(2.0, 0.0)), ("Nesterov", sgd(1.0, 0.9)), ("Adam", adam(0.1))];
    let mini = [("SGD", sgd(1.0, 0.0)), ("Adam", adam(0.03))];
    let method = |rule, batch, budget| Method { rule, batch, evaluation: Evaluation::Last, budget };
    let both = |(name, base), batch, budget| {
        [Rule::Plain(base), Rule::Accelerated(base, Config::TRAINING, DEPTH)]
            .map(|rule| Entry { name, method: method(rule, batch, budget) })
    };
    let rule = Rule::Multisecant(multisecant::Config::DEFAULT, PAIRS);
    let multisecant = Entry { name: "Multisecant", method: method(rule, None, budget) };
    full.into_iter()
        .flat_map(|base| both(base, None, budget))
        .chain([multisecant])
        .chain(mini.into_iter().flat_map(|base| both(base, Some(BATCH), budget / MINI)))
        .collect()
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<u8, Stop> {
        // Before anything is printed: from here on Ctrl-C ends in order. Fails only where there is
        // a handler already: then that one decides.
        let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
        // Whatever cannot be written is found out before the work, not after it.
        let picture = self.out.join("demo.svg");
        for path in [&picture].into_iter().chain(&self.json) {
            check_writable(path)?;
        }
        let failed = |error: &dyn std::fmt::Display| Stop::new(FAILURE, error);
        let split = prepare(self.seed).map_err(|error| failed(&error))?;
        let (seeds, budget) = if self.quick { (3, 300.0) } else { (5, 800.0) };
        let entries = entries(budget);
        print(format_args!(
            "UCI handwritten digits, 8x8: {} samples to learn from, {} to test; 64-16-10 tanh \
             network, {} parameters, float32, {seeds} seeds",
            split.train.len(),
            split.test.len(),
            NET.params()
        ))?;
        let clock = Instant::now();
        let runs = run_all(&entries, &split.train, self.seed, seeds)
            .map_err(|error| failed(&error))?
            .ok_or_else(|| Stop::new(INTERRUPTED, "interrupted; nothing was written"))?;
        let table = tabulate(&entries, &runs, &split.test);
        print(format_args!("\n{table}\n{}", explanation(budget)))?;
        let svg = chart(&entries, &runs).to_svg().map_err(|error| failed(&error))?;
        write_whole(&picture, svg.as_bytes())?;
        if let Some(path) = &self.json {
            write_json(path, &table)?;
        }
        let seconds = clock.elapsed().as_secs_f64();
        print(format_args!("Picture: {}   ({seconds:.0} s in all)", picture.display()))?;
        Ok(SUCCESS)
    }
}

fn prepare(seed: u64) -> Result<Split, DataError> {
    let digits = Dataset::digits()?;
    let mut split = digits.split(0.2, seed)?;
    let scaling = Scaling::uniform(digits.features, 1.0 / 16.0);
    scaling.apply(&mut split.train)?;
    scaling.apply(&mut split.test)?;
    Ok(split)
}

/// All runs, by entry and seed, on as many threads as there are cores; nothing where interrupted.
/// Which thread computes a run does not change it.
fn run_all(
    entries: &[Entry],
    set: &Dataset,
    first_seed: u64,
    seeds: usize,
) -> Result<Option<Vec<Vec<Run>>>, aadl_core::Error> {
    let total: f64 = entries.iter().map(|entry| entry.method.budget * seeds as f64).sum();
    let bar = indicatif::ProgressBar::new(total as u64).with_style(
        indicatif::ProgressStyle::with_template(
            "{bar:40} {percent}% of {len} evaluations, {eta} left",
        )
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<Run, _>>>> =
        (0..entries.len() * seeds).map(|_| Mutex::new(None)).collect();
    let work = || {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            let Some(result) = results.get(job) else { break };
            let (entry, seed) =
                (&entries[job / seeds], first_seed.wrapping_add((job % seeds) as u64));
            let (mut reported, whole) = (0, entry.method.budget as u64);
            let mut report = |cost: u64| {
                // The last step may go beyond the budget.
                bar.inc(cost.min(whole) - reported);
                reported = cost.min(whole);
            };
            let run = train(&NET, Loss::CrossEntropy, set, &entry.method, seed, |cost| {
                report(cost as u64);
                !STOP.load(Ordering::Relaxed)
            });
            // A run that overflows ends early.
            report(whole);
            *result.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(run);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(results.len()) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    if STOP.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let mut runs = results
        .into_iter()
        .filter_map(|result| result.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()));
    (0..entries.len())
        .map(|_| runs.by_ref().take(seeds).collect())
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Bytes of everything that training needs beyond the data: parameters, gradient, the optimizer's
/// state, one sample's activations, and the accelerator or the engine.
fn state_bytes(method: &Method) -> usize {
    const N: usize = NET.params();
    let (rows, rest) = match method.rule {
        Rule::Plain(base) => (base.rows(), 0),
        Rule::Accelerated(base, ..) => (base.rows(), size_of::<Anderson<N, DEPTH>>()),
        Rule::Multisecant(..) => (0, size_of::<Multisecant<N, PAIRS>>()),
    };
    4 * (N * (2 + rows) + NET.scratch(1)) + rest
}

/// The middle one of some numbers (of an even number, the larger of two), those that are missing
/// counting as the largest.
fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values: Vec<f64> = values.map(|value| value.unwrap_or(f64::INFINITY)).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().filter(|value| value.is_finite())
}

fn tabulate(entries: &[Entry], runs: &[Vec<Run>], test: &Dataset) -> Table {
    let title = format!("To a training loss of {TARGET} (medians; '-': not reached in the budget)");
    let mut table = Table::new(
        &title,
        &[
            "optimizer",
            "batch",
            "accelerated",
            "gradients",
            "losses",
            "cost",
            "speed-up",
            "reached",
            "seconds",
            "final loss",
            "test accuracy",
            "state bytes",
        ],
    );
    let cost = |runs: &[Run]| median(runs.iter().map(|run| run.reached(TARGET).map(|p| p.cost)));
    let mut plain_cost = None;
    for (entry, runs) in entries.iter().zip(runs) {
        let number = |value: Option<f64>, digits| {
            value.map_or(Cell::Missing, |value| Cell::Number(value, digits))
        };
        let count =
            |value: Option<f64>| value.map_or(Cell::Missing, |value| Cell::Count(value as u64));
        let at_target = |f: fn(&aadl_host::train::Point) -> f64| {
            median(runs.iter().map(|run| run.reached(TARGET).map(f)))
        };
        let accelerated = matches!(entry.method.rule, Rule::Accelerated(..));
        let own_cost = cost(runs);
        let budget = entry.method.budget;
        // Bounds are rounded to the side on which they hold.
        let hundredths = |ratio: f64, round: fn(f64) -> f64| round(100.0 * ratio) / 100.0;
        let speed_up = match (accelerated, plain_cost, own_cost) {
            (true, Some(plain), Some(own)) => Cell::Number(plain / own, 3),
            (true, None, Some(own)) => {
                Cell::Text(format!("over {:.2}", hundredths(budget / own, f64::floor)))
            }
            (true, Some(plain), None) => {
                Cell::Text(format!("under {:.2}", hundredths(plain / budget, f64::ceil)))
            }
            _ => Cell::Missing,
        };
        if !accelerated {
            plain_cost = own_cost;
        }
        let reached = runs.iter().filter(|run| run.reached(TARGET).is_some()).count();
        table.row([
            entry.name.into(),
            entry.method.batch.map_or("all".into(), |batch| Cell::Text(batch.to_string())),
            match entry.method.rule {
                Rule::Plain(_) => "no".into(),
                Rule::Accelerated(..) => "yes".into(),
                Rule::Multisecant(..) => Cell::Missing,
            },
            count(at_target(|point| point.gradients.into())),
            count(at_target(|point| point.losses.into())),
            number(own_cost, 3),
            speed_up,
            Cell::Text(format!("{reached} of {}", runs.len())),
            number(at_target(|point| point.time.as_secs_f64()), 2),
            number(median(runs.iter().map(|run| run.points.last().map(|p| p.loss))), 2),
            number(median(runs.iter().map(|run| accuracy(run, test))), 3),
            Cell::Count(state_bytes(&entry.method) as u64),
        ]);
    }
    table
}

fn accuracy(run: &Run, test: &Dataset) -> Option<f64> {
    let aadl_host::data::Labels::Classes { classes, .. } = &test.labels else { return None };
    let mut scratch = vec![0.0; NET.scratch(TILE)];
    let correct = NET.count_correct(&run.params, &test.inputs, classes, &mut scratch).ok()?;
    Some(correct as f64 / test.len() as f64)
}

fn explanation(budget: f64) -> String {
    let mini = budget / MINI;
    format!(
        "cost: evaluation equivalents to the target; a gradient of the whole set is 1, a loss 1/3, \
         those of the\nsafeguard included. gradients, losses: of a batch. seconds: to the target. \
         reached: seeds that got there.\nspeed-up: cost of the plain optimizer over that of the \
         accelerated one.\nfinal loss, test accuracy: after {budget} evaluation equivalents, with \
         mini-batches {mini}.\nstate bytes: parameters, gradient, optimizer, one sample's \
         activations, accelerator: what a device needs.\nMultisecant has no learning rate; the others \
         have the one that suits the plain optimizer best, of a grid.\nRun on to a loss of nothing, it \
         has learnt the noise too: its test accuracy shows it.\nAcceleration pays where steps are those \
         of one smooth map: full-batch gradient descent. Momentum and Adam\nchange their map as \
         they go: expect less there, or nothing. Mini-batches change it at every step: expect a \
         loss.\n"
    )
}

/// The loss against the cost: middle, and least to greatest over the seeds.
fn chart(entries: &[Entry], runs: &[Vec<Run>]) -> Chart {
    let panel = |title: &str, full_batch: bool| Panel {
        title: title.to_owned(),
        series: entries
            .iter()
            .zip(runs)
            .filter(|(entry, _)| entry.method.batch.is_none() == full_batch)
            .enumerate()
            .map(|(index, (entry, runs))| {
                let name = match entry.method.rule {
                    Rule::Plain(_) => "",
                    Rule::Accelerated(..) => " + Anderson",
                    Rule::Multisecant(..) => ", no learning rate",
                };
                Series {
                    name: format!("{}{name}", entry.name),
                    colour: index / 2,
                    accented: !name.is_empty(),
                    points: curve(runs, entry.method.budget),
                }
            })
            .collect(),
    };
    Chart {
        title: "Training a 64-16-10 network on handwritten digits".to_owned(),
        x_label: "evaluation equivalents (gradient 1, loss 1/3)".to_owned(),
        y_label: "training loss (cross-entropy)".to_owned(),
        log_x: false,
        panels: vec![panel("full batch", true), panel("mini-batches of 32", false)],
    }
}

fn curve(runs: &[Run], budget: f64) -> Vec<(f64, f64, f64, f64)> {
    (1..=150)
        .filter_map(|i| {
            let cost = SHOWN * budget * f64::from(i) / 150.0;
            let mut losses: Vec<f64> = runs.iter().filter_map(|run| run.loss_at(cost)).collect();
            losses.sort_by(f64::total_cmp);
            Some((cost, *losses.first()?, losses[losses.len() / 2], *losses.last()?))
        })
        .collect()
}
