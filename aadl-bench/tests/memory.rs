//! What `memory` finds, of a shorter run than that of the documents.
#![cfg(target_os = "linux")]

use std::process::Command;

#[test]
fn a_run_takes_the_history_and_the_parameters() {
    let output = Command::new(env!("CARGO_BIN_EXE_memory")).arg("4000000").output().unwrap();
    let (found, complaint) = (output.stdout, output.stderr);
    let (found, complaint) =
        (String::from_utf8(found).unwrap(), String::from_utf8(complaint).unwrap());
    assert!(output.status.success(), "{found}{complaint}");
    assert!(found.starts_with("N = 4000000, M = 11, ") && !found.contains(" 0 accelerations"));
    assert!(found.contains("peak "), "{found}");
}

#[test]
fn a_depth_out_of_range_is_refused() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_memory")).args(["4000000", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
