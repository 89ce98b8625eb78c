"""What the twins of language models share: token files as `atelier tokenizer file` writes them, batches of windows, the held-out loss, the budget."""

import math
import struct
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F


def token_file(path):
    """The ids of a token file, and its vocabulary's size: a header of 32 bytes, then ids of 2 or 4 bytes."""
    data = Path(path).read_bytes()
    magic, _, width, vocabulary = struct.unpack("<4sIII", data[:16])
    assert magic == b"ATOK", f"{path} is no token file"
    return torch.from_numpy(np.frombuffer(data, np.uint16 if width == 2 else np.uint32, offset=32).astype(np.int64)), vocabulary


def windows(ids, length):
    """Windows of length + 1 tokens, side by side but for the token they share: [N, length + 1]."""
    count = (len(ids) - 1) // length
    return torch.stack([ids[i * length : (i + 1) * length + 1] for i in range(count)])


def batches(ids, length, batch, order):
    """Endless batches [B, T + 1]: windows at random places, or blocks in random order, each once an epoch."""
    blocks = windows(ids, length) if order == "blocks" else None
    while True:
        if blocks is None:
            starts = torch.randint(len(ids) - length, (batch,))
            yield torch.stack([ids[i : i + length + 1] for i in starts])
        else:
            shuffled = torch.randperm(len(blocks))
            for at in range(0, len(blocks) - batch + 1, batch):
                yield blocks[shuffled[at : at + batch]]


def nats(model, tokens):
    """Mean of -log p per token of windows [B, T + 1]."""
    logits = model(tokens[:, :-1])
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1))


@torch.no_grad()
def held_out(model, ids, length, batch=8):
    """Nats per token of all windows side by side."""
    model.eval()
    rows = windows(ids, length)
    total = sum(nats(model, rows[at : at + batch]).item() * len(rows[at : at + batch]) for at in range(0, len(rows), batch))
    return total / len(rows)


def train(model, source, optimizer, *, steps, clip=0.0, rate_of=lambda step: 1.0):
    """So many steps; rate_of is the factor on the learning rate. Returns the seconds."""
    model.train()
    rate = optimizer.param_groups[0]["lr"]
    started = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * rate_of(step)
        loss = nats(model, next(source))
        optimizer.zero_grad()
        loss.backward()
        if clip > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if step == 0 or (step + 1) % max(1, steps // 10) == 0:
            print(f"  step {step + 1}/{steps}: {loss.item():.4f} nats, {time.perf_counter() - started:.0f} s", flush=True)
    return time.perf_counter() - started


def cosine(steps, end=0.0):
    """From 1 to end along half a cosine."""
    return lambda step: end + (1 - end) * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1)))
