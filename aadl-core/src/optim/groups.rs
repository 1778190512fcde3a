//! Parameter groups: consecutive parts of one parameter vector, each with its own optimizer.

use super::{Optimizer, Update, check_or_take_back};
use crate::error::{Error, check_length};
use crate::real::Real;

/// `G` optimizers, each on its part of the parameters: group `i` is
/// `params[ends[i - 1] .. ends[i]]`, the first beginning at 0. Optimizers of different types go
/// together as `&mut dyn Optimizer<T>`.
///
/// [`Optimizer::step`] asks all groups for errors before it moves any (one more read of parameters
/// and gradient). RAM: the optimizers and `G` integers.
///
/// ```
/// use aadl_core::optim::{Adam, AdamConfig, Grouped, Optimizer, Sgd, SgdConfig};
/// let mut weights = Adam::new(AdamConfig::DEFAULT, [0.0; 4])?;
/// let mut bias = Sgd::new(SgdConfig { lr: 0.5, ..SgdConfig::DEFAULT }, [])?;
/// let parts: [&mut dyn Optimizer<f32>; 2] = [&mut weights, &mut bias];
/// let mut optimizer = Grouped::new([2, 3], parts)?;
///
/// let mut params = [1.0f32, 2.0, 3.0];
/// optimizer.step(&mut params, &[1.0, 1.0, 2.0])?;
/// assert_eq!(params[2], 2.0);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Grouped<O, const G: usize> {
    ends: [usize; G],
    optimizers: [O; G],
}

impl<O, const G: usize> Grouped<O, G> {
    /// `ends` must ascend strictly; the last is the number of parameters, which each step checks.
    ///
    /// # Errors
    /// [`Error::Config`] of `ends`.
    pub fn new(ends: [usize; G], optimizers: [O; G]) -> Result<Self, Error> {
        const { assert!(G > 0, "at least one group") };
        if ends.is_sorted_by(|a, b| a < b) && ends.first().is_some_and(|end| *end > 0) {
            Ok(Self { ends, optimizers })
        } else {
            Err(Error::Config { field: "ends", requires: "0 < first end, strictly ascending" })
        }
    }

    /// Where the groups end.
    pub const fn ends(&self) -> &[usize; G] {
        &self.ends
    }

    /// The optimizers, for reading.
    pub const fn optimizers(&self) -> &[O; G] {
        &self.optimizers
    }

    /// The optimizers, to change a learning rate.
    pub const fn optimizers_mut(&mut self) -> &mut [O; G] {
        &mut self.optimizers
    }

    /// The bounds of the groups.
    fn bounds(&self) -> impl Iterator<Item = (usize, usize)> + use<O, G> {
        let mut start = 0;
        self.ends.into_iter().map(move |end| (core::mem::replace(&mut start, end), end))
    }
}

impl<T: Real, O: Optimizer<T>, const G: usize> Optimizer<T> for Grouped<O, G> {
    /// An error that only a step itself can find (see [`super::Averaged`]; missing scratch of
    /// [`super::WithScratch`]) leaves the groups before that one moved.
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        if check_or_take_back(self, params, grad)? {
            return Ok(Update::Jump);
        }
        let mut update = Update::Step;
        for ((start, end), optimizer) in self.bounds().zip(&mut self.optimizers) {
            if let (Some(params), Some(grad)) = (params.get_mut(start..end), grad.get(start..end))
                && optimizer.step(params, grad).map_err(shifted(start))? == Update::Jump
            {
                update = Update::Jump;
            }
        }
        Ok(update)
    }

    fn reset(&mut self) {
        self.optimizers.iter_mut().for_each(O::reset);
    }

    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        let [.., last] = self.ends.as_slice() else { return Ok(()) };
        check_length("params", *last, params.len())?;
        check_length("grad", *last, grad.len())?;
        // Numbers that are not finite may be answered by taking a jump back, so all else first.
        let mut found = Ok(());
        for ((start, end), optimizer) in self.bounds().zip(&self.optimizers) {
            if let (Some(params), Some(grad)) = (params.get(start..end), grad.get(start..end)) {
                match optimizer.check(params, grad).map_err(shifted(start)) {
                    Err(error @ Error::NonFinite { .. }) => found = found.and(Err(error)),
                    checked => checked?,
                }
            }
        }
        found
    }

    fn interrupt(&mut self) {
        self.optimizers.iter_mut().for_each(O::interrupt);
    }

    fn take_back(&mut self, params: &mut [T]) -> bool {
        let mut any = false;
        if self.ends.last() != Some(&params.len()) {
            return any;
        }
        for ((start, end), optimizer) in self.bounds().zip(&mut self.optimizers) {
            any |= optimizer.take_back(params.get_mut(start..end).unwrap_or_default());
        }
        any
    }
}

/// Places in a group become places in the whole.
fn shifted(start: usize) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::NonFinite { what, index } => Error::NonFinite { what, index: start + index },
        other => other,
    }
}
