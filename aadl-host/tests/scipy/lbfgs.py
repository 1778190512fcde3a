"""Writes what SciPy's L-BFGS-B does without bounds, for aadl-host/tests/lbfgs.rs.

    python3 lbfgs.py > lbfgs.json

Needs PyPI's numpy and scipy. For each function, in float64: the start, the minimiser and minimum,
the iterates, and for each number of pairs the evaluations (of loss and gradient) until the excess
of the loss over the minimum has fallen to 1e-3 and 1e-6 of that at the start.
"""

import json

import numpy as np
import scipy
from scipy.optimize import minimize

GAPS = [1e-3, 1e-6]


def rosenbrock(x):
    a, b = x[1::2] - x[0::2] ** 2, 1 - x[0::2]
    g = np.empty_like(x)
    g[0::2], g[1::2] = -400 * x[0::2] * a - 2 * b, 200 * a
    return np.sum(100 * a * a + b * b), g


def quadratic(x):
    i = np.arange(x.size)
    w = 1000.0 ** (i / (x.size - 1))
    d = x - np.sin(i + 1)
    # A mean of neighbours couples the axes; its matrix is positive definite.
    c = 0.5 * (np.roll(x, 1) + np.roll(x, -1))
    return 0.5 * np.sum(w * d * d + x * x + x * c), w * d + x + c


def logistic(x):
    k, i = np.arange(40)[:, None], np.arange(x.size)[None, :]
    a = np.sin(1 + 3 * k + 7 * i + 2 * k * i)
    m = a @ x
    return np.sum(np.logaddexp(0, -m)) + 0.05 * x @ x, -a.T @ (1 / (1 + np.exp(m))) + 0.1 * x


CASES = [
    ("rosenbrock", rosenbrock, [-1.2, 1.0]),
    ("rosenbrock", rosenbrock, [-1.2, 1.0] * 5),
    ("rosenbrock", rosenbrock, [0.5, -1.5, 2.0, 1.5]),
    ("quadratic", quadratic, [0.0] * 50),
    ("logistic", logistic, [2.0, -1.0] * 4),
]


def run(function, start, pairs):
    losses, iterates = [], []

    def counted(x):
        loss, gradient = function(x)
        losses.append(loss)
        return loss, gradient

    options = dict(maxcor=pairs, ftol=0, gtol=1e-9, maxiter=1000, maxfun=2000)
    result = minimize(
        counted, start, jac=True, method="L-BFGS-B", options=options,
        callback=lambda x: iterates.append(x.tolist()),
    )
    return result, losses, iterates


def case(name, function, start):
    best, losses, iterates = run(function, start, 10)
    counts = {}
    for pairs in [5, 10]:
        losses = run(function, start, pairs)[1]
        first = losses[0] - best.fun
        counts[pairs] = [
            next(n for n, loss in enumerate(losses, 1) if loss - best.fun <= gap * first)
            for gap in GAPS
        ]
    return {
        "function": name,
        "start": start,
        "minimiser": best.x.tolist(),
        "minimum": best.fun,
        "iterates": iterates[:3],
        "evaluations": [{"pairs": pairs, "to": count} for pairs, count in counts.items()],
    }


cases = [case(*arguments) for arguments in CASES]
print(json.dumps({"scipy": scipy.__version__, "gaps": GAPS, "cases": cases}, indent=1))
