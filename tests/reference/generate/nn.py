"""Writes ../torch/nn.json: networks evaluated by PyTorch in float64.

Needs PyPI's torch (the numbers in the repository: version 2.15). Run from any folder:
    python nn.py
Each line of the list is one case: layers as [inputs, outputs, activation], the loss, parameters in
the order of `nn.Sequential`, inputs, targets, and what PyTorch makes of them: outputs, loss,
gradient. Numbers are printed so that reading them gives the same float64.
"""

import itertools
import json
import pathlib

import torch
from torch import nn

ACTIVATIONS = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
}
LOSSES = {
    "mean_squares": nn.MSELoss(),
    "cross_entropy": nn.CrossEntropyLoss(),
    "cross_entropy_values": nn.CrossEntropyLoss(),
    "binary_cross_entropy": nn.BCEWithLogitsLoss(),
    "huber": nn.HuberLoss(delta=0.5),
}


def targets_for(loss, batch, outputs, random):
    if loss == "cross_entropy":
        return torch.randint(outputs, (batch,), generator=random)
    values = torch.randn(batch, outputs, generator=random)
    if loss == "cross_entropy_values":
        return values.softmax(1)
    if loss == "binary_cross_entropy":
        return values.sigmoid()
    return values


def case(widths, activations, loss, batch, seed):
    random = torch.Generator().manual_seed(seed)
    modules = []
    for inputs, outputs, activation in zip(widths, widths[1:], activations):
        modules += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    net = nn.Sequential(*modules)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=random) * (0.7 if p.ndim == 2 else 0.3))
    inputs = torch.randn(batch, widths[0], generator=random)
    targets = targets_for(loss, batch, widths[-1], random)
    outputs = net(inputs)
    value = LOSSES[loss](outputs, targets)
    value.backward()
    flat = lambda tensors: [x for t in tensors for x in t.detach().flatten().tolist()]
    return {
        "layers": [list(layer) for layer in zip(widths, widths[1:], activations)],
        "loss_name": loss,
        "params": flat(net.parameters()),
        "inputs": flat([inputs]),
        "targets": flat([targets]),
        "outputs": flat([outputs]),
        "loss": value.item(),
        "grad": flat(p.grad for p in net.parameters()),
    }


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    cases = []
    for activation, loss in itertools.product(ACTIVATIONS, LOSSES):
        cases.append(case([3, 4, 3], [activation, "identity"], loss, 4, len(cases)))
    for loss in LOSSES:
        cases.append(case([5, 2], ["identity"], loss, 3, len(cases)))
    for loss in ("mean_squares", "binary_cross_entropy", "huber"):
        cases.append(case([4, 1], ["identity"], loss, 6, len(cases)))
    for activation in ACTIVATIONS:
        cases.append(case([3, 2], [activation], "mean_squares", 3, len(cases)))
    for loss in LOSSES:
        cases.append(case([2, 5, 3, 2], ["tanh", "softplus", "identity"], loss, 5, len(cases)))
    # Wider than a register tile, and no multiple of one, in every direction.
    cases.append(case([13, 9, 6], ["leaky_relu", "identity"], "cross_entropy", 11, len(cases)))
    cases.append(case([6, 10, 7, 5], ["relu", "sigmoid", "tanh"], "huber", 35, len(cases)))
    path = pathlib.Path(__file__).resolve().parent.parent / "torch" / "nn.json"
    path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(len(cases), "cases,", path.stat().st_size, "bytes")


main()
