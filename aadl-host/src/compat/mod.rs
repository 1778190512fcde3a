//! AADL, the Python package, exactly as it is: for `aadl verify`, for comparisons, and for users who
//! come from it. Nothing else should be built on it; `aadl_core::anderson` does the same job
//! without the faults.
//!
//! Source: Lupo Pasini, Yin, Reshniak & Stoyanov, "Anderson Acceleration for Distributed Training of
//! Deep Learning Models", SoutheastCon 2022, and the behaviour of the package, of which this is a
//! description in code. Its distributed variant is left out.
//!
//! Faults that are reproduced:
//!
//! 1. A rejected point is replaced by the newest *stored* iterate, which is older than the plain
//!    step unless one was stored in this very step.
//! 2. An accepted point replaces the newest iterate, and the difference across it is then taken for
//!    a residual, which it is not.
//! 3. Without a closure the point is always loaded, and the history never learns of it.
//! 4. Averages are loaded if `max(std) / max(mean) > 0.1`, without absolute values: never where all
//!    means are negative, always where the largest is 0. With one entry the deviation is NaN, and
//!    nothing is loaded. The average stays out of its own history.
//! 5. The regularization is absolute, so it depends on the units of the parameters.
//! 6. NaN and infinities go through the extrapolation unseen.
//! 7. `relaxation` above 1 is allowed. A history depth below 3 never accelerates.
//! 8. `store_each_nth = 0` stores every step.
//! 9. A group's safeguard compares losses at parameters where the groups before it have already
//!    moved.
//! 10. Everything is stacked, differenced and factored anew in each step.
//!
//! Not reproduced: AADL raises an exception where the normal equations are exactly singular; here
//! dependent columns are dropped. Parameters or a gradient that are not finite are an error of the
//! base optimizer here.

mod extrapolate;

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use aadl_core::optim::Optimizer;
use aadl_core::{Error, Real};

pub use extrapolate::{Extrapolation, extrapolate_normal_equation, extrapolate_qr};

/// How the next point is extrapolated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccelerationType {
    /// Not at all.
    #[default]
    Identity,
    /// [`extrapolate_qr`].
    Anderson,
    /// [`extrapolate_normal_equation`].
    AndersonNormalEquation,
}

impl AccelerationType {
    /// By AADL's name, in any case.
    ///
    /// ```
    /// use aadl_host::compat::AccelerationType;
    /// assert_eq!(AccelerationType::parse("Anderson"), Some(AccelerationType::Anderson));
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "identity" => Some(Self::Identity),
            "anderson" => Some(Self::Anderson),
            "anderson_normal_equation" => Some(Self::AndersonNormalEquation),
            _ => None,
        }
    }
}

/// AADL's parameters, with its names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Default: identity.
    pub acceleration_type: AccelerationType,
    /// Mixing, above 0 (default 0.1).
    pub relaxation: f64,
    /// Steps before the first acceleration (default 1).
    pub wait_iterations: usize,
    /// Iterates kept, per group and queue; at least 1 (default 15).
    pub history_depth: usize,
    /// Every n-th step is stored (default 1).
    pub store_each_nth: usize,
    /// Every n-th step is accelerated; at least 1 (default 1).
    pub frequency: usize,
    /// Absolute Tikhonov coefficient, at least 0 (default 0).
    pub reg_acc: f64,
    /// Whether moving averages are loaded into the parameters (default false).
    pub average: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            acceleration_type: AccelerationType::Identity,
            relaxation: 0.1,
            wait_iterations: 1,
            history_depth: 15,
            store_each_nth: 1,
            frequency: 1,
            reg_acc: 0.0,
            average: false,
        }
    }
}

impl Settings {
    /// Checks each setting against its range.
    pub fn validate(&self) -> Result<(), Error> {
        for (holds, field, requires) in [
            (
                self.relaxation > 0.0 && self.relaxation.is_finite(),
                "relaxation",
                "0 < relaxation < inf",
            ),
            (self.history_depth >= 1, "history_depth", "1 <= history_depth"),
            (self.frequency >= 1, "frequency", "1 <= frequency"),
            (self.reg_acc >= 0.0 && self.reg_acc.is_finite(), "reg_acc", "0 <= reg_acc < inf"),
        ] {
            if !holds {
                return Err(Error::Config { field, requires });
            }
        }
        Ok(())
    }
}

/// What happened in a step, in order. Displayed as in the reference files: `store`, `acc0`, `rej0`,
/// `avg0`, with the number of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The parameters of all groups were appended to their histories.
    Stored,
    /// The extrapolated point of this group was loaded and kept.
    Accelerated(usize),
    /// The loss did not fall; the newest stored iterate of this group was loaded.
    Rejected(usize),
    /// The moving average of this group was loaded.
    Averaged(usize),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored => f.write_str("store"),
            Self::Accelerated(group) => write!(f, "acc{group}"),
            Self::Rejected(group) => write!(f, "rej{group}"),
            Self::Averaged(group) => write!(f, "avg{group}"),
        }
    }
}

/// One parameter group: its place in the parameter vector and its own optimizer and queues.
struct Group<T> {
    range: Range<usize>,
    optimizer: Box<dyn Optimizer<T>>,
    history: VecDeque<Vec<T>>,
    averages: VecDeque<Vec<T>>,
}

/// An accelerated optimizer as AADL makes it.
///
/// ```
/// use aadl_core::optim::SgdConfig;
/// use aadl_host::compat::*;
/// use aadl_host::optim::Base;
/// let settings = Settings {
///     acceleration_type: AccelerationType::Anderson,
///     relaxation: 1.0,
///     ..Settings::default()
/// };
/// let sgd = Base::Sgd(SgdConfig { lr: 0.05, ..SgdConfig::DEFAULT }).build(2)?;
/// let mut aadl = Aadl::new(settings, vec![(0..2, sgd)])?;
/// let mut x = [3.0, -2.0];
/// for _ in 0..60 {
///     let gradient = [x[0], 10.0 * x[1]];
///     let mut loss = |x: &[f64]| 0.5 * (x[0] * x[0] + 10.0 * x[1] * x[1]);
///     aadl.step(&mut x, &gradient, Some(&mut loss))?;
/// }
/// assert!(x[0].abs() < 0.1 && x[1].abs() < 0.1);
/// let plain = aadl.into_optimizers(); // removes the acceleration
/// assert_eq!(plain.len(), 1);
/// # Ok::<(), aadl_core::Error>(())
/// ```
pub struct Aadl<T> {
    settings: Settings,
    groups: Vec<Group<T>>,
    calls: usize,
    since_stored: usize,
}

impl<T> fmt::Debug for Aadl<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aadl")
            .field("settings", &self.settings)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

/// Evaluates the loss at given parameters.
pub type Loss<'a, T> = &'a mut dyn FnMut(&[T]) -> T;

impl<T: Real> Aadl<T> {
    /// Groups are the ranges of the parameter vector, each with its own optimizer.
    ///
    /// # Errors
    /// [`Error::Config`] of a setting outside its range.
    pub fn new(
        settings: Settings,
        groups: Vec<(Range<usize>, Box<dyn Optimizer<T>>)>,
    ) -> Result<Self, Error> {
        settings.validate()?;
        let groups = groups
            .into_iter()
            .map(|(range, optimizer)| Group {
                range,
                optimizer,
                history: VecDeque::new(),
                averages: VecDeque::new(),
            })
            .collect();
        Ok(Self { settings, groups, calls: 0, since_stored: 0 })
    }

    /// Removes the acceleration (`remove_acceleration`): the groups' ranges and optimizers.
    pub fn into_optimizers(self) -> Vec<(Range<usize>, Box<dyn Optimizer<T>>)> {
        self.groups.into_iter().map(|group| (group.range, group.optimizer)).collect()
    }

    /// One step from the gradient at `params`. With a `loss` (AADL: a closure) an extrapolated
    /// point is kept only if its loss is below that of the plain step.
    ///
    /// # Errors
    /// [`Error::Length`] if a group's range is not within `params` and `grad`; the errors of the
    /// base optimizer, which leave groups before the failing one advanced.
    pub fn step(
        &mut self,
        params: &mut [T],
        grad: &[T],
        mut loss: Option<Loss<'_, T>>,
    ) -> Result<Vec<Event>, Error> {
        for Group { range, .. } in &self.groups {
            for (what, found) in [("params", params.len()), ("grad", grad.len())] {
                if range.start > range.end || range.end > found {
                    return Err(Error::Length { what, expected: range.end, found });
                }
            }
        }
        for Group { range, optimizer, .. } in &mut self.groups {
            optimizer.step(&mut params[range.clone()], &grad[range.clone()])?;
        }
        let mut events = Vec::new();
        if self.settings.average {
            self.average(params, &mut events);
        }
        if self.settings.acceleration_type != AccelerationType::Identity {
            self.store(params, &mut events);
            self.calls += 1;
            if self.calls > self.settings.wait_iterations
                && self.calls.is_multiple_of(self.settings.frequency)
            {
                for group in 0..self.groups.len() {
                    self.accelerate(group, params, &mut loss, &mut events)?;
                }
            }
        }
        Ok(events)
    }

    fn store(&mut self, params: &[T], events: &mut Vec<Event>) {
        self.since_stored += 1;
        if self.since_stored >= self.settings.store_each_nth {
            self.since_stored = 0;
            for Group { range, history, .. } in &mut self.groups {
                push(history, self.settings.history_depth, params[range.clone()].to_vec());
            }
            events.push(Event::Stored);
        }
    }

    fn accelerate(
        &mut self,
        index: usize,
        params: &mut [T],
        loss: &mut Option<Loss<'_, T>>,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let Settings { acceleration_type, relaxation, reg_acc, .. } = self.settings;
        let Group { range, history, .. } = &mut self.groups[index];
        if history.len() < 3 {
            return Ok(());
        }
        let iterates: Vec<&[T]> = history.iter().map(Vec::as_slice).collect();
        let point = match acceleration_type {
            AccelerationType::AndersonNormalEquation => {
                extrapolate_normal_equation(&iterates, relaxation, reg_acc)?.point
            }
            _ => extrapolate_qr(&iterates, relaxation, reg_acc)?.point,
        };
        let plain_loss = loss.as_mut().map(|loss| loss(params));
        params[range.clone()].copy_from_slice(&point);
        if let (Some(loss), Some(plain_loss)) = (loss, plain_loss) {
            let newest = history.len() - 1;
            if loss(params) < plain_loss {
                history[newest] = point;
            } else {
                params[range.clone()].copy_from_slice(&history[newest]);
                events.push(Event::Rejected(index));
                return Ok(());
            }
        }
        events.push(Event::Accelerated(index));
        Ok(())
    }

    fn average(&mut self, params: &mut [T], events: &mut Vec<Event>) {
        for (index, Group { range, averages, .. }) in self.groups.iter_mut().enumerate() {
            let params = &mut params[range.clone()];
            push(averages, self.settings.history_depth, params.to_vec());
            let (mean, deviation) = moments(averages, params.len());
            // False where either is NaN.
            if largest(&deviation) / largest(&mean) > T::from_f64(0.1) {
                params.copy_from_slice(&mean);
                events.push(Event::Averaged(index));
            }
        }
    }
}

fn push<T>(queue: &mut VecDeque<Vec<T>>, depth: usize, entry: Vec<T>) {
    if queue.len() >= depth {
        queue.pop_front();
    }
    queue.push_back(entry);
}

/// Mean and unbiased standard deviation of each coordinate; the latter is NaN of one entry.
fn moments<T: Real>(entries: &VecDeque<Vec<T>>, length: usize) -> (Vec<T>, Vec<T>) {
    let count = T::from_f64(entries.len() as f64);
    let mut mean = vec![T::ZERO; length];
    for entry in entries {
        for (mean, x) in mean.iter_mut().zip(entry) {
            *mean += *x;
        }
    }
    for mean in &mut mean {
        *mean = *mean / count;
    }
    let mut deviation = vec![T::ZERO; length];
    for entry in entries {
        for ((sum, mean), x) in deviation.iter_mut().zip(&mean).zip(entry) {
            *sum += (*x - *mean) * (*x - *mean);
        }
    }
    for sum in &mut deviation {
        *sum = aadl_core::math::sqrt(*sum / (count - T::ONE));
    }
    (mean, deviation)
}

/// The largest element, or NaN if there is one.
fn largest<T: Real>(x: &[T]) -> T {
    let nan = T::from_f64(f64::NAN);
    let max = |a: T, b: T| match a.partial_cmp(&b) {
        Some(order) => {
            if order.is_lt() {
                b
            } else {
                a
            }
        }
        None => nan,
    };
    x.iter().copied().reduce(max).unwrap_or(nan)
}
