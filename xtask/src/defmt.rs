//! Logs of devices. A program that logs through defmt sends numbers; the texts they stand for lie in
//! its file on the host, in a section of its own.
//!
//! The decoder is a library rather than the program `defmt-print`, so that a bare machine has
//! nothing to install, and its version is locked with all others.

use crate::workspace::Outcome;
use defmt_decoder::{DecodeError, Encoding, StreamDecoder, Table};

/// The texts of a program; none where it does not log through defmt.
pub(crate) fn table(program: &[u8]) -> Outcome<Option<Table>> {
    Table::parse(program).map_err(|error| format!("defmt: {error:#}"))
}

/// Shows each message that `output` completes to `see`.
pub(crate) fn decode(
    decoder: &mut dyn StreamDecoder,
    output: &[u8],
    mut see: impl FnMut(&str),
) -> Outcome {
    decoder.received(output);
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("", |level| level.as_str());
                see(&format!("{level:5} {}", frame.display_message()));
            }
            Err(DecodeError::UnexpectedEof) => return Ok(()),
            Err(DecodeError::Malformed) => {
                return Err("defmt: the program wrote what is no message of its own".into());
            }
        }
    }
}

/// An error where a log ends within a message; `last` is its last byte.
pub(crate) fn check_end(table: &Table, last: Option<u8>) -> Outcome {
    // Of raw messages none has an end that could be missed.
    let complete = table.encoding() == Encoding::Raw || last.is_none_or(|byte| byte == 0);
    if complete { Ok(()) } else { Err("defmt: the log ends within a message".into()) }
}
