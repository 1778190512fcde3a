//! Initial parameters: Kaiming (He, Zhang, Ren & Sun, ICCV 2015) and Xavier (Glorot & Bengio,
//! AISTATS 2010), uniform and normal, as `torch.nn.init` defines them.
//!
//! With `i` inputs and `o` outputs of a layer, weights are drawn from
//!
//! | | uniform on `+-bound` | normal of deviation |
//! |---|---|---|
//! | Kaiming | `gain sqrt(3 / i)` | `gain / sqrt(i)` |
//! | Xavier | `sqrt(6 / (i + o))` | `sqrt(2 / (i + o))` |
//! | PyTorch's `nn.Linear` | `sqrt(1 / i)` | |
//!
//! with the gain of the layer's own activation: `sqrt 2` for ReLU, and for softplus, which tends
//! to it, `sqrt(2 / (1 + slope^2))` for leaky ReLU, `5/3` for tanh, else 1.
//!
//! # Order of draws
//! Layer by layer, the weights row by row, then the biases if they are drawn. A uniform number
//! takes one step of the generator, a normal one two, in either precision. The bound is computed
//! in float64 and rounded to `T` once; a uniform number is `(u + u - 1) bound`. So the same seed
//! gives the same bits on every target.

use super::activation::Activation;
use super::network::{Layer, Network};
use crate::error::{Error, check_length};
use crate::math::{Math, sqrt};
use crate::random::Random;
use crate::real::Real;

/// From which distribution weights are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Weights {
    /// Uniform, keeps the variance of values through the layers below an activation.
    KaimingUniform,
    /// Normal, with the same variance.
    KaimingNormal,
    /// Uniform, a compromise between forward and backward variance.
    XavierUniform,
    /// Normal, with the same variance.
    XavierNormal,
    /// Uniform on `+-1 / sqrt(inputs)`: the default of `nn.Linear`.
    #[default]
    Linear,
}

/// How biases begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Biases {
    /// All zero.
    Zero,
    /// Uniform on `+-1 / sqrt(inputs)`: the default of `nn.Linear`.
    #[default]
    Linear,
}

/// How parameters begin. The default is [`Init::PYTORCH`].
///
/// ```
/// use aadl_core::nn::{Activation, Biases, Init, Layer, Network, Weights};
/// use aadl_core::random::Random;
/// let layers = [Layer::dense(3, 2, Activation::Relu)];
/// let net: Network = Network::new(&layers)?;
/// let init = Init { weights: Weights::KaimingUniform, biases: Biases::Zero };
/// let mut params = [1.0f32; 8];
/// net.init(init, &mut Random::new(7), &mut params)?;
/// assert!(params[..6].iter().all(|w| w.abs() <= 2.0f32.sqrt()));
/// assert_eq!(params[6..], [0.0; 2]);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Init {
    /// Of the weights.
    pub weights: Weights,
    /// Of the biases.
    pub biases: Biases,
}

impl Init {
    /// What `nn.Linear` does when it is made.
    pub const PYTORCH: Self = Self { weights: Weights::Linear, biases: Biases::Linear };
}

enum Draw {
    Uniform(f64),
    Normal(f64),
}

impl Weights {
    fn draw(self, layer: &Layer) -> Draw {
        let (inputs, outputs) = (layer.inputs as f64, layer.outputs as f64);
        let gain2 = match layer.activation {
            Activation::Identity | Activation::Sigmoid => 1.0,
            Activation::Tanh => 25.0 / 9.0,
            Activation::Relu | Activation::Softplus => 2.0,
            Activation::LeakyRelu(slope) => 2.0 / (1.0 + slope * slope),
        };
        match self {
            Weights::KaimingUniform => Draw::Uniform(sqrt(3.0 * gain2 / inputs)),
            Weights::KaimingNormal => Draw::Normal(sqrt(gain2 / inputs)),
            Weights::XavierUniform => Draw::Uniform(sqrt(6.0 / (inputs + outputs))),
            Weights::XavierNormal => Draw::Normal(sqrt(2.0 / (inputs + outputs))),
            Weights::Linear => Draw::Uniform(sqrt(1.0 / inputs)),
        }
    }
}

impl Draw {
    fn fill<T: Real, F: Math<T>>(self, random: &mut Random, x: &mut [T]) {
        match self {
            Draw::Uniform(bound) => {
                let bound = T::from_f64(bound);
                for x in x {
                    let u: T = random.uniform();
                    *x = (u + u - T::ONE) * bound;
                }
            }
            Draw::Normal(deviation) => {
                let deviation = T::from_f64(deviation);
                for x in x {
                    *x = random.normal::<T, F>() * deviation;
                }
            }
        }
    }
}

impl<F, K> Network<'_, F, K> {
    /// Fills `params` ([`Network::params`] of them) with seeded random numbers.
    ///
    /// # Errors
    /// [`Error::Length`] of `params`; nothing is drawn or written then.
    pub fn init<T: Real>(
        &self,
        init: Init,
        random: &mut Random,
        params: &mut [T],
    ) -> Result<(), Error>
    where
        F: Math<T>,
    {
        check_length("params", self.params(), params.len())?;
        let mut rest = params;
        for layer in self.layers() {
            let (weights, tail) = core::mem::take(&mut rest)
                .split_at_mut_checked(layer.inputs * layer.outputs)
                .unwrap_or_default();
            let (bias, tail) = tail.split_at_mut_checked(layer.outputs).unwrap_or_default();
            init.weights.draw(layer).fill::<T, F>(random, weights);
            match init.biases {
                Biases::Zero => bias.fill(T::ZERO),
                Biases::Linear => Weights::Linear.draw(layer).fill::<T, F>(random, bias),
            }
            rest = tail;
        }
        Ok(())
    }
}
