//! What needs an operating system: the parts of the `aadl` command, usable as a library.

pub mod data;
