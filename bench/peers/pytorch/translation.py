"""Sequence to sequence in PyTorch: recurrent networks with attention and the Transformer, as src/models/language/seq2seq.ts and transformer.ts have them."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from families import POOL, Family, tokens
from values import IDS, LABELS

NEVER = -1e30


class Attention(nn.Module):
    def __init__(self, kind, hidden, alignment, width):
        super().__init__()
        self.kind = kind
        if kind == "additive":
            self.query_map = nn.Linear(hidden, alignment, bias=False)
            self.key_map = nn.Linear(width, alignment)
            self.score = nn.Linear(alignment, 1, bias=False)
        elif kind == "general":
            self.key_map = nn.Linear(width, hidden, bias=False)

    def keys(self, values):
        return values if self.kind == "dot" else self.key_map(values)

    def forward(self, state, keys, values, bias):
        if self.kind == "additive":
            scores = self.score(torch.tanh(keys + self.query_map(state)[:, None])).squeeze(2)
        else:
            scores = (keys @ state[:, :, None]).squeeze(2)
        weights = (scores + bias).softmax(1)
        return weights, (weights[:, None] @ values).squeeze(1)


class Seq2Seq(nn.Module):
    """source [B, S], inputs [B, T] -> logits [B, T, V]; 0 is padding."""

    def __init__(self, attention="additive", source_vocabulary=33, vocabulary=43, embedding=64, encoder_hidden=128, hidden=256, alignment=128,
                 readout=128, input_feeding=False, dropout=0.0):  # fmt: skip
        super().__init__()
        self.kind, self.hidden, self.feeding = attention, hidden, input_feeding
        additive, width = attention == "additive", 2 * encoder_hidden
        self.source_embedding = nn.Embedding(source_vocabulary, embedding)
        self.encoder = (nn.GRU if additive else nn.LSTM)(embedding, encoder_hidden, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(encoder_hidden, hidden if additive else 2 * hidden)
        self.target_embedding = nn.Embedding(vocabulary, embedding)
        size = embedding + (width if additive else hidden if input_feeding else 0)
        self.cell = (nn.GRUCell if additive else nn.LSTMCell)(size, hidden)
        self.attention = Attention(attention, hidden, alignment, width)
        self.readout = nn.Linear(hidden + width + embedding, 2 * readout) if additive else nn.Linear(width + hidden, hidden, bias=False)
        self.head = nn.Linear(readout if additive else hidden, vocabulary)
        self.dropout = nn.Dropout(dropout)

    def encode(self, source):
        """What a step looks at, and the first state."""
        packed = pack_padded_sequence(self.dropout(self.source_embedding(source)), (source != 0).sum(1).cpu(), batch_first=True, enforce_sorted=False)
        outputs, last = self.encoder(packed)
        values, _ = pad_packed_sequence(outputs, batch_first=True, total_length=source.shape[1])
        first = last[1] if self.kind == "additive" else last[0][1]
        initial = torch.tanh(self.bridge(first))
        bias = (source == 0) * NEVER
        memory = (self.attention.keys(values), values, bias)
        if self.kind == "additive":
            return memory, (initial,)
        h, c = initial.chunk(2, 1)
        return memory, (h, c, torch.zeros_like(h)) if self.feeding else (h, c)

    def step(self, y, state, memory):
        """The next state and the features of the next token."""
        if self.kind == "additive":
            _, context = self.attention(state[0], *memory)
            h = self.cell(torch.cat([y, context], 1), state[0])
            pairs = self.readout(torch.cat([h, context, y], 1))
            return (h,), pairs.view(len(y), -1, 2).max(2).values
        h, c = self.cell(torch.cat([y, state[2]], 1) if self.feeding else y, state[:2])
        _, context = self.attention(h, *memory)
        features = torch.tanh(self.readout(torch.cat([context, h], 1)))
        return ((h, c, features) if self.feeding else (h, c)), features

    def forward(self, source, inputs):
        memory, state = self.encode(source)
        features = []
        for y in self.dropout(self.target_embedding(inputs)).unbind(1):
            state, out = self.step(y, state, memory)
            features.append(out)
        return self.head(self.dropout(torch.stack(features, 1)))


class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x, mask=None, causal=False):
        q, k, v = (split(part, self.heads) for part in self.in_proj(x).chunk(3, 2))
        return self.out_proj(joined(F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)))

    def step(self, x, keys, values):
        """x [B, 1, C], and what was before."""
        q, k, v = self.in_proj(x).chunk(3, 2)
        keys, values = torch.cat([keys, k], 1), torch.cat([values, v], 1)
        mixed = F.scaled_dot_product_attention(split(q, self.heads), split(keys, self.heads), split(values, self.heads))
        return self.out_proj(joined(mixed)), keys, values


class CrossAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.kv_proj = nn.Linear(width, 2 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x, keys, values, mask):
        q, k, v = (split(part, self.heads) for part in (self.q_proj(x), keys, values))
        return self.out_proj(joined(F.scaled_dot_product_attention(q, k, v, attn_mask=mask)))


def split(x, heads):
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


def joined(x):
    return x.transpose(1, 2).flatten(2)


class Layer(nn.Module):
    def __init__(self, width, heads, hidden, norm, dropout, cross):
        super().__init__()
        self.post = norm == "post"
        self.self_attn = SelfAttention(width, heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        if cross:
            self.encoder_attn = CrossAttention(width, heads)
            self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def around(self, x, norm, layer):
        return norm(x + self.dropout(layer(x))) if self.post else x + self.dropout(layer(norm(x)))

    def rest(self, x, memory, mask):
        if memory is not None:
            x = self.around(x, self.encoder_attn_layer_norm, lambda t: self.encoder_attn(t, *memory, mask))
        return self.around(x, self.final_layer_norm, lambda t: self.fc2(F.relu(self.fc1(t))))


class Stack(nn.Module):
    def __init__(self, layers, width, heads, hidden, norm, dropout, cross):
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads, hidden, norm, dropout, cross) for _ in range(layers))
        self.layer_norm = nn.LayerNorm(width) if norm == "pre" else nn.Identity()


class Transformer(nn.Module):
    """source [B, S], inputs [B, T] -> logits [B, T, V]; 0 is padding; the head is the targets' table."""

    def __init__(self, source_vocabulary=33, vocabulary=43, width=128, heads=4, layers=3, hidden=512, norm="pre", dropout=0.0, shared=False):
        super().__init__()
        self.width = width
        self.embed_tokens = nn.Embedding(vocabulary, width)
        if not shared:
            self.source_embed_tokens = nn.Embedding(source_vocabulary, width)
        self.encoder = Stack(layers, width, heads, hidden, norm, dropout, False)
        self.decoder = Stack(layers, width, heads, hidden, norm, dropout, True)
        self.dropout = nn.Dropout(dropout)
        place = torch.arange(512)[:, None] * 10000 ** (-torch.arange(0, width, 2) / width)
        self.register_buffer("places", torch.stack([place.sin(), place.cos()], 2).flatten(1), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=width**-0.5)

    def embedded(self, ids, table, start=0):
        return self.dropout(table(ids) * self.width**0.5 + self.places[start : start + ids.shape[1]])

    def encode(self, source):
        """Keys and values for each layer of the decoder, and the mask."""
        mask = ((source == 0) * NEVER)[:, None, None]
        x = self.embedded(source, getattr(self, "source_embed_tokens", self.embed_tokens))
        for layer in self.encoder.layers:
            x = layer.rest(layer.around(x, layer.self_attn_layer_norm, lambda t: layer.self_attn(t, mask)), None, None)
        x = self.encoder.layer_norm(x)
        return [layer.encoder_attn.kv_proj(x).chunk(2, 2) for layer in self.decoder.layers], mask

    def logits(self, x):
        return F.linear(self.decoder.layer_norm(x), self.embed_tokens.weight)

    def forward(self, source, inputs):
        memory, mask = self.encode(source)
        x = self.embedded(inputs, self.embed_tokens)
        for layer, looked in zip(self.decoder.layers, memory):
            x = layer.rest(layer.around(x, layer.self_attn_layer_norm, lambda t: layer.self_attn(t, causal=True)), looked, mask)
        return self.logits(x)

    def step(self, ids, caches, memory, mask):
        """One token more: ids [B], caches of keys and values in turn -> logits [B, V] and the caches with it."""
        x, after = self.embedded(ids[:, None], self.embed_tokens, caches[0].shape[1]), []
        for i, layer in enumerate(self.decoder.layers):

            def attend(t, i=i, layer=layer):
                result, keys, values = layer.self_attn.step(t, caches[2 * i], caches[2 * i + 1])
                after.extend([keys, values])
                return result

            x = layer.rest(layer.around(x, layer.self_attn_layer_norm, attend), memory[i], mask)
        return self.logits(x).squeeze(1), tuple(after)


def pair_loss(net, source, target, smoothing=0.0):
    """Nats per token of the targets, padding left out."""
    return F.cross_entropy(net(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten(), ignore_index=0, label_smoothing=smoothing)


def ended(stream, below, count, length, begin):
    """Ids from 3 on, each row of another length, ended with 2 and padded with 0; begun with 1 where asked."""
    ids = 3 + tokens(stream, below - 3, count, length)
    rows = torch.arange(POOL * count).view(POOL, count)
    ends = 2 + (rows * 7) % (length - 2)  # the end token's place
    place = torch.arange(length)
    ids[place == ends[..., None]] = 2
    ids[place > ends[..., None]] = 0
    if begin:
        ids[..., 0] = 1
    return ids


def pairs(batch, source, target, source_vocabulary, vocabulary):
    return lambda: [ended(IDS, source_vocabulary, batch, source, False), ended(LABELS, vocabulary, batch, target, True)]


G2P = pairs(128, 16, 16, 33, 43)
TRANSLATION = {
    "seq2seq": Family(Seq2Seq, pair_loss, G2P, modes=["eager", "fused"], adam={"lr": 2e-3}, clip=5.0),
    "seq2seq-luong": Family(lambda: Seq2Seq("general"), pair_loss, G2P, modes=["eager", "fused"], adam={"lr": 2e-3}, clip=5.0),
    "transformer-g2p": Family(Transformer, lambda net, *pair: pair_loss(net, *pair, smoothing=0.1), G2P, adam={"lr": 2e-3, "betas": (0.9, 0.98)}, clip=1.0),
    "seq2seq-feeding": Family(lambda: Seq2Seq("dot", input_feeding=True), pair_loss, G2P, modes=["eager", "fused"], adam={"lr": 2e-3}, clip=5.0),
}
