//! `cargo xtask test`: all that must hold before a change goes in.

use crate::house;
use crate::report::Report;
use crate::toolchain::{self, Toolchain};
use crate::workspace::{Outcome, Workspace, run};

/// Targets the core is built for: an FPU and a hardware divider, and neither.
const TARGETS: &str = "thumbv7em-none-eabihf,thumbv6m-none-eabi";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave out the builds for no_std targets.
    #[arg(long, conflicts_with = "targets")]
    host_only: bool,
    /// The targets to build the core for.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = TARGETS)]
    targets: Vec<String>,
}

/// Runs all stages; true if none failed.
pub(crate) fn test(workspace: &Workspace, options: &Options) -> bool {
    let mut report = Report::new("cargo xtask test");
    report.stage("format", || {
        toolchain::require_component(workspace, "fmt", "rustfmt")?;
        run(&mut workspace.cargo(["fmt", "--all", "--check"]))
    });
    // Twice, because code behind a feature can be what uses, or what hides, the rest.
    for (stage, features) in [("clippy", None), ("clippy (all features)", Some("--all-features"))] {
        report.stage(stage, || {
            toolchain::require_component(workspace, "clippy", "clippy")?;
            let arguments = ["clippy", "--workspace", "--all-targets"].into_iter().chain(features);
            run(&mut workspace.cargo(arguments.chain(["--", "-D", "warnings"])))
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
        run(&mut workspace.cargo(["test", "--package", "aadl-core", "--features", "micromath"]))
    });
    report.stage("house rules", || house::check(&workspace.root));
    for target in &options.targets {
        let stage = format!("no_std {target}");
        if options.host_only {
            report.skip(stage, "--host-only");
        } else {
            report.stage(stage, || build(workspace, target));
        }
    }
    report.finish()
}

fn docs(workspace: &Workspace, what: &[&str]) -> Outcome {
    let arguments = ["doc", "--no-deps"].into_iter().chain(what.iter().copied());
    run(workspace.cargo(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Builds the core as a firmware would use it, with none and with all of its features.
fn build(workspace: &Workspace, target: &str) -> Outcome {
    let toolchain = Toolchain::find(workspace, target)?;
    println!("{target}: {toolchain}");
    for features in ["--no-default-features", "--all-features"] {
        let arguments =
            ["build", "--release", "--package", "aadl-core", "--target", target, features];
        run(&mut toolchain.cargo(workspace, arguments))?;
    }
    Ok(())
}
