//! Every backend computes the bits of the portable kernels, on any number of threads.

use std::marker::PhantomData;

use aadl_core::Real;
use aadl_core::kernels::{Column, Difference, GROUP, Gram, Kernels, LANES, Portable, Scaled, Task};
use aadl_core::random::Random;
use aadl_host::simd::Fastest;
use aadl_host::threads::Threaded;
use aadl_tests::{Entry, Trace};
use proptest::prelude::*;

/// What the elements of a slice are like.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Ordinary,
    /// Of every size that a type has, subnormals included.
    AnySize,
    /// All of this exponent.
    Scaled(i32),
    /// A few NaNs and infinities among ordinary ones.
    NotFinite,
    /// Most of them 0, of both signs.
    Zeros,
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Ordinary),
        Just(Kind::AnySize),
        (-160..130i32).prop_map(Kind::Scaled),
        Just(Kind::NotFinite),
        Just(Kind::Zeros),
    ]
}

fn slice<T: Real>(random: &mut Random, kind: Kind, n: usize) -> Vec<T> {
    let mut element = || {
        let x: f64 = 2.0 * random.uniform::<f64>() - 1.0;
        T::from_f64(match kind {
            Kind::Ordinary => x,
            Kind::AnySize => x * 2f64.powi(random.below(277) as i32 - 149),
            Kind::Scaled(exponent) => x * 2f64.powi(exponent),
            Kind::NotFinite => match random.below(100) {
                0 => f64::NAN,
                1 => f64::INFINITY.copysign(x),
                _ => x,
            },
            Kind::Zeros if random.below(10) > 0 => 0f64.copysign(x),
            Kind::Zeros => x,
        })
    };
    (0..n).map(|_| element()).collect()
}

/// Every kernel of `K` on numbers drawn from `seed`.
fn all<K: Kernels>(seed: u64, kind: Kind, n: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut see = |entry: &Entry| entries.push(*entry);
    let trace = &mut Trace::new(&mut see);
    vectors::<K, f32>(trace, &mut Random::new(seed), kind, n);
    vectors::<K, f64>(trace, &mut Random::new(seed), kind, n);
    columns::<K, i8>(trace, &mut Random::new(seed), kind, n);
    columns::<K, i16>(trace, &mut Random::new(seed), kind, n);
    columns::<K, f32>(trace, &mut Random::new(seed), kind, n);
    layer::<K, f32>(trace, &mut Random::new(seed), kind, n);
    layer::<K, f64>(trace, &mut Random::new(seed), kind, n);
    entries
}

fn vectors<K: Kernels, T: Real>(trace: &mut Trace<'_>, random: &mut Random, kind: Kind, n: usize) {
    let x: Vec<Vec<T>> = (0..=GROUP).map(|_| slice(random, kind, n)).collect();
    let (a, b) = (&x[0][..], &x[1][..]);
    trace.real("dot", K::dot(a, b));
    trace.real("dot_wide", K::dot_wide(a, b));
    let mut copied = x[2].clone();
    K::copy(&mut copied, a);
    trace.reals("copy", &copied);
    let term = |i: usize| core::array::from_fn(|l| a.get(i + l).map_or(0.0, |x| x.to_f64()));
    trace.real("sum_terms", K::sum_terms(n - n % LANES, term));
    let mut y = x[2].clone();
    K::axpy(&mut y, T::from_f64(0.3), a);
    trace.reals("axpy", &y);
    trace.integer("all_finite", K::all_finite(a).into());
    let magnitude = |trace: &mut Trace<'_>, name, bits: T::Bits| {
        trace.integer(name, T::exponent(bits) as u64);
        trace.integer(name, (bits >= T::INFINITY_BITS).into());
    };
    magnitude(trace, "max_magnitude", K::max_magnitude(a));
    magnitude(trace, "max_difference", K::max_difference(Difference { newer: a, older: b }));

    // Residuals of one chain and of several, the newest among them.
    for step in [1, 2] {
        let pairs = x.iter().zip(&x[1..]).step_by(step);
        let residuals: Vec<_> = pairs
            .map(|(older, newer)| {
                let difference = Difference { newer: &newer[..], older: &older[..] };
                (difference, T::exponent(Portable::max_difference(difference)))
            })
            .collect();
        for gram in [Gram::Exact, Gram::Wide] {
            let mut out = [0.0; GROUP];
            let newest = residuals[residuals.len() - 1];
            K::gram_row(gram, newest, &residuals, &mut out);
            trace.reals(if gram == Gram::Exact { "exact" } else { "wide" }, &out);
        }
        for count in [0, 1, 3, residuals.len()] {
            let terms = residuals[..count].iter().zip(1..);
            let terms: Vec<_> =
                terms.map(|((d, _), b)| (*d, T::from_f64(0.1 * b as f64))).collect();
            let mut y = x[2].clone();
            K::add_differences(&mut y, &terms);
            trace.reals("add_differences", &y);
        }
    }
}

/// A task.
struct Quantise<'a, C> {
    difference: Difference<'a, f32>,
    exponent: i32,
    format: PhantomData<C>,
}

impl<C: Column> Task for Quantise<'_, C> {
    type Output = Vec<C>;
    #[inline(always)]
    fn run(self) -> Vec<C> {
        let Difference { newer, older } = self.difference;
        let differences = newer.iter().zip(older).map(|(newer, older)| newer - older);
        differences.map(|x| C::quantise(x, C::units(self.exponent))).collect()
    }
}

fn columns<K: Kernels, C: Column>(
    trace: &mut Trace<'_>,
    random: &mut Random,
    kind: Kind,
    n: usize,
) {
    let x: Vec<Vec<f32>> = (0..=GROUP).map(|_| slice(random, kind, n)).collect();
    let stored: Vec<_> = (0..GROUP)
        .map(|i| {
            let difference = Difference { newer: &x[i + 1][..], older: &x[i][..] };
            let exponent = C::exponent(Portable::max_difference(difference));
            let elements = K::run(Quantise { difference, exponent, format: PhantomData::<C> });
            for element in &elements {
                trace.real("quantise", element.value());
            }
            (elements, exponent)
        })
        .collect();
    let columns: Vec<_> = stored
        .iter()
        .map(|(elements, exponent)| Scaled { elements, exponent: *exponent })
        .collect();
    let exponent = C::Vector::exponent(Portable::max_magnitude(&x[0]));
    let vector = Scaled { elements: &x[0][..], exponent };
    for count in [0, 1, 2, 5, GROUP] {
        let mut out = [[0.0; 2]; GROUP];
        K::column_dots(&columns[..count], columns[1], vector, &mut out);
        trace.reals("column_dots", out.as_flattened());
        let mut sum = x[1].clone();
        let terms = columns.iter().zip([0.3, -2.0, 1e-10, 7e20, 0.0, 1.0, 0.5, -0.1]);
        let terms: Vec<_> = terms.map(|(column, b)| (*column, b)).take(count).collect();
        K::add_columns(&mut sum, &terms);
        trace.reals("add_columns", &sum);
    }
    trace.real("column_norm2", K::column_norm2(columns[0]));
}

/// A dense layer whose weights are at most `n`.
fn layer<K: Kernels, T: Real>(trace: &mut Trace<'_>, random: &mut Random, kind: Kind, n: usize) {
    let widest = [40, 600][random.below(2)];
    // Rows of half a page, or of a multiple, have tiles of their own.
    let inputs = if random.below(8) == 0 { 512 } else { 1 + random.below(widest) };
    let outputs = (n / inputs).min(40);
    let samples = random.below(40);
    let mut draw = |n| slice::<T>(random, kind, n);
    let (mut weights, mut bias) = (draw(inputs * outputs), draw(outputs));
    let (x, delta) = (draw(inputs * samples), draw(outputs * samples));
    let mut y = vec![T::ZERO; outputs * samples];
    K::dense_forward(&weights, &bias, &x, &mut y);
    trace.reals("dense_forward", &y);
    let mut upstream = draw(inputs * samples);
    K::dense_backward_input(&weights, outputs, &delta, &mut upstream);
    trace.reals("dense_backward_input", &upstream);
    K::dense_backward_weights(&delta, &x, &mut weights, &mut bias);
    trace.reals("dense_backward_weights", &weights);
    trace.reals("dense_backward_weights: bias", &bias);
    K::dense_backward_weights_from_zero(&delta, &x, &mut weights, &mut bias);
    trace.reals("dense_backward_weights_from_zero", &weights);
    trace.reals("dense_backward_weights_from_zero: bias", &bias);
}

fn same_bits<K: Kernels>(seed: u64, kind: Kind, n: usize) -> Result<(), TestCaseError> {
    same_bits_but::<K>("", seed, kind, n)
}

/// The same, what has this label left out.
fn same_bits_but<K: Kernels>(
    label: &str,
    seed: u64,
    kind: Kind,
    n: usize,
) -> Result<(), TestCaseError> {
    let (expected, found) = (all::<Portable>(seed, kind, n), all::<K>(seed, kind, n));
    prop_assert_eq!(expected.len(), found.len());
    for (expected, found) in expected.iter().zip(&found).filter(|(e, _)| e.label != label) {
        prop_assert_eq!((expected.label, expected.bits), (found.label, found.bits));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_fastest_kernels_give_the_portable_bits(
        seed: u64,
        kind in kinds(),
        n in prop_oneof![0..100usize, 0..20_000usize],
    ) {
        same_bits::<Fastest>(seed, kind, n)?;
        #[cfg(target_arch = "x86_64")]
        same_bits::<aadl_host::simd::Avx2>(seed, kind, n)?;
    }

    #[test]
    fn threads_give_the_portable_bits(
        seed: u64,
        kind in kinds(),
        n in prop_oneof![0..100usize, 0..80_000usize],
        threads in 1..6usize,
    ) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        // Integers of what is not finite overflow, each piece in its own way. Nobody asks for them.
        let but = if matches!(kind, Kind::NotFinite) { "exact" } else { "" };
        pool.install(|| same_bits_but::<Threaded<Fastest, 1>>(but, seed, kind, n))?;
    }
}

/// The remainders of every chunk and block there is.
#[test]
fn the_fastest_kernels_give_the_portable_bits_at_every_remainder() {
    for n in (0..300).chain(4090..4110).chain(16_380..16_400) {
        let result = same_bits::<Fastest>(n as u64, Kind::Ordinary, n);
        assert!(result.is_ok(), "n = {n}: {result:?}");
    }
}

/// More columns and terms than one group takes, and what has more blocks than one round of threads.
#[test]
fn many_columns_and_many_blocks_give_the_portable_bits() {
    type Threads = Threaded<Fastest, 1>;
    fn rows<K: Kernels>(x: &[Vec<f32>]) -> (Vec<f64>, Vec<f32>) {
        let residuals: Vec<_> = x
            .windows(2)
            .map(|pair| {
                let difference = Difference { newer: &pair[1][..], older: &pair[0][..] };
                (difference, <f32 as Real>::exponent(Portable::max_difference(difference)))
            })
            .collect();
        let newest = residuals[residuals.len() - 1];
        let mut out = vec![0.0; residuals.len()];
        let mut all = Vec::new();
        for gram in [Gram::Exact, Gram::Wide] {
            K::gram_row(gram, newest, &residuals, &mut out);
            all.extend_from_slice(&out);
        }
        all.extend([K::dot(&x[0], &x[1]).into(), K::dot_wide(&x[0], &x[1])]);
        let terms: Vec<_> = residuals.iter().map(|(d, _)| (*d, 0.3)).collect();
        let mut sum = x[0].clone();
        K::add_differences(&mut sum, &terms);
        (all, sum)
    }
    for (columns, n) in [(35, 5000), (12, 20_001), (2, (1 << 20) + 4101)] {
        let mut random = Random::new(n as u64);
        let x: Vec<Vec<f32>> =
            (0..=columns).map(|_| slice(&mut random, Kind::Ordinary, n)).collect();
        let expected = rows::<Portable>(&x);
        assert_eq!(rows::<Fastest>(&x), expected);
        assert_eq!(rows::<Threads>(&x), expected);
    }
}

/// Exact sums are written out for each number of columns, with a rest that fills no register.
#[cfg(target_arch = "x86_64")]
#[test]
fn exact_sums_of_every_number_of_columns_are_the_portable_ones() {
    type Residual<'a> = (Difference<'a, f32>, i32);
    fn sums<K: Kernels>(newest: Residual<'_>, residuals: &[Residual<'_>]) -> (Vec<u64>, Vec<i128>) {
        let (mut row, mut sums) = (vec![0.0; residuals.len()], vec![7; residuals.len()]);
        K::gram_row(Gram::Exact, newest, residuals, &mut row);
        K::exact_sums(newest, residuals, &mut sums);
        (row.into_iter().map(f64::to_bits).collect(), sums)
    }
    let mut random = Random::new(3);
    for n in [0, 1, 7, 8, 15, 16, 17, 40, 8191, 8193, 8207] {
        let x: Vec<Vec<f32>> = (0..22).map(|_| slice(&mut random, Kind::Ordinary, n)).collect();
        let residuals: Vec<_> =
            x.windows(2).map(|x| (Difference { newer: &x[1][..], older: &x[0][..] }, 1)).collect();
        for count in 1..=residuals.len() {
            let residuals = &residuals[..count];
            let (first, last) = (residuals[0], residuals[count - 1]);
            // The last of the columns is another one, the newest itself, or that at another scale.
            for newest in [first, last, (last.0, 3)] {
                let place = format!("{count} columns of {n}");
                let expected = sums::<Portable>(newest, residuals);
                assert_eq!(sums::<aadl_host::simd::Avx2>(newest, residuals), expected, "{place}");
                assert_eq!(sums::<aadl_host::simd::Avx512>(newest, residuals), expected, "{place}");
            }
        }
    }
}

/// Slices of other lengths: the rest of the longer ones is ignored.
#[test]
fn threads_ignore_what_is_longer_than_the_shortest() {
    type Threads = Threaded<Portable, 1>;
    let (long, short) = (vec![1.5f32; 40_000], vec![0.5f32; 20_000]);
    let (mut found, mut expected) = (long.clone(), long.clone());
    let difference = Difference { newer: &short[..], older: &long[..] };
    Threads::add_differences(&mut found, &[(difference, 2.0)]);
    Portable::add_differences(&mut expected, &[(difference, 2.0)]);
    assert_eq!(found, expected);
    assert_eq!((found[19_999], found[20_000]), (-0.5, 1.5));
    let residual = (difference, 0);
    let mut out = [0.0; 1];
    Threads::gram_row(Gram::Exact, residual, &[residual; 3], &mut out);
    assert_eq!(out, [20_000.0]);
}

/// Layers whose slices do not fit each other, of which [`Kernels`] says that the rest is ignored.
#[test]
fn layers_that_do_not_fit_give_the_portable_bits() {
    fn run<K: Kernels>(seed: u64, lengths: [usize; 6], outputs: usize) -> [Vec<f32>; 6] {
        let mut random = Random::new(seed);
        let [mut weights, mut bias, x, mut y, delta, mut upstream] =
            lengths.map(|n| slice(&mut random, Kind::Ordinary, n));
        K::dense_forward(&weights, &bias, &x, &mut y);
        K::dense_backward_input(&weights, outputs, &delta, &mut upstream);
        K::dense_backward_weights(&delta, &x, &mut weights, &mut bias);
        let (added, added_bias) = (weights.clone(), bias.clone());
        K::dense_backward_weights_from_zero(&delta, &x, &mut weights, &mut bias);
        [y, upstream, added, added_bias, weights, bias]
    }
    let mut random = Random::new(9);
    for seed in 0..2000 {
        let inputs = if seed % 20 == 0 { 512 } else { 1 + random.below(80) };
        let (outputs, samples) = (1 + random.below(20), random.below(40));
        let weights = inputs * outputs;
        let mut lengths = [
            weights,
            outputs,
            inputs * samples,
            outputs * samples,
            outputs * samples,
            inputs * samples,
        ];
        for length in &mut lengths {
            match random.below(12) {
                0 => *length += random.below(30),
                1 => *length = length.saturating_sub(random.below(30)),
                2 => *length = 0,
                _ => (),
            }
        }
        let expected = run::<Portable>(seed, lengths, outputs);
        assert_eq!(run::<Fastest>(seed, lengths, outputs), expected, "{lengths:?}");
        #[cfg(target_arch = "x86_64")]
        assert_eq!(run::<aadl_host::simd::Avx2>(seed, lengths, outputs), expected, "{lengths:?}");
        assert_eq!(run::<Threaded<Portable, 0>>(seed, lengths, outputs), expected, "{lengths:?}");
    }
}

/// Layers of more inputs than a panel has, and of more outputs than a block.
#[test]
fn large_layers_give_the_portable_bits() {
    fn forward<K: Kernels, T: Real>(seed: u64, shape: [usize; 3]) -> Vec<T> {
        let [inputs, outputs, samples] = shape;
        let mut random = Random::new(seed);
        let mut draw = |n| slice::<T>(&mut random, Kind::Ordinary, n);
        let (weights, bias, x) = (draw(inputs * outputs), draw(outputs), draw(inputs * samples));
        let mut y = vec![T::ZERO; outputs * samples];
        K::dense_forward(&weights, &bias, &x, &mut y);
        y
    }
    fn check<T: Real>(seed: u64, shape: [usize; 3]) {
        let expected = forward::<Portable, T>(seed, shape);
        assert_eq!(forward::<Fastest, T>(seed, shape), expected, "{shape:?}");
        #[cfg(target_arch = "x86_64")]
        assert_eq!(forward::<aadl_host::simd::Avx2, T>(seed, shape), expected, "{shape:?}");
    }
    let shapes = [[64, 75, 16], [65, 77, 9], [256, 299, 15], [257, 128, 33], [700, 261, 20]];
    for (seed, shape) in (0..).zip(shapes) {
        check::<f32>(seed, shape);
        check::<f64>(seed, shape);
    }
}

/// More columns than any backend takes at once, of which the last is the shortest.
#[test]
fn the_shortest_of_many_columns_cuts_all() {
    fn row<K: Kernels>(x: &[Vec<f32>], gram: Gram) -> Vec<f64> {
        let residuals: Vec<_> = x
            .windows(2)
            .map(|pair| (Difference { newer: &pair[1][..], older: &pair[0][..] }, 1))
            .collect();
        let mut out = vec![0.0; residuals.len()];
        K::gram_row(gram, residuals[0], &residuals, &mut out);
        out
    }
    let mut random = Random::new(1);
    let x: Vec<Vec<f32>> = (0..=21)
        .map(|i| slice(&mut random, Kind::Ordinary, if i == 21 { 1001 } else { 3000 }))
        .collect();
    let cut: Vec<Vec<f32>> = x.iter().map(|x| x[..1001].to_vec()).collect();
    for gram in [Gram::Exact, Gram::Wide] {
        let expected = row::<Portable>(&cut, gram);
        assert_eq!(row::<Portable>(&x, gram), expected);
        assert_eq!(row::<Fastest>(&x, gram), expected);
        assert_eq!(row::<Threaded<Fastest, 1>>(&x, gram), expected);
    }
}
