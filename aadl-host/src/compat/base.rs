//! The base optimizers that reference files name, by PyTorch's hyper-parameters.

use aadl_core::optim::{Optimizer, Update};
use aadl_core::{Error, Real};

/// An optimizer and its settings. A setting that the optimizer does not have is ignored by it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Base {
    Sgd { lr: f64, momentum: f64, dampening: f64, weight_decay: f64, nesterov: bool },
    RmsProp { lr: f64, alpha: f64, eps: f64, weight_decay: f64, momentum: f64, centered: bool },
    Adam { lr: f64, betas: [f64; 2], eps: f64, weight_decay: f64, amsgrad: bool },
    AdamW { lr: f64, betas: [f64; 2], eps: f64, weight_decay: f64, amsgrad: bool },
}

impl Base {
    /// PyTorch's defaults.
    pub const SGD: Self =
        Self::Sgd { lr: 1e-3, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false };
    /// PyTorch's defaults.
    pub const RMS_PROP: Self = Self::RmsProp {
        lr: 1e-2,
        alpha: 0.99,
        eps: 1e-8,
        weight_decay: 0.0,
        momentum: 0.0,
        centered: false,
    };
    /// PyTorch's defaults.
    pub const ADAM: Self =
        Self::Adam { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, amsgrad: false };
    /// PyTorch's defaults.
    pub const ADAM_W: Self = Self::AdamW {
        lr: 1e-3,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 1e-2,
        amsgrad: false,
    };
}

/// The optimizer for a group of `length` parameters.
///
/// # Errors
/// [`Error::Config`] of a hyper-parameter outside its range.
pub fn build_optimizer<T: Real>(
    base: &Base,
    length: usize,
) -> Result<Box<dyn Optimizer<T>>, Error> {
    Ok(Box::new(Temp { base: *base, t: 0, s: [(); 4].map(|()| vec![0.0; length]) }))
}

struct Temp {
    base: Base,
    t: i32,
    s: [Vec<f64>; 4],
}
impl<T: Real> Optimizer<T> for Temp {
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        self.t += 1;
        for i in 0..params.len() {
            let mut x = params[i].to_f64();
            let mut g = grad[i].to_f64();
            match self.base {
                Base::Sgd { lr, momentum, dampening, weight_decay, nesterov } => {
                    if weight_decay != 0.0 {
                        g += weight_decay * x;
                    }
                    if momentum != 0.0 {
                        let b = &mut self.s[0][i];
                        *b = if self.t == 1 { g } else { momentum * *b + (1.0 - dampening) * g };
                        g = if nesterov { g + momentum * *b } else { *b };
                    }
                    x -= lr * g;
                }
                Base::RmsProp { lr, alpha, eps, weight_decay, momentum, centered } => {
                    if weight_decay != 0.0 {
                        g += weight_decay * x;
                    }
                    let v = self.s[0][i] * alpha + (1.0 - alpha) * g * g;
                    self.s[0][i] = v;
                    let avg = if centered {
                        let m = self.s[1][i] + (1.0 - alpha) * (g - self.s[1][i]);
                        self.s[1][i] = m;
                        (v - m * m).sqrt() + eps
                    } else {
                        v.sqrt() + eps
                    };
                    if momentum > 0.0 {
                        let b = momentum * self.s[2][i] + g / avg;
                        self.s[2][i] = b;
                        x -= lr * b;
                    } else {
                        x -= lr * (g / avg);
                    }
                }
                Base::Adam { lr, betas: [b1, b2], eps, weight_decay, amsgrad }
                | Base::AdamW { lr, betas: [b1, b2], eps, weight_decay, amsgrad } => {
                    if matches!(self.base, Base::AdamW { .. }) {
                        x *= 1.0 - lr * weight_decay;
                    } else if weight_decay != 0.0 {
                        g += weight_decay * x;
                    }
                    let m = self.s[0][i] + (1.0 - b1) * (g - self.s[0][i]);
                    let v = self.s[1][i] * b2 + (1.0 - b2) * g * g;
                    self.s[0][i] = m;
                    self.s[1][i] = v;
                    let c1 = 1.0 - b1.powi(self.t);
                    let c2 = (1.0 - b2.powi(self.t)).sqrt();
                    let mut w = v;
                    if amsgrad {
                        w = self.s[2][i].max(v);
                        self.s[2][i] = w;
                    }
                    x -= (lr / c1) * m / (w.sqrt() / c2 + eps);
                }
            }
            params[i] = T::from_f64(x);
        }
        Ok(Update::Step)
    }
    fn reset(&mut self) {}
}
