"""The models that paint pixel by pixel. Usage: python pixels.py small|gated|plain|plus-plus|plus-plus-cifar|rnn SEED [--steps N]

Pictures come from the prepared copies that `atelier data get NAME` leaves in its cache (ATELIER_CACHE, or ~/.cache/atelier). Black and white test pictures
are one fixed draw. --steps stops early and follows the learning rate's curve over so many steps; such a run is printed, not recorded.
"""

import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

import common

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from autoregressive import Gated, PlusPlus, Plain, RowLstm, binary_nats, mixture_nats  # noqa: E402

CACHE = Path(os.environ.get("ATELIER_CACHE") or Path.home() / ".cache" / "atelier") / "data"

# As the presets of the same names.
SETTINGS = {
    "small": {"model": "pixelcnn", "build": Gated, "data": "mnist", "image": (1, 28, 28), "epochs": 2, "batch": 64, "rate": 2e-3},
    "gated": {"model": "pixelcnn", "build": Gated, "data": "mnist", "image": (1, 28, 28), "epochs": 1, "batch": 64, "rate": 2e-3},
    "plain": {"model": "pixelcnn", "build": Plain, "data": "mnist", "image": (1, 28, 28), "epochs": 1, "batch": 64, "rate": 2e-3},
    "plus-plus": {"model": "pixelcnn-plus-plus", "build": lambda: PlusPlus(colours=1), "data": "fashion-mnist", "image": (1, 28, 28), "epochs": 1.25, "batch": 16, "rate": 2e-3},
    "plus-plus-cifar": {"model": "pixelcnn-plus-plus", "build": PlusPlus, "data": "cifar10", "image": (3, 32, 32), "epochs": 0.8, "batch": 8, "rate": 2e-3},
    "rnn": {"model": "pixelrnn", "build": RowLstm, "data": "mnist", "image": (1, 28, 28), "epochs": 3, "batch": 64, "rate": 2e-3},
}  # fmt: skip


def prepared(name, shape, split):
    return torch.from_numpy(np.fromfile(CACHE / f"{name}-v1" / f"{split}-images.u8", np.uint8)).view(-1, *shape)


def nats(chosen, model, x):
    """Nats a picture, [B], of intensities in [0, 1]."""
    if chosen["data"] == "mnist":
        pixels = (torch.rand_like(x) < x).float()
        return binary_nats(model(pixels), pixels)
    pixels = (x * 255).round() * (2 / 255) - 1
    return mixture_nats(model(pixels), pixels, 10)


@torch.no_grad()
def evaluate(chosen, model, x):
    model.eval()
    torch.manual_seed(0)  # one fixed draw
    total = sum(nats(chosen, model, xs).double().sum().item() for xs, _ in common.in_order(x, x, 250)) / len(x)
    return {"nats": total, "bitsPerDim": total / (math.prod(chosen["image"]) * math.log(2))}


def main():
    arguments = sys.argv[1:]
    if len(arguments) < 2 or arguments[0] not in SETTINGS:
        sys.exit(__doc__)
    setting, seed = arguments[0], int(arguments[1])
    steps = int(arguments[3]) if len(arguments) > 3 else None
    chosen = SETTINGS[setting]
    if steps is None and common.done(chosen["model"], setting, seed):
        return
    train, test = (prepared(chosen["data"], chosen["image"], split) for split in ("train", "test"))
    torch.manual_seed(seed)
    model = chosen["build"]().to(memory_format=torch.channels_last)  # the same numbers, less time
    total = steps or round(chosen["epochs"] * (len(train) // chosen["batch"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=chosen["rate"], fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / total, 1))))
    started, done = time.perf_counter(), 0
    while done < total:
        for x, _ in common.batches(train, train, chosen["batch"]):
            optimizer.zero_grad()
            loss = nats(chosen, model, x).mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            if done % 100 == 0:
                print(f"  {done}/{total}: {loss.item():.2f}, {time.perf_counter() - started:.0f} s", flush=True)
            if done == total:
                break
    seconds = time.perf_counter() - started
    figures = evaluate(chosen, model, test)
    parameters = sum(p.numel() for p in model.parameters())
    if steps is None:
        common.record(chosen["model"], setting, seed, seconds, {**figures, "parameters": parameters})
    else:
        print(json.dumps({**figures, "parameters": parameters, "steps": total, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
