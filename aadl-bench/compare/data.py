"""The data that all workers are given, float32 in the machine's byte order.

`data.py iterates COUNT N FILE` or `data.py batch WIDTHS BATCH FILE`, run by the virtual
environment's Python.
"""

import sys

import numpy as np


def iterates(count, n):
    """COUNT iterates of N numbers that can be used round and round.

    Second differences are drawn, those across the end too, and summed twice. Least squares in
    float32 is what the peers have in common, and AADL's takes columns for dependent from a
    condition of 1 / (2^-23 N) on, 8.4 at N = 1e6: so the columns, which are these second
    differences, are nearly orthogonal.
    """
    random = np.random.default_rng(1)
    values = random.uniform(-1.0, 1.0, (count, n)).astype(np.float32)
    for _ in range(2):
        # Without its mean a sum comes back to where it began.
        values -= values.mean(axis=0)
        np.cumsum(values, axis=0, out=values)
    return values


def batch(widths, rows):
    """PyTorch's initial parameters of a dense network, ROWS of inputs, as many classes."""
    random = np.random.default_rng(2)
    parts = []
    for inputs, outputs in zip(widths, widths[1:]):
        bound = inputs**-0.5
        parts.append(random.uniform(-bound, bound, outputs * (inputs + 1)))
    parts.append(random.uniform(0.0, 1.0, rows * widths[0]))
    parts.append(random.integers(widths[-1], size=rows))
    return np.concatenate(parts).astype(np.float32)


def main(kind, shape, size, path):
    if kind == "iterates":
        values = iterates(int(shape), int(size))
    else:
        values = batch([int(width) for width in shape.split(",")], int(size))
    values.tofile(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
