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
    options: &["-icount", "shift=7", "-global", "nrf51-soc.sram-size=131072"],
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
        let mut cargo = self.toolchain.cargo(self.workspace, arguments);
        cargo.args(["--config", &config]);
        // They would come before those above.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        workspace::run(&mut cargo)?;
        Ok(self.toolchain.target_dir(self.workspace).join(target).join(profile))
    }

    /// What an image prints, line by line; an error unless its status is 0.
    fn run(&self, image: &Path) -> Outcome<Vec<String>> {
        let image = image.to_str().ok_or("the path of the target folder is not UTF-8")?;
        let mut lines = Vec::new();
        let mut command = self.machine.command(image, &[], self.column.options);
        machine::watch(&mut command, |line| lines.push(line.to_string()))?;
        Ok(lines)
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
    let machines = machine::select(targets)?;
    let has = |machine: &Machine| measurement.columns.iter().any(|c| c.machine == machine.name);
    if let Some(other) = machines.iter().find(|machine| !targets.is_empty() && !has(machine)) {
        let names: Vec<_> = measurement.columns.iter().map(|column| column.machine).collect();
        let (command, names) = (measurement.command, names.join(", "));
        return Err(format!("`{command}` does not measure on {}; there are {names}", other.name));
    }
    let chosen = |column: &&Column| machines.iter().any(|machine| machine.name == column.machine);
    Ok(measurement.columns.iter().filter(chosen).collect())
}

fn describe(path: &Path) -> impl Fn(std::io::Error) -> String {
    let path = path.display().to_string();
    move |error| format!("{path}: {error}")
}
