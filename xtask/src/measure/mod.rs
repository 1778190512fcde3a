//! `cargo xtask count` and `cargo xtask size`: the images of `firmware/measure`, built with stated
//! flags and run in QEMU, their figures in a table and beside those committed in `aadl-bench`.
//!
//! | module | what it holds |
//! |---|---|
//! | `table` | figures as text, and the comparison with the committed ones |
//! | `count` | instructions, at both levels of optimisation |
//! | `size` | flash and stack |

mod count;
mod size;
mod table;

pub(crate) use count::COUNT;
pub(crate) use size::SIZE;

use crate::machine::{self, Machine};
use crate::toolchain::Toolchain;
use crate::workspace::{self, Outcome, Workspace};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use table::{Figure, Figures};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the committed file anew.
    #[arg(long, conflicts_with = "targets")]
    bless: bool,
    /// Write the figures to this file, too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure only on these machines, by name or by target.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    targets: Vec<String>,
}

/// What one of the two commands measures.
pub(crate) struct Measurement {
    command: &'static str,
    /// The committed file, from the root, and the comments at its head.
    file: &'static str,
    head: &'static str,
    columns: &'static [Column],
    measure: fn(&Images<'_>, &mut Vec<Figure>) -> Outcome,
}

/// A column of the tables: a machine, and how code is made for it.
struct Column {
    name: &'static str,
    machine: &'static str,
    /// What the emulator is told besides, to be a machine on which figures can be taken.
    options: &'static [&'static str],
    rustflags: &'static [&'static str],
}

/// 128 ns of emulated time with each instruction: what `firmware/measure/src/clock.rs` expects.
const CORTEX_M0: Column = Column {
    name: "cortex-m0",
    machine: "cortex-m0",
    // The board's 16 KiB are too few for the largest cases.
    options: &[
        "-icount",
        "shift=7",
        "-global",
        "nrf51-soc.sram-size=262144",
        "-global",
        "nrf51-soc.flash-size=524288",
    ],
    rustflags: &[],
};
const CORTEX_M4F: Column = Column {
    name: "cortex-m4f",
    machine: "cortex-m4f",
    options: &["-icount", "shift=7"],
    rustflags: &[],
};
/// 1 ns with each: `minstret` shows the emulated time.
const RV32IMAC: Column = Column {
    name: "rv32imac",
    machine: "rv32imac",
    options: &["-icount", "shift=0"],
    rustflags: &[],
};
const RV32IMAFC: Column = Column { name: "rv32imafc", machine: "rv32imafc", ..RV32IMAC };

/// The package of the images, for one column.
struct Images<'a> {
    workspace: &'a Workspace,
    column: &'a Column,
    machine: &'static Machine,
    toolchain: Toolchain,
}

impl Images<'_> {
    /// Builds all images with one of the profiles of `firmware/Cargo.toml`; returns their folder.
    fn build(&self, profile: &str) -> Outcome<PathBuf> {
        let flags = self.column.rustflags.iter().map(|flag| format!("'{flag}'"));
        let flags = flags.collect::<Vec<_>>().join(",");
        let target = self.machine.target;
        let config = format!("target.'{target}'.rustflags=[{flags}]");
        let arguments = ["build", "--quiet", "--locked", "--manifest-path", "firmware/Cargo.toml"];
        let arguments = arguments.into_iter().chain(["--package", "measure", "--bins"]);
        let arguments = arguments.chain(["--profile", profile, "--target", target]);
        let mut cargo = self.toolchain.cargo_with_stated_flags(self.workspace, arguments);
        cargo.args(["--config", &config]);
        workspace::run(&mut cargo)?;
        Ok(self.toolchain.target_dir(self.workspace).join(target).join(profile))
    }

    /// What an image prints, line by line; an error, with all that was printed, unless its status
    /// is 0.
    fn run(&self, image: &Path) -> Outcome<Vec<String>> {
        let image = image.to_str().ok_or("the path of the target folder is not UTF-8")?;
        let mut lines = Vec::new();
        let mut command = self.machine.command(image, &[], self.column.options);
        let (mut console, writer) = io::pipe().map_err(|e| format!("no pipe: {e}"))?;
        command.stderr(writer);
        let outcome =
            machine::watch(&mut command, machine::LIMIT, |line| lines.push(line.to_string()));
        // The last end to write to: only now does reading end.
        drop(command);
        let mut text = String::new();
        console.read_to_string(&mut text).map_err(|e| format!("{image}: {e}"))?;
        lines.extend(text.lines().map(String::from));
        outcome.map(|()| lines).map_err(|error| format!("{error}\n{text}"))
    }
}

/// Measures, prints the tables, and compares with the committed file or writes it.
pub(crate) fn run(workspace: &Workspace, measurement: &Measurement, options: &Options) -> Outcome {
    let columns = columns(measurement, &options.targets)?;
    // Before the minutes that measuring takes.
    let json = options.json.as_ref().map(|path| File::create(path).map_err(describe(path)));
    let json = json.transpose()?;

    let (mut list, mut compilers) = (Vec::new(), Vec::new());
    for column in columns {
        let machine = machine::find(column.machine)?;
        machine.provide(workspace)?;
        let toolchain = Toolchain::find(workspace, machine.target)?;
        println!("{}: {toolchain}", column.name);
        let compiler = toolchain.version(workspace)?;
        if !compilers.contains(&compiler) {
            compilers.push(compiler);
        }
        (measurement.measure)(&Images { workspace, column, machine, toolchain }, &mut list)?;
    }
    let figures = Figures { compiler: compilers.join("; "), list };
    println!("\n{}compiler: {}\n{}", measurement.head, figures.compiler, figures.report());
    if let (Some(file), Some(path)) = (json, &options.json) {
        serde_json::to_writer_pretty(file, &figures.json())
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }

    let path = workspace.root.join(measurement.file);
    if options.bless {
        fs::write(&path, figures.file(measurement.head)).map_err(describe(&path))?;
        println!("{} written", measurement.file);
        return Ok(());
    }
    let bless = format!("If it is meant, type: cargo xtask {} --bless", measurement.command);
    let in_file = |error: String| format!("{}: {error}\n  {bless}", measurement.file);
    let text = fs::read_to_string(&path).map_err(|e| in_file(e.to_string()))?;
    let committed = Figures::parse(&text).map_err(in_file)?;
    let better = figures.compare(&committed, options.targets.is_empty()).map_err(in_file)?;
    println!("No regression against {}.", measurement.file);
    if !better.is_empty() {
        println!("Better than committed:\n  {}\n{bless}", better.join("\n  "));
    }
    Ok(())
}

/// The columns of the machines asked for; all for an empty list.
fn columns(measurement: &Measurement, targets: &[String]) -> Outcome<Vec<&'static Column>> {
    let is = |column: &Column, word: &String| {
        let target = machine::find(column.machine).map(|machine| machine.target);
        word == column.machine || target.is_ok_and(|target| word == target)
    };
    let known = |word: &&String| measurement.columns.iter().any(|column| is(column, word));
    if let Some(other) = targets.iter().find(|word| !known(word)) {
        let names = measurement.columns.iter().map(|column| column.machine);
        let names = table::distinct(names).join(", ");
        return Err(format!("`{}` measures on {names}, not on `{other}`", measurement.command));
    }
    let wanted =
        |column: &&Column| targets.is_empty() || targets.iter().any(|word| is(column, word));
    Ok(measurement.columns.iter().filter(wanted).collect())
}

fn describe(path: &Path) -> impl Fn(io::Error) -> String {
    let path = path.display().to_string();
    move |error| format!("{path}: {error}")
}

#[cfg(test)]
mod tests {
    use super::{COUNT, SIZE, columns};

    #[test]
    fn machines_are_chosen_by_name_and_target() {
        let names = |list: &[&str]| {
            let list: Vec<_> = list.iter().map(|word| word.to_string()).collect();
            columns(&COUNT, &list).map(|columns| columns.iter().map(|c| c.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), COUNT.columns.len());
        assert_eq!(names(&["cortex-m4f"]).unwrap(), ["cortex-m4f", "cortex-m4f+cpu"]);
        assert_eq!(names(&["riscv32imac-unknown-none-elf"]).unwrap(), ["rv32imac"]);
        let error = names(&["cortex-m0", "s390x"]).unwrap_err();
        assert!(
            error.starts_with("`count` measures on cortex-m0, cortex-m4f, rv32imac"),
            "{error}"
        );
        assert!(error.ends_with("not on `s390x`"), "{error}");
    }

    #[test]
    fn every_column_is_of_a_machine() {
        for column in COUNT.columns.iter().chain(SIZE.columns) {
            assert!(crate::machine::find(column.machine).is_ok(), "{}", column.machine);
        }
    }
}
