//! Every optimizer with every setting that changes its arithmetic.

use super::{Outcome, ensure, same, vector};
use crate::trace::Trace;
use aadl_core::average::{Averager, RunningAverager};
use aadl_core::optim::{
    Adam, AdamConfig, Averaged, Grouped, Optimizer, RmsProp, RmsPropConfig, Sgd, SgdConfig, Update,
};
use aadl_core::random::Random;
use aadl_core::{Error, Real};

const N: usize = 9;

/// Twelve steps down a valley whose sides are of different steepness, one gradient being NaN.
fn descend<T: Real>(trace: &mut Trace<'_>, optimizer: &mut impl Optimizer<T>) -> Outcome {
    let mut params: [T; N] = vector(&mut Random::new(60));
    for count in 0..12 {
        let mut grad: [T; N] = core::array::from_fn(|i| {
            let x = params[i];
            T::from_f64(0.2 + i as f64) * x + T::from_f64(0.1) * x * x * x
        });
        if count == 5 {
            let (before, good) = (params, grad);
            grad[3] = T::from_f64(f64::NAN);
            let refused = optimizer.step(&mut params, &grad);
            ensure!(refused == Err(Error::NonFinite { what: "grad", index: 3 }));
            ensure!(same(&params, &before));
            grad = good;
        }
        let update = optimizer.step(&mut params, &grad)?;
        trace.integer("jump", u64::from(update == Update::Jump));
        if count % 4 != 2 {
            trace.reals("params", &params);
        }
    }
    Ok(())
}

const MOMENTUM: SgdConfig =
    SgdConfig { lr: 0.05, momentum: 0.9, weight_decay: 0.01, ..SgdConfig::DEFAULT };

pub(super) fn sgd(trace: &mut Trace<'_>) -> Outcome {
    let plain = SgdConfig { lr: 0.1, ..SgdConfig::DEFAULT };
    descend(trace, &mut Sgd::new(plain, [0.0f32; 0])?)?;
    for config in [
        MOMENTUM,
        SgdConfig { nesterov: true, ..MOMENTUM },
        SgdConfig { lr: 1e-3, dampening: 0.3, maximize: true, ..MOMENTUM },
    ] {
        descend(trace, &mut Sgd::new(config, [0.0f32; N])?)?;
    }
    Ok(())
}

pub(super) fn rmsprop(trace: &mut Trace<'_>) -> Outcome {
    let config = RmsPropConfig { weight_decay: 0.02, ..RmsPropConfig::DEFAULT };
    descend(trace, &mut RmsProp::new(config, [0.0f32; N])?)?;
    let centered = RmsPropConfig { centered: true, momentum: 0.5, ..config };
    descend(trace, &mut RmsProp::new(centered, [0.0f32; 3 * N])?)
}

pub(super) fn adam(trace: &mut Trace<'_>) -> Outcome {
    let config = AdamConfig { lr: 0.05, weight_decay: 0.02, ..AdamConfig::DEFAULT };
    descend(trace, &mut Adam::new(config, [0.0f32; 2 * N])?)?;
    let config = AdamConfig { decoupled: true, ..config };
    descend(trace, &mut Adam::new(config, [0.0f32; 2 * N])?)?;
    let config = AdamConfig { amsgrad: true, eps: 0.0, ..config };
    descend(trace, &mut Adam::new(config, [0.0f32; 3 * N])?)
}

pub(super) fn float64(trace: &mut Trace<'_>) -> Outcome {
    descend(trace, &mut Sgd::new(SgdConfig { nesterov: true, ..MOMENTUM }, [0.0f64; N])?)?;
    descend(trace, &mut RmsProp::new(RmsPropConfig::DEFAULT, [0.0f64; N])?)?;
    descend(trace, &mut Adam::new(AdamConfig::ADAMW, [0.0f64; 2 * N])?)
}

pub(super) fn grouped(trace: &mut Trace<'_>) -> Outcome {
    let mut first = Sgd::new(MOMENTUM, [0.0f32; 4])?;
    let mut second = Adam::new(AdamConfig::DEFAULT, [0.0f32; 2 * (N - 4)])?;
    let parts: [&mut dyn Optimizer<f32>; 2] = [&mut first, &mut second];
    descend(trace, &mut Grouped::new([4, N], parts)?)
}

pub(super) fn averaged(trace: &mut Trace<'_>) -> Outcome {
    let restless = SgdConfig { lr: 0.21, ..SgdConfig::DEFAULT };
    let sgd = Sgd::new(restless, [0.0f32; 0])?;
    descend(trace, &mut Averaged::new(sgd.clone(), Averager::<N, 4>::new(), 0.1)?)?;
    descend(trace, &mut Averaged::new(sgd, RunningAverager::<N, 4>::new(), 0.5)?)
}
