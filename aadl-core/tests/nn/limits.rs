//! Bad calls, and numbers at the edge of their range.

use super::*;

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

/// Parameters are checked by the sums that they enter: none is missed, whatever the activation
/// makes of its sum and however far from the outputs it stands, and sums that overflow by
/// themselves are no error.
#[test]
fn no_parameter_that_is_not_finite_is_missed() {
    for activation in [Activation::Relu, Activation::Tanh, Activation::Identity] {
        let layers = layers(&[3, 5, 2], activation);
        let net: Network = Network::new(&layers).unwrap();
        let inputs = [0.0f32, -1.0, 0.5, 0.0, 0.0, 0.0];
        let targets = Targets::Values(&[0.0f32; 4]);
        let mut scratch = vec![0.0; net.scratch(1)];
        for index in 0..net.params() {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut params = vec![-0.25; net.params()];
                params[index] = bad;
                let (mut grad, mut outputs) = (vec![7.0; net.params()], [7.0; 4]);
                let refused = Error::NonFinite { what: "params", index };
                let loss = Loss::MeanSquares;
                let result =
                    net.loss_and_gradient(loss, &params, &inputs, targets, &mut grad, &mut scratch);
                assert_eq!(result, Err(refused));
                assert_eq!(grad, vec![7.0; net.params()]);
                let result = net.predict(&params, &inputs, &mut outputs, &mut scratch);
                assert_eq!((result, outputs), (Err(refused), [7.0; 4]));
            }
        }
        let huge = vec![f32::MAX; net.params()];
        let mut outputs = [0.0; 4];
        assert_eq!(net.predict(&huge, &[2.0; 6], &mut outputs, &mut scratch), Ok(()));
    }
}
