"""The VAE-GAN on Fashion-MNIST, padded to 32 x 32. Usage: python vae_gan.py fashion SEED [--steps N] (a shorter run is printed, not recorded); samples into the folder ATELIER_TWIN_SAMPLES, where set"""

import argparse
import os
import sys
import time
from pathlib import Path

import common
import numpy as np
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from autoencoder_players import VaeGan, vae_gan_losses  # noqa: E402

STEPS, BATCH, RATE, CODE = 3750, 32, 5e-4, 16
"""Two epochs."""


@torch.no_grad()
def evaluate(net, x, y):
    net.eval()
    sums = torch.zeros(3, dtype=torch.float64)
    for xs, _ in common.in_order(x, y):
        mean, log_var = net.encoder(xs * 2 - 1)
        rebuilt = net.generator(mean + (0.5 * log_var).exp() * torch.randn_like(mean))
        real, again = net.discriminator(xs * 2 - 1)[0], net.discriminator(rebuilt)[0]
        kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(1)
        each = [((rebuilt + 1) / 2 - xs).square().mean((1, 2, 3)), kl, (real - again).square().mean((1, 2, 3))]
        sums += torch.stack([values.sum() for values in each]).double()
    return dict(zip(["mse", "klNats", "featureMse"], (sums / len(x)).tolist()))


@torch.no_grad()
def save_samples(net, path, count=2000):
    """[count, 1, 32, 32], uint8."""
    codes = torch.randn(count, CODE, generator=torch.Generator().manual_seed(0))
    np.save(path, ((net.generator(codes) + 1) * 127.5).round().byte().numpy())


def endless(x, y):
    while True:
        yield from common.batches(x, y, BATCH)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("setting", choices=["fashion"])
    parser.add_argument("seed", type=int)
    parser.add_argument("--steps", type=int)
    chosen = parser.parse_args()
    if chosen.steps is None and common.done("vae-gan", chosen.setting, chosen.seed):
        return
    steps = chosen.steps or STEPS
    torch.manual_seed(chosen.seed)
    net = VaeGan(code=CODE)
    train_x, train_y, test_x, test_y = common.fashion()
    players = {name: list(player.parameters()) for name, player in net.named_children()}
    optimizers = [torch.optim.Adam(parameters, lr=RATE, betas=(0.5, 0.999), fused=True) for parameters in players.values()]
    call = dict(net.named_children())
    started = time.perf_counter()
    for step, (x, _) in zip(range(steps), endless(train_x, train_y)):
        losses = vae_gan_losses(call, x, torch.randn(len(x), CODE), torch.randn(len(x), CODE))
        for name, loss in losses.items():
            for parameter, gradient in zip(players[name], torch.autograd.grad(loss, players[name], retain_graph=True)):
                parameter.grad = gradient
        for optimizer in optimizers:
            optimizer.step()
        if step % 250 == 0:
            print(f"  step {step}: {', '.join(f'{name} {loss.item():.3f}' for name, loss in losses.items())}", flush=True)
    seconds = time.perf_counter() - started
    figures = {"steps": steps, **evaluate(net, test_x, test_y)}
    if chosen.steps is None:
        common.record("vae-gan", chosen.setting, chosen.seed, seconds, figures)
    else:
        print(figures)
    if folder := os.environ.get("ATELIER_TWIN_SAMPLES"):
        save_samples(net, Path(folder) / f"vae-gan-{chosen.setting}-{chosen.seed}.npy")


if __name__ == "__main__":
    main()
