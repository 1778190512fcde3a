//! Training without a learning rate: the kernels of quantised columns, and the complete calibration
//! of a sensor, forward and backward passes included.

use super::{Outcome, ensure, signed, vector};
use crate::trace::Trace;
use aadl_core::kernels::{Column, Difference, Kernels, Scaled};
use aadl_core::multisecant::{
    Asked, Bounds, Config, Memory, Multisecant, MultisecantMut, State, Told,
};
use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::random::Random;

/// Not a multiple of anything that a kernel might like.
const LENGTH: usize = 139;

/// Columns of every scale, their products and their combination.
pub(super) fn columns<K: Kernels, C: Column>(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(120);
    let mut stored = [[C::ZERO; LENGTH]; 3];
    let mut exponents = [0; 3];
    for (i, (column, place)) in stored.iter_mut().zip(&mut exponents).enumerate() {
        let scale = [1.0, 3e-7, 4e9][i];
        let newer: [f32; LENGTH] = vector::<f32, LENGTH>(&mut random).map(|x| scale * x);
        let older: [f32; LENGTH] = vector::<f32, LENGTH>(&mut random).map(|x| scale * x);
        let difference = Difference { newer: &newer, older: &older };
        *place = C::exponent(K::max_difference(difference));
        for (element, (newer, older)) in column.iter_mut().zip(newer.iter().zip(&older)) {
            *element = C::quantise(newer - older, C::units(*place));
        }
        trace.integer("exponent", *place as u64);
    }
    let scaled = |i: usize| Scaled { elements: &stored[i][..], exponent: exponents[i] };
    let x: [f32; LENGTH] = vector(&mut random);
    let exponent = C::Vector::exponent(K::max_magnitude(&x));
    let mut products = [[0.0; 2]; 3];
    let all = [scaled(0), scaled(1), scaled(2)];
    K::column_dots(&all, scaled(1), Scaled { elements: &x, exponent }, &mut products);
    trace.reals("products", products.as_flattened());
    let norm2 = K::column_norm2(scaled(1));
    trace.real("norm2", norm2);
    ensure!(norm2.to_bits() == products[1][0].to_bits());
    let mut sum = x;
    K::add_columns(&mut sum, &[(scaled(0), 0.3), (scaled(1), -2e6), (scaled(2), 1e-10)]);
    trace.reals("sum", &sum);
    Ok(())
}

const LAYERS: [Layer; 2] =
    [Layer::dense(2, 4, Activation::Tanh), Layer::dense(4, 1, Activation::Identity)];
const SHAPE: Network<'static> = match Network::new(&LAYERS) {
    Ok(net) => net,
    Err(_) => panic!("the layers do not fit together"),
};
const N: usize = SHAPE.params();
const SAMPLES: usize = 12;

/// A sensor whose answer depends on the temperature, too.
fn samples(random: &mut Random) -> ([f32; 2 * SAMPLES], [f32; SAMPLES]) {
    let inputs: [f32; 2 * SAMPLES] = core::array::from_fn(|_| signed(random));
    let values = core::array::from_fn(|s| {
        let (raw, t) = (inputs[2 * s], inputs[2 * s + 1]);
        raw * (1.0 + 0.3 * t) + 0.2 * t
    });
    (inputs, values)
}

/// A whole calibration with pairs in format `C`.
pub(super) fn calibration<K: Kernels, C: Column, const M: usize>(trace: &mut Trace<'_>) -> Outcome {
    let net = Network::<aadl_core::math::Libm, K>::new(&LAYERS)?;
    let mut random = Random::new(121);
    let (inputs, values) = samples(&mut random);
    let (mut x, mut gradient) = ([0.0f32; N], [0.0; N]);
    let mut scratch = [0.0; SHAPE.scratch(1)];
    net.init(Init::PYTORCH, &mut random, &mut x)?;
    let (mut steps, mut changes) = ([[C::ZERO; N]; M], [[C::ZERO; N]; M]);
    let (mut point, mut kept) = ([0.0; N], [0.0; N]);
    let (mut squares, mut rows) = ([[[0.0; M]; M]; 3], [[0.0; M]; 7]);
    let (mut exponents, mut pivots, mut state) = ([[0; M]; 2], [0; M], State::new());
    let memory = Memory {
        steps: steps.as_flattened_mut(),
        changes: changes.as_flattened_mut(),
        point: &mut point,
        gradient: &mut kept,
        squares: squares.as_flattened_mut().as_flattened_mut(),
        rows: rows.as_flattened_mut(),
        exponents: exponents.as_flattened_mut(),
        pivots: &mut pivots,
    };
    let mut engine = MultisecantMut::<C, K>::new(N, M, N, memory, &mut state)?;
    let (mut first, mut last) = (0.0, 0.0);
    for count in 0..24 {
        let targets = Targets::Values(&values);
        let loss = Loss::MeanSquares;
        let loss =
            net.loss_and_gradient(loss, &x, &inputs, targets, &mut gradient, &mut scratch)?;
        let told = engine.tell(&Config::DEFAULT, &mut x, loss, &mut gradient)?;
        match told {
            Told::Started => (first, last) = (loss, loss),
            Told::Accepted => last = loss,
            // Taken back: not what the calibration came to.
            Told::Rejected(_) => {}
        }
        trace.integer("accepted", u64::from(told == Told::Accepted));
        trace.real("loss", loss);
        let asked = engine.ask(&Config::DEFAULT, &mut x)?;
        ensure!(asked != Asked::Stationary);
        if count % 8 == 7 {
            trace.reals("x", &x);
        }
    }
    ensure!(last < 0.05 * first);
    trace.integer("evaluations", engine.state().stats().evaluations.into());
    Ok(())
}

/// Limits, weight decay, clipping, losses that are not finite, other data.
pub(super) fn options(trace: &mut Trace<'_>) -> Outcome {
    let mut random = Random::new(122);
    let target: [f32; 5] = vector(&mut random);
    let bounds = Bounds::Uniform { lower: -0.5, upper: 0.5 };
    let config = Config { bounds, weight_decay: 0.01, clip: 0.7, ..Config::DEFAULT };
    let mut engine = Multisecant::<5, 4, i8>::new();
    let mut x = [0.0f32; 5];
    for count in 0..24 {
        let weight = |i: usize| (1u32 << i) as f32;
        let mut gradient = core::array::from_fn(|i| weight(i) * (x[i] - target[i]));
        let mut loss = (0..5)
            .fold(0.0, |sum, i| sum + 0.5 * weight(i) * (x[i] - target[i]) * (x[i] - target[i]));
        match count {
            7 => loss = f32::NAN,
            9 => gradient[2] = f32::INFINITY,
            12 => engine.view().data_changed(),
            _ => {}
        }
        let told = engine.tell(&config, &mut x, loss, &mut gradient)?;
        ensure!(matches!(told, Told::Rejected(_)) || (count != 7 && count != 9));
        engine.ask(&config, &mut x)?;
        ensure!(x.iter().all(|x| (-0.5..=0.5).contains(x)));
        trace.reals("x", &x);
    }
    trace.integer("rejected", engine.stats().rejected().into());
    Ok(())
}
