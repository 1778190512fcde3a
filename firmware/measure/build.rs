//! Tells the linker which script to follow, and which memory the target's machine has.

fn main() {
    let variable = |name| std::env::var(name).expect("cargo sets it");
    let folder = variable("CARGO_MANIFEST_DIR");
    let architecture = variable("CARGO_CFG_TARGET_ARCH");
    println!("cargo:rustc-link-search={folder}/memory/{architecture}");
    if architecture == "riscv32" {
        // The script of `cortex-m-rt` includes it, that of `riscv-rt` does not.
        println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-changed=memory");
}
