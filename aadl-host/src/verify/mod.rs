//! Replays recorded runs of AADL, the Python package, in [`compat`](crate::compat) mode and float64,
//! and compares.
//!
//! A folder holds files of two formats, both JSON; the field `format` says which:
//!
//! - `aadl-traj-v1`: an optimizer's trajectory on a problem given by formula. Passes within 1e-8.
//! - `aadl-ls-v1`: matrices of iterates and their extrapolations. Passes within 1e-9, times the
//!   condition number over 100 where that is above 1.
//!
//! Whatever cannot be read, an unknown setting included, is a failure that names the field.

mod least_squares;
mod problem;
mod reader;
mod trajectory;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use reader::{Read, Reader};

use crate::report::{Cell, Table};

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// Name of the file, without its folder.
    pub file: String,
    /// The case's own name, where it could be read.
    pub id: String,
    /// Largest relative deviation; none if nothing could be compared.
    pub deviation: Option<f64>,
    /// Largest deviation that passes.
    pub tolerance: Option<f64>,
    /// Whether it passed.
    pub pass: bool,
    /// What went wrong, or what else is worth knowing.
    pub note: String,
}

/// A comparison that could be made.
struct Outcome {
    deviation: f64,
    tolerance: f64,
    pass: bool,
    note: String,
}

impl Case {
    fn new(file: &str, id: String, outcome: Read<Outcome>) -> Self {
        let file = file.to_owned();
        match outcome {
            Ok(Outcome { deviation, tolerance, pass, note }) => Self {
                file,
                id,
                deviation: Some(deviation),
                tolerance: Some(tolerance),
                pass,
                note,
            },
            Err(note) => Self { file, id, deviation: None, tolerance: None, pass: false, note },
        }
    }
}

/// All cases of a folder, by file name.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always `aadl-verify-v1`.
    pub format: &'static str,
    /// The lines.
    pub cases: Vec<Case>,
}

/// Why there is no report.
#[derive(Debug)]
pub enum Error {
    /// The folder cannot be read.
    Folder(PathBuf, io::Error),
    /// There is not one reference file in it.
    NoReference(PathBuf),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder, error) => write!(f, "{}: {error}", folder.display()),
            Self::NoReference(folder) => write!(
                f,
                "{}: no reference file (JSON with the format aadl-traj-v1 or aadl-ls-v1)",
                folder.display()
            ),
        }
    }
}

impl std::error::Error for Error {}

impl Report {
    const FORMAT: &'static str = "aadl-verify-v1";

    /// Whether every case passed; never of an empty report.
    pub fn pass(&self) -> bool {
        !self.cases.is_empty() && self.cases.iter().all(|case| case.pass)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["file", "case", "deviation", "tolerance", "result", "note"];
        let mut table = Table::new("Recorded runs of AADL, replayed", &columns);
        for case in &self.cases {
            let number = |x: Option<f64>| x.map_or(Cell::Missing, |x| Cell::Number(x, 3));
            table.row([
                case.file.as_str().into(),
                case.id.as_str().into(),
                number(case.deviation),
                number(case.tolerance),
                (if case.pass { "pass" } else { "FAIL" }).into(),
                case.note.as_str().into(),
            ]);
        }
        write!(f, "{table}")?;
        let passed = self.cases.iter().filter(|case| case.pass).count();
        write!(f, "{passed} of {} passed", self.cases.len())
    }
}

/// Replays every `.json` file of `folder` (or the one file that `folder` names). Reports of this
/// command, which may lie there too, are passed over.
///
/// # Errors
/// [`Error::Folder`] if it cannot be listed, [`Error::NoReference`] if no file is there to compare
/// with. What is wrong in a file is a failed case, and the other files are still compared.
pub fn run(folder: &Path) -> Result<Report, Error> {
    let failed = |error| Error::Folder(folder.to_owned(), error);
    let mut files = Vec::new();
    if folder.is_file() {
        files.push(folder.to_owned());
    } else {
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
            if json && !path.is_dir() {
                files.push(path);
            }
        }
    }
    files.sort();
    let cases: Vec<Case> = files.iter().flat_map(|path| check_file(path)).collect();
    if cases.is_empty() {
        return Err(Error::NoReference(folder.to_owned()));
    }
    Ok(Report { format: Report::FORMAT, cases })
}

fn check_file(path: &Path) -> Vec<Case> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let failed = |message: String| vec![Case::new(&name, "-".to_owned(), Err(message))];
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) => return failed(format!("cannot be read: {error}")),
    };
    let value: Value = match serde_json::from_slice(&text) {
        Ok(value) => value,
        Err(error) => return failed(format!("no valid JSON: {error}")),
    };
    let file = Reader::new(&value);
    let format = match file.get("format").and_then(|format| format.text()) {
        Ok(format) => format,
        Err(message) => return failed(message),
    };
    match format {
        "aadl-ls-v1" => least_squares::check(&file, &name).unwrap_or_else(failed),
        "aadl-traj-v1" => {
            let id = file.get("id").and_then(|id| id.text()).unwrap_or("-").to_owned();
            vec![Case::new(&name, id, trajectory::check(&file))]
        }
        Report::FORMAT => Vec::new(),
        other => failed(format!("format: unknown format \"{other}\"")),
    }
}
