//! An image that links only if no public function of `aadl-core` can panic.
//!
//! It is never run. It calls every public function with arguments that the optimizer knows nothing
//! about, lengths of slices and states of objects included, and its panic handler calls a function
//! that does not exist. So the linker refuses it as soon as one path to a panic is left in what
//! those calls reach; it names the missing function, [`a_panic_path_survives`].
//!
//! There is no allocator either: the compiler refuses a program without one as soon as any of its
//! crates is linked with `alloc`.
//!
//! `cargo xtask test` links it, sees that it does not link with the feature `control`, and reads
//! the sources for public functions that are not called. For that every function is called by its
//! path, `Type::function(..)` or `module::function(..)`, never as `x.function()`; and the methods
//! of a trait are called in one function named after the trait, which is called with each type that
//! implements it: `optimizer::<T, Sgd<_>>(..)`.
#![no_std]
#![no_main]
// What stands in a function that is not called would pass for called.
#![deny(dead_code)]

mod descent;
mod fixed_point;
mod foundation;
mod multisecant;
mod networks;

use aadl_core::math::{Libm, Math, Micromath};
use aadl_core::real::Real;
use core::hint::black_box;
use core::panic::PanicInfo;

unsafe extern "C" {
    // Safe to call, since no program that calls it exists.
    safe fn a_panic_path_survives() -> !;
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Kept, so that an image linked in spite of it all says where the paths begin.
    black_box(info.location());
    a_panic_path_survives()
}

/// Where the linker begins.
// Unsafe, since the name must be unique among all that is linked: no runtime crate is.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    all::<f32>();
    all::<f64>();
    foundation::real::<f32>();
    foundation::real::<f64>();
    foundation::math::<f32, Micromath>();
    networks::all::<f32, Micromath>();
    multisecant::all();
    foundation::text();
    #[cfg(feature = "control")]
    control();
    loop {
        black_box(());
    }
}

fn all<T: Real>()
where
    Libm: Math<T>,
{
    foundation::all::<T>();
    fixed_point::all::<T>();
    descent::all::<T>();
    networks::all::<T, Libm>();
}

/// A value that the optimizer knows nothing about. Of a slice it knows neither address nor length.
fn unknown<X: Default>() -> X {
    black_box(X::default())
}

/// Makes a result count, and what an object holds unknown again.
fn keep<X>(x: X) {
    black_box(x);
}

/// Neither call panics with the values that [`unknown`] is made from: the image links with them
/// wherever the optimizer has seen through it.
#[cfg(feature = "control")]
fn control() {
    keep([1, 2, 3][unknown::<usize>()]);
    assert!(unknown::<&[f32]>().is_empty());
}
