//! The methods: the engine, the plain optimizers it is measured against, L-BFGS, and AADL. What has
//! settings to tune gets its grid in `rivals`.

use std::ops::ControlFlow;

use aadl_core::kernels::Column;
use aadl_core::multisecant::{Asked, Config};
use aadl_host::compat::{Aadl, Settings};
use aadl_host::optim::{Base, Lbfgs};
use aadl_host::owned::MultisecantVec;

use super::objective::{Method, Objective};

/// The engine, with its settings, number of pairs and format of columns.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Settings.
    pub config: Config<'static>,
    /// Pairs.
    pub pairs: usize,
    /// How columns are stored.
    pub format: Format,
}

/// A format of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// float32.
    F32,
    /// 16-bit integers.
    I16,
    /// 8-bit integers.
    I8,
}

impl Engine {
    /// The default settings.
    pub const fn new(pairs: usize, format: Format) -> Self {
        Self { config: Config::DEFAULT, pairs, format }
    }

    /// L-BFGS alone, guarded as the blend is.
    pub const fn quasi_newton(pairs: usize, format: Format) -> Self {
        let config = Config { balance: 0.0, ..Config::DEFAULT };
        Self { config, pairs, format }
    }

    /// The multisecant step alone.
    pub const fn multisecant(pairs: usize, format: Format) -> Self {
        Self { config: Config { balance: f32::INFINITY, ..Config::DEFAULT }, pairs, format }
    }

    fn run<C: Column>(&self, x: &mut [f32], objective: &mut Objective<'_>) -> ControlFlow<()> {
        let mut gradient = vec![0.0; x.len()];
        let Ok(mut engine) = MultisecantVec::<C>::new(x.len(), self.pairs) else {
            return ControlFlow::Break(());
        };
        loop {
            let loss = objective.loss_and_gradient(x, &mut gradient)?;
            let mut engine = engine.view();
            let told = engine.tell(&self.config, x, loss, &mut gradient);
            let asked = told.and_then(|_| engine.ask(&self.config, x));
            if !asked.is_ok_and(|asked| asked != Asked::Stationary) {
                return ControlFlow::Break(());
            }
        }
    }
}

impl Method for Engine {
    fn minimize(&self, x: &mut [f32], objective: &mut Objective<'_>) -> ControlFlow<()> {
        match self.format {
            Format::F32 => self.run::<f32>(x, objective),
            Format::I16 => self.run::<i16>(x, objective),
            Format::I8 => self.run::<i8>(x, objective),
        }
    }
}

/// A plain optimizer.
#[derive(Clone, Copy, Debug)]
pub struct Plain(pub Base);

impl Method for Plain {
    fn minimize(&self, x: &mut [f32], objective: &mut Objective<'_>) -> ControlFlow<()> {
        let mut gradient = vec![0.0; x.len()];
        let Ok(mut optimizer) = self.0.build::<f32>(x.len()) else {
            return ControlFlow::Break(());
        };
        loop {
            objective.loss_and_gradient(x, &mut gradient)?;
            // A gradient that overflowed ends the run: its target is never met.
            if optimizer.step(x, &gradient).is_err() {
                return ControlFlow::Break(());
            }
        }
    }
}

/// AADL as it is, its closure's losses counted.
#[derive(Clone, Copy, Debug)]
pub struct Compatible {
    /// Settings of AADL.
    pub settings: Settings,
    /// The optimizer it is round.
    pub base: Base,
}

impl Method for Compatible {
    fn minimize(&self, x: &mut [f32], objective: &mut Objective<'_>) -> ControlFlow<()> {
        let mut gradient = vec![0.0; x.len()];
        let built = self.base.build::<f32>(x.len());
        let Ok(mut aadl) =
            built.and_then(|base| Aadl::new(self.settings, vec![(0..x.len(), base)]))
        else {
            return ControlFlow::Break(());
        };
        loop {
            objective.loss_and_gradient(x, &mut gradient)?;
            let mut over = ControlFlow::Continue(());
            let stepped = aadl.step(
                x,
                &gradient,
                Some(&mut |x| match objective.loss(x) {
                    ControlFlow::Continue(loss) => loss,
                    ControlFlow::Break(()) => {
                        over = ControlFlow::Break(());
                        f32::INFINITY
                    }
                }),
            );
            over?;
            if stepped.is_err() {
                return ControlFlow::Break(());
            }
        }
    }
}

/// L-BFGS with a strong Wolfe line search and this many pairs, in float64.
#[derive(Clone, Copy, Debug)]
pub struct StrongWolfe(pub usize);

impl Method for StrongWolfe {
    fn minimize(&self, x: &mut [f32], objective: &mut Objective<'_>) -> ControlFlow<()> {
        let method = Lbfgs { pairs: self.0, iterations: u32::MAX };
        // An error, or a point from where it finds no better one: its targets are not met.
        let _ = method.minimize(x, |x, gradient| objective.loss_and_gradient(x, gradient));
        ControlFlow::Break(())
    }
}

/// A method without anything to tune, and what it is called in reports.
pub type Untuned = (&'static str, Box<dyn Method>);

/// The methods without anything to tune.
pub fn untuned() -> Vec<Untuned> {
    use Format::{F32, I8, I16};
    vec![
        ("blend, 10 pairs, i16", Box::new(Engine::new(10, I16)) as Box<dyn Method>),
        ("blend, 10 pairs, i8", Box::new(Engine::new(10, I8))),
        ("blend, 10 pairs, f32", Box::new(Engine::new(10, F32))),
        ("blend, 5 pairs, i8", Box::new(Engine::new(5, I8))),
        ("multisecant, 10 pairs, f32", Box::new(Engine::multisecant(10, F32))),
        ("L-BFGS, same safeguard, 10 pairs, f32", Box::new(Engine::quasi_newton(10, F32))),
        ("L-BFGS, same safeguard, 5 pairs, i8", Box::new(Engine::quasi_newton(5, I8))),
        ("L-BFGS, strong Wolfe, 10 pairs, f64", Box::new(StrongWolfe(10))),
        ("L-BFGS, strong Wolfe, 5 pairs, f64", Box::new(StrongWolfe(5))),
    ]
}

/// The methods without anything to tune that need little memory, and two to compare them with.
pub fn small_memory() -> Vec<Untuned> {
    use Format::{F32, I8};
    let mut methods: Vec<Untuned> = Vec::new();
    for (pairs, blend, quasi_newton) in [
        (5, "blend, 5 pairs, i8", "L-BFGS, same safeguard, 5 pairs, i8"),
        (3, "blend, 3 pairs, i8", "L-BFGS, same safeguard, 3 pairs, i8"),
        (1, "blend, 1 pair, i8", "L-BFGS, same safeguard, 1 pair, i8"),
    ] {
        methods.push((blend, Box::new(Engine::new(pairs, I8))));
        methods.push((quasi_newton, Box::new(Engine::quasi_newton(pairs, I8))));
    }
    let all = "L-BFGS, same safeguard, 10 pairs, f32";
    methods.push((all, Box::new(Engine::quasi_newton(10, F32))));
    methods.push(("L-BFGS, strong Wolfe, 10 pairs, f64", Box::new(StrongWolfe(10))));
    methods
}
