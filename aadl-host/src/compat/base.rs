//! The base optimizers that AADL is used with, from their PyTorch settings.

use aadl_core::optim::{Adam, AdamConfig, Optimizer, RmsProp, RmsPropConfig, Sgd, SgdConfig};
use aadl_core::{Error, Real};

/// An optimizer by its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Base {
    /// `torch.optim.SGD`.
    Sgd(SgdConfig),
    /// `torch.optim.RMSprop`.
    RmsProp(RmsPropConfig),
    /// `torch.optim.Adam`, or `AdamW` where the weight decay is decoupled.
    Adam(AdamConfig),
}

/// The optimizer for a group of `length` parameters.
///
/// # Errors
/// [`Error::Config`] of a setting outside its range.
pub fn build_optimizer<T: Real>(
    base: &Base,
    length: usize,
) -> Result<Box<dyn Optimizer<T>>, Error> {
    let state = |rows: usize| vec![T::ZERO; rows * length];
    Ok(match *base {
        Base::Sgd(config) => Box::new(Sgd::new(config, state(config.rows()))?),
        Base::RmsProp(config) => Box::new(RmsProp::new(config, state(config.rows()))?),
        Base::Adam(config) => Box::new(Adam::new(config, state(config.rows()))?),
    })
}
