//! Pictures: the loss against what it cost, and what is saved by task.

use aadl_host::report::{Chart, Dots, Panel, Series};

use super::methods::Untuned;
use super::objective::{Method, Objective, Problem, TARGETS};
use super::report::Outcome;
use super::rivals::{Rival, learning_rate};
use super::tuning::LIMIT;

/// The tasks whose losses are drawn.
const DRAWN: [&str; 2] = ["diabetes", "MLP calibration"];
/// The methods without settings that are drawn.
const METHODS: [&str; 3] = [
    "blend, 10 pairs, i16",
    "L-BFGS, same safeguard, 10 pairs, f32",
    "L-BFGS, strong Wolfe, 10 pairs, f64",
];
/// Points of a line.
const POINTS: u32 = 200;

/// The loss against the cost on two tasks: the engine, L-BFGS, the best plain optimizer and the best
/// AADL for the hard target. Nothing where neither task was run.
pub fn losses(
    outcomes: &[Outcome],
    tasks: &[Box<dyn Problem>],
    rivals: &[Rival],
    untuned: &[Untuned],
    seeds: u64,
) -> Option<Chart> {
    const HARD: usize = TARGETS - 1;
    let mut panels = Vec::new();
    for (outcome, task) in outcomes.iter().zip(tasks) {
        if !DRAWN.contains(&task.name()) {
            continue;
        }
        let mut lines: Vec<(String, Vec<Trace>)> = Vec::new();
        for (name, method) in untuned.iter().filter(|(name, _)| METHODS.contains(name)) {
            lines.push(((*name).to_owned(), traces(&**task, &**method, seeds)));
        }
        for best in [outcome.best_plain(HARD), outcome.best_aadl(HARD)].into_iter().flatten() {
            let (name, best) = best;
            let rival = rivals.iter().find(|rival| rival.name == name);
            if let Some((rival, (line, place))) = rival.zip(best.place) {
                let method = (rival.lines[line].method)(learning_rate(place));
                lines.push((format!("{name}, {}", best.setting), traces(&**task, &*method, seeds)));
            }
        }
        // To the end of the slowest but one: the slowest would press the others into a corner.
        let mut ends: Vec<f64> = lines.iter().map(|(_, traces)| end(traces)).collect();
        ends.sort_by(f64::total_cmp);
        let right = ends[ends.len().saturating_sub(2)];
        let series = lines.into_iter().enumerate().map(|(colour, (name, traces))| Series {
            name,
            colour,
            accented: colour == 0,
            points: curve(&traces, right),
        });
        panels.push(Panel { title: task.name().to_owned(), series: series.collect() });
    }
    (!panels.is_empty()).then(|| Chart {
        title: "Loss against cost, medians".to_owned(),
        x_label: "evaluation equivalents (gradient 1, loss alone 1/3)".to_owned(),
        y_label: "best loss so far".to_owned(),
        log_x: false,
        panels,
    })
}

/// Cost and best loss so far, evaluation by evaluation.
type Trace = Vec<(f64, f64)>;

fn traces(task: &dyn Problem, method: &dyn Method, seeds: u64) -> Vec<Trace> {
    let trace = |seed| {
        let mut x = task.start(seed);
        let mut objective = Objective::new(task, seed, LIMIT);
        let _ = method.minimize(&mut x, &mut objective);
        let mut best = f64::INFINITY;
        let points = objective.trace().iter().map(|(cost, loss)| {
            best = best.min(f64::from(*loss));
            (*cost, best)
        });
        points.collect()
    };
    (0..seeds).map(trace).collect()
}

/// The median over seeds of the cost at the end.
fn end(traces: &[Trace]) -> f64 {
    let mut ends: Vec<f64> = traces.iter().map(|t| t.last().map_or(LIMIT, |p| p.0)).collect();
    ends.sort_by(f64::total_cmp);
    ends.get(ends.len() / 2).copied().unwrap_or(LIMIT)
}

/// Least, middle and greatest over seeds; a run that is over keeps its last loss.
fn curve(traces: &[Trace], right: f64) -> Vec<(f64, f64, f64, f64)> {
    let at = |cost: f64| {
        let reached =
            traces.iter().filter_map(|trace| trace.iter().take_while(|p| p.0 <= cost).last());
        let mut losses: Vec<f64> = reached.map(|(_, loss)| *loss).collect();
        losses.sort_by(f64::total_cmp);
        Some((cost, *losses.first()?, losses[losses.len() / 2], *losses.last()?))
    };
    let step = right.min(end(traces)) / f64::from(POINTS);
    (1..=POINTS).filter_map(|i| at(f64::from(i) * step)).collect()
}

/// How many times fewer evaluations than the best plain optimizer, by task and method, to the hard
/// target. Nothing where there is no plain optimizer.
pub fn ratios(outcomes: &[Outcome]) -> Option<Dots> {
    const HARD: usize = TARGETS - 1;
    let best = |found: Option<(&str, &super::tuning::Best)>| {
        found.map(|(_, best)| best.costs.median(HARD).min(LIMIT))
    };
    let mut rows = Vec::new();
    for outcome in outcomes {
        let plain = best(outcome.best_plain(HARD))?;
        let own = METHODS.iter().map(|method| {
            let costs = outcome.costs(method, HARD)?;
            Some(plain / costs.median(HARD).min(LIMIT))
        });
        let aadl = best(outcome.best_aadl(HARD)).map(|cost| plain / cost);
        rows.push((outcome.task.clone(), own.chain([aadl]).collect()));
    }
    let names = METHODS.into_iter().chain(["AADL, the best round any"]);
    (!rows.is_empty()).then(|| Dots {
        title: "Times fewer evaluations to the hard target than the best tuned plain optimizer"
            .to_owned(),
        names: names.map(str::to_owned).collect(),
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_the_middle_of_what_was_reached() {
        let traces = vec![
            vec![(1.0, 8.0), (2.0, 4.0)],
            vec![(1.0, 9.0), (2.0, 5.0), (4.0, 1.0)],
            vec![(1.0, 7.0), (3.0, 3.0)],
        ];
        assert_eq!(end(&traces), 3.0);
        let curve = curve(&traces, 100.0);
        assert_eq!(curve.last(), Some(&(3.0, 3.0, 4.0, 5.0)));
        assert!(curve[0].0 >= 1.0 && curve[0].2 == 8.0);
    }
}
