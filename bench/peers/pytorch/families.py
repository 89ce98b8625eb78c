"""Training steps of whole families: what a family gives, and the step that all share."""

from dataclasses import dataclass, field
from typing import Callable

import torch
from torch import nn

import values

POOL = 8
"""Batches made once and cycled through."""

DENSE = ["eager", "fused", "compiled"]
LAYOUTS = ["eager", "fused", "channels_last", "compiled"]
DRAWS = 1100
"""Stream of the first draw of a checked step; the next ones follow."""


def pictures(count: int, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    """[POOL, count, *shape] in [low, high)."""
    size = POOL * count * torch.Size(shape).numel()
    return torch.from_numpy(values.uniform(values.IMAGES, size, low, high)).view(POOL, count, *shape)


def tokens(stream: int, below: int, *shape: int) -> torch.Tensor:
    """[POOL, *shape] of int64 in [0, below)."""
    size = POOL * torch.Size(shape).numel()
    return torch.from_numpy(values.integers(stream, size, below)).view(POOL, *shape)


@dataclass
class Family:
    """Modes: eager (Adam as it comes), fused (the fused Adam), channels_last and compiled (both with the fused Adam)."""

    build: Callable[[], nn.Module]
    loss: Callable[..., torch.Tensor] | None
    """(net, *batch, *draws) -> scalar; None where `step` does all."""
    batches: Callable[[], list[torch.Tensor]]
    """Inputs of the loss, each [POOL, ...]."""
    draws: list = field(default_factory=list)
    """(kind, shape) of what is drawn anew in each step; kind is normal or uniform."""
    modes: list = field(default_factory=lambda: DENSE)
    adam: dict = field(default_factory=lambda: {"lr": 1e-3})
    decoupled: bool = False
    clip: float = 0.0
    step: Callable | None = None
    """For several players: (training, batch, draws) -> list of losses."""
    start: Callable | None = None
    """(net) -> net: changes the common start values."""
    whole: Callable | None = None
    """For several players: a function that the compiled mode's step calls compiled."""


def fill(net: nn.Module) -> nn.Module:
    """Give a network the start values that all peers share."""
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)
    with torch.no_grad():
        index = 0
        for module in net.modules():
            for own, tensor in module.named_parameters(recurse=False):
                norm = isinstance(module, norms)
                kind = ("shift" if norm else "bias") if "bias" in own else "scale" if norm or tensor.dim() == 1 else "weight"
                tensor.copy_(torch.from_numpy(values.parameter(index, tuple(tensor.shape), kind)))
                index += 1
    return net


class FamilyTraining:
    """One network, or several players of one step, in a mode."""

    def __init__(self, family: Family, mode: str, check: bool = False):
        self.family, self.mode, self.check = family, mode, check
        self.format = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        net = fill(family.build())
        self.net = (net if family.start is None else family.start(net)).train().to(memory_format=self.format)
        self.pool = family.batches()
        self.count = 0
        if family.loss is None:
            self.optimizers = {name: self.optimizer(player.parameters()) for name, player in self.net.named_children()}
            self.call = {name: self.compiled(player) for name, player in self.net.named_children()}
            self.whole = self.compiled(family.whole)
        else:
            self.optimizers = {"net": self.optimizer(self.net.parameters())}
            self.loss = self.compiled(family.loss)

    def compiled(self, function):
        return torch.compile(function) if self.mode == "compiled" and function is not None else function

    def optimizer(self, parameters):
        kind = torch.optim.AdamW if self.family.decoupled else torch.optim.Adam
        return kind(parameters, fused=None if self.mode == "eager" else True, **self.family.adam)

    def draw(self, index: int, kind: str, shape: tuple) -> torch.Tensor:
        if self.check:
            count = torch.Size(shape).numel()
            return torch.from_numpy(values.uniform(DRAWS + index, count, -1.0 if kind == "normal" else 0.0)).view(shape)
        return torch.randn(shape) if kind == "normal" else torch.rand(shape)

    def copied(self, source: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(source, memory_format=self.format if source.dim() == 4 else torch.contiguous_format).copy_(source)

    def steps(self) -> list[float]:
        """One step; the losses of each player."""
        at = self.count % POOL
        self.count += 1
        batch = [self.copied(source[at]) for source in self.pool]
        draws = [self.draw(i, kind, shape) for i, (kind, shape) in enumerate(self.family.draws)]
        if self.family.loss is None:
            return [loss.item() for loss in self.family.step(self, batch, draws)]
        loss = self.loss(self.net, *batch, *draws)
        optimizer = self.optimizers["net"]
        optimizer.zero_grad()
        loss.backward()
        if self.family.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.family.clip)
        optimizer.step()
        return [loss.item()]

    def step(self) -> float:
        return self.steps()[0]
