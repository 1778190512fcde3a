//! The cases that every target must pass to the bit, with AVX2, which is not the fastest where there is
//! AVX-512.

#[cfg(target_arch = "x86_64")]
use aadl_host::simd::Avx2 as Backend;
#[cfg(not(target_arch = "x86_64"))]
use aadl_host::simd::Fastest as Backend;

fn main() -> std::process::ExitCode {
    aadl_tests::host::main(aadl_tests::cases::<Backend>())
}
