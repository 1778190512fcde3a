//! How much stack there is, and how much of it a function uses: the free part is painted, and what
//! of the paint is gone afterwards has been used.

#![allow(unsafe_code)]

use core::ptr;

const PAINT: u32 = 0xA5A5_5A5A;
/// Bytes below the painting function's own frame that stay unpainted: it calls nothing, and an
/// interrupt would find its place here.
const MARGIN: usize = 128;

unsafe extern "C" {
    /// Where the linker script ends the static data. Only its address means anything.
    static __sheap: u32;
}

/// The lowest address that the stack may grow to.
fn bottom() -> usize {
    (&raw const __sheap).addr()
}

/// About where the stack has grown to.
#[inline(never)]
fn pointer() -> usize {
    let here = 0u32;
    (&raw const here).addr() & !3
}

/// Bytes that are left.
pub(super) fn free() -> usize {
    pointer().saturating_sub(bottom() + MARGIN)
}

/// Runs, and tells how many bytes of stack that took, to within [`MARGIN`] and a word; more than
/// there can be if nothing was left, when static data may have been overwritten too.
#[inline(never)]
pub(super) fn measure(run: &mut dyn FnMut()) -> usize {
    let (bottom, top) = (bottom(), pointer() - MARGIN);
    let words = || (bottom..top).step_by(4);
    for address in words() {
        // SAFETY: between the end of the static data and the end of the stack there is nothing but
        // RAM that belongs to nobody, and `address` is a multiple of 4.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(PAINT) };
    }
    run();
    // SAFETY: as above; the words are initialised, here or by whoever used them as stack.
    let intact = |address: &usize| unsafe {
        ptr::with_exposed_provenance::<u32>(*address).read_volatile() == PAINT
    };
    let unused = words().take_while(intact).count() * 4;
    if unused == 0 { usize::MAX / 4 } else { top - bottom - unused + MARGIN }
}
