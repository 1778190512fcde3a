//! The table of fixed-point maps.

use aadl_host::compat::Settings;
use aadl_host::report::{Cell, Table};
use indicatif::ProgressBar;

use super::failure::Failure;
use super::map_problems::{NAMES, problem};
use super::maps::{Iteration, LIMIT, TOLERANCE, TOLERANCE_F32};
use super::pool::in_order;
use super::record::Records;
use super::rivals::compatible_settings;

/// The methods that have nothing to tune.
const METHODS: [(&str, Iteration); 7] = [
    ("map alone", Iteration::Plain),
    ("6 iterates", Iteration::Accelerated(6)),
    ("11 iterates", Iteration::Accelerated(11)),
    ("16 iterates", Iteration::Accelerated(16)),
    ("map alone, f32", Iteration::PlainF32),
    ("6 iterates, f32", Iteration::AcceleratedF32(6)),
    ("11 iterates, f32", Iteration::AcceleratedF32(11)),
];

/// Costs by seed.
struct Costs(Vec<f64>);

impl Costs {
    fn new(mut costs: Vec<f64>) -> Self {
        costs.sort_by(f64::total_cmp);
        Self(costs)
    }

    fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        match self.0.len() % 2 {
            1 => self.0[middle],
            _ => (self.0[middle - 1] + self.0[middle]) / 2.0,
        }
    }

    fn worst(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::INFINITY)
    }

    fn cell(&self) -> Cell {
        let failures = self.0.iter().filter(|cost| cost.is_infinite()).count();
        Cell::Text(match (self.median(), failures) {
            (median, 0) => format!("{median:.0} ({:.0})", self.worst()),
            (median, n) if median.is_finite() => format!("{median:.0} ({n} failed)"),
            (_, n) => format!("never ({n} failed)"),
        })
    }
}

fn text(settings: &Settings) -> String {
    let Settings { history_depth, frequency, reg_acc, .. } = settings;
    let ridge = if *reg_acc > 0.0 { format!(", ridge {reg_acc:e}") } else { String::new() };
    format!("depth {history_depth}, every {frequency}{ridge}")
}

/// Every map by every method; `keep` chooses maps by name.
///
/// # Errors
/// Those of the file of records, of settings and of data.
pub fn table(
    records: &Records,
    threads: usize,
    seeds: u64,
    keep: impl Fn(&str) -> bool,
    bar: &ProgressBar,
) -> Result<Table, Failure> {
    let names: Vec<&str> = NAMES.into_iter().filter(|name| keep(name)).collect();
    let compatible = compatible_settings(&[6, 11, 16], &[1, 2, 5], &[0.0, 1e-8]);
    let mut methods: Vec<(String, Iteration)> =
        METHODS.iter().map(|(name, iteration)| ((*name).to_owned(), *iteration)).collect();
    methods.extend(compatible.iter().map(|s| (text(s), Iteration::Compatible(*s))));
    bar.inc_length((names.len() * methods.len()) as u64);
    let costs = in_order(threads, names.len() * methods.len(), |job| {
        let name = names[job / methods.len()];
        let (method, iteration) = &methods[job % methods.len()];
        bar.set_message(format!("{name}: {method}"));
        let mut costs = Vec::new();
        for seed in 0..seeds {
            let Some(map) = problem(name, seed)? else { continue };
            let key = format!("map {name}/{method}/{seed}");
            let [cost] = records.try_get(&key, || Ok::<_, Failure>([map.cost(*iteration)?]))?;
            costs.push(cost);
        }
        bar.inc(1);
        Ok::<_, Failure>(Costs::new(costs))
    })?;
    let title = format!(
        "Evaluations of the map until the residual has fallen by {TOLERANCE:e} (float32: \
         {TOLERANCE_F32:e}): median (worst seed)"
    );
    let mut columns = vec!["map"];
    columns.extend(METHODS.map(|(name, _)| name));
    columns.extend(["AADL, best setting", "of AADL, which"]);
    let mut table = Table::new(&title, &columns);
    for (name, costs) in names.iter().zip(costs.chunks(methods.len())) {
        let (own, aadl) = costs.split_at(METHODS.len());
        let mut row = vec![Cell::from(*name)];
        row.extend(own.iter().map(Costs::cell));
        let order = |costs: &Costs| (costs.median(), costs.worst());
        let best = aadl.iter().zip(&compatible).min_by(|(a, _), (b, _)| {
            order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal)
        });
        match best {
            Some((costs, settings)) if costs.median().is_finite() => {
                row.extend([costs.cell(), Cell::Text(text(settings))]);
            }
            _ => row.extend([format!("over {LIMIT}").as_str().into(), Cell::Missing]),
        }
        table.row(row);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_records_change_no_cell() {
        let folder = tempfile::tempdir().unwrap();
        let run = |file: &str, threads| {
            let records = Records::open(&folder.path().join(file)).unwrap();
            let keep = |name: &str| name.contains("1e2") || name.contains("mixture");
            table(&records, threads, 2, keep, &ProgressBar::hidden()).unwrap()
        };
        let first = run("a", 1);
        assert_eq!(run("b", 3), first);
        assert_eq!(run("a", 2), first);
        assert_eq!(first.to_string().lines().count(), 4);
    }

    #[test]
    fn medians_of_even_and_odd_numbers_of_seeds() {
        assert_eq!(Costs::new(vec![4.0, 1.0, 3.0]).median(), 3.0);
        let half = Costs::new(vec![4.0, f64::INFINITY, 1.0, 3.0]);
        assert_eq!((half.median(), half.worst()), (3.5, f64::INFINITY));
        assert_eq!(half.cell().to_string(), "4 (1 failed)");
    }
}
