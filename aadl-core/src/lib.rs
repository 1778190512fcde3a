//! Anderson acceleration, optimizers and tiny networks for devices without heap or operating
//! system, computing the same bits on every target.
//!
//! The modules below stand in dependency order: a module uses only those above it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`error`] | the one error type: the caller's mistakes, by name and place |
//! | [`real`] | [`Real`], the two scalar types: `f32` and `f64` |
//! | [`math`] | the transcendentals: [`math::Libm`], and `Micromath` behind the feature of that name |
//! | [`random`] | a small seeded generator |
//! | [`kernels`] | the only sums and products over long slices; the numeric contract |
//! | [`history`] | a ring of iterates with marks that tell true residuals from jumps |
//! | [`least_squares`] | pivoted Cholesky on a Gram matrix, column-pivoted QR |
//! | [`anderson`] | configuration, mixing, the accelerator, a fixed-point `solve` |
//! | [`average`] | averages of iterates: an exact moving window, a running form |
//! | [`optim`] | SGD, RMSprop, Adam, AdamW, parameter groups, [`optim::Accelerated`] |
//! | [`nn`] | dense networks on a constant layer table, losses, initialisation |
//!
//! No function allocates, none panics on any input, and there is no `unsafe`.
#![no_std]
#![forbid(unsafe_code)]

pub mod error;
pub mod real;

pub mod math;
pub mod random;

pub mod kernels;

pub mod history;

pub mod least_squares;

pub mod anderson;

pub mod multisecant;

pub mod average;

pub mod optim;

pub mod nn;

pub use error::Error;
pub use real::Real;
