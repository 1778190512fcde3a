//! `cargo xtask test`: all that must hold before a change goes in.

use crate::machine::{self, MACHINES, Machine};
use crate::report::Report;
use crate::toolchain::{self, Toolchain};
use crate::workspace::{Outcome, Workspace, run};
use crate::{bits, firmware, house, panic_free};
use std::fs::{self, File};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave out the emulated machines.
    #[arg(long, conflicts_with = "targets")]
    host_only: bool,
    /// Emulate only these machines, by name or by target.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    targets: Vec<String>,
    /// Write the closing tables to this file, too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    /// The machines that are meant. An error where there is no such machine or nowhere to write to:
    /// before the minutes that all else takes.
    fn check(&self) -> Outcome<Vec<&'static Machine>> {
        let machines = machine::select(&self.targets)?;
        if let Some(path) = &self.json {
            // What an earlier run has written stays until this one has ended.
            let open = File::options().append(true).create(true).open(path);
            open.map_err(|e| format!("{}: {e}", path.display()))?;
        }
        Ok(machines)
    }
}

/// What of the sources no host compiles, with a target that does.
const DEVICE_CODE: [(&str, &[&str]); 9] = [
    ("thumbv7em-none-eabihf", &["--package", "aadl-tests", "--lib", "--test", "bits"]),
    ("riscv32imac-unknown-none-elf", &["--package", "aadl-tests", "--lib", "--test", "bits"]),
    ("thumbv7em-none-eabihf", &["--manifest-path", "firmware/cortex-m4f/Cargo.toml"]),
    ("riscv32imac-unknown-none-elf", &["--manifest-path", "firmware/riscv32/Cargo.toml"]),
    ("thumbv7em-none-eabihf", &["--manifest-path", "firmware/embassy/Cargo.toml"]),
    ("thumbv7em-none-eabihf", &["--manifest-path", "firmware/defmt-log/Cargo.toml"]),
    ("thumbv7em-none-eabihf", &["--manifest-path", "firmware/measure/Cargo.toml"]),
    ("riscv32imac-unknown-none-elf", &["--manifest-path", "firmware/measure/Cargo.toml"]),
    (
        "thumbv6m-none-eabi",
        &["--manifest-path", "firmware/panic-free/Cargo.toml", "--features", "control"],
    ),
];

/// Runs all stages; true if none failed. An error where an option makes no sense.
pub(crate) fn test(workspace: &Workspace, options: &Options) -> Outcome<bool> {
    let machines = options.check()?;
    let mut report = Report::new("cargo xtask test");
    report.stage("format", || {
        toolchain::require_component(workspace, "fmt", "rustfmt")?;
        run(&mut workspace.cargo(["fmt", "--all", "--check"]))?;
        let firmware = ["--manifest-path", "firmware/Cargo.toml"];
        run(&mut workspace.cargo(["fmt", "--all", "--check"].into_iter().chain(firmware)))
    });
    // Twice, because code behind a feature can be what uses, or what hides, the rest.
    for (stage, features) in [("clippy", None), ("clippy (all features)", Some("--all-features"))] {
        report.stage(stage, || {
            toolchain::require_component(workspace, "clippy", "clippy")?;
            let arguments = ["clippy", "--workspace", "--all-targets"].into_iter().chain(features);
            run(&mut workspace.cargo(arguments.chain(["--", "-D", "warnings"])))
        });
    }
    if options.host_only {
        report.skip("clippy (devices)", "--host-only");
    } else {
        report.stage("clippy (devices)", || {
            DEVICE_CODE.iter().try_for_each(|(target, what)| {
                let toolchain = Toolchain::find(workspace, target)?;
                let arguments = ["clippy", "--locked", "--target", target];
                let rest = what.iter().copied().chain(["--", "-D", "warnings"]);
                run(&mut toolchain.cargo(workspace, arguments.into_iter().chain(rest)))
            })
        });
    }
    report.stage("docs", || {
        docs(workspace, &["--workspace"])?;
        // Last, so that the page left behind shows what is behind features too.
        docs(workspace, &["--package", "aadl-core", "--all-features"])
    });
    report.stage("tests", || run(&mut workspace.cargo(["test", "--workspace", "--no-fail-fast"])));
    // Not with `defmt`: a program that uses it links only with a logger for some device.
    report.stage("tests (micromath)", || {
        let package = ["test", "--package", "aadl-core", "--features", "micromath"];
        run(&mut workspace.cargo(package.into_iter().chain(["--test", "micromath"])))?;
        run(&mut workspace.cargo(package.into_iter().chain(["--doc", "math"])))
    });
    report.stage("house rules", || house::check(&workspace.root));
    run_proof(workspace, options, &machines, &mut report);
    run_examples(workspace, options, &machines, &mut report);
    let rows = run_cases(workspace, options, &machines, &mut report);
    finish(report, &rows, options)
}

/// Proves that nothing in the core panics, and no more; true if that holds. An error where an option
/// makes no sense.
pub(crate) fn panic_free(workspace: &Workspace, options: &Options) -> Outcome<bool> {
    let machines = options.check()?;
    let mut report = Report::new("cargo xtask panic-free");
    run_proof(workspace, options, &machines, &mut report);
    finish(report, &[], options)
}

/// Runs the examples for devices alone; true if none failed. An error where an option makes no
/// sense.
pub(crate) fn firmware(workspace: &Workspace, options: &Options) -> Outcome<bool> {
    let machines = options.check()?;
    let mut report = Report::new("cargo xtask firmware");
    run_examples(workspace, options, &machines, &mut report);
    finish(report, &[], options)
}

/// Runs the cases alone; true if none failed. An error where an option makes no sense.
pub(crate) fn bits(workspace: &Workspace, options: &Options) -> Outcome<bool> {
    let machines = options.check()?;
    let mut report = Report::new("cargo xtask bits");
    let rows = run_cases(workspace, options, &machines, &mut report);
    finish(report, &rows, options)
}

/// Ends a report with the table of the cases; true if nothing failed.
fn finish(report: Report, rows: &[bits::Row], options: &Options) -> Outcome<bool> {
    let tables = serde_json::json!({ "stages": report.json(), "targets": bits::json(rows) });
    let passed = report.finish(&if rows.is_empty() { String::new() } else { bits::table(rows) });
    if let Some(path) = &options.json {
        fs::write(path, format!("{tables:#}\n")).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(passed)
}

/// The cases on the host and on the machines, a stage each.
fn run_cases(
    workspace: &Workspace,
    options: &Options,
    machines: &[&Machine],
    report: &mut Report,
) -> Vec<bits::Row> {
    let mut rows = Vec::new();
    let mut cases = |report: &mut Report, stage: &str, run: &dyn Fn() -> bits::Row| {
        report.stage(stage, || {
            let row = run();
            let outcome = row.outcome();
            rows.push(row);
            outcome
        });
    };
    cases(report, "bits on the host", &|| bits::host(workspace));
    for machine in &MACHINES {
        let stage = format!("bits on {}", machine.name);
        match left_out(options, machines, machine) {
            Some(why) => report.skip(stage, why),
            None => cases(report, &stage, &|| bits::on_machine(workspace, machine)),
        }
    }
    rows
}

/// The proof that nothing in the core panics, a stage for each target.
fn run_proof(workspace: &Workspace, options: &Options, machines: &[&Machine], report: &mut Report) {
    report.stage("no panic: all is called", || panic_free::check_coverage(&workspace.root));
    for target in panic_free::TARGETS {
        let stage = format!("no panic on {target}");
        if options.host_only {
            report.skip(stage, "--host-only");
        } else if !machines.iter().any(|machine| machine.target == target) {
            report.skip(stage, "not in --targets");
        } else {
            report.stage(stage, || panic_free::check(workspace, target));
        }
    }
}

/// The examples for devices, a stage for each on each of its machines.
fn run_examples(
    workspace: &Workspace,
    options: &Options,
    machines: &[&Machine],
    report: &mut Report,
) {
    for (example, machine) in firmware::EXAMPLES.iter().flat_map(firmware::Example::runs) {
        let stage = format!("firmware {} on {}", example.name, machine.name);
        match left_out(options, machines, machine) {
            Some(why) => report.skip(stage, why),
            None => report.stage(stage, || firmware::check(workspace, example, machine)),
        }
    }
}

/// Why nothing runs on this machine, where that is so.
fn left_out(options: &Options, machines: &[&Machine], machine: &Machine) -> Option<&'static str> {
    if options.host_only {
        return Some("--host-only");
    }
    let chosen = machines.iter().any(|chosen| chosen.name == machine.name);
    (!chosen).then_some("not in --targets")
}

fn docs(workspace: &Workspace, what: &[&str]) -> Outcome {
    let arguments = ["doc", "--no-deps"].into_iter().chain(what.iter().copied());
    run(workspace.cargo(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}
