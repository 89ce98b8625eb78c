"""Language models in PyTorch: the LSTM (Foster, Generative Deep Learning, 2nd edition, chapter 5) and nanoGPT's GPT."""

import torch
import torch.nn.functional as F
from torch import nn

from families import Family, tokens
from values import IDS, LABELS


class LstmLanguageModel(nn.Module):
    """Tokens [B, T] to logits [B, T, V]."""

    def __init__(self, vocabulary: int = 10_000, width: int = 100, hidden: int = 128):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, hidden, batch_first=True)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, ids):
        return self.head(self.lstm(self.embedding(ids))[0])


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm2 = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        batch, time, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    """Tokens [B, T] to logits [B, T, V]; the head shares the embedding's weight; no biases, no dropout (nanoGPT's CPU setting)."""

    def __init__(self, layers: int, heads: int, width: int, context: int, vocabulary: int = 65):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=False)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens.weight)


def language_loss(net, ids, targets):
    return F.cross_entropy(net(ids).flatten(0, 1), targets.flatten())


def texts(vocabulary: int, batch: int, time: int):
    return lambda: [tokens(IDS, vocabulary, batch, time), tokens(LABELS, vocabulary, batch, time)]


ADAMW = {"lr": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.1}
LANGUAGE = {
    "lstm": Family(LstmLanguageModel, language_loss, texts(10_000, 32, 200)),
    "gpt-small": Family(lambda: Gpt(4, 4, 128, 64), language_loss, texts(65, 12, 64), adam=ADAMW, decoupled=True, clip=1.0),
    "gpt-medium": Family(lambda: Gpt(6, 6, 384, 256), language_loss, texts(65, 16, 256), adam=ADAMW, decoupled=True, clip=1.0),
}
