//! Products and sums over long slices, and the products of dense layers.

use super::{Outcome, ensure, same, signed, vector};
use crate::trace::Trace;
use aadl_core::Real;
use aadl_core::kernels::{BLOCK, Difference, Kernels, LANES, multiply_by_power_of_two};
use aadl_core::random::Random;

/// Lengths on both sides of a lane's and a chunk's end.
const LENGTHS: [usize; 14] = [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 64, 100, 251, 256];

pub(super) fn dot<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(1);
    let (a, b): ([f32; 256], [f32; 256]) = (vector(&mut random), vector(&mut random));
    for n in LENGTHS {
        let (a, b) = (&a[..n], &b[..n]);
        trace.real("dot", K::dot(a, b));
        trace.real("dot_wide", K::dot_wide(a, b));
        ensure!(K::dot(a, b) == K::dot(b, a));
    }
    let (a, b): ([f64; 100], [f64; 100]) = (vector(&mut random), vector(&mut random));
    for n in LENGTHS.into_iter().filter(|n| *n <= 100) {
        trace.real("dot_f64", K::dot(&a[..n], &b[..n]));
    }
    // Sums of integers are exact in any order.
    let integers: [f32; 200] = core::array::from_fn(|i| i as f32);
    ensure!(K::dot(&integers, &integers) == (199 * 200 * 399 / 6) as f32);
    Ok(())
}

/// Slices of more than one block.
pub(super) fn blocks<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(2);
    let a: [f32; 2 * BLOCK + 13] = vector(&mut random);
    for n in [BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 8, 2 * BLOCK, 2 * BLOCK + 13] {
        let (a, b) = (&a[..n], &a[a.len() - n..]);
        trace.real("dot", K::dot(a, b));
        let wide = K::dot_wide(a, b);
        trace.real("dot_wide", wide);
        let plain = a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a.to_f64() * b.to_f64());
        ensure!((wide - plain).abs() <= 1e-9);
        let whole = n - n % LANES;
        let terms = |i: usize| core::array::from_fn(|l| a.get(i + l).map_or(0.0, |x| x.to_f64()));
        trace.real("sum_terms", K::sum_terms(whole, terms));
    }
    Ok(())
}

pub(super) fn elementwise<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    fn run<K: Kernels, T: Real>(trace: &mut Trace<'_>, random: &mut Random) -> Outcome {
        let mut y: [T; 27] = vector(random);
        let x: [[T; 27]; 4] = core::array::from_fn(|_| vector(random));
        let (before, factor) = (y, signed(random));
        K::axpy(&mut y, factor, &x[0]);
        trace.reals("axpy", &y);
        let plain: [T; 27] = core::array::from_fn(|i| before[i] + factor * x[0][i]);
        ensure!(same(&y, &plain));
        let [a, b, c, d] = x.each_ref().map(|x| x.as_slice());
        let terms = [
            (Difference { newer: a, older: b }, signed(random)),
            (Difference { newer: b, older: c }, signed(random)),
            (Difference { newer: c, older: d }, signed(random)),
        ];
        K::add_differences(&mut y, &terms);
        trace.reals("add_differences", &y);
        let difference = Difference { newer: a, older: d };
        trace.integer("max_magnitude", T::exponent(K::max_magnitude(a)) as u64);
        trace.integer("max_difference", T::exponent(K::max_difference(difference)) as u64);
        let mut scaled = x[1];
        multiply_by_power_of_two(&mut scaled, -140);
        trace.reals("scaled", &scaled);
        multiply_by_power_of_two(&mut scaled, 140);
        trace.reals("scaled back", &scaled);
        Ok(())
    }
    let mut random = Random::new(3);
    run::<K, f32>(trace, &mut random)?;
    run::<K, f64>(trace, &mut random)
}

/// Subnormal numbers, signed zeros, overflow and NaN: nothing is flushed, nothing is trapped.
pub(super) fn extremes<K: Kernels>(trace: &mut Trace<'_>) -> Outcome {
    fn run<K: Kernels, T: Real>(trace: &mut Trace<'_>, tiny: T, huge: T) -> Outcome {
        let half = T::from_f64(0.5);
        let subnormal = [tiny * half, tiny * T::from_f64(0.375), -tiny * T::power_of_two(-9)];
        ensure!(subnormal.iter().all(|x| *x != T::ZERO));
        trace.reals("subnormal", &subnormal);
        trace.real("sum", K::dot(&subnormal, &[T::ONE; 3]));
        trace.real("product", K::dot(&subnormal, &[half; 3]));
        let mut y = [tiny, -tiny, T::ZERO];
        K::axpy(&mut y, half, &[-tiny, tiny, -tiny]);
        trace.reals("difference", &y);
        // No product is kept from overflowing by a wider accumulator.
        let overflow = K::dot(&[huge, huge], &[huge, -huge]);
        ensure!(!overflow.is_finite());
        trace.real("overflow", overflow);
        trace.real("infinity", K::dot(&[huge], &[huge]));
        trace.real("zero", K::dot(&[-T::ZERO], &[T::ONE]));
        ensure!(K::max_magnitude(&[T::ONE, overflow]) >= T::INFINITY_BITS);
        Ok(())
    }
    run::<K, f32>(trace, f32::MIN_POSITIVE, f32::MAX)?;
    run::<K, f64>(trace, f64::MIN_POSITIVE, f64::MAX)
}

/// Shapes `inputs, outputs, batch` with and without whole tiles, each beside the plain loops.
pub(super) fn dense<K: Kernels, T: Real>(trace: &mut Trace<'_>) -> Outcome {
    const LARGEST: usize = 9 * 8;
    let mut random = Random::new(4);
    for (inputs, outputs, batch) in [(1, 1, 1), (4, 4, 2), (5, 3, 3), (8, 6, 9), (7, 8, 4)] {
        let (weights, samples, deltas): ([T; LARGEST], [T; LARGEST], [T; LARGEST]) =
            (vector(&mut random), vector(&mut random), vector(&mut random));
        let bias: [T; 8] = vector(&mut random);
        let (w, b) = (&weights[..inputs * outputs], &bias[..outputs]);
        let (x, d) = (&samples[..inputs * batch], &deltas[..outputs * batch]);

        let (mut found, mut plain) = ([T::ONE; LARGEST], [T::ONE; LARGEST]);
        let y = &mut found[..outputs * batch];
        K::dense_forward(w, b, x, y);
        trace.reals("forward", y);
        for (s, o) in (0..batch).flat_map(|s| (0..outputs).map(move |o| (s, o))) {
            let row = w[o * inputs..].iter().zip(&x[s * inputs..]).take(inputs);
            plain[s * outputs + o] = row.fold(b[o], |sum, (w, x)| sum + *w * *x);
        }
        ensure!(same(y, &plain[..outputs * batch]));

        let g = &mut found[..inputs * batch];
        K::dense_backward_input(w, outputs, d, g);
        trace.reals("backward_input", g);
        for (s, i) in (0..batch).flat_map(|s| (0..inputs).map(move |i| (s, i))) {
            plain[s * inputs + i] =
                (0..outputs).fold(T::ZERO, |sum, o| sum + d[s * outputs + o] * w[o * inputs + i]);
        }
        ensure!(same(g, &plain[..inputs * batch]));

        let (gw, mut gb) = (&mut found[..inputs * outputs], bias);
        gw.copy_from_slice(w);
        K::dense_backward_weights(d, x, gw, &mut gb[..outputs]);
        trace.reals("backward_weights", gw);
        trace.reals("backward_bias", &gb[..outputs]);
        for (o, i) in (0..outputs).flat_map(|o| (0..inputs).map(move |i| (o, i))) {
            plain[o * inputs + i] = (0..batch)
                .fold(w[o * inputs + i], |sum, s| sum + d[s * outputs + o] * x[s * inputs + i]);
        }
        ensure!(same(gw, &plain[..inputs * outputs]));
    }
    Ok(())
}
