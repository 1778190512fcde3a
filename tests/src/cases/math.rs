//! Elementary functions, square roots, and the random numbers that all else begins with.

use super::{Outcome, ensure, signed};
use crate::trace::Trace;
use aadl_core::Real;
#[cfg(feature = "micromath")]
use aadl_core::math::Micromath;
use aadl_core::math::{Libm, Math, sqrt};
use aadl_core::random::Random;

/// Every function over its range.
fn functions<T: Real, F: Math<T>>(trace: &mut Trace<'_>) {
    let mut random = Random::new(10);
    for size in [1e-6, 0.1, 1.0, 5.0, 80.0] {
        for _ in 0..8 {
            let x = signed::<T>(&mut random) * T::from_f64(size);
            trace.real("exp", F::exp(x));
            trace.real("ln", F::ln(x.abs()));
            trace.real("ln_1p", F::ln_1p(x.abs()));
            trace.real("tanh", F::tanh(x));
            trace.real("cos", F::cos(x));
        }
    }
    for x in [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-40] {
        let x = T::from_f64(x);
        trace.reals("ends", &[F::exp(x), F::ln(x), F::ln_1p(x), F::tanh(x), F::cos(x)]);
    }
}

pub(super) fn libm<T: Real>(trace: &mut Trace<'_>) -> Outcome
where
    Libm: Math<T>,
{
    functions::<T, Libm>(trace);
    ensure!(Libm::exp(T::ZERO) == T::ONE && Libm::ln(T::ONE) == T::ZERO);
    Ok(())
}

#[cfg(feature = "micromath")]
pub(super) fn micromath(trace: &mut Trace<'_>) -> Outcome {
    functions::<f32, Micromath>(trace);
    ensure!((Micromath::exp(1.0) - Libm::exp(1.0f32)).abs() < 0.01);
    ensure!((Micromath::ln(10.0) - Libm::ln(10.0f32)).abs() < 0.01);
    Ok(())
}

/// Correctly rounded: no neighbour's square is nearer, which integers can tell.
pub(super) fn square_roots(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(11);
    for exponent in [-140, -126, -60, -1, 0, 1, 50, 126] {
        for _ in 0..8 {
            let x = random.uniform::<f32>() * f32::power_of_two(exponent.max(-126));
            let x = if exponent < -126 { x * f32::power_of_two(exponent + 126) } else { x };
            trace.real("f32", sqrt(x));
            trace.real("f64", sqrt(x.to_f64() * 3.0));
            let root = sqrt(x).to_f64();
            let ulp = f32::from_bits(sqrt(x).to_bits() + 1).to_f64() - root;
            // Squares of halfway points have 50 bits, so float64 has them exactly.
            let (below, above) = (root - ulp / 2.0, root + ulp / 2.0);
            ensure!(x.to_f64() <= above * above && (below < 0.0 || below * below <= x.to_f64()));
        }
    }
    for x in [0.0, -0.0, -1.0, f32::INFINITY, f32::NAN, 1e-45] {
        trace.real("ends", sqrt(x));
        trace.real("ends_f64", sqrt(x.to_f64()));
    }
    Ok(())
}

pub(super) fn random(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(u64::MAX);
    for bound in [0, 1, 2, 6, 1000, u32::MAX as usize] {
        trace.integer("next", random.next_u64());
        let below = random.below(bound);
        ensure!(below < bound.max(1));
        trace.integer("below", below as u64);
        trace.real("uniform", random.uniform::<f32>());
        trace.real("uniform_f64", random.uniform::<f64>());
        trace.real("normal", random.normal::<f32, Libm>());
        trace.real("normal_f64", random.normal::<f64, Libm>());
    }
    Ok(())
}
