//! The cases that every target must pass to the bit, with AVX2, which is not the fastest where there is
//! AVX-512. A CPU that has no AVX2 is told of.

use std::process::ExitCode;

#[cfg(target_arch = "x86_64")]
fn main() -> ExitCode {
    use aadl_host::simd::Avx2;
    if !Avx2::is_available() {
        eprintln!("AVX2 is not tested: this CPU has none, and runs the portable kernels instead");
    }
    aadl_tests::host::main(aadl_tests::cases::<Avx2>())
}

#[cfg(not(target_arch = "x86_64"))]
fn main() -> ExitCode {
    eprintln!("AVX2 is not tested: it belongs to x86-64");
    ExitCode::SUCCESS
}
