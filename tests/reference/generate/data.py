"""Writes aadl-host/data/*.csv from the copies in PyPI's scikit-learn (version 1.9 was used).

Run from any folder:
    python data.py
One sample a line, the target last; the first line, after `#`, names the columns. Numbers are the
shortest that read back as the same float64. Sources and licences: aadl-host/data/README.md.
"""

import pathlib

from sklearn import datasets

SETS = {
    "digits": datasets.load_digits(),
    "breast_cancer": datasets.load_breast_cancer(),
    "wine": datasets.load_wine(),
    "diabetes": datasets.load_diabetes(scaled=False),
}


def text(x):
    return str(int(x)) if x == int(x) else repr(float(x))


def main():
    folder = pathlib.Path(__file__).resolve().parents[3] / "aadl-host" / "data"
    for name, data in SETS.items():
        names = [str(n).replace(" ", "_") for n in data.feature_names]
        lines = ["# " + ",".join(names + ["target"])]
        for row, target in zip(data.data, data.target):
            lines.append(",".join(text(x) for x in [*row, target]))
        path = folder / f"{name}.csv"
        path.write_text("\n".join(lines) + "\n")
        print(path.name, len(lines) - 1, "samples", path.stat().st_size, "bytes")


main()
