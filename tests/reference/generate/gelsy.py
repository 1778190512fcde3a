"""Writes least-squares problems and LAPACK's answers to them, for tests/tests/qr.rs.

    python3 gelsy.py > ../torch/gelsy.json

Needs PyPI's numpy and scipy (scipy.linalg.lstsq, driver gelsy, rcond = eps * max(rows, columns)).
Matrices are listed by columns; `condition` is that of the singular values above the threshold.
"""

import json

import numpy as np
import scipy.linalg

rng = np.random.default_rng(7)
EPS = np.finfo(np.float64).eps


def with_values(rows, columns, values):
    """A random matrix with these singular values."""
    u, _ = np.linalg.qr(rng.standard_normal((rows, len(values))))
    v, _ = np.linalg.qr(rng.standard_normal((columns, len(values))))
    return (u * values) @ v.T


def near(rows, columns, ratio):
    """The smallest singular value at `ratio` times the threshold."""
    least = min(rows, columns)
    values = np.geomspace(1, 1e-2, least)
    values[-1] = ratio * EPS * max(rows, columns)
    return with_values(rows, columns, values)


def duplicate():
    a = rng.standard_normal((9, 5))
    a[:, 3] = a[:, 1]
    return a


def zero_columns():
    a = rng.standard_normal((7, 5))
    a[:, [0, 4]] = 0
    return a


def sum_of_columns():
    a = rng.standard_normal((12, 4))
    return np.column_stack([a, a @ [1.0, -2.0, 0.5, 3.0]])


def stacked(power):
    """A window near convergence over its Tikhonov rows, as AADL stacks them."""
    a = 10.0**-power * with_values(6, 4, np.geomspace(1, 1e-5, 4))
    return np.vstack([a, 1e-5 * np.eye(4)])


CASES = [
    ("one by one", rng.standard_normal((1, 1))),
    ("one column", rng.standard_normal((6, 1))),
    ("one row", rng.standard_normal((1, 6))),
    ("square", rng.standard_normal((5, 5))),
    ("tall", rng.standard_normal((40, 7))),
    ("tall, many columns", rng.standard_normal((60, 25))),
    ("wide", rng.standard_normal((4, 9))),
    ("wide, rank 2", with_values(4, 9, [3.0, 0.5])),
    ("tall, rank 3", with_values(12, 6, [2.0, 1.0, 0.1])),
    ("condition 1e6", with_values(10, 5, np.geomspace(1, 1e-6, 5))),
    ("condition 1e10", with_values(10, 5, np.geomspace(1, 1e-10, 5))),
    ("duplicate column", duplicate()),
    ("zero columns", zero_columns()),
    ("sum of columns", sum_of_columns()),
    ("zero", np.zeros((3, 4))),
    ("graded columns", rng.standard_normal((8, 5)) * 10.0 ** np.arange(0, -10, -2)),
    ("graded rows", rng.standard_normal((8, 5)) * (10.0 ** np.arange(0, -8, -1))[:, None]),
    ("large", 1e150 * rng.standard_normal((6, 4))),
    ("small", 1e-150 * rng.standard_normal((6, 4))),
    ("a quarter of the threshold", near(8, 4, 0.25)),
    ("ten times the threshold", near(8, 4, 10.0)),
    ("wide, a quarter of the threshold", near(4, 8, 0.25)),
    ("wide, ten times the threshold", near(4, 8, 10.0)),
    ("stacked 3", stacked(3)),
    ("stacked 12", stacked(12)),
]


def main():
    out = []
    for name, a in CASES:
        rows, columns = a.shape
        b = rng.standard_normal(rows)
        rcond = EPS * max(rows, columns)
        x, _, rank, _ = scipy.linalg.lstsq(a, b, cond=rcond, lapack_driver="gelsy")
        values = np.linalg.svd(a, compute_uv=False)
        condition = values[0] / values[rank - 1] if rank else 1.0
        out.append(
            {
                "name": name,
                "rows": rows,
                "columns": columns,
                "a": [float(v) for v in a.T.ravel()],
                "b": [float(v) for v in b],
                "x": [float(v) for v in x],
                "rank": int(rank),
                "residual": float(np.linalg.norm(a @ x - b)),
                "condition": float(condition),
            }
        )
    print("[\n" + ",\n".join(json.dumps(case) for case in out) + "\n]")


main()
