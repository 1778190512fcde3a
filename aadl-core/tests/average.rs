//! Averages: against naive recomputation, and at the edges.

use aadl_core::average::{
    Applied, Average, Averager, AveragerMut, Ema, RunningAverager, RunningMut, RunningState,
    WindowState,
};
use aadl_core::kernels::{BLOCK, Kernels, LANES, Portable};
use aadl_core::random::Random;
use aadl_core::{Error, Real};
use proptest::prelude::*;

static WINDOW: Averager<3, 4> = Averager::new();
static RUNNING: RunningAverager<3, 4> = RunningAverager::new();
static EMA: Ema<[f32; 3]> = Ema::new([0.0; 3]);

// Relative deviations of the relative deviation from the naive one, which sums in another order.
const TOLERANCE_WINDOW: f64 = 1e-13;
const TOLERANCE_RUNNING: f64 = 1e-11;

/// Mean and relative deviation as defined, in float64, one sum after the other.
fn naive<T: Real>(entries: &[Vec<T>]) -> (Vec<f64>, f64) {
    let k = entries.len() as f64;
    let n = entries[0].len();
    let column = |i: usize| entries.iter().map(move |x| x[i].to_f64());
    let mean: Vec<f64> = (0..n).map(|i| column(i).sum::<f64>() / k).collect();
    let variance: f64 =
        (0..n).map(|i| column(i).map(|x| (x - mean[i]).powi(2)).sum::<f64>() / (k - 1.0)).sum();
    let square: f64 = mean.iter().map(|x| x * x).sum();
    (mean, variance.sqrt() / square.sqrt())
}

fn vectors(n: usize, count: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
    prop::collection::vec(prop::collection::vec(-4.0f32..4.0, n), count)
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs()
}

proptest! {
    #[test]
    fn window_is_the_naive_one(n in 1usize..30, seed in any::<u64>(), window in 2usize..7) {
        let mut random = Random::new(seed);
        let (mut rows, mut state) = (vec![f32::NAN; window * n], WindowState::EMPTY);
        let mut averager = AveragerMut::<f32>::new(&mut rows, n, &mut state).unwrap();
        let mut all: Vec<Vec<f32>> = Vec::new();
        let mut mean = vec![0.0; n];
        prop_assert_eq!(averager.mean(&mut mean), Ok(0));
        for step in 1..20usize {
            all.push((0..n).map(|_| random.uniform::<f32>() - 0.25).collect());
            averager.push(&all[step - 1]).unwrap();
            let last = &all[step.saturating_sub(window)..];
            prop_assert_eq!(averager.count(), last.len());
            let (expected, deviation) = naive(last);
            averager.mean(&mut mean).unwrap();
            // Summed oldest to newest in both: the same bits.
            prop_assert_eq!(&mean, &expected.iter().map(|x| *x as f32).collect::<Vec<_>>());
            match averager.relative_deviation() {
                None => prop_assert_eq!(step, 1),
                Some(found) => {
                    prop_assert!(close(found, deviation, TOLERANCE_WINDOW), "{found} {deviation}");
                }
            }
        }
    }

    #[test]
    fn running_is_exact_first_and_exponential_then(entries in vectors(5, 30)) {
        const WINDOW: usize = 12;
        let entries: Vec<Vec<f64>> =
            entries.iter().map(|x| x.iter().map(|x| f64::from(*x)).collect()).collect();
        let mut average = RunningAverager::<5, WINDOW, f64>::new();
        let mut mean = [0.0; 5];
        // The weights of the definition, applied naively.
        let mut weights: Vec<f64> = Vec::new();
        for k in 1..=entries.len() {
            let a = 1.0 / k.min(WINDOW) as f64;
            weights.iter_mut().for_each(|w| *w *= 1.0 - a);
            weights.push(a);
            average.push(&entries[k - 1]).unwrap();
            prop_assert_eq!(average.mean(&mut mean), Ok(k));
            let weighted = |f: &dyn Fn(&[f64]) -> f64| -> f64 {
                entries.iter().zip(&weights).map(|(x, w)| w * f(x)).sum()
            };
            for (i, mean) in mean.iter().enumerate() {
                prop_assert!((mean - weighted(&|x| x[i])).abs() < 2e-14);
            }
            if k >= 2 {
                let spread = weighted(&|x| {
                    x.iter().zip(&mean).map(|(x, m)| (x - m).powi(2)).sum::<f64>()
                });
                let unbiased = spread / (1.0 - weights.iter().map(|w| w * w).sum::<f64>());
                let square: f64 = mean.iter().map(|m| m * m).sum();
                let expected = (unbiased / square).sqrt();
                let found = average.relative_deviation().unwrap();
                prop_assert!(close(found, expected, TOLERANCE_RUNNING), "{found} {expected}");
                if k <= WINDOW {
                    let (_, plain) = naive(&entries[..k]);
                    prop_assert!(close(found, plain, TOLERANCE_RUNNING), "{found} {plain}");
                }
            }
        }
    }

    #[test]
    fn deviation_knows_neither_scale_nor_sign(
        entries in vectors(9, 6), power in -40i32..40, flip in any::<bool>(),
    ) {
        let factor = f32::power_of_two(power) * if flip { -1.0 } else { 1.0 };
        let (mut a, mut b) = (Averager::<9, 4>::new(), Averager::<9, 4>::new());
        let (mut c, mut d) = (RunningAverager::<9, 4>::new(), RunningAverager::<9, 4>::new());
        for x in &entries {
            let scaled: Vec<f32> = x.iter().map(|x| x * factor).collect();
            a.push(x).unwrap();
            b.push(&scaled).unwrap();
            c.push(x).unwrap();
            d.push(&scaled).unwrap();
            // To the bit, as the factor is a power of two.
            prop_assert_eq!(a.relative_deviation(), b.relative_deviation());
            prop_assert_eq!(c.relative_deviation(), d.relative_deviation());
        }
    }

    #[test]
    fn refused_vectors_change_nothing(entries in vectors(3, 7), place in 0usize..3) {
        let (mut window, mut running) = (WINDOW.clone(), RUNNING.clone());
        for x in &entries {
            let mut bad = x.clone();
            bad[place] = f32::NAN;
            let before = (window.clone(), running.clone());
            let error = Err(Error::NonFinite { what: "params", index: place });
            prop_assert_eq!(window.push(&bad), error);
            prop_assert_eq!(running.push(&bad), error);
            let error = Err(Error::Length { what: "params", expected: 3, found: 2 });
            prop_assert_eq!(window.push(&x[..2]), error);
            prop_assert_eq!(running.push(&x[..2]), error);
            prop_assert_eq!((&window, &running), (&before.0, &before.1));
            window.push(x).unwrap();
            running.push(x).unwrap();
        }
    }
}

#[test]
fn deviation_at_the_edges() {
    fn deviation<T: Real>(mut average: impl Average<T>, entries: &[[f64; 3]]) -> Option<f64> {
        for x in entries {
            average.push(&x.map(T::from_f64)).unwrap();
        }
        average.relative_deviation()
    }
    let all = |entries: &[[f64; 3]], expected: Option<f64>| {
        assert_eq!(deviation(WINDOW.clone(), entries), expected);
        assert_eq!(deviation(RUNNING.clone(), entries), expected);
        assert_eq!(deviation(Averager::<3, 4, f64>::new(), entries), expected);
        assert_eq!(deviation(RunningAverager::<3, 4, f64>::new(), entries), expected);
    };
    all(&[], None);
    all(&[[1.0, 2.0, 3.0]], None);
    all(&[[0.0; 3]; 2], Some(0.0));
    all(&[[-5.0, 1.0, 0.0]; 3], Some(0.0));
    all(&[[1.0, -2.0, 0.0], [-1.0, 2.0, 0.0]], Some(f64::INFINITY));
    // All means negative: AADL's measure is negative too, so it would never average. Variances
    // 8, 0 and 0 over a mean of length 4.
    all(&[[-2.0, 0.0, 0.0], [-6.0, 0.0, 0.0]], Some(8f64.sqrt() / 4.0));

    // Squares of these leave the range of float64; the window scales them.
    for scale in [1e300, 1e-300, 5e-324, 8e307] {
        let entries = [[scale, 0.0, 0.0], [0.0, scale, 0.0]];
        let found = deviation(Averager::<3, 4, f64>::new(), &entries).unwrap();
        assert!(close(found, 2f64.sqrt(), 1e-15), "{scale:e}: {found}");
    }
    // The running form refuses what it cannot measure, and is never NaN.
    let mut running = RunningAverager::<1, 4, f64>::new();
    running.push(&[1e200]).unwrap();
    let before = running.clone();
    let error = Error::NonFinite { what: "params - mean", index: 0 };
    assert_eq!(running.push(&[-1e200]), Err(error));
    assert_eq!(running, before);
    running.push(&[1e200]).unwrap();
    assert_eq!(running.relative_deviation(), Some(0.0));
    let mut running = RunningAverager::<2, 4, f32>::new();
    running.push(&[0.0, f32::MAX]).unwrap();
    let error = Error::NonFinite { what: "params - mean", index: 1 };
    assert_eq!(running.push(&[0.0, -f32::MAX]), Err(error));
}

#[test]
fn means_do_not_overflow() {
    let mut window = Averager::<2, 3, f64>::new();
    let mut mean = [0.0; 2];
    (0..5).for_each(|_| window.push(&[f64::MAX, -1.0]).unwrap());
    window.mean(&mut mean).unwrap();
    assert_eq!(mean, [f64::MAX, -1.0]);
    let mut window = Averager::<1, 3, f32>::new();
    let mut mean = [0.0; 1];
    (0..5).for_each(|_| window.push(&[-f32::MAX]).unwrap());
    window.mean(&mut mean).unwrap();
    assert_eq!(mean, [-f32::MAX]);
}

#[test]
fn apply_loads_the_mean_above_the_tolerance_only() {
    let mut window = WINDOW.clone();
    let mut x = [1.0, 2.0, 3.0];
    assert_eq!(window.apply(&mut x, 0.0), Ok(Applied { loaded: false, deviation: None }));
    window.push(&[1.0, 1.0, 1.0]).unwrap();
    window.push(&[3.0, 3.0, 3.0]).unwrap();
    let deviation = window.relative_deviation(); // sqrt(6 / 12)
    assert_eq!(window.apply(&mut x, 0.71), Ok(Applied { loaded: false, deviation }));
    assert_eq!(x, [1.0, 2.0, 3.0]);
    assert_eq!(window.apply(&mut x, 0.70), Ok(Applied { loaded: true, deviation }));
    assert_eq!(x, [2.0; 3]);
    assert_eq!(window.count(), 2);
    for tolerance in [-1.0, f64::NAN] {
        let result = window.apply(&mut x, tolerance);
        assert!(matches!(result, Err(Error::Config { field: "tolerance", .. })));
    }
    let short = Err(Error::Length { what: "params", expected: 3, found: 2 });
    assert_eq!(window.apply(&mut x[..2], 0.1), short);
    window.reset();
    assert_eq!((window.count(), window.relative_deviation()), (0, None));
}

#[test]
fn owners_and_views_agree_and_have_their_documented_size() {
    let (mut rows, mut state) = (vec![9.0f32; 12], WindowState::EMPTY);
    let (mut mean, mut running_state) = (vec![9.0f32; 3], RunningState::EMPTY);
    let (mut window, mut running) = (WINDOW.clone(), RUNNING.clone());
    let mut random = Random::new(3);
    let (mut a, mut b) = ([0.0; 3], [0.0; 3]);
    for _ in 0..9 {
        let x: [f32; 3] = core::array::from_fn(|_| random.uniform());
        // Views are made anew for each call: everything lies in what they borrow.
        let mut view = AveragerMut::<f32>::new(&mut rows, 3, &mut state).unwrap();
        view.push(&x).unwrap();
        window.push(&x).unwrap();
        assert_eq!(view.relative_deviation(), window.relative_deviation());
        assert_eq!(view.mean(&mut a), window.mean(&mut b));
        assert_eq!(a, b);
        let mut view = RunningMut::<f32>::new(&mut mean, 4, &mut running_state).unwrap();
        view.push(&x).unwrap();
        running.push(&x).unwrap();
        assert_eq!(view.relative_deviation(), running.relative_deviation());
        assert_eq!(view.mean(&mut a), running.mean(&mut b));
        assert_eq!(a, b);
    }
    assert_eq!(size_of::<Averager<100, 5>>(), 5 * 100 * 4 + 2 * size_of::<usize>());
    assert_eq!(size_of::<RunningAverager<100, 5>>(), 100 * 4 + 16 + size_of::<usize>());
}

#[test]
fn views_check_their_memory() {
    let mut state = WindowState::EMPTY;
    let error = Error::Length { what: "rows", expected: 6, found: 7 };
    assert_eq!(AveragerMut::<f32>::new(&mut [0.0; 7], 3, &mut state).err(), Some(error));
    let error = Error::Length { what: "rows", expected: 6, found: 3 };
    assert_eq!(AveragerMut::<f32>::new(&mut [0.0; 3], 3, &mut state).err(), Some(error));
    let error = AveragerMut::<f32>::new(&mut [0.0; 3], 0, &mut state).err();
    assert!(matches!(error, Some(Error::Config { field: "dimension", .. })));
    let mut rows = [0.0f32; 8];
    let mut view = AveragerMut::<f32>::new(&mut rows, 1, &mut state).unwrap();
    (0..7).for_each(|_| view.push(&[1.0]).unwrap());
    let error = AveragerMut::<f32>::new(&mut rows, 2, &mut state).err();
    assert!(matches!(error, Some(Error::Config { field: "state", .. })));
    let mut state = RunningState::EMPTY;
    let error = RunningMut::<f32>::new(&mut rows, 1, &mut state).err();
    assert!(matches!(error, Some(Error::Config { field: "window", .. })));
}

#[test]
fn computed_terms_are_summed_like_stored_ones() {
    let mut random = Random::new(11);
    for n in [0, 1, 7, 8, 9, 100, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 13] {
        let x: Vec<f64> = (0..n).map(|_| random.uniform::<f64>() - 0.5).collect();
        let computed = Portable::sum_terms(n, |start| {
            // NaN where there is no term: it must be ignored.
            let mut lanes = [f64::NAN; LANES];
            lanes.iter_mut().zip(&x[start..]).for_each(|(lane, x)| *lane = *x);
            lanes
        });
        assert_eq!(computed.to_bits(), Portable::dot(&x, &vec![1.0; n]).to_bits(), "{n}");
    }
}

proptest! {
    /// Against the definition, and against the usual recurrence with its correction.
    #[test]
    fn ema_is_the_weighted_mean(n in 1usize..30, seed in any::<u64>(), decay in 0.0f64..=1.0) {
        let mut random = Random::new(seed);
        let mut ema = Ema::new(vec![f64::NAN; n]);
        prop_assert!(ema.mean::<f64>().is_none());
        let (mut biased, mut correction) = (vec![0.0; n], 1.0);
        let mut all: Vec<Vec<f64>> = Vec::new();
        for _ in 0..20 {
            all.push((0..n).map(|_| 0.5 + random.uniform::<f64>()).collect());
            let x = &all[all.len() - 1];
            ema.push(x, decay).unwrap();
            biased.iter_mut().zip(x).for_each(|(m, x)| *m = decay * *m + (1.0 - decay) * x);
            correction *= decay;
            let weight = |i: usize| decay.powi((all.len() - 1 - i) as i32);
            let weights: f64 = (0..all.len()).map(weight).sum();
            for (i, mean) in ema.mean::<f64>().unwrap().iter().enumerate() {
                let sum: f64 = all.iter().enumerate().map(|(k, x)| weight(k) * x[i]).sum();
                prop_assert!(close(*mean, sum / weights, TOLERANCE_WINDOW));
                if decay < 0.999 {
                    prop_assert!(close(*mean, biased[i] / (1.0 - correction), TOLERANCE_RUNNING));
                }
            }
        }
    }
}

#[test]
fn ema_edges() {
    let mut ema = EMA.clone();
    assert_eq!(ema.mean::<f32>(), None);
    ema.push(&[1.0, -2.0, 3e38], 0.9).unwrap();
    let kept = ema.clone();
    let what = "params - mean";
    for (params, decay, error) in [
        (&[0.0, 0.0][..], 0.9, Error::Length { what: "params", expected: 3, found: 2 }),
        (&[0.0, f32::NAN, 0.0], 0.9, Error::NonFinite { what: "params", index: 1 }),
        (&[0.0, 0.0, -3e38], 0.9, Error::NonFinite { what, index: 2 }),
        (&[0.0; 3], -0.1, Error::Config { field: "decay", requires: "0 <= decay <= 1" }),
        (&[0.0; 3], 1.5, Error::Config { field: "decay", requires: "0 <= decay <= 1" }),
        (&[0.0; 3], f64::NAN, Error::Config { field: "decay", requires: "0 <= decay <= 1" }),
    ] {
        assert_eq!(ema.push(params, decay), Err(error));
        assert_eq!(ema, kept);
    }
    // The last alone; a constant, for ever; and from the beginning.
    ema.reset();
    ema.push(&[1.0, -2.0, 4.0], 0.9).unwrap();
    ema.push(&[5.0, 6.0, 7.0], 0.0).unwrap();
    assert_eq!(ema.mean(), Some(&[5.0, 6.0, 7.0f32][..]));
    for _ in 0..1000 {
        ema.push(&[5.0, 6.0, 7.0], 0.99).unwrap();
    }
    assert_eq!(ema.mean(), Some(&[5.0, 6.0, 7.0f32][..]));
    ema.reset();
    assert_eq!(ema.mean::<f32>(), None);
    ema.push(&[-1.0; 3], 0.99).unwrap();
    assert_eq!(ema.mean(), Some(&[-1.0f32; 3][..]));
    let mut nothing = Ema::new([0.0f32; 0]);
    nothing.push(&[], 1.0).unwrap();
    assert_eq!(nothing.mean::<f32>(), Some(&[][..]));
}
