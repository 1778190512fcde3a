//! What is minimised, and the count of what that costs.

use std::ops::ControlFlow;

/// The number of targets of a problem: easy, medium, hard.
pub const TARGETS: usize = 3;
/// Forward passes that cost as much as one forward and backward pass.
const THIRDS: u32 = 3;

/// A function to minimise. NaN and infinities are passed on.
pub trait Problem: Sync {
    /// What it is called in reports.
    fn name(&self) -> &str;
    /// Whether it is the training of a network, and no test function.
    fn is_training(&self) -> bool {
        true
    }
    /// Losses to be met from this seed, the easiest first.
    fn targets(&self, seed: u64) -> [f32; TARGETS];
    /// Where a run begins.
    fn start(&self, seed: u64) -> Vec<f32>;
    /// The loss at `x` with the data of this seed.
    fn loss(&self, seed: u64, x: &[f32]) -> f32;
    /// The same, and the gradient into `gradient`.
    fn loss_and_gradient(&self, seed: u64, x: &[f32], gradient: &mut [f32]) -> f32;
}

/// One run on a problem: counts evaluations in *evaluation equivalents* (loss and gradient 1, the
/// loss alone 1/3), and notes at what cost each target was first met. It is over when the hard
/// target is met or the budget is spent.
pub struct Objective<'a> {
    problem: &'a dyn Problem,
    seed: u64,
    targets: [f32; TARGETS],
    budgets: [u32; TARGETS],
    spent: u32,
    met: [Option<u32>; TARGETS],
    trace: Vec<(f64, f32)>,
}

impl<'a> Objective<'a> {
    /// A run with a budget in evaluation equivalents.
    pub fn new(problem: &'a dyn Problem, seed: u64, budget: f64) -> Self {
        Self::with_budgets(problem, seed, [budget; TARGETS])
    }

    /// A run with a budget for each target: it is over when one of them is spent before its target is
    /// met.
    pub fn with_budgets(problem: &'a dyn Problem, seed: u64, budgets: [f64; TARGETS]) -> Self {
        Self {
            problem,
            seed,
            targets: problem.targets(seed),
            budgets: budgets.map(|budget| (budget * f64::from(THIRDS)).round() as u32),
            spent: 0,
            met: [None; TARGETS],
            trace: Vec::new(),
        }
    }

    /// The loss at `x`, and the gradient there into `gradient`. Breaks when the run is over.
    pub fn loss_and_gradient(&mut self, x: &[f32], gradient: &mut [f32]) -> ControlFlow<(), f32> {
        self.pay(THIRDS)?;
        let loss = self.problem.loss_and_gradient(self.seed, x, gradient);
        self.note(loss)
    }

    /// The loss at `x`. Breaks when the run is over.
    pub fn loss(&mut self, x: &[f32]) -> ControlFlow<(), f32> {
        self.pay(1)?;
        let loss = self.problem.loss(self.seed, x);
        self.note(loss)
    }

    fn pay(&mut self, thirds: u32) -> ControlFlow<()> {
        let unmet = self.budgets.iter().zip(&self.met).filter(|(_, met)| met.is_none());
        // None where all are met.
        let left = unmet.map(|(budget, _)| *budget).min().unwrap_or(0);
        if self.spent + thirds > left {
            return ControlFlow::Break(());
        }
        self.spent += thirds;
        ControlFlow::Continue(())
    }

    fn note(&mut self, loss: f32) -> ControlFlow<(), f32> {
        self.trace.push((f64::from(self.spent) / f64::from(THIRDS), loss));
        for (target, met) in self.targets.iter().zip(&mut self.met) {
            if met.is_none() && loss <= *target {
                *met = Some(self.spent);
            }
        }
        match self.met[TARGETS - 1] {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(loss),
        }
    }

    /// What each target cost, in evaluation equivalents; infinite where it was not met.
    pub fn costs(&self) -> [f64; TARGETS] {
        self.met
            .map(|met| met.map_or(f64::INFINITY, |thirds| f64::from(thirds) / f64::from(THIRDS)))
    }

    /// Cost so far and loss, evaluation by evaluation.
    pub fn trace(&self) -> &[(f64, f32)] {
        &self.trace
    }
}

/// A way to minimise.
pub trait Method: Sync {
    /// Minimises from `x`, until the objective breaks or nothing moves any more.
    fn minimize(&self, x: &mut [f32], objective: &mut Objective<'_>) -> ControlFlow<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Parabola;

    impl Problem for Parabola {
        fn name(&self) -> &str {
            "parabola"
        }
        fn targets(&self, _: u64) -> [f32; TARGETS] {
            [1.0, 0.25, 0.01]
        }
        fn start(&self, _: u64) -> Vec<f32> {
            vec![2.0]
        }
        fn loss(&self, _: u64, x: &[f32]) -> f32 {
            x[0] * x[0]
        }
        fn loss_and_gradient(&self, seed: u64, x: &[f32], gradient: &mut [f32]) -> f32 {
            gradient[0] = 2.0 * x[0];
            self.loss(seed, x)
        }
    }

    #[test]
    fn thirds_are_counted_and_targets_are_noted_once() {
        let mut objective = Objective::new(&Parabola, 0, 3.0);
        let mut gradient = [0.0];
        assert_eq!(objective.loss_and_gradient(&[2.0], &mut gradient), ControlFlow::Continue(4.0));
        assert_eq!(gradient, [4.0]);
        assert_eq!(objective.loss(&[0.5]), ControlFlow::Continue(0.25));
        assert!(objective.loss(&[f32::NAN]).is_continue());
        assert_eq!(objective.loss(&[0.75]), ControlFlow::Continue(0.5625));
        assert_eq!(objective.costs(), [4.0 / 3.0, 4.0 / 3.0, f64::INFINITY]);
        assert_eq!(objective.loss_and_gradient(&[0.0], &mut gradient), ControlFlow::Break(()));
        assert_eq!(objective.costs()[2], 3.0);
        // Nothing is counted once it is over.
        assert_eq!(objective.loss(&[0.0]), ControlFlow::Break(()));
        assert_eq!(objective.trace().len(), 5);
    }

    #[test]
    fn a_run_ends_where_the_budget_of_an_unmet_target_does() {
        let mut objective = Objective::with_budgets(&Parabola, 0, [1.0, 2.0, 9.0]);
        assert!(objective.loss(&[1.0]).is_continue());
        // The budget of the easy target does not matter any more.
        assert!(objective.loss_and_gradient(&[0.9], &mut [0.0]).is_continue());
        assert!(objective.loss(&[0.9]).is_continue());
        assert!(objective.loss_and_gradient(&[0.9], &mut [0.0]).is_break());
        assert_eq!(objective.costs(), [1.0 / 3.0, f64::INFINITY, f64::INFINITY]);
    }

    #[test]
    fn a_budget_is_never_overdrawn() {
        let mut objective = Objective::new(&Parabola, 0, 1.0);
        assert!(objective.loss(&[2.0]).is_continue());
        assert_eq!(objective.loss_and_gradient(&[0.0], &mut [0.0]), ControlFlow::Break(()));
        assert_eq!(objective.costs(), [f64::INFINITY; TARGETS]);
    }
}
