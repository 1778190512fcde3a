//! Dense networks on a constant table of layers: one definition serves device and host, and the
//! sizes of all buffers are constants of the program.
//!
//! | file | what it holds |
//! |---|---|
//! | `activation` | [`Activation`]: value and derivative, element by element |
//! | `loss` | [`Loss`] and [`Targets`]: the loss of one sample and its gradient |
//! | `network` | [`Layer`], [`Network`]: the table of layers and its sizes |
//! | `evaluate` | [`Network::predict`], [`Network::loss`], [`Network::loss_and_gradient`] |
//! | `init` | [`Init`]: seeded initial parameters, the same bits everywhere |
//! | `classify` | [`argmax`], [`Network::count_correct`] |
//!
//! Parameters are one slice, laid out as PyTorch's `nn.Sequential(nn.Linear, activation, ...)`
//! lists them: for each layer its weights (`outputs x inputs`, row-major), then its biases.
//! Samples are rows: inputs `batch x inputs`, outputs `batch x outputs`, row-major.
//!
//! ```
//! use aadl_core::Error;
//! use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
//! use aadl_core::random::Random;
//!
//! const NET: Network = match Network::new(&[
//!     Layer::dense(2, 8, Activation::Tanh),
//!     Layer::dense(8, 1, Activation::Identity),
//! ]) {
//!     Ok(net) => net,
//!     Err(_) => panic!("the layers do not fit together"),
//! };
//!
//! let mut params = [0.0f32; NET.params()];
//! let mut grad = [0.0; NET.params()];
//! let mut scratch = [0.0; NET.scratch(1)];
//! NET.init(Init::PYTORCH, &mut Random::new(1), &mut params)?;
//! let (inputs, targets) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0]);
//! let targets = Targets::Values(&targets);
//! let before = NET.loss_and_gradient(
//!     Loss::MeanSquares, &params, &inputs, targets, &mut grad, &mut scratch)?;
//! for (p, g) in params.iter_mut().zip(&grad) {
//!     *p -= 0.1 * g;
//! }
//! assert!(NET.loss(Loss::MeanSquares, &params, &inputs, targets, &mut scratch)? < before);
//! # Ok::<(), Error>(())
//! ```

mod activation;
mod classify;
mod evaluate;
mod init;
mod loss;
mod network;

pub use activation::Activation;
pub use classify::argmax;
pub use evaluate::TILE;
pub use init::{Biases, Init, Weights};
pub use loss::{Loss, Targets};
pub use network::{Layer, Network};
