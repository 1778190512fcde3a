//! The core's optimizers on heap memory, chosen at run time, and L-BFGS with a line search.

mod lbfgs;
mod line_search;

pub use lbfgs::{Lbfgs, LbfgsRun, LbfgsStop};

use aadl_core::optim::{Adam, AdamConfig, Optimizer, RmsProp, RmsPropConfig, Sgd, SgdConfig};
use aadl_core::{Error, Real};

/// An optimizer by its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Base {
    /// Gradient descent, with momentum or without.
    Sgd(SgdConfig),
    /// RMSprop.
    RmsProp(RmsPropConfig),
    /// Adam, or AdamW where the weight decay is decoupled.
    Adam(AdamConfig),
}

impl Base {
    /// Numbers of state for each parameter.
    pub const fn rows(&self) -> usize {
        match self {
            Self::Sgd(config) => config.rows(),
            Self::RmsProp(config) => config.rows(),
            Self::Adam(config) => config.rows(),
        }
    }

    /// The optimizer for `params` parameters.
    ///
    /// # Errors
    /// [`Error::Config`] of a setting outside its range.
    pub fn build<T: Real>(&self, params: usize) -> Result<Box<dyn Optimizer<T>>, Error> {
        let state = vec![T::ZERO; self.rows() * params];
        Ok(match *self {
            Self::Sgd(config) => Box::new(Sgd::new(config, state)?),
            Self::RmsProp(config) => Box::new(RmsProp::new(config, state)?),
            Self::Adam(config) => Box::new(Adam::new(config, state)?),
        })
    }
}
