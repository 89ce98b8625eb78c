"""The flows: RealNVP on two moons and on digits, Glow on digits. Usage: python flows.py realnvp-toy|realnvp-book|realnvp-small|glow-small SEED [--steps N]

Digits come from the prepared copy that `atelier data get mnist` leaves in its cache. Moons are drawn here, as `atelier data info moons` describes them: the held-out points are others than
ours, so `nats` is given with the truth's on the same points (`truth`, by quadrature), and `excess`, their difference, is what compares. --steps stops early and follows the learning rate's
curve over so many steps; such a run is printed, not recorded.
"""

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch

import common
from autoencoders import prepared

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from flow_pictures import glow, nats, real_nvp_pictures, real_nvp_points  # noqa: E402

NOISE = 0.1
POINTS = {"train": 20_000, "test": 10_000}

# As the presets of the same names.
SETTINGS = {
    "realnvp-toy": {"build": real_nvp_points, "data": "moons", "epochs": 60, "batch": 256, "rate": 4e-3, "cosine": True},
    "realnvp-book": {"build": lambda: real_nvp_points(count=6, features=256, depth=4, norm=False), "data": "moons", "epochs": 300, "batch": 256, "rate": 1e-4},
    "realnvp-small": {"build": real_nvp_pictures, "data": "mnist", "epochs": 6, "batch": 64, "rate": 2e-3, "cosine": True},
    "glow-small": {"build": glow, "data": "mnist", "epochs": 8, "batch": 64, "rate": 2e-3, "cosine": True, "warmup": 50},
}  # fmt: skip


def moons(count):
    """[count, 2]"""
    lower, angle = np.random.randint(0, 2, count), np.random.uniform(0, math.pi, count)
    x = np.where(lower, 1 - np.cos(angle), np.cos(angle))
    y = np.where(lower, 0.5 - np.sin(angle), np.sin(angle))
    return torch.from_numpy(np.stack([x, y], 1) + NOISE * np.random.randn(count, 2)).float()


def moons_nats(points):
    """-ln of the true density, [N]: each arc convolved with the noise, by 2,000 midpoints."""
    angle = (np.arange(2000) + 0.5) * math.pi / 2000
    at = np.concatenate([np.stack([np.cos(angle), np.sin(angle)], 1), np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)])
    result = []
    for part in points.double().numpy().reshape(-1, 100, 2):
        squares = ((part[:, None] - at) ** 2).sum(2) / (2 * NOISE**2)
        low = squares.min(1, keepdims=True)
        result.append(low[:, 0] - np.log(np.exp(low - squares).mean(1)) + math.log(2 * math.pi * NOISE**2))
    return np.concatenate(result)


def dequantised(x):
    """Levels as numbers in (0, 1)."""
    return ((x * 255).round() + torch.rand_like(x)) / 256


def loss_of(chosen, model, x):
    """Nats an example, [B]."""
    return nats(model, x) if chosen["data"] == "moons" else nats(model, dequantised(x)) + x[0].numel() * math.log(256)


@torch.no_grad()
def evaluate(chosen, model, x):
    model.eval()
    torch.manual_seed(0)  # one fixed draw
    parts = x.split(500)
    total = sum(loss_of(chosen, model, xs if chosen["data"] == "moons" else xs.float() / 255).double().sum().item() for xs in parts) / len(x)
    if chosen["data"] != "moons":
        return {"nats": total, "bitsPerDim": total / (x[0].numel() * math.log(2))}
    truth = moons_nats(x).mean()
    return {"nats": total, "truth": truth, "excess": total - truth}


def main():
    arguments = sys.argv[1:]
    if len(arguments) < 2 or arguments[0] not in SETTINGS:
        sys.exit(__doc__)
    setting, seed = arguments[0], int(arguments[1])
    steps = int(arguments[3]) if len(arguments) > 3 else None
    chosen = SETTINGS[setting]
    name = setting.split("-")[0]
    if steps is None and common.done(name, setting, seed):
        return
    torch.manual_seed(seed)
    np.random.seed(seed)
    if chosen["data"] == "moons":
        train, test = moons(POINTS["train"]), moons(POINTS["test"])
    else:
        train, _, test, _ = prepared("mnist", (1, 28, 28))
    model = chosen["build"]()
    batch = chosen["batch"]
    total = steps or round(chosen["epochs"] * (len(train) // batch))
    warmup = chosen.get("warmup", 0)

    def rate(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * min((step - warmup) / max(total - warmup, 1), 1))) if chosen.get("cosine") else 1

    optimizer = torch.optim.Adam(model.parameters(), lr=chosen["rate"], fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    started, done = time.perf_counter(), 0
    while done < total:
        for index in torch.randperm(len(train)).split(batch):
            if len(index) < batch or done == total:
                break
            x = train[index] if chosen["data"] == "moons" else train[index].float() / 255
            optimizer.zero_grad()
            loss = loss_of(chosen, model, x).mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            if done % max(total // 10, 1) == 0:
                print(f"  {done}/{total}: {loss.item():.3f}, {time.perf_counter() - started:.0f} s", flush=True)
    seconds = time.perf_counter() - started
    figures = {**evaluate(chosen, model, test), "parameters": sum(p.numel() for p in model.parameters())}
    if steps is None:
        common.record(name, setting, seed, seconds, figures)
    else:
        print(json.dumps({**figures, "steps": total, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
