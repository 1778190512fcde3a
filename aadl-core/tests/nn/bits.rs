//! Exact bits: kernels beside plain loops, and what must not change them.

use super::*;

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

        let (mut zero_gw, mut zero_gb) = (w.clone(), b.clone());
        Portable::dense_backward_weights_from_zero(&d, &x, &mut zero_gw, &mut zero_gb);
        let (mut sum_gw, mut sum_gb) = (vec![T::ZERO; w.len()], vec![T::ZERO; b.len()]);
        Portable::dense_backward_weights(&d, &x, &mut sum_gw, &mut sum_gb);
        assert_eq!((bits(&zero_gw), bits(&zero_gb)), (bits(&sum_gw), bits(&sum_gb)));

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
