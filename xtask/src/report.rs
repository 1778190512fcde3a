//! Named stages: each is announced, timed and remembered; a table ends the run. A failed stage
//! does not stop the later ones, so that one run shows everything that is wrong.

use crate::workspace::Outcome;
use std::time::Instant;

enum State {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Row {
    stage: String,
    state: State,
    seconds: f64,
}

/// The stages so far.
pub(crate) struct Report {
    command: &'static str,
    start: Instant,
    rows: Vec<Row>,
}

impl Report {
    /// An empty report of the given command.
    pub(crate) fn new(command: &'static str) -> Self {
        Self { command, start: Instant::now(), rows: Vec::new() }
    }

    /// Runs one stage.
    pub(crate) fn stage(&mut self, stage: impl Into<String>, body: impl FnOnce() -> Outcome) {
        let stage = stage.into();
        println!("\n=== {stage}");
        let start = Instant::now();
        let state = match body() {
            Ok(()) => State::Passed,
            Err(error) => {
                println!("FAILED {stage}: {error}");
                State::Failed(error)
            }
        };
        self.rows.push(Row { stage, state, seconds: start.elapsed().as_secs_f64() });
    }

    /// Notes a stage that was not run, and why.
    pub(crate) fn skip(&mut self, stage: impl Into<String>, why: &str) {
        self.rows.push(Row {
            stage: stage.into(),
            state: State::Skipped(why.to_string()),
            seconds: 0.0,
        });
    }

    /// Prints the table, a closing text and the verdict; true if nothing failed.
    pub(crate) fn finish(self, closing: &str) -> bool {
        print!("\n{}\n{closing}\n", self.table());
        println!("{}", self.verdict());
        !self.rows.iter().any(|row| matches!(row.state, State::Failed(_)))
    }

    /// The stages for other programs.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let row = |Row { stage, state, seconds }: &Row| {
            let (result, why) = match state {
                State::Passed => ("ok", None),
                State::Failed(why) => ("failed", Some(why)),
                State::Skipped(why) => ("skipped", Some(why)),
            };
            serde_json::json!({ "stage": stage, "result": result, "why": why, "seconds": seconds })
        };
        self.rows.iter().map(row).collect()
    }

    fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.stage.len()).max().unwrap_or(0).max(5);
        let mut table = format!("{:width$}  result   seconds\n", "stage");
        for Row { stage, state, seconds } in &self.rows {
            table += &match state {
                State::Passed => format!("{stage:width$}  ok      {seconds:8.1}\n"),
                // All of a long reason stands where the stage ended.
                State::Failed(why) => {
                    let why = why.lines().next().unwrap_or_default();
                    format!("{stage:width$}  FAILED  {seconds:8.1}  {why}\n")
                }
                State::Skipped(why) => format!("{stage:width$}  SKIPPED         -  {why}\n"),
            };
        }
        table
    }

    fn verdict(&self) -> String {
        let names = |wanted: fn(&State) -> bool| {
            let rows = self.rows.iter().filter(|row| wanted(&row.state));
            rows.map(|row| row.stage.as_str()).collect::<Vec<_>>()
        };
        let failed = names(|state| matches!(state, State::Failed(_)));
        let skipped = names(|state| matches!(state, State::Skipped(_)));
        let mut verdict = if failed.is_empty() {
            format!("{}: {} stages passed", self.command, self.rows.len() - skipped.len())
        } else {
            format!("{}: FAILED: {}", self.command, failed.join(", "))
        };
        if !skipped.is_empty() {
            verdict += &format!("; NOT CHECKED: {}", skipped.join(", "));
        }
        verdict + &format!(" ({:.0} s)", self.start.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn a_failure_is_named_and_fails_the_run() {
        let mut report = Report::new("test");
        report.stage("one", || Ok(()));
        report.stage("two", || Err("broken\n  see there".into()));
        assert!(report.table().contains("two    FAILED"));
        assert!(!report.table().contains("see there"));
        assert!(report.verdict().starts_with("test: FAILED: two ("));
        assert_eq!(report.json()[1]["result"], "failed");
        assert!(!report.finish(""));
    }

    #[test]
    fn a_skipped_stage_is_said_loudly() {
        let mut report = Report::new("test");
        report.stage("one", || Ok(()));
        report.skip("two", "not wanted");
        assert!(report.verdict().starts_with("test: 1 stages passed; NOT CHECKED: two ("));
        assert!(report.finish(""));
    }
}
