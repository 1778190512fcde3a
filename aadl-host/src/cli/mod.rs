//! The subcommands of `aadl`, one file each. Each returns the exit status, or why it stopped.

pub(crate) mod demo;
pub(crate) mod verify;

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Everything went well.
pub(crate) const SUCCESS: u8 = 0;
/// The command ran, and the answer is no.
pub(crate) const FAILURE: u8 = 1;
/// The command could not run: wrong arguments, files that are not there or cannot be written.
pub(crate) const USAGE: u8 = 2;
/// Stopped by Ctrl-C, as shells report it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command stopped before its end.
#[derive(Debug)]
pub(crate) struct Stop {
    status: u8,
    message: String,
}

impl Stop {
    fn new(status: u8, message: impl Display) -> Self {
        Self { status, message: message.to_string() }
    }

    /// Prints the message of the subcommand of this name; the exit status.
    pub(crate) fn report(self, name: &str) -> u8 {
        // With nobody to read it the status has to do.
        let _ = writeln!(io::stderr(), "aadl {name}: {}", self.message);
        self.status
    }
}

/// The file system's errors: something cannot be read or written.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::new(USAGE, error)
    }
}

/// Prints a line. A reader that has seen enough (`| head`) is no error; a full disk is one.
fn print(text: impl Display) -> Result<(), Stop> {
    match writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Stop::new(USAGE, format_args!("output: {error}"))),
    }
}
