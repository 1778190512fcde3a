//! The harness on a board without operating system, in QEMU or on a debug probe: semihosting
//! brings the arguments and takes output and status.

mod stack;

use crate::cases::Case;
use crate::harness::{Platform, run};
use core::fmt;
#[cfg(target_arch = "riscv32")]
use riscv_rt as _; // the code that calls `main`
use semihosting::io::{self, Write};
use semihosting::process;

struct Board {
    out: io::Stdout,
}

impl Platform for Board {
    fn print(&mut self, text: fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(text);
    }
    fn free_stack(&self) -> Option<usize> {
        Some(stack::free())
    }
    fn measure(&mut self, run: &mut dyn FnMut()) -> Option<usize> {
        Some(stack::measure(run))
    }
}

/// The `main` of a test program.
pub fn main(cases: &[Case]) -> ! {
    process::exit(match start(cases) {
        Ok(true) => 0,
        Ok(false) | Err(_) => 101,
    })
}

fn start(cases: &[Case]) -> io::Result<bool> {
    let mut board = Board { out: io::stdout()? };
    let arguments = semihosting::experimental::env::args::<512>()?;
    let mut words = heapless::Vec::<&str, 16>::new();
    for argument in (&arguments).skip(1) {
        let taken = argument.ok().and_then(|argument| words.push(argument).ok());
        if taken.is_none() {
            board.print(format_args!("error: at most 16 arguments of UTF-8 are understood\n"));
            return Ok(false);
        }
    }
    Ok(run(cases, &words, &mut board))
}

/// A fault, as of a stack that ran into the end of the RAM, ends the run instead of hanging it.
#[cfg(target_arch = "arm")]
#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    if let Ok(mut out) = io::stdout() {
        let _ = out.write_all(b"FAILED\n    hard fault\n");
    }
    process::exit(101)
}
