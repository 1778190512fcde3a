//! All cases with the portable kernels, on whatever this was built for.
#![cfg_attr(target_os = "none", no_std, no_main)]

use aadl_core::kernels::Portable;
use aadl_tests::cases;

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    aadl_tests::host::main(cases::<Portable>())
}

/// What the runtime crates call.
#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    aadl_tests::device::main(cases::<Portable>())
}
