//! The command `suite`, from outside.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn suite(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_suite"));
    command.args(arguments).current_dir(folder).output().expect("the command starts")
}

/// One sensor, by methods without settings and one with.
const SMALL: [&str; 7] =
    ["--quick", "--part", "recovery", "--only", "linear", "--methods", "10 pairs,Adam"];

#[test]
fn an_interrupted_run_ends_with_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = SMALL.into_iter().chain(["--out", "out", "--json", "a"]).collect();
    let document = folder.path().join("out/benchmarks.md");
    let first = suite(folder.path(), &arguments);
    assert!(first.status.success(), "{first:?}");
    let whole = fs::read_to_string(&document).unwrap();
    assert!(whole.contains("| blend, 10 pairs, i16 |") && whole.contains("| Adam |"), "{whole}");
    let json = fs::read(folder.path().join("a")).unwrap();

    // As if it had been interrupted while it wrote a line.
    let records = fs::read_dir(folder.path().join("target/benchmarks")).unwrap();
    let records = records.last().unwrap().unwrap().path();
    let bytes = fs::read(&records).unwrap();
    fs::write(&records, &bytes[..bytes.len() / 2]).unwrap();
    fs::remove_file(&document).unwrap();
    let second = suite(folder.path(), &arguments);
    assert!(second.status.success() && second.stdout == first.stdout);
    assert!(String::from_utf8_lossy(&second.stderr).contains("runs are known already"));
    assert_eq!(fs::read_to_string(&document).unwrap(), whole);
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), json);

    // Words round the blocks stay, and so does a block of another part.
    let edited = format!("# Words\n\n{whole}\nMore words.\n");
    fs::write(&document, &edited).unwrap();
    assert!(suite(folder.path(), &arguments).status.success());
    assert_eq!(fs::read_to_string(&document).unwrap(), edited);
}

#[test]
fn mistakes_are_told_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, message) in [
        (&["--only", "nonsense"][..], "\"nonsense\""),
        (&["--json", "."], "."),
        (&["--part", "nonsense"], "nonsense"),
    ] {
        let output = suite(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{output:?}");
    }
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/benchmarks.md"), "no marks").unwrap();
    let arguments: Vec<&str> = SMALL.into_iter().chain(["--out", "out"]).collect();
    let output = suite(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("<!-- generated: summary -->"), "{message}");
    assert_eq!(fs::read_to_string(folder.path().join("out/benchmarks.md")).unwrap(), "no marks");
}
