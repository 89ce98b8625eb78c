"""The encoder-decoder Transformer on pairs. Usage: python transformer.py small|original|messages SEED [--steps N] [--limit N] [--tokenizer FILE] [--out FOLDER]

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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument("seed", type=int)
    for name, kind in {"steps": int, "limit": int, "tokenizer": str, "out": str}.items():
        parser.add_argument(f"--{name}", type=kind)
    given = parser.parse_args()
    chosen = SETTINGS[given.setting]
    whole = given.steps is None and given.limit is None
    if whole and common.done("transformer", given.setting, given.seed):
        return
    tokenizer = pairs.Subwords(given.tokenizer) if given.tokenizer else None
    data = pairs.Pairs(chosen["data"], *chosen["lengths"], tokenizer, tokenizer)
    torch.manual_seed(given.seed)
    net = Transformer(source_vocabulary=len(data.source), vocabulary=len(data.target), **chosen["net"])
    steps, warmup = given.steps or round(chosen["epochs"] * (len(data.sources) // chosen["batch"])), chosen["warmup"]
    rest = max(1, steps - warmup)

    def factor(step):
        if step < warmup:
            return (step + 1) / warmup
        if chosen.get("root"):
            return math.sqrt(warmup / step)
        return 0.5 * (1 + math.cos(math.pi * min((step - warmup) / rest, 1)))

    optimizer = torch.optim.Adam(net.parameters(), lr=chosen["rate"], betas=(0.9, 0.98), eps=chosen.get("epsilon", 1e-8), fused=True)
    seconds = pairs.train(net, data, steps=steps, batch=chosen["batch"], optimizer=optimizer, factor=factor, clip=chosen.get("clip", 0.0), smoothing=SMOOTHING)
    length = 2 * chosen["lengths"][1]
    figures, texts, written = pairs.evaluate(net, data, lambda source, beams: begin(net, source, beams), 5, length, given.limit)
    if given.out:
        pairs.write_files(given.out, data, texts, written)
    figures["parameters"] = sum(p.numel() for p in net.parameters())
    if whole:
        common.record("transformer", given.setting, given.seed, seconds, figures)
    else:
        print(json.dumps({**figures, "steps": steps, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
