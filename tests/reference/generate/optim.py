"""Writes optimizer trajectories computed by PyTorch, for tests/tests/optim.rs.

    python3 optim.py > ../torch/optim.json

Needs PyPI's torch; runs on the CPU in a second. The function is given by a formula whose gradient
takes only sums and products, so that a replay computes it without any difference of its own:

    f(x) = sum_i a_i (x_i - b_i)^2 / 2 + x_i^4 / 4 + c x_i x_(i+1)      (indices modulo n)
    g_i  = a_i (x_i - b_i) + x_i x_i x_i + c (x_(i-1) + x_(i+1))        (left to right)
"""

import argparse
import json

import torch

A = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 0.125]
B = [1.0, -1.5, 0.75, -0.5, 2.0, 0.25, -3.0]
C = 0.125
START = [0.5, 1.25, -1.0, 1.5, -0.75, 0.375, 2.0]
STEPS = 30

# name, class, settings, (step, lr): the learning rate from that step (counted from 0) on
CASES = [
    ("sgd", "SGD", {"lr": 0.05}, None),
    ("sgd defaults", "SGD", {}, None),
    ("sgd weight decay", "SGD", {"lr": 0.05, "weight_decay": 0.1}, None),
    ("sgd momentum", "SGD", {"lr": 0.03, "momentum": 0.9}, None),
    ("sgd dampening", "SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.4}, None),
    ("sgd nesterov", "SGD", {"lr": 0.03, "momentum": 0.8, "nesterov": True}, None),
    ("sgd all", "SGD", {"lr": 0.04, "momentum": 0.7, "dampening": 0.2, "weight_decay": 0.05}, (12, 0.01)),
    ("sgd nesterov decay", "SGD", {"lr": 0.03, "momentum": 0.7, "nesterov": True, "weight_decay": 0.05}, (12, 0.01)),
    ("sgd maximize", "SGD", {"lr": 0.003, "momentum": 0.5, "maximize": True, "weight_decay": 0.05}, None),
    ("rmsprop defaults", "RMSprop", {}, None),
    ("rmsprop weight decay", "RMSprop", {"lr": 0.02, "alpha": 0.9, "weight_decay": 0.1}, None),
    # A large eps: with so short a memory the centred variance cancels, and with a small eps PyTorch's own
    # float32 trajectory moves by 1e-5 when one start value moves by one unit in the last place.
    ("rmsprop small alpha", "RMSprop", {"lr": 0.05, "alpha": 0.3, "eps": 1.0, "centered": True}, None),
    ("rmsprop momentum", "RMSprop", {"lr": 0.005, "momentum": 0.9}, None),
    ("rmsprop centered", "RMSprop", {"lr": 0.01, "alpha": 0.95, "centered": True}, None),
    ("rmsprop all", "RMSprop", {"lr": 0.004, "alpha": 0.95, "eps": 1e-6, "centered": True, "momentum": 0.8, "weight_decay": 0.05}, (15, 0.002)),
    ("rmsprop maximize", "RMSprop", {"lr": 0.01, "maximize": True}, None),
    ("adam defaults", "Adam", {}, None),
    ("adam", "Adam", {"lr": 0.1}, None),
    ("adam betas", "Adam", {"lr": 0.05, "betas": [0.4, 0.7], "eps": 1e-4}, None),
    ("adam weight decay", "Adam", {"lr": 0.1, "weight_decay": 0.1}, (20, 0.03)),
    ("adam amsgrad", "Adam", {"lr": 0.1, "betas": [0.8, 0.9], "amsgrad": True}, None),
    ("adam maximize", "Adam", {"lr": 0.02, "maximize": True}, None),
    ("adamw defaults", "AdamW", {}, None),
    ("adamw", "AdamW", {"lr": 0.1, "weight_decay": 0.2}, (20, 0.03)),
    ("adamw amsgrad", "AdamW", {"lr": 0.1, "betas": [0.8, 0.9], "weight_decay": 0.2, "amsgrad": True}, None),
]


def gradient(x, a, b):
    c = torch.tensor(C, dtype=x.dtype)
    return a * (x - b) + x * x * x + c * (x.roll(1) + x.roll(-1))


def trajectory(name, settings, change, dtype):
    a, b, x = (torch.tensor(v, dtype=dtype) for v in (A, B, START))
    optimizer = getattr(torch.optim, name)([x], foreach=False, **settings)
    steps = []
    for step in range(STEPS):
        if change and step == change[0]:
            optimizer.param_groups[0]["lr"] = change[1]
        x.grad = gradient(x, a, b)
        optimizer.step()
        steps.append(x.tolist())
    return steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    torch.set_num_threads(1)
    cases = []
    for dtype in ("float64", "float32"):
        for name, optimizer, settings, change in CASES:
            settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
            steps = trajectory(optimizer, settings, change, getattr(torch, dtype))
            case = {"name": name, "dtype": dtype, "optimizer": optimizer, "settings": settings}
            case["change"] = list(change) if change else None
            cases.append(case | {"steps": steps})
    about = f"PyTorch {torch.__version__.split('+')[0]}, CPU, single-tensor optimizers; parameters after each step"
    print(json.dumps({"about": about, "a": A, "b": B, "c": C, "start": START}, indent=None)[:-1] + ', "cases": [')
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


if __name__ == "__main__":
    main()
