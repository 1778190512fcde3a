"""What the workers run in: the virtual environment, our own worker, one thread."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# One thread for every library that counts its own. The peers may choose the kernels that suit the
# processor, so variables that choose others for OpenBLAS do not reach them.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}
NOT_OURS_TO_CHOOSE = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Failure(Exception):
    """What the user is told, on the way out."""


def prepare(folder):
    """Makes the virtual environment in this folder unless it is there; returns its Python."""
    if sys.version_info < (3, 11):
        raise Failure("Python 3.11 or later is needed, for the peers' packages")
    requirements = HERE / "requirements.txt"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # Written last, so that an interrupted installation is gone on with.
    installed = folder / "installed.txt"
    if installed.exists() and installed.read_text() == requirements.read_text():
        return python
    print(f"Installing the peers' packages (gigabytes) in {folder}", file=sys.stderr)
    must([sys.executable, "-m", "venv", folder], "no virtual environment could be made")
    install = [python, "-m", "pip", "install", "--only-binary", ":all:", "-r", requirements]
    must(install, "pip could not install the peers' packages (is there a network, and disk space?)")
    installed.write_text(requirements.read_text())
    return python


def build():
    """Builds our worker; returns its path."""
    command = ["cargo", "build", "--release", "-p", "aadl-bench", "--bin", "compare-worker"]
    command += ["--message-format", "json-render-diagnostics"]
    messages = must(command, "our worker could not be built", stdout=subprocess.PIPE)
    for message in map(json.loads, messages.splitlines()):
        if message.get("executable") and message["target"]["name"] == "compare-worker":
            return message["executable"]
    raise Failure("cargo has built no compare-worker")


def must(command, complaint, stdout=sys.stderr):
    """Runs a command that has to succeed; returns what it printed where that is piped."""
    command = [str(word) for word in command]
    try:
        return subprocess.run(command, cwd=ROOT, check=True, stdout=stdout).stdout
    except OSError as error:
        raise Failure(f"{complaint}: {error}") from error
    except subprocess.CalledProcessError as error:
        status = f"ended with {error.returncode}"
        raise Failure(f"{complaint}:\n  {shlex.join(command)}\n  {status}") from error


def one_processor():
    """Confines this process, and so its workers, to one processor; false where that cannot be."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return True


class Worker:
    """A process that answers requests; `compare-worker` says which."""

    def __init__(self, name, command, log):
        environment = {k: v for k, v in os.environ.items() if k not in NOT_OURS_TO_CHOOSE}
        self.name, self.log, self.steps = name, log, 0
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment | ONE_THREAD,
                # Ctrl-C is for the one who closes the workers.
                start_new_session=True,
            )

    def ask(self, *words):
        """The text of the reply to a request."""
        try:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            reply = self.process.stdout.readline()
        except BrokenPipeError:
            reply = ""
        if not reply:
            last = Path(self.log).read_text(errors="replace").strip().splitlines()[-8:]
            raise Failure("\n  ".join([f"{self.name}: the worker has ended, with", *last]))
        word, _, text = reply.rstrip("\n").partition(" ")
        if word != "ok":
            raise Failure(f"{self.name}: {text}")
        return text

    def run(self, steps):
        """Seconds that this many steps took."""
        self.steps += steps
        return int(self.ask("run", steps)) / 1e9

    def close(self):
        self.process.kill()
        self.process.wait()
