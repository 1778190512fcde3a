//! Runs over seeds, and the best of a grid.

use std::io;
use std::ops::{Range, RangeInclusive};

use super::objective::{Method, Objective, Problem, TARGETS};
use super::record::Records;
use super::rivals::{Rival, learning_rate};

/// Evaluation equivalents after which a run has failed.
pub const LIMIT: f64 = 1000.0;
/// A run is broken off when a target is not met at this many times the best median known for it. Many
/// for the first ones: what is slow at the start may be fast at the end. With 10, 10 and 3 the best
/// setting was lost on two of four tasks; with these it was that of the whole grid on all four.
const PATIENCE: [f64; TARGETS] = [50.0, 20.0, 5.0];
/// A setting is not run on from as many seeds as this if none of them costs less than a best median.
const PROBE: u64 = 3;
/// Places by which the line of a rival is made longer at most, at either end.
const LONGER: i32 = 9;

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
    seeds: Range<u64>,
    budgets: [f64; TARGETS],
) -> io::Result<Costs> {
    let costs = seeds.map(|seed| {
        let key = format!("{}/{name}/{seed}/{budgets:?}", problem.name());
        records.get(&key, || {
            let mut x = problem.start(seed);
            let mut objective = Objective::with_budgets(problem, seed, budgets);
            let _ = method.minimize(&mut x, &mut objective);
            objective.costs()
        })
    });
    costs.collect::<io::Result<_>>().map(Costs)
}

/// The best setting of a rival for one target.
#[derive(Clone, Debug)]
pub struct Best {
    /// The setting, for reports.
    pub setting: String,
    /// Index of its line and place of its learning rate; none where no setting met the target.
    pub place: Option<(usize, i32)>,
    /// Whether a better rate may lie beyond all that were tried.
    pub edge: bool,
    /// Its costs.
    pub costs: Costs,
}

/// The best setting of a rival on a task for each target.
///
/// # Errors
/// Those of the file of records.
pub fn tune(
    records: &Records,
    problem: &dyn Problem,
    rival: &Rival,
    seeds: u64,
) -> io::Result<[Best; TARGETS]> {
    let setting = |line: usize, place: i32| rival.lines[line].setting(place);
    let run = |line: usize, place: i32, seeds, budgets| {
        let name = format!("{} {}", rival.name, setting(line, place));
        let method = (rival.lines[line].method)(learning_rate(place));
        over_seeds(records, problem, (&name, &*method), seeds, budgets)
    };
    let places = rival.lines.iter().map(|line| line.places.clone()).collect();
    Grid { places, longer: LONGER, seeds, limit: LIMIT, setting: &setting, run: &run }.best()
}

/// Settings to choose from: lines of places.
pub struct Grid<'a> {
    /// The places of each line that are tried first.
    pub places: Vec<RangeInclusive<i32>>,
    /// Places by which a line may be made longer at either end.
    pub longer: i32,
    /// Seeds from 0.
    pub seeds: u64,
    /// The cost after which a run has failed.
    pub limit: f64,
    /// What reports call a setting, by line and place.
    pub setting: &'a dyn Fn(usize, i32) -> String,
    /// The costs of a setting, by line and place, from these seeds with these budgets.
    pub run: &'a dyn Fn(usize, i32, Range<u64>, [f64; TARGETS]) -> io::Result<Costs>,
}

impl Grid<'_> {
    /// The best setting for each target: by median, then by worst seed. A setting that is far behind
    /// on all targets after the first seeds is not run on the others. Lines are made longer until no
    /// best place lies at an end.
    ///
    /// # Errors
    /// Those of `run`.
    pub fn best(&self) -> io::Result<[Best; TARGETS]> {
        let never = Costs(vec![[f64::INFINITY; TARGETS]; self.seeds as usize]);
        let nothing = Best { setting: "none".into(), place: None, edge: false, costs: never };
        let mut best = [(); TARGETS].map(|()| nothing.clone());
        let mut tried = self.places.clone();
        for (line, places) in tried.iter().enumerate() {
            // The largest rate first: what diverges ends soon, and what is found then spares the
            // small ones most of their cost.
            for place in places.clone().rev() {
                self.judge(&mut best, line, place)?;
            }
        }
        loop {
            let before = tried.clone();
            for (line, places) in tried.iter_mut().enumerate() {
                let first = &self.places[line];
                let (low, high) = (*places.start(), *places.end());
                let is_best = |best: &[Best], place| {
                    best.iter().any(|best| best.place == Some((line, place)))
                };
                if is_best(&best, low) && low > first.start() - self.longer {
                    *places = low - 1..=high;
                    self.judge(&mut best, line, low - 1)?;
                }
                if is_best(&best, high) && high < first.end() + self.longer {
                    *places = *places.start()..=high + 1;
                    self.judge(&mut best, line, high + 1)?;
                }
            }
            if tried == before {
                break;
            }
        }
        for best in &mut best {
            if let Some((line, place)) = best.place {
                let places = &tried[line];
                best.edge = self.longer > 0 && (place == *places.start() || place == *places.end());
                self.complete(best, line, place)?;
            }
        }
        Ok(best)
    }

    /// Runs a setting, and keeps it for the targets where it is the best so far.
    fn judge(&self, best: &mut [Best; TARGETS], line: usize, place: i32) -> io::Result<()> {
        let medians: [f64; TARGETS] = std::array::from_fn(|t| best[t].costs.median(t));
        let budgets: [f64; TARGETS] =
            std::array::from_fn(|t| (PATIENCE[t] * medians[t]).ceil().min(self.limit));
        let run = |seeds| (self.run)(line, place, seeds, budgets);
        let probe = self.seeds.min(PROBE);
        let mut costs = run(0..probe)?;
        // Even one seed that is met may be the first of a majority.
        let promising = |t: usize| {
            let least = costs.sorted(t)[0];
            least.is_finite() && least <= medians[t]
        };
        if !(0..TARGETS).any(promising) {
            return Ok(());
        }
        costs.0.extend(run(probe..self.seeds)?.0);
        for (target, best) in best.iter_mut().enumerate() {
            let order = |costs: &Costs| (costs.median(target), costs.worst(target));
            if order(&costs) < order(&best.costs) {
                *best = Best {
                    setting: (self.setting)(line, place),
                    place: Some((line, place)),
                    edge: false,
                    costs: costs.clone(),
                };
            }
        }
        Ok(())
    }

    /// Runs the best setting with the whole budget where it was broken off: a seed that is only slow
    /// is no failure.
    fn complete(&self, best: &mut Best, line: usize, place: i32) -> io::Result<()> {
        for (seed, costs) in (0..).zip(&mut best.costs.0) {
            if costs[TARGETS - 1].is_infinite() {
                *costs = (self.run)(line, place, seed..seed + 1, [self.limit; TARGETS])?.0[0];
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{functions, rivals};

    #[test]
    fn medians_and_failures() {
        let costs = Costs(vec![[1.0, 5.0, f64::INFINITY], [3.0, 4.0, 9.0], [2.0, 6.0, 8.0]]);
        assert_eq!([0, 1, 2].map(|t| costs.median(t)), [2.0, 5.0, 9.0]);
        assert_eq!((costs.worst(1), costs.worst(2)), (6.0, f64::INFINITY));
        assert_eq!([0, 2].map(|t| costs.failures(t)), [0, 1]);
        assert_eq!(Costs(costs.0[1..].to_vec()).median(0), 2.5);
    }

    #[test]
    fn the_best_learning_rate_is_found_beyond_the_ends_of_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs");
        let paraboloid = &functions::MultiscaleParaboloid;
        // 2 / 1000 is the limit of stability; the line ends on one side or the other of it.
        for (k, places) in [-11..=-10, -9..=-8, -12..=6].into_iter().enumerate() {
            let mut rivals = rivals::tuned();
            rivals[0].lines[0].places = places;
            let records = Records::open(&path).unwrap();
            assert_eq!(records.is_empty(), k == 0);
            let best = tune(&records, paraboloid, &rivals[0], 2).unwrap();
            assert_eq!(best[0].setting, "lr 0.001");
            assert!(!best[0].edge && best[0].costs.median(0) < LIMIT);
        }
    }

    /// What is met on all seeds but one is found with a budget of three times the median.
    #[test]
    fn a_slow_seed_of_the_best_setting_is_run_to_its_end() {
        struct Slow;
        impl Problem for Slow {
            fn name(&self) -> &str {
                "slow"
            }
            fn targets(&self, _: u64) -> [f32; TARGETS] {
                [0.5, 0.1, 0.01]
            }
            fn start(&self, _: u64) -> Vec<f32> {
                vec![1.0]
            }
            fn loss(&self, seed: u64, x: &[f32]) -> f32 {
                self.loss_and_gradient(seed, x, &mut [0.0])
            }
            fn loss_and_gradient(&self, seed: u64, x: &[f32], gradient: &mut [f32]) -> f32 {
                let curvature = if seed == 3 { 0.01 } else { 1.0 };
                gradient[0] = curvature * x[0];
                0.5 * x[0] * x[0]
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(&folder.path().join("runs")).unwrap();
        let best = tune(&records, &Slow, &rivals::tuned()[0], 4).unwrap();
        assert_eq!(best[2].costs.failures(2), 0);
        assert!(best[2].costs.worst(2) > PATIENCE[2] * best[2].costs.median(2));
    }
}
