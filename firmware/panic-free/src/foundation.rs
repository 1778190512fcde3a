//! Scalars, elementary functions, random numbers, kernels, the ring of iterates.

use crate::{keep, unknown};
use aadl_core::Error;
use aadl_core::history::{self, Ring};
use aadl_core::kernels::{self, Difference, Gram, Kernels, LANES, Portable};
use aadl_core::math::{self, Libm, Math};
use aadl_core::random::Random;
use aadl_core::real::Real;
use core::fmt::Write;
use core::hint::black_box;

pub(crate) fn all<T: Real>()
where
    Libm: Math<T>,
{
    math::<T, Libm>();
    kernels::<T, Portable>();
    keep(math::sqrt(unknown::<T>()));
    keep(kernels::first_non_finite(unknown::<&[T]>()));
    kernels::multiply_by_power_of_two(unknown::<&mut [T]>(), unknown());
    keep(Difference::<T>::default());
    keep(Difference::<T>::length(&unknown()));
    keep(Difference::<T>::part(&unknown(), unknown()));
    keep(kernels::common_length::<T>(&unknown(), unknown()));
    random::<T, Libm>();
    ring();
}

#[inline(never)]
pub(crate) fn real<T: Real>() {
    keep(<T as Real>::from_f64(unknown()));
    keep(Real::to_f64(unknown::<T>()));
    keep(Real::truncate(unknown::<T>()));
    keep(<T as Real>::single(unknown()));
    keep(Real::abs(unknown::<T>()));
    keep(Real::is_finite(unknown::<T>()));
    keep(Real::magnitude_bits(unknown::<T>()));
    keep(<T as Real>::exponent(unknown()));
    keep(<T as Real>::power_of_two(unknown()));
}

#[inline(never)]
pub(crate) fn math<T: Real, F: Math<T>>() {
    keep(<F as Math<T>>::exp(unknown()));
    keep(<F as Math<T>>::ln(unknown()));
    keep(<F as Math<T>>::ln_1p(unknown()));
    keep(<F as Math<T>>::tanh(unknown()));
    keep(<F as Math<T>>::cos(unknown()));
}

#[inline(never)]
pub(crate) fn random<T: Real, F: Math<T>>() {
    let mut random = black_box(Random::new(unknown()));
    keep(Random::next_u64(&mut random));
    keep(Random::below(&mut random, unknown()));
    keep(Random::uniform::<T>(&mut random));
    keep(Random::normal::<T, F>(&mut random));
    keep(random);
}

#[inline(never)]
fn kernels<T: Real, K: Kernels>() {
    keep(<K as Kernels>::dot(unknown::<&[T]>(), unknown()));
    keep(<K as Kernels>::dot_wide(unknown::<&[T]>(), unknown()));
    let terms: &[[f64; LANES]] = unknown();
    keep(<K as Kernels>::sum_terms(unknown(), |i| terms.get(i).copied().unwrap_or_default()));
    <K as Kernels>::axpy(unknown(), unknown::<T>(), unknown());
    keep(<K as Kernels>::all_finite(unknown::<&[T]>()));
    keep(<K as Kernels>::max_magnitude(unknown::<&[T]>()));
    keep(<K as Kernels>::max_difference(unknown::<Difference<'_, T>>()));
    let newest: (Difference<'_, T>, i32) = unknown();
    <K as Kernels>::gram_row(unknown::<Gram>(), newest, unknown(), unknown());
    <K as Kernels>::exact_sums(newest, unknown(), unknown());
    <K as Kernels>::copy(unknown::<&mut [T]>(), unknown());
    <K as Kernels>::add_differences(unknown::<&mut [T]>(), unknown());
    <K as Kernels>::dense_forward(unknown::<&[T]>(), unknown(), unknown(), unknown());
    <K as Kernels>::dense_backward_input(unknown::<&[T]>(), unknown(), unknown(), unknown());
    <K as Kernels>::dense_backward_weights(unknown::<&[T]>(), unknown(), unknown(), unknown());
    <K as Kernels>::dense_backward_weights_from_zero(
        unknown::<&[T]>(),
        unknown(),
        unknown(),
        unknown(),
    );
}

#[inline(never)]
fn ring() {
    let mut ring = black_box(Ring::new());
    keep(Ring::len(&ring));
    keep(Ring::is_empty(&ring));
    keep(Ring::slot(&ring, unknown(), unknown()));
    keep(Ring::is_residual(&ring, unknown()));
    keep(Ring::push(&mut ring, unknown(), unknown()));
    ring = black_box(ring);
    Ring::pop(&mut ring, unknown());
    ring = black_box(ring);
    keep(Ring::residuals(&ring, unknown()));
    Ring::forget_residuals(&mut ring);
    keep(ring);
    keep(history::preceding(unknown(), unknown()));
}

/// The text of each error, into a string that is too short for some.
#[inline(never)]
pub(crate) fn text() {
    let mut text = heapless::String::<64>::new();
    for error in [
        Error::Length { what: unknown(), expected: unknown(), found: unknown() },
        Error::NonFinite { what: unknown(), index: unknown() },
        Error::OutOfRange { what: unknown(), index: unknown(), limit: unknown() },
        Error::Config { field: unknown(), requires: unknown() },
        Error::LossRequired,
    ] {
        keep(write!(text, "{}", black_box(error)));
    }
    keep(text);
}
