//! The accelerator where something is wrong, exhausted or out of proportion.

use super::anderson::{N, Owned, map, show, start};
use super::{Outcome, ensure, same};
use crate::trace::Trace;
use aadl_core::anderson::{Config, Reason, Step};
use aadl_core::kernels::{Kernels, multiply_by_power_of_two};

/// NaN and infinities come in, are not stored, and the run goes on.
pub(super) fn non_finite<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let mut owned = Owned::<N, 5, f32>::new();
    let (b, mut x) = start::<f32, N>();
    let mut refused = 0;
    for count in 0..24u32 {
        let before = x;
        map(&mut x, &b);
        if count % 7 == 6 {
            x[count as usize % N] = if count % 2 == 0 { f32::NAN } else { f32::INFINITY };
        }
        let step = owned.view::<K>()?.step(&Config::DEFAULT, &mut x)?;
        show(trace, step);
        if x.iter().any(|x| !x.is_finite()) {
            ensure!(step == Step::Rejected(Reason::NonFiniteIterate));
            refused += 1;
            x = before;
        }
    }
    // Of the three, those right after an accelerated point take that back instead.
    ensure!(refused >= 1 && owned.view::<K>()?.stats().rejected() == 3);
    trace.reals("x", &x);
    Ok(())
}

/// Far beyond convergence, where columns are rounding errors, duplicates and zeros.
pub(super) fn converged<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let mut owned = Owned::<N, 5, f32>::new();
    let (b, mut x) = start::<f32, N>();
    let mut reasons = [0u64; 3];
    for _ in 0..300 {
        map(&mut x, &b);
        let step = owned.view::<K>()?.step(&Config::DEFAULT, &mut x)?;
        ensure!(x.iter().all(|x| x.is_finite()));
        match step {
            Step::Accelerated { .. } => reasons[0] += 1,
            Step::Rejected(Reason::ZeroResidual) => reasons[1] += 1,
            Step::Rejected(_) => reasons[2] += 1,
            _ => {}
        }
    }
    for count in reasons {
        trace.integer("count", count);
    }
    trace.reals("x", &x);
    Ok(())
}

/// A linear problem in other units: the same iterates, scaled, to the bit.
pub(super) fn powers_of_two<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let shrink = |x: &mut [f32; N]| {
        for (i, x) in x.iter_mut().enumerate() {
            *x *= 1.0 - 0.9 / (1.0 + i as f32);
        }
    };
    let mut plain = [0.0; N];
    for exponent in [0, -40, -7, 40] {
        let mut owned = Owned::<N, 6, f32>::new();
        let (_, mut x) = start::<f32, N>();
        multiply_by_power_of_two(&mut x, exponent);
        for _ in 0..14 {
            shrink(&mut x);
            let step = owned.view::<K>()?.step(&Config::DEFAULT, &mut x)?;
            if exponent == 0 {
                show(trace, step);
            }
        }
        trace.reals("x", &x);
        multiply_by_power_of_two(&mut x, -exponent);
        if exponent == 0 {
            plain = x;
        }
        ensure!(same(&x, &plain));
    }
    Ok(())
}
