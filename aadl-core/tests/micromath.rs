//! The second set of elementary functions: over the whole range of float32, and in a network.

use aadl_core::math::{Libm, Math, Micromath};
use aadl_core::nn::{Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::random::Random;

type Function = fn(f32) -> f32;
type Allowed = fn(f32, f32) -> f32;

/// The function, the same of libm, and the error allowed for a value at an argument.
const FUNCTIONS: [(&str, Function, Function, Allowed); 5] = [
    ("exp", Micromath::exp, Libm::exp, |_, value| 2.5e-3 * value),
    ("ln", Micromath::ln, Libm::ln, |_, value| f32::min(1e-4, 1e-3 * value.abs())),
    ("ln_1p", Micromath::ln_1p, Libm::ln_1p, |_, value| f32::min(1e-4, 1e-3 * value.abs())),
    ("tanh", Micromath::tanh, Libm::tanh, |_, _| 2e-3),
    ("cos", Micromath::cos, Libm::cos, |x, _| if x.abs() <= 1000.0 { 2e-3 } else { 2.01 }),
];

#[test]
fn errors_and_limits_are_the_documented_ones() {
    for (name, fast, exact, allowed) in FUNCTIONS {
        let specials = [0.0, -0.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX];
        // The stride is a prime, so that all exponents and many significands occur.
        for x in (0..=u32::MAX).step_by(4099).map(f32::from_bits).chain(specials) {
            let (found, expected) = (fast(x), exact(x));
            let what = format_args!("{name} {x:e}: {found:e}, libm {expected:e}");
            if expected.is_nan() {
                assert!(found.is_nan(), "{what}");
            } else if expected.is_infinite() {
                assert_eq!(found, expected, "{what}");
            } else if expected == 0.0 || expected.is_normal() {
                assert!((found - expected).abs() <= allowed(x, expected), "{what}");
            } else {
                assert!(found.abs() < 2.0 * f32::MIN_POSITIVE, "{what}");
            }
        }
    }
}

#[test]
fn a_network_can_be_built_on_it() {
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Softplus] {
        let layers = [Layer::dense(4, 7, activation), Layer::dense(7, 3, Activation::Identity)];
        let exact: Network = Network::new(&layers).unwrap();
        let fast: Network<Micromath> = Network::new(&layers).unwrap();
        let mut random = Random::new(5);
        let mut params = vec![0.0f32; exact.params()];
        exact.init(Init::PYTORCH, &mut random, &mut params).unwrap();
        let inputs: Vec<f32> = (0..40).map(|_| random.normal::<f32, Libm>()).collect();
        let classes = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0];
        let (mut scratch, mut grads) =
            (vec![0.0; exact.scratch(3)], [params.clone(), params.clone()]);
        let (loss, targets) = (Loss::CrossEntropy, Targets::Classes(&classes));
        let [one, other] = &mut grads;
        let a =
            exact.loss_and_gradient(loss, &params, &inputs, targets, one, &mut scratch).unwrap();
        let b =
            fast.loss_and_gradient(loss, &params, &inputs, targets, other, &mut scratch).unwrap();
        // Sums of a few terms, each off by the errors of the functions.
        assert!((a - b).abs() < 1e-2 * a, "{a} {b}");
        assert!(one.iter().zip(other).all(|(a, b)| (*a - *b).abs() < 1e-2), "{activation:?}");
        // Logits as far apart as float32 goes.
        params.fill(0.0);
        params[exact.params() - 3..].copy_from_slice(&[1e30, 0.0, -1e30]);
        let found = fast.loss(loss, &params, &inputs[..4], Targets::Classes(&[0]), &mut scratch);
        assert_eq!(found, Ok(0.0));
    }
}
