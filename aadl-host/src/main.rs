//! The `aadl` command.

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Anderson-accelerated training.
#[derive(Debug, Parser)]
#[command(name = "aadl", version)]
struct Aadl {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay recorded runs of AADL (the Python package) and compare
    Verify(cli::verify::Arguments),
}

fn main() -> ExitCode {
    ExitCode::from(match Aadl::parse().command {
        Command::Verify(arguments) => arguments.run(),
    })
}
