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
    /// Train a tiny network on real data, with acceleration and without, and compare
    Demo(cli::demo::Arguments),
    /// Replay recorded runs of AADL (the Python package) and compare
    Verify(cli::verify::Arguments),
}

fn main() -> ExitCode {
    let (name, result) = match Aadl::parse().command {
        Command::Demo(arguments) => ("demo", arguments.run()),
        Command::Verify(arguments) => ("verify", arguments.run()),
    };
    ExitCode::from(result.unwrap_or_else(|stop| stop.report(name)))
}
