//! The stack that some work needs beyond its state, by painting: the memory below the stack pointer
//! is filled with a pattern, and afterwards the lowest word that lost it is looked for.
//!
//! Nothing here formats, divides, copies or panics, so that an image that does no work has next to
//! nothing that an image which works would have needed itself. That is why the result goes to the
//! debugger's console (of QEMU, standard error) and not to standard output, which is a file.

use core::arch::asm;
use core::hint::black_box;
use core::ops::Range;
use core::ptr;
use semihosting::process;
use semihosting::sys::arm_compat::sys_writec;
use static_cell::ConstStaticCell;

/// Bytes that are painted; `memory.x` leaves more.
const PAINTED: usize = 16 * 1024;
const PATTERN: u32 = 0xa5a5_5a5a;

/// Does some work on a `static` state, and ends with a line that tells, in hexadecimal, the bytes of
/// stack that it took. The status is 0 if the work says that it did what it was there for, and if
/// not all that was painted is used up.
pub fn report<T: Send>(state: &'static ConstStaticCell<T>, work: impl FnOnce(&mut T) -> bool) -> ! {
    let mut done = false;
    let used = state.try_take().map_or(0, |state| peak(|| done = work(state)));
    for shift in [12, 8, 4, 0] {
        sys_writec(b"0123456789abcdef"[(used >> shift) & 0xf]);
    }
    sys_writec(b'\n');
    process::exit(i32::from(!done || used >= PAINTED))
}

/// Bytes between this function's stack pointer and the lowest word that `work` changed.
#[inline(never)]
fn peak(work: impl FnOnce()) -> usize {
    let painted = below_stack_pointer();
    for word in painted.clone().step_by(4) {
        // SAFETY: `memory.x` has this RAM between the statics and the stack pointer, where nothing
        // lives: no function is called in this loop and no interrupt is enabled.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(word).write_volatile(PATTERN) };
    }
    call(work);
    let untouched = |word: &usize| {
        // SAFETY: as above; every word was written.
        unsafe { ptr::with_exposed_provenance::<u32>(*word).read_volatile() == PATTERN }
    };
    let top = painted.end;
    top - painted.step_by(4).find(|word| !untouched(word)).unwrap_or(top)
}

fn below_stack_pointer() -> Range<usize> {
    let sp: usize;
    // SAFETY: copies a register.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    sp - PAINTED..sp
}

/// Gives the work a frame of its own, below all that is painted.
#[inline(never)]
fn call(work: impl FnOnce()) {
    work();
    black_box(());
}
