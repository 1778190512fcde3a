//! Averaging of oscillating iterates round an optimizer: AADL's `average` option, with a tolerance
//! set by the user and a deviation that is defined for means of any sign (see
//! [`crate::average`]).

use super::{Optimizer, Update, check_or_take_back};
use crate::average::Average;
use crate::error::{Error, check_length};
use crate::real::Real;

/// Steps the optimizer `O`, shows its parameters to the average `V`, and replaces them by the mean
/// while their relative deviation exceeds the tolerance. The average itself is not changed by
/// that: it goes on seeing what the optimizer made, an accelerated point that is taken back a step
/// later included.
///
/// RAM: that of both parts and 8 bytes. Cost: the optimizer's step, one more read of parameters and
/// gradient for its errors, and what [`Average::push`] and [`Average::relative_deviation`] cost.
///
/// ```
/// use aadl_core::average::Averager;
/// use aadl_core::optim::{Averaged, Optimizer, Sgd, SgdConfig, Update};
/// let sgd = Sgd::new(SgdConfig { lr: 1.9, ..SgdConfig::DEFAULT }, [])?;
/// let mut optimizer = Averaged::new(sgd, Averager::<1, 4>::new(), 0.1)?;
/// let mut x = [1.0f32]; // the gradient of x^2 / 2 is x: the iterates oscillate round 0
/// let g = x;
/// assert_eq!(optimizer.step(&mut x, &g)?, Update::Step);
/// let g = x;
/// assert_eq!(optimizer.step(&mut x, &g)?, Update::Jump);
/// assert!(x[0].abs() < 0.1);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Averaged<O, V> {
    optimizer: O,
    average: V,
    tolerance: f64,
}

impl<O, V> Averaged<O, V> {
    /// `tolerance` is the relative deviation above which the mean is loaded, at least 0 (any
    /// deviation); infinity: never. AADL's fixed threshold, on another measure, is 0.1.
    ///
    /// # Errors
    /// [`Error::Config`] of a tolerance that is negative or NaN.
    pub fn new(optimizer: O, average: V, tolerance: f64) -> Result<Self, Error> {
        crate::average::check_tolerance(tolerance)?;
        Ok(Self { optimizer, average, tolerance })
    }

    /// The tolerance.
    pub const fn tolerance(&self) -> f64 {
        self.tolerance
    }

    /// The optimizer.
    pub const fn optimizer(&self) -> &O {
        &self.optimizer
    }

    /// The optimizer, to change its learning rate.
    pub const fn optimizer_mut(&mut self) -> &mut O {
        &mut self.optimizer
    }

    /// The average.
    pub const fn average(&self) -> &V {
        &self.average
    }

    /// Removes the averaging: the optimizer with its state, and the average.
    pub fn into_inner(self) -> (O, V) {
        (self.optimizer, self.average)
    }
}

impl<T: Real, O: Optimizer<T>, V: Average<T>> Optimizer<T> for Averaged<O, V> {
    /// [`Update::Jump`] where the mean was loaded, else what the optimizer returned. Parameters
    /// that are not finite are an [`Error`] too. If the optimizer makes them so from finite ones
    /// (an overflow), or so large that [`Average::push`] refuses them, the error is found after its
    /// step: `params` is then what the optimizer made and the average is unchanged.
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        if check_or_take_back(self, params, grad)? {
            return Ok(Update::Jump);
        }
        let update = self.optimizer.step(params, grad)?;
        self.average.push(params)?;
        let applied = self.average.apply(params, self.tolerance)?;
        if !applied.loaded {
            return Ok(update);
        }
        self.optimizer.interrupt();
        Ok(Update::Jump)
    }

    fn reset(&mut self) {
        self.optimizer.reset();
        self.average.reset();
    }

    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        check_length("params", self.average.dimension(), params.len())?;
        self.optimizer.check(params, grad)
    }

    fn interrupt(&mut self) {
        self.optimizer.interrupt();
    }

    fn take_back(&mut self, params: &mut [T]) -> bool {
        self.optimizer.take_back(params)
    }
}
