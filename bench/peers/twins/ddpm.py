"""Diffusion. Usage: python ddpm.py small|flow|digits SEED [--steps N]

The presets `small` of ddpm and flow-matching, `digits` of conditional-ddpm: the book's U-Net with one block a size, cosine schedule and velocities, or straight
paths. --steps stops early and follows the learning rate's curve over so many steps; such a run is printed, not recorded. Clothes are those of common.fashion(),
digits come from the prepared copy that `atelier data get mnist` leaves in its cache.
With ATELIER_TWIN_SAMPLES=FOLDER samples of the averaged weights go there: 64 on a sheet; of digits 2,000 by guidance 3, each number in turn, as SETTING-SEED.npy,
for `node bin/ts.js bench/experiments/distances.ts FILE --data mnist`.
"""

import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel

import common
from autoencoders import prepared

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from diffusion import STEPS, Unet, cosine_tables, flow_loss, straight_tables, velocity_loss  # noqa: E402

SETTINGS = {
    "small": {"model": "ddpm", "tables": cosine_tables, "loss": velocity_loss},
    "flow": {"model": "flow-matching", "tables": straight_tables, "loss": flow_loss},
    "digits": {"model": "conditional-ddpm", "tables": cosine_tables, "loss": velocity_loss, "conditions": 10},
}
DROPPED = 0.15
EPOCHS, BATCH, RATE, WARMUP, EMA = 2, 64, 2e-3, 100, 0.995


def pictures_of(chosen):
    """Train pictures and labels, held-out pictures and labels, uint8 [N, 1, 32, 32]."""
    if "conditions" not in chosen:
        return common.fashion()
    train, train_y, test, test_y = prepared("mnist", (1, 28, 28))
    return F.pad(train, (2, 2, 2, 2)), train_y, F.pad(test, (2, 2, 2, 2)), test_y


def known_of(chosen, labels):
    """[B, classes + 1], or None for models that are told nothing."""
    if "conditions" not in chosen:
        return None
    return torch.cat([F.one_hot(labels, chosen["conditions"]).float(), torch.ones(len(labels), 1)], 1)


@torch.no_grad()
def evaluate(model, chosen, x, y, size=100):
    """As diffusionMetrics: picture i of a batch of 100 is seen at time (i + 1/2) / 100. Our draw of the noise is another one."""
    model.eval()
    torch.manual_seed(0)
    error = guess = 0.0
    flow = chosen["model"] == "flow-matching"
    for xs, ys in common.in_order(x, y, size):
        index = ((torch.arange(len(xs)) + 0.5) * STEPS / len(xs)).floor().long()
        noise = torch.randn_like(xs)
        prediction, picture, alpha, sigma = model.look(xs, index, noise, known_of(chosen, ys))
        noisy = alpha * picture + sigma * noise
        wanted = noise - picture if flow else alpha * noise - sigma * picture
        seen = noisy - sigma * prediction if flow else alpha * noisy - sigma * prediction
        error += (prediction - wanted).double().square().sum().item()
        guess += (seen.clamp(-1, 1) - picture).double().square().sum().item() / picture[0].numel()
    return {"error": error / len(x), "pictureError": guess / len(x)}


@torch.no_grad()
def samples(model, chosen, count, noises, labels=None, guidance=3, steps=20):
    """[count, 1, 32, 32] of uint8 by `ddim`."""
    model.eval()
    x = torch.randn(count, 1, 32, 32, generator=noises)
    known = None if labels is None else known_of(chosen, labels)
    indices = [round(STEPS * (1 - k / steps)) - 1 for k in range(steps)]
    for i, following in zip(indices, [*indices[1:], None]):
        a, s, level = model.alpha[i], model.sigma[i], model.level[i].expand(count, -1)
        out = model(x, level, known)
        if known is not None:
            free = model(x, level, torch.zeros_like(known))
            out = free + guidance * (out - free)
        picture = (x - s * out if chosen["model"] == "flow-matching" else a * x - s * out).clamp(-1, 1)
        noise = (x - a * picture) / s
        x = picture if following is None else model.alpha[following] * picture + model.sigma[following] * noise
    return ((x + 1) * 127.5).round().byte()


def save_samples(model, chosen, path):
    from PIL import Image

    noises = torch.Generator().manual_seed(0)
    if "conditions" in chosen:
        parts = [samples(model, chosen, 500, noises, torch.arange(500) % 10) for _ in range(4)]
        np.save(path.with_suffix(".npy"), torch.cat(parts).numpy())
        return
    pixels = samples(model, chosen, 64, noises).view(8, 8, 32, 32).permute(0, 2, 1, 3).reshape(256, 256)
    Image.fromarray(pixels.numpy()).resize((512, 512), Image.Resampling.NEAREST).save(path.with_suffix(".png"))


def rate(step, total):
    """Factor on the learning rate at a step counted from 0: a linear warm-up, then half a cosine over the steps that are left."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 0.5 * (1 + math.cos(math.pi * min((step - WARMUP) / max(1, total - WARMUP), 1)))


def main():
    arguments = sys.argv[1:]
    if len(arguments) < 2 or arguments[0] not in SETTINGS:
        sys.exit(__doc__)
    setting, seed = arguments[0], int(arguments[1])
    steps = int(arguments[3]) if len(arguments) > 3 else None
    chosen = SETTINGS[setting]
    kind = chosen["model"]
    if steps is None and common.done(kind, setting, seed):
        return
    train, train_y, test, test_y = pictures_of(chosen)
    torch.manual_seed(seed)
    model = Unet(tables=chosen["tables"], conditions=chosen.get("conditions", 0)).to(memory_format=torch.channels_last)  # the same numbers, less time
    average = AveragedModel(model, avg_fn=lambda old, new, _: EMA * old + (1 - EMA) * new)
    total = steps or EPOCHS * (len(train) // BATCH)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, total))
    started, done = time.perf_counter(), 0
    while done < total:
        for x, y in common.batches(train, train_y, BATCH):
            model.train()
            optimizer.zero_grad()
            known = known_of(chosen, y)
            if known is not None:
                known = known * (torch.rand(len(x), 1) >= DROPPED)
            loss = chosen["loss"](model, x, torch.rand(len(x)), torch.randn_like(x), known)
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
            done += 1
            if done % 100 == 0:
                print(f"  {done}/{total}: {loss.item():.2f}, {time.perf_counter() - started:.0f} s", flush=True)
            if done == total:
                break
    seconds = time.perf_counter() - started
    averaged = average.module
    for name, buffer in averaged.named_buffers():  # running statistics are the trained network's
        buffer.copy_(model.get_buffer(name))
    figures = {**evaluate(averaged, chosen, test, test_y), "parameters": sum(p.numel() for p in model.parameters())}
    if folder := os.environ.get("ATELIER_TWIN_SAMPLES"):
        save_samples(averaged, chosen, Path(folder) / f"{setting}-{seed}")
    if steps is None:
        common.record(kind, setting, seed, seconds, figures)
    else:
        print(json.dumps({**figures, "steps": total, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
