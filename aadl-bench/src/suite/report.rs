//! The tables of a finished benchmark.

use aadl_core::anderson::Anderson;
use aadl_core::multisecant;
use aadl_host::report::{Cell, Table};

use super::objective::TARGETS;
use super::tuning::{Best, Costs, LIMIT};

/// All costs on one task.
#[derive(Clone)]
pub struct Outcome {
    /// The task.
    pub task: String,
    /// Whether it is the training of a network.
    pub is_training: bool,
    /// Rivals by name: whether plain, and the best setting for each target.
    pub tuned: Vec<(&'static str, bool, [Best; TARGETS])>,
    /// Methods by name that have nothing to tune.
    pub untuned: Vec<(&'static str, Costs)>,
}

/// The rivals of whom ratios say how much better the engine is.
const L_BFGS: &str = "L-BFGS, same safeguard, 10 pairs, f32";
const STRONG_WOLFE: &str = "L-BFGS, strong Wolfe, 10 pairs, f64";

impl Outcome {
    /// The cost of each target and seed by the best plain optimizer: the one with the least median,
    /// which may be another for each target.
    pub fn best_plain(&self, target: usize) -> Option<(&'static str, &Best)> {
        self.best(target, true)
    }

    /// The same of AADL, round whichever optimizer.
    pub fn best_aadl(&self, target: usize) -> Option<(&'static str, &Best)> {
        self.best(target, false)
    }

    fn best(&self, target: usize, is_plain: bool) -> Option<(&'static str, &Best)> {
        let rivals = self.tuned.iter().filter(|(_, plain, _)| *plain == is_plain);
        rivals.map(|(name, _, best)| (*name, &best[target])).min_by(|(_, a), (_, b)| {
            let order = |best: &Best| (best.costs.median(target), best.costs.worst(target));
            order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal)
        })
    }

    /// The costs that a method has for a target.
    pub(super) fn costs(&self, method: &str, target: usize) -> Option<&Costs> {
        let tuned = self.tuned.iter().map(|(name, _, best)| (name, &best[target].costs));
        let untuned = self.untuned.iter().map(|(name, costs)| (name, costs));
        tuned.chain(untuned).find(|(name, _)| **name == method).map(|(_, costs)| costs)
    }
}

/// A cost that was not reached counts as the budget: what was saved is then understated for a rival.
fn counted(cost: f64) -> f64 {
    cost.min(LIMIT)
}

/// The geometric mean of ratios, over tasks and targets; nothing of none.
fn geometric_mean(ratios: &[f64]) -> Cell {
    let sum: f64 = ratios.iter().map(|r| r.ln()).sum();
    number((!ratios.is_empty()).then(|| (sum / ratios.len() as f64).exp()))
}

/// The smallest of ratios; nothing of none.
fn least(ratios: &[f64]) -> Cell {
    number(ratios.iter().copied().min_by(f64::total_cmp))
}

fn number(x: Option<f64>) -> Cell {
    x.map_or(Cell::Missing, |x| Cell::Number(x, 3))
}

/// The names of all methods.
fn methods(outcomes: &[Outcome]) -> Vec<&'static str> {
    let Some(first) = outcomes.first() else { return Vec::new() };
    let untuned = first.untuned.iter().map(|(name, _)| *name);
    untuned.chain(first.tuned.iter().map(|(name, ..)| *name)).collect()
}

fn cost(costs: &Costs, target: usize) -> Cell {
    let median = costs.median(target);
    let failures = match costs.failures(target) {
        0 => String::new(),
        n => format!(", {n} failed"),
    };
    if median.is_infinite() {
        return Cell::Text(format!("over {LIMIT}{failures}"));
    }
    let worst = counted(costs.worst(target));
    Cell::Text(format!("{median:.0} ({worst:.0}{failures})"))
}

/// Costs of one target: median, in brackets the worst seed and how many failed.
pub fn costs(outcomes: &[Outcome], target: usize, what: &str) -> Table {
    let mut columns = vec!["method"];
    columns.extend(outcomes.iter().map(|outcome| outcome.task.as_str()));
    let title =
        format!("Evaluation equivalents to the {what} target: median (worst seed, failures)");
    let mut table = Table::new(&title, &columns);
    let mut row = vec![Cell::from("best plain, tuned")];
    row.extend(outcomes.iter().map(|outcome| {
        outcome.best_plain(target).map_or(Cell::Missing, |(_, best)| cost(&best.costs, target))
    }));
    table.row(row);
    for method in methods(outcomes) {
        let mut row = vec![Cell::from(method)];
        row.extend(outcomes.iter().map(|outcome| {
            outcome.costs(method, target).map_or(Cell::Missing, |costs| cost(costs, target))
        }));
        table.row(row);
    }
    table
}

/// How many times fewer evaluations each method needs than the best plain optimizer and than L-BFGS.
pub fn ratios(outcomes: &[Outcome], what: &str) -> Table {
    let title = format!(
        "How many times fewer evaluations, {what} (medians; geometric means over tasks and targets)"
    );
    let mut table = Table::new(
        &title,
        &[
            "method",
            "than best plain",
            "worst task",
            "worst seed",
            "than L-BFGS, same safeguard",
            "worst task",
            "than L-BFGS, strong Wolfe",
            "failures",
        ],
    );
    for method in methods(outcomes) {
        let plain = against_plain(outcomes, method);
        let quasi_newton = against(outcomes, method, L_BFGS);
        let wolfe = against(outcomes, method, STRONG_WOLFE);
        table.row([
            method.into(),
            geometric_mean(&plain),
            least(&plain),
            number(worst_seed(outcomes, method)),
            geometric_mean(&quasi_newton),
            least(&quasi_newton),
            geometric_mean(&wolfe),
            Cell::Count(failures(outcomes, method)),
        ]);
    }
    table
}

/// By task and target, how many times more evaluations a rival needs than a method; medians.
fn times_more(
    outcomes: &[Outcome],
    method: &str,
    rival: impl Fn(&Outcome, usize) -> Option<f64>,
) -> Vec<f64> {
    let pairs = outcomes.iter().flat_map(|outcome| (0..TARGETS).map(move |t| (outcome, t)));
    let ratio = |(outcome, t): (&Outcome, usize)| {
        let own = counted(outcome.costs(method, t)?.median(t));
        Some(counted(rival(outcome, t)?) / own)
    };
    pairs.filter_map(ratio).collect()
}

fn against(outcomes: &[Outcome], method: &str, rival: &str) -> Vec<f64> {
    times_more(outcomes, method, |outcome, t| Some(outcome.costs(rival, t)?.median(t)))
}

fn against_plain(outcomes: &[Outcome], method: &str) -> Vec<f64> {
    times_more(outcomes, method, |outcome, t| Some(outcome.best_plain(t)?.1.costs.median(t)))
}

/// Runs that failed to meet the hard target.
fn failures(outcomes: &[Outcome], method: &str) -> u64 {
    const HARD: usize = TARGETS - 1;
    let failures = outcomes.iter().filter_map(|o| Some(o.costs(method, HARD)?.failures(HARD)));
    failures.map(|failures| failures as u64).sum()
}

/// Floats that methods keep for each parameter, besides the parameters and their gradient. The engine:
/// a copy of both, and two columns a pair; short recurrences: a copy of the last point and residual,
/// and two columns a pair; optimizers: their moments.
const MEMORY: [(&str, f64); 13] = [
    ("GD", 0.0),
    ("Nesterov", 1.0),
    ("RMSprop", 1.0),
    ("Adam", 2.0),
    ("L-BFGS, same safeguard, 1 pair, i8", 2.5),
    ("blend, 1 pair, i8", 2.5),
    ("L-BFGS, same safeguard, 3 pairs, i8", 3.5),
    ("blend, 3 pairs, i8", 3.5),
    ("Min-AM", 4.0),
    ("L-BFGS, same safeguard, 5 pairs, i8", 4.5),
    ("blend, 5 pairs, i8", 4.5),
    ("ST-AM", 6.0),
    (L_BFGS, 22.0),
];

/// What methods make of their memory.
pub fn small_memory(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(
        "Small memory: how many times fewer evaluations, networks (medians; geometric means over tasks \
         and targets)",
        &[
            "method",
            "floats a parameter",
            "than best plain",
            "than L-BFGS, 10 pairs, f32",
            "failures",
        ],
    );
    let known = methods(outcomes);
    for (method, floats) in MEMORY.into_iter().filter(|(method, _)| known.contains(method)) {
        table.row([
            method.into(),
            Cell::Number(floats, 2),
            geometric_mean(&against_plain(outcomes, method)),
            geometric_mean(&against(outcomes, method, L_BFGS)),
            Cell::Count(failures(outcomes, method)),
        ]);
    }
    table
}

/// The smallest ratio of the best plain optimizer's cost of the hard target to that of a method from
/// the same seed.
fn worst_seed(outcomes: &[Outcome], method: &str) -> Option<f64> {
    const HARD: usize = TARGETS - 1;
    let ratios = outcomes.iter().filter_map(|outcome| {
        let plain = &outcome.best_plain(HARD)?.1.costs;
        let own = outcome.costs(method, HARD)?;
        let seeds = plain.0.iter().zip(&own.0);
        seeds.map(|(plain, own)| counted(plain[HARD]) / counted(own[HARD])).min_by(f64::total_cmp)
    });
    ratios.min_by(f64::total_cmp)
}

/// What it costs to get rid of 97 % of the loss at the start.
pub fn recovery(outcomes: &[Outcome]) -> Table {
    let mut table = costs(outcomes, TARGETS - 1, "");
    table.set_title(
        "Evaluation equivalents until 97 % of the loss is gone: median (worst seed, failures)",
    );
    table
}

/// What tuning found for the hard target.
pub fn settings(outcomes: &[Outcome]) -> Table {
    const HARD: usize = TARGETS - 1;
    let mut table = Table::new(
        "Tuned settings for the hard target (edge: a better one may lie outside of the grid)",
        &["task", "method", "setting", "median", "edge"],
    );
    for outcome in outcomes {
        for (name, _, best) in &outcome.tuned {
            let best = &best[HARD];
            let median = best.costs.median(HARD);
            table.row([
                outcome.task.as_str().into(),
                (*name).into(),
                best.setting.as_str().into(),
                if median.is_finite() { Cell::Number(median, 3) } else { Cell::Missing },
                if best.edge { "yes".into() } else { "".into() },
            ]);
        }
    }
    table
}

/// The largest number of parameters whose training fits a memory: parameters, gradient and engine.
pub fn largest() -> Table {
    let mut table = Table::new(
        "The largest number of parameters that fits: parameters, gradient and engine together",
        &[
            "KiB",
            "10 pairs, f32",
            "10 pairs, i16 (default)",
            "10 pairs, i8",
            "5 pairs, i16",
            "5 pairs, i8 (tiny)",
            "AADL's wrapper, M = 5, f32",
        ],
    );
    for kibibytes in [8, 16, 32, 64, 256usize] {
        let fits = |bytes: &dyn Fn(usize) -> usize| {
            let all = |n: usize| bytes(n) + 8 * n;
            let (mut low, mut high) = (0, 1024 * kibibytes);
            while high - low > 1 {
                let middle = low.midpoint(high);
                if all(middle) <= 1024 * kibibytes { low = middle } else { high = middle }
            }
            Cell::Count(low as u64)
        };
        table.row([
            Cell::Count(kibibytes as u64),
            fits(&|n| multisecant::bytes::<f32>(n, 10)),
            fits(&|n| multisecant::bytes::<i16>(n, 10)),
            fits(&|n| multisecant::bytes::<i8>(n, 10)),
            fits(&|n| multisecant::bytes::<i16>(n, 5)),
            fits(&|n| multisecant::bytes::<i8>(n, 5)),
            fits(&|n| Anderson::<1, 5>::BYTES + (n - 1) * 5 * size_of::<f32>()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_count_a_failure_as_the_budget() {
        let costs = |hard| Costs(vec![[1.0, 10.0, hard]; 2]);
        let best = |costs: &Costs| Best {
            setting: "s".into(),
            place: None,
            edge: false,
            costs: costs.clone(),
        };
        let plain = costs(f64::INFINITY);
        let outcome = Outcome {
            task: "t".into(),
            is_training: true,
            tuned: vec![
                (
                    "worse",
                    true,
                    [(); 3].map(|()| best(&Costs(vec![[9.0, 99.0, f64::INFINITY]; 2]))),
                ),
                ("plain", true, [(); 3].map(|()| best(&plain))),
            ],
            untuned: vec![
                ("own", costs(125.0)),
                (L_BFGS, costs(250.0)),
                (STRONG_WOLFE, costs(62.5)),
            ],
        };
        assert_eq!(outcome.best_plain(0).unwrap().0, "plain");
        let table = serde_json(&ratios(&[outcome], "t"));
        assert!(
            table.contains(r#"["own",2.0,1.0,8.0,1.2599210498948732,1.0,0.7937005259840998,0]"#),
            "{table}"
        );
    }

    fn serde_json(table: &Table) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.json");
        aadl_host::report::write_json(&path, table).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        text.split_whitespace().collect()
    }
}
