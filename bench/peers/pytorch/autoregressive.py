"""The models of src/models/autoregressive in PyTorch: plain and gated PixelCNN, PixelCNN++, row LSTM. Parameters stand in the order of ours."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from families import LAYOUTS, Family, tokens
from values import LABELS


class Shifted(nn.Module):
    """A filter that ends at the present row, around the present column or ending at it, moved by `shift` rows up and columns left."""

    def __init__(self, inputs, outputs, kernel, align, shift=(0, 0), mask=None):
        super().__init__()
        conv = nn.Conv2d(inputs, outputs, kernel)
        self.weight, self.bias = conv.weight, conv.bias
        (rows, columns), (up, left) = kernel, shift
        side = (columns - 1) // 2
        self.pads = (side, side) if align == "centre" else (columns - 1 + left, 0)
        self.up, self.left, self.top = up, left, rows - 1 + up
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        x = x[:, :, : x.shape[2] - self.up, : x.shape[3] - self.left]
        weight = self.weight if self.mask is None else self.weight * self.mask
        return F.conv2d(F.pad(x, (*self.pads, self.top, 0)), weight, self.bias)


def masked(inputs, outputs, kernel, kind):
    """Mask A or B for one channel: the rows below are left out, the taps to the right closed."""
    rows = (kernel + 1) // 2
    mask = torch.ones(rows, kernel)
    mask[-1, kernel // 2 + (kind == "B") :] = 0
    return Shifted(inputs, outputs, (rows, kernel), "centre", mask=mask)


def gate(x):
    value, door = x.chunk(2, 1)
    return value.tanh() * door.sigmoid()


class GatedLayer(nn.Module):
    def __init__(self, inputs, channels, kernel, first):
        super().__init__()
        half, out = kernel // 2, 2 * channels
        self.first = first
        self.vertical = Shifted(inputs, out, (half, kernel), "centre", (1, 0)) if first else Shifted(inputs, out, (half + 1, kernel), "centre")
        self.horizontal = Shifted(inputs, out, (1, half), "right", (0, 1)) if first else Shifted(inputs, out, (1, half + 1), "right")
        self.down = nn.Conv2d(out, out, 1)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, v, h):
        seen = self.vertical(v)
        mixed = self.mix(gate(self.horizontal(h) + self.down(seen)))
        return gate(seen), mixed if self.first else mixed + h


class Gated(nn.Module):
    """Pictures [B, 1, H, W] to logits [B, K, H, W]."""

    def __init__(self, channels=32, layers=7, head=64, out=1, first=27):
        super().__init__()
        self.layers = nn.ModuleList(GatedLayer(channels if i else 1, channels, 3 if i else first, i == 0) for i in range(layers + 1))
        self.hidden, self.head = nn.Conv2d(channels, head, 1), nn.Conv2d(head, out, 1)

    def forward(self, x):
        v = h = x
        for layer in self.layers:
            v, h = layer(v, h)
        return self.head(F.relu(self.hidden(F.relu(h))))


class PixelBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.narrow, self.masked, self.widen = nn.Conv2d(channels, channels // 2, 1), masked(channels // 2, channels // 2, 3, "B"), nn.Conv2d(channels // 2, channels, 1)

    def forward(self, x):
        return x + self.widen(F.relu(self.masked(F.relu(self.narrow(F.relu(x))))))


class Plain(nn.Module):
    """Pictures [B, 1, H, W] to logits [B, K, H, W]."""

    def __init__(self, channels=64, layers=7, head=64, out=1):
        super().__init__()
        self.first = masked(1, channels, 7, "A")
        self.blocks = nn.Sequential(*(PixelBlock(channels) for _ in range(layers)))
        self.layers = nn.ModuleList([nn.Conv2d(channels, head, 1), nn.Conv2d(head, head, 1)])
        self.logits = nn.Conv2d(head, out, 1)

    def forward(self, x):
        x = self.blocks(self.first(x))
        for layer in self.layers:
            x = layer(F.relu(x))
        return self.logits(F.relu(x))


def binary_nats(logits, x):
    """Nats a picture, [B]."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def level_nats(logits, x, levels):
    """x in 0, 1 / (levels - 1) ... 1; nats a picture, [B]."""
    return F.cross_entropy(logits, (x[:, 0] * (levels - 1)).round().long(), reduction="none").flatten(1).sum(1)


def concat_elu(x):
    return F.elu(torch.cat([x, -x], 1))


class GatedBlock(nn.Module):
    def __init__(self, side, beside, channels):
        super().__init__()
        kernel = ((2, 3), "centre") if side == "u" else ((2, 2), "right")
        self.first = Shifted(2 * channels, channels, *kernel)
        self.beside = nn.Conv2d(2 * beside, channels, 1) if beside else None
        self.second = Shifted(2 * channels, 2 * channels, *kernel)

    def forward(self, x, beside=None):
        seen = self.first(concat_elu(x))
        if beside is not None:
            seen = seen + self.beside(concat_elu(beside))
        value, door = self.second(concat_elu(seen)).chunk(2, 1)
        return x + value * door.sigmoid()


class Stream(nn.Module):
    def __init__(self, side, channels, blocks):
        super().__init__()
        before, after = (0, channels) if side == "u" else (channels, 2 * channels)
        self.inward = nn.ModuleList(GatedBlock(side, before, channels) for _ in range(blocks))
        self.outward = nn.ModuleList(GatedBlock(side, after, channels) for _ in range(blocks))

    def forward(self, x, others=None):
        made, cuts = [], [x]
        for block in self.inward:
            x = block(x, None if others is None else others[len(made)])
            made.append(x)
            cuts.append(x)
        cuts.pop()
        for block in self.outward:
            cut = cuts.pop()
            x = block(x, cut if others is None else torch.cat([others[len(made)], cut], 1))
            made.append(x)
        return made


class PlusPlus(nn.Module):
    """One scale, no dropout: pictures [B, colours, H, W] in [-1, 1] to the numbers of the mixture."""

    def __init__(self, channels=32, first=27, blocks=2, components=10, colours=3):
        super().__init__()
        half = (first - 1) // 2
        self.above = Shifted(colours + 1, channels, (half + 1, first), "centre", (1, 0))
        self.row_above = Shifted(colours + 1, channels, (1, first), "centre", (1, 0))
        self.left = Shifted(colours + 1, channels, (2, half), "right", (0, 1))
        self.u, self.ul = Stream("u", channels, blocks), Stream("ul", channels, blocks)
        self.head = nn.Conv2d(channels, (10 if colours == 3 else 3) * components, 1)

    def forward(self, x):
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        maps = self.u(self.above(x))
        return self.head(F.elu(self.ul(self.row_above(x) + self.left(x), maps)[-1]))


def mixture_nats(parameters, x, components, levels=256):
    """Nats a picture, [B], of levels x [B, C, H, W] in [-1, 1] (Salimans et al. 2017, Eq. 2 and 3)."""
    batch, channels, height, width = x.shape
    each = channels * components
    weights, means, scales, *rest = parameters.split([components, each, each] + ([3 * components] if channels == 3 else []), 1)
    means, scales = (t.view(batch, channels, components, height, width) for t in (means, scales.clamp_min(-7)))
    x = x.unsqueeze(2)
    if rest:
        a = rest[0].view(batch, 3, components, height, width).tanh()
        green = means[:, 1] + a[:, 0] * x[:, 0]
        blue = means[:, 2] + a[:, 1] * x[:, 0] + a[:, 2] * x[:, 1]
        means = torch.stack([means[:, 0], green, blue], 1)
    half = 1 / (levels - 1)
    centred, inverse = x - means, torch.exp(-scales)
    above, below, middle = inverse * (centred + half), inverse * (centred - half), inverse * centred
    mass = above.sigmoid() - below.sigmoid()
    density = middle - scales - 2 * F.softplus(middle) + math.log(2 * half)
    inside = torch.where(mass > 1e-5, mass.clamp_min(1e-12).log(), density)
    edge = 1 - half / 2
    logs = torch.where(x < -edge, above - F.softplus(above), torch.where(x > edge, -F.softplus(below), inside))
    return -(logs.sum(1) + weights.log_softmax(1)).logsumexp(1).flatten(1).sum(1)


class RowLstmLayer(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.inputs = Shifted(channels, 4 * half, (1, 2), "right")
        self.states = nn.Conv2d(half, 4 * half, (1, 3), padding=(0, 1), bias=False)
        self.widen = nn.Conv2d(half, channels, 1)

    def forward(self, x):
        gates = self.inputs(x)
        h = c = x.new_zeros(x.shape[0], x.shape[1] // 2, 1, x.shape[3])
        rows = []
        for y in range(x.shape[2]):
            i, f, g, o = (gates[:, :, y : y + 1] + self.states(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            rows.append(h)
        return x + self.widen(torch.cat(rows, 2))


class RowLstm(nn.Module):
    """Pictures [B, 1, H, W] to logits [B, 1, H, W]."""

    def __init__(self, channels=32, layers=4, first=27, head=32):
        super().__init__()
        self.first = masked(1, channels, first, "A")
        self.layers = nn.Sequential(*(RowLstmLayer(channels) for _ in range(layers)))
        self.head = nn.ModuleList([nn.Conv2d(channels, head, 1), nn.Conv2d(head, head, 1)])
        self.logits = nn.Conv2d(head, 1, 1)

    def forward(self, x):
        x = self.layers(self.first(x))
        for layer in self.head:
            x = layer(F.relu(x))
        return self.logits(F.relu(x))


def level_pictures(levels, low, *shape):
    return [tokens(LABELS, levels, *shape).float() * ((1 - low) / (levels - 1)) + low]


def mean_binary_nats(net, x):
    return F.binary_cross_entropy_with_logits(net(x), x)


def mean_mixture_nats(net, x):
    return mixture_nats(net(x), x, 10).mean() / x[0].numel()


AUTOREGRESSIVE = {
    "pixelcnn-gated": Family(Gated, mean_binary_nats, lambda: level_pictures(2, 0, 64, 1, 28, 28), modes=LAYOUTS),
    "pixelrnn": Family(RowLstm, mean_binary_nats, lambda: level_pictures(2, 0, 64, 1, 28, 28), modes=LAYOUTS),
    "pixelcnn-plus-plus": Family(PlusPlus, mean_mixture_nats, lambda: level_pictures(256, -1, 32, 3, 32, 32), modes=LAYOUTS),
}
