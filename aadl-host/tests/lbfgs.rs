//! L-BFGS beside SciPy's: the same minimisers, and about as many evaluations. Its line search is
//! another one (More & Thuente's), so the counts cannot be equal.

use std::ops::ControlFlow;

use aadl_host::optim::{Lbfgs, LbfgsStop};
use serde::Deserialize;

/// By how much the counts may differ: a quarter, and on short runs two evaluations.
const RATIO: f64 = 1.25;
const SLACK: f64 = 2.0;

#[derive(Deserialize)]
struct Reference {
    gaps: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    function: String,
    start: Vec<f32>,
    minimiser: Vec<f64>,
    minimum: f64,
    evaluations: Vec<Evaluations>,
}

#[derive(Deserialize)]
struct Evaluations {
    pairs: usize,
    to: Vec<u32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("scipy/lbfgs.json")).unwrap()
}

/// The functions of `scipy/lbfgs.py`: loss and gradient.
fn evaluate(function: &str, x: &[f64]) -> (f64, Vec<f64>) {
    let n = x.len();
    match function {
        "rosenbrock" => {
            let terms = x.chunks(2).map(|x| {
                let (a, b) = (x[1] - x[0] * x[0], 1.0 - x[0]);
                (100.0 * a * a + b * b, [-400.0 * x[0] * a - 2.0 * b, 200.0 * a])
            });
            let (losses, gradients): (Vec<f64>, Vec<[f64; 2]>) = terms.unzip();
            (losses.iter().sum(), gradients.concat())
        }
        "quadratic" => {
            let terms = (0..n).map(|i| {
                let w = 1000f64.powf(i as f64 / (n as f64 - 1.0));
                let d = x[i] - (i as f64 + 1.0).sin();
                let c = 0.5 * (x[(i + n - 1) % n] + x[(i + 1) % n]);
                (0.5 * (w * d * d + x[i] * x[i] + x[i] * c), w * d + x[i] + c)
            });
            let (losses, gradient): (Vec<f64>, Vec<f64>) = terms.unzip();
            (losses.iter().sum(), gradient)
        }
        "logistic" => {
            let mut loss = 0.05 * x.iter().map(|x| x * x).sum::<f64>();
            let mut gradient: Vec<f64> = x.iter().map(|x| 0.1 * x).collect();
            for k in 0..40 {
                let a = |i: usize| ((1 + 3 * k + 7 * i + 2 * k * i) as f64).sin();
                let m: f64 = x.iter().enumerate().map(|(i, x)| a(i) * x).sum();
                loss += (-m.abs()).exp().ln_1p() + (-m).max(0.0);
                for (i, g) in gradient.iter_mut().enumerate() {
                    *g -= a(i) / (1.0 + m.exp());
                }
            }
            (loss, gradient)
        }
        _ => panic!("no function {function}"),
    }
}

/// The loss at `x`; the gradient is rounded to float32, as the method takes it.
fn rounded(function: &str, x: &[f32], gradient: &mut [f32]) -> f64 {
    let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    let (loss, exact) = evaluate(function, &wide);
    gradient.iter_mut().zip(exact).for_each(|(g, exact)| *g = exact as f32);
    loss
}

/// Evaluations until the loss is at most `target`, that one included.
fn evaluations(case: &Case, pairs: usize, target: f64) -> u32 {
    let mut count = 0;
    let run = Lbfgs { pairs, iterations: 2000 }.minimize(&mut case.start.clone(), |x, gradient| {
        count += 1;
        let loss = rounded(&case.function, x, gradient);
        if loss <= target { ControlFlow::Break(()) } else { ControlFlow::Continue(loss as f32) }
    });
    assert_eq!(run.unwrap().stop, LbfgsStop::Ended, "{}", case.function);
    count
}

#[test]
fn evaluations_are_about_those_of_scipy() {
    let Reference { gaps, cases } = reference();
    for case in &cases {
        let start: Vec<f64> = case.start.iter().map(|x| f64::from(*x)).collect();
        let first = evaluate(&case.function, &start).0 - case.minimum;
        for Evaluations { pairs, to } in &case.evaluations {
            for (gap, scipy) in gaps.iter().zip(to) {
                let ours = evaluations(case, *pairs, case.minimum + gap * first);
                let (ours, scipy) = (f64::from(ours), f64::from(*scipy));
                let near = ours <= RATIO * scipy + SLACK && scipy <= RATIO * ours + SLACK;
                assert!(near, "{} of {}: {ours}, SciPy {scipy}", case.function, start.len());
            }
        }
    }
}

/// Losses in float32 are a spacing of about `eps |f|` apart. The line search ends some spacings above
/// the minimum (7 at most here), where the decrease that it demands is lost in rounding; SciPy's,
/// in float64, goes on. Of a loss so near, the point is known to `sqrt(2 excess / curvature)`.
#[test]
fn minimisers_are_those_of_scipy() {
    for case in reference().cases {
        let mut x = case.start.clone();
        let run = Lbfgs { pairs: 10, iterations: 2000 }.minimize(&mut x, |x, gradient| {
            ControlFlow::Continue(rounded(&case.function, x, gradient) as f32)
        });
        assert_ne!(run.unwrap().stop, LbfgsStop::Limit, "{}", case.function);
        let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        // The least one: of the ridge; of Rosenbrock's valley, 0.4. The quadratic's is above 1.
        let curvature = if case.function == "logistic" { 0.1 } else { 0.39 };
        let blur = 8.0 * f64::from(f32::EPSILON) * (case.minimum.abs() + 1e-6);
        let excess = evaluate(&case.function, &x).0 - case.minimum;
        assert!(excess <= blur, "{}: {excess:e}", case.function);
        for (x, scipy) in x.iter().zip(&case.minimiser) {
            let far = (x - scipy).abs();
            assert!(far <= (2.0 * blur / curvature).sqrt(), "{}: {x} {scipy}", case.function);
        }
    }
}
