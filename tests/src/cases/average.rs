//! Averages of iterates, in both forms and both precisions.

use super::{Outcome, ensure, vector};
use crate::trace::Trace;
use aadl_core::Real;
use aadl_core::average::{Average, Averager, Ema, RunningAverager};
use aadl_core::random::Random;

fn run<T: Real, const N: usize>(
    trace: &mut Trace<'_>,
    average: &mut impl Average<T>,
    seed: u64,
) -> Outcome {
    let mut random = Random::new(seed);
    for _ in 0..9 {
        average.push(&vector::<T, N>(&mut random))?;
        let mut mean = [T::ZERO; N];
        trace.integer("count", average.mean(&mut mean)? as u64);
        trace.reals("mean", &mean);
        trace.real("deviation", average.relative_deviation().unwrap_or(-1.0));
    }
    let mut params = [T::ONE; N];
    ensure!(!average.apply(&mut params, f64::INFINITY)?.loaded && params == [T::ONE; N]);
    ensure!(average.apply(&mut params, 0.0)?.loaded && params != [T::ONE; N]);
    trace.reals("loaded", &params);
    ensure!(average.push(&[T::from_f64(f64::NAN); N]).is_err());
    Ok(())
}

pub(super) fn window(trace: &mut Trace<'_>) -> Outcome {
    run::<f32, 11>(trace, &mut Averager::<11, 4>::new(), 40)?;
    run::<f64, 11>(trace, &mut Averager::<11, 4, f64>::new(), 41)
}

pub(super) fn running(trace: &mut Trace<'_>) -> Outcome {
    run::<f32, 11>(trace, &mut RunningAverager::<11, 4>::new(), 42)?;
    run::<f64, 11>(trace, &mut RunningAverager::<11, 4, f64>::new(), 43)
}

pub(super) fn ema(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(44);
    let (mut single, mut double) = (Ema::new([f32::NAN; 11]), Ema::new([f64::NAN; 11]));
    for decay in [0.9, 1.0, 0.5] {
        ensure!(single.push(&[f32::NAN; 11], decay).is_err());
        for _ in 0..5 {
            single.push(&vector::<f32, 11>(&mut random), decay)?;
            double.push(&vector::<f64, 11>(&mut random), decay)?;
            trace.reals("mean", single.mean().unwrap_or(&[]));
            trace.reals("mean", double.mean().unwrap_or(&[]));
        }
        if decay == 1.0 {
            single.reset();
            ensure!(single.mean::<f32>().is_none());
        }
    }
    Ok(())
}
