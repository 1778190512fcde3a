//! Counts instructions and prints a line for each figure: its name, the instructions of one call,
//! and the elements they are spent on (0 where that means nothing).
#![no_std]
#![no_main]

mod accelerator;
mod kernels;
mod multisecant;
mod training;

use core::fmt::Display;
use measure::clock::Clock;
use semihosting::{println, process};

fn figure(name: impl Display, elements: usize, instructions: u32) {
    println!("{name} {instructions} {elements}");
}

#[measure::entry]
fn main() -> ! {
    let mut clock = Clock::calibrate();
    kernels::count(&mut clock);
    accelerator::count(&mut clock);
    multisecant::count(&mut clock);
    training::count(&mut clock);
    process::exit(0)
}
