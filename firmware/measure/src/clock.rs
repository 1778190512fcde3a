//! Instructions executed, in an emulator whose clock advances by a fixed time with each (QEMU's
//! `-icount`). Cortex-M reads that clock as SysTick; on RISC-V `minstret` counts by itself.
//!
//! How long a tick of SysTick lasts depends on the board, so the clock is calibrated by loops of
//! known length, which also prove that it counts exactly. At `shift=7`, 128 ns an instruction, 125
//! instructions are a whole number of ticks on every board here (of 40, 50 and 62.5 ns) and more
//! than two ticks pass with each, so that a count is exact though a tick is not an instruction.

use core::arch::asm;
use core::hint::black_box;

#[cfg(target_arch = "arm")]
use systick::Counter;

/// Instructions in which a whole number of ticks passes.
const PERIOD: u64 = 125;

/// A calibrated counter of instructions.
pub struct Clock {
    counter: Counter,
    ticks_per_period: u64,
    /// Ticks between two readings with nothing in between.
    overhead: u64,
}

impl Clock {
    /// Calibrates the counter.
    ///
    /// # Panics
    /// If it does not count instructions.
    pub fn calibrate() -> Self {
        let mut clock = Self { counter: Counter::start(), ticks_per_period: 1, overhead: 0 };
        clock.overhead = clock.ticks(|| ()).0;
        let [short, long] = [200, 1200].map(|periods| {
            let loops = black_box(periods * PERIOD / LOOP);
            clock.ticks(|| spin(loops as u32)).0
        });
        // To the nearest: each of the two is late by less than a tick.
        clock.ticks_per_period = (long - short + 500) / 1000;
        for loops in [0, 1, 777, 54_321] {
            let counted = [loops, loops + 1000].map(|n| {
                let n = black_box(n);
                clock.count(|| spin(n)).0
            });
            let difference = counted[1].abs_diff(counted[0]);
            assert!(
                difference == 1000 * LOOP as u32,
                "{difference} instructions counted where {} ran: start QEMU with -icount",
                1000 * LOOP
            );
        }
        clock
    }

    /// Instructions of `work`, its call included, and what it returns.
    ///
    /// # Panics
    /// If the counter wrapped.
    pub fn count<R>(&mut self, work: impl FnOnce() -> R) -> (u32, R) {
        let (ticks, result) = self.ticks(work);
        let net = ticks.saturating_sub(self.overhead) * PERIOD;
        // To the nearest: a reading is late by less than a tick.
        let count = (net + self.ticks_per_period / 2) / self.ticks_per_period;
        (count as u32, result)
    }

    fn ticks<R>(&mut self, work: impl FnOnce() -> R) -> (u64, R) {
        let start = self.counter.begin();
        let result = call(work);
        (self.counter.end(start), result)
    }
}

/// Keeps the compiler from moving parts of `work` across a reading of the counter.
#[inline(never)]
fn call<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}

/// Instructions of one turn of [`spin`].
const LOOP: u64 = 2;

/// Turns `loops + 1` times.
#[inline(never)]
fn spin(loops: u32) {
    let n = loops + 1;
    // SAFETY: changes a register that it declares and the flags, and touches no memory.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("2:", "subs {n}, #1", "bne 2b", n = inout(reg) n => _, options(nomem, nostack));
        #[cfg(target_arch = "riscv32")]
        asm!("2:", "addi {n}, {n}, -1", "bnez {n}, 2b", n = inout(reg) n => _,
            options(nomem, nostack));
    }
}

#[cfg(target_arch = "arm")]
mod systick {
    use cortex_m::Peripherals;
    use cortex_m::peripheral::SYST;
    use cortex_m::peripheral::syst::SystClkSource;

    /// SysTick counts down through 24 bits.
    const MASK: u32 = 0xff_ffff;

    pub(super) struct Counter(SYST);

    impl Counter {
        pub(super) fn start() -> Self {
            let mut timer = Peripherals::take().expect("there is one clock").SYST;
            timer.set_clock_source(SystClkSource::Core);
            timer.set_reload(MASK);
            timer.enable_counter();
            Self(timer)
        }

        pub(super) fn begin(&mut self) -> u32 {
            self.0.clear_current();
            // The counter reloads at its next tick; reading the flag lowers it.
            while SYST::get_current() == 0 || self.0.has_wrapped() {}
            SYST::get_current()
        }

        pub(super) fn end(&mut self, start: u32) -> u64 {
            let end = SYST::get_current();
            assert!(!self.0.has_wrapped(), "SysTick wrapped: too long to count");
            u64::from(start.wrapping_sub(end) & MASK)
        }
    }
}

#[cfg(target_arch = "riscv32")]
struct Counter;

#[cfg(target_arch = "riscv32")]
impl Counter {
    fn start() -> Self {
        Self
    }

    fn begin(&mut self) -> u64 {
        riscv::register::minstret::read64()
    }

    fn end(&mut self, start: u64) -> u64 {
        riscv::register::minstret::read64() - start
    }
}
