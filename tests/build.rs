//! Where there is no operating system, tells the linker the memory of the machine that a target's
//! tests run on (`xtask/src/machine.rs`).

use std::path::PathBuf;
use std::{env, fs};

const CORTEX_M0: &str = "MEMORY {
    FLASH : ORIGIN = 0x00000000, LENGTH = 256K
    RAM : ORIGIN = 0x20000000, LENGTH = 16K
}";
const CORTEX_M3_M4_M7: &str = "MEMORY {
    FLASH : ORIGIN = 0x00000000, LENGTH = 4M
    RAM : ORIGIN = 0x20000000, LENGTH = 4M
}";
const CORTEX_M33: &str = "MEMORY {
    FLASH : ORIGIN = 0x10000000, LENGTH = 4M
    RAM : ORIGIN = 0x38000000, LENGTH = 4M
}";
const RISC_V: &str = r#"MEMORY {
    FLASH : ORIGIN = 0x80000000, LENGTH = 4M
    RAM : ORIGIN = 0x80400000, LENGTH = 4M
}
REGION_ALIAS("REGION_TEXT", FLASH);
REGION_ALIAS("REGION_RODATA", FLASH);
REGION_ALIAS("REGION_DATA", RAM);
REGION_ALIAS("REGION_BSS", RAM);
REGION_ALIAS("REGION_HEAP", RAM);
REGION_ALIAS("REGION_STACK", RAM);"#;

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).map_err(|e| format!("{name}: {e}"));
    let target = variable("TARGET")?;
    // Programs say by it where they ran.
    println!("cargo::rustc-env=AADL_TARGET={target}");
    if variable("CARGO_CFG_TARGET_OS")? != "none" {
        return Ok(());
    }
    let memory = match target.as_str() {
        "thumbv6m-none-eabi" => CORTEX_M0,
        "thumbv7m-none-eabi" | "thumbv7em-none-eabihf" => CORTEX_M3_M4_M7,
        "thumbv8m.main-none-eabihf" => CORTEX_M33,
        "riscv32imac-unknown-none-elf" | "riscv32imafc-unknown-none-elf" => RISC_V,
        _ => return Err(format!("no machine is known for {target}")),
    };
    let folder = PathBuf::from(variable("OUT_DIR")?);
    fs::write(folder.join("memory.x"), memory).map_err(|e| format!("memory.x: {e}"))?;
    println!("cargo::rustc-link-search={}", folder.display());
    if target.starts_with("riscv") {
        println!("cargo::rustc-link-arg-tests=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-tests=-Tlink.x");
    Ok(())
}
