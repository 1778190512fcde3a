//! Checks of this workspace, started as `cargo xtask <command>`.
//!
//! | module | what it holds |
//! |---|---|
//! | `workspace` | where the workspace and its target folder lie; how a command is run |
//! | `report` | named stages, their seconds, the table at the end |
//! | `toolchain` | a compiler for a target other than the host |
//! | `house` | the source rules of the core that no compiler checks |
//! | `check` | `cargo xtask test`: the list of stages |

mod check;
mod house;
mod report;
mod toolchain;
mod workspace;

use clap::{Parser, Subcommand};
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
    /// Run every check: format, clippy, docs, host tests, house rules, builds for no_std targets.
    Test(check::Options),
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
    let passed = match arguments.command {
        Command::Test(options) => check::test(&workspace, &options),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
