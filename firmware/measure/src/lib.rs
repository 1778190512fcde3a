//! What the images of this package share: [`clock`] counts instructions,
//! [`networks`] are what both train. Arm and RISC-V differ in nothing else than [`entry`] and
//! the clock's counter.
#![no_std]

pub mod clock;
pub mod networks;

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
