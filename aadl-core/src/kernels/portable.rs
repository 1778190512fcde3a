//! The kernels in portable Rust. Inner loops run over fixed-size chunks and zips, so that no
//! bounds check, hence no panic path, survives.

use core::ops::Range;

use super::{BLOCK, Difference, EXACT_DIGITS, GROUP, Gram, LANES, WIDE, common_length};
use crate::real::Real;

/// Elements of the newest residual that an exact row keeps as integers, on the stack.
const CHUNK: usize = if WIDE { 128 } else { 64 };
/// Of these, how many an inner loop takes at a time: what a scalar core is spared to count, and all
/// of them where the compiler makes vectors of the loop.
const UNROLL: usize = if WIDE { CHUNK } else { 16 };
/// Elements between two folds of its sums, into multiples of `2^FOLDED`.
const FOLD: usize = 1 << 14;
const FOLDED: u32 = 40;

/// One block of a long reduction: the terms by chunks of lanes, and those left over.
#[inline(always)]
fn block<A: Real>(chunks: impl Iterator<Item = [A; LANES]>, tail: impl Iterator<Item = A>) -> A {
    let mut lanes = [A::ZERO; LANES];
    for chunk in chunks {
        for (lane, term) in lanes.iter_mut().zip(chunk) {
            *lane += term;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let fold = ((a + e) + (c + g)) + ((b + f) + (d + h));
    let mut rest = A::ZERO;
    for term in tail {
        rest += term;
    }
    fold + rest
}

/// At most the first `n` elements: chunks and tails of two slices only meet where both end alike.
fn cut<T>(x: &[T], n: usize) -> &[T] {
    x.get(..n).unwrap_or(x)
}

/// A long reduction of a function of two slices.
#[inline(always)]
fn reduce<T: Real, A: Real>(a: &[T], b: &[T], term: impl Fn(T, T) -> A + Copy) -> A {
    // No block is -0, so that adding the only one to zero would not change it.
    if a.len() <= BLOCK {
        return reduce_block(a, b, term);
    }
    reduce_blocks(a, b, term)
}

/// Several blocks. Not inlined: what it keeps from block to block, a single one need not save.
#[cfg_attr(target_pointer_width = "64", inline(always))]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn reduce_blocks<T: Real, A: Real>(a: &[T], b: &[T], term: impl Fn(T, T) -> A + Copy) -> A {
    let n = a.len().min(b.len());
    let (Some(mut a), Some(mut b)) = (a.get(..n), b.get(..n)) else { return A::ZERO };
    let mut total = A::ZERO;
    while let (Some((block_a, rest_a)), Some((block_b, rest_b))) =
        (a.split_at_checked(BLOCK), b.split_at_checked(BLOCK))
    {
        total += reduce_block(block_a, block_b, term);
        (a, b) = (rest_a, rest_b);
    }
    if a.is_empty() { total } else { total + reduce_block(a, b, term) }
}

/// One block of [`reduce`]. Not inlined: it is called from three places.
#[cfg_attr(target_pointer_width = "64", inline(always))]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn reduce_block<T: Real, A: Real>(a: &[T], b: &[T], term: impl Fn(T, T) -> A) -> A {
    // Cut at the same number, both are seen to be of one length: one count for both.
    let n = a.len().min(b.len());
    let (Some(a), Some(b)) = (a.get(..n), b.get(..n)) else { return A::ZERO };
    let (chunks_a, tail_a) = a.as_chunks::<LANES>();
    let (chunks_b, tail_b) = b.as_chunks::<LANES>();
    block(
        chunks_a.iter().zip(chunks_b).map(|(a, b)| core::array::from_fn(|l| term(a[l], b[l]))),
        tail_a.iter().zip(tail_b).map(|(a, b)| term(*a, *b)),
    )
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    reduce(a, b, |a, b| a * b)
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn dot_wide<T: Real>(a: &[T], b: &[T]) -> f64 {
    reduce(a, b, |a, b| a.to_f64() * b.to_f64())
}

pub(super) fn sum_terms(n: usize, terms: impl Fn(usize) -> [f64; LANES]) -> f64 {
    let mut total = 0.0;
    for start in (0..n).step_by(BLOCK) {
        let length = BLOCK.min(n - start);
        let whole = length - length % LANES;
        total += block(
            (start..start + whole).step_by(LANES).map(&terms),
            (whole < length)
                .then(|| terms(start + whole))
                .into_iter()
                .flatten()
                .take(length - whole),
        );
    }
    total
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn axpy<T: Real>(y: &mut [T], a: T, x: &[T]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * *x;
    }
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn add_difference<T: Real>(x: &mut [T], d: Difference<'_, T>, b: T) {
    for (x, (newer, older)) in x.iter_mut().zip(d.newer.iter().zip(d.older)) {
        *x += b * (*newer - *older);
    }
}

/// Whether both are known to be finite because the sum of their products is: no product with NaN or
/// an infinity is. False says nothing: a product may have overflowed.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn finite_products<T: Real>(a: &[T], b: &[T]) -> bool {
    if !T::HARDWARE {
        return false;
    }
    // Lanes are for vectors; where a loop is not unrolled, they cost.
    let sum = if !WIDE {
        a.iter().zip(b).fold(T::ZERO, |sum, (a, b)| sum + *a * *b)
    } else if size_of::<T>() == 4 {
        any_order::<T, 32>(a, b)
    } else {
        any_order::<T, 16>(a, b)
    };
    sum.is_finite()
}

/// The sum of products in an order that means nothing, for [`finite_products`]: in `N` lanes, so many
/// that no addition waits for another.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn any_order<T: Real, const N: usize>(a: &[T], b: &[T]) -> T {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<N>(), b.as_chunks::<N>());
    let mut sums = [T::ZERO; N];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += *a * *b;
        }
    }
    let rest = rest_a.iter().zip(rest_b).fold(T::ZERO, |sum, (a, b)| sum + *a * *b);
    // Four abreast: one after the other, the lanes' sums would wait for each other.
    let [p, q, r, s] = sums.into_iter().enumerate().fold([T::ZERO; 4], |mut four, (i, x)| {
        four[i % 4] += x;
        four
    });
    rest + ((p + q) + (r + s))
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn all_finite<T: Real>(x: &[T]) -> bool {
    finite_products(x, x) || x.iter().all(|x| x.is_finite())
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn max_magnitude<T: Real>(x: &[T]) -> T::Bits {
    x.iter().fold(T::Bits::default(), |max, x| max.max(x.magnitude_bits()))
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn max_difference<T: Real>(d: Difference<'_, T>) -> T::Bits {
    d.newer
        .iter()
        .zip(d.older)
        .fold(T::Bits::default(), |max, (newer, older)| max.max((*newer - *older).magnitude_bits()))
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn gram_row<T: Real>(
    gram: Gram,
    newest: &Column<'_, T>,
    columns: &[Column<'_, T>],
    out: &mut [f64],
) {
    match gram {
        Gram::Exact if T::DIGITS as i32 <= EXACT_DIGITS => {
            if !WIDE {
                exact(newest, cut(columns, GROUP), out);
                return;
            }
            let newest = &shortened(newest, columns);
            for (columns, out) in columns.chunks(GROUP).zip(out.chunks_mut(GROUP)) {
                exact(newest, columns, out);
            }
        }
        _ => {
            let newest = shortened(newest, columns);
            for ((column, _), out) in columns.iter().zip(out) {
                *out = wide(newest.0, *column);
            }
        }
    }
}

/// The newest residual, no longer than the shortest of all: so it does not matter which columns are
/// taken together.
fn shortened<'a, T>(newest: &Column<'a, T>, columns: &[Column<'_, T>]) -> Column<'a, T> {
    (newest.0.part(0..common_length(&newest.0, columns)), newest.1)
}

#[cfg_attr(target_pointer_width = "64", inline(always))]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn wide<T: Real>(a: Difference<'_, T>, b: Difference<'_, T>) -> f64 {
    let mut total = 0.0;
    let n = a.newer.len().min(a.older.len()).min(b.newer.len()).min(b.older.len());
    let blocks_a = cut(a.newer, n).chunks(BLOCK).zip(cut(a.older, n).chunks(BLOCK));
    let blocks_b = cut(b.newer, n).chunks(BLOCK).zip(cut(b.older, n).chunks(BLOCK));
    let term = |a: T, a_older: T, b: T, b_older: T| (a - a_older).to_f64() * (b - b_older).to_f64();
    for ((a, a_older), (b, b_older)) in blocks_a.zip(blocks_b) {
        let ((a, a_tail), (a_older, a_older_tail)) = (a.as_chunks(), a_older.as_chunks());
        let ((b, b_tail), (b_older, b_older_tail)) = (b.as_chunks(), b_older.as_chunks());
        total += block(
            a.iter().zip(a_older).zip(b.iter().zip(b_older)).map(
                |((a, a_older), (b, b_older)): ((&[T; LANES], &[T; LANES]), _)| {
                    let (b, b_older): (&[T; LANES], &[T; LANES]) = (b, b_older);
                    core::array::from_fn(|l| term(a[l], a_older[l], b[l], b_older[l]))
                },
            ),
            a_tail
                .iter()
                .zip(a_older_tail)
                .zip(b_tail.iter().zip(b_older_tail))
                .map(|((a, a_older), (b, b_older))| term(*a, *a_older, *b, *b_older)),
        );
    }
    total
}

/// A residual and its scale.
type Column<'a, T> = (Difference<'a, T>, i32);

/// The row of [`Gram::Exact`], of float32, of at most [`GROUP`] columns. Not inlined, for its stack.
#[cfg_attr(target_pointer_width = "64", inline(always))]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn exact<T: Real>(newest: &Column<'_, T>, columns: &[Column<'_, T>], out: &mut [f64]) {
    let mut sums = [(T::ZERO, 0); GROUP];
    let n = exact_sums(newest, columns, out, &mut sums);
    for (((_, exponent), (_, sum)), out) in columns.iter().zip(&sums).zip(out) {
        let mut total = *sum as f64;
        if n > FOLD {
            // Two numbers of at most 53 bits, up to 2^45 products: only their sum is rounded.
            total += *out * (1i64 << FOLDED) as f64;
        }
        let exponent = newest.1.wrapping_add(*exponent);
        *out = scaled(total, exponent.wrapping_sub(2 * (EXACT_DIGITS - 1)));
    }
}

/// [`super::Kernels::exact_sums`].
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn add_exact_sums<T: Real>(
    newest: &Column<'_, T>,
    columns: &[Column<'_, T>],
    sums: &mut [i128],
) {
    let newest = &shortened(newest, columns);
    for (columns, totals) in columns.chunks(GROUP).zip(sums.chunks_mut(GROUP)) {
        let (mut high, mut low) = ([0.0; GROUP], [(T::ZERO, 0); GROUP]);
        let n = exact_sums(newest, columns, &mut high, &mut low);
        for (total, (high, (_, low))) in totals.iter_mut().zip(high.iter().zip(low)) {
            let high = if n > FOLD { *high as i128 } else { 0 };
            *total += (high << FOLDED) + i128::from(low);
        }
    }
}

/// Sums of the products of integers: `sums`, and where there are more than [`FOLD`], `2^FOLDED` times
/// `out` more. Returns how many they are.
#[inline(always)]
fn exact_sums<T: Real>(
    newest: &Column<'_, T>,
    columns: &[Column<'_, T>],
    out: &mut [f64],
    sums: &mut [(T, i64); GROUP],
) -> usize {
    let (mut n, mut beyond) = (newest.0.length(), Scale::<T>::beyond(newest.1));
    for (column, sum) in columns.iter().zip(&mut *sums) {
        n = n.min(column.0.length());
        beyond |= Scale::<T>::beyond(column.1);
        sum.0 = T::power_of_two(shift(column.1));
    }
    let simple = beyond >= 0;
    // Not `step_by`, which counts the steps first.
    let mut start = 0;
    while start < n {
        let end = n.min(start + FOLD);
        let whole = if simple { end / CHUNK } else { start / CHUNK };
        for index in start / CHUNK..whole {
            whole_chunk(newest, columns, index, sums);
        }
        for start in (whole * CHUNK..end).step_by(CHUNK) {
            part_of_chunk(newest, columns, &(start..end.min(start + CHUNK)), sums);
        }
        // After the last ones, too: only so are both parts of at most 53 bits.
        if n > FOLD {
            fold(sums, out, start == 0);
        }
        start = end;
    }
    n
}

/// Moves what each sum has above `2^FOLDED` to `out`; both stay exact. Not inlined, for the stack of
/// the rows that never come here.
#[inline(never)]
fn fold<T>(sums: &mut [(T, i64)], out: &mut [f64], first: bool) {
    for ((_, sum), out) in sums.iter_mut().zip(out) {
        let folded = (*sum >> FOLDED) as f64;
        *out = if first { folded } else { *out + folded };
        *sum &= (1 << FOLDED) - 1;
    }
}

/// `x 2^exponent` by adding to the stored exponent, which spares a multiplication in software: 0 or
/// a magnitude in `1 .. 2^110`, times `2^-346 .. 2^208`, is always a normal number.
fn scaled(x: f64, exponent: i32) -> f64 {
    let shift = (exponent as u64) << (f64::MANTISSA_DIGITS - 1);
    if x.to_bits() == 0 { x } else { f64::from_bits(x.to_bits().wrapping_add(shift)) }
}

/// `sum + a b`. Wrapping says "no overflow check": between two folds there are fewer than `2^15`
/// products, each below `2^48`.
fn add_product(sum: i64, a: i32, b: i32) -> i64 {
    sum.wrapping_add(i64::from(a).wrapping_mul(i64::from(b)))
}

fn chunk<T>(x: &[T], index: usize) -> Option<&[T; CHUNK]> {
    x.as_chunks().0.get(index)
}

fn blocks<T>(x: &[T; CHUNK]) -> &[[T; UNROLL]] {
    x.as_chunks().0
}

/// Adds the products of a whole chunk, where each scale is one factor.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn whole_chunk<T: Real>(
    newest: &Column<'_, T>,
    mut columns: &[Column<'_, T>],
    index: usize,
    mut sums: &mut [(T, i64)],
) {
    let (Some(x), Some(y)) = (chunk(newest.0.older, index), chunk(newest.0.newer, index)) else {
        return;
    };
    let factor = T::power_of_two(shift(newest.1));
    let integers = core::array::from_fn(|i| ((y[i] - x[i]) * factor).truncate());
    loop {
        if let Some((pair, after)) = columns.split_first_chunk()
            && let [(c, _), (d, _)] = pair
            && core::ptr::eq(c.newer.as_ptr(), d.older.as_ptr())
        {
            let Some((two, rest)) = sums.split_first_chunk_mut() else { return };
            add_two(&integers, pair, index, two);
            (columns, sums) = (after, rest);
            continue;
        }
        let Some(((c, exponent), after)) = columns.split_first() else { return };
        let Some((sum, rest)) = sums.split_first_mut() else { return };
        if newest.1 == *exponent && newest.0.is(c) {
            sum.1 = integers.iter().fold(sum.1, |sum, a| add_product(sum, *a, *a));
        } else {
            add_one(&integers, c, index, sum);
        }
        (columns, sums) = (after, rest);
    }
}

// The two below are not inlined: they need all registers there are.

/// Adds the products of a chunk of one column.
#[cfg_attr(target_pointer_width = "64", inline(always))]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn add_one<T: Real>(
    integers: &[i32; CHUNK],
    column: &Difference<'_, T>,
    index: usize,
    sum: &mut (T, i64),
) {
    let (Some(x), Some(y)) = (chunk(column.older, index), chunk(column.newer, index)) else {
        return;
    };
    let (p, mut s) = *sum;
    for ((a, x), y) in blocks(integers).iter().zip(blocks(x)).zip(blocks(y)) {
        for ((a, x), y) in a.iter().zip(x).zip(y) {
            s = add_product(s, *a, ((*y - *x) * p).truncate());
        }
    }
    sum.1 = s;
}

/// Adds the products of a chunk of two columns of which the second follows the first in a chain:
/// they share an iterate, so that together they need a load less of that and one less of an integer.
#[cfg_attr(target_pointer_width = "64", inline(always))]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn add_two<T: Real>(
    integers: &[i32; CHUNK],
    pair: &[Column<'_, T>; 2],
    index: usize,
    sums: &mut [(T, i64); 2],
) {
    let [(c, _), (d, _)] = pair;
    let (Some(x), Some(y)) = (chunk(c.older, index), chunk(c.newer, index)) else { return };
    let Some(z) = chunk(d.newer, index) else { return };
    let [(p, mut s), (q, mut t)] = *sums;
    for (((a, x), y), z) in blocks(integers).iter().zip(blocks(x)).zip(blocks(y)).zip(blocks(z)) {
        for (((a, x), y), z) in a.iter().zip(x).zip(y).zip(z) {
            s = add_product(s, *a, ((*y - *x) * p).truncate());
            t = add_product(t, *a, ((*z - *y) * q).truncate());
        }
    }
    *sums = [(p, s), (q, t)];
}

/// Adds the products of less than a chunk, or of a row in which some scale takes two factors: rare
/// enough to take them one by one.
#[inline(always)]
fn part_of_chunk<T: Real>(
    newest: &Column<'_, T>,
    columns: &[Column<'_, T>],
    range: &Range<usize>,
    sums: &mut [(T, i64)],
) {
    let mut integers = [0; CHUNK];
    each(newest, range, &mut integers, |place, integer| *place = integer);
    for (column, (_, sum)) in columns.iter().zip(sums) {
        each(column, range, &mut integers, |a, b| *sum = add_product(*sum, *a, b));
    }
}

/// Calls `f` with the integer of each element in `range`, and with the place that goes with it.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn each<T: Real>(
    (d, exponent): &Column<'_, T>,
    range: &Range<usize>,
    places: &mut [i32],
    mut f: impl FnMut(&mut i32, i32),
) {
    let (Some(newer), Some(older)) = (d.newer.get(range.clone()), d.older.get(range.clone()))
    else {
        return;
    };
    let Scale { first, second } = Scale::<T>::new(*exponent);
    let second = second.unwrap_or(T::ONE);
    for ((newer, older), place) in newer.iter().zip(older).zip(places) {
        f(place, ((*newer - *older) * first * second).truncate());
    }
}

/// `23 - e`: what makes integers of a residual is 2 to the power of that.
fn shift(exponent: i32) -> i32 {
    (EXACT_DIGITS - 1).wrapping_sub(exponent)
}

/// `2^(23 - e)` as one factor where that is a normal number, else as two (a residual below
/// `2^-104` in float32), the second applied to the result of the first. Both products are exact
/// wherever the result is not cut off anyway.
#[derive(Clone, Copy)]
struct Scale<T> {
    first: T,
    second: Option<T>,
}

impl<T: Real> Scale<T> {
    fn new(exponent: i32) -> Self {
        let shift = (EXACT_DIGITS - 1).saturating_sub(exponent);
        let second = (shift > Self::largest()).then(|| T::power_of_two(shift - Self::largest()));
        Self { first: T::power_of_two(shift.min(Self::largest())), second }
    }

    /// Negative where it takes two factors: the sign of several, or-ed, tells whether one of them does.
    fn beyond(exponent: i32) -> i32 {
        Self::largest().wrapping_sub(shift(exponent))
    }

    /// The exponent of the largest power of two.
    fn largest() -> i32 {
        T::exponent(T::INFINITY_BITS) - 1
    }
}
