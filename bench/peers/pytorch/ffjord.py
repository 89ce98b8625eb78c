"""FFJORD on points of the plane (Grathwohl et al. 2019) in PyTorch, with its solvers: equal steps, or Dormand-Prince with the adjoint."""

import math

import torch
from torch import nn

from families import DENSE, Family, pictures


class TimedLinear(nn.Module):
    """(W x + b) sigmoid(w t + c) + v t: the authors' concatsquash."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.gate = nn.Linear(1, outputs)
        self.shift = nn.Linear(1, outputs, bias=False)

    def forward(self, t, x):
        return self.linear(x) * torch.sigmoid(self.gate(t)) + self.shift(t)


class Field(nn.Module):
    """How fast points [B, D] move at a time [1, 1]."""

    def __init__(self, dimensions: int = 2, hidden=(64, 64, 64), act=torch.tanh):
        super().__init__()
        sizes = [dimensions, *hidden, dimensions]
        self.layers = nn.ModuleList(TimedLinear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.act = act

    def forward(self, t, x):
        for i, layer in enumerate(self.layers):
            x = layer(t, x if i == 0 else self.act(x))
        return x


def estimated(field, t, z, noise):
    """Speed [B, D] and Hutchinson's estimate of its divergence [B]."""
    with torch.enable_grad():
        z = z if z.requires_grad else z.detach().requires_grad_()
        speed = field(t, z)
        (product,) = torch.autograd.grad(speed, z, noise, create_graph=True)
    return speed, (product * noise).sum(1)


def exact(field, t, z, _noise=None):
    """Speed [B, D] and its divergence [B]."""
    with torch.enable_grad():
        z = z if z.requires_grad else z.detach().requires_grad_()
        speed = field(t, z)
        rows = [torch.autograd.grad(speed[:, i].sum(), z, create_graph=True)[0][:, i] for i in range(z.shape[1])]
    return speed, sum(rows)


def march(field, z, start, end, steps, noise, trace=estimated):
    """Points and the trace's integral at the end of time, by the classical rule of order 4 in equal steps."""
    h = (end - start) / steps
    logs = torch.zeros(z.shape[0])
    for i in range(steps):
        t = torch.full((1, 1), start + i * h)
        k1, d1 = trace(field, t, z, noise)
        k2, d2 = trace(field, t + h / 2, z + h / 2 * k1, noise)
        k3, d3 = trace(field, t + h / 2, z + h / 2 * k2, noise)
        k4, d4 = trace(field, t + h, z + h * k3, noise)
        z = z + h / 6 * (k1 + 2 * (k2 + k3) + k4)
        logs = logs + h / 6 * (d1 + 2 * (d2 + d3) + d4)
    return z, logs


def nats(z, logs):
    """-log p of the points that arrived at z [B, D] after the trace's integral from data to noise [B]."""
    return 0.5 * (z.square() + math.log(2 * math.pi)).sum(1) - logs


def loss(field, x, draw):
    """draw [B, D] in [0, 1) becomes the signs of the random direction."""
    return nats(*march(field, x, 1.0, 0.0, 8, (draw < 0.5).float() * 2 - 1)).mean()


class FieldInName(nn.Module):
    """The field under the name it has in the other side's model."""

    def __init__(self):
        super().__init__()
        self.field = Field()

    def forward(self, t, x):
        return self.field(t, x)


# torch.compile has no second derivatives of what is inside.
FFJORD = {
    "ffjord": Family(
        FieldInName, loss, lambda: [pictures(256, 2, low=-1)], draws=[("uniform", (256, 2))], modes=[m for m in DENSE if m != "compiled"]
    )
}
