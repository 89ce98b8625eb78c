"""Deep EBM and restricted Boltzmann machine. Usage: python machines.py SETTING SEED [--steps N] [--samples FILE]

MNIST comes from the prepared copy that `atelier data get mnist` leaves in its cache. The same held-out metrics as ours are recorded, of the RBM also ln Z by
annealed importance sampling with as many temperatures and chains. With --steps nothing is recorded. Samples are [count, 1, H, W] of uint8, measured by
`node bin/ts.js bench/experiments/distances.ts FILE --data mnist`.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, pad, softplus

import common
from autoencoders import prepared

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from energy import Ebm, Rbm  # noqa: E402

# As the presets of the same names; `k` draws a step, `chains` persistent ones (0: from the data).
SETTINGS = {
    "ebm-small": {"epochs": 5, "batch": 64, "rate": 3e-4, "net": {"kept": 4096, "steps": 30}},
    "ebm-paper": {"epochs": 60, "batch": 128, "rate": 1e-4, "net": {}},
    "rbm-small": {"epochs": 8, "batch": 100, "rate": 0.05, "k": 10, "chains": 100},
    "rbm-cd-1": {"epochs": 10, "batch": 100, "rate": 0.05, "k": 1, "chains": 0},
    "rbm-cd-25": {"epochs": 5, "batch": 100, "rate": 0.05, "k": 25, "chains": 0},
}
TEMPERATURES, CHAINS = 10_000, 100


class EbmTwin:
    def __init__(self, chosen, total):
        self.net = Ebm(**chosen["net"])
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=chosen["rate"])

    def step(self, images):
        count, shape = len(images), images.shape
        noises = (torch.randn(shape) for _ in range(self.net.steps))
        loss = self.net.loss(images, torch.rand(count), torch.rand(shape), torch.rand(count, 1, 1, 1), noises, torch.randn(shape))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, x, y):
        real, noise, kept = [], [], []
        for xs, _ in common.in_order(x, y):
            real.append(self.net.net(xs * 2 - 1))
            noise.append(self.net.net(torch.rand(xs.shape) * 2 - 1))
            kept.append(self.net.net(self.net.kept[torch.randint(len(self.net.kept), (len(xs),))]))
        real, noise, kept = torch.cat(real).mean(), torch.cat(noise).mean(), torch.cat(kept).mean()
        return {"energy": real.item(), "noiseGap": (noise - real).item(), "walkGap": (kept - real).item()}

    def samples(self, count):
        x = torch.rand(count, 1, 32, 32) * 2 - 1
        return (self.net.walk(x, (torch.randn(x.shape) for _ in range(1000))) + 1) / 2


class RbmTwin:
    def __init__(self, chosen, total):
        self.net, self.k = Rbm(), chosen["k"]
        self.chains = (torch.rand(chosen["chains"], 784) < 0.5).float() if chosen["chains"] > 0 else None
        self.rates = torch.full((784,), 0.5)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=chosen["rate"], momentum=0.5)
        self.schedule = torch.optim.lr_scheduler.LinearLR(self.optimizer, 1.0, 0.0, total)

    def step(self, images):
        v = (torch.rand(len(images), 784) < images.flatten(1)).float()
        self.rates = 0.99 * self.rates + 0.01 * v.mean(0)
        start = v if self.chains is None else self.chains
        dream = self.net.gibbs(start, torch.rand(self.k, len(start), 500), torch.rand(self.k, len(start), 784))
        self.chains = None if self.chains is None else dream
        loss = self.net.loss(v, dream)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, x, y):
        energies, reconstruction = [], []
        for xs, _ in common.in_order(x, y):
            v = (torch.rand(len(xs), 784) < xs.flatten(1)).float()
            energies.append(self.net.free_energy(v))
            logits = self.net.down_logits(self.net.field(v).sigmoid())
            reconstruction.append(binary_cross_entropy_with_logits(logits, v, reduction="none").sum(1))
        energy, (log_z, error) = torch.cat(energies).mean().item(), self.constant()
        figures = {"freeEnergy": energy, "reconstruction": torch.cat(reconstruction).mean().item()}
        return {**figures, "logZ": log_z, "logZError": error, "nats": energy + log_z}

    @torch.no_grad()
    def constant(self):
        """ln Z and its standard error, as `src/models/energy/annealing.ts`."""
        net, first, most = self.net, TEMPERATURES / 29, 9 * TEMPERATURES / 29
        grid = np.interp(np.arange(TEMPERATURES + 1), [0, first, most, TEMPERATURES], [0, 0.5, 0.9, 1])
        rates = self.rates.clamp(0.01, 0.99)
        odds = rates.logit()
        v = (torch.rand(CHAINS, 784) < rates).float()
        weights = torch.full((CHAINS,), softplus(odds).sum().item() + 500 * np.log(2), dtype=torch.float64)
        for before, now in zip(grid[:-1], grid[1:]):
            field = net.field(v)
            gain = (softplus(now * field) - softplus(before * field)).sum(1) + (now - before) * (v @ (net.visible_bias - odds))
            weights += gain.double()
            h = (torch.rand(CHAINS, 500) < (now * field).sigmoid()).float()
            v = (torch.rand(CHAINS, 784) < (now * net.down_logits(h) + (1 - now) * odds).sigmoid()).float()
        shares = (weights - weights.max()).exp()
        return (weights.max() + shares.mean().log()).item(), (shares.std() / shares.mean() / CHAINS**0.5).item()

    @torch.no_grad()
    def samples(self, count, steps=1000):
        v = (torch.rand(count, 784) < self.rates).float()
        for _ in range(steps - 1):
            v = self.net.gibbs(v, torch.rand(1, count, 500), torch.rand(1, count, 784))
        h = (torch.rand(count, 500) < self.net.field(v).sigmoid()).float()
        return self.net.down_logits(h).sigmoid().view(count, 1, 28, 28)


def endless(x, y, batch):
    while True:
        for xs, _ in common.batches(x, y, batch):
            yield xs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument("seed", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--samples", type=Path)
    asked = parser.parse_args()
    model, setting = asked.setting.split("-", 1)
    chosen = SETTINGS[asked.setting]
    if asked.steps is None and common.done(model, setting, asked.seed):
        return
    train_x, train_y, test_x, test_y = prepared("mnist", (1, 28, 28))
    if model == "ebm":
        train_x, test_x = pad(train_x, (2, 2, 2, 2)), pad(test_x, (2, 2, 2, 2))
    total = asked.steps or round(chosen["epochs"] * (len(train_x) // chosen["batch"]))
    torch.manual_seed(asked.seed)
    twin = (EbmTwin if model == "ebm" else RbmTwin)(chosen, total)
    batches, started = endless(train_x, train_y, chosen["batch"]), time.perf_counter()
    for step in range(1, total + 1):
        loss = twin.step(next(batches))
        if step % max(1, total // 20) == 0:
            print(f"  step {step}/{total}: {loss:.4f}, {time.perf_counter() - started:.0f} s", flush=True)
    seconds = time.perf_counter() - started
    metrics = twin.evaluate(test_x, test_y)
    if asked.samples is not None:
        parts = [twin.samples(500) for _ in range(4)]
        np.save(asked.samples, (torch.cat(parts) * 255).round().byte().numpy())
    if asked.steps is None:
        common.record(model, setting, asked.seed, seconds, metrics)
    else:
        print(metrics)


if __name__ == "__main__":
    main()
