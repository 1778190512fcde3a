//! Vec-backed owners, for sizes known at run time only.

use std::marker::PhantomData;

use aadl_core::anderson::{AndersonMut, Memory, State};
use aadl_core::history::MAX_DEPTH;
use aadl_core::kernels::{Column, Kernels};
use aadl_core::multisecant::{self, MultisecantMut};
use aadl_core::optim::Accelerators;
use aadl_core::{Error, Real};

use crate::layout::Columns;
use crate::simd::Fastest;

/// The accelerator of the core on heap memory.
///
/// ```
/// use aadl_core::anderson::Config;
/// use aadl_host::owned::AndersonVec;
/// let mut accelerator = AndersonVec::<f64>::new(2, 5)?;
/// let mut x = vec![0.0f64, 0.5];
/// for _ in 0..12 {
///     x.iter_mut().for_each(|x| *x = x.cos());
///     accelerator.view().step(&Config::DEFAULT, &mut x)?;
/// }
/// assert!((x[0] - 0.7390851332151607).abs() < 1e-8);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AndersonVec<T, K = Fastest> {
    n: usize,
    depth: usize,
    iterates: Columns<T>,
    gram: Vec<f64>,
    work: Vec<f64>,
    exponents: Vec<i16>,
    pivots: Vec<u16>,
    state: State,
    kernels: PhantomData<K>,
}

impl<T: Real, K: Kernels> AndersonVec<T, K> {
    /// An empty accelerator of `depth` iterates of `n` numbers.
    ///
    /// # Errors
    /// [`Error::Config`] where `depth` is not in `3..=32`.
    pub fn new(n: usize, depth: usize) -> Result<Self, Error> {
        if !(3..=MAX_DEPTH).contains(&depth) {
            return Err(Error::Config { field: "depth", requires: "3 <= depth <= 32" });
        }
        Ok(Self {
            n,
            depth,
            iterates: Columns::new(n, depth, T::ZERO),
            gram: vec![0.0; depth * depth],
            work: vec![0.0; 2 * depth],
            exponents: vec![0; depth],
            pivots: vec![0; depth],
            state: State::new(),
            kernels: PhantomData,
        })
    }

    /// The accelerator itself.
    pub fn view(&mut self) -> AndersonMut<'_, T, K> {
        let stride = self.iterates.stride();
        let memory = Memory {
            iterates: self.iterates.as_mut_slice(),
            gram: &mut self.gram,
            work: &mut self.work,
            exponents: &mut self.exponents,
            pivots: &mut self.pivots,
        };
        AndersonMut::new(self.n, self.depth, stride, memory, &mut self.state)
            .expect("the constructor has checked the depth and made the lengths")
    }
}

impl<T: Real, K: Kernels> Accelerators<T> for AndersonVec<T, K> {
    type Kernels = K;

    fn count(&self) -> usize {
        1
    }

    fn dimension(&self) -> usize {
        self.n
    }

    fn get(&mut self, group: usize) -> Option<AndersonMut<'_, T, K>> {
        (group == 0).then(|| self.view())
    }
}

/// The learning-rate-free engine of the core on heap memory.
///
/// ```
/// use aadl_core::multisecant::Config;
/// use aadl_host::owned::MultisecantVec;
/// let mut engine = MultisecantVec::<i16>::new(2, 5)?;
/// let (mut x, mut gradient) = (vec![3.0f32, -1.0], vec![0.0; 2]);
/// for _ in 0..20 {
///     gradient.copy_from_slice(&[2.0 * x[0], 20.0 * x[1]]);
///     let loss = x[0] * x[0] + 10.0 * x[1] * x[1];
///     engine.view().tell(&Config::DEFAULT, &mut x, loss, &mut gradient)?;
///     engine.view().ask(&Config::DEFAULT, &mut x)?;
/// }
/// assert!(x[0].abs() < 1e-6 && x[1].abs() < 1e-6);
/// # Ok::<(), aadl_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MultisecantVec<C = i16, K = Fastest> {
    n: usize,
    depth: usize,
    steps: Columns<C>,
    changes: Columns<C>,
    point: Vec<f32>,
    gradient: Vec<f32>,
    squares: Vec<f32>,
    rows: Vec<f32>,
    exponents: Vec<i16>,
    pivots: Vec<u16>,
    state: multisecant::State,
    kernels: PhantomData<K>,
}

impl<C: Column, K: Kernels> MultisecantVec<C, K> {
    /// An engine for `n` parameters with `depth` pairs.
    ///
    /// # Errors
    /// [`Error::Config`] where `depth` is not in `1..=32`.
    pub fn new(n: usize, depth: usize) -> Result<Self, Error> {
        if !(1..=MAX_DEPTH).contains(&depth) {
            return Err(Error::Config { field: "depth", requires: "1 <= depth <= 32" });
        }
        Ok(Self {
            n,
            depth,
            steps: Columns::new(n, depth, C::ZERO),
            changes: Columns::new(n, depth, C::ZERO),
            point: vec![0.0; n],
            gradient: vec![0.0; n],
            squares: vec![0.0; 3 * depth * depth],
            rows: vec![0.0; 7 * depth],
            exponents: vec![0; 2 * depth],
            pivots: vec![0; depth],
            state: multisecant::State::new(),
            kernels: PhantomData,
        })
    }

    /// The engine itself.
    pub fn view(&mut self) -> MultisecantMut<'_, C, K> {
        let stride = self.steps.stride();
        let memory = multisecant::Memory {
            steps: self.steps.as_mut_slice(),
            changes: self.changes.as_mut_slice(),
            point: &mut self.point,
            gradient: &mut self.gradient,
            squares: &mut self.squares,
            rows: &mut self.rows,
            exponents: &mut self.exponents,
            pivots: &mut self.pivots,
        };
        MultisecantMut::new(self.n, self.depth, stride, memory, &mut self.state)
            .expect("the constructor has checked the depth and made the lengths")
    }
}
