"""Recurrent networks with attention on pairs. Usage: python seq2seq.py small|luong|messages SEED [--steps N] [--limit N] [--tokenizer FILE] [--out FOLDER]

As the presets of the same names. `messages` needs the tokenizer.json of a run of ours and the package tokenizers; its texts go to --out, to be scored:
atelier score FOLDER/beam.txt --references FOLDER/references.txt. With --steps or --limit (of held-out pairs) a run is printed, not recorded.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import torch

import common
import pairs

sys.path.append(str(Path(__file__).resolve().parents[1] / "pytorch"))
from translation import Seq2Seq  # noqa: E402

SETTINGS = {
    "small": {"data": "g2p", "lengths": (16, 16), "net": {"dropout": 0.2}, "epochs": 2, "batch": 128},
    "luong": {"data": "g2p", "lengths": (16, 16), "net": {"attention": "general", "dropout": 0.2}, "epochs": 2, "batch": 128},
    "messages": {"data": "ts-diagnostics", "lengths": (48, 60), "net": {"attention": "general", "embedding": 128, "input_feeding": True, "dropout": 0.3},
                 "epochs": 60, "batch": 32},
}  # fmt: skip
RATE, WARMUP, CLIP = 2e-3, 100, 5.0


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument("seed", type=int)
    for name, kind in {"steps": int, "limit": int, "tokenizer": str, "out": str}.items():
        parser.add_argument(f"--{name}", type=kind)
    given = parser.parse_args()
    chosen = SETTINGS[given.setting]
    whole = given.steps is None and given.limit is None
    if whole and common.done("seq2seq", given.setting, given.seed):
        return
    tokenizer = pairs.Subwords(given.tokenizer) if given.tokenizer else None
    data = pairs.Pairs(chosen["data"], *chosen["lengths"], tokenizer, tokenizer)
    torch.manual_seed(given.seed)
    net = Seq2Seq(source_vocabulary=len(data.source), vocabulary=len(data.target), **chosen["net"])
    steps = given.steps or round(chosen["epochs"] * (len(data.sources) // chosen["batch"]))
    rest = max(1, steps - WARMUP)
    factor = lambda step: (step + 1) / WARMUP if step < WARMUP else 0.5 * (1 + math.cos(math.pi * min((step - WARMUP) / rest, 1)))  # noqa: E731
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    seconds = pairs.train(net, data, steps=steps, batch=chosen["batch"], optimizer=optimizer, factor=factor, clip=CLIP)
    length = 2 * chosen["lengths"][1]
    figures, texts, written = pairs.evaluate(net, data, lambda source, beams: begin(net, source, beams), 5, length, given.limit)
    if given.out:
        pairs.write_files(given.out, data, texts, written)
    figures["parameters"] = sum(p.numel() for p in net.parameters())
    if whole:
        common.record("seq2seq", given.setting, given.seed, seconds, figures)
    else:
        print(json.dumps({**figures, "steps": steps, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
