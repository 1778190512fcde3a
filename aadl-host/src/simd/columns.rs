//! Products of quantised columns in AVX2: pairs of 16-bit integers, or 24-bit integers of float32.
#![forbid(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_cvttps_epi32, _mm256_madd_epi16,
    _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi16, _mm256_setzero_si256,
    _mm256_srai_epi32,
};

use aadl_core::kernels::{Column, Elements, GROUP, Kernels, Portable, Scaled};
use aadl_core::real::Real;

use super::avx2::{above, add_bits, add_products, lanes, load, total};

/// Elements of the vector and of the newest column that are kept as integers, on the stack.
const CHUNK: usize = 512;
/// Chunks between two folds of the sums. A 32-bit sum takes `2^15` numbers of 16 bits, a chunk adds
/// 32; a 64-bit sum takes `2^15` products of 24-bit integers, a chunk adds 128.
const FOLD: usize = 128;

/// [`Kernels::column_dots`].
#[target_feature(enable = "avx2")]
pub(super) fn column_dots<C: Column>(
    columns: &[Scaled<'_, C>],
    newest: Scaled<'_, C>,
    vector: Scaled<'_, f32>,
    out: &mut [[f32; 2]],
) {
    let n = newest.elements.len();
    let same = vector.elements.len() == n && columns.iter().all(|c| c.elements.len() == n);
    let groups = || columns.chunks(GROUP);
    let done = same
        && groups().zip(out.chunks_mut(GROUP)).all(|(columns, out)| {
            match C::elements(newest.elements) {
                Elements::F32(_) => single_dots(columns, newest, vector, out),
                _ => narrow_dots(columns, newest, vector, out),
            }
        });
    if !done {
        Portable::column_dots(columns, newest, vector, out);
    }
}

/// The sums, scaled.
fn finish<C: Column>(
    columns: &[Scaled<'_, C>],
    newest: i32,
    vector: i32,
    sums: &[[i128; 2]],
    out: &mut [[f32; 2]],
) {
    // One factor after the other: their product may be no normal number where the result is.
    let scaled = |sum: i128, a: i32, b: i32| {
        let power = |exponent: i32| f32::power_of_two(exponent.saturating_add(1));
        sum as f32 * power(a) * power(b)
    };
    for ((column, sums), out) in columns.iter().zip(sums).zip(out) {
        let exponent = column.exponent.saturating_sub(C::DIGITS);
        *out = [
            scaled(sums[0], exponent, newest.saturating_sub(C::DIGITS)),
            scaled(sums[1], exponent, vector.saturating_sub(C::Vector::DIGITS)),
        ];
    }
}

/// A chunk of a slice, with zeros up to the next multiple of `LANES`.
fn padded<'a, T: Copy + Default, const LANES: usize>(
    x: &'a [T],
    index: usize,
    room: &'a mut [T; CHUNK],
) -> &'a [[T; LANES]] {
    let x = &x[index * CHUNK..x.len().min((index + 1) * CHUNK)];
    if x.len().is_multiple_of(LANES) {
        return x.as_chunks().0;
    }
    room[..x.len()].copy_from_slice(x);
    room[x.len()..].fill(T::default());
    &room.as_chunks().0[..x.len().div_ceil(LANES)]
}

/// A chunk of a column of 8 or 16 bits, in 16.
#[target_feature(enable = "avx2")]
fn narrow<'a, C: Column>(
    x: &'a [C],
    index: usize,
    (room, bytes): (&'a mut [i16; CHUNK], &mut [i8; CHUNK]),
) -> &'a [[i16; 16]] {
    match C::elements(x) {
        Elements::I16(x) => padded(x, index, room),
        Elements::I8(x) => {
            let bytes: &[[i8; 16]] = padded(x, index, bytes);
            for (to, from) in room.iter_mut().zip(bytes.as_flattened()) {
                *to = i16::from(*from);
            }
            &room.as_chunks().0[..bytes.len()]
        }
        Elements::F32(_) => &[],
    }
}

/// Columns of 8 or 16 bits. False where an integer is the one whose square, twice, is too large.
#[target_feature(enable = "avx2")]
fn narrow_dots<C: Column>(
    columns: &[Scaled<'_, C>],
    newest: Scaled<'_, C>,
    vector: Scaled<'_, f32>,
    out: &mut [[f32; 2]],
) -> bool {
    let units = C::Vector::units(vector.exponent);
    let mut sums = [[0i128; 2]; GROUP];
    let mut lanes = [[[_mm256_setzero_si256(); 2]; 2]; GROUP];
    let chunks = vector.elements.len().div_ceil(CHUNK);
    let (mut singles, mut bytes) = ([0.0; CHUNK], [0; CHUNK]);
    let [mut integers, mut newest_room, mut room] = [[0; CHUNK]; 3];
    for index in 0..chunks {
        let numbers: &[[f32; 16]] = padded(vector.elements, index, &mut singles);
        for (to, from) in integers.iter_mut().zip(numbers.as_flattened()) {
            *to = i16::quantise(*from, units);
        }
        let integers = &integers.as_chunks::<16>().0[..numbers.len()];
        let newest = narrow(newest.elements, index, (&mut newest_room, &mut bytes));
        let least = |x: &[[i16; 16]]| x.as_flattened().iter().fold(0, |least, x| (*x).min(least));
        if least(integers) == i16::MIN || least(newest) == i16::MIN {
            return false;
        }
        for (column, lanes) in columns.iter().zip(&mut lanes) {
            let column = narrow(column.elements, index, (&mut room, &mut bytes));
            let [mut first, mut second] = *lanes;
            for (c, (n, v)) in column.iter().zip(newest.iter().zip(integers)) {
                let c = load16(c);
                first = add_halves(first, _mm256_madd_epi16(c, load16(n)));
                second = add_halves(second, _mm256_madd_epi16(c, load16(v)));
            }
            *lanes = [first, second];
        }
        if index % FOLD == FOLD - 1 || index + 1 == chunks {
            for (sum, lanes) in sums.as_flattened_mut().iter_mut().zip(lanes.as_flattened_mut()) {
                *sum += fold(lanes);
            }
        }
    }
    finish(columns, newest.exponent, vector.exponent, &sums, out);
    true
}

/// Adds the low halves of 32-bit integers to the first sums, the high ones to the second.
#[target_feature(enable = "avx2")]
#[inline]
fn add_halves([low, high]: [__m256i; 2], x: __m256i) -> [__m256i; 2] {
    let mask = _mm256_set1_epi32(0xffff);
    [
        _mm256_add_epi32(low, _mm256_and_si256(x, mask)),
        _mm256_add_epi32(high, _mm256_srai_epi32::<16>(x)),
    ]
}

/// What the sums of halves amount to; they begin anew.
#[target_feature(enable = "avx2")]
fn fold(sums: &mut [__m256i; 2]) -> i128 {
    let [low, high] = sums.map(|sums| lanes(sums));
    *sums = [_mm256_setzero_si256(); 2];
    let add = |sum: i64, x: &i32| sum + i64::from(*x);
    ((high.iter().fold(0, add) << 16) + low.iter().fold(0, add)).into()
}

#[target_feature(enable = "avx2")]
#[inline]
fn load16(x: &[i16; 16]) -> __m256i {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *x;
    _mm256_setr_epi16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
}

fn single<C: Column>(x: &[C]) -> &[f32] {
    match C::elements(x) {
        Elements::F32(x) => x,
        _ => &[],
    }
}

/// Columns of float32. False where an integer is larger than it should be.
#[target_feature(enable = "avx2")]
fn single_dots<C: Column>(
    columns: &[Scaled<'_, C>],
    newest: Scaled<'_, C>,
    vector: Scaled<'_, f32>,
    out: &mut [[f32; 2]],
) -> bool {
    let mut sums = [[0i128; 2]; GROUP];
    let mut lanes = [[_mm256_setzero_si256(); 2]; GROUP];
    let mut bits = _mm256_setzero_si256();
    let chunks = vector.elements.len().div_ceil(CHUNK);
    let mut pairs = [[_mm256_setzero_si256(); 2]; CHUNK / 8];
    let [mut room, mut newest_room, mut vector_room] = [[0.0; CHUNK]; 3];
    for index in 0..chunks {
        let newest_chunk = padded(single(newest.elements), index, &mut newest_room);
        let vector_chunk = padded(vector.elements, index, &mut vector_room);
        let units = [C::units(newest.exponent), C::Vector::units(vector.exponent)];
        for (pair, (n, v)) in pairs.iter_mut().zip(newest_chunk.iter().zip(vector_chunk)) {
            *pair = [integers(n, units[0]), integers(v, units[1])];
            bits = add_bits(bits, pair[0]);
            bits = add_bits(bits, pair[1]);
        }
        for (column, lanes) in columns.iter().zip(&mut lanes) {
            let elements = padded(single(column.elements), index, &mut room);
            let units = C::units(column.exponent);
            let [mut first, mut second] = *lanes;
            for (c, [n, v]) in elements.iter().zip(&pairs) {
                let c = integers(c, units);
                bits = add_bits(bits, c);
                first = add_products(first, c, *n);
                second = add_products(second, c, *v);
            }
            *lanes = [first, second];
        }
        if index % FOLD == FOLD - 1 || index + 1 == chunks {
            for (sum, lanes) in sums.as_flattened_mut().iter_mut().zip(lanes.as_flattened_mut()) {
                *sum += total(*lanes);
                *lanes = _mm256_setzero_si256();
            }
        }
    }
    if above(bits) {
        return false;
    }
    finish(columns, newest.exponent, vector.exponent, &sums, out);
    true
}

#[target_feature(enable = "avx2")]
#[inline]
fn integers(x: &[f32; 8], units: f32) -> __m256i {
    _mm256_cvttps_epi32(_mm256_mul_ps(load(x), _mm256_set1_ps(units)))
}
