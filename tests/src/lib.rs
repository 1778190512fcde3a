//! Test bodies shared by the host and the emulated targets.
#![no_std]
