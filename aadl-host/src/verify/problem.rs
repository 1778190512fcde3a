//! The problems of the trajectory files: losses and gradients by formula, in float64.

use aadl_core::math::{Libm, Math};

use super::reader::{Read, Reader};

/// A loss of a parameter vector `theta`.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// `1/2 sum_i d_i (x_i - c_i)^2`.
    Quadratic { d: Vec<f64>, c: Vec<f64> },
    /// `100 (y - x^2)^2 + (1 - x)^2`.
    Rosenbrock,
    /// Mean over rows of `log(1 + exp(-y (w.x + b)))`, `theta = (w, b)`.
    Logistic(Rows),
    /// Mean over rows of `(p - y)^2`, `p = W2 tanh(W1 x + b1) + b2`, `theta = (W1 by rows, b1, W2,
    /// b2)`.
    Mlp(Rows),
}

/// Samples, and how many of them a step sees (0: all).
#[derive(Clone, Debug)]
pub(super) struct Rows {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    batch: usize,
}

impl Rows {
    fn read(data: &Reader<'_>, inputs: &str) -> Read<Self> {
        data.only(&[inputs, "y", "batch"])?;
        let x = data.get(inputs)?.matrix()?;
        let y = data.get("y")?.vector(x.len())?;
        let batch = data.find("batch")?.map_or(Ok(0), |batch| batch.count())?;
        Ok(Self { x, y, batch })
    }

    /// The rows of step `t`, or all.
    fn select(&self, step: Option<usize>) -> impl Iterator<Item = (&[f64], f64)> {
        let (start, count) = match step {
            Some(t) if self.batch > 0 => (t * self.batch, self.batch),
            _ => (0, self.y.len()),
        };
        (start..start + count).map(|i| {
            let i = i % self.y.len();
            (self.x[i].as_slice(), self.y[i])
        })
    }

    fn selected(&self, step: Option<usize>) -> f64 {
        if step.is_some() && self.batch > 0 { self.batch as f64 } else { self.y.len() as f64 }
    }
}

impl Problem {
    /// Reads `problem` and `data` of a file whose `theta` has `length` elements.
    pub(super) fn read(file: &Reader<'_>, length: usize) -> Read<Self> {
        let (name, data) = (file.get("problem")?, file.get("data")?);
        match name.text()? {
            "Quadratic" => {
                data.only(&["d", "c"])?;
                let (d, c) = (data.get("d")?.vector(length)?, data.get("c")?.vector(length)?);
                Ok(Self::Quadratic { d, c })
            }
            "Rosenbrock" => {
                data.only(&[])?;
                if length != 2 {
                    return file.get("theta0")?.error("Rosenbrock's function has 2 parameters");
                }
                Ok(Self::Rosenbrock)
            }
            "Logistic" => {
                let rows = Rows::read(&data, "A")?;
                if rows.x[0].len() + 1 != length {
                    return data.get("A")?.error("theta has not one element more than a row");
                }
                Ok(Self::Logistic(rows))
            }
            "Mlp" => {
                let rows = Rows::read(&data, "X")?;
                if length <= 1 || !(length - 1).is_multiple_of(rows.x[0].len() + 2) {
                    return data.get("X")?.error("the length of theta fits no hidden layer");
                }
                Ok(Self::Mlp(rows))
            }
            _ => name.error("unknown problem"),
        }
    }

    /// The loss at `theta` on the rows of step `t` (`None`: on all), and its gradient.
    pub(super) fn evaluate(&self, theta: &[f64], step: Option<usize>) -> (f64, Vec<f64>) {
        let mut gradient = vec![0.0; theta.len()];
        let mut loss = 0.0;
        match self {
            Self::Quadratic { d, c } => {
                for (i, x) in theta.iter().enumerate() {
                    gradient[i] = d[i] * (x - c[i]);
                    loss += d[i] * ((x - c[i]) * (x - c[i]));
                }
                loss *= 0.5;
            }
            Self::Rosenbrock => {
                let (x, y) = (theta[0], theta[1]);
                let across = y - x * x;
                loss = 100.0 * (across * across) + (1.0 - x) * (1.0 - x);
                gradient[1] = 200.0 * across;
                gradient[0] = -gradient[1] * (2.0 * x) - 2.0 * (1.0 - x);
            }
            Self::Logistic(rows) => {
                let inputs = theta.len() - 1;
                for (x, y) in rows.select(step) {
                    let mut score = theta[inputs];
                    for (w, x) in theta.iter().zip(x) {
                        score += w * x;
                    }
                    let margin = y * score;
                    // log(1 + e^-margin) and 1 / (1 + e^margin), without overflow.
                    let e = Libm::exp(-margin.abs());
                    loss += (-margin).max(0.0) + Libm::ln_1p(e);
                    let share = if margin > 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) };
                    for (g, x) in gradient.iter_mut().zip(x) {
                        *g -= share * y * x;
                    }
                    gradient[inputs] -= share * y;
                }
                loss = mean(loss, &mut gradient, rows.selected(step));
            }
            Self::Mlp(rows) => {
                let inputs = rows.x[0].len();
                let hidden = (theta.len() - 1) / (inputs + 2);
                let (w1, rest) = theta.split_at(hidden * inputs);
                let (b1, rest) = rest.split_at(hidden);
                let (w2, b2) = rest.split_at(hidden);
                for (x, y) in rows.select(step) {
                    let mut p = b2[0];
                    let mut activations = vec![0.0; hidden];
                    for (j, a) in activations.iter_mut().enumerate() {
                        let mut z = b1[j];
                        for (w, x) in w1[j * inputs..].iter().zip(x) {
                            z += w * x;
                        }
                        *a = Libm::tanh(z);
                        p += w2[j] * *a;
                    }
                    loss += (p - y) * (p - y);
                    let slope = 2.0 * (p - y);
                    for (j, a) in activations.iter().enumerate() {
                        let back = slope * w2[j] * (1.0 - a * a);
                        for (g, x) in gradient[j * inputs..].iter_mut().zip(x) {
                            *g += back * x;
                        }
                        gradient[hidden * inputs + j] += back;
                        gradient[hidden * (inputs + 1) + j] += slope * a;
                    }
                    gradient[theta.len() - 1] += slope;
                }
                loss = mean(loss, &mut gradient, rows.selected(step));
            }
        }
        (loss, gradient)
    }
}

fn mean(loss: f64, gradient: &mut [f64], count: f64) -> f64 {
    for g in gradient {
        *g /= count;
    }
    loss / count
}
