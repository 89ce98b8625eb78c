"""PixelCNN and the diffusion U-Net (Foster, Generative Deep Learning, 2nd edition, chapters 5 and 8) in PyTorch."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from families import LAYOUTS, Family, pictures, tokens
from values import LABELS


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees the pixels above and to the left; with `centre` the pixel itself too."""

    def __init__(self, inputs: int, outputs: int, kernel: int, centre: bool):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        mask = torch.ones(kernel, kernel)
        mask[kernel // 2, kernel // 2 + centre :] = 0
        mask[kernel // 2 + 1 :] = 0
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PixelBlock(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.narrow = nn.Conv2d(width, width // 2, 1)
        self.masked = MaskedConv2d(width // 2, width // 2, 3, True)
        self.widen = nn.Conv2d(width // 2, width, 1)

    def forward(self, x):
        return x + F.relu(self.widen(F.relu(self.masked(F.relu(self.narrow(x))))))


class PixelCnn(nn.Module):
    """x [B, 1, 16, 16] to logits [B, 4, 16, 16]."""

    def __init__(self, width: int = 128):
        super().__init__()
        self.first = MaskedConv2d(1, width, 7, False)
        self.blocks = nn.Sequential(*(PixelBlock(width) for _ in range(5)))
        self.last = nn.ModuleList(MaskedConv2d(width, width, 1, True) for _ in range(2))
        self.head = nn.Conv2d(width, 4, 1)

    def forward(self, x):
        h = self.blocks(F.relu(self.first(x)))
        for layer in self.last:
            h = F.relu(layer(h))
        return self.head(h)


def pixel_loss(net, x, levels):
    return F.cross_entropy(net(x), levels)


class ResidualBlock(nn.Module):
    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.residual = nn.Conv2d(inputs, width, 1) if inputs != width else nn.Identity()
        self.norm = nn.BatchNorm2d(inputs, eps=1e-3, affine=False)
        self.first = nn.Conv2d(inputs, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return self.residual(x) + self.second(F.silu(self.first(self.norm(x))))


class Unet(nn.Module):
    """Noisy pictures [B, 3, 32, 32] and noise variances [B, 1, 1, 1] to the noise [B, 3, 32, 32]."""

    def __init__(self, widths=(32, 64, 96), bottom: int = 128, depth: int = 2):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 1)
        at, skips = 64, []
        self.down = nn.ModuleList()
        for width in widths:
            for _ in range(depth):
                self.down.append(ResidualBlock(at, width))
                at = width
                skips.append(width)
        self.bottom = nn.ModuleList()
        for _ in range(depth):
            self.bottom.append(ResidualBlock(at, bottom))
            at = bottom
        self.up = nn.ModuleList()
        for width in reversed(widths):
            for _ in range(depth):
                self.up.append(ResidualBlock(at + skips.pop(), width))
                at = width
        self.head = nn.Conv2d(at, 3, 1)
        self.depth = depth
        frequencies = torch.exp(torch.linspace(0, math.log(1000), 16))
        self.register_buffer("speeds", (2 * math.pi * frequencies).view(1, 16, 1, 1), persistent=False)

    def forward(self, x, variance):
        angles = variance * self.speeds
        embedding = torch.cat([angles.sin(), angles.cos()], 1).expand(-1, -1, x.shape[2], x.shape[3])
        h = torch.cat([self.stem(x), embedding], 1)
        skips = []
        for i, block in enumerate(self.down):
            h = block(h)
            skips.append(h)
            if i % self.depth == self.depth - 1:
                h = F.avg_pool2d(h, 2)
        for block in self.bottom:
            h = block(h)
        for i, block in enumerate(self.up):
            if i % self.depth == 0:
                h = F.interpolate(h, scale_factor=2, mode="bilinear")
            h = block(torch.cat([h, skips.pop()], 1))
        return self.head(h)


def diffusion_loss(net, images, noise, times):
    """Offset cosine schedule; mean absolute error of the noise."""
    start, end = math.acos(0.95), math.acos(0.02)
    angles = start + times * (end - start)
    signal, rate = angles.cos(), angles.sin()
    return (net(signal * images + rate * noise, rate.square()) - noise).abs().mean()


def levels_and_pictures():
    levels = tokens(LABELS, 4, 32, 16, 16)
    return [(levels.float() / 4).unsqueeze(2), levels]


PICTURES = {
    "pixelcnn": Family(PixelCnn, pixel_loss, levels_and_pictures, modes=LAYOUTS, adam={"lr": 5e-4}),
    "unet": Family(
        Unet,
        diffusion_loss,
        lambda: [pictures(32, 3, 32, 32, low=-1)],
        [("normal", (32, 3, 32, 32)), ("uniform", (32, 1, 1, 1))],
        LAYOUTS,
        {"lr": 1e-3, "weight_decay": 1e-4},
        decoupled=True,
    ),
}
