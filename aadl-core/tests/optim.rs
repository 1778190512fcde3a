//! Optimizers: PyTorch's trajectories, and what holds for every optimizer.

use aadl_core::average::{Average, Averager};
use aadl_core::optim::{
    Adam, AdamConfig, Averaged, Grouped, Optimizer, RmsProp, RmsPropConfig, Rows, Sgd, SgdConfig,
    Update,
};
use aadl_core::{Error, Real};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

// Largest deviation from PyTorch allowed over 30 steps, relative to the largest parameter of that
// step. PyTorch fuses some products with the sums they go into, so bits differ.
const TOLERANCE_F64: f64 = 1e-14;
const TOLERANCE_F32: f64 = 1e-6;

#[derive(Deserialize)]
struct Reference {
    a: Vec<f64>,
    b: Vec<f64>,
    c: f64,
    start: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    dtype: String,
    optimizer: String,
    settings: Value,
    change: Option<(usize, f64)>,
    steps: Vec<Vec<f64>>,
}

/// The three types behind one face, made from PyTorch's names.
#[derive(Clone, Debug)]
enum Any<T> {
    Sgd(Sgd<Vec<T>>),
    RmsProp(RmsProp<Vec<T>>),
    Adam(Adam<Vec<T>>),
}

impl<T: Real> Any<T> {
    /// Buffers begin full of ones: what they hold must not matter.
    fn new(optimizer: &str, settings: &Value, n: usize) -> Self {
        let number = |key, default| settings.get(key).map_or(default, |v| v.as_f64().unwrap());
        let flag = |key| settings.get(key).is_some_and(|v| v.as_bool().unwrap());
        match optimizer {
            "SGD" => {
                let d = SgdConfig::DEFAULT;
                let config = SgdConfig {
                    lr: number("lr", d.lr),
                    momentum: number("momentum", d.momentum),
                    dampening: number("dampening", d.dampening),
                    weight_decay: number("weight_decay", d.weight_decay),
                    nesterov: flag("nesterov"),
                    maximize: flag("maximize"),
                };
                Any::Sgd(Sgd::new(config, vec![T::ONE; config.rows() * n]).unwrap())
            }
            "RMSprop" => {
                let d = RmsPropConfig::DEFAULT;
                let config = RmsPropConfig {
                    lr: number("lr", d.lr),
                    alpha: number("alpha", d.alpha),
                    eps: number("eps", d.eps),
                    weight_decay: number("weight_decay", d.weight_decay),
                    momentum: number("momentum", d.momentum),
                    centered: flag("centered"),
                    maximize: flag("maximize"),
                };
                Any::RmsProp(RmsProp::new(config, vec![T::ONE; config.rows() * n]).unwrap())
            }
            "Adam" | "AdamW" => {
                let d = if optimizer == "Adam" { AdamConfig::DEFAULT } else { AdamConfig::ADAMW };
                let beta = |v: &Value, i: usize| v[i].as_f64().unwrap();
                let config = AdamConfig {
                    lr: number("lr", d.lr),
                    betas: settings.get("betas").map_or(d.betas, |v| (beta(v, 0), beta(v, 1))),
                    eps: number("eps", d.eps),
                    weight_decay: number("weight_decay", d.weight_decay),
                    amsgrad: flag("amsgrad"),
                    maximize: flag("maximize"),
                    ..d
                };
                Any::Adam(Adam::new(config, vec![T::ONE; config.rows() * n]).unwrap())
            }
            other => panic!("unknown optimizer {other}"),
        }
    }

    fn set_lr(&mut self, lr: f64) {
        match self {
            Any::Sgd(o) => o.set_lr(lr),
            Any::RmsProp(o) => o.set_lr(lr),
            Any::Adam(o) => o.set_lr(lr),
        }
        .unwrap();
    }

    fn inner(&self) -> &dyn Optimizer<T> {
        match self {
            Any::Sgd(o) => o,
            Any::RmsProp(o) => o,
            Any::Adam(o) => o,
        }
    }

    fn inner_mut(&mut self) -> &mut dyn Optimizer<T> {
        match self {
            Any::Sgd(o) => o,
            Any::RmsProp(o) => o,
            Any::Adam(o) => o,
        }
    }
}

impl<T: Real> Optimizer<T> for Any<T> {
    fn step(&mut self, params: &mut [T], grad: &[T]) -> Result<Update, Error> {
        self.inner_mut().step(params, grad)
    }
    fn reset(&mut self) {
        self.inner_mut().reset();
    }
    fn check(&self, params: &[T], grad: &[T]) -> Result<(), Error> {
        self.inner().check(params, grad)
    }
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/reference/torch/optim.json")).unwrap()
}

fn cast<T: Real>(x: &[f64]) -> Vec<T> {
    x.iter().map(|x| T::from_f64(*x)).collect()
}

/// The gradient of the formula in `generate/optim.py`.
fn gradient<T: Real>(reference: &Reference, x: &[T]) -> Vec<T> {
    let (a, b, c) = (cast::<T>(&reference.a), cast::<T>(&reference.b), T::from_f64(reference.c));
    let n = x.len();
    let neighbours = |i: usize| x[(i + n - 1) % n] + x[(i + 1) % n];
    (0..n).map(|i| a[i] * (x[i] - b[i]) + x[i] * x[i] * x[i] + c * neighbours(i)).collect()
}

/// The largest relative deviation over a case.
fn replay<T: Real>(reference: &Reference, case: &Case) -> f64 {
    let mut x = cast::<T>(&reference.start);
    let mut optimizer = Any::<T>::new(&case.optimizer, &case.settings, x.len());
    let mut worst = 0.0f64;
    for (i, expected) in case.steps.iter().enumerate() {
        if let Some((step, lr)) = case.change
            && step == i
        {
            optimizer.set_lr(lr);
        }
        let grad = gradient(reference, &x);
        assert_eq!(optimizer.step(&mut x, &grad), Ok(Update::Step));
        let size = expected.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
        for (found, expected) in x.iter().zip(expected) {
            let deviation = (found.to_f64() - expected).abs() / size;
            assert!(!deviation.is_nan());
            worst = worst.max(deviation);
        }
    }
    worst
}

#[test]
fn trajectories_are_those_of_pytorch() {
    let reference = reference();
    assert_eq!(reference.cases.len(), 50);
    let mut failed = Vec::new();
    for case in &reference.cases {
        assert_eq!(case.steps.len(), 30);
        let (worst, tolerance) = match case.dtype.as_str() {
            "float64" => (replay::<f64>(&reference, case), TOLERANCE_F64),
            "float32" => (replay::<f32>(&reference, case), TOLERANCE_F32),
            other => panic!("unknown type {other}"),
        };
        println!("{:24} {} {worst:.1e}", case.name, case.dtype);
        if worst > tolerance {
            failed.push((&case.name, &case.dtype, worst));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn settings_are_told_apart() {
    // A replay under another case's settings must fail, or the comparison above says little.
    let reference = reference();
    let cases: Vec<_> = reference.cases.iter().filter(|c| c.dtype == "float64").collect();
    for (i, a) in cases.iter().enumerate() {
        for (j, b) in cases.iter().enumerate() {
            let mixed = Case { steps: a.steps.clone(), ..(*b).clone() };
            let same = replay::<f64>(&reference, &mixed) <= TOLERANCE_F64;
            assert_eq!(same, i == j, "{} replayed as {}", a.name, b.name);
        }
    }
}

/// An optimizer with the settings of a reference case.
fn any_optimizer(n: usize) -> impl Strategy<Value = Any<f32>> {
    let cases = reference().cases;
    (0..cases.len()).prop_map(move |i| Any::new(&cases[i].optimizer, &cases[i].settings, n))
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #[test]
    fn refused_steps_change_nothing(
        mut optimizer in any_optimizer(5),
        start in prop::array::uniform5(-2.0f32..2.0),
        grads in prop::collection::vec(prop::array::uniform5(-3.0f32..3.0), 1..12),
        bad in prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY]),
        place in 0usize..5,
    ) {
        let mut undisturbed = optimizer.clone();
        let (mut x, mut y) = (start, start);
        for grad in &grads {
            let before = bits(&x);
            let mut wrong = *grad;
            wrong[place] = bad;
            let error = Error::NonFinite { what: "grad", index: place };
            prop_assert_eq!(optimizer.check(&x, &wrong), Err(error));
            prop_assert_eq!(optimizer.step(&mut x, &wrong), Err(error));
            // Parameters likewise: they must not get into momentum or moments.
            let mut lost = x;
            lost[place] = bad;
            let error = Error::NonFinite { what: "params", index: place };
            prop_assert_eq!(optimizer.step(&mut lost, grad), Err(error));
            let error = Error::Length { what: "grad", expected: 5, found: 4 };
            prop_assert_eq!(optimizer.step(&mut x, &grad[..4]), Err(error));
            // Parameters and gradient agree, the state does not (plain descent has none).
            if !matches!(&optimizer, Any::Sgd(o) if o.config().rows() == 0) {
                let result = optimizer.step(&mut x[..4], &grad[..4]);
                let is_state = matches!(result, Err(Error::Length { what: "state", .. }));
                prop_assert!(is_state, "{:?}", result);
            }
            prop_assert_eq!(bits(&x), before);

            optimizer.step(&mut x, grad).unwrap();
            undisturbed.step(&mut y, grad).unwrap();
            prop_assert_eq!(bits(&x), bits(&y));
        }
    }

    #[test]
    fn a_reset_optimizer_is_a_new_one(
        mut optimizer in any_optimizer(3),
        start in prop::array::uniform3(-2.0f32..2.0),
        grads in prop::collection::vec(prop::array::uniform3(-3.0f32..3.0), 1..8),
    ) {
        let mut fresh = optimizer.clone();
        let mut x = start;
        for grad in &grads {
            optimizer.step(&mut x, grad).unwrap();
        }
        optimizer.reset();
        let (mut x, mut y) = (start, start);
        for grad in &grads {
            optimizer.step(&mut x, grad).unwrap();
            fresh.step(&mut y, grad).unwrap();
            prop_assert_eq!(bits(&x), bits(&y));
        }
    }

    #[test]
    fn groups_are_separate_optimizers(
        mut first in any_optimizer(2),
        mut second in any_optimizer(3),
        mut third in any_optimizer(1),
        start in prop::array::uniform6(-2.0f32..2.0),
        grads in prop::collection::vec(prop::array::uniform6(-3.0f32..3.0), 1..8),
        place in 0usize..6,
    ) {
        let parts = [first.clone(), second.clone(), third.clone()];
        let mut grouped = Grouped::new([2, 5, 6], parts).unwrap();
        let (mut x, mut y) = (start, start);
        for grad in &grads {
            // Whichever group refuses, none moves.
            let mut wrong = *grad;
            wrong[place] = f32::NAN;
            let before = bits(&x);
            let error = Error::NonFinite { what: "grad", index: place };
            prop_assert_eq!(grouped.step(&mut x, &wrong), Err(error));
            prop_assert_eq!(bits(&x), before);

            prop_assert_eq!(grouped.step(&mut x, grad), Ok(Update::Step));
            first.step(&mut y[..2], &grad[..2]).unwrap();
            second.step(&mut y[2..5], &grad[2..5]).unwrap();
            third.step(&mut y[5..], &grad[5..]).unwrap();
            prop_assert_eq!(bits(&x), bits(&y));
        }
    }

    #[test]
    fn averaged_is_its_parts(
        mut optimizer in any_optimizer(4),
        start in prop::array::uniform4(-2.0f32..2.0),
        grads in prop::collection::vec(prop::array::uniform4(-3.0f32..3.0), 1..20),
        tolerance in 0.0f64..0.3,
    ) {
        let mut average = Averager::<4, 5>::new();
        let mut averaged = Averaged::new(optimizer.clone(), average.clone(), tolerance).unwrap();
        let (mut x, mut y) = (start, start);
        for grad in &grads {
            let update = averaged.step(&mut x, grad).unwrap();
            optimizer.step(&mut y, grad).unwrap();
            average.push(&y).unwrap();
            let jump = average.relative_deviation().is_some_and(|d| d > tolerance);
            if jump {
                average.mean(&mut y).unwrap();
            }
            prop_assert_eq!(update, if jump { Update::Jump } else { Update::Step });
            prop_assert_eq!(bits(&x), bits(&y));
        }
    }
}

#[test]
fn a_group_of_wrong_length_moves_no_group() {
    let config = SgdConfig { momentum: 0.9, ..SgdConfig::DEFAULT };
    let pair = || Sgd::new(config, [0.0f32; 2]).unwrap();
    let mut grouped = Grouped::new([2, 5], [pair(), pair()]).unwrap();
    let mut x = [1.0; 5];
    let error = Error::Length { what: "state", expected: 3, found: 2 };
    assert_eq!(grouped.step(&mut x, &[1.0; 5]), Err(error));
    let error = Error::Length { what: "params", expected: 5, found: 4 };
    assert_eq!(grouped.step(&mut x[..4], &[1.0; 4]), Err(error));
    assert_eq!(x, [1.0; 5]);
}

#[test]
fn group_ends_ascend_from_above_zero() {
    let plain = || Sgd::new(SgdConfig::DEFAULT, [0.0f32; 0]).unwrap();
    for ends in [[0, 2], [2, 2], [3, 2]] {
        let result = Grouped::new(ends, [plain(), plain()]);
        assert!(matches!(result, Err(Error::Config { field: "ends", .. })), "{ends:?}");
    }
    assert!(Grouped::new([1, 2], [plain(), plain()]).is_ok());
}

#[test]
fn averaging_refuses_before_it_steps() {
    let config = SgdConfig { lr: 1.0, ..SgdConfig::DEFAULT };
    let plain = || Sgd::new(config, [0.0f32; 0]).unwrap();
    let mut averaged = Averaged::new(plain(), Averager::<2, 3>::new(), 0.1).unwrap();
    let mut x = [1.0, f32::INFINITY];
    let error = Error::NonFinite { what: "params", index: 1 };
    assert_eq!(averaged.step(&mut x, &[1.0, 1.0]), Err(error));
    assert_eq!(x[0], 1.0);
    let mut x = [1.0; 3];
    let error = Error::Length { what: "params", expected: 2, found: 3 };
    assert_eq!(averaged.step(&mut x, &[1.0; 3]), Err(error));
    assert_eq!(x, [1.0; 3]);
    // The documented exception: the optimizer itself overflows.
    let mut x = [-f32::MAX, 0.0];
    let error = Error::NonFinite { what: "params", index: 0 };
    assert_eq!(averaged.step(&mut x, &[f32::MAX, 0.0]), Err(error));
    assert_eq!((x[0], averaged.average().count()), (f32::NEG_INFINITY, 0));

    for tolerance in [-0.1, f64::NAN] {
        let result = Averaged::new(plain(), Averager::<2, 3>::new(), tolerance);
        assert!(matches!(result, Err(Error::Config { field: "tolerance", .. })));
    }
}

fn field(result: Result<(), Error>) -> Option<&'static str> {
    match result {
        Ok(()) => None,
        Err(Error::Config { field, .. }) => Some(field),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn validation_names_the_field() {
    let (sgd, rms, adam) = (SgdConfig::DEFAULT, RmsPropConfig::DEFAULT, AdamConfig::DEFAULT);
    for valid in [sgd.validate(), rms.validate(), adam.validate(), AdamConfig::ADAMW.validate()] {
        assert_eq!(valid, Ok(()));
    }
    for x in [-1e-9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e39] {
        let cases = [
            (SgdConfig { lr: x, ..sgd }.validate(), "lr"),
            (SgdConfig { momentum: x, ..sgd }.validate(), "momentum"),
            (SgdConfig { weight_decay: x, ..sgd }.validate(), "weight_decay"),
            (RmsPropConfig { lr: x, ..rms }.validate(), "lr"),
            (RmsPropConfig { alpha: x, ..rms }.validate(), "alpha"),
            (RmsPropConfig { eps: x, ..rms }.validate(), "eps"),
            (RmsPropConfig { momentum: x, ..rms }.validate(), "momentum"),
            (RmsPropConfig { weight_decay: x, ..rms }.validate(), "weight_decay"),
            (AdamConfig { lr: x, ..adam }.validate(), "lr"),
            (AdamConfig { eps: x, ..adam }.validate(), "eps"),
            (AdamConfig { betas: (x, 0.9), ..adam }.validate(), "betas"),
            (AdamConfig { betas: (0.9, x), ..adam }.validate(), "betas"),
            (AdamConfig { weight_decay: x, ..adam }.validate(), "weight_decay"),
        ];
        for (result, expected) in cases {
            assert_eq!(field(result), Some(expected), "{x}");
        }
    }
    for x in [f64::NAN, f64::INFINITY, -1e39] {
        assert_eq!(field(SgdConfig { dampening: x, ..sgd }.validate()), Some("dampening"));
    }
    assert_eq!(field(SgdConfig { dampening: -1.0, ..sgd }.validate()), None);
    assert_eq!(field(AdamConfig { betas: (1.0, 0.9), ..adam }.validate()), Some("betas"));
    let nesterov = SgdConfig { nesterov: true, momentum: 0.9, ..sgd };
    assert_eq!(field(nesterov.validate()), None);
    let damped = SgdConfig { dampening: 0.1, ..nesterov };
    assert_eq!(field(damped.validate()), Some("nesterov"));
    assert_eq!(field(SgdConfig { momentum: 0.0, ..nesterov }.validate()), Some("nesterov"));

    // Constructors and the schedule's setter check too, and a refused rate changes nothing.
    assert!(Sgd::new(SgdConfig { lr: -1.0, ..sgd }, [0.0f32; 0]).is_err());
    let mut optimizer = Sgd::new(sgd, [0.0f32; 0]).unwrap();
    assert!(optimizer.set_lr(f64::NAN).is_err());
    assert_eq!(optimizer.lr(), sgd.lr);
}

#[test]
fn own_state_must_have_the_rows_of_the_settings() {
    let found = Adam::<Rows<4, 3>>::zeroed(AdamConfig::DEFAULT).map(|_| ());
    assert_eq!(found, Err(Error::Length { what: "rows of state", expected: 2, found: 3 }));
    let found = Sgd::<Rows<4, 0, f64>>::zeroed(SgdConfig { lr: f64::NAN, ..SgdConfig::DEFAULT });
    assert!(matches!(found, Err(Error::Config { field: "lr", .. })));
    assert!(RmsProp::<Rows<4, 1>>::zeroed(RmsPropConfig::DEFAULT).is_ok());
}

#[test]
fn borrowed_and_owned_state_give_the_same_bits() {
    let mut buffer = [7.0f32; 6];
    let mut borrowed = Adam::new(AdamConfig::DEFAULT, &mut buffer[..]).unwrap();
    let mut owned = Adam::<Rows<3, 2>>::zeroed(AdamConfig::DEFAULT).unwrap();
    let (mut x, mut y) = ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]);
    for _ in 0..10 {
        let grad = x;
        borrowed.step(&mut x, &grad).unwrap();
        owned.step(&mut y, &grad).unwrap();
        assert_eq!(bits(&x), bits(&y));
    }
}

#[test]
fn sizes_are_those_of_the_documentation() {
    assert_eq!(size_of::<Sgd<[f32; 0]>>(), 48);
    assert_eq!(size_of::<Sgd<Rows<100, 1>>>(), 48 + 400);
    assert_eq!(size_of::<RmsProp<Rows<100, 3>>>(), 56 + 1200);
    assert_eq!(size_of::<Adam<Rows<100, 2>>>(), 64 + 800);
    assert_eq!(size_of::<Adam<Rows<100, 3, f64>>>(), 64 + 2400);
}

#[test]
fn no_nan_where_pytorch_has_one() {
    // A constant gradient makes the centred variance a rounding error of either sign, and eps 0
    // divides a zero gradient by zero.
    let config = RmsPropConfig { centered: true, lr: 1e-9, ..RmsPropConfig::DEFAULT };
    let mut rms = RmsProp::new(config, [0.0f32; 6]).unwrap();
    let config = RmsPropConfig { eps: 0.0, ..RmsPropConfig::DEFAULT };
    let mut plain = RmsProp::new(config, [0.0f32; 3]).unwrap();
    let config = AdamConfig { eps: 0.0, ..AdamConfig::DEFAULT };
    let mut adam = Adam::new(config, [0.0f32; 6]).unwrap();
    let mut x = [[1.0f32; 3]; 3];
    for _ in 0..5000 {
        let grad = [0.0, 0.1, -0.7];
        rms.step(&mut x[0], &grad).unwrap();
        plain.step(&mut x[1], &grad).unwrap();
        adam.step(&mut x[2], &grad).unwrap();
    }
    assert!(x.as_flattened().iter().all(|x| x.is_finite()), "{x:?}");
    assert!(x.iter().all(|x| x[0] == 1.0), "{x:?}");
}

#[test]
fn adam_after_a_million_steps() {
    // The bias corrections have become 1 and stay there: a constant gradient moves by lr.
    let config = AdamConfig { lr: 1e-6, ..AdamConfig::DEFAULT };
    let mut adam = Adam::new(config, [0.0f64; 2]).unwrap();
    let mut x = [0.0];
    for _ in 0..1_000_000 {
        adam.step(&mut x, &[1.0]).unwrap();
    }
    assert!((x[0] + 1.0).abs() < 1e-7, "{x:?}");
}
