"""Recurrent language models: the book's, and the other presets of `lstm`. Usage: python lstm.py SETTING SEED FOLDER [--steps N]

FOLDER holds train.bin and test.bin of the tokenizer that a run of ours made, so that both read the same ids:

    atelier tokenizer file RUN/tokenizer.json --data SET --split train --out FOLDER/train.bin
    atelier tokenizer file RUN/tokenizer.json --data SET --split test --out FOLDER/test.bin

--steps stops early and follows the learning rate's curve over so many steps; such a run is printed, not recorded.
"""

import json
import math
import sys
from pathlib import Path

import torch
from torch import nn

import common
import text

# As the presets: sizes, how windows are taken, the budget in epochs or steps, the learning rate and whether it falls.
BOOK = {"context": 200, "width": 100, "hidden": 128, "layers": 1, "cell": nn.LSTM, "dropout": 0.0, "tied": False, "batch": 32, "clip": 0.0}
SETTINGS = {
    "paper": {**BOOK, "windows": "blocks", "epochs": 25, "rate": 1e-3, "falls": False},
    "small": {**BOOK, "context": 64, "width": 192, "hidden": 192, "dropout": 0.2, "tied": True, "windows": "random", "epochs": 5,
              "rate": 3e-3, "falls": True, "clip": 1.0},
    "characters": {**BOOK, "context": 100, "width": 64, "hidden": 256, "windows": "random", "steps": 3000, "rate": 2e-3, "falls": True, "clip": 1.0},
    "gru": {**BOOK, "context": 100, "width": 64, "hidden": 192, "layers": 2, "cell": nn.GRU, "dropout": 0.1, "windows": "random",
            "steps": 3000, "rate": 2e-3, "falls": True, "clip": 1.0},
}  # fmt: skip


class LanguageModel(nn.Module):
    """Tokens [B, T] to logits [B, T, V]."""

    def __init__(self, vocabulary, chosen):
        super().__init__()
        width, hidden, layers = chosen["width"], chosen["hidden"], chosen["layers"]
        self.embedding = nn.Embedding(vocabulary, width)
        self.rnn = chosen["cell"](width, hidden, layers, batch_first=True, dropout=chosen["dropout"] if layers > 1 else 0.0)
        self.head = nn.Linear(hidden, vocabulary)
        self.dropout = nn.Dropout(chosen["dropout"])
        if chosen["tied"]:
            nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
            nn.init.zeros_(self.head.bias)
            self.head.weight = self.embedding.weight

    def forward(self, tokens):
        return self.head(self.dropout(self.rnn(self.dropout(self.embedding(tokens)))[0]))


def main():
    words = [word for word in sys.argv[1:] if word != "--steps"]
    limit = int(words.pop()) if "--steps" in sys.argv else None
    if len(words) != 3 or words[0] not in SETTINGS or not words[1].isdigit():
        sys.exit(__doc__.splitlines()[0])
    setting, seed, folder = words[0], int(words[1]), Path(words[2])
    if limit is None and common.done("lstm", setting, seed):
        return
    chosen = SETTINGS[setting]
    torch.manual_seed(seed)
    (train, vocabulary), (test, _) = text.token_file(folder / "train.bin"), text.token_file(folder / "test.bin")
    model = LanguageModel(vocabulary, chosen)
    source = text.batches(train, chosen["context"], chosen["batch"], chosen["windows"])
    epoch = (len(train) - 1) // chosen["context"] // chosen["batch"]
    steps = limit or chosen.get("steps") or round(chosen["epochs"] * epoch)
    optimizer = torch.optim.Adam(model.parameters(), lr=chosen["rate"], fused=True)
    rate_of = text.cosine(steps) if chosen["falls"] else lambda step: 1.0
    seconds = text.train(model, source, optimizer, steps=steps, clip=chosen["clip"], rate_of=rate_of)
    loss = text.held_out(model, test, chosen["context"])
    figures = {"steps": steps, "parameters": sum(p.numel() for p in model.parameters()), "nats": loss, "perplexity": math.exp(loss)}
    if limit is None:
        common.record("lstm", setting, seed, seconds, figures)
    else:
        print(json.dumps({**figures, "seconds": round(seconds, 1)}), flush=True)


main()
