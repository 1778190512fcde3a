//! Acceleration around an optimizer, over all parameters or group by group.
//!
//! A step of the optimizer is taken as a step of a fixed-point map of the parameters. With momentum
//! or adaptive scales it is not quite one (the map changes with the optimizer's own state), and
//! acceleration of such optimizers rarely pays; around plain gradient descent it does.

use core::ops::Range;

use crate::anderson::{Anderson, AndersonMut, Config, LossFn, Reason, Safeguard, Step};
use crate::error::{Error, check_length};
use crate::kernels::{Kernels, Portable};
use crate::optim::{Optimizer, Update};
use crate::real::Real;

/// One accelerator over all parameters, or one for each of some consecutive groups: an owner, an
/// array of owners, or a pair of either (nested, for groups of several sizes).
///
/// ```
/// use aadl_core::anderson::Anderson;
/// use aadl_core::optim::Accelerators;
/// // A weight matrix of 12 numbers and a bias of 3, each with a history of its own.
/// let mut groups = (Anderson::<12, 5>::new(), Anderson::<3, 5>::new());
/// assert_eq!(groups.count(), 2);
/// assert_eq!(groups.get(1).unwrap().dimension(), 3);
/// ```
pub trait Accelerators<T: Real> {
    /// The kernels they run on.
    type Kernels: Kernels;

    /// How many groups there are.
    fn count(&self) -> usize;

    /// Parameters of all groups together.
    fn dimension(&self) -> usize;

    /// The accelerator of a group; none from [`Accelerators::count`] on.
    fn get(&mut self, group: usize) -> Option<AndersonMut<'_, T, Self::Kernels>>;

    /// Visits all groups in order, each with the range of its parameters, up to the first error.
    ///
    /// # Errors
    /// Those of `visit`.
    fn for_each(
        &mut self,
        mut visit: impl FnMut(AndersonMut<'_, T, Self::Kernels>, Range<usize>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut start = 0;
        for group in 0..self.count() {
            if let Some(accelerator) = self.get(group) {
                let range = start..start + accelerator.dimension();
                start = range.end;
                visit(accelerator, range)?;
            }
        }
        Ok(())
    }
}

impl<const N: usize, const M: usize, T: Real> Accelerators<T> for Anderson<N, M, T> {
    type Kernels = Portable;

    fn count(&self) -> usize {
        1
    }

    fn dimension(&self) -> usize {
        N
    }

    fn get(&mut self, group: usize) -> Option<AndersonMut<'_, T>> {
        (group == 0).then(|| self.view())
    }
}

impl<T: Real, A: Accelerators<T>> Accelerators<T> for &mut A {
    type Kernels = A::Kernels;

    fn count(&self) -> usize {
        (**self).count()
    }

    fn dimension(&self) -> usize {
        (**self).dimension()
    }

    fn get(&mut self, group: usize) -> Option<AndersonMut<'_, T, A::Kernels>> {
        (**self).get(group)
    }
}

impl<T: Real, A: Accelerators<T>> Accelerators<T> for [A] {
    type Kernels = A::Kernels;

    fn count(&self) -> usize {
        self.iter().fold(0, |count, a| count + a.count())
    }

    fn dimension(&self) -> usize {
        self.iter().fold(0, |dimension, a| dimension + a.dimension())
    }

    fn get(&mut self, mut group: usize) -> Option<AndersonMut<'_, T, A::Kernels>> {
        for accelerators in self {
            let count = accelerators.count();
            if group < count {
                return accelerators.get(group);
            }
            group -= count;
        }
        None
    }
}

impl<T: Real, A: Accelerators<T>, const G: usize> Accelerators<T> for [A; G] {
    type Kernels = A::Kernels;

    fn count(&self) -> usize {
        self.as_slice().count()
    }

    fn dimension(&self) -> usize {
        self.as_slice().dimension()
    }

    fn get(&mut self, group: usize) -> Option<AndersonMut<'_, T, A::Kernels>> {
        self.as_mut_slice().get(group)
    }
}

impl<T: Real, A: Accelerators<T>, B: Accelerators<T, Kernels = A::Kernels>> Accelerators<T>
    for (A, B)
{
    type Kernels = A::Kernels;

    fn count(&self) -> usize {
        self.0.count() + self.1.count()
    }

    fn dimension(&self) -> usize {
        self.0.dimension() + self.1.dimension()
    }

    fn get(&mut self, group: usize) -> Option<AndersonMut<'_, T, A::Kernels>> {
        let first = self.0.count();
        if group < first { self.0.get(group) } else { self.1.get(group - first) }
    }
}

/// Accelerators with scratch for [`Solver::Qr`](crate::anderson::Solver::Qr), which the groups
/// share: [`AndersonMut::qr_scratch`] of the largest.
///
/// ```
/// use aadl_core::anderson::{Anderson, AndersonMut, Config, Solver};
/// use aadl_core::optim::{Accelerated, Optimizer, Sgd, SgdConfig, WithScratch};
/// let scratch = [0.0; AndersonMut::<f32>::qr_scratch(2, 5)];
/// let accelerator = WithScratch { accelerators: Anderson::<2, 5>::new(), scratch };
/// let config = Config { solver: Solver::Qr, ..Config::DEFAULT };
/// let sgd = Sgd::new(SgdConfig { lr: 0.1, ..SgdConfig::DEFAULT }, [])?;
/// let mut optimizer = Accelerated::new(sgd, accelerator, config)?;
/// optimizer.step(&mut [1.0, 2.0], &[1.0, 2.0])?;
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WithScratch<A, S> {
    /// The accelerators.
    pub accelerators: A,
    /// An array, a slice, a `Vec`; its values do not matter.
    pub scratch: S,
}

impl<T: Real, A: Accelerators<T>, S: AsMut<[T]>> Accelerators<T> for WithScratch<A, S> {
    type Kernels = A::Kernels;

    fn count(&self) -> usize {
        self.accelerators.count()
    }

    fn dimension(&self) -> usize {
        self.accelerators.dimension()
    }

    fn get(&mut self, group: usize) -> Option<AndersonMut<'_, T, A::Kernels>> {
        let accelerator = self.accelerators.get(group)?;
        Some(accelerator.with_scratch(self.scratch.as_mut()))
    }
}

/// An optimizer with acceleration after each of its steps. It is an [`Optimizer`] itself.
///
/// The accelerators may be given by value or, so that they stay in a `static`, by `&mut`. The
/// optimizer's own state (momentum, moments) is never touched by a jump, accepted or rejected.
///
/// ```
/// use aadl_core::anderson::{Anderson, Config};
/// use aadl_core::optim::{Accelerated, Sgd, SgdConfig};
/// // Minimise 0.5 (x^2 + 30 y^2), the loss guarding each accelerated point.
/// let sgd = Sgd::new(SgdConfig { lr: 0.03, ..SgdConfig::DEFAULT }, [])?;
/// let accelerator = Anderson::<2, 6, f64>::new();
/// let mut optimizer = Accelerated::new(sgd, accelerator, Config::TRAINING)?;
/// let mut params = [1.0, 1.0];
/// for _ in 0..6 {
///     let grad = [params[0], 30.0 * params[1]];
///     optimizer.step_with(&mut params, &grad, |p| 0.5 * (p[0] * p[0] + 30.0 * p[1] * p[1]))?;
/// }
/// assert!(params[0].abs() < 1e-6); // plain SGD: 0.83
/// let (_sgd, accelerator) = optimizer.into_inner();
/// assert_eq!(accelerator.stats().steps, 6);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Accelerated<O, A> {
    optimizer: O,
    accelerators: A,
    config: Config,
}

impl<O, A> Accelerated<O, A> {
    /// Accelerates `optimizer` with `accelerators`.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn new(optimizer: O, accelerators: A, config: Config) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self { optimizer, accelerators, config })
    }

    /// The optimizer.
    pub const fn optimizer(&self) -> &O {
        &self.optimizer
    }

    /// The optimizer, to change its learning rate.
    pub const fn optimizer_mut(&mut self) -> &mut O {
        &mut self.optimizer
    }

    /// The accelerators: their statistics, their last step.
    pub const fn accelerators(&self) -> &A {
        &self.accelerators
    }

    /// The accelerators, to reset or interrupt them.
    pub const fn accelerators_mut(&mut self) -> &mut A {
        &mut self.accelerators
    }

    /// Goes on with other settings; the history stays.
    ///
    /// # Errors
    /// [`Error::Config`]; the settings stay as they were then.
    pub fn reconfigure(&mut self, config: Config) -> Result<(), Error> {
        config.validate()?;
        self.config = config;
        Ok(())
    }

    /// Removes the acceleration.
    pub fn into_inner(self) -> (O, A) {
        (self.optimizer, self.accelerators)
    }

    /// [`Optimizer::step`] with a loss of all parameters, for
    /// [`Safeguard::Loss`](crate::anderson::Safeguard::Loss). What became of each group is in
    /// [`AndersonMut::last_step`]; a step that takes a jump back counts, and is the last, only in
    /// the groups that had one.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::NonFinite`]; nothing has changed then.
    pub fn step_with<T: Real>(
        &mut self,
        params: &mut [T],
        grad: &[T],
        mut loss: impl FnMut(&[T]) -> T,
    ) -> Result<Update, Error>
    where
        O: Optimizer<T>,
        A: Accelerators<T>,
    {
        self.advance(params, grad, Some(&mut loss))
    }

    fn advance<T: Real>(
        &mut self,
        params: &mut [T],
        grad: &[T],
        mut loss: Option<LossFn<'_, T>>,
    ) -> Result<Update, Error>
    where
        O: Optimizer<T>,
        A: Accelerators<T>,
    {
        // All that can be wrong is found out before anything moves.
        let (config, with_loss) = (&self.config, loss.is_some());
        check_length("params", self.accelerators.dimension(), params.len())?;
        let (mut starting, mut unconfirmed) = (false, false);
        self.accelerators.for_each(|accelerator, range| {
            starting |= accelerator.wants_start();
            unconfirmed |= accelerator.state().is_unconfirmed();
            accelerator.check(config, range.len(), with_loss)
        })?;
        if starting || unconfirmed {
            match self.optimizer.check(params, grad) {
                Err(Error::NonFinite { .. }) if self.take_back(params) => return Ok(Update::Jump),
                checked => checked?,
            }
        }
        if starting {
            self.start(params)?;
        }

        let mut update = self.optimizer.step(params, grad)?;
        let (config, jumped) = (&self.config, update == Update::Jump);
        let mut replaced = false;
        self.accelerators.for_each(|mut accelerator, range| {
            if jumped {
                accelerator.interrupt();
            }
            let loss = loss.as_mut().map(|loss| &mut **loss as LossFn<'_, T>);
            let step = accelerator.step_range(config, params, range, loss)?;
            if matches!(step, Step::Accelerated { .. } | Step::Rejected(Reason::ResidualGrew)) {
                replaced = true;
            }
            Ok(())
        })?;
        if replaced {
            // Accelerators further inside must not take the jump for a step of theirs.
            self.optimizer.interrupt();
            update = Update::Jump;
        }
        Ok(update)
    }

    fn interrupt_accelerators<T: Real>(&mut self)
    where
        A: Accelerators<T>,
    {
        let _ = self.accelerators.for_each(|mut accelerator, _| {
            accelerator.interrupt();
            Ok(())
        });
    }

    /// Stores the point before the step for every group that begins a chain.
    fn start<T: Real>(&mut self, params: &[T]) -> Result<(), Error>
    where
        A: Accelerators<T>,
    {
        self.accelerators.for_each(|mut accelerator, range| {
            if accelerator.wants_start() {
                accelerator.start(params.get(range).unwrap_or_default())?;
            }
            Ok(())
        })
    }
}

impl<T: Real, O: Optimizer<T>, A: Accelerators<T>> Optimizer<T> for Accelerated<O, A> {
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        self.advance(params, grad, None)
    }

    fn reset(&mut self) {
        self.optimizer.reset();
        let _ = self.accelerators.for_each(|mut accelerator, _| {
            accelerator.reset();
            Ok(())
        });
    }

    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        check_length("params", self.accelerators.dimension(), params.len())?;
        if self.config.safeguard == Safeguard::Loss {
            return Err(Error::LossRequired);
        }
        self.optimizer.check(params, grad)
    }

    fn interrupt(&mut self) {
        self.interrupt_accelerators();
        self.optimizer.interrupt();
    }

    fn take_back(&mut self, params: &mut [T]) -> bool {
        let mut any = false;
        if params.len() != self.accelerators.dimension() {
            return any;
        }
        let _ = self.accelerators.for_each(|mut accelerator, range| {
            if accelerator.state().is_unconfirmed() {
                accelerator.take_back_unconfirmed(params.get_mut(range).unwrap_or_default());
                any = true;
            }
            Ok(())
        });
        if any {
            self.optimizer.interrupt();
        } else if self.optimizer.take_back(params) {
            self.interrupt_accelerators();
            any = true;
        }
        any
    }
}
