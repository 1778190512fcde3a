//! Packs `digests.txt` into the program: as bytes, since the flash of the smallest machine is full.
//! Where there is no operating system, tells the linker the memory of the machine that a target's
//! tests run on (`xtask/src/machine.rs`), and the program how much RAM that is.

use std::path::PathBuf;
use std::{env, fs};

/// The memory of a machine.
struct Memory {
    flash: &'static str,
    /// Where the RAM begins.
    ram: &'static str,
    /// How much of it there is.
    kib: usize,
    /// What its linker script wants to know besides.
    aliases: &'static str,
}

const CORTEX_M0: Memory =
    Memory { flash: "ORIGIN = 0x00000000, LENGTH = 256K", ram: "0x20000000", kib: 16, aliases: "" };
const CORTEX_M3_M4_M7: Memory =
    Memory { flash: "ORIGIN = 0x00000000, LENGTH = 4M", ram: "0x20000000", kib: 4096, aliases: "" };
const CORTEX_M33: Memory =
    Memory { flash: "ORIGIN = 0x10000000, LENGTH = 4M", ram: "0x38000000", kib: 4096, aliases: "" };
const RISC_V: Memory = Memory {
    flash: "ORIGIN = 0x80000000, LENGTH = 4M",
    ram: "0x80400000",
    kib: 4096,
    aliases: r#"REGION_ALIAS("REGION_TEXT", FLASH);
REGION_ALIAS("REGION_RODATA", FLASH);
REGION_ALIAS("REGION_DATA", RAM);
REGION_ALIAS("REGION_BSS", RAM);
REGION_ALIAS("REGION_HEAP", RAM);
REGION_ALIAS("REGION_STACK", RAM);"#,
};

const DIGESTS: &str = "digests.txt";

/// The lines of `digests.txt` as an array of tuples: name, count, digest, marks.
fn pack(text: &str) -> Result<String, String> {
    let mut entries = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, count, digest, marks) = match words[..] {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            [name, count, digest] => (name, count, digest, ""),
            [name, count, digest, marks] => (name, count, digest, marks),
            _ => return Err(format!("{DIGESTS}, line {number}: more than four words")),
        };
        let hexadecimal = |word: &str| word.bytes().all(|digit| digit.is_ascii_hexdigit());
        let marks_fit = hexadecimal(marks) && marks.len() % 2 == 0;
        if count.parse::<u32>().is_err() || !hexadecimal(digest) || !marks_fit {
            return Err(format!("{DIGESTS}, line {number}: not a name, a count, a digest, marks"));
        }
        let marks: String =
            marks.as_bytes().chunks(2).map(|two| format!("\\x{}", two.escape_ascii())).collect();
        entries += &format!("({name:?}, {count}, 0x{digest}, b\"{marks}\"),\n");
    }
    Ok(format!("&[\n{entries}]"))
}

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={DIGESTS}");
    let variable = |name: &str| env::var(name).map_err(|e| format!("{name}: {e}"));
    let target = variable("TARGET")?;
    // Programs say by it where they ran.
    println!("cargo::rustc-env=AADL_TARGET={target}");
    let folder = PathBuf::from(variable("OUT_DIR")?);
    let text = fs::read_to_string(DIGESTS).map_err(|e| format!("{DIGESTS}: {e}"))?;
    let packed = pack(&text)?;
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).map_err(|e| format!("{name}: {e}"))
    };
    write("digests.rs", &packed)?;
    if variable("CARGO_CFG_TARGET_OS")? != "none" {
        return write("ram.rs", "None");
    }
    let Memory { flash, ram, kib, aliases } = match target.as_str() {
        "thumbv6m-none-eabi" => CORTEX_M0,
        "thumbv7m-none-eabi" | "thumbv7em-none-eabihf" => CORTEX_M3_M4_M7,
        "thumbv8m.main-none-eabihf" => CORTEX_M33,
        "riscv32imac-unknown-none-elf" | "riscv32imafc-unknown-none-elf" => RISC_V,
        _ => return Err(format!("no machine is known for {target}")),
    };
    write("ram.rs", &format!("Some({kib} * 1024)"))?;
    let regions = format!("FLASH : {flash}\n    RAM : ORIGIN = {ram}, LENGTH = {kib}K");
    write("memory.x", &format!("MEMORY {{\n    {regions}\n}}\n{aliases}\n"))?;
    println!("cargo::rustc-link-search={}", folder.display());
    if target.starts_with("riscv") {
        println!("cargo::rustc-link-arg-tests=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-tests=-Tlink.x");
    Ok(())
}
