//! One test body, run on the host and on emulated devices.
//!
//! | module | what it holds |
//! |---|---|
//! | `trace` | what a case computes, number by number, and its digest |
//! | `expected` | `digests.txt`: the digests that every target must reproduce |
//! | `cases` | the cases: they compute, assert properties of what they computed, and show it |
//! | `harness` | running cases: libtest's command line, the comparison, the report |
//! | `host` | the harness on an operating system |
//! | `device` | the harness on a board without one: arguments, output and status by semihosting |
//!
//! `cargo xtask bless` writes `digests.txt` from what the host computes.
#![no_std]

#[cfg(not(target_os = "none"))]
extern crate std;

pub mod cases;
#[cfg(target_os = "none")]
pub mod device;
pub mod expected;
pub mod harness;
#[cfg(not(target_os = "none"))]
pub mod host;
pub mod trace;

pub use cases::{Case, Failure, Outcome, cases};
pub use trace::{Entry, Trace};
