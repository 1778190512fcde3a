//! The accelerator in all its modes, on a map whose every evaluation is shown.

use super::{Failure, Outcome, ensure, same, vector};
use crate::trace::Trace;
use aadl_core::anderson::{
    self, Anderson, AndersonMut, Config, Gate, Memory, Reason, Safeguard, Solver, State, Step, Stop,
};
use aadl_core::kernels::{Gram, Kernels};
use aadl_core::least_squares::Regularization;
use aadl_core::random::Random;
use aadl_core::{Error, Real};

/// Unknowns of the map.
pub(super) const N: usize = 19;
const M: usize = 7;
const QR_SCRATCH: usize = AndersonMut::<f32>::qr_scratch(N, M);

/// The memory of an accelerator with any kernels.
pub(super) struct Owned<const N: usize, const M: usize, T> {
    iterates: [[T; N]; M],
    gram: [[f64; M]; M],
    work: [[f64; M]; 2],
    exponents: [i16; M],
    pivots: [u16; M],
    state: State,
}

impl<const N: usize, const M: usize, T: Real> Owned<N, M, T> {
    pub(super) fn new() -> Self {
        // What the memory holds at the start must not matter.
        let nan = T::from_f64(f64::NAN);
        Self {
            iterates: [[nan; N]; M],
            gram: [[f64::NAN; M]; M],
            work: [[f64::NAN; M]; 2],
            exponents: [7; M],
            pivots: [7; M],
            state: State::new(),
        }
    }

    pub(super) fn view<K: Kernels>(&mut self) -> Result<AndersonMut<'_, T, K>, Error> {
        let memory = Memory {
            iterates: self.iterates.as_flattened_mut(),
            gram: self.gram.as_flattened_mut(),
            work: self.work.as_flattened_mut(),
            exponents: &mut self.exponents,
            pivots: &mut self.pivots,
        };
        AndersonMut::new(N, M, N, memory, &mut self.state)
    }
}

/// `x + h (b - A x - x^3 / 5)` with `A` the tridiagonal matrix of `-1, 2.2, -1`: what a relaxation
/// method does to a nonlinear differential equation. The map is the gradient step of [`energy`].
pub(super) fn map<T: Real>(x: &mut [T], b: &[T]) {
    let (h, fifth) = (T::from_f64(0.23), T::from_f64(0.2));
    let mut before = T::ZERO;
    for i in 0..x.len() {
        let after = x.get(i + 1).copied().unwrap_or(T::ZERO);
        let here = x[i];
        let neighbours = before + after;
        let force = b[i] - T::from_f64(2.2) * here + neighbours - fifth * here * here * here;
        before = here;
        x[i] = here + h * force;
    }
}

/// What the map descends.
pub(super) fn energy<T: Real>(x: &[T], b: &[T]) -> T {
    let (mut sum, mut before) = (T::ZERO, T::ZERO);
    for (x, b) in x.iter().zip(b) {
        let square = *x * *x;
        sum +=
            T::from_f64(1.1) * square - *x * before - *b * *x + T::from_f64(0.05) * square * square;
        before = *x;
    }
    sum
}

/// The right-hand side of the map, and a start.
pub(super) fn start<T: Real, const N: usize>() -> ([T; N], [T; N]) {
    let mut random = Random::new(50);
    (vector(&mut random), vector(&mut random))
}

/// Shows what a step did.
pub(super) fn show(trace: &mut Trace<'_>, step: Step) {
    match step {
        Step::Waited => trace.integer("waited", 0),
        Step::Stored => trace.integer("stored", 1),
        Step::Accelerated { columns_used, columns_dropped, gain } => {
            trace.integer("accelerated", 2);
            trace.integer("used", columns_used.into());
            trace.integer("dropped", columns_dropped.into());
            trace.real("gain", gain);
        }
        Step::Rejected(reason) => trace.integer(
            "rejected",
            match reason {
                Reason::NonFiniteIterate => 3,
                Reason::NonFinitePoint => 4,
                Reason::NonFiniteLoss => 5,
                Reason::Loss => 6,
                Reason::ResidualGrew => 7,
                Reason::ZeroResidual => 8,
                Reason::NoColumns => 9,
                Reason::Unpredictable => 10,
            },
        ),
    }
}

/// What a run came to.
struct Run {
    accelerated: u32,
    rejected: u32,
    residual: f64,
}

/// `steps` steps of the map with acceleration. A step that does not accelerate must leave the
/// iterate as it is, unless it takes a point back.
fn run<K: Kernels, T: Real, const DEPTH: usize>(
    trace: &mut Trace<'_>,
    config: &Config,
    steps: u32,
    scratch: &mut [T],
) -> Result<Run, Failure> {
    let mut owned = Owned::<N, DEPTH, T>::new();
    let (b, mut x) = start::<T, N>();
    for count in 0..steps {
        map(&mut x, &b);
        let plain = x;
        let step = owned.view::<K>()?.with_scratch(scratch).step_with(config, &mut x, |x| {
            let energy = energy(x, &b);
            // Every fifth judgement is unfair, so that there is something to reject.
            if count % 5 == 3 && same(x, &plain) { -energy.abs() - T::ONE } else { energy }
        })?;
        show(trace, step);
        let kept = same(&x, &plain);
        ensure!(match step {
            Step::Accelerated { .. } => true,
            Step::Rejected(Reason::ResidualGrew) => !kept,
            _ => kept,
        });
        if count % 8 == 7 {
            trace.reals("x", &x);
        }
    }
    trace.reals("end", &x);
    let view = owned.view::<K>()?;
    let stats = *view.stats();
    ensure!(stats.steps == steps);
    trace.integer("loss_evaluations", stats.loss_evaluations.into());
    let before = x;
    map(&mut x, &b);
    let residual = x.iter().zip(before).fold(0.0, |sum, (new, old)| {
        let f = (*new - old).to_f64();
        sum + f * f
    });
    let residual = aadl_core::math::sqrt(residual);
    trace.real("residual", residual);
    Ok(Run { accelerated: stats.accelerated, rejected: stats.rejected(), residual })
}

pub(super) fn default<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let run = run::<K, f32, M>(trace, &Config::DEFAULT, 30, &mut [])?;
    ensure!(run.accelerated >= 10 && run.residual < 1e-5);
    Ok(())
}

/// The owner's arrays and the borrowed memory of the other cases: one algorithm.
pub(super) fn owner<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let mut owner = Anderson::<N, M>::new();
    let mut owned = Owned::<N, M, f32>::new();
    let (b, mut x) = start::<f32, N>();
    let mut y = x;
    for _ in 0..12 {
        map(&mut x, &b);
        map(&mut y, &b);
        let step = owner.step(&Config::DEFAULT, &mut x)?;
        ensure!(step == owned.view::<K>()?.step(&Config::DEFAULT, &mut y)? && same(&x, &y));
        show(trace, step);
    }
    trace.reals("x", &x);
    trace.integer("bytes", (Anderson::<N, M>::BYTES - size_of::<State>()) as u64);
    Ok(())
}

/// Behind a gate: closed at first, then open; and shut again by what is rejected, for longer and longer.
pub(super) fn gated<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let gate = Gate::Prediction { error: 0.1, patience: 8 };
    let config = Config { gate, ..Config::TRAINING };
    let run = run::<K, f32, M>(trace, &config, 90, &mut [])?;
    ensure!(run.accelerated >= 3 && run.rejected >= 3 && run.residual < 1e-2);
    Ok(())
}

pub(super) fn wide<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let config = Config { gram: Gram::Wide, ..Config::DEFAULT };
    let run = run::<K, f32, M>(trace, &config, 30, &mut [])?;
    ensure!(run.residual < 1e-5);
    Ok(())
}

pub(super) fn float64<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let run = run::<K, f64, M>(trace, &Config::DEFAULT, 40, &mut [])?;
    ensure!(run.residual < 1e-9);
    Ok(())
}

pub(super) fn qr<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let config = Config { solver: Solver::Qr, ..Config::DEFAULT };
    let run = run::<K, f32, M>(trace, &config, 30, &mut [f32::NAN; QR_SCRATCH])?;
    ensure!(run.accelerated >= 10 && run.residual < 1e-5);
    Ok(())
}

pub(super) fn loss<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let config = Config { safeguard: Safeguard::Loss, frequency: 1, ..Config::DEFAULT };
    let run = run::<K, f32, M>(trace, &config, 30, &mut [])?;
    ensure!(run.rejected >= 3 && run.accelerated >= 5);
    Ok(())
}

/// A safeguard so strict that points are taken back.
pub(super) fn residual<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let safeguard = Safeguard::Residual { growth: 0.3 };
    let config = Config { safeguard, relaxation: 0.5, frequency: 1, ..Config::DEFAULT };
    let run = run::<K, f32, M>(trace, &config, 30, &mut [])?;
    ensure!(run.rejected >= 1 && run.accelerated >= 5);
    Ok(())
}

/// Counters that do not divide each other.
pub(super) fn schedule<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let config = Config {
        wait_iterations: 5,
        store_each_nth: 2,
        frequency: 3,
        relaxation: 0.75,
        gamma_cap: 1.5,
        ..Config::DEFAULT
    };
    let run = run::<K, f32, M>(trace, &config, 40, &mut [])?;
    ensure!(run.accelerated >= 3);
    Ok(())
}

pub(super) fn absolute<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let config = Config { regularization: Regularization::Absolute(1e-4), ..Config::DEFAULT };
    run::<K, f32, M>(trace, &config, 24, &mut []).map(drop)
}

pub(super) fn unregularized<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let regularization = Regularization::None;
    let config = Config { regularization, safeguard: Safeguard::None, ..Config::DEFAULT };
    run::<K, f32, M>(trace, &config, 24, &mut []).map(drop)
}

/// More columns than one call of a kernel takes.
pub(super) fn deep<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let run = run::<K, f32, 14>(trace, &Config { frequency: 5, ..Config::DEFAULT }, 45, &mut [])?;
    ensure!(run.residual < 1e-5);
    Ok(())
}

pub(super) fn solve<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let mut owned = Owned::<N, M, f64>::new();
    let (b, mut x) = start::<f64, N>();
    let config = Config::DEFAULT;
    let solution =
        anderson::solve(&mut owned.view::<K>()?, &config, &mut x, 1e-10, 100, |x| map(x, &b))?;
    ensure!(solution.stop == Stop::Converged && solution.residual <= 1e-10);
    trace.integer("evaluations", solution.evaluations.into());
    trace.real("residual", solution.residual);
    trace.reals("x", &x);
    Ok(())
}
