//! Averages, optimizers alone and in each other.

use crate::{keep, unknown};
use aadl_core::anderson::{Anderson, Config};
use aadl_core::average::{
    Average, Averager, AveragerMut, Ema, RunningAverager, RunningMut, RunningState, WindowState,
};
use aadl_core::optim::{
    Accelerated, Accelerators, Adam, AdamConfig, Averaged, Grouped, Optimizer, RmsProp,
    RmsPropConfig, Rows, Sgd, SgdConfig, WithScratch,
};
use aadl_core::real::Real;
use core::hint::black_box;

pub(crate) fn all<T: Real>() {
    averages::<T>();
    accelerator_groups::<T>();
    sgd::<T>();
    rmsprop::<T>();
    adam::<T>();
    rows::<T>();
    grouped::<T>();
    averaged::<T>();
    accelerated::<T>();
}

#[inline(never)]
fn average<T: Real, V: Average<T>>(average: &mut V) {
    let average = black_box(average);
    keep(Average::dimension(average));
    keep(Average::push(average, unknown()));
    let average = black_box(average);
    keep(Average::count(average));
    keep(Average::mean(average, unknown()));
    keep(Average::relative_deviation(average));
    keep(Average::apply(average, unknown(), unknown()));
    Average::reset(average);
    keep(average);
}

#[inline(never)]
fn averages<T: Real>() {
    keep(Averager::<7, 4, T>::default());
    keep(RunningAverager::<7, 4, T>::default());
    average::<T, Averager<0, 2, T>>(&mut Averager::new());
    average::<T, Averager<7, 4, T>>(&mut Averager::new());
    average::<T, RunningAverager<0, 2, T>>(&mut RunningAverager::new());
    average::<T, RunningAverager<7, 4, T>>(&mut RunningAverager::new());
    let mut state = black_box(WindowState::EMPTY);
    if let Ok(window) = &mut AveragerMut::new(unknown(), unknown(), &mut state) {
        average::<T, AveragerMut<'_, T>>(window);
    }
    let mut state = black_box(RunningState::EMPTY);
    if let Ok(running) = &mut RunningMut::new(unknown(), unknown(), &mut state) {
        average::<T, RunningMut<'_, T>>(running);
    }
    ema::<T, [T; 7]>([T::ZERO; 7]);
    ema::<T, &mut [T]>(unknown());
}

#[inline(never)]
fn ema<T: Real, B: AsRef<[T]> + AsMut<[T]>>(mean: B) {
    let mut ema = black_box(Ema::new(mean));
    keep(Ema::push::<T>(&mut ema, unknown(), unknown()));
    let ema = black_box(&mut ema);
    keep(Ema::mean::<T>(ema));
    Ema::reset(ema);
    keep(ema);
}

#[inline(never)]
fn accelerators<T: Real, A: Accelerators<T> + ?Sized>(accelerators: &mut A) {
    let accelerators = black_box(accelerators);
    keep(Accelerators::count(accelerators));
    keep(Accelerators::dimension(accelerators));
    keep(Accelerators::get(accelerators, unknown()).map(|accelerator| accelerator.dimension()));
    keep(Accelerators::for_each(accelerators, |accelerator, range| {
        keep((accelerator.dimension(), range));
        black_box(Ok(()))
    }));
}

#[inline(never)]
fn accelerator_groups<T: Real>() {
    type Owner<T> = Anderson<7, 5, T>;
    let new = Owner::<T>::new;
    accelerators::<T, Anderson<7, 5, T>>(&mut new());
    accelerators::<T, &mut Owner<T>>(&mut &mut new());
    accelerators::<T, [Owner<T>]>(black_box(&mut [new(), new()]));
    accelerators::<T, [Owner<T>; 2]>(&mut [new(), new()]);
    accelerators::<T, (Owner<T>, Owner<T>)>(&mut (new(), new()));
    let scratch: &mut [T] = unknown();
    let mut with_scratch = WithScratch { accelerators: new(), scratch };
    accelerators::<T, WithScratch<Owner<T>, &mut [T]>>(&mut with_scratch);
}

#[inline(never)]
fn optimizer<T: Real, O: Optimizer<T> + ?Sized>(optimizer: &mut O) {
    let optimizer = black_box(optimizer);
    keep(Optimizer::check(optimizer, unknown(), unknown()));
    keep(Optimizer::step(optimizer, unknown(), unknown()));
    let optimizer = black_box(optimizer);
    Optimizer::interrupt(optimizer);
    let optimizer = black_box(optimizer);
    keep(Optimizer::take_back(optimizer, unknown()));
    let optimizer = black_box(optimizer);
    Optimizer::reset(optimizer);
    keep(optimizer);
}

#[inline(never)]
fn sgd<T: Real>() {
    keep(SgdConfig::validate(&unknown()));
    keep(SgdConfig::rows(&unknown()));
    keep(SgdConfig::default());
    let Ok(mut sgd) = Sgd::new(unknown(), unknown::<&mut [T]>()) else { return };
    keep(Sgd::config(&sgd));
    keep(Sgd::lr(&sgd));
    keep(Sgd::set_lr(&mut sgd, unknown()));
    optimizer::<T, Sgd<&mut [T]>>(&mut sgd);
    optimizer::<T, &mut Sgd<&mut [T]>>(&mut &mut sgd);
    optimizer::<T, &mut dyn Optimizer<T>>(&mut (&mut sgd as &mut dyn Optimizer<T>));
    if let Ok(sgd) = &mut Sgd::<Rows<7, 1, T>>::zeroed(unknown()) {
        optimizer::<T, Sgd<Rows<7, 1, T>>>(sgd);
    }
}

#[inline(never)]
fn rmsprop<T: Real>() {
    keep(RmsPropConfig::validate(&unknown()));
    keep(RmsPropConfig::rows(&unknown()));
    keep(RmsPropConfig::default());
    let Ok(mut rmsprop) = RmsProp::new(unknown(), unknown::<&mut [T]>()) else { return };
    keep(RmsProp::config(&rmsprop));
    keep(RmsProp::lr(&rmsprop));
    keep(RmsProp::set_lr(&mut rmsprop, unknown()));
    optimizer::<T, RmsProp<&mut [T]>>(&mut rmsprop);
    if let Ok(rmsprop) = &mut RmsProp::<Rows<7, 3, T>>::zeroed(unknown()) {
        optimizer::<T, RmsProp<Rows<7, 3, T>>>(rmsprop);
    }
}

#[inline(never)]
fn adam<T: Real>() {
    keep(AdamConfig::validate(&unknown()));
    keep(AdamConfig::rows(&unknown()));
    keep(AdamConfig::default());
    let Ok(mut adam) = Adam::new(unknown(), unknown::<&mut [T]>()) else { return };
    keep(Adam::config(&adam));
    keep(Adam::lr(&adam));
    keep(Adam::set_lr(&mut adam, unknown()));
    optimizer::<T, Adam<&mut [T]>>(&mut adam);
    if let Ok(adam) = &mut Adam::<Rows<7, 3, T>>::zeroed(unknown()) {
        optimizer::<T, Adam<Rows<7, 3, T>>>(adam);
    }
}

#[inline(never)]
fn rows<T: Real>() {
    let mut rows = black_box(Rows::<7, 3, T>::ZERO);
    keep(Rows::as_ref(&rows));
    keep(Rows::as_mut(&mut rows));
}

fn plain<T: Real>() -> Option<Sgd<&'static mut [T]>> {
    Sgd::new(unknown(), unknown()).ok()
}

#[inline(never)]
fn grouped<T: Real>() {
    let (Some(first), Some(second)) = (plain::<T>(), plain::<T>()) else { return };
    let Ok(mut grouped) = Grouped::new(unknown::<[usize; 2]>(), [first, second]) else { return };
    keep(Grouped::ends(&grouped));
    keep(Grouped::optimizers(&grouped));
    keep(Grouped::optimizers_mut(&mut grouped));
    optimizer::<T, Grouped<Sgd<&mut [T]>, 2>>(&mut grouped);
}

#[inline(never)]
fn averaged<T: Real>() {
    let mut state = black_box(WindowState::EMPTY);
    let Ok(window) = AveragerMut::<T>::new(unknown(), unknown(), &mut state) else { return };
    let Some(inner) = plain::<T>() else { return };
    let Ok(mut averaged) = Averaged::new(inner, window, unknown()) else { return };
    keep(Averaged::tolerance(&averaged));
    keep(Averaged::optimizer(&averaged));
    keep(Averaged::optimizer_mut(&mut averaged));
    keep(Averaged::average(&averaged));
    optimizer::<T, Averaged<Sgd<&mut [T]>, AveragerMut<'_, T>>>(&mut averaged);
    keep(Averaged::into_inner(averaged));
}

#[inline(never)]
fn accelerated<T: Real>() {
    let Some(inner) = plain::<T>() else { return };
    let groups = (Anderson::<12, 5, T>::new(), Anderson::<3, 5, T>::new());
    let groups = WithScratch { accelerators: groups, scratch: unknown::<&mut [T]>() };
    let Ok(mut accelerated) = Accelerated::new(inner, groups, unknown::<Config>()) else { return };
    keep(Accelerated::optimizer(&accelerated));
    keep(Accelerated::optimizer_mut(&mut accelerated));
    keep(Accelerated::accelerators(&accelerated));
    keep(Accelerated::accelerators_mut(&mut accelerated));
    keep(Accelerated::reconfigure(&mut accelerated, unknown()));
    let loss = |x: &[T]| black_box((x, T::ZERO)).1;
    keep(Accelerated::step_with(&mut accelerated, unknown(), unknown(), loss));
    optimizer::<T, Accelerated<_, _>>(&mut accelerated);
    // Acceleration round parameter groups, and an average round that.
    let (Some(first), Some(second)) = (plain::<T>(), plain::<T>()) else { return };
    let Ok(inner) = Grouped::new(unknown(), [first, second]) else { return };
    let accelerator = Anderson::<12, 5, T>::new();
    let Ok(inner) = Accelerated::new(inner, accelerator, unknown()) else { return };
    let Ok(mut nested) = Averaged::new(inner, RunningAverager::<12, 4, T>::new(), unknown()) else {
        return;
    };
    optimizer::<T, Averaged<_, _>>(&mut nested);
    keep(Accelerated::into_inner(accelerated));
}
