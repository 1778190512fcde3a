//! Dense networks: against PyTorch, against finite differences, against the plain loops that
//! define the order of every sum; bits that no scratch size changes; bad input; initial values.

mod bits;
mod init;
mod limits;

use aadl_core::Error;
use aadl_core::kernels::{Kernels, Portable};
use aadl_core::math::{Libm, Math};
use aadl_core::nn::{Activation, Biases, Init, Layer, Loss, Network, TILE, Targets, Weights};
use aadl_core::random::Random;
use aadl_core::{Real, nn};
use serde::Deserialize;

/// Scalar, then the largest deviations allowed from PyTorch's float64 numbers: of the outputs and
/// of the gradient relative to their largest magnitude, of the loss relative to itself, in the
/// order outputs, loss, gradient. Measured: 8.5e-16, 6.3e-16, 9.4e-16; 3.6e-7, 2.0e-7, 4.0e-7.
const TOLERANCES: [(&str, f64, f64, f64); 2] =
    [("f64", 5e-15, 5e-15, 5e-15), ("f32", 1e-6, 1e-6, 1e-6)];

const ACTIVATIONS: [Activation; 6] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu(0.1),
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Softplus,
];

const LOSSES: [Loss; 4] =
    [Loss::MeanSquares, Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::Huber { delta: 0.5 }];

fn vector<T: Real>(random: &mut Random, n: usize) -> Vec<T>
where
    Libm: Math<T>,
{
    (0..n).map(|_| random.normal::<T, Libm>()).collect()
}

/// A table of layers with one activation inside and the identity at the end.
fn layers(widths: &[usize], activation: Activation) -> Vec<Layer> {
    let last = widths.len() - 2;
    let pairs = widths.windows(2).enumerate();
    pairs
        .map(|(k, w)| {
            Layer::dense(w[0], w[1], if k == last { Activation::Identity } else { activation })
        })
        .collect()
}

fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

/// FNV-1a over the bits, every NaN as one pattern.
fn digest<T: Real>(x: &[T]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for x in x {
        let bits = if x.is_finite() { x.to_f64().to_bits() } else { u64::MAX };
        for byte in bits.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

#[derive(Deserialize)]
struct Case {
    layers: Vec<(usize, usize, String)>,
    loss_name: String,
    params: Vec<f64>,
    inputs: Vec<f64>,
    targets: Vec<f64>,
    outputs: Vec<f64>,
    loss: f64,
    grad: Vec<f64>,
}

/// The deviations of outputs, loss and gradient.
fn deviations<T: Real>(case: &Case) -> [f64; 3]
where
    Libm: Math<T>,
{
    let convert = |x: &[f64]| -> Vec<T> { x.iter().map(|x| T::from_f64(*x)).collect() };
    let layers: Vec<Layer> = case
        .layers
        .iter()
        .map(|(inputs, outputs, name)| {
            let activation = match name.as_str() {
                "identity" => Activation::Identity,
                "relu" => Activation::Relu,
                "leaky_relu" => Activation::LeakyRelu(0.1),
                "tanh" => Activation::Tanh,
                "sigmoid" => Activation::Sigmoid,
                "softplus" => Activation::Softplus,
                other => panic!("activation {other}"),
            };
            Layer::dense(*inputs, *outputs, activation)
        })
        .collect();
    let net: Network = Network::new(&layers).unwrap();
    let classes: Vec<u8> = case.targets.iter().map(|t| *t as u8).collect();
    let values = convert(&case.targets);
    let (loss, targets) = match case.loss_name.as_str() {
        "mean_squares" => (Loss::MeanSquares, Targets::Values(&values[..])),
        "cross_entropy" => (Loss::CrossEntropy, Targets::Classes(&classes)),
        "cross_entropy_values" => (Loss::CrossEntropy, Targets::Values(&values)),
        "binary_cross_entropy" => (Loss::BinaryCrossEntropy, Targets::Values(&values)),
        "huber" => (Loss::Huber { delta: 0.5 }, Targets::Values(&values)),
        other => panic!("loss {other}"),
    };
    let (params, inputs) = (convert(&case.params), convert(&case.inputs));
    let mut scratch = vec![T::ZERO; net.scratch(4)];
    let mut outputs = vec![T::ZERO; case.outputs.len()];
    net.predict(&params, &inputs, &mut outputs, &mut scratch).unwrap();
    let mut grad = vec![T::ZERO; net.params()];
    let value =
        net.loss_and_gradient(loss, &params, &inputs, targets, &mut grad, &mut scratch).unwrap();
    let relative = |ours: &[T], theirs: &[f64]| {
        assert_eq!(ours.len(), theirs.len());
        let largest = theirs.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let pairs = ours.iter().zip(theirs);
        pairs.fold(0.0, |m: f64, (a, b)| m.max((a.to_f64() - b).abs())) / largest
    };
    [
        relative(&outputs, &case.outputs),
        relative(&[value], &[case.loss]),
        relative(&grad, &case.grad),
    ]
}

#[test]
fn agrees_with_pytorch() {
    let text = include_str!("../../../tests/reference/torch/nn.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 51);
    let mut worst = [[0.0f64; 3]; 2];
    for case in &cases {
        for (worst, found) in
            worst.iter_mut().zip([deviations::<f64>(case), deviations::<f32>(case)])
        {
            for (worst, found) in worst.iter_mut().zip(found) {
                *worst = worst.max(found);
            }
        }
    }
    for (worst, (scalar, outputs, loss, grad)) in worst.iter().zip(TOLERANCES) {
        assert!(worst[0] <= outputs && worst[1] <= loss && worst[2] <= grad, "{scalar}: {worst:?}");
    }
}

/// Central differences of the loss, step 1e-5: truncation and rounding are each near 1e-10.
#[test]
fn gradients_are_those_of_finite_differences() {
    const STEP: f64 = 1e-5;
    const TOLERANCE: f64 = 1e-8;
    let shapes: [&[usize]; 4] = [&[4, 3], &[5, 1], &[3, 6, 2], &[2, 5, 4, 3]];
    let mut random = Random::new(11);
    let mut checked = 0;
    for (shape, activation, loss) in shapes.iter().flat_map(|s| {
        ACTIVATIONS.iter().flat_map(move |a| LOSSES.iter().map(move |l| (*s, *a, *l)))
    }) {
        // Every activation also at the end, where the loss does not ask for logits.
        let mut layers = layers(shape, activation);
        if matches!(loss, Loss::MeanSquares | Loss::Huber { .. }) {
            layers.last_mut().unwrap().activation = activation;
        }
        let net: Network = Network::new(&layers).unwrap();
        let batch = 5;
        let mut params: Vec<f64> = vector(&mut random, net.params());
        let inputs = vector(&mut random, batch * net.inputs());
        let limit = match (loss, net.outputs()) {
            (Loss::CrossEntropy, outputs) => outputs,
            (_, outputs) => outputs.max(2),
        };
        let classes: Vec<u8> = (0..batch).map(|_| random.below(limit) as u8).collect();
        let values: Vec<f64> = (0..batch * net.outputs()).map(|_| random.uniform()).collect();
        let mut scratch = vec![0.0; net.scratch(2)];
        for targets in [Targets::Classes(&classes), Targets::Values(&values)] {
            let mut grad = vec![0.0; net.params()];
            net.loss_and_gradient(loss, &params, &inputs, targets, &mut grad, &mut scratch)
                .unwrap();
            for i in 0..params.len() {
                let at = params[i];
                let mut loss_at = |x| {
                    params[i] = x;
                    net.loss(loss, &params, &inputs, targets, &mut scratch).unwrap()
                };
                let slope = (loss_at(at + STEP) - loss_at(at - STEP)) / (2.0 * STEP);
                params[i] = at;
                assert!(
                    (slope - grad[i]).abs() <= TOLERANCE * grad[i].abs().max(1.0),
                    "{shape:?} {activation:?} {loss:?}: entry {i} is {}, slope {slope}",
                    grad[i]
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 4000, "{checked}");
}
