//! The examples in `firmware/`: each is built in release, runs on its machines as `cargo run` would
//! have it, and must print its `expected.txt` exactly; the programs are deterministic. Copied out as the README
//! says, it must build too.

use crate::machine::{self, MACHINES, Machine};
use crate::toolchain::Toolchain;
use crate::workspace::{Outcome, Workspace, output, run};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use std::iter::zip;
use std::path::Path;
use std::{fs, io};

/// An example.
#[derive(Debug)]
pub(crate) struct Example {
    /// Its folder, its package and its program.
    pub(crate) name: &'static str,
    /// The machines it runs on.
    machines: &'static [&'static str],
    /// The `static` that holds its big buffers.
    owner: &'static str,
    /// What its `main.rs` must be shorter than.
    lines: usize,
    /// The example of `aadl-core` that computes the same on the host, if there is one.
    host: Option<&'static str>,
    /// Whether it logs through defmt. Nothing of defmt may be in one that does not.
    logs: bool,
}

/// All of them.
pub(crate) static EXAMPLES: [Example; 4] = [
    Example {
        name: "cortex-m4f",
        machines: &["cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7"],
        owner: "TRAINER",
        lines: 80,
        host: Some("stream"),
        logs: false,
    },
    Example {
        name: "riscv32",
        machines: &["rv32imac", "rv32imafc"],
        owner: "FIT",
        lines: 80,
        host: None,
        logs: false,
    },
    Example {
        name: "embassy",
        machines: &["cortex-m4f"],
        owner: "TRAINER",
        lines: 120,
        host: None,
        logs: false,
    },
    Example {
        name: "defmt-log",
        machines: &["cortex-m4f"],
        owner: "ACCELERATOR",
        lines: 80,
        host: None,
        logs: true,
    },
];

impl Example {
    /// It with each machine of its own.
    pub(crate) fn runs(&'static self) -> impl Iterator<Item = (&'static Self, &'static Machine)> {
        let of_example = |machine: &&Machine| self.machines.contains(&machine.name);
        MACHINES.iter().filter(of_example).map(move |machine| (self, machine))
    }
}

/// Checks one example on one of its machines.
pub(crate) fn check(workspace: &Workspace, example: &Example, machine: &Machine) -> Outcome {
    let folder = workspace.root.join("firmware").join(example.name);
    let lines = read(&folder.join("src/main.rs"))?.lines().count();
    if lines >= example.lines {
        return Err(format!("its main.rs has {lines} lines; keep it below {}", example.lines));
    }
    machine.provide(workspace)?;
    let toolchain = Toolchain::find(workspace, machine.target)?;
    let manifest = format!("firmware/{}/Cargo.toml", example.name);
    let cargo = |subcommand| {
        let arguments = [subcommand, "--quiet", "--release", "--locked", "--manifest-path"];
        let rest = [manifest.as_str(), "--target", machine.target];
        workspace.run_on(machine, toolchain.cargo(workspace, arguments.into_iter().chain(rest)))
    };
    run(&mut cargo("build"))?;
    let built = toolchain.target_dir(workspace).join(machine.target).join("release");
    let program = built.join(example.name);
    inspect(example, &fs::read(&program).map_err(|e| format!("{}: {e}", program.display()))?)?;

    let mut printed = String::new();
    machine::watch(&mut cargo("run"), machine::CARGO_LIMIT, |line| {
        println!("{line}");
        printed += line;
        printed.push('\n');
    })?;
    compare(&printed, &read(&folder.join("expected.txt"))?)?;
    example.host.map_or(Ok(()), |host| same_on_host(workspace, host, &printed))?;
    build_copy(workspace, example, &toolchain, machine.target)
}

/// Builds a copy of the example, made as the README tells a user to. The target folder is the usual
/// one, so that only the copied packages are built anew.
fn build_copy(
    workspace: &Workspace,
    example: &Example,
    toolchain: &Toolchain,
    target: &str,
) -> Outcome {
    let firmware = workspace.root.join("firmware");
    let copies = workspace.target_dir.join("copied");
    for package in [example.name, "sensor"] {
        copy_folder(&firmware.join(package), &copies.join(package))
            .map_err(|e| format!("firmware/{package}, copied to {}: {e}", copies.display()))?;
        let manifest = copies.join(package).join("Cargo.toml");
        // JSON's string is TOML's basic one: backslashes and quotes of a path are escaped.
        let core = serde_json::Value::from(workspace.root.join("aadl-core").to_string_lossy());
        write(&manifest, &read(&manifest)?.replace("\"../../aadl-core\"", &core.to_string()))?;
    }
    let readme = read(&workspace.root.join("README.md"))?;
    let added = readme.split("```").find_map(|block| block.strip_prefix("toml\n"));
    let added = added.ok_or("README.md has no block of toml for a copy's Cargo.toml")?;
    let copy = copies.join(example.name);
    let manifest = copy.join("Cargo.toml");
    write(&manifest, &format!("{}\n{added}", read(&manifest)?))?;
    write(&copy.join("Cargo.lock"), &read(&firmware.join("Cargo.lock"))?)?;
    let arguments = ["build", "--quiet", "--release", "--target", target, "--manifest-path"];
    run(toolchain.cargo(workspace, arguments).arg(manifest))
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// An error unless the owner of the buffers takes no room in the image, and defmt is where it is
/// wanted only.
fn inspect(example: &Example, program: &[u8]) -> Outcome {
    let program = object::File::parse(program).map_err(|e| format!("the program: {e}"))?;
    let kind = section_of(&program, example.owner)?;
    if kind != SectionKind::UninitializedData {
        return Err(format!("{} lies not in .bss but in {kind:?}", example.owner));
    }
    match (example.logs, traces_of_defmt(&program).as_slice()) {
        (false, [first, ..]) => Err(format!("defmt has left `{first}` in a program without it")),
        (true, []) => Err("nothing of defmt is found where it is used: the check is blind".into()),
        _ => Ok(()),
    }
}

/// The kind of section in which the `static` of this name lies.
fn section_of(program: &object::File, name: &str) -> Outcome<SectionKind> {
    // Rust's mangled names hold the source's with its length before it.
    let mangled = format!("{}{name}", name.len());
    let mut symbols = program.symbols().filter(|s| s.name().is_ok_and(|n| n.contains(&mangled)));
    let (Some(symbol), None) = (symbols.next(), symbols.next()) else {
        return Err(format!("the program has not exactly one symbol {name}"));
    };
    let section = symbol.section_index().and_then(|index| program.section_by_index(index).ok());
    section.map(|section| section.kind()).ok_or(format!("{name} lies in no section"))
}

/// Names of sections and symbols that belong to defmt.
fn traces_of_defmt(program: &object::File) -> Vec<String> {
    let sections = program.sections().filter_map(|s| s.name().ok().map(String::from));
    let symbols = program.symbols().filter_map(|s| s.name().ok().map(String::from));
    sections.chain(symbols).filter(|name| name.contains("defmt")).collect()
}

/// An error unless the lines that a device printed end with the same numbers, in the same order, as
/// the rows of the table that an example of `aadl-core` prints on the host.
fn same_on_host(workspace: &Workspace, host: &str, printed: &str) -> Outcome {
    let table = output(&mut workspace.cargo([
        "run",
        "--quiet",
        "--release",
        "--package",
        "aadl-core",
        "--example",
        host,
    ]))?;
    let is_row = |line: &&str| line.split_whitespace().all(|word| word.parse::<f64>().is_ok());
    let last = |line: &str| line.split_whitespace().next_back().map(|word| format!("{word}\n"));
    let here: String = table.lines().filter(is_row).filter_map(last).collect();
    compare(&printed.lines().filter_map(last).collect::<String>(), &here)
        .map_err(|error| format!("the host's `{host}` differs: {error}"))
}

/// An error that names the first line in which what was printed differs from what was expected.
fn compare(printed: &str, expected: &str) -> Outcome {
    if printed == expected {
        return Ok(());
    }
    let pairs = zip(1.., zip(printed.lines(), expected.lines()));
    Err(match pairs.into_iter().find(|(_, (printed, expected))| printed != expected) {
        Some((number, (printed, expected))) => {
            format!("line {number} is `{printed}`, expected `{expected}`")
        }
        None => {
            let (printed, expected) = (printed.lines().count(), expected.lines().count());
            format!("{printed} lines instead of {expected}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{EXAMPLES, Workspace, compare, read};

    fn text(file: &str) -> String {
        read(&Workspace::locate().unwrap().root.join(file)).unwrap()
    }

    #[test]
    fn every_machine_exists() {
        for example in &EXAMPLES {
            assert_eq!(example.runs().count(), example.machines.len(), "{}", example.name);
        }
    }

    #[test]
    fn a_difference_is_named() {
        assert_eq!(compare("a\nb\n", "a\nb\n"), Ok(()));
        assert_eq!(compare("a\nc\n", "a\nb\n").unwrap_err(), "line 2 is `c`, expected `b`");
        assert_eq!(compare("a\n", "a\nb\n").unwrap_err(), "1 lines instead of 2");
    }

    /// What the README shows of the firmware is cut from the example.
    #[test]
    fn the_readme_shows_the_example() {
        let (readme, source) = (text("README.md"), text("firmware/cortex-m4f/src/main.rs"));
        let blocks: Vec<_> = readme.split("```rust,ignore\n").skip(1).collect();
        assert!(!blocks.is_empty());
        for block in blocks {
            let block = block.split("```").next().unwrap();
            assert!(source.contains(block), "not in the example:\n{block}");
        }
    }

    /// The bits of elementary functions are those of one version of libm.
    #[test]
    fn host_and_devices_use_the_same_libm() {
        let version = |lock: &str| {
            let lock = text(lock);
            let (_, package) = lock.split_once("name = \"libm\"\n").unwrap();
            package.lines().next().unwrap().to_string()
        };
        assert_eq!(version("Cargo.lock"), version("firmware/Cargo.lock"));
    }
}
