//! The backward products of a dense layer for large registers: sums held from first term to last.
//!
//! `results[r] += sum_k factors[r][k] terms[k]`, results and terms being rows of one width, as in
//! `dense`: one accumulator a result, from what is there or from 0, `k` ascending. A tile is [`ROWS`]
//! results by a stripe of columns; its sums stay in registers while all terms pass, so that results
//! are loaded and stored once. Stripes are the outer loop: the terms' part of a stripe stays in a
//! cache while all results take from it.
//!
//! The rows of a tile are a fourth of all results apart: factors of neighbours lie side by side, and
//! compilers would load them at once and spread them by shuffles, of which AVX-512 can do one a cycle,
//! by the unit that it adds with. From different places each comes spread out of memory.

use super::Kernels;
use super::dense::rows_mut;
use crate::real::Real;

/// Results of a tile.
const ROWS: usize = 4;

/// Whether the sums of a stripe of so many columns take at most half of the registers, of which there
/// are 16 of 32 bytes, 32 of 64.
const fn fits<K: Kernels + ?Sized, T>(columns: usize) -> bool {
    ROWS * columns * size_of::<T>() <= K::REGISTER * (K::REGISTER / 4)
}

/// Whether rows of this width can be read by stripes. Where they begin at the same place of every second
/// half of a page, or of each, a cache has no room for a stripe of them: a layer of 1024 inputs took 1.5
/// times as long with AVX-512, twice as long with AVX2.
pub(super) const fn suits<T>(width: usize) -> bool {
    !(width * size_of::<T>()).is_multiple_of(2048)
}

/// Where factors lie.
pub(super) trait Factors<T>: Copy {
    /// Those of `R` results, `step` after `step` from `first` on, term by term. None where there
    /// are no more.
    fn of<const R: usize>(self, first: usize, step: usize) -> impl Iterator<Item = Option<[T; R]>>;
}

/// A row of them per term, and its length.
#[derive(Clone, Copy)]
pub(super) struct ByTerm<'a, T>(pub(super) &'a [T], pub(super) usize);

impl<T: Real> Factors<T> for ByTerm<'_, T> {
    #[inline(always)]
    fn of<const R: usize>(self, first: usize, step: usize) -> impl Iterator<Item = Option<[T; R]>> {
        let rows = self.0.chunks_exact(self.1.max(1));
        rows.map(move |row| all(core::array::from_fn(|r| row.get(first + r * step))))
    }
}

/// A row of them per result, and its length.
#[derive(Clone, Copy)]
pub(super) struct ByResult<'a, T>(pub(super) &'a [T], pub(super) usize);

impl<T: Real> Factors<T> for ByResult<'_, T> {
    #[inline(always)]
    fn of<const R: usize>(self, first: usize, step: usize) -> impl Iterator<Item = Option<[T; R]>> {
        let row = |r| self.0.get((first + r * step) * self.1..)?.get(..self.1);
        let rows: [&[T]; R] = core::array::from_fn(|r| row(r).unwrap_or_default());
        (0..self.1).map(move |k| all(rows.map(|row| row.get(k))))
    }
}

/// Each is 1: results are plain sums of terms.
#[derive(Clone, Copy)]
pub(super) struct Ones;

impl<T: Real> Factors<T> for Ones {
    #[inline(always)]
    fn of<const R: usize>(self, _: usize, _: usize) -> impl Iterator<Item = Option<[T; R]>> {
        core::iter::repeat(Some([T::ONE; R]))
    }
}

#[inline(always)]
fn all<T: Real, const R: usize>(from: [Option<&T>; R]) -> Option<[T; R]> {
    let mut all = [T::ZERO; R];
    for (to, from) in all.iter_mut().zip(from) {
        *to = *from?;
    }
    Some(all)
}

/// `from_zero`: nothing is added to what `results` hold.
#[inline(always)]
pub(super) fn accumulate<K: Kernels + ?Sized, T: Real>(
    results: &mut [T],
    terms: &[T],
    width: usize,
    factors: impl Factors<T>,
    from_zero: bool,
) {
    let mut block = Block { results, terms, width, factors, from_zero, done: 0 };
    if fits::<K, T>(64) {
        block.stripes::<64>();
    }
    if fits::<K, T>(32) {
        block.stripes::<32>();
    }
    if fits::<K, T>(16) {
        block.stripes::<16>();
    }
    block.stripes::<8>();
    block.stripes::<4>();
    block.stripes::<1>();
}

/// What there is to sum, and how many columns are done.
struct Block<'a, T, F> {
    results: &'a mut [T],
    terms: &'a [T],
    width: usize,
    factors: F,
    from_zero: bool,
    done: usize,
}

impl<T: Real, F: Factors<T>> Block<'_, T, F> {
    /// As many stripes of `C` columns as there are.
    #[inline(always)]
    fn stripes<const C: usize>(&mut self) {
        while self.width.saturating_sub(self.done) >= C {
            self.stripe::<C>();
            self.done += C;
        }
    }

    #[inline(always)]
    fn stripe<const C: usize>(&mut self) {
        let Self { terms, width, factors, from_zero, done, .. } = *self;
        let share = self.results.len() / width / ROWS;
        let (most, rest) = self.results.split_at_mut(share * ROWS * width);
        if let Some(shares) = rows_mut::<T, ROWS>(most, share * width) {
            let [a, b, c, d] = shares.map(|share| share.chunks_exact_mut(width));
            for (r, (((a, b), c), d)) in a.zip(b).zip(c).zip(d).enumerate() {
                let stripe = Stripe { terms, width, first: done, from_zero };
                stripe.tile::<ROWS, C>([a, b, c, d], factors.of(r, share));
            }
        }
        for (r, result) in rest.chunks_exact_mut(width).enumerate() {
            let stripe = Stripe { terms, width, first: done, from_zero };
            stripe.tile::<1, C>([result], factors.of(share * ROWS + r, 0));
        }
    }
}

/// Columns from `first` on.
struct Stripe<'a, T> {
    terms: &'a [T],
    width: usize,
    first: usize,
    from_zero: bool,
}

impl<T: Real> Stripe<'_, T> {
    /// `R` results.
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(
        self,
        results: [&mut [T]; R],
        factors: impl Iterator<Item = Option<[T; R]>>,
    ) {
        let mut sums = [[T::ZERO; C]; R];
        if !self.from_zero {
            for (sums, result) in sums.iter_mut().zip(&results) {
                *sums = self.part(result).copied().unwrap_or(*sums);
            }
        }
        for (term, factors) in self.terms.chunks_exact(self.width).zip(factors) {
            let (Some(term), Some(factors)) = (self.part::<C>(term), factors) else { break };
            // Written out: a loop over results would be kept, or vectorised across them, and the sums in
            // memory.
            if let ([p, q, r, s], [a, b, c, d]) = (sums.as_mut_slice(), factors.as_slice()) {
                add(p, *a, term);
                add(q, *b, term);
                add(r, *c, term);
                add(s, *d, term);
            } else {
                for (sums, factor) in sums.iter_mut().zip(factors) {
                    add(sums, factor, term);
                }
            }
        }
        for (result, sums) in results.into_iter().zip(sums) {
            if let Some(result) = result.get_mut(self.first..).and_then(<[T]>::first_chunk_mut) {
                *result = sums;
            }
        }
    }

    /// A row's part of the stripe.
    #[inline(always)]
    fn part<'r, const C: usize>(&self, row: &'r [T]) -> Option<&'r [T; C]> {
        row.get(self.first..)?.first_chunk()
    }
}

/// `sums += factor * x`.
#[inline(always)]
pub(super) fn add<T: Real, const N: usize>(sums: &mut [T; N], factor: T, x: &[T; N]) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += factor * *x;
    }
}
