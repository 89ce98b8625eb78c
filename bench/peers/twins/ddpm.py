"""Diffusion on Fashion-MNIST. Usage: python ddpm.py small|flow SEED [--steps N]

The presets `small` of ddpm and flow-matching: the book's U-Net with one block a size, cosine schedule and velocities, or straight paths. --steps stops early
and follows the learning rate's curve over so many steps; such a run is printed, not recorded. The pictures are those of common.fashion().
With ATELIER_TWIN_SAMPLES=FOLDER 64 samples of the averaged weights go there as a sheet.
"""

import json
import math
import os
import sys
import time
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel

import common

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from diffusion import STEPS, Unet, cosine_tables, flow_loss, straight_tables, velocity_loss  # noqa: E402

SETTINGS = {
    "small": {"model": "ddpm", "tables": cosine_tables, "loss": velocity_loss},
    "flow": {"model": "flow-matching", "tables": straight_tables, "loss": flow_loss},
}
EPOCHS, BATCH, RATE, WARMUP, EMA = 2, 64, 2e-3, 100, 0.995


@torch.no_grad()
def evaluate(model, kind, x, size=100):
    """As diffusionMetrics: picture i of a batch of 100 is seen at time (i + 1/2) / 100. Our draw of the noise is another one."""
    model.eval()
    torch.manual_seed(0)
    error = guess = 0.0
    for xs, _ in common.in_order(x, x, size):
        index = ((torch.arange(len(xs)) + 0.5) * STEPS / len(xs)).floor().long()
        noise = torch.randn_like(xs)
        prediction, picture, alpha, sigma = model.look(xs, index, noise)
        noisy = alpha * picture + sigma * noise
        flow = kind == "flow-matching"
        wanted = noise - picture if flow else alpha * noise - sigma * picture
        seen = noisy - sigma * prediction if flow else alpha * noisy - sigma * prediction
        error += (prediction - wanted).double().square().sum().item()
        guess += (seen.clamp(-1, 1) - picture).double().square().sum().item() / picture[0].numel()
    return {"error": error / len(x), "pictureError": guess / len(x)}


@torch.no_grad()
def sheet(model, kind, path, steps=20):
    from PIL import Image

    model.eval()
    x = torch.randn(64, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    indices = [round(STEPS * (1 - k / steps)) - 1 for k in range(steps)]
    for i, following in zip(indices, [*indices[1:], None]):
        a, s = model.alpha[i], model.sigma[i]
        out = model(x, model.level[i].expand(64, -1))
        picture = (x - s * out if kind == "flow-matching" else a * x - s * out).clamp(-1, 1)
        noise = (x - a * picture) / s
        x = picture if following is None else model.alpha[following] * picture + model.sigma[following] * noise
    pixels = ((x + 1) * 127.5).round().byte().view(8, 8, 32, 32).permute(0, 2, 1, 3).reshape(256, 256)
    Image.fromarray(pixels.numpy()).resize((512, 512), Image.Resampling.NEAREST).save(path)


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
    train, _, test, _ = common.fashion()
    torch.manual_seed(seed)
    model = Unet(tables=chosen["tables"]).to(memory_format=torch.channels_last)  # the same numbers, less time
    average = AveragedModel(model, avg_fn=lambda old, new, _: EMA * old + (1 - EMA) * new)
    total = steps or EPOCHS * (len(train) // BATCH)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, total))
    started, done = time.perf_counter(), 0
    while done < total:
        for x, _ in common.batches(train, train, BATCH):
            model.train()
            optimizer.zero_grad()
            loss = chosen["loss"](model, x, torch.rand(len(x)), torch.randn_like(x))
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
    figures = {**evaluate(averaged, kind, test), "parameters": sum(p.numel() for p in model.parameters())}
    if folder := os.environ.get("ATELIER_TWIN_SAMPLES"):
        sheet(averaged, kind, Path(folder) / f"{setting}-{seed}.png")
    if steps is None:
        common.record(kind, setting, seed, seconds, figures)
    else:
        print(json.dumps({**figures, "steps": total, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
