//! Runs over seeds, and the best of a grid.

use std::io;

use super::methods::Rival;
use super::objective::{Method, Objective, Problem, TARGETS};
use super::record::Records;

/// Evaluation equivalents after which a run has failed.
pub const LIMIT: f64 = 1000.0;
/// A setting is given up once a run has cost this much times the best median known.
const PATIENCE: f64 = 3.0;
/// A setting whose first seed costs more than this much times the best median, for every target, is
/// not run from the others.
const PROMISING: f64 = 1.5;

/// The costs of one method on one task: by target and seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs(pub Vec<[f64; TARGETS]>);

impl Costs {
    /// The cost of a target, of all seeds, ascending.
    fn sorted(&self, target: usize) -> Vec<f64> {
        let mut costs: Vec<f64> = self.0.iter().map(|costs| costs[target]).collect();
        costs.sort_by(f64::total_cmp);
        costs
    }

    /// Median over seeds; infinite where half of them failed.
    pub fn median(&self, target: usize) -> f64 {
        let costs = self.sorted(target);
        let middle = costs.len() / 2;
        if costs.len() % 2 == 1 { costs[middle] } else { (costs[middle - 1] + costs[middle]) / 2.0 }
    }

    /// The largest over seeds.
    pub fn worst(&self, target: usize) -> f64 {
        self.sorted(target).last().copied().unwrap_or(f64::INFINITY)
    }

    /// Seeds that failed.
    pub fn failures(&self, target: usize) -> usize {
        self.0.iter().filter(|costs| costs[target].is_infinite()).count()
    }
}

/// Runs a method on a task, from these seeds.
///
/// # Errors
/// Those of the file of records.
pub fn over_seeds(
    records: &Records,
    problem: &dyn Problem,
    (name, method): (&str, &dyn Method),
    seeds: std::ops::Range<u64>,
    budget: f64,
) -> io::Result<Costs> {
    let costs = seeds.map(|seed| {
        let key = format!("{}/{name}/{seed}/{budget}", problem.name());
        records.get(&key, || {
            let mut x = problem.start(seed);
            let mut objective = Objective::new(problem, seed, budget);
            let _ = method.minimize(&mut x, &mut objective);
            objective.costs()
        })
    });
    costs.collect::<io::Result<_>>().map(Costs)
}

/// The best setting of a rival for one target.
#[derive(Clone, Debug)]
pub struct Best {
    /// The setting.
    pub setting: String,
    /// Whether it lies at the edge of the grid.
    pub edge: bool,
    /// Its costs.
    pub costs: Costs,
}

/// The best setting for each target: by median, then by worst seed.
///
/// # Errors
/// Those of the file of records.
pub fn tune(
    records: &Records,
    problem: &dyn Problem,
    rival: &Rival,
    seeds: u64,
) -> io::Result<[Best; TARGETS]> {
    let never = Costs(vec![[f64::INFINITY; TARGETS]; seeds as usize]);
    let nothing = Best { setting: "none".into(), edge: false, costs: never };
    let mut best = [(); TARGETS].map(|()| nothing.clone());
    for setting in &rival.grid {
        let medians: [f64; TARGETS] = std::array::from_fn(|t| best[t].costs.median(t));
        let budget = (PATIENCE * medians[TARGETS - 1]).ceil().min(LIMIT);
        let name = format!("{} {}", rival.name, setting.text);
        let run = |seeds| over_seeds(records, problem, (&name, &*setting.method), seeds, budget);
        let mut costs = run(0..1)?;
        let first = costs.0[0];
        if !(0..TARGETS).any(|t| first[t].is_finite() && first[t] <= PROMISING * medians[t]) {
            continue;
        }
        costs.0.extend(run(1..seeds)?.0);
        for (target, best) in best.iter_mut().enumerate() {
            let order = |costs: &Costs| (costs.median(target), costs.worst(target));
            if order(&costs) < order(&best.costs) {
                let (setting, edge) = (setting.text.clone(), setting.edge);
                *best = Best { setting, edge, costs: costs.clone() };
            }
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{functions, methods};

    #[test]
    fn medians_and_failures() {
        let costs = Costs(vec![[1.0, 5.0, f64::INFINITY], [3.0, 4.0, 9.0], [2.0, 6.0, 8.0]]);
        assert_eq!([0, 1, 2].map(|t| costs.median(t)), [2.0, 5.0, 9.0]);
        assert_eq!((costs.worst(1), costs.worst(2)), (6.0, f64::INFINITY));
        assert_eq!([0, 2].map(|t| costs.failures(t)), [0, 1]);
        assert_eq!(Costs(costs.0[1..].to_vec()).median(0), 2.5);
    }

    #[test]
    fn the_best_learning_rate_of_descent_is_inside_its_grid() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(&folder.path().join("runs")).unwrap();
        let rivals = methods::tuned();
        let best = tune(&records, &functions::MultiscaleParaboloid, &rivals[0], 2).unwrap();
        // 2 / 1000 is the limit of stability.
        assert_eq!(best[0].setting, "lr 0.001");
        assert!(!best[0].edge && best[0].costs.median(0) < LIMIT);
        // Again, now from the records.
        let records = Records::open(&folder.path().join("runs")).unwrap();
        let again = tune(&records, &functions::MultiscaleParaboloid, &rivals[0], 2).unwrap();
        assert_eq!(again[0].costs, best[0].costs);
    }
}
