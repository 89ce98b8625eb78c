"""The diffusion models of src/models/diffusion in PyTorch: the book's U-Net, the cosine schedule with velocities, straight paths; a step of sampling."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import values
from families import LAYOUTS, POOL, Family, fill, pictures

STEPS = 1000


def cosine_tables():
    """Signal and noise rates [T] at times 1/T .. 1, and what the network is told (the noise variance): float64."""
    time = torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS
    angle = (time + 0.008) / 1.008 * math.pi / 2
    first = 0.008 / 1.008 * math.pi / 2
    floor = math.sqrt(0.001) * math.cos((0.999 + 0.008) / 1.008 * math.pi / 2)
    alpha = angle.cos().clamp(min=floor) / math.cos(first)
    sigma = (1 - alpha.square()).sqrt()
    return alpha, sigma, sigma.square()


def straight_tables():
    time = torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS
    return 1 - time, time, time


class BookBlock(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs, eps=1e-3, affine=False)
        self.first = nn.Conv2d(inputs, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, width, 1) if inputs != width else nn.Identity()

    def forward(self, x):
        return self.shortcut(x) + self.second(F.silu(self.first(self.norm(x))))


class Unet(nn.Module):
    """x [B, C, H, W] and the levels' vectors [B, embedding] to the prediction [B, C, H, W]; parameters in the order of unet.ts.

    With conditions it also takes what is known, [B, conditions + 1]: classes and a 1, all 0 where nothing is.
    """

    def __init__(self, channels=1, widths=(32, 64, 96, 128), depth=1, embedding=32, tables=cosine_tables, conditions=0):
        super().__init__()
        self.entry = nn.Conv2d(channels, widths[0], 1)
        levels, deepest, at = widths[:-1], widths[-1], widths[0] + embedding * (2 if conditions else 1)
        self.known = nn.Linear(conditions + 1, embedding) if conditions else None
        self.downs = nn.ModuleList()
        for width in levels:
            self.downs.append(nn.ModuleList(BookBlock(at if i == 0 else width, width) for i in range(depth)))
            at = width
        self.middle = nn.ModuleList(BookBlock(at if i == 0 else deepest, deepest) for i in range(depth))
        self.ups = nn.ModuleList()
        at = deepest
        for width in reversed(levels):
            self.ups.append(nn.ModuleList(BookBlock((at if i == 0 else width) + width, width) for i in range(depth)))
            at = width
        self.exit = nn.Conv2d(at, channels, 1)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)
        alpha, sigma, told = tables()
        speeds = 2 * math.pi * torch.exp(torch.linspace(0, math.log(1000), embedding // 2, dtype=torch.float64))
        angles = told[:, None] * speeds
        for name, table in (("alpha", alpha), ("sigma", sigma), ("level", torch.cat([angles.sin(), angles.cos()], 1))):
            self.register_buffer(name, table.float(), persistent=False)

    def forward(self, x, level, known=None):
        if self.known is not None:
            level = torch.cat([level, self.known(known)], 1)
        beside = level[:, :, None, None].expand(-1, -1, x.shape[2], x.shape[3])
        h, skips = torch.cat([self.entry(x), beside], 1), []
        for blocks in self.downs:
            for block in blocks:
                h = block(h)
                skips.append(h)
            h = F.avg_pool2d(h, 2)
        for block in self.middle:
            h = block(h)
        for blocks in self.ups:
            h = F.interpolate(h, scale_factor=2, mode="bilinear")
            for block in blocks:
                h = block(torch.cat([h, skips.pop()], 1))
        return self.exit(h)

    def look(self, images, index, noise, known=None):
        """What is predicted and what should be, at steps index [B] of pictures in [0, 1]."""
        picture = images * 2 - 1
        alpha, sigma = self.alpha[index, None, None, None], self.sigma[index, None, None, None]
        return self(alpha * picture + sigma * noise, self.level[index], known), picture, alpha, sigma


def velocity_loss(net, images, times, noise, known=None):
    """Squared error of the velocity, summed over a picture, mean over the batch; times uniform in [0, 1)."""
    prediction, picture, alpha, sigma = net.look(images, (times * STEPS).floor().long(), noise, known)
    return (prediction - (alpha * noise - sigma * picture)).square().sum() / len(images)


def flow_loss(net, images, times, noise, known=None):
    prediction, picture, _, _ = net.look(images, (times * STEPS).floor().long(), noise, known)
    return (prediction - (noise - picture)).square().sum() / len(images)


class SamplingStep:
    """One deterministic step on 64 pictures: the network, the picture it means cut off at black and white, the next x."""

    def __init__(self, mode):
        self.format = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        net = fill(Unet()).eval().to(memory_format=self.format)
        self.net = torch.compile(net) if mode == "compiled" else net
        self.level, self.alpha, self.sigma = net.level[499].expand(64, -1), net.alpha, net.sigma
        self.inputs = torch.from_numpy(values.uniform(values.IMAGES, POOL * 64 * 1024, -1, 1)).view(POOL, 64, 1, 32, 32)
        self.count = 0

    def step(self):
        x = self.inputs[self.count % POOL].contiguous(memory_format=self.format)
        self.count += 1
        with torch.inference_mode():
            (a, s), (b, r) = ((self.alpha[i].item(), self.sigma[i].item()) for i in (499, 449))
            picture = (a * x - s * self.net(x, self.level)).clamp(-1, 1)
            return (b * picture + r * (x - a * picture) / s)[0, 0, 0, 0].item()


SAMPLING_MODES = ["eager", "channels_last", "compiled"]
SAMPLING = {"ddpm-sample": (SAMPLING_MODES, lambda mode: SamplingStep(mode).step)}

DIFFUSION = {
    "ddpm": Family(
        Unet, velocity_loss, lambda: [pictures(64, 1, 32, 32)], [("uniform", (64,)), ("normal", (64, 1, 32, 32))], LAYOUTS
    ),
    "flow-matching": Family(
        lambda: Unet(tables=straight_tables),
        flow_loss,
        lambda: [pictures(64, 1, 32, 32)],
        [("uniform", (64,)), ("normal", (64, 1, 32, 32))],
        LAYOUTS,
    ),
}
