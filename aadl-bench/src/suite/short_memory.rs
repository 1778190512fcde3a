//! Anderson mixing by short recurrences, which keeps two pairs or one: rivals in small memory.
//!
//! For a symmetric Jacobian a long history is not needed: made orthogonal to the last two pairs, a new
//! one is so to all before (as in conjugate residuals). ST-AM: Wei, Bao & Liu, *A class of short-term
//! recurrence Anderson mixing methods*, ICLR 2022; Min-AM: Wei, Bao, Liu & Yang, *A variant of Anderson
//! mixing with minimal memory size*, NeurIPS 2022, both as we read them. They have a mixing to tune,
//! which plays the part of a learning rate; neither compares losses. Their pairs are given up at
//! regular intervals, and where a new one nearly depends on the old.

use std::ops::ControlFlow;

use super::objective::{Method, Objective};

/// What is left of a new change of the residual, relative to it, below which the pairs are given up.
const DEPENDENT: f32 = 1e-4;

/// Which recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// Two pairs, changes of the residual made orthogonal to each other.
    ShortTerm,
    /// One pair, steps made conjugate to each other.
    Minimal,
}

/// A short recurrence with its settings.
#[derive(Clone, Copy, Debug)]
pub struct ShortMemory {
    /// Which one.
    pub recurrence: Recurrence,
    /// The mixing.
    pub mixing: f64,
    /// Pairs are given up after as many steps.
    pub restart: usize,
}

/// A step and the change of the residual along it.
struct Pair {
    step: Vec<f32>,
    change: Vec<f32>,
}

impl Pair {
    /// How much of the pair cancels as much of `residual` as it can.
    fn share(&self, recurrence: Recurrence, residual: &[f32]) -> f32 {
        match recurrence {
            Recurrence::ShortTerm => dot(&self.change, residual) / dot(&self.change, &self.change),
            Recurrence::Minimal => dot(&self.step, residual) / dot(&self.step, &self.change),
        }
    }
}

impl ShortMemory {
    /// Makes a pair independent of the others and adds it; gives all up where nothing is left of it.
    ///
    /// Two pairs are kept. Of Min-AM the older one only cancels its part of the next residual, which
    /// could be done before the newer takes its place: in memory it is one.
    fn append(&self, pairs: &mut Vec<Pair>, mut pair: Pair) {
        let before = dot(&pair.change, &pair.change);
        let others = match self.recurrence {
            Recurrence::ShortTerm => 2,
            Recurrence::Minimal => 1,
        };
        for old in pairs.iter().rev().take(others) {
            let share = old.share(self.recurrence, &pair.change);
            subtract(&mut pair.step, share, &old.step);
            subtract(&mut pair.change, share, &old.change);
        }
        let left = dot(&pair.change, &pair.change);
        if left > DEPENDENT * DEPENDENT * before
            && pair.share(self.recurrence, &pair.change).is_finite()
        {
            pairs.push(pair);
            if pairs.len() > 2 {
                pairs.remove(0);
            }
        } else {
            pairs.clear();
        }
    }
}

impl Method for ShortMemory {
    fn minimize(&self, x: &mut [f32], objective: &mut Objective<'_>) -> ControlFlow<()> {
        let mut gradient = vec![0.0; x.len()];
        let mut pairs = Vec::new();
        let mut before: Option<(Vec<f32>, Vec<f32>)> = None;
        for count in 0.. {
            let loss = objective.loss_and_gradient(x, &mut gradient)?;
            if !loss.is_finite() {
                return ControlFlow::Break(());
            }
            let mut residual: Vec<f32> = gradient.iter().map(|g| -g).collect();
            if count % self.restart == 0 {
                pairs.clear();
            } else if let Some((point, old)) = before {
                let minus =
                    |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
                let pair = Pair { step: minus(x, &point), change: minus(&residual, &old) };
                self.append(&mut pairs, pair);
            }
            let seen = (x.to_vec(), residual.clone());
            // The shares are all of the residual as it is: the pairs are independent.
            let whole = residual.clone();
            for pair in &pairs {
                let share = pair.share(self.recurrence, &whole);
                subtract(x, share, &pair.step);
                subtract(&mut residual, share, &pair.change);
            }
            // From where one pair cancels all it can, the mixing alone leads on: what a quadratic's
            // newest pair is then made of depends on that pair only, and on no older one.
            before = Some(match self.recurrence {
                Recurrence::ShortTerm => seen,
                Recurrence::Minimal => (x.to_vec(), residual.clone()),
            });
            subtract(x, -self.mixing as f32, &residual);
        }
        ControlFlow::Break(())
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn subtract(x: &mut [f32], share: f32, y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x -= share * y);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::objective::{Problem, TARGETS};

    const EIGENVALUES: [f32; 4] = [1.0, 2.0, 5.0, 10.0];

    /// A quadratic with four eigenvalues.
    struct Quadratic;

    impl Problem for Quadratic {
        fn name(&self) -> &str {
            "quadratic"
        }
        fn targets(&self, _: u64) -> [f32; TARGETS] {
            [1e-2, 1e-4, 1e-8]
        }
        fn start(&self, _: u64) -> Vec<f32> {
            vec![1.0, -1.0, 2.0, 1.0]
        }
        fn loss(&self, seed: u64, x: &[f32]) -> f32 {
            self.loss_and_gradient(seed, x, &mut [0.0; 4])
        }
        fn loss_and_gradient(&self, _: u64, x: &[f32], gradient: &mut [f32]) -> f32 {
            let terms = gradient.iter_mut().zip(x).zip(EIGENVALUES).map(|((g, x), l)| {
                *g = l * x;
                0.5 * l * x * x
            });
            terms.sum()
        }
    }

    fn cost(recurrence: Recurrence, restart: usize) -> f64 {
        let method = ShortMemory { recurrence, mixing: 0.1, restart };
        let mut objective = Objective::new(&Quadratic, 0, 1000.0);
        let _ = method.minimize(&mut Quadratic.start(0), &mut objective);
        objective.costs()[TARGETS - 1]
    }

    /// With four eigenvalues, four pairs span everything: two or one do as well, while nothing is
    /// given up. The fifth and sixth evaluations see the end of it.
    #[test]
    fn one_pair_or_two_are_worth_all_on_a_quadratic() {
        for recurrence in [Recurrence::ShortTerm, Recurrence::Minimal] {
            let whole = cost(recurrence, usize::MAX);
            assert!(whole <= 6.0, "{recurrence:?}: {whole}");
            // What is given up every other step is no more than a line search.
            let short = cost(recurrence, 2);
            assert!(short > 3.0 * whole && short.is_finite(), "{recurrence:?}: {short}");
        }
    }
}
