//! The `aadl` command.
fn main() {}
