//! `aadl verify DIR`: recorded runs of AADL against the compatible mode.

use std::path::PathBuf;

use aadl_host::report::{check_writable, write_json};
use aadl_host::verify;

use super::{FAILURE, SUCCESS, Stop, USAGE, print};

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
    /// Prints a line per case and a summary. 0: all pass; 1: a case fails; 2: nothing to compare,
    /// or the table cannot be written.
    pub(crate) fn run(&self) -> Result<u8, Stop> {
        if let Some(path) = &self.json {
            check_writable(path)?;
        }
        let report = verify::run(&self.folder).map_err(|error| Stop::new(USAGE, error))?;
        print(&report)?;
        if let Some(path) = &self.json {
            write_json(path, &report)?;
        }
        Ok(if report.pass() { SUCCESS } else { FAILURE })
    }
}
