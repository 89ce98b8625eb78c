"""A deep energy-based model (Foster, Generative Deep Learning, 2nd edition, chapter 7) and a restricted Boltzmann machine in PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn

import values
from families import DENSE, Family, pictures

KEPT = 1004
"""Stream of the first ends of walks."""


class Energy(nn.Module):
    """Pictures [B, 1, 32, 32] in [-1, 1] to energies [B]. Borders as TensorFlow's "same": the odd one at the end."""

    def __init__(self, channels=(16, 32, 64, 64), hidden=64, side=32):
        super().__init__()
        inputs = (1, *channels[:-1])
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 5 if n == 0 else 3, 2) for n, (i, o) in enumerate(zip(inputs, channels)))
        self.hidden = nn.Linear(channels[-1] * (side // 2 ** len(channels)) ** 2, hidden)
        self.energy = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for n, conv in enumerate(self.convs):
            x = F.silu(conv(F.pad(x, (1, 2, 1, 2) if n == 0 else (0, 1, 0, 1))))
        return self.energy(F.silu(self.hidden(x.flatten(1)))).flatten()


class Ebm(nn.Module):
    """The network, its buffer of ends of walks, and the numbers of both."""

    def __init__(self, kept=8192, steps=60, noise=0.005, step_size=10.0, clip=0.03, penalty=0.1, fresh=0.05):
        super().__init__()
        self.net = Energy()
        self.steps, self.noise, self.step_size, self.clip, self.penalty, self.fresh = steps, noise, step_size, clip, penalty, fresh
        self.kept = torch.rand(kept, 1, 32, 32) * 2 - 1

    def walk(self, x: torch.Tensor, noises) -> torch.Tensor:
        """Down the energy; one step for each of `noises`."""
        for noise in noises:
            x = (x + noise * self.noise).clamp(-1, 1).detach().requires_grad_()
            slope = torch.autograd.grad(self.net(x).sum(), x)[0]
            x = (x - slope.clamp(-self.clip, self.clip) * self.step_size).clamp(-1, 1).detach()
        return x

    def loss(self, images, rows, fresh, chosen, noises, on_data) -> torch.Tensor:
        """Contrastive divergence and the squared energies; the walks' ends go first into the buffer."""
        start = torch.where(chosen < self.fresh, fresh * 2 - 1, self.kept[(rows * len(self.kept)).long()])
        fake = self.walk(start, noises)
        self.kept = torch.cat([fake, self.kept])[: len(self.kept)]
        real = (images * 2 - 1 + on_data * self.noise).clamp(-1, 1)
        on_real, on_fake = self.net(real), self.net(fake)
        return on_real.mean() - on_fake.mean() + self.penalty * (on_real.square() + on_fake.square()).mean()


class Rbm(nn.Module):
    """Both sides of a restricted Boltzmann machine."""

    def __init__(self, visible=784, hidden=500):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(visible, hidden) * 0.01)
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))

    def field(self, v: torch.Tensor) -> torch.Tensor:
        return v @ self.weight + self.hidden_bias

    def down_logits(self, h: torch.Tensor) -> torch.Tensor:
        return h @ self.weight.T + self.visible_bias

    def free_energy(self, v: torch.Tensor) -> torch.Tensor:
        return -(v @ self.visible_bias) - F.softplus(self.field(v)).sum(1)

    @torch.no_grad()
    def gibbs(self, v: torch.Tensor, for_hidden, for_visible) -> torch.Tensor:
        for hidden, visible in zip(for_hidden, for_visible):
            h = (hidden < self.field(v).sigmoid()).float()
            v = (visible < self.down_logits(h).sigmoid()).float()
        return v

    def loss(self, v: torch.Tensor, dream: torch.Tensor) -> torch.Tensor:
        return self.free_energy(v).mean() - self.free_energy(dream).mean()


def bench_ebm() -> Ebm:
    net = Ebm(kept=1024, steps=30)
    net.kept = torch.from_numpy(values.uniform(KEPT, net.kept.numel())).view_as(net.kept)
    return net


def rbm_loss(net, images, limit, for_hidden, for_visible):
    v = (limit < images.flatten(1)).float()
    return net.loss(v, net.gibbs(v, for_hidden, for_visible))


SHAPE = (64, 1, 32, 32)
ENERGY = {
    "ebm": Family(
        bench_ebm,
        lambda net, *given: net.loss(*given),
        lambda: [pictures(*SHAPE)],
        [("uniform", SHAPE[:1]), ("uniform", SHAPE), ("uniform", (64, 1, 1, 1)), ("normal", (30, *SHAPE)), ("normal", SHAPE)],
        ["eager", "fused"],
        {"lr": 1e-4},
    ),
    "rbm": Family(
        Rbm,
        rbm_loss,
        lambda: [pictures(100, 1, 28, 28)],
        [("uniform", (100, 784)), ("uniform", (10, 100, 500)), ("uniform", (10, 100, 784))],
        DENSE,
    ),
}
