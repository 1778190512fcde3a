//! `aadl verify DIR`: recorded runs of AADL against the compatible mode.

use std::io::Write;
use std::path::{Path, PathBuf};

use aadl_host::verify;

use super::{FAILURE, SUCCESS, USAGE};

/// Arguments of `aadl verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder of reference files (aadl-traj-v1, aadl-ls-v1), or one such file
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Also write the table to FILE as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(&self) -> u8 {
        run(&self.folder, self.json.as_deref())
    }
}

/// Prints a line per case and a summary. 0: all pass; 1: a case fails; 2: nothing to compare, or
/// the table cannot be written.
fn run(folder: &Path, json: Option<&Path>) -> u8 {
    let report = match verify::run(folder) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("aadl verify: {error}");
            return USAGE;
        }
    };
    // A reader that has seen enough (`| head`) is no failure.
    let _ = write!(std::io::stdout().lock(), "{report}");
    if let Some(path) = json {
        let written = serde_json::to_string_pretty(&report)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::write(path, text + "\n"));
        if let Err(error) = written {
            eprintln!("aadl verify: {}: {error}", path.display());
            return USAGE;
        }
    }
    if report.pass() { SUCCESS } else { FAILURE }
}
