//! The networks that are measured.

use aadl_core::nn::{Activation, Layer, Network};

const fn network(layers: &'static [Layer]) -> Network<'static> {
    match Network::new(layers) {
        Ok(network) => network,
        Err(_) => panic!("the layers do not fit together"),
    }
}

/// 131 parameters.
pub const SMALL: Network =
    network(&[Layer::dense(4, 16, Activation::Tanh), Layer::dense(16, 3, Activation::Identity)]);

/// 2,410 parameters.
pub const LARGE: Network =
    network(&[Layer::dense(64, 32, Activation::Relu), Layer::dense(32, 10, Activation::Identity)]);
