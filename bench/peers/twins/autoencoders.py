"""The autoencoder family: VAE of faces, with dense layers, with convolutions; denoising; conditional. Usage: python autoencoders.py SETTING SEED [--steps N]

Pictures come from the prepared copies that `atelier data get NAME` leaves in its cache (ATELIER_CACHE, or ~/.cache/atelier).
--steps stops early and follows the learning rate's curve over so many steps; such a run is printed, not recorded.
"""

import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

import common

CACHE = Path(os.environ.get("ATELIER_CACHE") or Path.home() / ".cache" / "atelier") / "data"

# As the presets of the same names: data, picture, code, widths of the convolutions, dense layers, what follows a hidden layer, and the budget.
SETTINGS = {
    "vae-mlp": {"data": "mnist", "image": (1, 28, 28), "code": 20, "widths": [], "hidden": [500], "act": nn.Tanh, "norm": False,
                "binarize": True, "epochs": 40, "batch": 128, "rate": 2e-3, "cosine": True},
    "vae-mnist-conv": {"data": "mnist", "image": (1, 28, 28), "code": 32, "widths": [32, 64], "hidden": [512], "act": nn.ReLU, "norm": True,
                       "binarize": True, "warmup": 8000, "epochs": 25, "batch": 100, "rate": 3e-3, "cosine": True},
    "vae-faces": {"data": "avatars", "image": (3, 64, 64), "code": 200, "widths": [24, 48, 64, 128], "hidden": [], "act": lambda: nn.LeakyReLU(0.2),
                  "norm": True, "deviation": 0.38, "epochs": 6, "batch": 32, "rate": 1e-3, "cosine": True},
    "denoising": {"data": "mnist", "image": (1, 28, 28), "code": 128, "widths": [32, 64], "hidden": [], "act": nn.ReLU, "norm": True,
                  "mask": 0.5, "epochs": 3, "batch": 128, "rate": 1e-3, "cosine": True},
    "conditional-vae": {"data": "mnist", "image": (1, 28, 28), "code": 16, "widths": [32, 64], "hidden": [256], "act": nn.ReLU, "norm": True,
                        "conditions": 10, "epochs": 4, "batch": 128, "rate": 2e-3, "cosine": True},
}  # fmt: skip


def prepared(name, shape):
    """Train pictures and labels, test pictures and labels; labels are zeros where the set has none."""
    result = []
    for split in ("train", "test"):
        pictures, labels = (CACHE / f"{name}-v1" / f"{split}-{part}.u8" for part in ("images", "labels"))
        result.append(torch.from_numpy(np.fromfile(pictures, np.uint8)).view(-1, *shape))
        count = len(result[-1])
        result.append(torch.from_numpy(np.fromfile(labels, np.uint8)).long() if labels.exists() else torch.zeros(count, dtype=torch.long))
    return result


def dense(sizes, act):
    """Linear and activation from each size to the next."""
    return [layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.Linear(a, b), act())]


class Codec(nn.Module):
    """The two halves of blocks.ts."""

    def __init__(self, chosen, heads):
        super().__init__()
        (channels, height, width), widths, hidden = chosen["image"], chosen["widths"], chosen["hidden"]
        known, code, act = chosen.get("conditions", 0), chosen["code"], chosen["act"]

        def after(c):
            return [nn.BatchNorm2d(c), act()] if chosen["norm"] else [act()]

        convs = [layer for a, b in zip([channels, *widths], widths) for layer in (nn.Conv2d(a, b, 3, 2, 1), *after(b))]
        deepest = (widths[-1] if widths else channels, height >> len(widths), width >> len(widths))
        size = math.prod(deepest)
        self.convs = nn.Sequential(*convs, nn.Flatten())
        self.hidden = nn.Sequential(*dense([size + known, *hidden], act))
        self.heads = nn.ModuleList(nn.Linear(hidden[-1] if hidden else size + known, code) for _ in range(heads))
        inward = [code + known, *reversed(hidden)]
        layers = [*dense(inward, act), nn.Linear(inward[-1], size), nn.Unflatten(1, deepest)]
        outward = widths[::-1]
        for a, b in zip([*outward[:1], *outward], outward):
            layers += [nn.ConvTranspose2d(a, b, 3, 2, 1, 1), *after(b)]
        self.decoder = nn.Sequential(*layers, *([nn.Conv2d(outward[-1], channels, 3, 1, 1)] if outward else []))

    def encode(self, x, y):
        features = self.hidden(torch.cat([self.convs(x), y], 1))
        return [head(features) for head in self.heads]

    def decode(self, z, y):
        return self.decoder(torch.cat([z, y], 1))


def per_picture(x):
    return x.flatten(1).sum(1)


def reconstruction(chosen, logits, x):
    """Nats a picture, [B]."""
    deviation = chosen.get("deviation")
    if deviation is None:
        return per_picture(binary_cross_entropy_with_logits(logits, x, reduction="none"))
    constant = math.prod(chosen["image"]) * (math.log(deviation) + 0.5 * math.log(2 * math.pi))
    return per_picture((logits.sigmoid() - x).square()) / (2 * deviation**2) + constant


def psnr(a, b):
    return -10 * torch.log10((a - b).square().flatten(1).mean(1).clamp_min(1e-10))


def known(chosen, labels):
    """[B, conditions]; no columns where the model takes none."""
    return one_hot(labels, chosen["conditions"]).float() if "conditions" in chosen else torch.zeros(len(labels), 0)


def measures(chosen, model, x, labels):
    """What is reported of each picture, [B] each; the first ones add up to the loss."""
    y = known(chosen, labels)
    if "mask" in chosen:
        spoiled = x * (torch.rand_like(x) >= chosen["mask"])
        (code,) = model.encode(spoiled, y)
        logits = model.decode(chosen["act"]()(code), y)
        with torch.no_grad():
            extra = {"noisyPsnr": psnr(spoiled, x), "denoisedPsnr": psnr(logits.sigmoid(), x)}
        return {"reconstructionNats": reconstruction(chosen, logits, x), **extra}
    if chosen.get("binarize"):
        x = (torch.rand_like(x) < x).float()
    mean, log_var = model.encode(x, y)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(1)
    return {"reconstructionNats": reconstruction(chosen, model.decode(z, y), x), "klNats": kl}


def loss_of(chosen, model, x, labels, step):
    """The KL term climbs to its weight in the first `warmup` steps."""
    values = measures(chosen, model, x, labels)
    weights = {"reconstructionNats": 1, "klNats": min(1, (step + 1) / chosen.get("warmup", 1))}
    return sum(weight * values[name].mean() for name, weight in weights.items() if name in values)


def train(chosen, model, data, steps):
    """Adam, with the learning rate from its start to 0 along half a cosine; returns the seconds."""
    total = steps or chosen["epochs"] * (len(data[0]) // chosen["batch"])
    optimizer = torch.optim.Adam(model.parameters(), lr=chosen["rate"], fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / total, 1))))
    model.train()
    started, done = time.perf_counter(), 0
    while done < total:
        for x, labels in common.batches(*data, chosen["batch"]):
            optimizer.zero_grad()
            loss = loss_of(chosen, model, x, labels, done)
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            if done % max(1, total // 20) == 0:
                print(f"  step {done}/{total}: loss {loss.item():.3f}, {time.perf_counter() - started:.0f} s so far", flush=True)
            if done == total:
                break
    return time.perf_counter() - started


@torch.no_grad()
def evaluate(chosen, model, x, labels):
    model.eval()
    sums = {}
    for xs, ys in common.in_order(x, labels, 100):
        for name, values in measures(chosen, model, xs, ys).items():
            sums[name] = sums.get(name, 0.0) + values.double().sum().item()
    results = {name: value / len(x) for name, value in sums.items()}
    if "klNats" in results:
        results["totalNats"] = results["reconstructionNats"] + results["klNats"]
    return results


def main():
    steps = None
    if "--steps" in sys.argv:
        at = sys.argv.index("--steps")
        steps = int(sys.argv[at + 1])
        del sys.argv[at : at + 2]
    setting, seed = common.arguments(SETTINGS)
    chosen = SETTINGS[setting]
    if steps is None and common.done("autoencoders", setting, seed):
        return
    torch.manual_seed(seed)
    model = Codec(chosen, 1 if "mask" in chosen else 2).to(memory_format=torch.channels_last)  # the same numbers, half the time
    print(f"{setting}: {sum(p.numel() for p in model.parameters())} parameters", flush=True)
    train_x, train_y, test_x, test_y = prepared(chosen["data"], chosen["image"])
    seconds = train(chosen, model, (train_x, train_y), steps)
    results = evaluate(chosen, model, test_x, test_y)
    if steps is None:
        common.record("autoencoders", setting, seed, seconds, results)
    else:
        print(json.dumps({"setting": setting, "seed": seed, "steps": steps, "seconds": round(seconds, 1), **results}))


if __name__ == "__main__":
    main()
