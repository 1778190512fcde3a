//! Anderson-accelerated training on the desktop: what needs the standard library.
//!
//! | module | what it holds |
//! |---|---|
//! | [`simd`] | the core's kernels per instruction set, chosen at run time |
//! | [`threads`] | kernels over long vectors on all cores |
//! | [`owned`] | owners on the heap, for sizes known at run time |
//! | [`optim`] | the core's optimizers, chosen at run time |
//! | [`compat`] | AADL, the Python package, exactly as it is, faults included |
//! | [`verify`] | recorded runs of AADL, replayed in compatible mode |
//! | [`data`] | small real data sets, and the user's own |
//! | [`train`] | a training run with every evaluation counted |
//! | [`report`] | tables, charts, files that are whole or not there |
#![deny(unsafe_code)]

pub mod compat;
pub mod data;
mod layout;
pub mod optim;
pub mod owned;
pub mod report;
#[allow(unsafe_code)]
pub mod simd;
pub mod threads;
pub mod train;
pub mod verify;

/// The README's examples, run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
