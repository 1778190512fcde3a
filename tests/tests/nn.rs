//! Dense networks: against PyTorch, against finite differences, against the plain loops that
//! define the order of every sum; bits that no scratch size changes; bad input; initial values.

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
    let text = include_str!("../reference/torch/nn.json");
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

/// The numeric contract, spelled out: one accumulator a result, ascending index.
#[test]
fn kernels_compute_the_bits_of_the_plain_loops() {
    fn check<T: Real>(inputs: usize, outputs: usize, batch: usize, random: &mut Random)
    where
        Libm: Math<T>,
    {
        let w: Vec<T> = vector(random, inputs * outputs);
        let b: Vec<T> = vector(random, outputs);
        let x: Vec<T> = vector(random, batch * inputs);
        let d: Vec<T> = vector(random, batch * outputs);

        let mut y = vec![T::ONE; batch * outputs];
        Portable::dense_forward(&w, &b, &x, &mut y);
        let mut g = vec![T::ONE; batch * inputs];
        Portable::dense_backward_input(&w, outputs, &d, &mut g);
        let (mut gw, mut gb): (Vec<T>, Vec<T>) = (w.clone(), b.clone());
        Portable::dense_backward_weights(&d, &x, &mut gw, &mut gb);

        let mut plain_y = vec![T::ZERO; batch * outputs];
        let mut plain_g = vec![T::ZERO; batch * inputs];
        let (mut plain_gw, mut plain_gb) = (w.clone(), b.clone());
        for s in 0..batch {
            for o in 0..outputs {
                let mut sum = b[o];
                for i in 0..inputs {
                    sum += w[o * inputs + i] * x[s * inputs + i];
                    plain_g[s * inputs + i] += d[s * outputs + o] * w[o * inputs + i];
                    plain_gw[o * inputs + i] += d[s * outputs + o] * x[s * inputs + i];
                }
                plain_y[s * outputs + o] = sum;
                plain_gb[o] += d[s * outputs + o];
            }
        }
        let shape = (inputs, outputs, batch);
        assert_eq!(bits(&y), bits(&plain_y), "forward {shape:?}");
        assert_eq!(bits(&g), bits(&plain_g), "backward_input {shape:?}");
        assert_eq!(bits(&gw), bits(&plain_gw), "backward_weights {shape:?}");
        assert_eq!(bits(&gb), bits(&plain_gb), "bias {shape:?}");
    }
    let mut random = Random::new(3);
    for inputs in (1..=13).chain([64]) {
        for outputs in (1..=9).chain([16]) {
            for batch in [1, 2, 3, 4, 5, 7, 8, 9, 17] {
                check::<f32>(inputs, outputs, batch, &mut random);
                check::<f64>(inputs, outputs, batch, &mut random);
            }
        }
    }
}

#[test]
fn no_scratch_size_changes_a_bit() {
    let mut random = Random::new(5);
    let samples = 3 * TILE + 5;
    for activation in ACTIVATIONS {
        let layers = layers(&[7, 9, 6, 5], activation);
        let net: Network = Network::new(&layers).unwrap();
        let mut params = vec![0.0f32; net.params()];
        net.init(Init::PYTORCH, &mut random, &mut params).unwrap();
        let inputs: Vec<f32> = vector(&mut random, samples * net.inputs());
        let classes: Vec<u8> = (0..samples).map(|_| random.below(5) as u8).collect();
        for loss in LOSSES {
            let run = |size: usize| {
                // Old contents of the buffers must not matter either.
                let mut scratch = vec![f32::NAN; size];
                let mut grad = vec![f32::NAN; net.params()];
                let targets = Targets::Classes(&classes);
                let value = net
                    .loss_and_gradient(loss, &params, &inputs, targets, &mut grad, &mut scratch)
                    .unwrap();
                let alone = net.loss(loss, &params, &inputs, targets, &mut scratch).unwrap();
                assert_eq!(value.to_bits(), alone.to_bits());
                let mut outputs = vec![f32::NAN; samples * net.outputs()];
                net.predict(&params, &inputs, &mut outputs, &mut scratch).unwrap();
                (value.to_bits(), bits(&grad), bits(&outputs))
            };
            let expected = run(net.scratch(1));
            for size in [1, 2, 3, 4, 7, 8, TILE - 1, TILE, TILE + 1, samples]
                .map(|b| net.scratch(b) + b % 2)
            {
                assert!(run(size) == expected, "{activation:?} {loss:?} scratch of {size}");
            }
        }
    }
}

/// A gradient's bits, so that a change of any order or formula shows.
#[test]
fn gradient_has_the_expected_bits() {
    const NET: Network = match Network::new(&[
        Layer::dense(13, 11, Activation::Tanh),
        Layer::dense(11, 6, Activation::Softplus),
        Layer::dense(6, 3, Activation::Identity),
    ]) {
        Ok(net) => net,
        Err(_) => panic!("shapes"),
    };
    fn run<T: Real>() -> u64
    where
        Libm: Math<T>,
    {
        let mut random = Random::new(2024);
        let mut params = vec![T::ZERO; NET.params()];
        NET.init(Init::PYTORCH, &mut random, &mut params).unwrap();
        let inputs: Vec<T> = vector(&mut random, 37 * 13);
        let classes: Vec<u8> = (0..37).map(|_| random.below(3) as u8).collect();
        let mut grad = vec![T::ZERO; NET.params() + 1];
        let (last, rest) = grad.split_last_mut().unwrap();
        let mut scratch = vec![T::ZERO; NET.scratch(8)];
        let targets = Targets::Classes(&classes);
        *last = NET
            .loss_and_gradient(Loss::CrossEntropy, &params, &inputs, targets, rest, &mut scratch)
            .unwrap();
        digest(&grad)
    }
    let found = [run::<f32>(), run::<f64>()];
    assert_eq!(found, [0xc93c_c470_da80_9f62, 0x964d_65fd_6f4b_e016], "{found:#x?}");
}

#[test]
fn classes_are_one_hot_values() {
    let layers = layers(&[3, 4], Activation::Identity);
    let net: Network = Network::new(&layers).unwrap();
    let mut random = Random::new(8);
    let params: Vec<f64> = vector(&mut random, net.params());
    let inputs: Vec<f64> = vector(&mut random, 2 * 3);
    let values = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let mut scratch = vec![0.0; net.scratch(1)];
    for loss in LOSSES {
        let mut run = |targets| {
            let mut grad = vec![0.0; net.params()];
            let value =
                net.loss_and_gradient(loss, &params, &inputs, targets, &mut grad, &mut scratch);
            (value.unwrap().to_bits(), bits(&grad))
        };
        assert!(run(Targets::Values(&values)) == run(Targets::Classes(&[2, 0])), "{loss:?}");
    }
    // One output: the class is the value.
    let one = [Layer::dense(3, 1, Activation::Identity)];
    let net: Network = Network::new(&one).unwrap();
    let params = &params[..net.params()];
    for loss in [Loss::MeanSquares, Loss::BinaryCrossEntropy, Loss::Huber { delta: 1.0 }] {
        let mut loss =
            |targets| net.loss(loss, params, &inputs, targets, &mut scratch).unwrap().to_bits();
        assert_eq!(loss(Targets::Values(&[1.0, 0.0])), loss(Targets::Classes(&[1, 0])));
    }
}

#[test]
fn tables_that_do_not_fit_are_errors() {
    let refused = |layers: &[Layer], wanted: &str| match Network::<Libm>::new(layers) {
        Err(Error::Config { field, .. }) => assert_eq!(field, wanted),
        other => panic!("{layers:?}: {other:?}"),
    };
    let dense = |i, o| Layer::dense(i, o, Activation::Relu);
    refused(&[], "layers");
    refused(&[dense(0, 3)], "layers");
    refused(&[dense(3, 0)], "layers");
    refused(&[dense(3, 4), dense(5, 2)], "layers");
    refused(&[dense(usize::MAX, usize::MAX)], "layers");
    refused(&[dense(1, usize::MAX)], "layers");
    for slope in [-0.1, f64::NAN, f64::INFINITY, 1e300] {
        refused(&[Layer::dense(1, 1, Activation::LeakyRelu(slope))], "slope");
    }
}

#[test]
fn bad_calls_are_errors_and_leave_the_gradient() {
    let layers = layers(&[3, 4, 2], Activation::Tanh);
    let net: Network = Network::new(&layers).unwrap();
    let params = vec![0.1f32; net.params()];
    let (inputs, values, classes) = ([0.5f32; 6], [0.25f32; 4], [1u8, 0]);
    let scratch = net.scratch(1);
    let run = |params: &[f32],
               inputs: &[f32],
               targets: Targets<'_>,
               loss,
               grad: usize,
               scratch: usize| {
        let mut grad = vec![7.0; grad];
        let mut scratch = vec![0.0; scratch];
        let result = net.loss_and_gradient(loss, params, inputs, targets, &mut grad, &mut scratch);
        assert!(result.is_ok() || grad.iter().all(|g| *g == 7.0));
        if grad.len() == net.params() {
            assert_eq!(result, net.loss(loss, params, inputs, targets, &mut scratch));
        }
        result
    };
    let ok =
        |targets| run(&params, &inputs, targets, Loss::MeanSquares, net.params(), scratch).unwrap();
    ok(Targets::Values(&values));
    ok(Targets::Classes(&classes));

    let length = |what, expected, found| Err(Error::Length { what, expected, found });
    let n = net.params();
    let square = Loss::MeanSquares;
    let targets = Targets::Values(&values[..]);
    assert_eq!(run(&params[1..], &inputs, targets, square, n, scratch), length("params", n, n - 1));
    assert_eq!(run(&params, &inputs[1..], targets, square, n, scratch), length("inputs", 6, 5));
    assert_eq!(run(&params, &[], targets, square, n, scratch), length("inputs", 3, 0));
    assert_eq!(
        run(&params, &inputs, Targets::Values(&values[1..]), square, n, scratch),
        length("targets", 4, 3)
    );
    assert_eq!(
        run(&params, &inputs, Targets::Classes(&[0]), square, n, scratch),
        length("targets", 2, 1)
    );
    assert_eq!(run(&params, &inputs, targets, square, n + 1, scratch), length("grad", n, n + 1));
    assert_eq!(
        run(&params, &inputs, targets, square, n, scratch - 1),
        length("scratch", scratch, scratch - 1)
    );
    assert_eq!(
        run(&params, &inputs, Targets::Classes(&[0, 2]), square, n, scratch),
        Err(Error::OutOfRange { what: "targets", index: 1, limit: 2 })
    );
    for delta in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
        assert!(matches!(
            run(&params, &inputs, targets, Loss::Huber { delta }, n, scratch),
            Err(Error::Config { field: "delta", .. })
        ));
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let with = |x: &[f32], index: usize| {
            let mut x = x.to_vec();
            x[index] = bad;
            x
        };
        let refused = |what, index| Err(Error::NonFinite { what, index });
        assert_eq!(
            run(&with(&params, 9), &inputs, targets, square, n, scratch),
            refused("params", 9)
        );
        assert_eq!(
            run(&params, &with(&inputs, 5), targets, square, n, scratch),
            refused("inputs", 5)
        );
        let values = with(&values, 2);
        assert_eq!(
            run(&params, &inputs, Targets::Values(&values), square, n, scratch),
            refused("targets", 2)
        );
        let mut outputs = [7.0; 4];
        let result = net.predict(&params, &with(&inputs, 1), &mut outputs, &mut vec![0.0; scratch]);
        assert_eq!((result, outputs), (refused("inputs", 1).map(|_: f32| ()), [7.0; 4]));
    }
    let mut outputs = [0.0; 3];
    assert_eq!(
        net.predict(&params, &inputs, &mut outputs, &mut vec![0.0; scratch]),
        Err(Error::Length { what: "outputs", expected: 4, found: 3 })
    );
    assert_eq!(
        net.init(Init::PYTORCH, &mut Random::new(0), &mut [0.0f32; 3]),
        Err(Error::Length { what: "params", expected: n, found: 3 })
    );
}

/// Logits far outside the range of the exponential.
#[test]
fn extreme_logits_give_a_finite_loss_or_say_so() {
    let layers = [Layer::dense(1, 2, Activation::Identity)];
    let net: Network = Network::new(&layers).unwrap();
    let run = |loss, logits: [f32; 2], class: u8| {
        let mut grad = [0.0; 4];
        let params = [0.0, 0.0, logits[0], logits[1]];
        let targets = Targets::Classes(&[class]);
        let value = net.loss_and_gradient(loss, &params, &[1.0], targets, &mut grad, &mut [0.0; 4]);
        if value.is_ok() {
            assert!(grad.iter().all(|g| g.is_finite()), "{loss:?} {logits:?}: {grad:?}");
        }
        (value, grad[2], grad[3])
    };
    let overflow = Err(Error::NonFinite { what: "loss", index: 0 });
    let cross = Loss::CrossEntropy;
    assert_eq!(run(cross, [1e30, -1e30], 0), (Ok(0.0), 0.0, 0.0));
    assert_eq!(run(cross, [1e30, -1e30], 1), (Ok(2e30), 1.0, -1.0));
    assert_eq!(run(cross, [-1e30, -1e30], 0), (Ok(core::f32::consts::LN_2), -0.5, 0.5));
    assert_eq!(run(cross, [3e38, -3e38], 0), (Ok(0.0), 0.0, 0.0));
    assert_eq!(run(cross, [3e38, -3e38], 1).0, overflow);
    let binary = Loss::BinaryCrossEntropy;
    assert_eq!(run(binary, [1e30, -1e30], 0), (Ok(0.0), 0.0, 0.0));
    assert_eq!(run(binary, [1e30, -1e30], 1), (Ok(1e30), 0.5, -0.5));
    assert_eq!(run(Loss::MeanSquares, [1e30, 0.0], 0).0, overflow);
    assert_eq!(run(Loss::Huber { delta: 1.0 }, [1e30, 0.0], 1), (Ok(5e29), 0.5, -0.5));

    // Sums that overflow inside the network: infinity times zero, or a NaN that ReLU must pass on.
    let layers = [Layer::dense(2, 1, Activation::Relu), Layer::dense(1, 1, Activation::Identity)];
    let net: Network = Network::new(&layers).unwrap();
    let params = [3e38f32, -3e38, 0.0, 1.0, 0.0];
    let targets = Targets::Values(&[0.0, 0.0]);
    let inputs = [0.0, 0.0, 3e38, 3e38];
    assert_eq!(
        net.loss(Loss::MeanSquares, &params, &inputs, targets, &mut [0.0; 3]),
        Err(Error::NonFinite { what: "loss", index: 1 })
    );
}

#[test]
fn activations_keep_their_limits() {
    for (activation, at, expected) in [
        (Activation::Softplus, 100.0f32, 100.0f32),
        (Activation::Softplus, -200.0, 0.0),
        (Activation::Sigmoid, 1e30, 1.0),
        (Activation::Sigmoid, -1e30, 0.0),
        (Activation::Tanh, 1e30, 1.0),
        (Activation::Relu, -1e30, 0.0),
        (Activation::LeakyRelu(0.5), -1e30, -5e29),
        (Activation::Identity, -1e30, -1e30),
    ] {
        let layers = [Layer::dense(1, 1, activation)];
        let net: Network = Network::new(&layers).unwrap();
        let mut output = [7.0];
        net.predict(&[1.0, 0.0], &[at], &mut output, &mut [0.0; 2]).unwrap();
        assert_eq!(output, [expected], "{activation:?}");
    }
    // The slope of softplus far to the left is e^x: it must not cancel to 0.
    let layers = [Layer::dense(1, 1, Activation::Softplus)];
    let net: Network = Network::new(&layers).unwrap();
    let mut grad = [0.0f64; 2];
    let targets = Targets::Values(&[-1.0]);
    net.loss_and_gradient(
        Loss::MeanSquares,
        &[1.0, 0.0],
        &[-35.0],
        targets,
        &mut grad,
        &mut [0.0; 2],
    )
    .unwrap();
    let expected = 2.0 * (-35.0f64).exp();
    assert!((grad[1] - expected).abs() < 1e-14 * expected, "{} {expected}", grad[1]);
}

#[test]
fn initial_values_have_their_range_variance_and_bits() {
    // activation, weights, the square of a uniform's bound or three times a normal's variance
    let (i, o) = (300.0, 200.0);
    let (relu, tanh) = (Activation::Relu, Activation::Tanh);
    let leaky = Activation::LeakyRelu(0.5);
    for (activation, weights, bound2) in [
        (relu, Weights::KaimingUniform, 6.0 / i),
        (Activation::Softplus, Weights::KaimingUniform, 6.0 / i),
        (tanh, Weights::KaimingUniform, 3.0 * 25.0 / 9.0 / i),
        (leaky, Weights::KaimingUniform, 6.0 / 1.25 / i),
        (Activation::Sigmoid, Weights::KaimingNormal, 3.0 / i),
        (relu, Weights::KaimingNormal, 6.0 / i),
        (relu, Weights::XavierUniform, 6.0 / (i + o)),
        (tanh, Weights::XavierNormal, 6.0 / (i + o)),
        (relu, Weights::Linear, 1.0 / i),
    ] {
        let layers = [Layer::dense(300, 200, activation)];
        let net: Network = Network::new(&layers).unwrap();
        let mut params = vec![7.0f32; net.params()];
        let init = Init { weights, biases: Biases::Zero };
        net.init(init, &mut Random::new(1), &mut params).unwrap();
        let (weights_found, biases) = params.split_at(60_000);
        assert!(biases.iter().all(|b| b.to_bits() == 0));
        let count = weights_found.len() as f64;
        let mean = weights_found.iter().map(|w| f64::from(*w)).sum::<f64>() / count;
        let variance = weights_found.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / count;
        let largest = weights_found.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        // Four standard errors: of the mean, and of the variance of a normal (the larger one).
        assert!(mean.abs() < 4.0 * (bound2 / 3.0 / count).sqrt(), "{weights:?} {mean}");
        assert!(
            (variance / (bound2 / 3.0) - 1.0).abs() < 4.0 * (2.0 / count).sqrt(),
            "{weights:?} {activation:?} {variance}"
        );
        if !matches!(weights, Weights::KaimingNormal | Weights::XavierNormal) {
            let bound = (bound2 as f32).sqrt();
            assert!(largest <= bound * 1.000_001 && largest > 0.999 * bound, "{weights:?}");
        }
    }

    const NET: Network = match Network::new(&[
        Layer::dense(3, 2, Activation::Tanh),
        Layer::dense(2, 1, Activation::Identity),
    ]) {
        Ok(net) => net,
        Err(_) => panic!("shapes"),
    };
    let found = [
        Weights::KaimingUniform,
        Weights::KaimingNormal,
        Weights::XavierUniform,
        Weights::XavierNormal,
        Weights::Linear,
    ]
    .map(|weights| {
        let init = Init { weights, biases: Biases::Linear };
        let (mut single, mut double) = ([0.0f32; NET.params()], [0.0f64; NET.params()]);
        let (mut a, mut b) = (Random::new(42), Random::new(42));
        NET.init(init, &mut a, &mut single).unwrap();
        NET.init(init, &mut b, &mut double).unwrap();
        assert_eq!(a, b, "both precisions take the same draws");
        for (single, double) in single.iter().zip(&double) {
            assert!((f64::from(*single) - double).abs() < 1e-5);
        }
        (single[0].to_bits(), double[0].to_bits(), digest(&single), digest(&double))
    });
    let expected = [
        (0x3f4e_22a6, 0x3fe9_c454_e53e_a215, 0xfb86_905a_793c_f253, 0x7780_7964_b1a4_6dcd),
        (0x3f59_546d, 0x3feb_2a8d_7565_919f, 0x6705_cd75_66b8_9cbd, 0x9953_8f0d_c35c_96be),
        (0x3f07_7c6a, 0x3fe0_ef8d_3283_b36a, 0x9b15_4eb3_38eb_5215, 0xd2ff_3c8b_c8b5_637b),
        (0x3f0e_d7fe, 0x3fe1_daff_9633_609a, 0xf5a4_2338_6abd_64f9, 0x7b1a_a0e1_e559_9f1a),
        (0x3e8e_d094, 0x3fd1_da12_964b_e018, 0xd339_bab4_5964_e5e4, 0x3032_f89b_3f1d_63b2),
    ];
    assert_eq!(found, expected, "{found:#x?}");
}

#[test]
fn counts_correct_answers() {
    let layers = layers(&[2, 3], Activation::Identity);
    let net: Network = Network::new(&layers).unwrap();
    // Outputs: x, y, -x - y.
    let params = [1.0f32, 0.0, 0.0, 1.0, -1.0, -1.0, 0.0, 0.0, 0.0];
    let inputs = [2.0, 1.0, -1.0, 3.0, -1.0, -1.0, 5.0, 6.0];
    let mut scratch = [0.0; 6];
    let mut count = |classes: &[u8]| net.count_correct(&params, &inputs, classes, &mut scratch);
    assert_eq!(count(&[0, 1, 2, 1]), Ok(4));
    assert_eq!(count(&[0, 1, 2, 0]), Ok(3));
    assert_eq!(count(&[0, 1, 2]), Err(Error::Length { what: "targets", expected: 4, found: 3 }));
    assert_eq!(
        count(&[0, 1, 2, 3]),
        Err(Error::OutOfRange { what: "targets", index: 3, limit: 3 })
    );
    let one = [Layer::dense(1, 1, Activation::Identity)];
    let net: Network = Network::new(&one).unwrap();
    let right = net.count_correct(&[1.0f32, 0.0], &[2.0, -2.0, 0.0], &[1, 0, 1], &mut [0.0; 2]);
    assert_eq!(right, Ok(2));
    assert_eq!(nn::argmax(&[f32::NAN, f32::NEG_INFINITY, -1.0]), Some(2));
    assert_eq!(nn::argmax(&[f32::NAN]), None);
}
