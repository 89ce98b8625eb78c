"""Drawing fresh pictures in PyTorch: from noise to intensities, as the sampling workloads of ours."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import nn

import values
from autoregressive import Gated
from families import DRAWS, fill
from gans import Dcgan
from networks import Coder

WEIGHTS = 1200
"""Stream of the weights by which a checked picture is added up."""

CODES, DOTS, SIDE = 64, 16, 12


@dataclass
class Sampling:
    build: Callable[[], nn.Module]
    shape: tuple
    """Of the draws: normal numbers where `normal`, else uniform ones, one for each picture and pixel."""
    normal: bool
    sample: Callable
    """(net, call, draw) -> pictures; `call` is the part that the compiled mode compiles."""
    call: Callable
    """net -> that part."""
    modes: tuple = ("eager", "channels_last", "compiled")


def decoded(net, call, draw):
    return call(draw(0))


def by_pixel(net, call, draw):
    """The whole network for each pixel: the way it is usually written."""
    x = torch.zeros(DOTS, 1, SIDE, SIDE)
    for row in range(SIDE):
        for column in range(SIDE):
            chance = call(x)[:, :, row, column].sigmoid()
            x[:, :, row, column] = (draw(0).view(DOTS, 1) < chance).float()
    return x


DIRECT = Sampling(Gated, (DOTS, 1), False, by_pixel, lambda net: net)
SAMPLERS = {
    "vae-sample": Sampling(lambda: Coder(16, 2), (CODES, 16), True, decoded, lambda net: lambda z: net.decode(z).sigmoid()),
    "dcgan-sample": Sampling(
        lambda: Dcgan((32, 64, 128)),
        (CODES, 100),
        True,
        decoded,
        lambda net: lambda z: (net.generator(z[:, :, None, None]) + 1) / 2,
    ),
    "pixelcnn-sample": DIRECT,
    "pixelcnn-sample-direct": DIRECT,
}


class Sampler:
    """A sampling workload in a mode."""

    def __init__(self, name: str, mode: str, check: bool = False):
        self.spec, self.check = SAMPLERS[name], check
        form = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        self.net = fill(self.spec.build()).eval().to(memory_format=form)
        call = self.spec.call(self.net)
        self.call = torch.compile(call) if mode == "compiled" else call

    def draw(self, index: int) -> torch.Tensor:
        shape = self.spec.shape
        if self.check:
            count = torch.Size(shape).numel()
            return torch.from_numpy(values.uniform(DRAWS + index, count, -1.0 if self.spec.normal else 0.0)).view(shape)
        return torch.randn(shape) if self.spec.normal else torch.rand(shape)

    def pictures(self) -> torch.Tensor:
        with torch.inference_mode():
            return self.spec.sample(self.net, self.call, self.draw)

    def step(self) -> float:
        return self.pictures()[0, 0, 0, 0].item()

    def steps(self) -> list[float]:
        """The mean and a weighted mean of what is drawn."""
        drawn = self.pictures().flatten().double()
        weights = torch.from_numpy(values.uniform(WEIGHTS, drawn.numel())).double()
        return [drawn.mean().item(), ((drawn * weights).sum() / drawn.numel() ** 0.5).item()]
