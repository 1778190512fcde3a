//! Networks: tables of layers of any content, batches and scratch of any length.

use crate::{keep, unknown};
use aadl_core::kernels::Portable;
use aadl_core::math::Math;
use aadl_core::nn::{self, Activation, Init, Layer, Loss, Network, Targets};
use aadl_core::random::Random;
use aadl_core::real::Real;
use core::hint::black_box;

pub(crate) fn all<T: Real, F: Math<T>>() {
    crate::foundation::math::<T, F>();
    crate::foundation::random::<T, F>();
    table();
    evaluate::<T, F>();
    keep(nn::argmax(unknown::<&[T]>()));
    keep(Targets::len(&targets::<T>()));
    keep(Targets::is_empty(&targets::<T>()));
}

#[inline(never)]
fn table() {
    let layer = Layer::dense(unknown(), unknown(), black_box(Activation::Softplus));
    keep(Layer::params(&layer));
    keep(layer);
}

fn targets<T: Real>() -> Targets<'static, T> {
    black_box(Targets::Classes(&[]))
}

fn loss() -> Loss {
    black_box(Loss::CrossEntropy)
}

#[inline(never)]
fn evaluate<T: Real, F: Math<T>>() {
    let Ok(net) = black_box(Network::<F>::new(unknown())) else { return };
    let net = Network::clone(&net);
    let net = Network::on::<Portable>(&net);
    keep(Network::layers(&net));
    keep(Network::inputs(&net));
    keep(Network::outputs(&net));
    keep(Network::params(&net));
    keep(Network::scratch(&net, unknown()));
    let random = &mut Random::new(unknown());
    keep(Network::init(&net, unknown::<Init>(), random, unknown::<&mut [T]>()));
    keep(Network::predict(&net, unknown::<&[T]>(), unknown(), unknown(), unknown()));
    keep(Network::loss(&net, loss(), unknown(), unknown(), targets::<T>(), unknown()));
    keep(Network::loss_and_gradient(
        &net,
        loss(),
        unknown(),
        unknown(),
        targets::<T>(),
        unknown(),
        unknown(),
    ));
    keep(Network::count_correct(&net, unknown::<&[T]>(), unknown(), unknown(), unknown()));
}
