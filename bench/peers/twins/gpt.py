"""GPT and Llama: their presets. Usage: python gpt.py SETTING SEED FOLDER [--steps N]

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
import torch.nn.functional as F
from torch import nn

import common
import text

SMALL = {"model": "gpt", "context": 64, "width": 128, "layers": 4, "heads": 4, "dropout": 0.0, "batch": 12, "steps": 2000, "rate": 1e-3}
LLAMA = {**SMALL, "model": "llama", "hidden": 344, "shared": 4}
SETTINGS = {
    "small": {**SMALL, "rate": 2e-3},
    "nanogpt": SMALL,
    "minutes": {**SMALL, "context": 128, "width": 256, "layers": 6, "heads": 8, "dropout": 0.15, "batch": 32, "steps": 1800},
    "words": {**SMALL, "context": 128, "width": 192, "heads": 6, "dropout": 0.1, "batch": 16, "steps": 1500},
    "llama-small": LLAMA,
    "llama-multi-query": {**LLAMA, "shared": 1},
    "llama-grouped": {**LLAMA, "shared": 2},
}


class GptAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.qkv = nn.Linear(c["width"], 3 * c["width"], bias=False)
        self.out = nn.Linear(c["width"], c["width"], bias=False)
        self.heads, self.dropout = c["heads"], c["dropout"]

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.heads, -1).transpose(1, 2) for t in self.qkv(x).split(C, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.dropout if self.training else 0.0)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class GptFeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.up = nn.Linear(c["width"], 4 * c["width"], bias=False)
        self.out = nn.Linear(4 * c["width"], c["width"], bias=False)

    def forward(self, x):
        return self.out(F.gelu(self.up(x)))


def turned(x):
    """Rotary positions, pairs of halves. (Su et al. 2021.)"""
    T, half = x.shape[2], x.shape[3] // 2
    angles = torch.arange(T)[:, None] * 10000.0 ** (-torch.arange(half) / half)
    a, b = x.split(half, -1)
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)


class LlamaAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        size = c["width"] // c["heads"]
        self.q = nn.Linear(c["width"], c["width"], bias=False)
        self.k = nn.Linear(c["width"], c["shared"] * size, bias=False)
        self.v = nn.Linear(c["width"], c["shared"] * size, bias=False)
        self.o = nn.Linear(c["width"], c["width"], bias=False)
        self.size, self.groups = size, c["heads"] // c["shared"]

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (m(x).view(B, T, -1, self.size).transpose(1, 2) for m in (self.q, self.k, self.v))
        k, v = turned(k).repeat_interleave(self.groups, 1), v.repeat_interleave(self.groups, 1)
        y = F.scaled_dot_product_attention(turned(q), k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(B, T, C))


class LlamaFeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate = nn.Linear(c["width"], c["hidden"], bias=False)
        self.up = nn.Linear(c["width"], c["hidden"], bias=False)
        self.down = nn.Linear(c["hidden"], c["width"], bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        gpt = c["model"] == "gpt"
        norm = (lambda: nn.LayerNorm(c["width"], bias=False)) if gpt else (lambda: nn.RMSNorm(c["width"], eps=1e-5))
        self.norm1, self.norm2 = norm(), norm()
        self.attention = (GptAttention if gpt else LlamaAttention)(c)
        self.mlp = (GptFeedForward if gpt else LlamaFeedForward)(c)
        self.drop = nn.Dropout(c["dropout"])

    def forward(self, x):
        x = x + self.drop(self.attention(self.norm1(x)))
        return x + self.drop(self.mlp(self.norm2(x)))


class LanguageModel(nn.Module):
    """Tokens [B, T] to logits [B, T, V]; the head shares the embedding's weight."""

    def __init__(self, vocabulary, c):
        super().__init__()
        gpt = c["model"] == "gpt"
        self.tokens = nn.Embedding(vocabulary, c["width"])
        self.positions = nn.Embedding(c["context"], c["width"]) if gpt else None
        self.drop = nn.Dropout(c["dropout"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.norm = nn.LayerNorm(c["width"], bias=False) if gpt else nn.RMSNorm(c["width"], eps=1e-5)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * c["layers"]) if name.endswith("out.weight") else 0.02)

    def forward(self, ids):
        x = self.tokens(ids)
        if self.positions is not None:
            x = self.drop(x + self.positions.weight[: ids.shape[1]])
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens.weight)


def main():
    words = [word for word in sys.argv[1:] if word != "--steps"]
    limit = int(words.pop()) if "--steps" in sys.argv else None
    if len(words) != 3 or words[0] not in SETTINGS or not words[1].isdigit():
        sys.exit(__doc__.splitlines()[0])
    setting, seed, folder = words[0], int(words[1]), Path(words[2])
    chosen = SETTINGS[setting]
    if limit is None and common.done(chosen["model"], setting, seed):
        return
    torch.manual_seed(seed)
    (train, vocabulary), (test, _) = text.token_file(folder / "train.bin"), text.token_file(folder / "test.bin")
    model = LanguageModel(vocabulary, chosen)
    steps = limit or chosen["steps"]
    # nanoGPT's training: a rise of 100 steps, then half a cosine to a tenth; norms' gains decay as everything does.
    falling = text.cosine(max(1, steps - 100), 0.1)
    rate_of = lambda step: (step + 1) / 100 if step < 100 else falling(step - 100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=chosen["rate"], betas=(0.9, 0.99), weight_decay=0.1, fused=True)
    source = text.batches(train, chosen["context"], chosen["batch"], "random")
    seconds = text.train(model, source, optimizer, steps=steps, clip=1.0, rate_of=rate_of)
    loss = text.held_out(model, test, chosen["context"])
    figures = {"steps": steps, "parameters": sum(p.numel() for p in model.parameters()), "nats": loss, "perplexity": math.exp(loss)}
    if limit is None:
        common.record(chosen["model"], setting, seed, seconds, figures)
    else:
        print(json.dumps({**figures, "seconds": round(seconds, 1)}), flush=True)


main()
