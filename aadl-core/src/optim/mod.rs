//! Optimizers, numerically those of PyTorch, and what wraps them: parameter groups, averaging,
//! acceleration. Every one implements [`Optimizer`], so they nest.

mod accelerated;
mod adam;
mod averaged;
mod groups;
mod rmsprop;
mod sgd;
mod state;

pub use accelerated::{Accelerated, Accelerators, WithScratch};
pub use adam::{Adam, AdamConfig};
pub use averaged::Averaged;
pub use groups::Grouped;
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use sgd::{Sgd, SgdConfig};
pub use state::Rows;

use crate::error::{Error, check_length};
use crate::kernels::first_non_finite_of;
use crate::real::Real;

/// What a step did to the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Update {
    /// One step of the optimizer's map: the difference to the parameters before is a residual.
    Step,
    /// The parameters were also replaced (by an average, an accelerated point): the difference is
    /// no residual, and an accelerator around this optimizer begins a new chain.
    Jump,
}

/// Something that moves parameters along a gradient.
///
/// `params` and `grad` have the same length, that of the state where there is one. A wrong length,
/// parameters or a gradient that are not finite are an [`Error`], and nothing has changed then (but
/// see [`Optimizer::take_back`], and the steps of [`Averaged`] and [`Grouped`]).
///
/// ```
/// use aadl_core::Error;
/// use aadl_core::optim::{Optimizer, Sgd, SgdConfig, Update};
/// let mut sgd = Sgd::new(SgdConfig { lr: 0.1, ..SgdConfig::DEFAULT }, [])?;
/// let mut params = [1.0f32, 2.0];
/// assert_eq!(sgd.step(&mut params, &[1.0, 0.0])?, Update::Step);
/// let refused = Error::NonFinite { what: "grad", index: 1 };
/// assert_eq!(sgd.step(&mut params, &[1.0, f32::NAN]), Err(refused));
/// assert_eq!(params, [0.9, 2.0]);
/// # Ok::<(), Error>(())
/// ```
pub trait Optimizer<T: Real = f32> {
    /// One step from the gradient at `params`.
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error>;

    /// Forgets all state; settings stay.
    fn reset(&mut self);

    /// The error that [`Optimizer::step`] would return for these arguments, without a step, unless
    /// [`Optimizer::take_back`] has an answer. What holds several optimizers asks all of them
    /// before it moves any.
    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        check_step(params, grad)
    }

    /// The parameters were replaced by something other than this optimizer: their difference to the
    /// next is no residual, and accelerators inside begin a new chain. State of optimizers stays.
    fn interrupt(&mut self) {}

    /// Parameters or gradient are not finite: restores the parameters before an accelerated point
    /// that led there and is not confirmed yet. True where there was one; a step with such
    /// arguments is then an [`Update::Jump`] and no error. Optimizers without acceleration have
    /// nothing to take back. False, and nothing changed, for another number of parameters.
    fn take_back(&mut self, params: &mut [T]) -> bool {
        let _ = params;
        false
    }
}

/// [`Optimizer::check`] for the step of an optimizer that holds others, with the answer of
/// [`Optimizer::take_back`]: true where something was taken back, and the step is over.
fn check_or_take_back<T: Real>(
    optimizer: &mut impl Optimizer<T>,
    params: &mut [T],
    grad: &[T],
) -> Result<bool, Error> {
    match optimizer.check(params, grad) {
        Err(Error::NonFinite { .. }) if optimizer.take_back(params) => Ok(true),
        checked => checked.map(|()| false),
    }
}

/// What every optimizer asks of the arguments of a step.
fn check_step<T: Real>(params: &[T], grad: &[T]) -> Result<(), Error> {
    check_length("grad", params.len(), grad.len())?;
    match first_non_finite_of([("params", params), ("grad", grad)]) {
        Some((what, index)) => Err(Error::NonFinite { what, index }),
        None => Ok(()),
    }
}

impl<T: Real, O: Optimizer<T> + ?Sized> Optimizer<T> for &mut O {
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        (**self).step(params, grad)
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        (**self).check(params, grad)
    }

    fn interrupt(&mut self) {
        (**self).interrupt();
    }

    fn take_back(&mut self, params: &mut [T]) -> bool {
        (**self).take_back(params)
    }
}
