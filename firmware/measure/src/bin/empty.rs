//! The runtime alone: what the other images are compared with.
#![no_std]
#![no_main]

use static_cell::ConstStaticCell;

static STATE: ConstStaticCell<u32> = ConstStaticCell::new(0);

#[measure::entry]
fn main() -> ! {
    measure::stack::report(&STATE, |_| true)
}
