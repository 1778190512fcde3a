"""The peers' side of run.py: `worker.py LIBRARY [FOLDER]`, run by the virtual environment's Python.

LIBRARY is aadl (its checkout in FOLDER), jaxopt, scipy or torch. Requests and replies are those of
our own worker, compare-worker, where they are described; the method of `step` is one of those in
METHODS. Whatever a library prints goes to standard error.
"""

import os
import sys
import time

import numpy as np


class AadlStep:
    """AADL's accelerated optimizer, the optimizer being one that sets the next iterate.

    Without a closure AADL takes every accelerated point and leaves its queue of iterates as it is.
    """

    def __init__(self, method, depth, iterates):
        import AADL
        import torch

        iterates = torch.from_numpy(iterates)
        self.parameter = torch.nn.Parameter(torch.zeros(iterates.shape[1]))

        class Given(torch.optim.Optimizer):
            next = 0

            def step(self, closure=None):
                self.param_groups[0]["params"][0].copy_(iterates[self.next])
                self.next = (self.next + 1) % len(iterates)

        self.optimizer = AADL.accelerate(
            Given([self.parameter], {}),
            acceleration_type={"qr": "anderson", "normal": "anderson_normal_equation"}[method],
            relaxation=1.0,
            wait_iterations=0,
            history_depth=depth,
            store_each_nth=1,
            frequency=1,
            reg_acc=0.0,
            average=False,
        )
        self.run(depth)

    def run(self, steps):
        for _ in range(steps):
            self.optimizer.step()

    def result(self):
        return self.parameter.detach().numpy()


class JaxoptStep:
    """The two functions that AndersonAcceleration.update consists of, compiled.

    `loop` is one compiled loop, as that class's `run` makes one, in which the history is changed in
    place; `call` is one compiled call a step, as with `jax.jit(solver.update)`, which copies it.
    `update` itself takes no iterates from outside.
    """

    def __init__(self, method, depth, iterates):
        import jax
        import jax.numpy as jnp
        from jaxopt import AndersonAcceleration
        from jaxopt._src.anderson import anderson_step, update_history

        residuals = depth - 1
        solver = AndersonAcceleration(lambda x: x, history_size=residuals)

        def step(iterates, carry):
            count, x, history, _ = carry
            value = iterates[(count + 1) % len(iterates)]
            *history, _ = update_history(count % residuals, *history, x, value - x)
            point = anderson_step(*history, solver.ridge, solver.beta)
            return count + 1, value, tuple(history), point

        def loop(steps, iterates, carry):
            return jax.lax.fori_loop(0, steps, lambda _, carry: step(iterates, carry), carry)

        self.step, self.in_loop = jax.jit(step), method == "loop"
        # A loop of few steps shall not copy the history either: what it is given, it may change.
        self.loop = jax.jit(loop, donate_argnums=2)
        self.iterates = jnp.asarray(iterates)
        state = solver.init_state(self.iterates[0])
        history = (state.params_history, state.residuals_history, state.residual_gram)
        self.carry = (jnp.asarray(0), self.iterates[0], history, jnp.zeros_like(self.iterates[0]))
        self.run(residuals)

    def run(self, steps):
        if self.in_loop:
            self.carry = self.loop(steps, self.iterates, self.carry)
        else:
            for _ in range(steps):
                self.carry = self.step(self.iterates, self.carry)
        self.carry[-1].block_until_ready()

    def result(self):
        return np.asarray(self.carry[-1])


class ScipyAnderson:
    """What scipy.optimize.anderson does between two evaluations of its function.

    Its M counts differences, its alpha = 1 is our relaxation 1; w0 = 0 for no regularization.
    """

    def __init__(self, _, depth, iterates):
        from scipy.optimize._nonlin import Anderson

        self.iterates, self.next = iterates, 2
        self.jacobian = Anderson(alpha=1.0, w0=0.0, M=depth - 2)
        self.jacobian.setup(iterates[0].copy(), iterates[1] - iterates[0], None)
        self.run(depth - 2)

    def run(self, steps):
        for _ in range(steps):
            x, value = self.iterates[self.next - 1], self.iterates[self.next]
            self.next = (self.next + 1) % len(self.iterates)
            residual = value - x
            x = x.copy()
            self.jacobian.update(x, residual)
            self.point = x - self.jacobian.solve(residual)

    def result(self):
        return self.point


class ScipyLstsq:
    """Anderson's step written in a few lines, with scipy.linalg.lstsq as it comes."""

    def __init__(self, _, depth, iterates):
        from collections import deque

        import scipy.linalg

        self.lstsq = scipy.linalg.lstsq
        self.iterates, self.next = iterates, depth
        self.window = deque((x.copy() for x in iterates[:depth]), maxlen=depth)

    def run(self, steps):
        for _ in range(steps):
            self.window.append(self.iterates[self.next].copy())
            self.next = (self.next + 1) % len(self.iterates)
            x = np.array(self.window)
            residuals = np.diff(x, axis=0)
            changes = np.diff(residuals, axis=0)
            gamma = self.lstsq(changes.T, residuals[-1])[0]
            self.point = x[-1] - gamma @ (residuals[:-1] + changes)

    def result(self):
        return self.point


class TorchTraining:
    """PyTorch's eager training step: cross-entropy, backward, SGD."""

    def __init__(self, widths, batch, lr, values):
        import torch

        layers = []
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*layers[:-1])
        count = sum(p.numel() for p in self.net.parameters())
        params, inputs, classes = np.split(values, [count, count + batch * widths[0]])
        self.params = torch.from_numpy(params)
        self.inputs = torch.from_numpy(inputs).reshape(batch, widths[0])
        self.classes = torch.from_numpy(classes).long()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=lr)
        self.loss_function = torch.nn.CrossEntropyLoss()

    def run(self, steps):
        import torch

        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(self.params.clone(), self.net.parameters())
        for _ in range(steps):
            self.optimizer.zero_grad()
            self.loss = self.loss_function(self.net(self.inputs), self.classes)
            self.loss.backward()
            self.optimizer.step()

    def result(self):
        values = [self.loss.detach(), *(p.detach() for p in self.net.parameters())]
        return np.concatenate([value.numpy().ravel() for value in values])


METHODS = {
    "aadl": {"qr": AadlStep, "normal": AadlStep},
    "jaxopt": {"loop": JaxoptStep, "call": JaxoptStep},
    "scipy": {"anderson": ScipyAnderson, "lstsq": ScipyLstsq},
    "torch": {},
}


def load(library, folder):
    """Imports the library, has it use one thread, and says what is used."""
    if library == "aadl":
        sys.path.insert(0, folder)
        import AADL  # noqa: F401
    if library in ("aadl", "torch"):
        import torch

        torch.set_num_threads(1)
        return f"torch {torch.__version__}"
    if library == "jaxopt":
        import jax
        from jaxopt.version import __version__

        return f"jaxopt {__version__} on jax {jax.__version__}"
    import scipy

    return f"scipy {scipy.__version__} on numpy {np.__version__}"


class Worker:
    def __init__(self, library, folder=None):
        self.library = library
        self.about = load(library, folder)
        self.work = None

    def answer(self, line):
        verb, _, rest = line.partition(" ")
        if verb == "version":
            return self.about
        if verb == "step":
            method, depth, n, path = rest.split(" ", 3)
            iterates = np.fromfile(path, np.float32).reshape(-1, int(n))
            self.work = METHODS[self.library][method](method, int(depth), iterates)
        elif verb == "train":
            widths, batch, lr, path = rest.split(" ", 3)
            values = np.fromfile(path, np.float32)
            self.work = TorchTraining(
                [int(w) for w in widths.split(",")], int(batch), float(lr), values
            )
        elif verb == "run":
            steps = int(rest)
            start = time.perf_counter_ns()
            self.work.run(steps)
            return str(time.perf_counter_ns() - start)
        elif verb == "write":
            self.work.result().astype(np.float32, copy=False).tofile(rest)
        else:
            raise ValueError(f"no such request: {verb!r}")
        return ""


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(*sys.argv[1:])
    for line in sys.stdin:
        try:
            reply = f"ok {worker.answer(line.rstrip(chr(10)))}".rstrip()
        except Exception as error:
            reply = f"error {type(error).__name__}: {error}".replace("\n", " ")
        print(reply, file=replies, flush=True)


if __name__ == "__main__":
    main()
