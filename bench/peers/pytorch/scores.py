"""The score model of src/models/diffusion/score-sde.ts in PyTorch: the variance-preserving equation, the networks for points and pictures, and both losses."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from diffusion import Unet
from families import DENSE, LAYOUTS, Family, pictures

BETA_MIN, BETA_MAX, EARLIEST = 0.1, 20.0, 1e-5
LEVELS = torch.logspace(-1, 1, 16)
"""Angular frequencies of the noise's logarithm."""
PLACES = torch.tensor([1.0, 2.0, 4.0, 8.0])
"""Angular frequencies of each coordinate."""


def total(t):
    """The integral of beta from 0 to t."""
    return t * (BETA_MIN + t * (BETA_MAX - BETA_MIN) / 2)


MASS_FROM = math.log(math.expm1(total(EARLIEST)))
MASS = math.log(math.expm1(total(1.0))) - MASS_FROM


def rates(t):
    """Scale and deviation of the transition from 0 to t, [B] each."""
    b = total(t)
    return torch.exp(-b / 2), torch.sqrt(-torch.expm1(-b))


def likelihood_time(u):
    """Times with a density proportional to g^2 / deviation^2."""
    at = u * MASS + MASS_FROM
    b = torch.where(at < math.log(1e-3), torch.log1p(at.exp()), F.softplus(at, threshold=100))
    growth = BETA_MAX - BETA_MIN
    return (2 * b / (BETA_MIN + torch.sqrt(BETA_MIN**2 + 2 * growth * b))).clamp(EARLIEST, 1)


def waves(x, frequencies):
    """Sines and cosines: [...] -> [..., 2 * frequencies]."""
    angles = x.unsqueeze(-1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], -1)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.level, self.second = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x, level):
        return x + self.second(F.silu(self.first(F.silu(x)) + self.level(level)))


class PointNet(nn.Module):
    """Points [B, D] and times [B] to the noise in them, [B, D]."""

    def __init__(self, dimensions=2, width=128, blocks=3):
        super().__init__()
        self.stem = nn.Linear(dimensions * (1 + 2 * len(PLACES)), width)
        self.level = nn.Linear(2 * len(LEVELS), width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.head = nn.Linear(width, dimensions)

    def forward(self, x, noise):
        level = F.silu(self.level(noise))
        h = self.stem(torch.cat([x, waves(x, PLACES).flatten(1)], 1))
        for block in self.blocks:
            h = block(h, level)
        return self.head(F.silu(h))


class NoiseNet(nn.Module):
    """x [B, ...] and times [B] to the noise in it: the best linear guess for data of unit size, and the network's correction."""

    def __init__(self, network, detail):
        super().__init__()
        self.network, self.detail = network, detail

    def forward(self, x, t):
        scale, deviation = rates(t)
        level = waves(torch.log(deviation / scale), LEVELS)
        size = torch.sqrt(scale**2 + deviation**2)
        share = scale / size
        if self.detail > 0:
            share = share * deviation / torch.sqrt(deviation**2 + (scale * self.detail) ** 2)
        size, deviation, share = (v.view([-1] + [1] * (x.dim() - 1)) for v in (size, deviation, share))
        x = x / size
        return x * deviation / size + self.network(x, level) * share


def toy():
    return NoiseNet(PointNet(), 0.05)


def small():
    return NoiseNet(Unet(1, (32, 48, 64)), 0)


def bound_nats(net, x, u, noise):
    """An upper bound on -log p(x), [B] nats."""
    t = likelihood_time(u)
    shape = [-1] + [1] * (x.dim() - 1)
    scale, deviation = (v.view(shape) for v in rates(t))
    error = (net(x * scale + noise * deviation, t) - noise).square().flatten(1).sum(1)
    size = x[0].numel()
    missed = (scale**2 / (scale**2 + deviation**2)).flatten()
    error = error - missed * (noise.square().flatten(1).sum(1) - size)  # takes chance out of it, no mean and no gradient
    last = total(1.0)
    prior = 0.5 * (math.exp(-last) * x.square().flatten(1).sum(1) - size * math.expm1(-last))
    drift = (last - total(EARLIEST)) / 2
    return prior + 0.5 * MASS * (error - size) + size * (0.5 * math.log(2 * math.pi) + drift)


def mean_bound(net, x, u, noise):
    return bound_nats(net, x, u, noise).mean()


def denoising(net, x, u, noise):
    """The paper's loss with times drawn evenly: squared error of the noise, [B]."""
    t = EARLIEST + u * (1 - EARLIEST)
    scale, deviation = (v.view([-1] + [1] * (x.dim() - 1)) for v in rates(t))
    return (net(x * scale + noise * deviation, t) - noise).square().flatten(1).sum(1)


def mean_denoising(net, x, u, noise):
    return denoising(net, x * 2 - 1, u, noise).mean()


POINTS, PICTURES = (512, 2), (64, 1, 32, 32)
SCORES = {
    "score-sde": Family(toy, mean_bound, lambda: [pictures(*POINTS, low=-1.0)], draws=[("uniform", POINTS[:1]), ("normal", POINTS)], modes=DENSE),
    "score-sde-unet": Family(
        small, mean_denoising, lambda: [pictures(*PICTURES)], draws=[("uniform", PICTURES[:1]), ("normal", PICTURES)], modes=LAYOUTS
    ),
}
