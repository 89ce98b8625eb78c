"""Recurrent networks with attention on pairs. Usage: python seq2seq.py small|luong|messages SEED [--steps N] [--limit N] [--tokenizer FILE] [--out FOLDER]

As the presets of the same names. `messages` needs the tokenizer.json of a run of ours and the package tokenizers; its texts go to --out, to be scored:
atelier score FOLDER/beam.txt --references FOLDER/references.txt. With --steps or --limit (of held-out pairs) a run is printed, not recorded.
"""

import math
import sys
from pathlib import Path

import torch

import pairs

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from translation import Seq2Seq  # noqa: E402

RATE, WARMUP, CLIP = 2e-3, 100, 5.0
SETTINGS = {
    "small": {"data": "g2p", "lengths": (16, 16), "net": {"dropout": 0.2}, "epochs": 2, "batch": 128, "clip": CLIP},
    "luong": {"data": "g2p", "lengths": (16, 16), "net": {"attention": "general", "dropout": 0.2}, "epochs": 2, "batch": 128, "clip": CLIP},
    "messages": {"data": "ts-diagnostics", "lengths": (48, 60), "net": {"attention": "general", "embedding": 128, "input_feeding": True, "dropout": 0.3},
                 "epochs": 60, "batch": 32, "clip": CLIP},
}  # fmt: skip


def begin(net, source, beams):
    """Start and step of a search: what all steps look at is repeated for each beam."""

    def start():
        memory, state = net.encode(source)
        start.memory = tuple(part.repeat_interleave(beams, 0) for part in memory)
        return tuple(part.repeat_interleave(beams, 0) for part in state), len(source)

    def step(ids, state):
        state, features = net.step(net.target_embedding(ids), state, start.memory)
        return net.head(features).log_softmax(1), state

    return start, step


def network(chosen, sources, targets):
    return Seq2Seq(source_vocabulary=sources, vocabulary=targets, **chosen["net"])


def optimizer(net, chosen):
    return torch.optim.Adam(net.parameters(), lr=RATE, fused=True)


def factor(step, steps, chosen):
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 0.5 * (1 + math.cos(math.pi * min((step - WARMUP) / max(1, steps - WARMUP), 1)))


if __name__ == "__main__":
    pairs.main("seq2seq", __doc__, SETTINGS, network, begin, optimizer, factor)
