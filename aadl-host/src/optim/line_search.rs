//! A line search for the strong Wolfe conditions (Nocedal & Wright, *Numerical Optimization*, 2nd
//! ed. 2006, algorithms 3.5 and 3.6).

use std::ops::ControlFlow;

/// Sufficient decrease, and curvature: the customary values for quasi-Newton methods.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// Evaluations after which a search has failed.
const LIMIT: u32 = 25;

/// A point on the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trial {
    /// How far along.
    pub(super) step: f64,
    pub(super) loss: f64,
    pub(super) slope: f64,
}

impl Trial {
    fn decreases(&self, start: &Self) -> bool {
        self.loss <= start.loss + DECREASE * self.step * start.slope
    }

    fn is_flat(&self, start: &Self) -> bool {
        self.slope.abs() <= CURVATURE * start.slope.abs()
    }
}

/// Searches from `start` (step 0, slope below 0), first at `step`. `evaluate` gives loss and slope at
/// a step, not finite where there are none. Returns the step found, none if there is no better one.
pub(super) fn search(
    start: Trial,
    mut step: f64,
    mut evaluate: impl FnMut(f64) -> ControlFlow<(), Trial>,
) -> ControlFlow<(), Option<Trial>> {
    let mut before = start;
    for count in 0..LIMIT {
        let trial = evaluate(step)?;
        if !trial.loss.is_finite() || !trial.slope.is_finite() {
            // Between here and the last good point.
            step = before.step + 0.1 * (step - before.step);
            continue;
        }
        if !trial.decreases(&start) || (count > 0 && trial.loss >= before.loss) {
            return zoom(start, before, trial, &mut evaluate);
        }
        if trial.is_flat(&start) {
            return ControlFlow::Continue(Some(trial));
        }
        if trial.slope >= 0.0 {
            return zoom(start, trial, before, &mut evaluate);
        }
        let (low, high) = (trial.step + 0.1 * (trial.step - before.step), 4.0 * trial.step);
        step =
            minimum(&before, &trial).filter(|s| *s > low).map_or(2.0 * trial.step, |s| s.min(high));
        before = trial;
    }
    ControlFlow::Continue((before.step > 0.0).then_some(before))
}

/// Algorithm 3.6: `low` is the best point so far, and a good one lies between it and `high`.
fn zoom(
    start: Trial,
    mut low: Trial,
    mut high: Trial,
    evaluate: &mut impl FnMut(f64) -> ControlFlow<(), Trial>,
) -> ControlFlow<(), Option<Trial>> {
    for _ in 0..LIMIT {
        let width = high.step - low.step;
        if width.abs() <= 1e-9 * low.step.max(high.step) {
            break;
        }
        // Not nearer to either end than a tenth.
        let guess = minimum(&low, &high).unwrap_or(low.step + 0.5 * width);
        let fraction = ((guess - low.step) / width).clamp(0.1, 0.9);
        let trial = evaluate(low.step + fraction * width)?;
        let finite = trial.loss.is_finite() && trial.slope.is_finite();
        if !finite || !trial.decreases(&start) || trial.loss >= low.loss {
            high = if finite { trial } else { Trial { step: trial.step, ..high } };
            continue;
        }
        if trial.is_flat(&start) {
            return ControlFlow::Continue(Some(trial));
        }
        if trial.slope * width >= 0.0 {
            high = low;
        }
        low = trial;
    }
    ControlFlow::Continue((low.step > 0.0).then_some(low))
}

/// Where the cubic through both points with their slopes has its minimum (equation 3.59).
fn minimum(a: &Trial, b: &Trial) -> Option<f64> {
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.step - b.step);
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt() * (b.step - a.step).signum();
    let at = b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    at.is_finite().then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(f: impl Fn(f64) -> (f64, f64)) -> impl Fn(f64) -> ControlFlow<(), Trial> {
        move |step| {
            let (loss, slope) = f(step);
            ControlFlow::Continue(Trial { step, loss, slope })
        }
    }

    fn found(f: impl Fn(f64) -> (f64, f64) + Copy, first: f64) -> Trial {
        let (loss, slope) = f(0.0);
        let start = Trial { step: 0.0, loss, slope };
        let ControlFlow::Continue(Some(trial)) = search(start, first, on(f)) else {
            panic!("nothing found")
        };
        assert!(trial.decreases(&start));
        trial
    }

    #[test]
    fn the_conditions_hold_from_any_first_step() {
        let quadratic = |t: f64| ((t - 3.0) * (t - 3.0), 2.0 * (t - 3.0));
        for first in [1e-3, 0.5, 3.0, 100.0, 1e4] {
            let trial = found(quadratic, first);
            assert!(trial.slope.abs() <= CURVATURE * 6.0, "{first}: {trial:?}");
        }
    }

    #[test]
    fn a_wall_of_nan_is_backed_away_from() {
        let wall = |t: f64| if t > 1.0 { (f64::NAN, f64::NAN) } else { (-t, -1.0) };
        assert!(found(wall, 10.0).step <= 1.0);
    }

    #[test]
    fn the_caller_can_end_it() {
        let start = Trial { step: 0.0, loss: 1.0, slope: -1.0 };
        assert!(search(start, 1.0, |_| ControlFlow::Break(())).is_break());
    }
}
