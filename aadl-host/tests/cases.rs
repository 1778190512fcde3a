//! The cases that every target must pass to the bit, with the fastest kernels of this CPU. With the
//! portable ones they run in `aadl-tests`.

use aadl_host::simd::Fastest;

fn main() -> std::process::ExitCode {
    aadl_tests::host::main(aadl_tests::cases::<Fastest>())
}
