//! The exponential that vectorises, beside `libm`'s, for all `2^32` arguments:
//! `cargo run --release -p aadl-core --example exponentials`. Ends with status 1 where bits differ.

use std::ops::Range;
use std::process::ExitCode;
use std::thread;

use aadl_core::math::{Libm, Math};

/// Arguments at a time, so that the exponentials of many are taken in a row.
const BLOCK: usize = 4096;
const BLOCKS: u64 = (1 << 32) / BLOCK as u64;

fn main() -> ExitCode {
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let share = BLOCKS.div_ceil(threads);
    let different = thread::scope(|scope| {
        let parts = (0..threads).map(|t| t * share..BLOCKS.min((t + 1) * share));
        let parts: Vec<_> = parts.map(|part| scope.spawn(|| compare(part))).collect();
        parts.into_iter().map(|part| part.join().expect("it does not panic")).sum::<u64>()
    });
    println!("of {} exponentials {different} differ from libm's", 1u64 << 32);
    if different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many of the exponentials in these blocks differ; prints each. One NaN counts as good as another.
fn compare(blocks: Range<u64>) -> u64 {
    let mut different = 0;
    for block in blocks {
        let first = (block * BLOCK as u64) as u32;
        let arguments: [f32; BLOCK] = std::array::from_fn(|i| f32::from_bits(first + i as u32));
        let mut found = arguments;
        for x in &mut found {
            *x = Libm::exp(*x);
        }
        for (x, found) in arguments.into_iter().zip(found) {
            let expected = libm::expf(x);
            if found.to_bits() != expected.to_bits() && !(found.is_nan() && expected.is_nan()) {
                different += 1;
                println!("e^{x:e}: {found:e}, libm {expected:e}");
            }
        }
    }
    different
}
