"""BERT: the preset small. Usage: python bert.py small SEED FOLDER [--steps N]

FOLDER holds train.bin and test.bin of the tokenizer that a run of ours made (see gpt.py). --steps stops early; such a run is printed, not recorded.
"""

import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import common
import text

CLS, SEP, MASK = 2, 3, 4
CHOSEN = {"context": 64, "width": 128, "layers": 4, "heads": 4, "dropout": 0.0, "batch": 32, "steps": 6000, "rate": 1e-3, "warmup": 200}


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(c["width"], c["width"]) for _ in range(4))
        self.heads, self.dropout = c["heads"], c["dropout"]

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (m(x).view(B, T, self.heads, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        width = c["width"]
        self.attention, self.up, self.down = Attention(c), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)
        self.drop = nn.Dropout(c["dropout"])

    def forward(self, x):
        x = self.norm1(x + self.drop(self.attention(x)))
        return self.norm2(x + self.drop(self.down(F.gelu(self.up(x)))))


class Bert(nn.Module):
    def __init__(self, vocabulary, c):
        super().__init__()
        width = c["width"]
        self.tokens, self.positions, self.kinds = nn.Embedding(vocabulary, width), nn.Embedding(c["context"], width), nn.Embedding(2, width)
        self.norm, self.drop = nn.LayerNorm(width, eps=1e-12), nn.Dropout(c["dropout"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["layers"]))
        self.pooler, self.pair = nn.Linear(width, width), nn.Linear(width, 2)
        self.transform, self.transform_norm = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, std=0.02)
            if isinstance(m, nn.Linear):
                nn.init.zeros_(m.bias)

    def forward(self, ids, kinds, chosen):
        x = self.drop(self.norm(self.tokens(ids) + self.positions.weight[: ids.shape[1]] + self.kinds(kinds)))
        for layer in self.layers:
            x = layer(x)
        logits = F.linear(self.transform_norm(F.gelu(self.transform(x[chosen]))), self.tokens.weight, self.bias)
        return logits, self.pair(torch.tanh(self.pooler(x[:, 0])))


def task(tokens, vocabulary):
    """Windows [B, W + 1] to ids, kinds, targets, which are chosen, and which second halves are another's."""
    B, words = tokens.shape[0], tokens.shape[1] - 1
    half = words // 2
    first, second = tokens[:, :half], tokens[:, half:words]
    foreign = torch.rand(B) < 0.5
    second = torch.where(foreign[:, None], second.roll(-1, 0), second)
    special = lambda id: torch.full((B, 1), id)
    targets = torch.cat([special(CLS), first, special(SEP), second, special(SEP)], 1)
    draws = torch.rand(targets.shape)
    draws[:, [0, half + 1, -1]] = -1
    chosen = torch.zeros_like(targets, dtype=torch.bool)
    chosen.scatter_(1, draws.topk(max(1, round(0.15 * words)), dim=1).indices, True)
    kind = torch.rand(targets.shape)
    ids = torch.where(chosen & (kind < 0.8), MASK, targets)
    ids = torch.where(chosen & (kind >= 0.8) & (kind < 0.9), torch.randint(vocabulary, targets.shape), ids)
    kinds = (torch.arange(targets.shape[1]) > half + 1).long().expand_as(targets)
    return ids, kinds, targets, chosen, foreign.long()


@torch.no_grad()
def held_out(model, ids, length, vocabulary):
    """Nats and accuracy over chosen tokens, accuracy of pairs: all windows side by side, masks of a fixed seed."""
    model.eval()
    torch.manual_seed(1)
    rows, nats, right, count, pairs = text.windows(ids, length), 0.0, 0, 0, 0
    for at in range(0, len(rows), 32):
        inputs, kinds, targets, chosen, foreign = task(rows[at : at + 32], vocabulary)
        logits, pair = model(inputs, kinds, chosen)
        nats += F.cross_entropy(logits, targets[chosen], reduction="sum").item()
        right += (logits.argmax(-1) == targets[chosen]).sum().item()
        count += chosen.sum().item()
        pairs += (pair.argmax(-1) == foreign).sum().item()
    return {"maskedNats": nats / count, "maskedAccuracy": right / count, "nextAccuracy": pairs / len(rows)}


def main():
    words = [word for word in sys.argv[1:] if word != "--steps"]
    limit = int(words.pop()) if "--steps" in sys.argv else None
    if len(words) != 3 or words[0] != "small" or not words[1].isdigit():
        sys.exit(__doc__.splitlines()[0])
    seed, folder, c = int(words[1]), Path(words[2]), CHOSEN
    if limit is None and common.done("bert", "small", seed):
        return
    torch.manual_seed(seed)
    (train, vocabulary), (test, _) = text.token_file(folder / "train.bin"), text.token_file(folder / "test.bin")
    model, steps, length = Bert(vocabulary, c), limit or c["steps"], c["context"] - 3
    optimizer = torch.optim.AdamW(model.parameters(), lr=c["rate"], weight_decay=0.01, fused=True)
    source = text.batches(train, length, c["batch"], "random")
    model.train()
    started = time.perf_counter()
    for step in range(steps):
        warm = c["warmup"]
        factor = (step + 1) / warm if step < warm else 1 - (step - warm) / max(1, steps - warm)
        for group in optimizer.param_groups:
            group["lr"] = c["rate"] * factor
        ids, kinds, targets, chosen, foreign = task(next(source), vocabulary)
        logits, pair = model(ids, kinds, chosen)
        loss = F.cross_entropy(logits, targets[chosen]) + F.cross_entropy(pair, foreign)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step == 0 or (step + 1) % max(1, steps // 10) == 0:
            print(f"  step {step + 1}/{steps}: {loss.item():.4f}, {time.perf_counter() - started:.0f} s", flush=True)
    seconds = time.perf_counter() - started
    figures = {"steps": steps, "parameters": sum(p.numel() for p in model.parameters()), **held_out(model, test, length, vocabulary)}
    if limit is None:
        common.record("bert", "small", seed, seconds, figures)
    else:
        print(json.dumps({**figures, "seconds": round(seconds, 1)}), flush=True)


main()
