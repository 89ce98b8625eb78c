"""The VQ-VAE with its prior over codes, on Fashion-MNIST at 28 x 28. Usage: python vq_vae.py SETTING SEED [--steps N] (a shorter run is printed, not recorded)"""

import argparse
import math
import sys
import time
from pathlib import Path

import common
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from autoencoder_players import CODES, COMMITMENT, DEPTH, Codec, Prior  # noqa: E402

SETTINGS = {"small": "averages", "gradient": "gradient"}
STEPS, SHARE, BATCH, RATE, DECAY, REVIVAL = 4685, 0.3, 64, 1e-3, 0.99, 0.5
"""Five epochs, three tenths of them the autoencoder's."""


class Book:
    """How the codes move but for the optimizer: averages of their vectors, and revival of those that nobody uses."""

    def __init__(self, codec, learning):
        self.codes, self.learning = codec.quantizer.weight, learning
        self.codes.requires_grad_(learning == "gradient")
        self.uses = torch.full((CODES,), 2 * REVIVAL)
        self.sums = self.codes.detach() * 2 * REVIVAL

    @torch.no_grad()
    def learn(self, rows, indices):
        """After the optimizer's step; the loss saw the codes as they were before."""
        self.uses.mul_(DECAY).add_(torch.bincount(indices, minlength=CODES), alpha=1 - DECAY)
        dead, fresh = self.uses < REVIVAL, rows[torch.randint(len(rows), (CODES,))]
        if self.learning == "averages":
            self.sums.mul_(DECAY).add_(torch.zeros_like(self.sums).index_add_(0, indices, rows), alpha=1 - DECAY)
            total = self.uses.sum()
            self.codes.copy_(self.sums / ((self.uses + 1e-5) * total / (total + CODES * 1e-5)).unsqueeze(1))
            self.sums[dead] = fresh[dead] * 2 * REVIVAL
        self.codes[dead] = fresh[dead]
        self.uses[dead] = 2 * REVIVAL


@torch.no_grad()
def evaluate(codec, prior, x, y):
    mse, nats, uses = 0.0, 0.0, torch.zeros(CODES, dtype=torch.float64)
    for xs, _ in common.in_order(x, y):
        indices = codec.indices(xs)
        mse += (codec.paint(codec.quantizer.weight[indices.flatten()], xs).clip(0, 1) - xs).square().mean((1, 2, 3)).sum().item()
        nats += prior(indices).sum().item()
        uses += torch.bincount(indices.flatten(), minlength=CODES)
    shares = uses / uses.sum()
    perplexity = torch.exp(-torch.special.xlogy(shares, shares).sum()).item()
    places = indices[0].numel()
    return {"mse": mse / len(x), "perplexity": perplexity, "priorNats": nats / len(x), "bitsPerCode": nats / len(x) / places / math.log(2)}


def endless(x, y):
    while True:
        yield from common.batches(x, y, BATCH)


def train(codec, prior, book, data, steps):
    """Seconds of the whole training: first the autoencoder, then the prior over its codes."""
    optimizers = [torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=RATE, fused=True) for net in (codec, prior)]
    started = time.perf_counter()
    for step, (x, _) in zip(range(steps), endless(*data)):
        first = step < steps * SHARE
        optimizer = optimizers[0 if first else 1]
        optimizer.zero_grad()
        if first:
            (reconstruction, codebook, commitment), seen = codec.losses(x)
            loss = reconstruction + COMMITMENT * commitment + (codebook if book.learning == "gradient" else 0)
        else:
            loss = prior(codec.indices(x)).mean()
        loss.backward()
        optimizer.step()
        if first:
            book.learn(*seen)
        if step % 500 == 0:
            print(f"  step {step}: {loss.item():.2f}", flush=True)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument("seed", type=int)
    parser.add_argument("--steps", type=int)
    chosen = parser.parse_args()
    if chosen.steps is None and common.done("vq-vae", chosen.setting, chosen.seed):
        return
    steps = chosen.steps or STEPS
    torch.manual_seed(chosen.seed)
    codec, prior = Codec(), Prior()
    book = Book(codec, SETTINGS[chosen.setting])
    train_x, train_y, test_x, test_y = common.fashion()
    train_x, test_x = train_x[..., 2:-2, 2:-2].contiguous(), test_x[..., 2:-2, 2:-2].contiguous()
    seconds = train(codec, prior, book, (train_x, train_y), steps)
    figures = {"steps": steps, **evaluate(codec, prior, test_x, test_y)}
    if chosen.steps is None:
        common.record("vq-vae", chosen.setting, chosen.seed, seconds, figures)
    else:
        print(figures)


if __name__ == "__main__":
    main()
