//! Acceleration round optimizers.

use super::anderson::{N, energy, map, start};
use super::{Outcome, ensure};
use crate::trace::Trace;
use aadl_core::anderson::{Anderson, Config, Safeguard};
use aadl_core::average::Averager;
use aadl_core::optim::{
    Accelerated, Accelerators, Adam, AdamConfig, Averaged, Optimizer, Sgd, SgdConfig, Update,
};

/// The learning rate at which plain descent is the map of the other cases.
const SGD: SgdConfig = SgdConfig { lr: 0.23, ..SgdConfig::DEFAULT };

/// The energy's gradient.
fn gradient(x: &[f32; N], b: &[f32; N]) -> [f32; N] {
    let mut next = *x;
    map(&mut next, b);
    core::array::from_fn(|i| (x[i] - next[i]) / 0.23)
}

/// Steps that are guarded by the energy.
fn descend<O: Optimizer<f32>, A: Accelerators<f32>>(
    trace: &mut Trace<'_>,
    optimizer: &mut Accelerated<O, A>,
    steps: usize,
) -> Outcome<f32> {
    let (b, mut x) = start::<f32, N>();
    for count in 0..steps {
        let grad = gradient(&x, &b);
        let update = optimizer.step_with(&mut x, &grad, |x| energy(x, &b))?;
        trace.integer("jump", u64::from(update == Update::Jump));
        if count % 8 == 7 {
            trace.reals("x", &x);
        }
    }
    Ok(energy(&x, &b))
}

pub(super) fn sgd(trace: &mut Trace<'_>) -> Outcome {
    let plain = {
        let (b, mut x) = start::<f32, N>();
        let mut sgd = Sgd::new(SGD, [0.0f32; 0])?;
        for _ in 0..40 {
            let grad = gradient(&x, &b);
            sgd.step(&mut x, &grad)?;
        }
        energy(&x, &b)
    };
    let accelerator = Anderson::<N, 6>::new();
    let mut optimizer = Accelerated::new(Sgd::new(SGD, [])?, accelerator, Config::TRAINING)?;
    let accelerated = descend(trace, &mut optimizer, 40)?;
    trace.reals("energies", &[plain, accelerated]);
    ensure!(accelerated <= plain && optimizer.accelerators().stats().accelerated > 0);
    let (_, accelerator) = optimizer.into_inner();
    trace.integer("losses", accelerator.stats().loss_evaluations.into());
    Ok(())
}

/// An accelerator for each of two groups.
pub(super) fn groups(trace: &mut Trace<'_>) -> Outcome {
    let groups = (Anderson::<8, 5>::new(), Anderson::<{ N - 8 }, 4>::new());
    let config = Config { frequency: 3, ..Config::TRAINING };
    let mut optimizer = Accelerated::new(Sgd::new(SGD, [])?, groups, config)?;
    descend(trace, &mut optimizer, 24)?;
    let (first, second) = optimizer.accelerators();
    ensure!(first.stats().accelerated > 0 && second.stats().accelerated > 0);
    Ok(())
}

/// Averages inside, and an accelerator round an accelerator, whose jumps are no residuals.
pub(super) fn nested(trace: &mut Trace<'_>) -> Outcome {
    let adam = Adam::new(AdamConfig { lr: 0.05, ..AdamConfig::DEFAULT }, [0.0f32; 2 * N])?;
    let averaged = Averaged::new(adam, Averager::<N, 3>::new(), 0.3)?;
    let inner = Config { safeguard: Safeguard::Residual { growth: 2.0 }, ..Config::DEFAULT };
    let inner = Accelerated::new(averaged, Anderson::<N, 4>::new(), inner)?;
    let mut outer = Accelerated::new(inner, Anderson::<N, 4>::new(), Config::TRAINING)?;
    let (b, x) = start::<f32, N>();
    ensure!(descend(trace, &mut outer, 24)? < energy(&x, &b));
    let inner = outer.optimizer().accelerators().stats();
    ensure!(inner.accelerated > 0 && outer.accelerators().stats().steps == 24);
    Ok(())
}
