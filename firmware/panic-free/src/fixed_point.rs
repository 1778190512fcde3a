//! Least squares and the accelerator of any map.

use crate::{keep, unknown};
use aadl_core::anderson::{self, Anderson, AndersonMut, Memory};
use aadl_core::kernels::Portable;
use aadl_core::least_squares::Regularization;
use aadl_core::least_squares::cholesky::Cholesky;
use aadl_core::least_squares::gram::GramMatrix;
use aadl_core::least_squares::qr::{self, Columns};
use aadl_core::real::Real;
use core::hint::black_box;

pub(crate) fn all<T: Real>() {
    gram();
    cholesky::<T>();
    qr::<T>();
    settings();
    // Owners of no number, of one, of fewer and more than a group of columns.
    owner::<T, 0, 3>();
    owner::<T, 1, 3>();
    owner::<T, 13, 5>();
    owner::<T, 64, 32>();
    accelerator::<T>();
}

#[inline(never)]
fn gram() {
    let mut gram = black_box(GramMatrix::new(unknown(), unknown()));
    keep(GramMatrix::at(&gram, unknown(), unknown()));
    keep(GramMatrix::row_mut(&mut gram, unknown()));
    GramMatrix::forget_oldest(&mut gram);
    keep(GramMatrix::norm2(&gram, unknown()));
    keep(GramMatrix::difference_system(&mut gram, unknown(), unknown()));
}

fn regularization() -> Regularization {
    black_box(Regularization::None)
}

#[inline(never)]
fn cholesky<T: Real>() {
    keep(Regularization::validate(&regularization()));
    keep(Regularization::lambda(&regularization(), unknown()));
    let factor = Cholesky::factor(
        unknown::<&mut [T]>(),
        unknown(),
        unknown(),
        regularization(),
        unknown(),
        unknown(),
        unknown(),
    );
    if let Ok(factor) = black_box(factor) {
        keep(Cholesky::rank(&factor));
        keep(Cholesky::solve(&factor, unknown()));
    }
}

#[inline(never)]
fn qr<T: Real>() {
    let a = Columns {
        values: unknown::<&mut [T]>(),
        rows: unknown(),
        columns: unknown(),
        stride: unknown(),
    };
    keep(qr::solve::<T, Portable>(a, unknown(), unknown(), unknown(), unknown()));
    keep(qr::scratch(unknown(), unknown()));
}

#[inline(never)]
fn settings() {
    keep(anderson::Config::validate(&unknown()));
    keep(anderson::Config::default());
    let state = black_box(anderson::State::new());
    keep(anderson::State::is_unconfirmed(&state));
    keep(anderson::State::stats(&state));
    keep(anderson::Stats::rejected(&unknown()));
}

#[inline(never)]
fn owner<T: Real, const N: usize, const M: usize>() {
    keep(Anderson::<N, M, T>::default());
    let mut owner = Anderson::<N, M, T>::new();
    let x = &mut black_box([T::ZERO; N]);
    keep(&mut owner);
    keep(Anderson::step(&mut owner, &unknown(), x));
    keep(&mut owner);
    let loss = |x: &[T]| black_box((x, T::ZERO)).1;
    keep(Anderson::step_with(&mut owner, &unknown(), x, loss));
    keep(&mut owner);
    keep(AndersonMut::stats(&Anderson::view(&mut owner)));
    keep(Anderson::state(&owner));
    keep(Anderson::stats(&owner));
    Anderson::reset(&mut owner);
    keep(&mut owner);
}

/// On memory of any size, in any state.
#[inline(never)]
fn accelerator<T: Real>() {
    let mut state = black_box(anderson::State::new());
    let memory = Memory {
        iterates: unknown(),
        gram: unknown(),
        work: unknown(),
        exponents: unknown(),
        pivots: unknown(),
    };
    let new = AndersonMut::<T>::new(unknown(), unknown(), unknown(), memory, &mut state);
    let Ok(accelerator) = black_box(new) else { return };
    keep(AndersonMut::<T>::qr_scratch(unknown(), unknown()));
    let mut accelerator = AndersonMut::with_scratch(accelerator, unknown());
    let a = black_box(&mut accelerator);
    keep(AndersonMut::stats(a));
    keep(AndersonMut::state(a));
    keep(AndersonMut::dimension(a));
    keep(AndersonMut::last_step(a));
    keep(AndersonMut::wants_start(a));
    keep(AndersonMut::residual_norm(a));
    keep(AndersonMut::start(a, unknown()));
    let a = black_box(a);
    keep(AndersonMut::step(a, &unknown(), unknown()));
    let a = black_box(a);
    let mut loss = |x: &[T]| black_box((x, T::ZERO)).1;
    keep(AndersonMut::step_with(a, &unknown(), unknown(), &mut loss));
    let a = black_box(a);
    keep(AndersonMut::step_range(a, &unknown(), unknown(), unknown(), Some(&mut loss)));
    let a = black_box(a);
    let map = |x: &mut [T]| keep(x);
    keep(anderson::solve(a, &unknown(), unknown(), unknown(), unknown(), map));
    let a = black_box(a);
    AndersonMut::interrupt(a);
    let a = black_box(a);
    AndersonMut::forget(a);
    let a = black_box(a);
    AndersonMut::reset(a);
    keep(a);
}
