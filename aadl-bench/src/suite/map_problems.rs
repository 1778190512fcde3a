//! The fixed-point maps of the benchmark.

use aadl_core::math::Libm;
use aadl_core::random::Random;
use aadl_host::data::{DataError, Dataset, Labels};

use super::maps::Map;
use super::tasks::standardised;

/// The maps by name.
pub const NAMES: [&str; 7] = [
    "quadratic, condition 1e2",
    "quadratic, condition 1e3",
    "quadratic, condition 1e4",
    "logistic regression",
    "Bratu equation",
    "mixture of Gaussians",
    "value iteration",
];

/// The map of this name with the data or the start of this seed; none where there is no such name.
///
/// # Errors
/// None, unless a built-in file was damaged before the program was built.
pub fn problem(name: &str, seed: u64) -> Result<Option<Map>, DataError> {
    Ok(Some(match NAMES.iter().position(|known| *known == name) {
        Some(index @ 0..=2) => quadratic(10f64.powi(index as i32 + 2), seed),
        Some(3) => logistic(seed)?,
        Some(4) => bratu(seed),
        Some(5) => mixture(seed),
        Some(6) => value_iteration(seed),
        _ => return Ok(None),
    }))
}

fn normals(random: &mut Random, n: usize) -> Vec<f64> {
    (0..n).map(|_| random.normal::<f64, Libm>()).collect()
}

/// Gradient descent on the quadratics of `aadl-host/examples/quadratics.rs`: 200 unknowns,
/// eigenvalues evenly spaced in their logarithm, steps of 1 over the largest.
fn quadratic(condition: f64, seed: u64) -> Map {
    const N: usize = 200;
    let eigenvalues: Vec<f64> =
        (0..N).map(|i| condition.powf(i as f64 / (N as f64 - 1.0) - 1.0)).collect();
    let b = normals(&mut Random::new(seed), N);
    let (l, c) = (eigenvalues.clone(), b.clone());
    Map {
        start: vec![0.0; N],
        map: Box::new(move |x| {
            x.iter().zip(&l).zip(&c).map(|((x, l), c)| x - (l * x - c)).collect()
        }),
        loss: Some(Box::new(move |x| {
            x.iter().zip(&eigenvalues).zip(&b).map(|((x, l), b)| x * (0.5 * l * x - b)).sum()
        })),
    }
}

/// Gradient descent on the mean logistic loss of the breast cancer set, with bias and a small
/// ridge, from random weights; steps of 1 over the bound of the curvature.
fn logistic(seed: u64) -> Result<Map, DataError> {
    const RIDGE: f64 = 1e-3;
    let set = standardised(Dataset::breast_cancer()?)?;
    let features = set.features + 1;
    let Labels::Classes { classes, .. } = &set.labels else {
        unreachable!("the set has classes");
    };
    // Rows with a 1 for the bias, mirrored where the class is 0: the loss is that of all in class 1.
    let rows: Vec<Vec<f64>> = set
        .inputs
        .chunks(set.features)
        .zip(classes)
        .map(|(row, class)| {
            let sign = if *class == 0 { -1.0 } else { 1.0 };
            row.iter().chain(&[1.0]).map(|x| sign * f64::from(*x)).collect()
        })
        .collect();
    let count = rows.len() as f64;
    let curvature = RIDGE + 0.25 * largest_eigenvalue(&rows, features) / count;
    let start = normals(&mut Random::new(2000 + seed), features);
    let again = rows.clone();
    Ok(Map {
        start,
        map: Box::new(move |x| {
            let mut gradient: Vec<f64> = x.iter().map(|x| RIDGE * x).collect();
            for row in &rows {
                let share = -1.0 / (1.0 + dot(row, x).exp()) / count;
                gradient.iter_mut().zip(row).for_each(|(g, r)| *g += share * r);
            }
            x.iter().zip(&gradient).map(|(x, g)| x - g / curvature).collect()
        }),
        loss: Some(Box::new(move |x| {
            let losses = again.iter().map(|row| {
                let margin = dot(row, x);
                // ln(1 + exp(-margin)) without overflow.
                (-margin.abs()).exp().ln_1p() + (-margin).max(0.0)
            });
            losses.sum::<f64>() / count + 0.5 * RIDGE * dot(x, x)
        })),
    })
}

/// The largest eigenvalue of the rows' Gram matrix, from below, times 1.01.
fn largest_eigenvalue(rows: &[Vec<f64>], features: usize) -> f64 {
    let mut v = vec![1.0; features];
    let mut norm = 0.0;
    for _ in 0..100 {
        let mut product = vec![0.0; features];
        for row in rows {
            let share = dot(row, &v);
            product.iter_mut().zip(row).for_each(|(p, r)| *p += share * r);
        }
        norm = dot(&product, &product).sqrt();
        v = product.iter().map(|p| p / norm).collect();
    }
    1.01 * norm
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Jacobi sweeps for `u'' + 2 e^u = 0` on (0, 1), zero at both ends, 63 points, from noise.
fn bratu(seed: u64) -> Map {
    const N: usize = 63;
    const LAMBDA: f64 = 2.0;
    let noise = normals(&mut Random::new(2100 + seed), N);
    Map {
        start: noise.iter().map(|x| 0.1 * x).collect(),
        map: Box::new(|u| {
            let h = 1.0 / (N as f64 + 1.0);
            let at = |i: Option<usize>| i.and_then(|i| u.get(i)).copied().unwrap_or(0.0);
            let sweep = (0..N).map(|i| {
                let neighbours = at(i.checked_sub(1)) + at(Some(i + 1));
                0.5 * (neighbours + h * h * LAMBDA * u[i].exp())
            });
            sweep.collect()
        }),
        loss: None,
    }
}

/// Expectation maximisation for two Gaussians of 400 numbers that overlap much. Unknowns: the logit
/// of the first one's weight, the means, the logarithms of the variances; so every point is in the
/// domain.
fn mixture(seed: u64) -> Map {
    const SAMPLES: usize = 400;
    let mut random = Random::new(2200 + seed);
    let samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let mean = if random.uniform::<f64>() < 0.4 { -1.2 } else { 1.2 };
            mean + random.normal::<f64, Libm>()
        })
        .collect();
    let again = samples.clone();
    Map {
        start: vec![0.0, -0.5, 0.5, 0.0, 0.0],
        map: Box::new(move |x| {
            // Sums of shares, of shares times samples, and times their squares.
            let mut sums = [[0.0; 3]; 2];
            for sample in &samples {
                let [a, b] = log_densities(x, *sample);
                let first = 1.0 / (1.0 + (b - a).exp());
                for (sums, share) in sums.iter_mut().zip([first, 1.0 - first]) {
                    sums[0] += share;
                    sums[1] += share * sample;
                    sums[2] += share * sample * sample;
                }
            }
            let means = sums.map(|s| s[1] / s[0]);
            let variance = |i: usize| sums[i][2] / sums[i][0] - means[i] * means[i];
            let logit = (sums[0][0] / sums[1][0]).ln();
            vec![logit, means[0], means[1], variance(0).ln(), variance(1).ln()]
        }),
        loss: Some(Box::new(move |x| {
            let negative = again.iter().map(|sample| {
                let [a, b] = log_densities(x, *sample);
                -(a.max(b) + (-(a - b).abs()).exp().ln_1p())
            });
            negative.sum::<f64>() / SAMPLES as f64
        })),
    }
}

/// Logarithms of weight times density, but for the constant.
fn log_densities(x: &[f64], sample: f64) -> [f64; 2] {
    let log_weight = |logit: f64| -((-logit.abs()).exp().ln_1p() + (-logit).max(0.0));
    let density = |mean: f64, log_variance: f64| {
        -0.5 * (log_variance + (sample - mean).powi(2) / log_variance.exp())
    };
    [log_weight(x[0]) + density(x[1], x[3]), log_weight(-x[0]) + density(x[2], x[4])]
}

/// Value iteration on a random decision process: 100 states, 4 actions with 5 successors each,
/// discount 0.99.
fn value_iteration(seed: u64) -> Map {
    const STATES: usize = 100;
    const ACTIONS: usize = 4;
    const SUCCESSORS: usize = 5;
    const DISCOUNT: f64 = 0.99;
    let mut random = Random::new(2300 + seed);
    // By state and action: the reward, and successors with probabilities.
    let actions: Vec<(f64, Vec<(usize, f64)>)> = (0..STATES * ACTIONS)
        .map(|_| {
            let reward = random.uniform::<f64>();
            let shares: Vec<f64> = (0..SUCCESSORS).map(|_| random.uniform::<f64>()).collect();
            let sum: f64 = shares.iter().sum();
            let successors = shares
                .iter()
                .map(|share| ((random.next_u64() % STATES as u64) as usize, share / sum));
            (reward, successors.collect())
        })
        .collect();
    Map {
        start: vec![0.0; STATES],
        map: Box::new(move |x| {
            let value = |(reward, successors): &(f64, Vec<(usize, f64)>)| {
                reward + DISCOUNT * successors.iter().map(|(s, p)| p * x[*s]).sum::<f64>()
            };
            let best = |actions: &[_]| actions.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
            actions.chunks(ACTIONS).map(best).collect()
        }),
        loss: None,
    }
}
