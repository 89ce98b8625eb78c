"""Fashion-MNIST feature network, pictures not moved. Usage: python feature_net.py plain SEED [--steps N]

Ours: atelier train feature-net --data fashion-mnist --epochs 2 --set shift=0 --set scale=0 --seed SEED
--steps stops early and follows the learning rate's curve over so many steps; such a run is printed, not recorded.
"""

import math
import sys
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import common

WIDTHS, STRIDES = (16, 32, 32, 64, 64, 128), (1, 2, 1, 2, 1, 2)
RATE, WARMUP, BATCH, EPOCHS = 3e-3, 200, 64, 2


class FeatureNet(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for before, after, stride in zip((1, *WIDTHS), WIDTHS, STRIDES):
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(WIDTHS[-1], 10)

    def forward(self, x):
        return self.head(self.layers(x).mean((2, 3)))


def rate(step, total):
    """A linear rise over 200 steps, then half a cosine to 0."""
    return (step + 1) / WARMUP if step < WARMUP else 0.5 * (1 + math.cos(math.pi * min((step - WARMUP) / max(1, total - WARMUP), 1)))


def train(model, x, y, total):
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, total))
    started, step = time.perf_counter(), 0
    model.train()
    while step < total:
        for xs, ys in common.batches(x, y, BATCH):
            if step == total:
                break
            optimizer.zero_grad()
            cross_entropy(model(xs), ys).backward()
            optimizer.step()
            schedule.step()
            step += 1
    return time.perf_counter() - started


def main():
    steps = None
    if "--steps" in sys.argv:
        at = sys.argv.index("--steps")
        steps = int(sys.argv[at + 1])
        del sys.argv[at : at + 2]
    setting, seed = common.arguments(["plain"])
    if steps is None and common.done("feature-net", setting, seed):
        return
    torch.manual_seed(seed)
    model = FeatureNet().to(memory_format=torch.channels_last)
    assert sum(p.numel() for p in model.parameters()) == 144_954
    train_x, train_y, test_x, test_y = common.fashion()
    seconds = train(model, train_x, train_y, steps or EPOCHS * (len(train_x) // BATCH))
    result = {"accuracy": common.accuracy(model, test_x, test_y)}
    if steps is None:
        common.record("feature-net", setting, seed, seconds, result)
    else:
        print(result)


if __name__ == "__main__":
    main()
