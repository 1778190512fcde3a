//! Training in mini-batches: what acceleration costs or saves round an optimizer tuned without it.

use aadl_core::anderson::Config;
use aadl_core::nn::{Layer, Loss, Network};
use aadl_core::optim::{AdamConfig, SgdConfig};
use aadl_host::data::{DataError, Dataset};
use aadl_host::optim::Base;
use aadl_host::report::{Cell, Table};
use aadl_host::train::{Method, Rule, train};
use indicatif::ProgressBar;

use super::failure::Failure;
use super::objective::TARGETS;
use super::pool::in_order;
use super::record::Records;
use super::tasks::{layers, standardised};
use super::tuning::Costs;

/// Samples a step.
const BATCH: usize = 32;
/// Epochs' worth of evaluations after which a run has failed.
const LIMIT: f64 = 100.0;
/// Seeds by which a learning rate is first judged.
const PROBE: u64 = 3;
/// Learning rates that went on after the first seeds.
const KEPT: usize = 3;

/// What is put round the optimizer, with its name in reports. The first one is nothing: learning rates
/// are tuned for it.
const VARIANTS: [(&str, Option<(Config, usize)>); 3] = [
    ("plain", None),
    ("accelerated, 5 iterates", Some((Config::TRAINING, 5))),
    ("accelerated, 10 iterates", Some((Config::TRAINING, 10))),
];

/// A name, and the optimizer with a learning rate.
type Optimizer = (&'static str, fn(f64) -> Base);
const OPTIMIZERS: [Optimizer; 3] = [
    ("SGD", |lr| Base::Sgd(SgdConfig { lr, ..SgdConfig::DEFAULT })),
    ("Nesterov", |lr| {
        Base::Sgd(SgdConfig { lr, momentum: 0.9, nesterov: true, ..SgdConfig::DEFAULT })
    }),
    ("Adam", |lr| Base::Adam(AdamConfig { lr, ..AdamConfig::DEFAULT })),
];

/// Three a decade.
const LEARNING_RATES: [f64; 15] =
    [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// A network and its data.
pub struct Task {
    name: &'static str,
    layers: Vec<Layer>,
    loss: Loss,
    set: Dataset,
    /// Training losses, measured after an epoch.
    targets: [f64; TARGETS],
}

/// The full-batch networks on the sets that have more samples than a batch, to the same losses.
///
/// # Errors
/// None, unless a built-in file was damaged before the program was built.
pub fn tasks() -> Result<Vec<Task>, DataError> {
    use Loss::{CrossEntropy, MeanSquares};
    let task = |name, widths: &[usize], loss, set, targets| -> Result<_, DataError> {
        Ok(Task { name, layers: layers(widths), loss, set: standardised(set)?, targets })
    };
    let (digits, breast) = (Dataset::digits()?, Dataset::breast_cancer()?);
    let (wine, diabetes) = (Dataset::wine()?, Dataset::diabetes()?);
    Ok(vec![
        task("digits", &[64, 16, 10], CrossEntropy, digits, [0.3, 0.03, 0.001])?,
        task("breast cancer", &[30, 8, 2], CrossEntropy, breast, [0.08, 0.03, 0.008])?,
        task("wine", &[13, 8, 3], CrossEntropy, wine, [0.1, 0.01, 0.0003])?,
        task("diabetes", &[10, 16, 1], MeanSquares, diabetes, [0.45, 0.36, 0.28])?,
    ])
}

impl Task {
    /// What it is called in reports.
    pub fn name(&self) -> &str {
        self.name
    }
}

/// One task by one optimizer: for each target the learning rate that suits the plain one best, and
/// with it the costs of all variants.
struct Entry {
    rates: [Option<usize>; TARGETS],
    costs: Vec<[Costs; TARGETS]>,
}

struct Job<'a> {
    records: &'a Records,
    task: &'a Task,
    optimizer: (&'static str, fn(f64) -> Base),
    seeds: u64,
}

impl Job<'_> {
    /// Costs of reaching the targets: of epochs, since only after one the loss is measured.
    fn costs(
        &self,
        variant: usize,
        rate: usize,
        seeds: std::ops::Range<u64>,
    ) -> Result<Vec<[f64; TARGETS]>, Failure> {
        let (name, acceleration) = VARIANTS[variant];
        let lr = LEARNING_RATES[rate];
        let (optimizer, build) = self.optimizer;
        let rule = match acceleration {
            None => Rule::Plain(build(lr)),
            Some((config, depth)) => Rule::Accelerated(build(lr), config, depth),
        };
        let method = Method { rule, batch: Some(BATCH), budget: LIMIT };
        let costs = seeds.map(|seed| {
            let key = format!("mini {}/{optimizer} {lr}/{name}/{seed}", self.task.name());
            self.records.try_get(&key, || {
                let network: Network<'_> = Network::new(&self.task.layers)?;
                let (loss, set) = (self.task.loss, &self.task.set);
                let run = train(&network, loss, set, &method, seed, |_| true)?;
                let cost = |target| run.reached(target).map_or(f64::INFINITY, |p| p.cost);
                Ok(self.task.targets.map(cost))
            })
        });
        costs.collect()
    }

    fn entry(&self) -> Result<Entry, Failure> {
        let probe = self.seeds.min(PROBE);
        let mut plain = Vec::new();
        for rate in 0..LEARNING_RATES.len() {
            plain.push(Costs(self.costs(0, rate, 0..probe)?));
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
                let all = Costs(self.costs(0, rate, 0..self.seeds)?);
                if order(&all) < least {
                    (least, *best) = (order(&all), Some(rate));
                }
            }
        }
        let never = || Costs(vec![[f64::INFINITY; TARGETS]; self.seeds as usize]);
        let mut costs = Vec::new();
        for variant in 0..VARIANTS.len() {
            let mut by_target = [(); TARGETS].map(|()| never());
            for (costs, rate) in by_target.iter_mut().zip(rates) {
                if let Some(rate) = rate {
                    *costs = Costs(self.costs(variant, rate, 0..self.seeds)?);
                }
            }
            costs.push(by_target);
        }
        Ok(Entry { rates, costs })
    }
}

/// Every task by every optimizer, plain and with what is put round it.
///
/// # Errors
/// Those of the file of records and of training.
pub fn table(
    records: &Records,
    threads: usize,
    seeds: u64,
    tasks: &[Task],
    bar: &ProgressBar,
) -> Result<Table, Failure> {
    let count = tasks.len() * OPTIMIZERS.len();
    bar.inc_length(count as u64);
    let entries = in_order(threads, count, |job| {
        let task = &tasks[job / OPTIMIZERS.len()];
        let optimizer = OPTIMIZERS[job % OPTIMIZERS.len()];
        bar.set_message(format!("mini-batches, {}: {}", task.name(), optimizer.0));
        let job = Job { records, task, optimizer, seeds };
        let entry = job.entry();
        bar.inc(1);
        entry
    })?;
    let mut columns = vec!["task", "optimizer", "target", "lr"];
    columns.extend(VARIANTS.map(|(name, _)| name));
    columns.push("best ratio to plain");
    let title = format!(
        "Mini-batches of {BATCH}: evaluation equivalents to a training loss, median (worst seed, \
         failures); learning rates tuned for the plain optimizer (*: at the edge of the grid)"
    );
    let mut table = Table::new(&title, &columns);
    for (index, entry) in entries.iter().enumerate() {
        let task = &tasks[index / OPTIMIZERS.len()];
        for target in 0..TARGETS {
            let rate = entry.rates[target].map(|rate| {
                let edge = rate == 0 || rate == LEARNING_RATES.len() - 1;
                format!("{}{}", LEARNING_RATES[rate], if edge { "*" } else { "" })
            });
            let mut row = vec![
                task.name().into(),
                OPTIMIZERS[index % OPTIMIZERS.len()].0.into(),
                Cell::Number(task.targets[target], 2),
                rate.map_or(Cell::Missing, Cell::Text),
            ];
            row.extend(entry.costs.iter().map(|costs| cell(&costs[target], target)));
            let medians: Vec<f64> = entry.costs.iter().map(|c| c[target].median(target)).collect();
            let best = medians[1..].iter().copied().fold(f64::INFINITY, f64::min);
            row.push(if medians[0].is_finite() {
                Cell::Number(medians[0] / best.min(LIMIT), 3)
            } else {
                Cell::Missing
            });
            table.row(row);
        }
    }
    Ok(table)
}

fn cell(costs: &Costs, target: usize) -> Cell {
    Cell::Text(match (costs.median(target), costs.failures(target)) {
        (median, 0) => format!("{median:.1} ({:.0})", costs.worst(target)),
        (median, n) if median.is_finite() => format!("{median:.1} ({n} failed)"),
        (_, n) => format!("over {LIMIT} ({n} failed)"),
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
            table(&records, threads, 2, &wine, &ProgressBar::hidden()).unwrap()
        };
        let first = run("a", 1);
        assert_eq!(run("b", 3), first);
        assert_eq!(run("a", 2), first);
    }
}
