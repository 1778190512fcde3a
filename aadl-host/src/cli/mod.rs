//! The subcommands of `aadl`, one file each. Each returns the exit status.

pub(crate) mod demo;
pub(crate) mod verify;

/// Everything went well.
pub(crate) const SUCCESS: u8 = 0;
/// The command ran, and the answer is no.
pub(crate) const FAILURE: u8 = 1;
/// The command could not run: wrong arguments, or files that are not there.
pub(crate) const USAGE: u8 = 2;
/// Stopped by Ctrl-C, as shells report it.
pub(crate) const INTERRUPTED: u8 = 130;
