//! Debian's packages: what is missing is installed where that is allowed, else the error says what
//! to type.

use crate::workspace::{Outcome, Workspace, output, run};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

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
    let installed = apt(workspace, &[], packages);
    if installed.is_ok() || !has_backports(workspace) {
        return installed;
    }
    println!("a package that is here is from backports, and may need others from there");
    let (sources, suite) = backports(workspace)?;
    apt(
        workspace,
        &["-o", &format!("Dir::Etc::sourceparts={}", sources.display()), "-t", &suite],
        packages,
    )
}

fn apt(workspace: &Workspace, options: &[&str], packages: &[&str]) -> Outcome {
    run(workspace.command("apt-get").args(options).args(["update", "-q"]))?;
    run(workspace
        .command("apt-get")
        .args(options)
        .args(["install", "-q", "-y", "--no-install-recommends", "--no-remove"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Whether a package of Debian's backports is installed: Debian's own QEMU, say, does not go with
/// their `qemu-utils`.
fn has_backports(workspace: &Workspace) -> bool {
    output(workspace.command("dpkg-query").args(["-W", "-f", "${Version}\n"]))
        .is_ok_and(|versions| versions.contains("~bpo"))
}

/// A folder with the system's sources of packages and backports, which the system's own settings may
/// lack, and the name of the suite.
fn backports(workspace: &Workspace) -> Outcome<(PathBuf, String)> {
    let folder = workspace.target_dir.join("apt-sources");
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    let release = fs::read_to_string("/etc/os-release").map_err(|e| format!("os-release: {e}"))?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.ok_or("/etc/os-release names no release")?.trim_matches('"');
    let suite = format!("{codename}-backports");
    // What an earlier call left may be gone from the system.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut listed = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    for entry in fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten() {
        if let Ok(text) = fs::read_to_string(entry.path()) {
            fs::write(folder.join(entry.file_name()), &text).map_err(failed)?;
            listed += &text;
        }
    }
    // A suite that is listed twice, with two keys or with one and none, is an error to apt.
    let lists = |line: &str| !line.trim_start().starts_with('#') && line.contains(&suite);
    if !listed.lines().any(lists) {
        let line = format!("deb http://deb.debian.org/debian {suite} main\n");
        fs::write(folder.join("backports.list"), line).map_err(failed)?;
    }
    Ok((folder, suite))
}

/// What a user types to install packages.
pub(crate) fn command(packages: &[&str]) -> String {
    format!(
        "sudo apt-get update && sudo apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}
