"""RealNVP on points of the plane (Foster, Generative Deep Learning, 2nd edition, chapter 6) and a controller's tiny net in PyTorch."""

import math

import torch
from torch import nn

import values
from families import POOL, Family, fill, pictures


def dense(width: int, *last: nn.Module) -> nn.Sequential:
    layers, inputs = [], 2
    for _ in range(4):
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 2), *last)


class Coupling(nn.Module):
    """Points [B, 2] to points and the logarithm of the determinant [B], from data to noise."""

    def __init__(self, width: int, kept: int):
        super().__init__()
        self.scale = dense(width, nn.Tanh())
        self.shift = dense(width)
        mask = torch.zeros(2)
        mask[kept] = 1
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        rest = 1 - self.mask
        held = x * self.mask
        s, t = self.scale(held) * rest, self.shift(held) * rest
        return held + rest * ((x - t) * torch.exp(-s)), -s.sum(1)


class RealNvp(nn.Module):
    def __init__(self, width: int = 256):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(width, i % 2) for i in range(6))

    def forward(self, x):
        total = 0
        for layer in self.layers:
            x, log_determinant = layer(x)
            total = total + log_determinant
        return x, total


def flow_loss(net, x):
    """Negative log-likelihood under a standard normal distribution, in nats per point."""
    z, log_determinant = net(x)
    return -(-0.5 * z.square().sum(1) - math.log(2 * math.pi) + log_determinant).mean()


class Controller:
    """1,000 calls of a 35-16-3 net one after the other, each with its own input and its output read."""

    def __init__(self, mode: str):
        net = fill(nn.Sequential(nn.Linear(35, 16), nn.Tanh(), nn.Linear(16, 3), nn.Tanh()))
        self.net = torch.compile(net) if mode == "compiled" else net
        self.inputs = values.uniform(values.IMAGES, POOL * 35).reshape(POOL, 1, 35)

    def step(self) -> float:
        total = 0.0
        with torch.inference_mode():
            for i in range(1000):
                total += self.net(torch.from_numpy(self.inputs[i % POOL])).numpy()[0, 0]
        return float(total)


FLOWS = {"realnvp": Family(RealNvp, flow_loss, lambda: [pictures(256, 2, low=-1)], adam={"lr": 1e-4})}
