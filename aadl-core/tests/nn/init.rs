//! Initial parameters, and the counting of answers.

use super::*;

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
