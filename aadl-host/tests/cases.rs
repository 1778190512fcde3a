//! The cases that every target must pass to the bit, with the fastest kernels of this CPU. With the
//! portable ones they run in `aadl-tests`.

use aadl_host::simd::Fastest;

fn main() -> std::process::ExitCode {
    #[cfg(target_arch = "x86_64")]
    if !Fastest::is_available() {
        eprintln!("AVX-512 is not tested: this CPU has none, and runs what it has instead");
    }
    aadl_tests::host::main(aadl_tests::cases::<Fastest>())
}
