"""Writes data/logistic-mixture.json: the discretised logistic mixture (Salimans et al. 2017, Eq. 2 and 3) by PyTorch 2.13.0 in double precision.

Written from the paper's formulas: a level's mass is the difference of two logistic distribution functions, in logarithms throughout, so that no case needs a
stand-in. Usage: python torch_mixture.py
"""

import json
import math
import pathlib

import torch
from torch.nn.functional import logsigmoid


def spread(count, low, high, salt):
    """The same numbers as spread() in src/runtime/testing/check.ts."""
    return torch.tensor([low + (high - low) * ((0.137 + salt * 0.311 + i * 0.61803398875) % 1) for i in range(count)], dtype=torch.float64)


def log_mass(x, mean, log_scale, levels):
    """log of P(x), x in [-1, 1]: log(σ(a) - σ(b)) = log σ(a) + log σ(-b) + log(1 - e^(b - a))."""
    half = 1 / (levels - 1)
    above, below = (x + half - mean) / log_scale.exp(), (x - half - mean) / log_scale.exp()
    inside = logsigmoid(above) + logsigmoid(-below) + torch.log(-torch.expm1(below - above))
    return torch.where(x < -1 + half, logsigmoid(above), torch.where(x > 1 - half, logsigmoid(-below), inside))


def nats(parameters, x, components, levels):
    """Pixel by pixel, component by component, as the paper writes it. parameters [B, P, H, W], x [B, C, H, W]."""
    channels = x.shape[1]
    result = []
    for p, picture in zip(parameters, x):
        total = 0
        for row in range(x.shape[2]):
            for column in range(x.shape[3]):
                v, pixel = p[:, row, column], picture[:, row, column]
                weights = v[:components].log_softmax(0)
                means = v[components : components * (1 + channels)].view(channels, components)
                scales = v[components * (1 + channels) : components * (1 + 2 * channels)].view(channels, components).clamp_min(-7)
                if channels == 3:
                    a = v[components * 7 :].view(3, components).tanh()
                    means = torch.stack([means[0], means[1] + a[0] * pixel[0], means[2] + a[1] * pixel[0] + a[2] * pixel[1]])
                logs = sum(log_mass(pixel[c], means[c], scales[c], levels) for c in range(channels))
                total = total - torch.logsumexp(weights + logs, 0)
        result.append(total)
    return torch.stack(result)


def case(channels, components, levels, low, high):
    shape = [2, components * (1 + 2 * channels + (3 if channels == 3 else 0)), 2, 3]
    parameters = spread(math.prod(shape), low, high, 0).view(shape).requires_grad_()
    x = (spread(12 * channels, 0, levels, 1).floor() / (levels - 1) * 2 - 1).view(2, channels, 2, 3)
    # Both ends are among the levels.
    x[0, 0, 0, 0], x[1, 0, 0, 0] = -1, 1
    result = nats(parameters, x, components, levels)
    (gradient,) = torch.autograd.grad(result.sum(), parameters)
    flat = lambda t: [float(f"{v:.9g}") for v in t.reshape(-1).tolist()]
    return {
        "channels": channels, "components": components, "levels": levels, "shape": shape, "range": [low, high],
        "x": flat(x.detach()), "nats": flat(result.detach()), "gradient": flat(gradient),
    }  # fmt: skip


cases = [case(1, 3, 256, -2, 2), case(3, 2, 256, -2, 2), case(3, 2, 8, -4, 1), case(1, 2, 256, -6, 0.5)]
path = pathlib.Path(__file__).with_name("data") / "logistic-mixture.json"
path.write_text(json.dumps({"torch": torch.__version__, "cases": cases}) + "\n")
