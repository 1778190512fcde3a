//! Acceleration around optimizers: what is inside stays what it is, whatever the accelerator does.

mod common;

use aadl_core::Error;
use aadl_core::anderson::{Anderson, Config, Reason, Safeguard, Stats, Step};
use aadl_core::average::{Average, Averager, RunningAverager};
use aadl_core::optim::{
    Accelerated, Accelerators, Adam, AdamConfig, Averaged, Grouped, Optimizer, RmsProp,
    RmsPropConfig, Rows, Sgd, SgdConfig, Update,
};
use aadl_core::random::Random;
use common::{BARE, Borrowed, Map, bits, norm, vector, wide};

const LR: f64 = 0.05;

/// The gradient whose descent with rate [`LR`] is the map, but for rounding.
fn gradient<T: aadl_core::Real>(map: &Map, x: &[T]) -> Vec<T> {
    map.residual(x).iter().map(|f| -*f * T::from_f64(1.0 / LR)).collect()
}

fn sgd() -> Sgd<[f64; 0]> {
    Sgd::new(SgdConfig { lr: LR, ..SgdConfig::DEFAULT }, []).unwrap()
}

fn problem<const N: usize>(seed: u64) -> (Map, [f64; N]) {
    let mut random = Random::new(seed);
    let map = Map::new(&mut random, N, 50.0, 0.3);
    let x = vector(&mut random, N).try_into().unwrap();
    (map, x)
}

/// The wrapper is: the point before, the optimizer's step, the accelerator's step.
#[test]
fn one_over_all_is_an_optimizer_step_and_an_accelerator_step() {
    for (seed, config) in
        [Config::DEFAULT, Config { frequency: 1, ..BARE }, Config { store_each_nth: 2, ..BARE }]
            .into_iter()
            .enumerate()
    {
        let (map, mut x) = problem::<9>(800 + seed as u64);
        let mut y = x;
        let mut wrapped = Accelerated::new(sgd(), Anderson::<9, 6, f64>::new(), config).unwrap();
        let (mut inner, mut accelerator) = (sgd(), Anderson::<9, 6, f64>::new());
        accelerator.view().start(&y).unwrap();
        for _ in 0..50 {
            let grad = gradient(&map, &x);
            let update = wrapped.step(&mut x, &grad).unwrap();
            inner.step(&mut y, &grad).unwrap();
            let done = accelerator.step(&config, &mut y).unwrap();
            assert_eq!(bits(&x), bits(&y));
            let jump =
                matches!(done, Step::Accelerated { .. } | Step::Rejected(Reason::ResidualGrew));
            assert_eq!(update, if jump { Update::Jump } else { Update::Step });
            assert_eq!(wrapped.accelerators_mut().view().last_step(), done);
        }
        let (_, inside) = wrapped.into_inner();
        assert_eq!(inside.stats(), accelerator.stats());
        assert!(inside.stats().accelerated > 5);
    }
}

/// A pair, an array, a nest of both: each group is accelerated as if it were alone, its gradient
/// given.
#[test]
fn groups_are_accelerated_each_on_its_own() {
    let (map, x0) = problem::<11>(810);
    let config = BARE;
    let groups = (
        Anderson::<3, 5, f64>::new(),
        ([Anderson::<2, 4, f64>::new(), Anderson::<2, 4, f64>::new()], Borrowing(4, 6).make()),
    );
    let mut wrapped = Accelerated::new(sgd(), groups, config).unwrap();
    assert_eq!(wrapped.accelerators().count(), 4);
    assert_eq!(wrapped.accelerators().dimension(), 11);
    let sizes: Vec<usize> =
        (0..4).map(|group| wrapped.accelerators_mut().get(group).unwrap().dimension()).collect();
    assert_eq!(sizes, [3, 2, 2, 4]);
    assert!(wrapped.accelerators_mut().get(4).is_none());

    let ranges = [0..3, 3..5, 5..7, 7..11];
    let mut alone: Vec<Borrowed<f64>> =
        [(3, 5), (2, 4), (2, 4), (4, 6)].map(|(n, depth)| Borrowed::new(n, depth)).into();
    let (mut x, mut y) = (x0, x0);
    for (accelerator, range) in alone.iter_mut().zip(&ranges) {
        accelerator.view().start(&y[range.clone()]).unwrap();
    }
    let mut inner = sgd();
    let mut jumps = 0;
    for _ in 0..60 {
        let grad = gradient(&map, &x);
        let update = wrapped.step(&mut x, &grad).unwrap();
        inner.step(&mut y, &grad).unwrap();
        let mut jumped = false;
        for (accelerator, range) in alone.iter_mut().zip(&ranges) {
            let done = accelerator.view().step(&config, &mut y[range.clone()]).unwrap();
            jumped |= matches!(done, Step::Accelerated { .. });
        }
        assert_eq!(bits(&x), bits(&y));
        assert_eq!(update == Update::Jump, jumped);
        jumps += u32::from(jumped);
    }
    assert!(jumps > 10);
    for (group, accelerator) in alone.iter().enumerate() {
        let groups = wrapped.accelerators_mut();
        assert_eq!(groups.get(group).unwrap().stats(), accelerator.state.stats());
    }
}

/// An accelerator of another kind among the groups: on vectors.
struct Borrowing(usize, usize);

impl Borrowing {
    fn make(self) -> OnVectors {
        OnVectors(Borrowed::new(self.0, self.1))
    }
}

struct OnVectors(Borrowed<f64>);

impl Accelerators<f64> for OnVectors {
    type Kernels = aadl_core::kernels::Portable;

    fn count(&self) -> usize {
        1
    }

    fn dimension(&self) -> usize {
        self.0.n
    }

    fn get(&mut self, group: usize) -> Option<aadl_core::anderson::AndersonMut<'_, f64>> {
        (group == 0).then(|| self.0.view())
    }
}

/// The loss of a group sees all parameters: the accelerated group among the plain others.
#[test]
fn the_loss_sees_all_parameters() {
    let (map, mut x) = problem::<6>(820);
    let groups = [Anderson::<3, 5, f64>::new(), Anderson::<3, 5, f64>::new()];
    let config = Config { safeguard: Safeguard::Loss, ..BARE };
    let mut wrapped = Accelerated::new(sgd(), groups, config).unwrap();
    let mut twin = sgd();
    let mut rejected = 0;
    for _ in 0..40 {
        let grad = gradient(&map, &x);
        let mut plain = x;
        twin.step(&mut plain, &grad).unwrap();
        let mut calls = 0;
        let update = wrapped
            .step_with(&mut x, &grad, |p| {
                assert_eq!(p.len(), 6);
                // Plain, first group moved, plain, second group moved; all rejected.
                let moved = match calls % 4 {
                    1 => 0..3,
                    3 => 3..6,
                    _ => 0..0,
                };
                for i in 0..6 {
                    assert!(moved.contains(&i) || p[i].to_bits() == plain[i].to_bits());
                }
                assert!(moved.is_empty() || p != plain);
                calls += 1;
                1.0
            })
            .unwrap();
        assert_eq!(update, Update::Step);
        assert!(calls == 0 || calls == 4);
        rejected += calls / 4;
        assert_eq!(bits(&x), bits(&plain));
    }
    assert!(rejected > 15);
    for accelerator in wrapped.accelerators_mut() {
        assert_eq!(accelerator.stats().loss_evaluations, 2 * rejected);
    }
}

/// Momentum and moments do not know of jumps: with every jump rejected the run is that of the
/// optimizer alone, its state included; with jumps accepted its state is that of one which was
/// given the same gradients.
#[test]
fn jumps_do_not_touch_the_optimizers_state() {
    let (map, x0) = problem::<7>(830);
    let config = Config { safeguard: Safeguard::Loss, frequency: 3, ..BARE };
    let momentum = SgdConfig { lr: LR, momentum: 0.9, nesterov: true, ..SgdConfig::DEFAULT };
    let heavy = || Sgd::new(momentum, [0.0; 7]).unwrap();
    let adam = || Adam::new(AdamConfig { lr: LR, ..AdamConfig::DEFAULT }, [0.0; 14]).unwrap();

    fn run<O: Optimizer<f64> + PartialEq + core::fmt::Debug>(
        make: impl Fn() -> O,
        accept: bool,
        (map, x0): (&Map, [f64; 7]),
        config: Config,
    ) {
        let (mut x, mut y) = (x0, x0);
        let mut wrapped = Accelerated::new(make(), Anderson::<7, 5, f64>::new(), config).unwrap();
        let mut alone = make();
        for _ in 0..40 {
            let grad = gradient(map, &x);
            let mut calls = 0;
            wrapped
                .step_with(&mut x, &grad, |_| {
                    calls += 1;
                    f64::from(if accept { -calls } else { calls })
                })
                .unwrap();
            alone.step(&mut y, &grad).unwrap();
            assert_eq!(wrapped.optimizer(), &alone);
            assert!(accept || bits(&x) == bits(&y));
            y = x;
        }
        let (inside, accelerator) = wrapped.into_inner();
        assert_eq!(inside, alone);
        let stats = accelerator.stats();
        assert!(if accept { stats.accelerated } else { stats.loss } > 8, "{stats:?}");
    }
    for accept in [false, true] {
        run(heavy, accept, (&map, x0), config);
        run(adam, accept, (&map, x0), config);
    }
}

#[test]
fn errors_come_before_anything_moves() {
    let (map, mut x) = problem::<6>(840);
    let bad = Config { relaxation: 2.0, ..Config::DEFAULT };
    assert!(matches!(
        Accelerated::new(sgd(), Anderson::<6, 5, f64>::new(), bad),
        Err(Error::Config { field: "relaxation", .. })
    ));

    let momentum = SgdConfig { lr: LR, momentum: 0.5, ..SgdConfig::DEFAULT };
    let make = || {
        let groups = (Anderson::<2, 4, f64>::new(), Anderson::<4, 4, f64>::new());
        let optimizer = Sgd::new(momentum, [0.0; 6]).unwrap();
        Accelerated::new(optimizer, groups, BARE).unwrap()
    };
    let (mut one, mut twin) = (make(), make());
    let mut y = x;
    for step in 0..40 {
        let grad = gradient(&map, &x);
        let before = bits(&x);
        let length = |what, found| Err(Error::Length { what, expected: 6, found });
        assert_eq!(one.step(&mut x[..5], &grad[..5]), length("params", 5));
        assert_eq!(one.step(&mut x, &grad[..5]), length("grad", 5));
        let mut long = [0.0; 7];
        assert_eq!(one.step(&mut long, &grad), length("params", 7));
        for bad in [f64::NAN, f64::INFINITY] {
            let mut broken = grad.clone();
            broken[step % 6] = bad;
            let error = Error::NonFinite { what: "grad", index: step % 6 };
            assert_eq!(one.step(&mut x, &broken), Err(error));
            let mut lost = x;
            lost[step % 6] = bad;
            let error = Error::NonFinite { what: "params", index: step % 6 };
            assert_eq!(one.step(&mut lost, &grad), Err(error));
        }
        assert!(matches!(
            one.reconfigure(Config { frequency: 0, ..Config::DEFAULT }),
            Err(Error::Config { field: "frequency", .. })
        ));
        one.reconfigure(Config { safeguard: Safeguard::Loss, ..Config::DEFAULT }).unwrap();
        assert_eq!(one.step(&mut x, &grad), Err(Error::LossRequired));
        one.reconfigure(BARE).unwrap();
        assert_eq!(bits(&x), before);

        assert_eq!(one.step(&mut x, &grad), twin.step(&mut y, &grad));
        assert_eq!(bits(&x), bits(&y));
        assert_eq!(one.optimizer(), twin.optimizer());
    }
    assert_eq!(one.accelerators().0.stats(), twin.accelerators().0.stats());
    assert_eq!(one.accelerators().1.stats(), twin.accelerators().1.stats());
}

/// The optimizer itself refuses: its state has another length. The point before the step must not
/// have been stored.
#[test]
fn an_optimizer_that_refuses_leaves_no_trace() {
    let config = SgdConfig { lr: LR, momentum: 0.5, ..SgdConfig::DEFAULT };
    let optimizer = Sgd::new(config, vec![0.0; 3]).unwrap();
    let mut accelerated =
        Accelerated::new(optimizer, Anderson::<4, 4, f64>::new(), Config::DEFAULT).unwrap();
    let mut x = [1.0; 4];
    assert!(matches!(accelerated.step(&mut x, &[1.0; 4]), Err(Error::Length { .. })));
    assert_eq!(x, [1.0; 4]);
    assert!(accelerated.accelerators_mut().view().wants_start());
}

/// A jump to where the gradient is not finite: without a way back every further step would fail.
/// The optimizer does not see such a gradient.
#[test]
fn a_gradient_that_is_not_finite_takes_the_jump_back() {
    let (map, mut x) = problem::<6>(845);
    let momentum = SgdConfig { lr: LR, momentum: 0.3, ..SgdConfig::DEFAULT };
    let optimizer = Sgd::new(momentum, [0.0; 6]).unwrap();
    let groups = (Anderson::<2, 6, f64>::new(), Anderson::<4, 6, f64>::new());
    // So large that nothing else is taken back.
    let config = Config { safeguard: Safeguard::Residual { growth: 1e6 }, ..Config::DEFAULT };
    let mut accelerated = Accelerated::new(optimizer, groups, config).unwrap();
    let mut taken_back = 0;
    for step in 0..40 {
        let grad = gradient(&map, &x);
        let mut plain = x;
        accelerated.optimizer().clone().step(&mut plain, &grad).unwrap();
        accelerated.step(&mut x, &grad).unwrap();
        let groups = accelerated.accelerators_mut();
        let jumped = [groups.0.view().last_step(), groups.1.view().last_step()]
            .map(|done| matches!(done, Step::Accelerated { .. }));
        if step % 3 != 0 {
            continue;
        }
        let before = (x, accelerated.optimizer().clone());
        let broken = [1.0, 1.0, 1.0, f64::INFINITY, 1.0, 1.0];
        let result = accelerated.step(&mut x, &broken);
        assert_eq!(*accelerated.optimizer(), before.1);
        if jumped.contains(&true) {
            assert_eq!(result, Ok(Update::Jump));
            for (range, jumped) in [(0..2, jumped[0]), (2..6, jumped[1])] {
                let expected = if jumped { &plain } else { &before.0 };
                assert_eq!(bits(&x[range.clone()]), bits(&expected[range]));
                taken_back += u32::from(jumped);
            }
            // What is left is the caller's.
        }
        let error = Error::NonFinite { what: "grad", index: 3 };
        assert_eq!(accelerated.step(&mut x, &broken), Err(error));
    }
    assert!(taken_back >= 8, "{taken_back}");
    let groups = accelerated.accelerators_mut();
    assert_eq!(groups.0.stats().residual_grew + groups.1.stats().residual_grew, taken_back);
}

/// Asked beforehand, as by what holds several optimizers, it answers as a step would.
#[test]
fn what_a_step_would_refuse_is_told_beforehand() {
    let optimizer = Accelerated::new(sgd(), Anderson::<2, 4, f64>::new(), Config::DEFAULT).unwrap();
    assert_eq!(optimizer.check(&[1.0; 2], &[1.0; 2]), Ok(()));
    let error = Error::Length { what: "params", expected: 2, found: 3 };
    assert_eq!(optimizer.check(&[1.0; 3], &[1.0; 3]), Err(error));
    let error = Error::NonFinite { what: "grad", index: 1 };
    assert_eq!(optimizer.check(&[1.0; 2], &[1.0, f64::NAN]), Err(error));
    let guarded = Config { safeguard: Safeguard::Loss, ..Config::DEFAULT };
    let optimizer = Accelerated::new(sgd(), Anderson::<2, 4, f64>::new(), guarded).unwrap();
    assert_eq!(optimizer.check(&[1.0; 2], &[1.0; 2]), Err(Error::LossRequired));
}

/// What stands around the accelerated optimizer asks it first, and must not be told that a gradient
/// is refused which the step would answer by taking the jump back.
#[test]
fn a_jump_is_taken_back_inside_groups_and_averages_too() {
    let config = Config { safeguard: Safeguard::Residual { growth: 1e6 }, ..Config::DEFAULT };
    // Where one of two groups has jumped, the other must not keep it from coming back.
    let part = |frequency| {
        let config = Config { frequency, ..config };
        Accelerated::new(sgd(), Anderson::<2, 4, f64>::new(), config).unwrap()
    };
    fn jumps_and_comes_back(mut optimizer: impl Optimizer<f64>, lost: bool) {
        let (map, mut x) = problem::<4>(846);
        let broken = [f64::NAN; 4];
        let refused = Err(Error::NonFinite { what: "grad", index: 0 });
        assert_eq!(optimizer.step(&mut x, &broken), refused);
        for _ in 0..100 {
            let mut plain = x;
            let grad = gradient(&map, &x);
            sgd().step(&mut plain, &grad).unwrap();
            if optimizer.step(&mut x, &grad).unwrap() == Update::Jump {
                assert_ne!(x, plain);
                assert_eq!(optimizer.check(&x, &broken), refused.map(drop));
                // Parameters that are not finite are answered in the same way.
                if lost {
                    x[..2].fill(f64::INFINITY);
                }
                let grad = if lost { &grad[..] } else { &broken };
                assert_eq!(optimizer.step(&mut x, grad), Ok(Update::Jump));
                assert_eq!(x, plain);
                assert_eq!(optimizer.step(&mut x, &broken), refused);
                return;
            }
        }
        panic!("no jump");
    }
    for lost in [false, true] {
        jumps_and_comes_back(Grouped::new([2, 4], [part(2), part(5)]).unwrap(), lost);
        let whole = Accelerated::new(sgd(), Anderson::<4, 4, f64>::new(), config).unwrap();
        let average = Averager::<4, 3, f64>::new();
        jumps_and_comes_back(Averaged::new(whole, average, f64::INFINITY).unwrap(), lost);
    }
}

#[test]
fn reset_and_reconfigure() {
    let (map, x0) = problem::<5>(850);
    let momentum = SgdConfig { lr: LR, momentum: 0.5, ..SgdConfig::DEFAULT };
    let optimizer = Sgd::new(momentum, [0.0; 5]).unwrap();
    // By reference, as for an accelerator in a static.
    let mut memory = Anderson::<5, 4, f64>::new();
    let mut accelerated = Accelerated::new(optimizer, &mut memory, Config::DEFAULT).unwrap();
    let run = |accelerated: &mut Accelerated<Sgd<[f64; 5]>, &mut Anderson<5, 4, f64>>| {
        let mut x = x0;
        let mut seen = Vec::new();
        for _ in 0..30 {
            let grad = gradient(&map, &x);
            accelerated.step(&mut x, &grad).unwrap();
            seen.extend(bits(&x));
        }
        seen
    };
    let first = run(&mut accelerated);
    accelerated.reset();
    assert_eq!(*accelerated.accelerators().stats(), Stats::ZERO);
    assert_eq!(run(&mut accelerated), first);

    // Other settings from the next step on; the history stays.
    let stored = accelerated.accelerators().stats().stored;
    let never = Config { frequency: u32::MAX, ..Config::DEFAULT };
    accelerated.reconfigure(never).unwrap();
    let jumps = accelerated.accelerators().stats().accelerated;
    run(&mut accelerated);
    assert_eq!(accelerated.accelerators().stats().accelerated, jumps);
    assert_eq!(accelerated.accelerators().stats().stored, stored + 30);
    accelerated.into_inner();
    assert_eq!(memory.stats().steps, 60);
}

/// An optimizer that replaces the parameters now and then: no residual across that.
#[derive(Clone)]
struct Jumping {
    inner: Sgd<[f64; 0]>,
    steps: u32,
}

impl Optimizer<f64> for Jumping {
    fn step(&mut self, params: &mut [f64], grad: &[f64]) -> Result<Update, Error> {
        self.inner.step(params, grad)?;
        self.steps += 1;
        if !self.steps.is_multiple_of(5) {
            return Ok(Update::Step);
        }
        params.iter_mut().for_each(|x| *x *= 0.5);
        Ok(Update::Jump)
    }

    fn reset(&mut self) {
        self.steps = 0;
    }
}

#[test]
fn jumps_inside_are_no_residuals() {
    let (map, mut x) = problem::<8>(860);
    let mut y = x;
    let jumping = Jumping { inner: sgd(), steps: 0 };
    let mut wrapped =
        Accelerated::new(jumping.clone(), Anderson::<8, 6, f64>::new(), BARE).unwrap();
    let (mut inner, mut accelerator) = (jumping, Borrowed::<f64>::new(8, 6));
    accelerator.view().start(&y).unwrap();
    for step in 1..=40 {
        let grad = gradient(&map, &x);
        let update = wrapped.step(&mut x, &grad).unwrap();
        if inner.step(&mut y, &grad).unwrap() == Update::Jump {
            assert_eq!(update, Update::Jump);
            accelerator.view().interrupt();
        }
        let done = accelerator.view().step(&BARE, &mut y).unwrap();
        assert_eq!(bits(&x), bits(&y));
        if step % 5 == 0 && done == Step::Stored {
            assert_eq!(wrapped.accelerators_mut().view().residual_norm(), None);
        }
    }
}

/// Averaging inside acceleration, in both forms: the optimizer's step, the mean where the spread
/// asks for it, then the accelerator, which takes no loaded mean for a value of the map.
#[test]
fn acceleration_goes_around_averaging() {
    fn run(average: impl Average<f64> + Clone, seed: u64) -> [u32; 2] {
        const TOLERANCE: f64 = 0.2;
        let (map, mut x) = problem::<6>(seed);
        let mut random = Random::new(seed);
        let mut y = x;
        let inner = Averaged::new(sgd(), average.clone(), TOLERANCE).unwrap();
        let mut wrapped = Accelerated::new(inner, Anderson::<6, 6, f64>::new(), BARE).unwrap();
        let (mut inner, mut average) = (sgd(), average);
        let mut accelerator = Anderson::<6, 6, f64>::new();
        accelerator.view().start(&y).unwrap();
        let [mut loaded, mut jumped] = [0; 2];
        for step in 0..120 {
            let mut grad = gradient(&map, &x);
            if step % 20 < 5 {
                grad.iter_mut().for_each(|g| *g += common::signed(&mut random));
            }
            let update = wrapped.step(&mut x, &grad).unwrap();
            inner.step(&mut y, &grad).unwrap();
            average.push(&y).unwrap();
            let mean = average.apply(&mut y, TOLERANCE).unwrap().loaded;
            if mean {
                accelerator.view().interrupt();
                loaded += 1;
            }
            let done = accelerator.step(&BARE, &mut y).unwrap();
            assert_eq!(bits(&x), bits(&y));
            assert_eq!(wrapped.accelerators_mut().view().last_step(), done);
            let jump = matches!(done, Step::Accelerated { .. });
            jumped += u32::from(jump);
            assert_eq!(update == Update::Jump, mean || jump);
            if mean {
                // Not one stored before, nor one that ends with a mean.
                assert_eq!(wrapped.accelerators_mut().view().residual_norm(), None);
            }
        }
        let (inside, outside) = wrapped.into_inner();
        assert_eq!(outside.stats(), accelerator.stats());
        assert_eq!(inside.into_inner().0, inner);
        [loaded, jumped]
    }
    for seed in 880..886 {
        for found in [
            run(Averager::<6, 4, f64>::new(), seed),
            run(RunningAverager::<6, 4, f64>::new(), seed),
        ] {
            assert!(found[0] > 5 && found[1] > 5, "means and jumps: {found:?}");
        }
    }
}

/// The other way round: the average sees accelerated points as it sees all others.
#[test]
fn averaging_goes_around_acceleration() {
    let (map, mut x) = problem::<6>(890);
    let mut y = x;
    let make = || Accelerated::new(sgd(), Anderson::<6, 6, f64>::new(), BARE).unwrap();
    let (mut alone, mut average) = (make(), Averager::<6, 4, f64>::new());
    let mut wrapped = Averaged::new(make(), average.clone(), 0.05).unwrap();
    let mut loaded = 0;
    for _ in 0..40 {
        let grad = gradient(&map, &x);
        wrapped.step(&mut x, &grad).unwrap();
        alone.step(&mut y, &grad).unwrap();
        is_true_residual(&mut alone, &grad);
        average.push(&y).unwrap();
        if average.apply(&mut y, 0.05).unwrap().loaded {
            alone.interrupt();
            loaded += 1;
        }
        assert_eq!(bits(&x), bits(&y));
    }
    assert!(loaded > 2 && loaded < 38, "{loaded}");
}

/// What the accelerator holds as its newest residual is the step that descent made.
fn is_true_residual<const N: usize>(
    accelerated: &mut Accelerated<Sgd<[f64; 0]>, Anderson<N, 6, f64>>,
    grad: &[f64],
) {
    if let Some(residual) = accelerated.accelerators_mut().view().residual_norm() {
        let step = LR * norm(grad);
        // Differences of iterates of order 1 are rounded to their last place.
        assert!((residual - step).abs() <= 1e-9 * step + 1e-14, "{residual:e} {step:e}");
    }
}

/// An outer jump, or one taken back, is no step of the accelerator inside; and the other way round.
#[test]
fn nested_accelerators_tell_each_other_of_jumps() {
    let (map, mut x) = problem::<6>(891);
    let make = |frequency| {
        let config = Config { frequency, ..Config::DEFAULT };
        Accelerated::new(sgd(), Anderson::<6, 6, f64>::new(), config).unwrap()
    };
    let config = Config { frequency: 3, ..Config::DEFAULT };
    let mut outer = Accelerated::new(make(5), Anderson::<6, 6, f64>::new(), config).unwrap();
    let mut jumps = 0;
    for step in 0..60 {
        let mut grad = gradient(&map, &x);
        let broken = step % 7 == 6;
        if broken {
            grad[2] = f64::NAN;
        }
        match outer.step(&mut x, &grad) {
            Ok(Update::Jump) => jumps += 1,
            Ok(Update::Step) => assert!(!broken),
            Err(error) => assert_eq!(error, Error::NonFinite { what: "grad", index: 2 }),
        }
        if !broken {
            is_true_residual(outer.optimizer_mut(), &grad);
            if let Some(residual) = outer.accelerators_mut().view().residual_norm() {
                let step = LR * norm(&grad);
                assert!((residual - step).abs() <= 1e-9 * step + 1e-14, "{residual:e} {step:e}");
            }
        }
    }
    assert!(jumps > 10, "{jumps}");
}

/// A wrong length takes nothing back and leaves the way back open.
#[test]
fn take_back_asks_for_the_length() {
    let (map, mut x) = problem::<4>(847);
    let config = Config { safeguard: Safeguard::Residual { growth: 1e6 }, ..Config::DEFAULT };
    let part = || Accelerated::new(sgd(), Anderson::<2, 4, f64>::new(), config).unwrap();
    let mut grouped = Grouped::new([2, 4], [part(), part()]).unwrap();
    let jumps = (0..10).any(|_| {
        let grad = gradient(&map, &x);
        grouped.step(&mut x, &grad).unwrap() == Update::Jump
    });
    assert!(jumps);
    assert!(!grouped.take_back(&mut x[..3]));
    let jumped = x;
    assert_eq!(grouped.step(&mut x, &[f64::NAN; 4]), Ok(Update::Jump));
    assert_ne!(x, jumped);
}

/// Every optimizer can be inside, with state of its own as well.
#[test]
fn every_optimizer_can_be_accelerated() {
    fn run<O: Optimizer<f64> + Clone + PartialEq + core::fmt::Debug>(optimizer: O, seed: u64) {
        let (map, mut x) = problem::<8>(seed);
        let mut y = x;
        let config = Config { frequency: 3, ..BARE };
        let mut wrapped =
            Accelerated::new(optimizer.clone(), Anderson::<8, 6, f64>::new(), config).unwrap();
        let (mut inner, mut accelerator) = (optimizer, Anderson::<8, 6, f64>::new());
        accelerator.view().start(&y).unwrap();
        for _ in 0..40 {
            let grad = gradient(&map, &x);
            wrapped.step(&mut x, &grad).unwrap();
            inner.step(&mut y, &grad).unwrap();
            accelerator.step(&config, &mut y).unwrap();
            assert_eq!(bits(&x), bits(&y));
        }
        assert_eq!(*wrapped.optimizer(), inner);
        assert!(accelerator.stats().accelerated > 5, "{:?}", accelerator.stats());
    }
    let momentum = SgdConfig { lr: LR, momentum: 0.9, nesterov: true, ..SgdConfig::DEFAULT };
    run(Sgd::<Rows<8, 1, f64>>::zeroed(momentum).unwrap(), 900);
    let centered =
        RmsPropConfig { lr: 0.01, momentum: 0.5, centered: true, ..RmsPropConfig::DEFAULT };
    run(RmsProp::<Rows<8, 3, f64>>::zeroed(centered).unwrap(), 901);
    run(
        Adam::<Rows<8, 2, f64>>::zeroed(AdamConfig { lr: LR, ..AdamConfig::DEFAULT }).unwrap(),
        902,
    );
    run(Adam::<Rows<8, 2, f64>>::zeroed(AdamConfig { lr: LR, ..AdamConfig::ADAMW }).unwrap(), 903);
}

/// The end of it: far fewer steps than the optimizer alone.
#[test]
fn plain_descent_is_accelerated() {
    for seed in 0..10 {
        let (map, x0) = problem::<10>(870 + seed);
        let mut x = x0;
        let mut accelerated =
            Accelerated::new(sgd(), Anderson::<10, 8, f64>::new(), Config::DEFAULT).unwrap();
        let mut plain = x0;
        let mut alone = sgd();
        for _ in 0..80 {
            let grad = gradient(&map, &x);
            accelerated.step(&mut x, &grad).unwrap();
            let grad = gradient(&map, &plain);
            alone.step(&mut plain, &grad).unwrap();
        }
        let residual = |x: &[f64]| norm(&wide(&map.residual(x)));
        assert!(residual(&x) < 1e-3 * residual(&plain), "seed {seed}");
    }
}
