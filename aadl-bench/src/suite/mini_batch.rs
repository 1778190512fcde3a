//! Training in mini-batches: what acceleration costs or saves round an optimizer tuned without it, and
//! what it gains to evaluate an average of its steps. Beside them gradient descent on all samples, so
//! that it shows whether the same settings accelerate where that pays.

use aadl_core::anderson::Config;
use aadl_core::optim::{AdamConfig, SgdConfig};
use aadl_host::data::DataError;
use aadl_host::optim::Base;
use aadl_host::report::{Cell, Table};
use aadl_host::train::{Evaluation, Method, Rule, train};
use indicatif::ProgressBar;

use super::failure::Failure;
use super::objective::TARGETS;
use super::pool::in_order;
use super::record::Records;
use super::tasks::{Training, built_in};
use super::tuning::{Costs, LIMIT};

/// Samples a step.
const BATCH: usize = 32;
/// Seeds by which a learning rate is first judged.
const PROBE: u64 = 3;
/// Learning rates that went on after the first seeds.
const KEPT: usize = 3;
/// Share of its cost that the plain optimizer may lose: a ratio below this is one that does harm.
const HARM: f64 = 0.98;

/// What is put round an optimizer.
#[derive(Clone, Copy)]
struct Variant {
    /// Its name in reports.
    name: &'static str,
    acceleration: Option<(Config, usize)>,
    evaluation: Evaluation,
}

impl Variant {
    fn round(self, base: Base) -> Rule {
        match self.acceleration {
            None => Rule::Plain(base),
            Some((config, depth)) => Rule::Accelerated(base, config, depth),
        }
    }

    /// With all samples a step, the loss comes with the gradient, where the optimizer is.
    fn suits(self, optimizer: Optimizer) -> bool {
        optimizer.batch.is_some() || self.evaluation == Evaluation::Last
    }
}

/// The first one is nothing: learning rates are tuned for it.
const VARIANTS: [Variant; 6] = [
    Variant { name: "plain", acceleration: None, evaluation: Evaluation::Last },
    accelerated("accelerated, 5 iterates", Config::TRAINING, 5),
    accelerated("accelerated, 10 iterates", Config::TRAINING, 10),
    accelerated("gated, 5 iterates", Config::MINI_BATCH, 5),
    averaged("plain, at the EMA", Evaluation::Ema(0.9)),
    averaged("plain, at the epoch's mean", Evaluation::EpochMean),
];

const fn accelerated(name: &'static str, config: Config, depth: usize) -> Variant {
    Variant { name, acceleration: Some((config, depth)), evaluation: Evaluation::Last }
}

const fn averaged(name: &'static str, evaluation: Evaluation) -> Variant {
    Variant { name, acceleration: None, evaluation }
}

/// An optimizer, and how it is run.
#[derive(Clone, Copy)]
struct Optimizer {
    name: &'static str,
    /// With a learning rate.
    build: fn(f64) -> Base,
    /// Samples a step; none: all of them.
    batch: Option<usize>,
    /// Epochs' worth of evaluations after which a run has failed.
    limit: f64,
}

const OPTIMIZERS: [Optimizer; 4] = [
    Optimizer { name: "SGD", build: sgd, batch: Some(BATCH), limit: 100.0 },
    Optimizer { name: "Nesterov", build: nesterov, batch: Some(BATCH), limit: 100.0 },
    Optimizer { name: "Adam", build: adam, batch: Some(BATCH), limit: 100.0 },
    Optimizer { name: "GD, all samples", build: sgd, batch: None, limit: LIMIT },
];

fn sgd(lr: f64) -> Base {
    Base::Sgd(SgdConfig { lr, ..SgdConfig::DEFAULT })
}

fn nesterov(lr: f64) -> Base {
    Base::Sgd(SgdConfig { lr, momentum: 0.9, nesterov: true, ..SgdConfig::DEFAULT })
}

fn adam(lr: f64) -> Base {
    Base::Adam(AdamConfig { lr, ..AdamConfig::DEFAULT })
}

/// Three a decade.
const LEARNING_RATES: [f64; 17] = [
    1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0,
];

/// A network and its data: one of the full-batch suite, to the same losses, measured after an epoch.
pub struct Task(Training);

/// The networks on the sets that have more samples than a batch.
///
/// # Errors
/// None, unless a built-in file was damaged before the program was built.
pub fn tasks() -> Result<Vec<Task>, DataError> {
    Ok(built_in()?.into_iter().map(Task).collect())
}

impl Task {
    /// What it is called in reports.
    pub fn name(&self) -> &str {
        self.0.name
    }
}

/// One task by one optimizer: for each target the learning rate that suits the plain one best, and
/// with it the costs of all variants.
struct Entry {
    rates: [Option<usize>; TARGETS],
    costs: Vec<[Costs; TARGETS]>,
}

impl Entry {
    /// How many times fewer evaluations than plain; none where plain does not get there. A miss counts
    /// as `limit`.
    fn ratio(&self, variant: usize, target: usize, limit: f64) -> Option<f64> {
        let median = |variant: usize| self.costs[variant][target].median(target);
        let plain = median(0);
        plain.is_finite().then(|| plain / median(variant).min(limit))
    }
}

struct Job<'a> {
    records: &'a Records,
    task: &'a Task,
    optimizer: Optimizer,
    seeds: u64,
}

impl Job<'_> {
    /// Costs of reaching the targets.
    fn costs(
        &self,
        variant: Variant,
        rate: usize,
        seeds: std::ops::Range<u64>,
    ) -> Result<Vec<[f64; TARGETS]>, Failure> {
        let (name, lr) = (variant.name, LEARNING_RATES[rate]);
        let Optimizer { name: optimizer, build, batch, limit } = self.optimizer;
        let (rule, evaluation) = (variant.round(build(lr)), variant.evaluation);
        let method = Method { rule, batch, evaluation, budget: limit };
        let Task(training) = self.task;
        let costs = seeds.map(|seed| {
            let key = format!("mini {}/{optimizer} {lr}/{name}/{seed}", training.name);
            self.records.try_get(&key, || {
                let (network, set) = (training.network(), training.set(seed));
                let run = train(&network, training.loss, set, &method, seed, |_| true)?;
                let cost = |target: f32| {
                    run.reached(target.into()).map_or(f64::INFINITY, |point| point.cost)
                };
                Ok(training.targets.map(cost))
            })
        });
        costs.collect()
    }

    fn entry(&self) -> Result<Entry, Failure> {
        let probe = self.seeds.min(PROBE);
        let mut plain = Vec::new();
        for rate in 0..LEARNING_RATES.len() {
            plain.push(Costs(self.costs(VARIANTS[0], rate, 0..probe)?));
        }
        let mut rates = [None; TARGETS];
        for (target, best) in rates.iter_mut().enumerate() {
            let order = |costs: &Costs| (costs.median(target), costs.worst(target));
            let mut candidates: Vec<usize> = (0..LEARNING_RATES.len())
                .filter(|rate| plain[*rate].median(target).is_finite())
                .collect();
            candidates.sort_by(|a, b| {
                let order = order(&plain[*a]).partial_cmp(&order(&plain[*b]));
                order.unwrap_or(std::cmp::Ordering::Equal)
            });
            let mut least = (f64::INFINITY, f64::INFINITY);
            for rate in candidates.into_iter().take(KEPT) {
                let all = Costs(self.costs(VARIANTS[0], rate, 0..self.seeds)?);
                if order(&all) < least {
                    (least, *best) = (order(&all), Some(rate));
                }
            }
        }
        let never = || Costs(vec![[f64::INFINITY; TARGETS]; self.seeds as usize]);
        let mut costs = Vec::new();
        for variant in VARIANTS {
            let mut by_target = [(); TARGETS].map(|()| never());
            for (costs, rate) in by_target.iter_mut().zip(rates) {
                if let Some(rate) = rate.filter(|_| variant.suits(self.optimizer)) {
                    *costs = Costs(self.costs(variant, rate, 0..self.seeds)?);
                }
            }
            costs.push(by_target);
        }
        Ok(Entry { rates, costs })
    }
}

/// Every task by every optimizer, plain and with what is put round it; and the ratios of mini-batches
/// in short.
///
/// # Errors
/// Those of the file of records and of training.
pub fn tables(
    records: &Records,
    threads: usize,
    seeds: u64,
    tasks: &[Task],
    bar: &ProgressBar,
) -> Result<[Table; 2], Failure> {
    let count = tasks.len() * OPTIMIZERS.len();
    bar.inc_length(count as u64);
    let entries = in_order(threads, count, |job| {
        let task = &tasks[job / OPTIMIZERS.len()];
        let optimizer = OPTIMIZERS[job % OPTIMIZERS.len()];
        bar.set_message(format!("mini-batches, {}: {}", task.name(), optimizer.name));
        let job = Job { records, task, optimizer, seeds };
        let entry = job.entry();
        bar.inc(1);
        entry
    })?;
    Ok([ratios(&entries), costs(tasks, &entries)])
}

fn costs(tasks: &[Task], entries: &[Entry]) -> Table {
    let mut columns = vec!["task", "optimizer", "target", "lr"];
    columns.extend(VARIANTS.map(|variant| variant.name));
    let title = format!(
        "Mini-batches of {BATCH}: evaluation equivalents to a training loss, median (worst seed, \
         failures); learning rates tuned for the plain optimizer (*: at the edge of the grid)"
    );
    let mut table = Table::new(&title, &columns);
    for (index, entry) in entries.iter().enumerate() {
        let task = &tasks[index / OPTIMIZERS.len()];
        let optimizer = OPTIMIZERS[index % OPTIMIZERS.len()];
        for target in 0..TARGETS {
            let rate = entry.rates[target].map(|rate| {
                let edge = rate == 0 || rate == LEARNING_RATES.len() - 1;
                format!("{}{}", LEARNING_RATES[rate], if edge { "*" } else { "" })
            });
            let mut row = vec![
                task.name().into(),
                optimizer.name.into(),
                Cell::Number(task.0.targets[target].into(), 2),
                rate.map_or(Cell::Missing, Cell::Text),
            ];
            row.extend(VARIANTS.iter().zip(&entry.costs).map(|(variant, costs)| {
                if variant.suits(optimizer) {
                    cell(&costs[target], target, optimizer.limit)
                } else {
                    Cell::Missing
                }
            }));
            table.row(row);
        }
    }
    table
}

/// Rows of mini-batches alone.
fn ratios(entries: &[Entry]) -> Table {
    let harm = format!("rows below {HARM}");
    let columns = ["", "geometric mean", "worst row", "best row", &harm, "rows"];
    let title = "Mini-batches: how many times fewer evaluations than plain (medians)";
    let mut table = Table::new(title, &columns);
    for (variant, Variant { name, .. }) in VARIANTS.iter().enumerate().skip(1) {
        let mut ratios = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let optimizer = OPTIMIZERS[index % OPTIMIZERS.len()];
            if optimizer.batch.is_some() {
                let ratio = |target| entry.ratio(variant, target, optimizer.limit);
                ratios.extend((0..TARGETS).filter_map(ratio));
            }
        }
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        ratios.sort_by(f64::total_cmp);
        let end =
            |ratio: Option<&f64>| ratio.map_or(Cell::Missing, |ratio| Cell::Number(*ratio, 3));
        table.row(vec![
            (*name).into(),
            end(ratios.first().map(|_| &mean)),
            end(ratios.first()),
            end(ratios.last()),
            Cell::Count(ratios.iter().filter(|ratio| **ratio < HARM).count() as u64),
            Cell::Count(ratios.len() as u64),
        ]);
    }
    table
}

fn cell(costs: &Costs, target: usize, limit: f64) -> Cell {
    Cell::Text(match (costs.median(target), costs.failures(target)) {
        (median, 0) => format!("{median:.1} ({:.0})", costs.worst(target)),
        (median, n) if median.is_finite() => format!("{median:.1} ({n} failed)"),
        (_, n) => format!("over {limit} ({n} failed)"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn threads_and_records_change_no_cell() {
        let folder = tempfile::tempdir().unwrap();
        let mut wine = tasks().unwrap();
        wine.retain(|task| task.name() == "wine");
        let run = |file: &str, threads| {
            let records = Records::open(&folder.path().join(file)).unwrap();
            tables(&records, threads, 2, &wine, &ProgressBar::hidden()).unwrap()
        };
        let first = run("a", 1);
        assert_eq!(run("b", 3), first);
        assert_eq!(run("a", 2), first);
    }

    /// One preset for both: on all samples it opens, and gains; in mini-batches it stays shut, and its
    /// looks cost next to nothing.
    #[test]
    fn the_gate_tells_mini_batches_from_all_samples() {
        let mut all = tasks().unwrap();
        all.retain(|task| task.name() == "wine");
        let Task(wine) = &all[0];
        let (plain, gated) = (VARIANTS[0], VARIANTS[3]);
        assert_eq!(gated.acceleration, Some((Config::MINI_BATCH, 5)));
        let run = |batch, variant: Variant, budget| {
            let method = Method {
                rule: variant.round(sgd(2.0)),
                batch,
                evaluation: Evaluation::Last,
                budget,
            };
            train(&wine.network(), wine.loss, wine.set(0), &method, 0, |_| true).unwrap()
        };
        let reached = |variant| {
            let run = run(None, variant, 500.0);
            run.reached(wine.targets[2].into()).map_or(500.0, |point| point.cost)
        };
        assert!(reached(gated) < reached(plain) / 3.0);
        let mini = run(Some(BATCH), gated, 100.0);
        let stats = mini.stats;
        assert_eq!((stats.accelerated, stats.loss_evaluations), (0, 0));
        assert!(stats.unpredictable > 3 && stats.slept > stats.steps / 10 * 8, "{stats:?}");
        assert_eq!(mini.params, run(Some(BATCH), plain, 100.0).params);
    }
}
