//! Checks of this workspace, started as `cargo xtask <command>`.
//!
//! | module | what it holds |
//! |---|---|
//! | `workspace` | where the workspace and its target folder lie; how a command is run |
//! | `report` | named stages, their seconds, the table at the end |
//! | `debian` | installing packages, or saying what to type |
//! | `toolchain` | a compiler for a target other than the host |
//! | `machine` | the emulated machines, and programs run on them |
//! | `bits` | the cases of `tests/` on host and machines; their digests |
//! | `defmt` | logs of devices as text |
//! | `firmware` | the examples for devices: built, run, compared with what they must print |
//! | `measure` | `cargo xtask count` and `size`: instructions, flash and stack on the machines |
//! | `house` | the source rules of the core that no compiler checks |
//! | `panic_free` | the proof that nothing in the core panics or allocates, and that it is complete |
//! | `check` | `cargo xtask test`: the list of stages |

mod bits;
mod check;
mod debian;
mod defmt;
mod firmware;
mod house;
mod machine;
mod measure;
mod panic_free;
mod report;
mod toolchain;
mod workspace;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check: format, lints, docs, house rules, all tests on the host, and the examples of
    /// `firmware/` and the cases of `tests/` on every emulated machine.
    Test(check::Options),
    /// Of `test`, only the cases of `tests/`, on the host and on every emulated machine.
    Bits(check::Options),
    /// Of `test`, only the examples of `firmware/`.
    Firmware(check::Options),
    /// Of `test`, only the proof that no public function of the core panics or allocates.
    PanicFree(check::Options),
    /// List the places where panics begin in a program for a 32-bit device whose panic handler
    /// keeps them (docs/no-panic.md).
    PanicSites {
        /// The linked program.
        image: PathBuf,
    },
    /// Write tests/digests.txt anew: a deliberate change of bits.
    Bless,
    /// Count the instructions of kernels, steps and gradients on emulated devices, and compare with
    /// aadl-bench/counts.txt.
    Count(measure::Options),
    /// Measure flash and stack of small programs on emulated devices, and compare with
    /// aadl-bench/sizes.txt.
    Size(measure::Options),
    /// Run a program in QEMU, as cargo's runner for the targets of `test`.
    Emulate(machine::Options),
}

fn main() -> ExitCode {
    // A wrong command line ends here with usage and status 2.
    let arguments = Arguments::parse();
    let workspace = match Workspace::locate() {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("cargo xtask: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match arguments.command {
        Command::Test(options) => check::test(&workspace, &options),
        Command::Bits(options) => check::bits(&workspace, &options),
        Command::Firmware(options) => check::firmware(&workspace, &options),
        Command::PanicFree(options) => check::panic_free(&workspace, &options),
        Command::PanicSites { image } => panic_free::print_sites(&image).map(|()| true),
        Command::Bless => bits::bless(&workspace).map(|()| true),
        Command::Count(options) => {
            measure::run(&workspace, &measure::COUNT, &options).map(|()| true)
        }
        Command::Size(options) => measure::run(&workspace, &measure::SIZE, &options).map(|()| true),
        Command::Emulate(options) => machine::emulate(&workspace, &options).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::{CommandFactory, Parser, error::ErrorKind};

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn unknown_words_are_usage_errors() {
        for words in [&["xtask", "tset"][..], &["xtask", "test", "--fast"], &["xtask"]] {
            let error = Arguments::try_parse_from(words).err().unwrap();
            assert_eq!(error.exit_code(), 2, "{words:?}");
        }
        let error = Arguments::try_parse_from(["xtask", "test", "--host-only", "--targets", "t"]);
        assert_eq!(error.err().unwrap().kind(), ErrorKind::ArgumentConflict);
    }
}
