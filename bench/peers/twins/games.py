"""The GANs: DCGAN, WGAN-GP, WGAN with clipped weights, conditional GAN. Usage: python games.py SETTING SEED [--steps N] [--samples FILE]

Pictures come from the prepared copies that `atelier data get NAME` leaves in its cache. The same held-out metrics as ours are recorded; distances are
measured on the samples' file: `node bin/ts.js bench/experiments/distances.ts FILE --data NAME`. With --steps nothing is recorded.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot, pad

import common
from autoencoders import prepared

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from gans import ConditionalGan, Dcgan, WganGp  # noqa: E402

WIDTHS = (32, 64, 128)
BATCH = 64
ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}

# As the presets of the same names. `critic` is how many batches the critic takes a step; the others take one.
SETTINGS = {
    "dcgan-small": {"data": "fashion-mnist", "build": lambda: Dcgan(WIDTHS), "code": 100, "epochs": 8},
    "conditional-gan-small": {"data": "mnist", "build": ConditionalGan, "code": 100, "epochs": 8},
    "wgan-gp-small": {"data": "fashion-mnist", "build": lambda: WganGp(1, WIDTHS, nearest=True), "code": 128, "epochs": 12, "critic": 5},
    "wgan-clipping": {"data": "fashion-mnist", "build": lambda: WganGp(1, WIDTHS, nearest=True), "code": 128, "epochs": 12, "critic": 5, "clip": 0.01},
}


def first_weights(net):
    """DCGAN, section 4: N(0, 0.02) for convolutions either way."""
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, 0.02)


def endless(x, y):
    """Batches in [-1, 1], epoch after epoch, with one-hot labels."""
    while True:
        for xs, ys in common.batches(x, y, BATCH):
            yield xs * 2 - 1, one_hot(ys, 10).float()


class Game:
    """Both players of a setting, and one step of them."""

    def __init__(self, chosen):
        self.chosen, self.net = chosen, chosen["build"]()
        self.critic_steps = chosen.get("critic")
        if self.critic_steps is None:
            first_weights(self.net)
            kind, options = torch.optim.Adam, ADAM
        elif "clip" in chosen:
            kind, options = torch.optim.RMSprop, {"lr": 5e-5}
        else:
            kind, options = torch.optim.Adam, {"lr": 5e-4, "betas": (0.0, 0.9)}
        self.judge = self.net.discriminator if self.critic_steps is None else self.net.critic
        self.optimizers = [kind(player.parameters(), **options) for player in (self.judge, self.net.generator)]

    def paint(self, conditions):
        codes = torch.randn(len(conditions), self.chosen["code"], 1, 1)
        return self.net.paint(codes, conditions) if hasattr(self.net, "paint") else self.net.generator(codes)

    def scores(self, pictures, conditions):
        return self.judge(pictures, conditions) if hasattr(self.net, "paint") else self.judge(pictures)

    def move(self, player, loss, retain=False):
        """The gradient of one player's loss for its own parameters."""
        parameters = list((self.judge, self.net.generator)[player].parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters, retain_graph=retain)):
            parameter.grad = gradient

    def step(self, batches):
        return self.minimax(*next(batches)) if self.critic_steps is None else self.wasserstein(batches)

    def minimax(self, real, conditions):
        """Both players from one forward pass."""
        fake = self.paint(conditions)
        on_real, on_fake = self.scores(real, conditions), self.scores(fake, conditions)
        one, zero, loss = torch.ones(len(real)), torch.zeros(len(real)), binary_cross_entropy_with_logits
        judged = 0.5 * (loss(on_real, one) + loss(on_fake, zero))
        self.move(0, judged, retain=True)
        self.move(1, loss(on_fake, one))
        for optimizer in self.optimizers:
            optimizer.step()
        return judged.item()

    def wasserstein(self, batches):
        for _ in range(self.critic_steps):
            real, conditions = next(batches)
            with torch.no_grad():
                fake = self.paint(conditions)
            estimate = self.judge(real).mean() - self.judge(fake).mean()
            loss = -estimate if "clip" in self.chosen else -estimate + 10 * self.penalty(real, fake)
            self.move(0, loss)
            self.optimizers[0].step()
            self.limit()
        self.move(1, -self.judge(self.paint(conditions)).mean())
        self.optimizers[1].step()
        return estimate.item()

    def penalty(self, real, fake):
        between = (real + torch.rand(len(real), 1, 1, 1) * (fake - real)).requires_grad_()
        slopes = torch.autograd.grad(self.judge(between).sum(), between, create_graph=True)[0]
        return (slopes.square().sum((1, 2, 3)).add(1e-12).sqrt() - 1).square().mean()

    @torch.no_grad()
    def limit(self):
        for parameter in self.judge.parameters() if "clip" in self.chosen else []:
            parameter.clamp_(-self.chosen["clip"], self.chosen["clip"])


@torch.no_grad()
def evaluate(game, x, y):
    """The metrics of our records, means over the held-out pictures."""
    game.net.eval()
    real, fake = [], []
    for xs, ys in common.in_order(x, y):
        conditions = one_hot(ys, 10).float()
        real.append(game.scores(xs * 2 - 1, conditions))
        fake.append(game.scores(game.paint(conditions), conditions))
    real, fake = torch.cat(real), torch.cat(fake)
    if game.critic_steps is not None:
        return {"estimate": (real - fake).mean().item()}
    return {"realProbability": real.sigmoid().mean().item(), "fakeProbability": fake.sigmoid().mean().item()}


@torch.no_grad()
def save_samples(game, path, count=2000):
    """[count, 1, 32, 32] of uint8; each condition in turn."""
    game.net.eval()
    conditions = one_hot(torch.arange(count) % 10, 10).float()
    pictures = torch.cat([game.paint(part) for part in conditions.split(500)])
    np.save(path, ((pictures + 1) * 127.5).round().byte().numpy())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument("seed", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--samples", type=Path)
    asked = parser.parse_args()
    chosen = SETTINGS[asked.setting]
    if asked.steps is None and common.done(*asked.setting.rsplit("-", 1), asked.seed):
        return
    train_x, train_y, test_x, test_y = prepared(chosen["data"], (1, 28, 28))
    train_x, test_x = pad(train_x, (2, 2, 2, 2)), pad(test_x, (2, 2, 2, 2))
    total = asked.steps or round(chosen["epochs"] * (len(train_x) // BATCH) / chosen.get("critic", 1))
    torch.manual_seed(asked.seed)
    game = Game(chosen)
    batches, started = endless(train_x, train_y), time.perf_counter()
    for step in range(1, total + 1):
        loss = game.step(batches)
        if step % max(1, total // 20) == 0:
            print(f"  step {step}/{total}: {loss:.4f}, {time.perf_counter() - started:.0f} s", flush=True)
    seconds = time.perf_counter() - started
    metrics = evaluate(game, test_x, test_y)
    if asked.samples is not None:
        save_samples(game, asked.samples)
    if asked.steps is None:
        common.record(*asked.setting.rsplit("-", 1), asked.seed, seconds, metrics)
    else:
        print(metrics)


if __name__ == "__main__":
    main()
