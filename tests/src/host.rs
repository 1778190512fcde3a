//! The harness on an operating system.

use crate::cases::Case;
use crate::harness::{Platform, run};
use core::fmt;
use std::process::ExitCode;
use std::vec::Vec;
use std::{env, io};

struct Process;

impl Platform for Process {
    fn print(&mut self, text: fmt::Arguments<'_>) {
        // Whoever closed the pipe has seen enough.
        let _ = io::Write::write_fmt(&mut io::stdout(), text);
    }
    fn free_stack(&self) -> Option<usize> {
        None
    }
    fn measure(&mut self, run: &mut dyn FnMut()) -> Option<usize> {
        run();
        None
    }
}

/// The `main` of a test program.
pub fn main(cases: &[Case]) -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_str()).collect();
    // libtest's status, by which cargo tells a failed test from a broken program.
    if run(cases, &arguments, &mut Process) { ExitCode::SUCCESS } else { ExitCode::from(101) }
}
