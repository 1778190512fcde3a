//! The `aadl` command from outside: exit status, output, files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn aadl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aadl"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn status(output: &Output) -> Option<i32> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{errors}");
    output.status.code()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn references() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/aadl")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for arguments in [
        &[][..],
        &["dmo"],
        &["demo", "--quik"],
        &["demo", "--seed", "-1"],
        &["demo", "--seed", "99999999999999999999"],
        &["verify"],
        &["verify", "no such folder"],
    ] {
        let output = aadl(arguments).output().unwrap();
        assert_eq!(status(&output), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn places_that_cannot_be_written_are_found_before_the_work() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "old").unwrap();
    let (below, out) = (file.join("below"), folder.path().join("out"));
    let references = references();
    for arguments in [
        &["demo", "--out", text(&file)][..],
        &["demo", "--out", text(&out), "--json", text(&below)],
        &["demo", "--out", text(&out), "--json", text(folder.path())],
        &["verify", text(&references), "--json", text(&below)],
    ] {
        let output = aadl(arguments).output().unwrap();
        assert_eq!(status(&output), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(names(&out), [""; 0]);
}

#[test]
fn verify_passes_or_fails_by_its_status() {
    let folder = TempDir::new().unwrap();
    let (references, json) = (references(), folder.path().join("a/report.json"));
    let output = aadl(&["verify", text(&references), "--json", text(&json)]).output().unwrap();
    assert_eq!(status(&output), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("51 of 51 passed\n"));
    let report: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["format"], "aadl-verify-v1");
    assert_eq!(report["cases"].as_array().unwrap().len(), 51);

    let bad = folder.path().join("bad");
    fs::create_dir(&bad).unwrap();
    assert_eq!(status(&aadl(&["verify", text(&bad)]).output().unwrap()), Some(2));
    // Sizes that are only claimed take no memory.
    let case = r#"{"format": "aadl-ls-v1", "cases": [{"N": 4294967295, "cols": 4294967295,
        "X_float32_rows": [["1"]], "relaxation": 1, "regularization": 0}]}"#;
    fs::write(bad.join("case.json"), case).unwrap();
    assert_eq!(status(&aadl(&["verify", text(&bad)]).output().unwrap()), Some(1));
}

/// A quick demo whose reader leaves after the first line. It still writes its files, whole and
/// nothing else.
#[test]
fn demo_writes_its_files_even_if_nobody_reads_its_output() {
    let folder = TempDir::new().unwrap();
    let json = folder.path().join("table.json");
    let arguments = ["demo", "--quick", "--out", text(folder.path()), "--json", text(&json)];
    let mut child = aadl(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("1437 samples to learn from, 360 to test"), "{line}");
    assert_eq!(status(&child.wait_with_output().unwrap()), Some(0));

    assert_eq!(names(folder.path()), ["demo.svg", "table.json"]);
    assert!(fs::read_to_string(folder.path().join("demo.svg")).unwrap().ends_with("</svg>\n"));
    let table: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let columns: Vec<&str> =
        table["columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 11);
    let at =
        |row: usize, column: &str| &rows[row][columns.iter().position(|c| *c == column).unwrap()];
    let mut kinds = Vec::new();
    for row in 0..rows.len() {
        kinds.push(at(row, "accelerated").as_str());
        assert!(at(row, "test accuracy").as_f64().unwrap() > 0.9, "{row}");
    }
    let (no, yes) = (Some("no"), Some("yes"));
    assert_eq!(kinds, [no, yes, no, yes, no, yes, None, no, yes, no, yes]);
    assert_eq!(at(6, "optimizer"), "Multisecant");
    assert!(at(6, "cost").as_f64().unwrap() < 0.6 * at(4, "cost").as_f64().unwrap());
    // Gradient descent: not there in the budget; accelerated, it is, on every seed.
    assert_eq!((at(0, "reached"), at(1, "reached")), (&"0 of 3".into(), &"3 of 3".into()));
    assert!(at(0, "cost").is_null() && at(1, "cost").as_f64().unwrap() < 100.0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_demo_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let json = folder.path().join("table.json");
    let arguments = ["demo", "--out", text(folder.path()), "--json", text(&json)];
    let mut child = aadl(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    // The shell's own `kill`: a bare machine has no program of that name.
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(status(&output), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
    assert_eq!(names(folder.path()), [""; 0]);
}
