//! Debian's packages: what is missing is installed where that is allowed, else the error says what
//! to type.

use crate::workspace::{Outcome, Workspace, output, run};
use std::env;
use std::path::Path;

/// Installs `packages` if one of `programs` is missing.
pub(crate) fn provide(workspace: &Workspace, programs: &[&str], packages: &[&str]) -> Outcome {
    let missing = || programs.iter().find(|program| !exists(program));
    let Some(program) = missing() else { return Ok(()) };
    println!("{program} is missing");
    let installed = install(workspace, packages);
    match (installed, missing()) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(program)) => Err(format!("{program} is missing even so")),
        (Err(error), _) => {
            Err(format!("{program} is missing: {error}\n  On Debian, type: {}", command(packages)))
        }
    }
}

/// Whether a program is found as a shell would find it.
fn exists(program: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// Installs packages; only root may, and nothing may be removed for it.
pub(crate) fn install(workspace: &Workspace, packages: &[&str]) -> Outcome {
    if !Path::new("/etc/debian_version").exists() {
        return Err("this is another system than Debian".into());
    }
    if output(workspace.command("id").arg("-u"))? != "0" {
        return Err("only root may install packages".into());
    }
    run(workspace.command("apt-get").args(["update", "-q"]))?;
    let arguments = ["install", "-q", "-y", "--no-install-recommends", "--no-remove"];
    run(workspace
        .command("apt-get")
        .args(arguments)
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// What a user types to install packages.
pub(crate) fn command(packages: &[&str]) -> String {
    format!(
        "sudo apt-get update && sudo apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}
