//! What can end a benchmark.

use std::{fmt, io};

use aadl_host::data::DataError;

/// Why there are no results.
#[derive(Debug)]
pub enum Failure {
    /// Of the file of records.
    File(io::Error),
    /// Of settings or shapes.
    Core(aadl_core::Error),
    /// Of a data set.
    Data(DataError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "the file of finished runs: {error}"),
            Self::Core(error) => error.fmt(f),
            Self::Data(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<aadl_core::Error> for Failure {
    fn from(error: aadl_core::Error) -> Self {
        Self::Core(error)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}
