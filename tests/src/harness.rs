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

struct Options<'a> {
    arguments: &'a [&'a str],
    mode: Mode,
    exact: bool,
    only_ignored: bool,
}

/// Arguments that are a switch, without effect here.
const SWITCHES: [&str; 9] = [
    "--nocapture",
    "--no-capture",
    "--show-output",
    "--include-ignored",
    "--quiet",
    "-q",
    "--test",
    "--bench",
    "--report-time",
];
/// Arguments with a value, as the next argument or after `=`, without effect here but for `--skip`.
const VALUED: [&str; 6] = ["--skip", "--format", "--test-threads", "--color", "-Z", "--logfile"];

impl<'a> Options<'a> {
    fn parse(arguments: &'a [&'a str]) -> Result<Self, &'a str> {
        let mut options = Self { arguments, mode: Mode::Test, exact: false, only_ignored: false };
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            match argument {
                "--list" => options.mode = Mode::List,
                "--digests" => options.mode = Mode::Digests,
                "--values" => options.mode = Mode::Values,
                "--exact" => options.exact = true,
                "--ignored" => options.only_ignored = true,
                _ if VALUED.contains(&argument) => {
                    rest.next().ok_or(argument)?;
                }
                _ if SWITCHES.contains(&argument) || !argument.starts_with('-') => {}
                _ if argument.split_once('=').is_some_and(|(key, _)| VALUED.contains(&key)) => {}
                _ => return Err(argument),
            }
        }
        Ok(options)
    }

    /// Whether the name is asked for.
    fn select(&self, name: &str) -> bool {
        let (mut wanted, mut filters) = (false, 0);
        let mut rest = self.arguments.iter();
        while let Some(&argument) = rest.next() {
            let skipped = match argument.split_once('=') {
                Some(("--skip", word)) => Some(word),
                _ if argument == "--skip" => rest.next().copied(),
                _ => None,
            };
            if skipped.is_some_and(|word| self.matches(name, word)) {
                return false;
            }
            if VALUED.contains(&argument) && argument != "--skip" {
                rest.next();
            } else if !argument.starts_with('-') && skipped.is_none() {
                filters += 1;
                wanted |= self.matches(name, argument);
            }
        }
        wanted || filters == 0
    }

    fn matches(&self, name: &str, word: &str) -> bool {
        if self.exact { name == word } else { name.contains(word) }
    }
}

/// Does what the arguments say; true unless something failed.
pub fn run(cases: &[Case], arguments: &[&str], platform: &mut impl Platform) -> bool {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(argument) => {
            say!(platform, "error: `{argument}` is not an argument of these tests\n");
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
