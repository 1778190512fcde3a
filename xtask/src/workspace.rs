//! Where the workspace lies, and how commands are run in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Outcome of a step; an error is a sentence for the user.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Places that every step needs.
pub(crate) struct Workspace {
    /// Folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever the user has put it.
    pub(crate) target_dir: PathBuf,
    /// This program.
    pub(crate) program: PathBuf,
}

impl Workspace {
    /// Finds them.
    pub(crate) fn locate() -> Outcome<Self> {
        // `cargo run` and `cargo test` say which clone was meant, even where the program was copied
        // along with it and not built anew. As cargo's runner, it is told of another package.
        let own = env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == env!("CARGO_PKG_NAME"));
        let folder = env::var_os("CARGO_MANIFEST_DIR").filter(|_| own);
        let folder = folder.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&folder).parent().ok_or("xtask has no parent")?.to_path_buf();
        // This program is TARGET_DIR/PROFILE/xtask, which holds for every way to set the folder.
        let program = env::current_exe().map_err(|e| format!("own path unknown: {e}"))?;
        let target_dir =
            program.ancestors().nth(2).ok_or("own path has no target folder")?.to_path_buf();
        Ok(Self { root, target_dir, program })
    }

    /// A command in the root folder, without standard input.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// The cargo that started this program, with the given arguments.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).env("CARGO_TARGET_DIR", &self.target_dir);
        command
    }
}

/// Runs a command with its output shown, after printing it.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = line(command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}`: {status}")),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
    }
}

/// Runs a command silently: its standard output, or the line of its complaint that says most.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let line = line(command);
    let output = command.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_string());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let mut lines = complaint.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines.clone().find(|line| line.starts_with("error")).or_else(|| lines.next_back());
    Err(format!("`{line}`: {}: {}", output.status, error.unwrap_or("no message")))
}

/// The command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    let arguments = command.get_args().map(|a| a.to_string_lossy());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
