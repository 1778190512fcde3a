//! The proof that the core neither panics nor allocates: `firmware/panic-free`, an image that calls
//! every public function of `aadl-core` and links only if no path to a panic is left.
//!
//! | module | what it holds |
//! |---|---|
//! | `coverage` | that the image calls every public function |
//! | `image` | what a linked image holds: symbols, code, places where panics begin |
//!
//! That it links says something only as long as it would not link otherwise. So the same image with
//! two calls that panic (feature `control`) must fail, for these two calls, in each run.

mod coverage;
mod image;

pub(crate) use coverage::check as check_coverage;

use crate::toolchain::Toolchain;
use crate::workspace::{Outcome, Workspace, line};
use image::Image;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Soft floats and no division; an FPU; another instruction set.
pub(crate) const TARGETS: [&str; 3] =
    ["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"];
const MANIFEST: &str = "firmware/panic-free/Cargo.toml";
/// Cargo's profiles for size and for speed.
const PROFILES: [&str; 2] = ["release", "speed"];
/// What the panic handler of the image calls, and nothing defines.
const MISSING: &str = "a_panic_path_survives";
/// The file that holds the two calls of the negative control.
const CONTROL: &str = "panic-free/src/main.rs";
/// An image with less code does not hold what it is meant to call: the smallest has 150 KiB.
const LEAST_CODE: u64 = 100 << 10;
/// Parts of names that must not occur in the image: the panic machinery, and what a crate that
/// allocates refers to.
const FORBIDDEN: [&str; 6] =
    ["panicking", "rust_begin_unwind", MISSING, "__rust_alloc", "__rust_realloc", "malloc"];

/// Prints where panics begin in any image whose panic handler keeps their places.
pub(crate) fn print_sites(path: &Path) -> Outcome {
    let sites = Image::read(path)?.panic_sites();
    let text = if sites.is_empty() {
        format!(
            "{}: no place found: either the panic handler does not keep them, or no path to a \
             panic is left",
            path.display()
        )
    } else {
        sites.join("\n")
    };
    match writeln!(io::stdout(), "{text}") {
        // A reader such as `head` has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Links the image for `target` in all profiles, and sees that the negative control links in none.
pub(crate) fn check(workspace: &Workspace, target: &str) -> Outcome {
    let toolchain = Toolchain::find(workspace, target)?;
    println!("{target}: {toolchain}");
    let build = Build { workspace, toolchain: &toolchain, target };
    for profile in PROFILES {
        if let Err(complaint) = build.link(profile, &[], &[])? {
            return Err(build.explain(profile, &complaint)?);
        }
        let image = build.image(profile)?;
        let forbidden = image.symbol_with(&FORBIDDEN);
        if let Some(name) = forbidden.map_err(|error| format!("{target}, {profile}: {error}"))? {
            return Err(format!("{target}, {profile}: it links, and yet holds `{name}`"));
        }
        if image.code < LEAST_CODE {
            return Err(format!(
                "{target}, {profile}: only {} bytes of code: the compiler has left out the calls",
                image.code
            ));
        }
        println!("{profile}: no path to a panic in {} bytes of code, no allocation", image.code);
        build.control(profile)?;
    }
    Ok(())
}

/// Builds of the image for one target.
struct Build<'a> {
    workspace: &'a Workspace,
    toolchain: &'a Toolchain,
    target: &'a str,
}

impl Build<'_> {
    /// Compiles and links; `Err` inside is what the linker has against it.
    fn link(
        &self,
        profile: &str,
        features: &[&str],
        linker: &[&str],
    ) -> Outcome<Result<(), String>> {
        let arguments = [
            &["rustc", "--locked", "--manifest-path", MANIFEST, "--target", self.target][..],
            &["--profile", profile],
            features,
            &["--"],
            linker,
        ];
        let mut command =
            self.toolchain.cargo_with_stated_flags(self.workspace, arguments.concat());
        let line = line(&command);
        println!("$ {line}");
        let output = command.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let missing = linker_lines(&errors);
        if missing.is_empty() {
            Err(format!("`{line}`: {}\n{errors}", output.status))
        } else {
            Ok(Err(missing))
        }
    }

    fn image(&self, profile: &str) -> Outcome<Image> {
        let folders: PathBuf = [self.target, profile, "panic-free"].iter().collect();
        Image::read(&self.toolchain.target_dir(self.workspace).join(folders))
    }

    /// Where panics begin, found by linking all the same, with the missing function at address 0.
    fn panic_sites(&self, profile: &str, features: &[&str]) -> Outcome<Vec<String>> {
        let defined = format!("link-arg=--defsym={MISSING}=0");
        self.link(profile, features, &["-C", &defined])??;
        Ok(self.image(profile)?.panic_sites())
    }

    /// What the linker said, and which lines of which sources are to blame.
    fn explain(&self, profile: &str, complaint: &str) -> Outcome<String> {
        let sites = self.panic_sites(profile, &[])?;
        Ok(format!(
            "{}, {profile}: a public function of aadl-core can panic\n{complaint}\n\
             The paths that are left begin at:\n  {}",
            self.target,
            sites.join("\n  ")
        ))
    }

    /// The image with two panicking calls must not link, because of both.
    fn control(&self, profile: &str) -> Outcome {
        let features = ["--features", "control"];
        if self.link(profile, &features, &[])?.is_ok() {
            return Err(format!(
                "{}, {profile}: the image links even with calls that panic, so it proves nothing",
                self.target
            ));
        }
        let sites = self.panic_sites(profile, &features)?;
        let control = format!("{CONTROL}:");
        if sites.len() != 2 || !sites.iter().all(|site| site.contains(&control)) {
            return Err(format!(
                "{}, {profile}: two calls in {CONTROL} panic on purpose, but these places were found:\n  {}",
                self.target,
                sites.join("\n  ")
            ));
        }
        println!("{profile}, control: with two calls that panic it does not link");
        Ok(())
    }
}

/// The lines about what is missing, and who refers to it; empty if it is something else.
fn linker_lines(errors: &str) -> String {
    let lines = errors.lines().map(|line| line.trim().trim_start_matches("= note: "));
    let lines = lines.skip_while(|line| !line.contains(MISSING));
    let about = lines.take_while(|line| line.contains(MISSING) || line.starts_with(">>>"));
    about.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::linker_lines;

    #[test]
    fn only_the_missing_function_counts() {
        let lld = "error: linking with `rust-lld` failed\n  |\n\
            \x20 = note: rust-lld: error: undefined symbol: a_panic_path_survives\n\
            \x20         >>> referenced by main.rs:35 (src/main.rs:35)\n\
            \x20         >>>               a.o:(rust_begin_unwind)\n\n\
            error: could not compile";
        let lines = linker_lines(lld);
        assert!(lines.starts_with("rust-lld: error: undefined symbol"), "{lines}");
        assert!(lines.ends_with(">>>               a.o:(rust_begin_unwind)"), "{lines}");
        assert_eq!(linker_lines("error: undefined symbol: memcpy\n>>> referenced by a.o"), "");
    }
}
