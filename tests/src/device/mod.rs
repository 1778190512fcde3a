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
    let arguments = semihosting::experimental::env::args::<512>();
    let mut words = heapless::Vec::<&str, 16>::new();
    let mut all = arguments.iter().flatten().skip(1);
    let understood = arguments.is_ok()
        && all.all(|word| word.ok().and_then(|word| words.push(word).ok()).is_some());
    if !understood {
        board.print(format_args!("error: at most 16 arguments of UTF-8, 512 bytes in all\n"));
    }
    Ok(understood && run(cases, &words, &mut board))
}

/// Says that a fault occurred and ends the run, which would hang.
fn fault() -> ! {
    if let Ok(mut out) = io::stdout() {
        let _ = out.write_all(b"FAILED\n    fault\n");
    }
    process::exit(101)
}

#[cfg(target_arch = "arm")]
#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    fault()
}

/// What riscv-rt calls.
#[cfg(target_arch = "riscv32")]
#[unsafe(no_mangle)]
extern "C" fn ExceptionHandler(_: &riscv_rt::TrapFrame) -> ! {
    fault()
}
