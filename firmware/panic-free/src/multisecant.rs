//! Quantised columns and the engine without a learning rate.

use crate::{keep, unknown};
use aadl_core::kernels::{Column, Kernels, Portable, Scaled, Task};
use aadl_core::multisecant::{self, Bounds, Memory, Multisecant, MultisecantMut};
use core::hint::black_box;

pub(crate) fn all() {
    settings();
    column::<i8>();
    column::<i16>();
    column::<f32>();
    kernels::<i8, Portable>();
    kernels::<i16, Portable>();
    kernels::<f32, Portable>();
    owner::<0, 1, i8>();
    owner::<1, 1, f32>();
    owner::<13, 5, i8>();
    owner::<64, 32, i16>();
    engine::<i8>();
    engine::<i16>();
    engine::<f32>();
}

/// Settings with limits of unknown lengths.
fn config() -> multisecant::Config<'static> {
    let config: multisecant::Config<'_> = black_box(multisecant::Config::default());
    let bounds = if unknown() {
        Bounds::Each { lower: unknown(), upper: unknown() }
    } else {
        black_box(Bounds::default())
    };
    black_box(multisecant::Config { bounds, ..config })
}

#[inline(never)]
fn settings() {
    keep(multisecant::Config::validate(&config()));
    let state = black_box(multisecant::State::default());
    keep(multisecant::State::new());
    keep(multisecant::State::stats(&state));
    keep(multisecant::State::loss(&state));
    keep(multisecant::Stats::rejected(&unknown()));
}

#[inline(never)]
fn column<C: Column>() {
    keep(<C as Column>::elements(unknown()));
    keep(<C as Column>::quantise(unknown(), unknown()));
    keep(<C as Column>::integer(unknown(), unknown()));
    keep(<C as Column>::value(unknown()));
    keep(<C as Column>::unit(unknown()));
    keep(<C as Column>::units(unknown()));
    keep(<C as Column>::exponent(unknown()));
}

struct Nothing;

impl Task for Nothing {
    type Output = ();
    fn run(self) {}
}

#[inline(never)]
fn kernels<C: Column, K: Kernels>() {
    <K as Kernels>::run(Nothing);
    <Nothing as Task>::run(Nothing);
    let newest: Scaled<'_, C> = unknown();
    <K as Kernels>::column_dots(unknown(), newest, unknown(), unknown());
    keep(<K as Kernels>::column_norm2(newest));
    <K as Kernels>::add_columns::<C>(unknown(), unknown());
    keep(Scaled::<C>::default());
    keep(multisecant::bytes::<C>(unknown(), unknown()));
}

#[inline(never)]
fn owner<const N: usize, const M: usize, C: Column>() {
    keep(Multisecant::<N, M, C>::default());
    let mut owner = Multisecant::<N, M, C>::new();
    let (x, gradient) = (&mut black_box([0.0; N]), &mut black_box([0.0; N]));
    keep(&mut owner);
    keep(Multisecant::tell(&mut owner, &config(), x, unknown(), gradient));
    keep(&mut owner);
    keep(Multisecant::ask(&mut owner, &config(), x));
    keep(&mut owner);
    keep(MultisecantMut::state(&Multisecant::view(&mut owner)));
    keep(Multisecant::state(&owner));
    keep(Multisecant::stats(&owner));
    Multisecant::reset(&mut owner);
    keep(&mut owner);
}

/// On memory of any size, in any state.
#[inline(never)]
fn engine<C: Column>() {
    let mut state = black_box(multisecant::State::new());
    let memory = Memory {
        steps: unknown::<&mut [C]>(),
        changes: unknown(),
        point: unknown(),
        gradient: unknown(),
        squares: unknown(),
        rows: unknown(),
        exponents: unknown(),
        pivots: unknown(),
    };
    let new = MultisecantMut::<C>::new(unknown(), unknown(), unknown(), memory, &mut state);
    let Ok(mut engine) = black_box(new) else { return };
    let e = black_box(&mut engine);
    keep(MultisecantMut::state(e));
    keep(MultisecantMut::tell(e, &config(), unknown(), unknown(), unknown()));
    let e = black_box(e);
    keep(MultisecantMut::ask(e, &config(), unknown()));
    let e = black_box(e);
    MultisecantMut::data_changed(e);
    let e = black_box(e);
    let evaluate = |x: &[f32], gradient: &mut [f32]| black_box((x, gradient, 0.0)).2;
    keep(multisecant::minimize(e, &config(), unknown(), unknown(), unknown(), unknown(), evaluate));
    let e = black_box(e);
    MultisecantMut::reset(e);
    keep(e);
}
