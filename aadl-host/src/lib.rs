//! Anderson-accelerated training on the desktop.
#![forbid(unsafe_code)]

pub mod compat;
pub mod verify;
