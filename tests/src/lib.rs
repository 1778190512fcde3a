//! Test bodies shared by the host and the emulated targets.
#![no_std]

/// The README's examples, run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
