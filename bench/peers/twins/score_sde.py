"""The score SDE. Usage: python score_sde.py moons|ring|small SEED [--steps N] (a shorter run is printed, not recorded)

moons, ring: the preset `toy`. Points are drawn here with the densities of `src/data/sets`, 20,000 to train on and 10,000 held out, and the truth is computed beside
the model's figure, so that the two sides' differences from it compare. small: Fashion-MNIST, padded to 32 x 32, from the archive that run.sh packs.
"""

import argparse
import copy
import math
import sys
import time
from pathlib import Path

import torch

import common

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from scores import BETA_MAX, BETA_MIN, EARLIEST, bound_nats, denoising, rates, small, toy  # noqa: E402

ODE_STEPS = 20


def moons(count):
    label = torch.randint(2, (count,))
    t = math.pi * torch.rand(count)
    x = torch.where(label == 0, t.cos(), 1 - t.cos())
    y = torch.where(label == 0, t.sin(), 0.5 - t.sin())
    return torch.stack([x, y], 1) + 0.1 * torch.randn(count, 2)


def moons_log_density(x, places=2000):
    t = (torch.arange(places, dtype=torch.float64) + 0.5) * (math.pi / places)
    curve = torch.cat([torch.stack([t.cos(), t.sin()], 1), torch.stack([1 - t.cos(), 0.5 - t.sin()], 1)])
    return mixture_log_density(x, curve, 0.1)


def ring_centres():
    angle = 2 * math.pi * torch.arange(8, dtype=torch.float64) / 8
    return 2 * torch.stack([angle.cos(), angle.sin()], 1)


def ring(count):
    return ring_centres().float()[torch.randint(8, (count,))] + 0.15 * torch.randn(count, 2)


def mixture_log_density(x, centres, deviation):
    """Of equally likely round Gaussians: [N, 2] -> [N]."""
    parts = [torch.cdist(rows.double(), centres).square().div(-2 * deviation**2).logsumexp(1) for rows in x.split(1000)]
    return torch.cat(parts) - math.log(len(centres) * 2 * math.pi * deviation**2)


DATA = {
    "moons": (moons, moons_log_density),
    "ring": (ring, lambda x: mixture_log_density(x, ring_centres(), 0.15)),
}


def velocity(net, x, u):
    """dx/du along the probability flow and its divergence, with t = (sqrt(e) + u (1 - sqrt(e)))^2."""
    root = math.sqrt(EARLIEST)
    place = root + u * (1 - root)
    t, speed = torch.full((len(x),), place**2), 2 * place * (1 - root)
    beta = BETA_MIN + place**2 * (BETA_MAX - BETA_MIN)
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        y = (beta / 2 / rates(t)[1].unsqueeze(1) * net(x, t) - beta / 2 * x) * speed
        trace = sum(torch.autograd.grad(y[:, i].sum(), x, retain_graph=True)[0][:, i] for i in range(x.shape[1]))
    return y.detach(), trace.detach()


def flow_nats(net, x, steps=ODE_STEPS):
    """-log p by the probability flow, Runge-Kutta of order 4: [B]."""
    stretched, h = torch.zeros(len(x)), 1 / steps
    for i in range(steps):
        k1, d1 = velocity(net, x, i * h)
        k2, d2 = velocity(net, x + h / 2 * k1, (i + 0.5) * h)
        k3, d3 = velocity(net, x + h / 2 * k2, (i + 0.5) * h)
        k4, d4 = velocity(net, x + h * k3, (i + 1) * h)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        stretched = stretched + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return 0.5 * x.square().sum(1) + math.log(2 * math.pi) - stretched


class Points:
    """The preset `toy`: by likelihood."""

    batch, rate, decay, warmup, epochs = 512, 5e-3, 0.999, 0, 100

    def __init__(self, name):
        draw, self.log_density = DATA[name]
        self.net, self.train, self.test = toy(), draw(20_000), draw(10_000)

    def loss(self, net, x):
        return bound_nats(net, x, torch.rand(len(x)), torch.randn_like(x))

    def figures(self, net):
        nats = torch.cat([flow_nats(net, x) for x in self.test.split(1000)]).double().mean().item()
        truth = -self.log_density(self.test).mean().item()
        with torch.no_grad():
            return {"nats": nats, "truth": truth, "gap": nats - truth, "bound": self.loss(net, self.test).mean().item()}


class Pictures:
    """The preset `small`: times drawn evenly."""

    batch, rate, decay, warmup, epochs = 64, 1e-3, 0.995, 100, 3

    def __init__(self):
        self.net = small().to(memory_format=torch.channels_last)
        self.train, _, self.test, _ = common.fashion()

    def loss(self, net, x):
        x = x.float() / 127.5 - 1
        return denoising(net, x, torch.rand(len(x)), torch.randn_like(x))

    @torch.no_grad()
    def figures(self, net):
        spread = lambda x: (x.float() + torch.rand(x.shape)) / 128 - 1  # noqa: E731
        bound = lambda x: bound_nats(net, x, torch.rand(len(x)), torch.randn_like(x)) + x[0].numel() * math.log(128)  # noqa: E731
        parts = [(self.loss(net, x).sum().item(), bound(spread(x)).sum().item()) for x in self.test.split(250)]
        error, nats = (sum(column) / len(self.test) for column in zip(*parts))
        return {"denoising": error, "bound": nats, "boundBitsPerDim": nats / (1024 * math.log(2))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting", choices=[*DATA, "small"])
    parser.add_argument("seed", type=int)
    parser.add_argument("--steps", type=int)
    given = parser.parse_args()
    if given.steps is None and common.done("score-sde", given.setting, given.seed):
        return
    torch.manual_seed(given.seed)
    task = Pictures() if given.setting == "small" else Points(given.setting)
    net, total = task.net, given.steps or task.epochs * (len(task.train) // task.batch)
    average = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=task.rate, fused=True)

    def curve(step):
        if step < task.warmup:
            return (step + 1) / task.warmup
        return 0.5 * (1 + math.cos(math.pi * min((step - task.warmup) / max(1, total - task.warmup), 1)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, curve)
    started, done = time.perf_counter(), 0
    while done < total:
        for rows in torch.randperm(len(task.train)).split(task.batch):
            if len(rows) < task.batch or done == total:
                break
            loss = task.loss(net, task.train[rows]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            with torch.no_grad():
                for mean, value in zip(average.parameters(), net.parameters()):
                    mean.lerp_(value, 1 - task.decay)
            if done % 100 == 0:
                print(f"  {done}/{total}: {loss.item():.3f}, {time.perf_counter() - started:.0f} s", flush=True)
    seconds = time.perf_counter() - started
    # Running statistics are not averaged: those of the last step are used.
    average.load_state_dict({**net.state_dict(), **dict(average.named_parameters())})
    figures = {**task.figures(average.eval()), "parameters": sum(p.numel() for p in net.parameters())}
    if given.steps is None:
        common.record("score-sde", given.setting, given.seed, seconds, figures)
    else:
        print({**figures, "steps": total, "seconds": round(seconds, 1)})


if __name__ == "__main__":
    main()
