//! The kernels, bit for bit: against the documented order written down naively, and the exact
//! Gram against integers taken from bit patterns.

mod common;

use aadl_core::Real;
use aadl_core::kernels::{
    BLOCK, Difference, EXACT_DIGITS, GROUP, Gram, Kernels, LANES, Portable, Scaled,
    first_non_finite, multiply_by_power_of_two,
};
use aadl_core::math::Libm;
use aadl_core::random::Random;
use common::{bits, integer, vector};
use proptest::prelude::*;

/// Lengths at which blocks, chunks and tails begin and end.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=70).chain(BLOCK - 1..=BLOCK + 9).chain([2 * BLOCK + 13])
}

/// The order of a long reduction, from the documentation alone.
fn ordered_sum<T: Real>(terms: &[T]) -> T {
    let mut total = T::ZERO;
    for block in terms.chunks(BLOCK) {
        let whole = block.len() / LANES * LANES;
        let mut lanes = [T::ZERO; LANES];
        for i in 0..whole {
            lanes[i % LANES] += block[i];
        }
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                lanes[l] += lanes[l + width];
            }
            width /= 2;
        }
        let mut tail = T::ZERO;
        for term in &block[whole..] {
            tail += *term;
        }
        total += lanes[0] + tail;
    }
    total
}

fn reductions_keep_the_order<T: Real>(seed: u64) {
    let mut random = Random::new(seed);
    for n in lengths() {
        let [a, b, c, d]: [Vec<T>; 4] = std::array::from_fn(|_| vector(&mut random, n));
        let each = |f: &dyn Fn(usize) -> T| (0..n).map(f).collect::<Vec<T>>();
        let each_wide = |f: &dyn Fn(usize) -> f64| (0..n).map(f).collect::<Vec<f64>>();

        assert_eq!(
            bits(&[Portable::dot(&a, &b)]),
            bits(&[ordered_sum(&each(&|i| a[i] * b[i]))]),
            "dot, n = {n}"
        );
        assert_eq!(
            Portable::dot_wide(&a, &b).to_bits(),
            ordered_sum(&each_wide(&|i| a[i].to_f64() * b[i].to_f64())).to_bits(),
            "dot_wide, n = {n}"
        );

        let newest = Difference { newer: &a, older: &b };
        let other = Difference { newer: &c, older: &d };
        let mut out = [f64::NAN; 2];
        // The scales must not matter to the wide Gram.
        Portable::gram_row(Gram::Wide, (newest, 5), &[(other, -3), (newest, 9)], &mut out);
        let expected = [
            ordered_sum(&each_wide(&|i| (a[i] - b[i]).to_f64() * (c[i] - d[i]).to_f64())),
            ordered_sum(&each_wide(&|i| (a[i] - b[i]).to_f64() * (a[i] - b[i]).to_f64())),
        ];
        assert_eq!(bits(&out), bits(&expected), "gram_row, n = {n}");

        let factor = T::from_f64(0.7);
        let mut y = c.clone();
        Portable::axpy(&mut y, factor, &a);
        assert_eq!(bits(&y), bits(&each(&|i| c[i] + factor * a[i])), "axpy, n = {n}");

        let mut x = d.clone();
        let factors = [T::from_f64(-0.3), T::from_f64(1.9)];
        Portable::add_differences(&mut x, &[(newest, factors[0]), (other, factors[1])]);
        let expected = each(&|i| (d[i] + factors[0] * (a[i] - b[i])) + factors[1] * (c[i] - d[i]));
        assert_eq!(bits(&x), bits(&expected), "add_differences, n = {n}");

        let largest =
            |x: &[T]| x.iter().map(|x| x.abs()).fold(T::ZERO, |m, x| if x > m { x } else { m });
        assert_eq!(Portable::max_magnitude(&a), largest(&a).magnitude_bits());
        assert_eq!(
            Portable::max_difference(newest),
            largest(&each(&|i| a[i] - b[i])).magnitude_bits()
        );
    }
}

#[test]
fn reductions_keep_the_order_in_both_types() {
    reductions_keep_the_order::<f32>(1);
    reductions_keep_the_order::<f64>(2);
}

#[test]
fn of_longer_slices_the_rest_is_ignored() {
    let long = [1.0f32; 64];
    for n in 0..64 {
        assert_eq!(Portable::dot(&long, &long[..n]), n as f32, "dot, n = {n}");
        assert_eq!(Portable::dot_wide(&long[..n], &long), n as f64, "dot_wide, n = {n}");
        let zeros = [0.0; 64];
        let full = Difference { newer: &long, older: &zeros };
        let part = Difference { newer: &long[..n], older: &zeros };
        for gram in [Gram::Exact, Gram::Wide] {
            let mut out = [0.0];
            Portable::gram_row(gram, (full, 0), &[(part, 0)], &mut out);
            assert_eq!(out, [n as f64], "{gram:?}, n = {n}");
        }
    }
}

#[test]
fn of_longer_columns_the_rest_is_ignored() {
    // 1 in units of 2^-14, below 2 at the exponent 0.
    let (column, vector) = ([1i16 << 14; 300], [1.0f32; 300]);
    let of = |n: usize| Scaled { elements: &column[..n], exponent: 0 };
    for n in [0, 1, 127, 128, 129, 200, 299, 300] {
        for (lengths, of_vector) in
            [([n, 300, 300], 300), ([300, n, 300], 300), ([300, 300, n], 300), ([300; 3], n)]
        {
            let [first, second, newest] = lengths.map(of);
            let vector = Scaled { elements: &vector[..of_vector], exponent: 0 };
            let mut out = [[f32::NAN; 2]; 2];
            Portable::column_dots(&[first, second], newest, vector, &mut out);
            assert_eq!(out, [[n as f32; 2]; 2], "{lengths:?}, {of_vector}");
        }
    }
}

/// Scales that are nobody's, powers beyond every range, matrices that are not of whole rows: the
/// answer may be anything that is documented, but there is one. (Tests check for overflow.)
#[test]
fn no_argument_overflows() {
    let ones = Difference { newer: &[1.0f32; 9], older: &[0.0; 9] };
    for a in [i32::MIN, -1, 0, i32::MAX] {
        for b in [i32::MIN, 0, i32::MAX] {
            let mut out = [f64::NAN];
            Portable::gram_row(Gram::Exact, (ones, a), &[(ones, b)], &mut out);
            assert!(!out[0].is_nan(), "{a}, {b}");
        }
    }
    let scaled = |exponent| {
        let mut x = [f64::MAX, -f64::from_bits(1), 0.0];
        multiply_by_power_of_two(&mut x, exponent);
        x
    };
    assert_eq!(scaled(i32::MIN), [0.0, -0.0, 0.0]);
    assert_eq!(scaled(i32::MAX), [f64::INFINITY, f64::NEG_INFINITY, 0.0]);

    // 11 weights for 6 outputs: one input, and 5 weights that are not looked at.
    let (mut weights, mut bias) = ([0.0f32; 11], [0.0; 6]);
    let delta: [f32; 12] = core::array::from_fn(|i| i as f32);
    Portable::dense_backward_weights(&delta, &[1.0, 10.0], &mut weights, &mut bias);
    assert_eq!(weights, [60.0, 71.0, 82.0, 93.0, 104.0, 115.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(bias, [6.0, 8.0, 10.0, 12.0, 14.0, 16.0]);
    let mut upstream = [f32::NAN; 2];
    Portable::dense_backward_input(&[], 0, &[], &mut upstream);
    assert_eq!(upstream, [0.0; 2]);
}

/// `trunc(f * 2^(23 - e))` from the bit pattern, in integers.
fn digits_of(f: f32, e: i32) -> i128 {
    let (field, stored) = (f.to_bits() >> 23 & 0xff, f.to_bits() & 0x7f_ffff);
    // |f| = significand * 2^power
    let (significand, power) =
        if field == 0 { (stored, -149) } else { (stored | 0x80_0000, field as i32 - 150) };
    let shift = power + (EXACT_DIGITS - 1) - e;
    let magnitude = if shift >= 0 {
        i128::from(significand) << shift
    } else {
        i128::from(significand.checked_shr((-shift) as u32).unwrap_or(0))
    };
    assert!(magnitude < 1 << EXACT_DIGITS);
    if f.is_sign_negative() { -magnitude } else { magnitude }
}

/// `floor(log2)` of the largest magnitude, from float64's own logarithm, which is exact at powers
/// of two and far enough from them for a float32.
fn scale_of(f: &[f32]) -> i32 {
    let largest = f.iter().fold(0.0f32, |max, f| max.max(f.abs()));
    if largest == 0.0 {
        return f32::exponent(0);
    }
    let guess = f64::from(largest).log2().floor() as i32;
    if 2f64.powi(guess) > f64::from(largest) { guess - 1 } else { guess }
}

/// The exact inner product by the oracle: one rounding, at the conversion to float64.
fn oracle(a: &[f32], b: &[f32]) -> f64 {
    let (ea, eb) = (scale_of(a), scale_of(b));
    let sum: i128 = a.iter().zip(b).map(|(a, b)| digits_of(*a, ea) * digits_of(*b, eb)).sum();
    sum as f64 * 2f64.powi(ea + eb - 2 * (EXACT_DIGITS - 1))
}

/// The kernel's inner products of residuals given as such.
fn exact_row(newest: &[f32], columns: &[Vec<f32>]) -> Vec<f64> {
    let zeros = vec![0.0; newest.len()];
    fn residual<'a>(f: &'a [f32], zeros: &'a [f32]) -> (Difference<'a, f32>, i32) {
        let difference = Difference { newer: f, older: zeros };
        (difference, f32::exponent(Portable::max_difference(difference)))
    }
    let columns: Vec<_> = columns.iter().map(|c| residual(c, &zeros)).collect();
    let mut out = vec![f64::NAN; columns.len()];
    Portable::gram_row(Gram::Exact, residual(newest, &zeros), &columns, &mut out);
    out
}

/// Columns of one kind each: ordinary, tiny, huge, of mixed scales, at the edges of the scales,
/// zero, with a single element.
fn columns_of_all_kinds(random: &mut Random, n: usize) -> Vec<Vec<f32>> {
    let mut scaled = |low: i32, high: i32| -> Vec<f32> {
        let spread = (high - low + 1) as usize;
        (0..n)
            .map(|_| {
                let exponent = low + random.below(spread) as i32;
                (random.normal::<f64, Libm>().clamp(-1.9, 1.9) * 2f64.powi(exponent)) as f32
            })
            .collect()
    };
    let mut columns = vec![
        scaled(0, 0),
        scaled(-149, -120), // subnormal, or scaled in two steps
        scaled(-106, -102),
        scaled(120, 126),
        scaled(-149, 126),
        scaled(-30, 30),
        vec![0.0; n],
        vec![0.0; n],
    ];
    if n > 0 {
        columns[7][n / 2] = f32::from_bits(1);
        columns[3][n - 1] = f32::MAX;
    }
    columns
}

#[test]
fn the_exact_gram_equals_integers_from_bit_patterns() {
    let mut random = Random::new(3);
    for n in (0..40).chain([BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 13]) {
        let columns = columns_of_all_kinds(&mut random, n);
        assert!(columns.len() <= GROUP);
        for a in &columns {
            let expected: Vec<f64> = columns.iter().map(|b| oracle(a, b)).collect();
            assert_eq!(bits(&exact_row(a, &columns)), bits(&expected), "n = {n}");
        }
    }
}

#[test]
fn the_exact_gram_rounds_differences_once() {
    let mut random = Random::new(4);
    for n in [1, 9, 300] {
        let [a, b, c, d]: [Vec<f32>; 4] = std::array::from_fn(|_| vector(&mut random, n));
        let minus = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
        let (f, h) = (minus(&a, &b), minus(&c, &d));
        let newest = (Difference { newer: &a, older: &b }, scale_of(&f));
        let other = (Difference { newer: &c, older: &d }, scale_of(&h));
        let mut out = [0.0];
        Portable::gram_row(Gram::Exact, newest, &[other], &mut out);
        assert_eq!(out[0].to_bits(), oracle(&f, &h).to_bits());
    }
}

/// More than 2^15 elements of the largest integer there is: an i64 would overflow without folding.
#[test]
fn long_columns_of_the_largest_digits_do_not_overflow() {
    let n = 3 * (1 << 15) + 5;
    let largest = vec![f32::from_bits(0x3fff_ffff); n]; // 2 - 2^-23
    let negative: Vec<f32> = largest.iter().map(|f| -f).collect();
    let out = exact_row(&largest, &[largest.clone(), negative.clone()]);
    let expected = oracle(&largest, &largest);
    assert_eq!(out, [expected, -expected]);
    let square = (2.0 - 2f64.powi(-23)).powi(2);
    assert!((expected - n as f64 * square).abs() <= expected * f64::EPSILON);
}

/// Their sums are of two parts. Of 40 lengths, some meet a sum that rounding a part first would
/// round otherwise.
#[test]
fn sums_of_long_columns_are_rounded_once() {
    let mut random = Random::new(77);
    for n in (0..40).map(|k| 17_000 + 397 * k) {
        let [a, b] = std::array::from_fn(|_| -> Vec<f32> {
            (0..n).map(|_| 1.0 + random.uniform::<f32>()).collect()
        });
        assert_eq!(
            exact_row(&a, std::slice::from_ref(&b))[0].to_bits(),
            oracle(&a, &b).to_bits(),
            "n = {n}"
        );
    }
}

#[test]
fn the_exact_gram_has_no_order() {
    let mut random = Random::new(5);
    for n in [2, 31, BLOCK + 100, 1 << 16] {
        let columns = columns_of_all_kinds(&mut random, n);
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, random.below(i + 1));
        }
        let shuffled: Vec<Vec<f32>> =
            columns.iter().map(|c| order.iter().map(|i| c[*i]).collect()).collect();
        for (a, b) in columns.iter().zip(&shuffled) {
            assert_eq!(bits(&exact_row(a, &columns)), bits(&exact_row(b, &shuffled)), "n = {n}");
        }
    }
}

proptest! {
    #[test]
    fn any_finite_columns_give_the_oracles_bits(
        patterns in prop::collection::vec((any::<u32>(), any::<u32>()), 0..60),
    ) {
        let finite = |bits: u32| {
            let f = f32::from_bits(bits);
            if f.is_finite() { f } else { f32::from_bits(bits & !(1 << 30)) }
        };
        let (a, b): (Vec<f32>, Vec<f32>) =
            patterns.iter().map(|(a, b)| (finite(*a), finite(*b))).unzip();
        let out = exact_row(&a, &[b.clone(), a.clone()]);
        prop_assert_eq!(bits(&out), bits(&[oracle(&a, &b), oracle(&a, &a)]));
    }
}

#[test]
fn float64_residuals_take_the_wide_sum() {
    let mut random = Random::new(6);
    let [a, b]: [Vec<f64>; 2] = std::array::from_fn(|_| vector(&mut random, 5000));
    let newest = (Difference { newer: &a, older: &b }, 0);
    let (mut exact, mut wide) = ([0.0], [0.0]);
    Portable::gram_row(Gram::Exact, newest, &[newest], &mut exact);
    Portable::gram_row(Gram::Wide, newest, &[newest], &mut wide);
    assert_eq!(exact, wide);
}

fn nothing_non_finite_is_missed<T: Real>() {
    let mut random = Random::new(7);
    for n in [1, 7, 8, 9, 70, BLOCK + 3] {
        for bad in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut x: Vec<T> = vector(&mut random, n);
            let zeros = vec![T::ZERO; n];
            assert!(Portable::max_magnitude(&x) < T::INFINITY_BITS);
            assert_eq!(first_non_finite(&x), None);
            assert!(Portable::all_finite(&x));
            // Squares that overflow are no infinities.
            assert!(Portable::all_finite(&vec![T::from_f64(f32::MAX.into()); n]));
            let at = random.below(n);
            x[at] = T::from_f64(bad);
            assert!(Portable::max_magnitude(&x) >= T::INFINITY_BITS);
            assert!(!Portable::all_finite(&x));
            assert_eq!(first_non_finite(&x), Some(at));
            for (newer, older) in [(&x, &zeros), (&zeros, &x)] {
                let difference = Difference { newer, older };
                assert!(Portable::max_difference(difference) >= T::INFINITY_BITS);
            }
        }
    }
}

#[test]
fn nothing_non_finite_is_missed_in_both_types() {
    nothing_non_finite_is_missed::<f32>();
    nothing_non_finite_is_missed::<f64>();
}

#[test]
fn a_difference_that_overflows_is_seen() {
    let difference = Difference { newer: &[f32::MAX, 1.0], older: &[-f32::MAX, 0.0] };
    assert!(Portable::max_difference(difference) >= f32::INFINITY_BITS);
}

#[test]
fn exponents_are_those_of_the_logarithm() {
    for e in -149..128 {
        let power = 2f64.powi(e) as f32;
        assert_eq!(f32::exponent(power.to_bits()), e);
        if e > -149 {
            let below = f32::from_bits(power.to_bits() - 1);
            assert_eq!(f32::exponent(below.to_bits()), e - 1, "below 2^{e}");
        }
        if e > -127 {
            assert_eq!(f32::power_of_two(e), power);
        }
    }
    assert_eq!(f32::exponent(f32::MAX.to_bits()), 127);
    // 2^e in float64 by products of 2 and 1/2, which are exact.
    for e in -1074i32..1024 {
        let mut power = 1.0f64;
        for _ in 0..e.unsigned_abs() {
            power *= if e < 0 { 0.5 } else { 2.0 };
        }
        assert_eq!(f64::exponent(power.to_bits()), e);
        if e > -1074 {
            assert_eq!(f64::exponent(power.to_bits() - 1), e - 1, "below 2^{e}");
        }
        if e > -1023 {
            assert_eq!(f64::power_of_two(e), power);
        }
    }
    assert_eq!(f64::exponent(f64::MAX.to_bits()), 1023);
}

proptest! {
    #[test]
    fn magnitudes_order_as_their_bits(a in any::<f32>(), b in any::<f32>()) {
        prop_assume!(!a.is_nan() && !b.is_nan());
        prop_assert_eq!(
            a.abs().partial_cmp(&b.abs()),
            Some(a.magnitude_bits().cmp(&b.magnitude_bits()))
        );
    }

    #[test]
    fn an_exponent_brackets_its_number(x in any::<f64>()) {
        prop_assume!(x.is_normal());
        let e = f64::exponent(x.magnitude_bits());
        let scaled = x.abs() / f64::power_of_two(e.max(-1022));
        prop_assert!((1.0..2.0).contains(&scaled));
    }
}

#[test]
fn truncation_saturates_and_takes_nan_to_zero() {
    for (x, expected) in [
        (-1.9, -1),
        (1.9, 1),
        (-0.0, 0),
        (1e30, i32::MAX),
        (-1e30, i32::MIN),
        (f32::NAN, 0),
        (16_777_215.0, 16_777_215),
    ] {
        assert_eq!(Real::truncate(x), expected);
        assert_eq!(Real::truncate(f64::from(x)), expected);
    }
}

/// SplitMix64's published sequence from the seed 1234567, and what is made of it here.
#[test]
fn the_generator_keeps_its_numbers() {
    let mut random = Random::new(1234567);
    let first: [u64; 5] = std::array::from_fn(|_| random.next_u64());
    assert_eq!(
        first,
        [
            6457827717110365317,
            3203168211198807973,
            9817491932198370423,
            4593380528125082431,
            16408922859458223821
        ]
    );

    // FNV-1a of the bits of everything it can draw.
    let mut random = Random::new(42);
    let mut digest = 0xcbf2_9ce4_8422_2325u64;
    let mut take = |bits: u64| {
        for byte in bits.to_le_bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for bound in 0..100 {
        take(random.below(bound) as u64);
        take(random.uniform::<f32>().to_bits().into());
        take(random.uniform::<f64>().to_bits());
        take(random.normal::<f32, Libm>().to_bits().into());
        take(random.normal::<f64, Libm>().to_bits());
    }
    assert_eq!(digest, 0x7405_ebad_6f6c_a3bd, "{digest:#x}");
}

#[test]
fn draws_stay_in_range_and_have_their_moments() {
    let mut random = Random::new(8);
    let count = 40_000;
    let (mut sum, mut squares, mut uniform) = (0.0, 0.0, 0.0);
    for _ in 0..count {
        let u = random.uniform::<f32>();
        assert!((0.0..1.0).contains(&u));
        assert!(random.below(7) < 7);
        uniform += f64::from(u);
        let z = random.normal::<f64, Libm>();
        sum += z;
        squares += z * z;
        assert!(random.normal::<f32, Libm>().is_finite());
    }
    assert_eq!(random.below(0), 0);
    let n = f64::from(count);
    // Five standard errors.
    assert!((uniform / n - 0.5).abs() < 5.0 * (1.0 / 12.0f64).sqrt() / n.sqrt());
    assert!((sum / n).abs() < 5.0 / n.sqrt());
    assert!((squares / n - 1.0).abs() < 5.0 * 2f64.sqrt() / n.sqrt());
    let third = integer(&mut random, 3);
    assert!((-3..=3).contains(&third));
}

/// Inner products of columns are the exact integer sums, rounded once, for every length and sign.
#[test]
fn products_of_columns_are_exact() {
    fn check<C: aadl_core::kernels::Column>(n: usize) {
        use aadl_core::kernels::{Column, Scaled};
        let mut random = Random::new(n as u64);
        let mut numbers =
            || -> Vec<f32> { (0..n).map(|_| 2.0 * random.uniform::<f32>() - 1.2).collect() };
        let (a, b, v) = (numbers(), numbers(), numbers());
        let store = |x: &[f32]| {
            let exponent = C::exponent(Portable::max_magnitude(x));
            let quantised = x.iter().map(|x| C::quantise(*x, C::units(exponent)));
            let elements: Vec<C> = quantised.collect();
            for (element, x) in elements.iter().zip(x) {
                let back = element.value() * C::unit(exponent);
                // Half a unit.
                assert!((back - x).abs() <= 0.5 / C::units(exponent));
            }
            (elements, exponent)
        };
        let ((a, e), (b, f)) = (store(&a), store(&b));
        let g = <C::Vector as Column>::exponent(Portable::max_magnitude(&v));
        let integers = |x: &[C], units: f32| -> Vec<i128> {
            x.iter().map(|x| x.integer(units).into()).collect()
        };
        let (ia, ib) = (integers(&a, C::units(e)), integers(&b, C::units(f)));
        let units = <C::Vector as Column>::units(g);
        let quantised = v.iter().map(|v| <C::Vector as Column>::quantise(*v, units));
        let iv: Vec<i128> = quantised.map(|v| v.integer(units).into()).collect();
        let sum = |x: &[i128], y: &[i128]| x.iter().zip(y).map(|(x, y)| x * y).sum::<i128>() as f32;
        let mut out = [[0.0; 2]];
        let (column, newest) =
            (Scaled { elements: &a, exponent: e }, Scaled { elements: &b, exponent: f });
        Portable::column_dots(&[column], newest, Scaled { elements: &v, exponent: g }, &mut out);
        let units = [C::units(e) * C::units(f), C::units(e) * units];
        assert_eq!(out, [[sum(&ia, &ib) / units[0], sum(&ia, &iv) / units[1]]], "{n}");
        let norm2 = sum(&ia, &ia) / (C::units(e) * C::units(e));
        assert_eq!(Portable::column_norm2(column), norm2, "{n}");
    }
    // Around the chunks and the folds of the portable kernel.
    for n in [1, 15, 16, 17, 127, 128, 129, 16_383, 16_384, 16_385, 70_001] {
        check::<i8>(n);
        check::<i16>(n);
        check::<f32>(n);
    }
}

/// Exponents that no column has: nothing overflows, whatever comes out.
#[test]
fn no_exponent_is_too_large() {
    for exponent in [i32::MIN, i32::MAX] {
        let column = Scaled { elements: &[1i16, -2], exponent };
        let vector = Scaled { elements: &[1.0f32, 2.0], exponent };
        Portable::column_norm2(column);
        Portable::column_dots(&[column], column, vector, &mut [[0.0; 2]]);
        Portable::add_columns(&mut [0.0; 2], &[(column, 1.0)]);
        Portable::add_columns(&mut [0.0; 2], &[(vector, 1.0)]);
    }
}
