//! The machines that programs for other targets run on: which target each has, and how QEMU is
//! told to be one. The table [`MACHINES`] is the only place that knows.

use crate::workspace::{Outcome, Workspace, line};
use crate::{debian, defmt};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

/// A machine that QEMU emulates.
#[derive(Debug)]
pub(crate) struct Machine {
    /// What it is called on the command line and in tables.
    pub(crate) name: &'static str,
    /// The Rust target of its programs.
    pub(crate) target: &'static str,
    /// The QEMU program.
    emulator: &'static str,
    /// What tells the emulator to be this machine.
    arguments: &'static [&'static str],
    kind: Kind,
    /// Debian's packages for it: the emulator and, of a Linux target, linker and C library.
    packages: &'static [&'static str],
}

#[derive(Debug)]
enum Kind {
    /// A board without operating system: arguments, output and status go through semihosting.
    Board,
    /// A Linux program under user-mode emulation; `linker` is its target's C compiler.
    Linux { linker: &'static str },
}

const fn cortex_m(
    name: &'static str,
    target: &'static str,
    board: &'static [&'static str],
) -> Machine {
    let packages = &["qemu-system-arm"];
    let emulator = "qemu-system-arm";
    Machine { name, target, emulator, arguments: board, kind: Kind::Board, packages }
}

const fn risc_v(name: &'static str, target: &'static str) -> Machine {
    Machine {
        name,
        target,
        emulator: "qemu-system-riscv32",
        arguments: &["-M", "virt", "-bios", "none"],
        kind: Kind::Board,
        packages: &["qemu-system-misc"],
    }
}

/// Every machine, in the order of tables. The first of a target is the one that
/// `.cargo/config.toml` runs its programs on.
pub(crate) static MACHINES: [Machine; 9] = [
    cortex_m("cortex-m0", "thumbv6m-none-eabi", &["-M", "microbit"]),
    cortex_m("cortex-m3", "thumbv7m-none-eabi", &["-M", "mps2-an385"]),
    cortex_m("cortex-m4f", "thumbv7em-none-eabihf", &["-M", "mps2-an386"]),
    cortex_m("cortex-m7", "thumbv7em-none-eabihf", &["-M", "mps2-an500"]),
    cortex_m("cortex-m33", "thumbv8m.main-none-eabihf", &["-M", "mps2-an505"]),
    risc_v("rv32imac", "riscv32imac-unknown-none-elf"),
    risc_v("rv32imafc", "riscv32imafc-unknown-none-elf"),
    Machine {
        name: "aarch64",
        target: "aarch64-unknown-linux-gnu",
        emulator: "qemu-aarch64",
        arguments: &["-L", "/usr/aarch64-linux-gnu"],
        kind: Kind::Linux { linker: "aarch64-linux-gnu-gcc" },
        packages: &["qemu-user", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
    },
    // The big-endian one. Not s390x: QEMU 7.2, which is Debian 12's, multiplies two float32 to a
    // float64 wrongly there (MDEBR).
    Machine {
        name: "powerpc",
        target: "powerpc-unknown-linux-gnu",
        emulator: "qemu-ppc",
        arguments: &["-L", "/usr/powerpc-linux-gnu"],
        kind: Kind::Linux { linker: "powerpc-linux-gnu-gcc" },
        packages: &["qemu-user", "gcc-powerpc-linux-gnu", "libc6-dev-powerpc-cross"],
    },
];

/// The machine of this name.
pub(crate) fn find(name: &str) -> Outcome<&'static Machine> {
    MACHINES.iter().find(|machine| machine.name == name).ok_or_else(|| {
        let names = MACHINES.each_ref().map(|machine| machine.name);
        format!("there is no machine `{name}`; there are {}", names.join(", "))
    })
}

/// The machines that a list of names and targets asks for; all for an empty list.
pub(crate) fn select(list: &[String]) -> Outcome<Vec<&'static Machine>> {
    if list.is_empty() {
        return Ok(MACHINES.iter().collect());
    }
    let of_target = |word: &String| MACHINES.iter().any(|machine| machine.target == word);
    list.iter().filter(|word| !of_target(word)).try_for_each(|name| find(name).map(drop))?;
    let chosen = |machine: &&Machine| list.iter().any(|w| w == machine.name || w == machine.target);
    Ok(MACHINES.iter().filter(chosen).collect())
}

impl Machine {
    /// Sees to it that the emulator and the linker are there, installing them if that is allowed.
    pub(crate) fn provide(&self, workspace: &Workspace) -> Outcome {
        let mut programs = vec![self.emulator];
        if let Kind::Linux { linker } = self.kind {
            programs.push(linker);
        }
        debian::provide(workspace, &programs, self.packages)
    }

    /// The emulator on a program with its arguments; `options` are for the emulator, such as
    /// `-icount shift=6`.
    pub(crate) fn command(&self, program: &str, arguments: &[&str], options: &[&str]) -> Command {
        let mut command = Command::new(self.emulator);
        command.args(self.arguments).args(options).stdin(Stdio::null());
        match self.kind {
            Kind::Linux { .. } => {
                command.arg(program).args(arguments);
            }
            Kind::Board => {
                command.args(["-display", "none", "-monitor", "none", "-serial", "null"]);
                let mut semihosting = String::from("enable=on,target=native,arg=program");
                for argument in arguments {
                    // QEMU's own way to write a comma in a value.
                    semihosting += &format!(",arg={}", argument.replace(',', ",,"));
                }
                command.args(["-semihosting-config", &semihosting, "-kernel", program]);
            }
        }
        command
    }
}

/// How long a program may run.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);
/// How long cargo may, where its runner is this program: longer, so that the runner ends QEMU, which
/// would survive the end of cargo.
pub(crate) const CARGO_LIMIT: Duration = Duration::from_secs(660);

/// Runs a command whose program may hang, as one in an emulator does after a fault. Each line of
/// its output is shown to `see` as it comes.
pub(crate) fn watch(command: &mut Command, limit: Duration, mut see: impl FnMut(&str)) -> Outcome {
    watch_bytes(command, limit, |line| {
        see(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
    })
}

/// [`watch`] for output that need not be text: all bytes, up to and with each end of a line.
fn watch_bytes(command: &mut Command, limit: Duration, mut see: impl FnMut(&[u8])) -> Outcome {
    let shown = line(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("`{shown}` did not start: {e}"))?;
    let (sender, lines) = mpsc::channel();
    let output = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut output = BufReader::new(output?);
        loop {
            let mut line = Vec::new();
            output.read_until(b'\n', &mut line).ok().filter(|length| *length > 0)?;
            sender.send(line).ok()?;
        }
    });
    let deadline = Instant::now() + limit;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => see(&line),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                kill(&mut child);
                return Err(format!("`{shown}` still ran after {} s: ended", limit.as_secs()));
            }
        }
    }
    let _: Result<Option<()>, _> = reader.join();
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}`: {status}")),
        Err(error) => Err(format!("`{shown}`: {error}")),
    }
}

fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// `cargo xtask emulate`: a program on a machine, as cargo runs it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// One of the machines of `cargo xtask test`.
    machine: String,
    /// The program, linked for the machine's target.
    program: String,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs a program, showing its output, and its log if it writes one; an error where its status is
/// not 0.
pub(crate) fn emulate(workspace: &Workspace, options: &Options) -> Outcome {
    let machine = find(&options.machine)?;
    machine.provide(workspace)?;
    let arguments: Vec<_> = options.arguments.iter().map(String::as_str).collect();
    let mut command = machine.command(&options.program, &arguments, &[]);
    let program = fs::read(&options.program).map_err(|e| format!("{}: {e}", options.program))?;
    let Some(table) = defmt::table(&program)? else {
        return watch(&mut command, LIMIT, |line| println!("{line}"));
    };
    let mut decoder = table.new_stream_decoder();
    let (mut decoded, mut last) = (Ok(()), None);
    watch_bytes(&mut command, LIMIT, |bytes| {
        last = bytes.last().copied();
        if decoded.is_ok() {
            decoded = defmt::decode(&mut *decoder, bytes, |line| println!("{line}"));
        }
    })?;
    decoded?;
    defmt::check_end(&table, last)
}

impl Workspace {
    /// Has `.cargo/emulate`, the runner of a cargo command, run programs on this machine and through
    /// this program. (Not `--config`: it finds no key for a target with a dot in its name, as that of
    /// the Cortex-M33.)
    pub(crate) fn run_on(&self, machine: &Machine, mut cargo: Command) -> Command {
        cargo.env("AADL_XTASK", &self.program).env("AADL_MACHINE", machine.name);
        cargo
    }
}

#[cfg(test)]
mod tests {
    use super::{MACHINES, select};

    fn names(list: &[&str]) -> Result<Vec<&'static str>, String> {
        let list: Vec<_> = list.iter().map(|word| word.to_string()).collect();
        select(&list).map(|machines| machines.iter().map(|machine| machine.name).collect())
    }

    #[test]
    fn machines_are_chosen_by_name_or_target() {
        assert_eq!(names(&[]).unwrap().len(), MACHINES.len());
        assert_eq!(names(&["cortex-m7", "cortex-m0"]).unwrap(), ["cortex-m0", "cortex-m7"]);
        assert_eq!(names(&["thumbv7em-none-eabihf"]).unwrap(), ["cortex-m4f", "cortex-m7"]);
        assert!(names(&["cortex-m4f", "cortex-m5"]).unwrap_err().contains("`cortex-m5`"));
    }

    #[test]
    fn cargo_runs_each_target_on_its_first_machine() {
        let config = include_str!("../../.cargo/config.toml");
        for machine in &MACHINES {
            let first = MACHINES.iter().find(|other| other.target == machine.target).unwrap();
            let entry = format!(
                "[target.{}]\nrunner = [\"./.cargo/emulate\", \"{}\"]",
                machine.target, first.name
            );
            assert!(config.contains(&entry), "{entry}");
        }
    }

    #[test]
    fn a_comma_in_an_argument_reaches_the_program() {
        let command = MACHINES[0].command("p", &["a,b", "--list"], &["-icount", "shift=6"]);
        let arguments: Vec<_> = command.get_args().filter_map(|a| a.to_str()).collect();
        let semihosting = "enable=on,target=native,arg=program,arg=a,,b,arg=--list";
        assert!(arguments.contains(&semihosting), "{arguments:?}");
        assert!(arguments.windows(2).any(|pair| pair == ["-icount", "shift=6"]));
    }
}
