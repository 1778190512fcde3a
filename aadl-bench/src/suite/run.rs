//! All methods on all tasks, on all cores.

use std::io;

use indicatif::ProgressBar;

use super::methods::Untuned;
use super::objective::{Problem, TARGETS};
use super::pool::in_order;
use super::record::Records;
use super::report::Outcome;
use super::rivals::Rival;
use super::tuning::{Best, Costs, LIMIT, over_seeds, tune};

/// Where runs are kept, on how many threads they are made, and who is told.
pub struct Runner<'a> {
    /// Finished runs.
    pub records: &'a Records,
    /// Threads; results do not depend on it.
    pub threads: usize,
    /// Seeds from 0.
    pub seeds: u64,
    /// Counts jobs.
    pub bar: &'a ProgressBar,
}

impl Runner<'_> {
    /// The results of all jobs, in their order. A job may not depend on the thread that does it.
    ///
    /// # Errors
    /// That of the first job, in order, that failed.
    pub fn all<J: Sync, T: Send>(
        &self,
        jobs: &[J],
        name: impl Fn(&J) -> String + Sync,
        work: impl Fn(&J) -> io::Result<T> + Sync,
    ) -> io::Result<Vec<T>> {
        self.bar.inc_length(jobs.len() as u64);
        in_order(self.threads, jobs.len(), |index| {
            self.bar.set_message(name(&jobs[index]));
            let result = work(&jobs[index]);
            self.bar.inc(1);
            result
        })
    }

    /// The full-batch tasks.
    ///
    /// # Errors
    /// Those of the file of records.
    pub fn full_batch(
        &self,
        tasks: &[Box<dyn Problem>],
        rivals: &[Rival],
        untuned: &[Untuned],
    ) -> io::Result<Vec<Outcome>> {
        let methods: Vec<Method<'_>> =
            rivals.iter().map(Method::Tuned).chain(untuned.iter().map(Method::Untuned)).collect();
        let jobs: Vec<(&dyn Problem, &Method<'_>)> = tasks
            .iter()
            .flat_map(|task| methods.iter().map(move |method| (&**task, method)))
            .collect();
        let name = |(task, method): &(&dyn Problem, &Method<'_>)| match method {
            Method::Tuned(rival) => format!("{}: {}", task.name(), rival.name),
            Method::Untuned((name, _)) => format!("{}: {name}", task.name()),
        };
        let results = self.all(&jobs, name, |(task, method)| {
            Ok(match method {
                Method::Tuned(rival) => Result::Tuned(
                    rival.name,
                    rival.plain,
                    Box::new(tune(self.records, *task, rival, self.seeds)?),
                ),
                Method::Untuned((name, method)) => Result::Untuned(
                    name,
                    over_seeds(self.records, *task, (name, &**method), 0..self.seeds, LIMIT)?,
                ),
            })
        })?;
        let mut results = results.into_iter();
        let outcomes = tasks.iter().map(|task| {
            let mut outcome = Outcome {
                task: task.name().to_owned(),
                is_training: task.is_training(),
                tuned: Vec::new(),
                untuned: Vec::new(),
            };
            for result in results.by_ref().take(methods.len()) {
                match result {
                    Result::Tuned(name, plain, best) => outcome.tuned.push((name, plain, *best)),
                    Result::Untuned(name, costs) => outcome.untuned.push((name, costs)),
                }
            }
            outcome
        });
        Ok(outcomes.collect())
    }
}

enum Method<'a> {
    Tuned(&'a Rival),
    Untuned(&'a Untuned),
}

enum Result {
    Tuned(&'static str, bool, Box<[Best; TARGETS]>),
    Untuned(&'static str, Costs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{methods, report, rivals, tasks};

    /// Two tasks, two rivals and all that need no tuning.
    fn tables(records: &Records, threads: usize) -> String {
        let mut tasks = tasks::full_batch(2).unwrap();
        tasks.retain(|task| ["linear calibration", "Rosenbrock"].contains(&task.name()));
        let mut rivals = rivals::tuned();
        rivals.truncate(2);
        let bar = ProgressBar::hidden();
        let runner = Runner { records, threads, seeds: 2, bar: &bar };
        let outcomes = runner.full_batch(&tasks, &rivals, &methods::untuned()).unwrap();
        assert_eq!(outcomes.len(), 2);
        [
            report::ratios(&outcomes, ""),
            report::costs(&outcomes, 2, ""),
            report::settings(&outcomes),
        ]
        .map(|table| table.to_string())
        .concat()
    }

    #[test]
    fn neither_threads_nor_a_torn_file_change_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Records::open(&folder.path().join(name)).unwrap();
        let expected = tables(&open("one"), 1);
        assert_eq!(tables(&open("three"), 3), expected);
        // Cut anywhere, as by an interruption.
        let path = folder.path().join("one");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 3]).unwrap();
        assert!(!open("one").is_empty());
        assert_eq!(tables(&open("one"), 2), expected);
    }
}
