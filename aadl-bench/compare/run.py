"""Times the accelerated step and the training step beside AADL, jaxopt, SciPy and PyTorch.

    python3 aadl-bench/compare/run.py --aadl PATH

PATH is a checkout of github.com/ORNL/AADL. The peers are installed from PyPI in a virtual
environment below `target/` first. All work on the same float32 data, on one thread; each peer is
timed in turn with ours, and the ratios are those of neighbouring times. A peer whose accelerated
point, or whose loss, is not ours is a failure. Exit status: 0; 1 if results disagree; 2 if
something is missing.
"""

import argparse
import array
import contextlib
import json
import math
import os
import platform
import signal
import statistics
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from environment import (  # noqa: E402
    HERE, ROOT, Failure, Worker, build, must, one_processor, prepare,
)

DEPTH = 11
# More than the window, or the oldest iterate would come back at once.
ITERATES = 13
# Name, library, method of its worker.
OURS = ("ours", "ours", "exact")
STEP_PEERS = [
    ("ours, `Gram::Wide`", "ours", "wide"),
    ("AADL, QR", "aadl", "qr"),
    ("AADL, normal equations", "aadl", "normal"),
    ("jaxopt, compiled loop", "jaxopt", "loop"),
    ("jaxopt, compiled call a step", "jaxopt", "call"),
    ("SciPy, `optimize.anderson`", "scipy", "anderson"),
    ("SciPy, `linalg.lstsq`", "scipy", "lstsq"),
]
KINDS = [OURS, *STEP_PEERS, ("PyTorch, eager", "torch", None)]
# Widths, batch, learning rate.
NETWORKS = [("64,32,10", 32, 0.01), ("784,128,10", 64, 0.01)]
# Steps after which losses and parameters are compared, and how far apart they may be.
TRAINED, TRAINED_TOLERANCE = 100, 1e-5
SIZES = [1000, 10**4, 10**5, 10**6]
LEFT_OUT = "left out: no `--aadl`"
# Between these the tables stand in a document.
BEGIN, END = "<!-- generated: peers -->", "<!-- end -->"


class Mismatch(Failure):
    """Results that should be the same are not."""


class Comparison:
    """How long the runs are, who makes data, and where they are."""

    def __init__(self, arguments, make, folder):
        self.arguments, self.make, self.folder = arguments, make, folder

    def accelerated_steps(self, methods):
        """Rows, size by size; of workers and their methods, ours first."""
        ours, *peers = methods
        rows = []
        for n in self.arguments.sizes:
            say(f"accelerated step, N = {size(n)}")
            data = self.folder / "iterates"
            self.make("iterates", ITERATES, n, data)
            for worker, method in methods.items():
                worker.ask("step", method, DEPTH, n, data)
                worker.steps = 0
            first = self.deviations(ours, peers, tolerance(n))
            times = self.compare(ours, peers)
            # After thousands of steps it is still the same.
            last = self.deviations(ours, peers, tolerance(n))
            for peer in peers:
                found = outcome(peer.name, times[peer], max(first[peer], last[peer]))
                rows.append({"n": n, "m": DEPTH, **found})
        return rows

    def deviations(self, ours, peers, allowed):
        """How far the peers' accelerated points are from ours, all at the same iterate."""
        for worker in [ours, *peers]:
            worker.run((1 - worker.steps) % ITERATES or ITERATES)
        point = self.result(ours)
        return {
            peer: agree(peer.name, "accelerated point", self.result(peer), point, allowed)
            for peer in peers
        }

    def training_steps(self, ours, torch):
        """Rows, network by network."""
        rows = []
        for widths, batch, lr in NETWORKS:
            name = widths.replace(",", "-")
            say(f"training step, {name} at batch {batch}")
            data = self.folder / "batch"
            self.make("batch", widths, batch, data)
            results = []
            for worker in [ours, torch]:
                worker.ask("train", widths, batch, lr, data)
                worker.run(TRAINED)
                results.append(self.result(worker))
            (our_loss, *our_params), (loss, *params) = results
            what = f"loss after {TRAINED} steps of {name}"
            apart = agree(torch.name, what, [loss], [our_loss], TRAINED_TOLERANCE)
            agree(torch.name, "network", params, our_params, TRAINED_TOLERANCE)
            pairs = self.compare(ours, [torch])[torch]
            network = {"network": name, "batch": batch, "loss": our_loss}
            rows.append({**network, **outcome(torch.name, pairs, apart)})
        return rows

    def result(self, worker):
        """What the worker's last step computed."""
        path = self.folder / "result"
        worker.ask("write", path)
        values = array.array("f")
        values.frombytes(path.read_bytes())
        return values

    def compare(self, ours, peers):
        """By peer, the seconds a step took of ours and of the peer's, in neighbouring runs."""
        steps = {worker: self.steps_for(worker) for worker in [ours, *peers]}

        def time(worker):
            worker.run(max(1, steps[worker] // 10))
            return worker.run(steps[worker]) / steps[worker]

        times = {peer: [] for peer in peers}
        for turn in range(self.arguments.rounds):
            for peer, pairs in times.items():
                order = [ours, peer] if turn % 2 == 0 else [peer, ours]
                took = {worker: time(worker) for worker in order}
                pairs.append((took[ours], took[peer]))
        return times

    def steps_for(self, worker):
        """Steps that take about as long as a run should."""
        steps = 1
        while (took := worker.run(steps)) < self.arguments.seconds / 2:
            steps *= 2
        return max(1, round(steps * self.arguments.seconds / took))


def tolerance(n):
    """How far a point may be from ours, relative to its norm: some peers sum N numbers in float32,
    whose rounding errors can add up to 2^-24 N."""
    return 1e-6 + 2e-9 * n


def agree(name, what, found, ours, allowed):
    """How far a result is from ours, relative to its norm; a failure where that is too far."""
    if len(found) != len(ours):
        raise Mismatch(f"{name}, {what}: {len(found)} numbers, ours {len(ours)}")
    apart = math.dist(found, ours) / math.hypot(*ours)
    # Not `>`: NaN is wrong too.
    if not apart <= allowed:
        raise Mismatch(f"{name}, {what}: {apart:.1e} from ours, {allowed:.1e} is allowed")
    return apart


def outcome(name, pairs, apart):
    """What is known of a peer."""
    ratios = [peer / ours for ours, peer in pairs]
    return {
        "peer": name,
        "ours_seconds": [ours for ours, _ in pairs],
        "peer_seconds": [peer for _, peer in pairs],
        "ratio_min": min(ratios),
        "ratio_median": statistics.median(ratios),
        "ratio_max": max(ratios),
        "deviation": apart,
    }


def three(value):
    """Three digits, without an exponent."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def size(n):
    exponent = round(math.log10(n))
    return f"1e{exponent}" if n == 10**exponent else str(n)


def ratio(row):
    low, median, high = (three(row[f"ratio_{which}"]) for which in ("min", "median", "max"))
    return f"**{median}** ({low} to {high})"


def deviation(row):
    return f"{row['deviation']:.0e}" if row["deviation"] else "0"


def microseconds(rows):
    return three(1e6 * statistics.median(s for row in rows for s in row["ours_seconds"]))


def step_table(rows, sizes):
    """Peers by sizes."""
    title = f"**Accelerated step, M = {DEPTH}: the peer's time over ours (min to max)**"
    lines = [title, "", "| | " + " | ".join(f"N = {size(n)}" for n in sizes) + " | deviation |"]
    lines.append("|---|" + "---|" * (len(sizes) + 1))
    ours = [microseconds([row for row in rows if row["n"] == n]) for n in sizes]
    lines.append("| ours, microseconds | " + " | ".join(ours) + " | |")
    for name, library, _ in STEP_PEERS:
        found = [row for row in rows if row["peer"] == name]
        if found:
            cells = [*map(ratio, found), " / ".join(map(deviation, found))]
        else:
            cells = [LEFT_OUT] * len(sizes) + [""]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def training_table(rows):
    lines = ["**Training step: PyTorch's eager time over ours (min to max)**", ""]
    lines += ["| network | batch | ours, microseconds | ratio | deviation of the loss |"]
    lines += ["|---|---|---|---|---|"]
    for row in rows:
        cells = [row["network"], row["batch"], microseconds([row]), ratio(row)]
        lines.append("| " + " | ".join(map(str, cells)) + f" | {deviation(row)} |")
    return lines


def processor():
    """What runs this."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return f"{(names or [platform.processor() or platform.machine()])[0]}, {os.cpu_count()} cores"


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--aadl", type=Path, metavar="PATH", help="checkout of ORNL/AADL")
    parser.add_argument("--sizes", type=numbers, metavar="N,N,...", help="default 1e3,1e4,1e5,1e6")
    parser.add_argument("--rounds", type=int, metavar="COUNT", help="pairs of times; default 9")
    parser.add_argument("--quick", action="store_true", help="sizes 1e3,1e4, 3 rounds, short ones")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes all times")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=f"replaces the tables in FILE after {BEGIN}"
    )
    arguments = parser.parse_args()
    sizes, rounds, arguments.seconds = (SIZES[:2], 3, 0.02) if arguments.quick else (SIZES, 9, 0.1)
    arguments.sizes = arguments.sizes or sizes
    arguments.rounds = rounds if arguments.rounds is None else arguments.rounds
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    if arguments.aadl and not (arguments.aadl / "AADL" / "accelerate.py").is_file():
        parser.error(f"--aadl: no AADL/accelerate.py in {arguments.aadl}")
    json_file = arguments.json
    if json_file and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        parser.error(f"--json: {json_file} cannot be a file")
    if arguments.out:
        try:
            in_document(arguments.out, "")
        except (OSError, ValueError) as error:
            parser.error(f"--out: {error}")
    return arguments


def numbers(text):
    """Sizes from a list of them."""
    sizes = [float(word) for word in text.split(",")]
    for n in sizes:
        if not (100 <= n <= 1e7 and n == int(n)):
            raise argparse.ArgumentTypeError("whole numbers from 100 to 1e7")
    return sorted({int(n) for n in sizes})


def in_document(path, block):
    """The document with what stands between its marks replaced."""
    before, mark, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"no lines {BEGIN} and {END} in {path}")
    return f"{before}{mark}\n\n{block}\n\n{end}{after}"


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    arguments = parse()
    if not arguments.aadl:
        say("WITHOUT AADL: no --aadl PATH was given, so it is left out of the comparison.")
    folder = ROOT / "target" / "compare"
    folder.mkdir(parents=True, exist_ok=True)
    python, binary = prepare(folder / "venv"), build()
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        confined = one_processor()
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan

        def start(name, library, _):
            command = [binary] if library == "ours" else [python, HERE / "worker.py", library]
            if library == "aadl":
                command.append(arguments.aadl.resolve())
            worker = Worker(name, command, data / f"{name}.log")
            stack.callback(worker.close)
            return worker

        def make(*words):
            must([python, HERE / "data.py", *words], "the data could not be made")

        kinds = [kind for kind in KINDS if kind[1] != "aadl" or arguments.aadl]
        workers = {start(*kind): kind for kind in kinds}
        # Who fails to import does so before the work.
        versions = {kind[0]: worker.ask("version") for worker, kind in workers.items()}
        ours, *_, torch = workers
        comparison = Comparison(arguments, make, data)
        methods = {worker: kind[2] for worker, kind in workers.items() if worker is not torch}
        steps = comparison.accelerated_steps(methods)
        training = comparison.training_steps(ours, torch)

    about = {
        "processor": processor(),
        "threads": 1,
        "one_processor": confined,
        "load_average": load,
        "rounds": arguments.rounds,
        "python": platform.python_version(),
        "versions": versions,
        "left_out": [] if arguments.aadl else ["AADL"],
    }
    words = "; ".join([
        about["processor"],
        f"one thread{' on one processor' if confined else ''}",
        f"{arguments.rounds} rounds",
        f"load average {load:.1f} at the start",
        *sorted(set(versions.values())),
        f"Python {about['python']}",
    ])
    tables = [*step_table(steps, arguments.sizes), "", *training_table(training), "", words + "."]
    print("\n".join(tables))
    if arguments.json:
        rows = {**about, "accelerated_steps": steps, "training_steps": training}
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    if arguments.out:
        arguments.out.write_text(in_document(arguments.out, "\n".join(tables)))
    if not arguments.aadl:
        say("WITHOUT AADL: give --aadl PATH to compare with it.")


def run():
    """Exit status of the command."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        return 130
    except (Failure, OSError) as failure:
        say(f"compare: {failure}")
        return 1 if isinstance(failure, Mismatch) else 2
    return 0


if __name__ == "__main__":
    sys.exit(run())
