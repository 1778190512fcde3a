//! The cases of `tests/` on the host and on every emulated machine, and the digests they must
//! reproduce.

use crate::machine::{self, Machine};
use crate::toolchain::Toolchain;
use crate::workspace::{Outcome, Workspace, run};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The features with which the cases are built: those that add one.
const FEATURES: &str = "micromath";

/// What the cases came to on one machine.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// Cases that ran, held, and had the expected digest.
    equal: usize,
    /// Cases that did not.
    failed: Vec<String>,
    /// Cases that need more RAM than there is.
    too_large: Vec<String>,
    /// Lines that explain failures.
    complaints: Vec<String>,
}

impl Tally {
    /// Reads what the cases print, which is in the form of libtest. An error unless it ends as a
    /// whole run does, with as many cases as it began with.
    fn parse(text: &str) -> Outcome<Self> {
        let mut tally = Self::default();
        let (mut announced, mut closed) = (None, false);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("running ") {
                announced = rest.split(' ').next().and_then(|count| count.parse::<usize>().ok());
            } else if let Some((name, result)) =
                line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... "))
            {
                match result.split([',', ' ']).next() {
                    Some("ok") => tally.equal += 1,
                    Some("ignored") => tally.too_large.push(name.to_string()),
                    _ => tally.failed.push(name.to_string()),
                }
            } else if let Some(complaint) = line.strip_prefix("    ") {
                tally.complaints.push(complaint.to_string());
            } else if line.starts_with("test result: ") {
                closed = true;
            }
        }
        let count = tally.equal + tally.failed.len() + tally.too_large.len();
        match announced {
            Some(announced) if closed && announced == count && count > 0 => Ok(tally),
            _ => {
                Err(format!("the run broke off after {count} of {} cases", announced.unwrap_or(0)))
            }
        }
    }
}

/// A row of the closing table.
#[derive(Debug)]
pub(crate) struct Row {
    target: String,
    tally: Outcome<Tally>,
    seconds: f64,
}

/// Runs the cases on the host, whose digests must be those of the file, to the last mark.
pub(crate) fn host(workspace: &Workspace) -> Row {
    measure("host".into(), || {
        let tally = tally(workspace, &mut |arguments| on_host(workspace, arguments))?;
        if tally.failed.is_empty() && committed(workspace)? != digests(workspace)? {
            return Err(format!("{DIGESTS} is not what `cargo xtask bless` would write"));
        }
        Ok(tally)
    })
}

/// Runs the cases on a machine, whose toolchain and emulator are installed if need be. Where a
/// value differs, says what it is on the host.
pub(crate) fn on_machine(workspace: &Workspace, machine: &'static Machine) -> Row {
    measure(format!("{} ({})", machine.name, machine.target), || {
        machine.provide(workspace)?;
        let toolchain = Toolchain::find(workspace, machine.target)?;
        println!("{}: {toolchain}", machine.target);
        let mut command = |arguments: &[&str]| {
            let fixed = ["test", "--target", machine.target].into_iter().chain(PACKAGE);
            let all = fixed.chain(["--"]).chain(arguments.iter().copied());
            workspace.run_on(machine, toolchain.cargo(workspace, all))
        };
        let mut tally = tally(workspace, &mut command)?;
        for name in &tally.failed {
            let values = ["--values", "--exact", name.as_str()];
            let (here, _) = read(&mut command(&values), |_| {});
            let (host, _) = read(&mut on_host(workspace, &values), |_| {});
            if let Some(difference) = first_difference(&here, &host) {
                tally.complaints.push(format!("{name}: {difference}"));
            }
        }
        Ok(tally)
    })
}

/// Builds and runs the cases; `command` is cargo with arguments for them. An error where a case of
/// the file is not there, or where the status does not say what the text says.
fn tally(workspace: &Workspace, command: &mut dyn FnMut(&[&str]) -> Command) -> Outcome<Tally> {
    // What fails to build is shown by cargo.
    run(command(&["--list"]).stdout(Stdio::null()))?;
    let (text, status) = read(&mut command(&[]), |line| println!("{line}"));
    let tally = Tally::parse(&text)?;
    let found = tally.equal + tally.failed.len() + tally.too_large.len();
    let expected = cases(&committed(workspace)?).count();
    if found != expected {
        return Err(format!("{found} cases are there, {expected} are in {DIGESTS}"));
    }
    if status.is_ok() != tally.failed.is_empty() {
        return Err("the status of the run is not that of its cases".into());
    }
    let mut refused = command(&["--no-such-argument"]);
    if read(refused.stderr(Stdio::null()), |_| {}).1.is_ok() {
        return Err("a run that fails has the status of one that does not".into());
    }
    Ok(tally)
}

/// The test program of `tests/`, for cargo.
const PACKAGE: [&str; 7] =
    ["--quiet", "--package", "aadl-tests", "--test", "bits", "--features", FEATURES];

fn on_host(workspace: &Workspace, arguments: &[&str]) -> Command {
    let fixed = ["test"].into_iter().chain(PACKAGE).chain(["--"]);
    workspace.cargo(fixed.chain(arguments.iter().copied()))
}

fn measure(target: String, body: impl FnOnce() -> Outcome<Tally>) -> Row {
    let start = Instant::now();
    let tally = body();
    Row { target, tally, seconds: start.elapsed().as_secs_f64() }
}

/// What a command prints, each line of which `see` sees as it comes, and how it ended.
fn read(command: &mut Command, mut see: impl FnMut(&str)) -> (String, Outcome) {
    let mut text = String::new();
    let outcome = machine::watch(command, machine::CARGO_LIMIT, |line| {
        see(line);
        text += line;
        text.push('\n');
    });
    (text, outcome)
}

/// The first line in which the values of a case differ.
fn first_difference(here: &str, host: &str) -> Option<String> {
    let (here, host) = (here.lines().map(Some), host.lines().map(Some));
    let none = || std::iter::repeat(None);
    let mut pairs = here.chain(none()).zip(host.chain(none()));
    let (here, host) = pairs
        .by_ref()
        .take_while(|pair| pair != &(None, None))
        .find(|(here, host)| here != host)?;
    let value = |line: Option<&str>| line.map_or("nothing".to_string(), with_number);
    Some(format!("first differing value: {} here, {} on the host", value(here), value(host)))
}

/// A line of values, its bits also as a number.
fn with_number(line: &str) -> String {
    let bits = line.rsplit(' ').next().and_then(|bits| u64::from_str_radix(bits, 16).ok());
    bits.map_or(line.to_string(), |bits| format!("{line} ({:e})", f64::from_bits(bits)))
}

impl Row {
    /// An error unless every case that fits into the machine has the expected digest.
    pub(crate) fn outcome(&self) -> Outcome {
        let tally = self.tally.as_ref().map_err(Clone::clone)?;
        if tally.failed.is_empty() {
            return Ok(());
        }
        let complaints = tally.complaints.join("\n    ");
        Err(format!("{}: {}\n    {complaints}", self.target, tally.failed.join(", ")))
    }
}

/// [`table`] for other programs: the cases by what became of them, or why nothing did.
pub(crate) fn json(rows: &[Row]) -> Vec<serde_json::Value> {
    let row = |Row { target, tally, seconds }: &Row| match tally {
        Ok(Tally { equal, failed, too_large, .. }) => serde_json::json!({
            "target": target, "equal": equal, "failed": failed, "too_large": too_large,
            "seconds": seconds
        }),
        Err(error) => serde_json::json!({ "target": target, "error": error, "seconds": seconds }),
    };
    rows.iter().map(row).collect()
}

/// The table that says where the cases ran, and below it which did not fit where.
pub(crate) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.target.len()).max().unwrap_or(0).max(6);
    let mut table = format!("{:width$}  cases run  digests equal  seconds\n", "target");
    let mut notes = String::new();
    for Row { target, tally, seconds } in rows {
        match tally {
            Ok(tally) => {
                let ran = tally.equal + tally.failed.len();
                let all = ran + tally.too_large.len();
                let cases = if ran == all { format!("{ran}") } else { format!("{ran} of {all}") };
                table +=
                    &format!("{target:width$}  {cases:>9}  {:>13}  {seconds:7.1}\n", tally.equal);
                if !tally.too_large.is_empty() {
                    notes += &format!("too large for {target}: {}\n", tally.too_large.join(", "));
                }
            }
            Err(_) => {
                table += &format!("{target:width$}  {:>9}  {:>13}  {seconds:7.1}\n", "FAILED", "-")
            }
        }
    }
    table + &notes
}

/// Writes `tests/digests.txt` from what the host computes, and says which cases changed.
pub(crate) fn bless(workspace: &Workspace) -> Outcome {
    let (new, old) = (digests(workspace)?, committed(workspace)?);
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_string();
    for line in cases(&new).filter(|line| !cases(&old).any(|old| old == *line)) {
        println!("new: {}", name(line));
    }
    for gone in cases(&old).map(name).filter(|old| !cases(&new).map(name).any(|new| new == *old)) {
        println!("gone: {gone}");
    }
    let path = workspace.root.join(DIGESTS);
    // A file beside it, renamed: never half a file.
    let draft = path.with_extension("txt.new");
    fs::write(&draft, new)
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// The lines of the cases in a text of digests.
fn cases(digests: &str) -> impl Iterator<Item = &str> {
    digests.lines().filter(|line| !line.starts_with('#'))
}

/// What the file says.
fn committed(workspace: &Workspace) -> Outcome<String> {
    let path = workspace.root.join(DIGESTS);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What the file must say, computed on the host.
fn digests(workspace: &Workspace) -> Outcome<String> {
    let (lines, outcome) = read(&mut on_host(workspace, &["--digests"]), |line| {
        // A case that does not hold says so in a comment.
        if line.starts_with('#') {
            println!("{line}");
        }
    });
    outcome.map(|()| format!("{HEAD}{lines}"))
}

const DIGESTS: &str = "tests/digests.txt";
const HEAD: &str = "\
# Written by `cargo xtask bless` from what the host computes; every target must reproduce it.
# Name of the case, numbers it computes, digest of their bits, a byte of the digest after each.
# A change of a line is a change of bits: it belongs into the CHANGELOG and a commit of its own.
";

#[cfg(test)]
mod tests {
    use super::{Row, Tally, first_difference, json, table};

    const RUN: &str = "\nrunning 3 tests on t\ntest a::b ... ok, 12 bytes of stack\n\
        test c ... ignored, needs 9 bytes of stack, 8 are free\ntest d ... FAILED\n    \
        digest 1 of 2 numbers, expected 3 of 2\n\ntest result: FAILED. 1 passed; 1 failed; \
        1 ignored; 0 measured; 0 filtered out\n";

    #[test]
    fn a_run_is_read() {
        let tally = Tally::parse(RUN).unwrap();
        assert_eq!((tally.equal, tally.failed.len(), tally.too_large.len()), (1, 1, 1));
        assert_eq!(tally.complaints, ["digest 1 of 2 numbers, expected 3 of 2"]);
        let row = Row { target: "t".into(), tally: Ok(tally), seconds: 1.0 };
        assert!(row.outcome().unwrap_err().contains("expected 3"));
        let json = &json(std::slice::from_ref(&row))[0];
        assert_eq!((&json["equal"], &json["failed"][0]), (&1.into(), &"d".into()));
        let table = table(&[row]);
        assert!(table.contains("2 of 3"), "{table}");
        assert!(table.contains("too large for t: c"), "{table}");
    }

    #[test]
    fn a_run_that_broke_off_is_an_error() {
        let cut = RUN.split("test d").next().unwrap();
        assert!(Tally::parse(cut).unwrap_err().contains("2 of 3"));
        assert!(Tally::parse("").is_err());
        assert!(Tally::parse("running 0 tests on t\ntest result: ok.\n").is_err());
    }

    #[test]
    fn the_first_difference_is_named() {
        let same = "0 x[0] 3ff0000000000000\n";
        assert_eq!(first_difference(same, same), None);
        let other = format!("{same}1 x[1] 4000000000000000\n");
        let found = first_difference(same, &other).unwrap();
        assert!(
            found.contains("nothing here, 1 x[1] 4000000000000000 (2e0) on the host"),
            "{found}"
        );
    }
}
