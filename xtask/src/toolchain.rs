//! A compiler for a target other than the host, found in this order:
//!
//! 1. The toolchain in use already has the target's libraries.
//! 2. rustup adds them.
//! 3. Debian's packages of Rust, which have the library sources, build them. Their version need
//!    not be that of the toolchain in use, so nothing of the latter may reach them: neither its
//!    environment nor its target folder.
//!
//! If none works, the error says which command to type.

use crate::debian;
use crate::workspace::{Outcome, Workspace, output};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs};

/// What Debian needs to compile and check for any target. The sources of the libraries come with
/// `rust-web-src`, the linker of bare-metal targets with `lld-22`.
const DEBIAN_PACKAGES: [&str; 5] =
    ["rustc-web", "cargo-web", "rust-web-clippy", "rust-web-src", "lld-22"];
/// Debian's programs, and the names under which Rust looks for them.
const DEBIAN_PROGRAMS: [(&str, &str); 6] = [
    ("/usr/bin/cargo", "cargo"),
    ("/usr/bin/rustc", "rustc"),
    ("/usr/bin/rustdoc", "rustdoc"),
    ("/usr/bin/cargo-clippy", "cargo-clippy"),
    ("/usr/bin/clippy-driver", "clippy-driver"),
    ("/usr/bin/lld-22", "rust-lld"),
];

/// A toolchain that can compile for one target.
pub(crate) enum Toolchain {
    /// The one in use.
    Current,
    /// Debian's, with the libraries compiled from source.
    Debian {
        /// Folder of links to its programs.
        programs: PathBuf,
        /// Libraries to compile: `core` or `std`.
        libraries: &'static str,
    },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => write!(f, "libraries of the toolchain in use"),
            Self::Debian { libraries, .. } => write!(f, "Debian's Rust, {libraries} from source"),
        }
    }
}

impl Toolchain {
    /// Finds a toolchain for `target`, installing what it may.
    pub(crate) fn find(workspace: &Workspace, target: &str) -> Outcome<Self> {
        let installed = libraries_of(workspace, target)?.is_some();
        if installed {
            return Ok(Self::Current);
        }
        let rustup = workspace.target_add(target);
        if rustup.is_ok() && libraries_of(workspace, target)?.is_some() {
            return Ok(Self::Current);
        }
        let rustup = rustup.err().unwrap_or_else(|| "it added no libraries".into());
        from_debian(workspace, target).map_err(|debian| {
            format!(
                "no toolchain for {target}.\n  rustup: {rustup}\n  Debian: {debian}\n  \
                 With rustup, type: rustup target add {target}\n  On Debian, type: {}",
                debian::command(&DEBIAN_PACKAGES)
            )
        })
    }

    /// What its compiler calls itself.
    pub(crate) fn version(&self, workspace: &Workspace) -> Outcome<String> {
        let rustc = match self {
            Self::Current => rustc(),
            Self::Debian { programs, .. } => programs.join("rustc").into(),
        };
        output(workspace.command(rustc).arg("--version"))
    }

    /// Where its cargo builds.
    pub(crate) fn target_dir(&self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Current => workspace.target_dir.clone(),
            Self::Debian { .. } => workspace.target_dir.join("debian"),
        }
    }

    /// Its cargo. Any `--target` but the one that was looked for may fail.
    pub(crate) fn cargo<'a>(
        &self,
        workspace: &Workspace,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        match self {
            Self::Current => workspace.cargo(arguments),
            Self::Debian { programs, libraries } => {
                let mut command = workspace.command(programs.join("cargo"));
                for (name, _) in env::vars_os() {
                    if name.to_str().is_some_and(belongs_to_a_toolchain) {
                        command.env_remove(name);
                    }
                }
                let others = env::var_os("PATH").unwrap_or_default();
                let path = [programs.clone()].into_iter().chain(env::split_paths(&others));
                if let Ok(path) = env::join_paths(path) {
                    command.env("PATH", path);
                }
                command
                    .args(arguments)
                    // Compiling the libraries is an unstable feature of cargo.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_UNSTABLE_BUILD_STD", libraries)
                    .env("CARGO_TARGET_DIR", self.target_dir(workspace));
                command
            }
        }
    }

    /// [`Self::cargo`] for figures and proofs, which hold for the flags that they state: those of
    /// the caller's environment do not reach it.
    pub(crate) fn cargo_with_stated_flags<'a>(
        &self,
        workspace: &Workspace,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let mut command = self.cargo(workspace, arguments);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(changes_code) {
                command.env_remove(name);
            }
        }
        command
    }
}

impl Workspace {
    /// Lets rustup add a target to the toolchain in use.
    fn target_add(&self, target: &str) -> Outcome {
        output(self.command("rustup").args(["target", "add", target])).map(drop)
    }
}

/// The compiler in use.
fn rustc() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// Where the libraries of `target` lie, if the toolchain in use has them. An error if it does not
/// know the target, or does not run.
fn libraries_of(workspace: &Workspace, target: &str) -> Outcome<Option<PathBuf>> {
    let folder =
        output(workspace.command(rustc()).args(["--print", "target-libdir", "--target", target]))?;
    let folder = PathBuf::from(folder);
    let has_core = fs::read_dir(&folder).is_ok_and(|files| {
        files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
    });
    Ok(has_core.then_some(folder))
}

/// Debian's toolchain, its packages installed if that is allowed.
fn from_debian(workspace: &Workspace, target: &str) -> Outcome<Toolchain> {
    if let Err(missing) = debian_is_complete(workspace) {
        println!("{missing}");
        debian::install(workspace, &DEBIAN_PACKAGES)?;
        debian_is_complete(workspace)?;
    }
    let programs = workspace.target_dir.join("debian").join("programs");
    fs::create_dir_all(&programs).map_err(|e| format!("{}: {e}", programs.display()))?;
    for (program, name) in DEBIAN_PROGRAMS {
        link(Path::new(program), &programs.join(name))?;
    }
    let bare_metal = target.split('-').any(|part| part == "none");
    Ok(Toolchain::Debian { programs, libraries: if bare_metal { "core" } else { "std" } })
}

fn debian_is_complete(workspace: &Workspace) -> Outcome {
    for (program, _) in DEBIAN_PROGRAMS {
        if !Path::new(program).exists() {
            return Err(format!("{program} is missing"));
        }
    }
    let mut rustc = workspace.command("/usr/bin/rustc");
    let sysroot = output(rustc.args(["--print", "sysroot"]).env_remove("LD_LIBRARY_PATH"))?;
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/core");
    if sources.exists() { Ok(()) } else { Err("the library sources are missing".into()) }
}

/// Whether a variable directs a toolchain, so that it must not reach another. Settings of network
/// and terminal stay, and so does the number of jobs.
fn belongs_to_a_toolchain(name: &str) -> bool {
    let prefixes = ["RUST", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_ENCODED_", "CARGO_BUILD_"];
    let others = ["CARGO_TARGET_", "CARGO_UNSTABLE_", "CARGO_PROFILE_"];
    name == "CARGO"
        || name == "LD_LIBRARY_PATH"
        || (name != "CARGO_BUILD_JOBS"
            && prefixes.iter().chain(&others).any(|prefix| name.starts_with(prefix)))
}

/// Whether a variable changes the code that is made, whichever toolchain makes it.
fn changes_code(name: &str) -> bool {
    name.starts_with("CARGO_PROFILE_") || name.ends_with("RUSTFLAGS")
}

#[cfg(unix)]
fn link(program: &Path, name: &Path) -> Outcome {
    // An old link may point elsewhere.
    if name.is_symlink() {
        fs::remove_file(name).map_err(|e| format!("{}: {e}", name.display()))?;
    }
    std::os::unix::fs::symlink(program, name).map_err(|e| format!("{}: {e}", name.display()))
}

#[cfg(not(unix))]
fn link(_: &Path, name: &Path) -> Outcome {
    Err(format!("{}: no links on this system", name.display()))
}

/// Fails, with the command to type, if `cargo <subcommand>` does not exist.
pub(crate) fn require_component(
    workspace: &Workspace,
    subcommand: &str,
    component: &str,
) -> Outcome {
    output(&mut workspace.cargo([subcommand, "--version"])).map(drop).map_err(|error| {
        let package = if component == "clippy" { "rust-web-clippy" } else { "rustfmt-web" };
        format!(
            "{error}\n  With rustup, type: rustup component add {component}\n  \
             On Debian, type: {}",
            debian::command(&[package])
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{belongs_to_a_toolchain, changes_code};

    #[test]
    fn one_toolchain_does_not_direct_another() {
        for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "LD_LIBRARY_PATH"] {
            assert!(belongs_to_a_toolchain(name), "{name}");
        }
        for name in ["CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            assert!(belongs_to_a_toolchain(name), "{name}");
        }
        for name in ["PATH", "HOME", "CARGO_HOME", "CARGO_HTTP_CAINFO", "CARGO_BUILD_JOBS"] {
            assert!(!belongs_to_a_toolchain(name), "{name}");
        }
    }

    #[test]
    fn no_flags_of_the_caller_reach_figures_and_proofs() {
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
            assert!(changes_code(name), "{name}");
        }
        for name in ["CARGO_TARGET_THUMBV6M_NONE_EABI_RUSTFLAGS", "CARGO_PROFILE_RELEASE_LTO"] {
            assert!(changes_code(name), "{name}");
        }
        for name in ["RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR", "PATH"] {
            assert!(!changes_code(name), "{name}");
        }
    }
}
