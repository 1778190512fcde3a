//! What the images of this package share: [`clock`] counts instructions, [`stack`] measures the
//! stack, [`networks`] are what both train. Arm and RISC-V differ in nothing but [`entry`], the
//! counter of the clock and the name of the stack pointer.
#![no_std]

pub mod clock;
pub mod networks;
pub mod stack;

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
