//! Running cases: the part of libtest's command line that `cargo test` and nextest speak, the
//! comparison with `digests.txt`, the report.
//!
//! | argument | what it does |
//! |---|---|
//! | `NAME` | only cases whose name contains one of these words |
//! | `--exact` | only cases of exactly these names |
//! | `--skip NAME` | not those whose name contains this word |
//! | `--list` | prints the names |
//! | `--ignored` | only cases that do not fit into the RAM |
//! | `--digests` | prints the lines of `digests.txt` |
//! | `--values` | prints every number: its place in the trace, its name, its bits |
//!
//! What else libtest knows is either taken and without effect, or refused.

use crate::cases::{Case, Failure, Outcome};
use crate::expected;
use crate::trace::{Entry, Trace};
use core::fmt;

/// The Rust target of this program.
pub const TARGET: &str = env!("AADL_TARGET");

/// What the harness needs of where it runs.
pub trait Platform {
    /// Prints text.
    fn print(&mut self, text: fmt::Arguments<'_>);
    /// Bytes that a case may use as stack; none where that is no concern.
    fn free_stack(&self) -> Option<usize>;
    /// Runs, and tells how many bytes of stack that took, where it is known.
    fn measure(&mut self, run: &mut dyn FnMut()) -> Option<usize>;
}

macro_rules! say {
    ($platform:expr, $($text:tt)*) => { $platform.print(format_args!($($text)*)) };
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Test,
    List,
    Digests,
    Values,
}

/// The most words that choose cases. A device has no heap to take more.
const WORDS: usize = 12;

struct Options<'a> {
    mode: Mode,
    exact: bool,
    only_ignored: bool,
    wanted: heapless::Vec<&'a str, WORDS>,
    skipped: heapless::Vec<&'a str, WORDS>,
}

impl<'a> Options<'a> {
    /// Or the argument that makes no sense here, or is one too many.
    fn parse(arguments: &[&'a str]) -> Result<Self, &'a str> {
        let mut options = Self {
            mode: Mode::Test,
            exact: false,
            only_ignored: false,
            wanted: heapless::Vec::new(),
            skipped: heapless::Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            let (key, mut value) = match argument.split_once('=') {
                Some((key, value)) if key.starts_with('-') => (key, Some(value)),
                _ => (argument, None),
            };
            let mut value = || value.take().or_else(|| rest.next().copied()).ok_or(argument);
            match key {
                "--list" => options.mode = Mode::List,
                "--digests" => options.mode = Mode::Digests,
                "--values" => options.mode = Mode::Values,
                "--exact" => options.exact = true,
                "--ignored" => options.only_ignored = true,
                "--skip" => options.skipped.push(value()?).map_err(|_| argument)?,
                // Of no effect here.
                "--format" | "--test-threads" | "--color" | "-Z" | "--logfile" => {
                    value()?;
                }
                "--nocapture" | "--no-capture" | "--show-output" | "--include-ignored"
                | "--quiet" | "-q" | "--test" | "--bench" | "--report-time" => {}
                _ if key.starts_with('-') => return Err(argument),
                word => options.wanted.push(word).map_err(|_| argument)?,
            }
        }
        Ok(options)
    }

    /// Whether the name is asked for.
    fn select(&self, name: &str) -> bool {
        let matches = |word: &&str| if self.exact { name == *word } else { name.contains(*word) };
        (self.wanted.is_empty() || self.wanted.iter().any(matches))
            && !self.skipped.iter().any(matches)
    }
}

/// Does what the arguments say; true unless something failed.
pub fn run(cases: &[Case], arguments: &[&str], platform: &mut impl Platform) -> bool {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(argument) => {
            say!(platform, "error: `{argument}` is not an argument here, or one too many\n");
            return false;
        }
    };
    let free = platform.free_stack();
    let selected = cases.iter().filter(|case| {
        let fits = free.is_none_or(|free| case.stack <= free);
        options.select(case.name) && !(options.only_ignored && fits)
    });
    if options.mode == Mode::Test {
        return test(selected, cases.len(), free, platform);
    }
    let mut ok = true;
    for case in selected {
        ok &= match options.mode {
            Mode::Digests => print_digest(case, platform),
            Mode::Values => print_values(case, platform),
            Mode::List | Mode::Test => {
                say!(platform, "{}: test\n", case.name);
                true
            }
        };
    }
    ok
}

fn test<'c>(
    cases: impl Iterator<Item = &'c Case> + Clone,
    all: usize,
    free: Option<usize>,
    platform: &mut impl Platform,
) -> bool {
    let count = cases.clone().count();
    say!(platform, "\nrunning {count} tests on {TARGET}\n");
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    for case in cases {
        say!(platform, "test {} ... ", case.name);
        if let Some(free) = free.filter(|free| case.stack > *free) {
            ignored += 1;
            say!(platform, "ignored, needs {} bytes of stack, {free} are free\n", case.stack);
        } else if judge(case, platform) {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    // The last words are those that libtest ends with.
    say!(
        platform,
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; \
         0 measured; {} filtered out\n\n",
        all - count
    );
    failed == 0
}

/// Runs a case and compares; prints the verdict.
fn judge(case: &Case, platform: &mut impl Platform) -> bool {
    let expected = expected::find(case.name);
    let mut first: Option<Entry> = None;
    let mut see = |entry: &Entry| {
        if first.is_none() && expected.is_some_and(|expected| !expected.agrees(entry)) {
            first = Some(*entry);
        }
    };
    let mut trace = Trace::new(&mut see);
    let mut outcome = Ok(());
    let stack = platform.measure(&mut || outcome = (case.run)(&mut trace));
    let (count, digest) = (trace.count(), trace.digest());

    let mut ok = true;
    let mut complain = |platform: &mut dyn FnMut(fmt::Arguments<'_>), text: fmt::Arguments<'_>| {
        if ok {
            platform(format_args!("FAILED\n"));
        }
        ok = false;
        platform(format_args!("    {text} ({}, {TARGET})\n", case.name));
    };
    let mut print = |text: fmt::Arguments<'_>| platform.print(text);
    if let Err(failure) = outcome {
        complain(&mut print, format_args!("{failure}"));
    }
    match expected {
        None => complain(
            &mut print,
            format_args!("tests/digests.txt has no such case; `cargo xtask bless` adds it"),
        ),
        Some(expected) if (expected.count, expected.digest) != (count, digest) => {
            complain(
                &mut print,
                format_args!(
                    "digest {digest:016x} of {count} numbers, expected {:016x} of {}",
                    expected.digest, expected.count
                ),
            );
            if let Some(Entry { label, index, bits, number, .. }) = first {
                complain(
                    &mut print,
                    format_args!(
                        "first differing value: number {number}, {label}[{index}], is here \
                         {bits:016x}"
                    ),
                );
            }
        }
        Some(_) => {}
    }
    // A need stated too low would let a case overflow a small device's stack, one stated too high
    // would leave it out without need.
    if let Some(used) = stack.filter(|used| *used > case.stack || case.stack > 2 * used + 1024) {
        complain(
            &mut print,
            format_args!("used {used} bytes of stack, its entry says {}", case.stack),
        );
    }
    if ok {
        match stack {
            Some(used) => say!(platform, "ok, {used} bytes of stack\n"),
            None => say!(platform, "ok\n"),
        }
    }
    ok
}

/// The case's line of `digests.txt`.
fn print_digest(case: &Case, platform: &mut impl Platform) -> bool {
    let (count, digest, outcome) = {
        let mut ignore = |_: &Entry| {};
        let mut trace = Trace::new(&mut ignore);
        let outcome = (case.run)(&mut trace);
        (trace.count(), trace.digest(), outcome)
    };
    say!(platform, "{} {count} {digest:016x} ", case.name);
    let mut see = |entry: &Entry| say!(platform, "{:02x}", entry.mark());
    let again = (case.run)(&mut Trace::new(&mut see));
    say!(platform, "\n");
    report(case, outcome.and(again), platform)
}

fn print_values(case: &Case, platform: &mut impl Platform) -> bool {
    let mut see = |entry: &Entry| {
        let Entry { label, index, bits, number, .. } = entry;
        say!(platform, "{number} {label}[{index}] {bits:016x}\n");
    };
    let outcome = (case.run)(&mut Trace::new(&mut see));
    report(case, outcome, platform)
}

fn report(case: &Case, outcome: Outcome, platform: &mut impl Platform) -> bool {
    if let Err(failure) = outcome {
        say!(platform, "# {}: {failure}\n", case.name);
    }
    outcome.is_ok()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => write!(f, "error: {error}"),
            Self::Property { what, file, line } => {
                write!(f, "does not hold: `{what}` ({file}:{line})")
            }
        }
    }
}
