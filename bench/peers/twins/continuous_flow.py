"""FFJORD of two moons. Usage: python continuous_flow.py SETTING SEED [--steps N]

Solver and adjoint are written here from their formulas: Dormand-Prince 5(4) with the same control of steps, the adjoint method with the same norm. --steps stops
early and follows the learning rate's curve over so many steps; such a run is printed, not recorded. Points are drawn here: angles uniform on two half
circles, noise of 0.1.
"""

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch

import common

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pytorch"))
from ffjord import Field, estimated, exact, nats  # noqa: E402

# As the presets of the same names.
SETTINGS = {
    "small": {"epochs": 60, "batch": 256, "rate": 5e-3, "cosine": True, "act": torch.tanh},
    "paper": {"epochs": 100, "batch": 200, "rate": 1e-3, "cosine": False, "act": torch.nn.functional.softplus},
}
TRAIN, TEST = 20_000, 10_000
RTOL = ATOL = 1e-5

# Hairer, Nørsett and Wanner, table II.5.2.
TIMES = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1]
STAGES = [
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
]
ERRORS = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]


def moons(count, random):
    """[count, 2]"""
    angle, lower = random.uniform(0, math.pi, count), random.integers(0, 2, count)
    x = np.where(lower, 1 - np.cos(angle), np.cos(angle))
    y = np.where(lower, 0.5 - np.sin(angle), np.sin(angle))
    return torch.from_numpy((np.stack([x, y], 1) + 0.1 * random.normal(size=(count, 2))).astype(np.float32))


def solve(slope, y, measured):
    """y at s = 1 from y at s = 0 [N] and dy/ds; how often the slope was taken."""

    def norm(x, scale):
        return (x[:measured] / scale).square().mean().sqrt().item()

    def tolerance(at):
        return ATOL + RTOL * at[:measured].abs()

    k = slope(0.0, y)
    scale = tolerance(y)
    d0, d1 = norm(y, scale), norm(k, scale)
    guess = min(1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1, 1.0)
    steepest = max(d1, norm(slope(guess, y + guess * k) - k, scale) / guess)
    h = min(100 * guess, max(1e-6, 1e-3 * guess) if steepest <= 1e-15 else (0.01 / steepest) ** 0.2, 1.0)
    left, last, refused, count = 1.0, 1e-4, False, 2
    while left > 0:
        if h < 2e-7:
            raise RuntimeError("the system is too stiff")
        ends = 1.01 * h >= left
        length = left if ends else h
        slopes, following = [k], y
        for i, weights in enumerate(STAGES):
            following = y + length * sum(w * s for w, s in zip(weights, slopes) if w != 0)
            slopes.append(slope(1 - left + length * TIMES[i + 1], following))
        count += 6
        scale = torch.maximum(tolerance(y), tolerance(following))
        error = norm(length * sum(w * s for w, s in zip(ERRORS, slopes) if w != 0), scale)
        error = max(error, 1e-10) if error < 1e10 else 1e10
        ideal = 0.9 * error**-0.17
        if error <= 1:
            h = length * min(max(ideal * last**0.04, 0.2), 1.0 if refused else 10.0)
            y, k, last, refused = following, slopes[6], max(error, 1e-4), False
            left = 0.0 if ends else left - length
        else:
            h, refused = length * max(ideal, 0.2), True
    return y, count


class Flow(torch.autograd.Function):
    """Points and the trace's integral from one time to another; gradients by the adjoint method."""

    @staticmethod
    def forward(ctx, z, field, trace, noise, start, end, counts, *parameters):
        ctx.field, ctx.trace, ctx.noise, ctx.times, ctx.counts, ctx.shape = field, trace, noise, (start, end), counts, z.shape

        def slope(s, y):
            speed, divergence = trace(field, torch.full((1, 1), start + s * (end - start)), y[: z.numel()].view_as(z), noise)
            return (end - start) * torch.cat([speed.detach().flatten(), divergence.detach()])

        y, counts["forward"] = solve(slope, torch.cat([z.flatten(), torch.zeros(z.shape[0])]), z.numel() + z.shape[0])
        ctx.save_for_backward(y)
        return y[: z.numel()].view_as(z), y[z.numel() :]

    @staticmethod
    def backward(ctx, d_points, d_logs):
        (y1,) = ctx.saved_tensors
        field, (end, start), size = ctx.field, ctx.times, ctx.shape.numel()
        parameters = list(field.parameters())
        count = y1.numel()
        a1 = torch.cat([d_points.flatten(), d_logs])
        rms = a1.square().mean().sqrt()

        def slope(s, state):
            y, a = state[:count].clone().requires_grad_(), state[count : 2 * count]
            with torch.enable_grad():
                z = y[:size].view(ctx.shape)
                speed, divergence = ctx.trace(field, torch.full((1, 1), start + s * (end - start)), z, ctx.noise)
                dy = torch.cat([speed.flatten(), divergence])
                products = torch.autograd.grad(dy, [y, *parameters], a, allow_unused=True)
            flat = [torch.zeros(p.numel()) if g is None else g.flatten() for g, p in zip(products, [y, *parameters])]
            return (end - start) * torch.cat([dy.detach(), *(-g for g in flat)])

        zeros = torch.zeros(sum(p.numel() for p in parameters))
        state, ctx.counts["backward"] = solve(slope, torch.cat([y1, a1 / rms, zeros]), 2 * count)
        found = state[count:] * rms
        gradients = [g.view_as(p) for g, p in zip(found[count:].split([p.numel() for p in parameters]), parameters)]
        return found[:size].view(ctx.shape), None, None, None, None, None, None, *gradients


def main():
    steps = None
    if "--steps" in sys.argv:
        at = sys.argv.index("--steps")
        steps = int(sys.argv[at + 1])
        del sys.argv[at : at + 2]
    setting, seed = common.arguments(SETTINGS)
    if steps is None and common.done("ffjord", setting, seed):
        return
    epochs, batch, peak, act, cosine = (SETTINGS[setting][key] for key in ("epochs", "batch", "rate", "act", "cosine"))
    torch.manual_seed(seed)
    train, test = moons(TRAIN, np.random.default_rng(1)), moons(TEST, np.random.default_rng(2))
    field = Field(act=act)
    optimizer = torch.optim.Adam(field.parameters(), lr=peak)
    per_epoch = TRAIN // batch
    total = steps or round(epochs * TRAIN / batch)
    counts, spent, started = {}, [], time.perf_counter()
    for step in range(total):
        if step % per_epoch == 0:
            order = torch.randperm(TRAIN)
        x = train[order[(step % per_epoch) * batch :][:batch]]
        for group in optimizer.param_groups:
            group["lr"] = peak * (0.5 * (1 + math.cos(math.pi * step / total)) if cosine else 1)
        noise = torch.randint(0, 2, x.shape).float() * 2 - 1
        optimizer.zero_grad()
        value = nats(*Flow.apply(x.requires_grad_(), field, estimated, noise, 1.0, 0.0, counts, *field.parameters())).mean()
        value.backward()
        optimizer.step()
        spent.append((counts["forward"], counts["backward"]))
        if step % 100 == 0:
            print(f"{step} {value.item():.4f} {counts}", flush=True)
    seconds = time.perf_counter() - started
    held, evaluations = [], []
    for x in test.split(100):
        held.append(nats(*Flow.apply(x, field, exact, None, 1.0, 0.0, counts, *field.parameters())).detach())
        evaluations.append(counts["forward"])
    forward, backward = np.mean(spent[-100:], 0)
    results = {
        "nats": torch.cat(held).double().mean().item(),
        "evaluations": float(np.mean(evaluations)),
        "forwardEvaluations": float(forward),
        "backwardEvaluations": float(backward),
    }
    if steps is None:
        common.record("ffjord", setting, seed, seconds, results)
    else:
        print(json.dumps({"setting": setting, "seed": seed, "steps": steps, "seconds": round(seconds, 1), **results}))


if __name__ == "__main__":
    main()
