"""The encoder-decoder Transformer on pairs. Usage: python transformer.py small|original|messages SEED [--steps N] [--limit N] [--tokenizer FILE] [--out FOLDER]

As the presets of the same names. `messages` needs the tokenizer.json of a run of ours and the package tokenizers; its texts go to --out, to be scored:
atelier score FOLDER/beam.txt --references FOLDER/references.txt. With --steps or --limit (of held-out pairs) a run is printed, not recorded.
"""

import math
import sys
from pathlib import Path

import torch

import pairs

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from translation import Transformer  # noqa: E402

SETTINGS = {
    "small": {"data": "g2p", "lengths": (16, 16), "net": {}, "epochs": 5, "batch": 128, "rate": 2e-3, "warmup": 300, "clip": 1.0},
    "original": {"data": "g2p", "lengths": (16, 16), "net": {"norm": "post", "dropout": 0.1}, "epochs": 6, "batch": 128, "rate": 1.4e-3, "warmup": 1000,
                 "epsilon": 1e-9, "root": True},
    "messages": {"data": "ts-diagnostics", "lengths": (48, 60), "net": {"dropout": 0.3, "shared": True}, "epochs": 80, "batch": 32, "rate": 1e-3,
                 "warmup": 300, "clip": 1.0},
}  # fmt: skip
SMOOTHING = 0.1


def begin(net, source, beams):
    """Start and step of a search: keys and values of the source are repeated for each beam."""

    def start():
        memory, mask = net.encode(source)
        start.memory = [tuple(part.repeat_interleave(beams, 0) for part in layer) for layer in memory]
        start.mask = mask.repeat_interleave(beams, 0)
        return tuple(torch.zeros(len(source) * beams, 0, net.width) for _ in memory for _ in range(2)), len(source)

    def step(ids, caches):
        logits, caches = net.step(ids, caches, start.memory, start.mask)
        return logits.log_softmax(1), caches

    return start, step


def network(chosen, sources, targets):
    return Transformer(source_vocabulary=sources, vocabulary=targets, **chosen["net"])


def optimizer(net, chosen):
    return torch.optim.Adam(net.parameters(), lr=chosen["rate"], betas=(0.9, 0.98), eps=chosen.get("epsilon", 1e-8), fused=True)


def factor(step, steps, chosen):
    warmup = chosen["warmup"]
    if step < warmup:
        return (step + 1) / warmup
    if chosen.get("root"):
        return math.sqrt(warmup / step)
    return 0.5 * (1 + math.cos(math.pi * min((step - warmup) / max(1, steps - warmup), 1)))


if __name__ == "__main__":
    pairs.main("transformer", __doc__, SETTINGS, network, begin, optimizer, factor, SMOOTHING)
