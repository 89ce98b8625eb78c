"""The flows in PyTorch: RealNVP on points and on pictures (Dinh et al. 2017), Glow (Kingma and Dhariwal 2018). Each takes x and gives z and ln |det|, [B] each."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from families import LAYOUTS, Family, pictures


class Chain(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        total = 0
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return x, total


class Squeeze(nn.Module):
    def forward(self, x):
        return F.pixel_unshuffle(x, 2), 0


class Flatten(nn.Module):
    def forward(self, x):
        return x.flatten(1), 0


class Centre(nn.Module):
    def forward(self, x):
        return x - 0.5, 0


class Logit(nn.Module):
    def __init__(self, alpha):
        super().__init__()
        self.alpha = alpha

    def forward(self, x):
        inside = lambda v: v * (1 - 2 * self.alpha) + self.alpha
        up, down = inside(x).log(), inside(1 - x).log()
        return up - down, (math.log(1 - 2 * self.alpha) - up - down).flatten(1).sum(1)


class FactorOut(nn.Module):
    """Half of the channels leave, as they are or in units of a prior."""

    def __init__(self, rest, prior=None):
        super().__init__()
        self.rest, self.prior = rest, prior

    def forward(self, x):
        held, out = x.chunk(2, 1)
        z, log_det = self.rest(held)
        if self.prior is not None:
            log_scale, shift = self.prior(held)
            out, log_det = (out - shift) * torch.exp(-log_scale), log_det - log_scale.flatten(1).sum(1)
        return torch.cat([z, out.flatten(1)], 1), log_det


class MaskedCoupling(nn.Module):
    def __init__(self, net, mask):
        super().__init__()
        self.net = net
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        free, held = 1 - self.mask, x * self.mask
        log_scale, shift = self.net(held)
        log_scale = log_scale * free
        return held + free * (x * log_scale.exp() + shift), log_scale.flatten(1).sum(1)


class FlowNorm(nn.Module):
    """Batch norm with its log-determinant."""

    def __init__(self, channels, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x):
        dims = [0, *range(2, x.dim())]
        mean, variance = self.mean, self.variance
        if self.training:
            mean, variance = x.mean(dims), x.var(dims, unbiased=False)
            with torch.no_grad():
                count = x.numel() / x.shape[1]
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance * count / (count - 1), self.momentum)
        view = (-1, *[1] * (x.dim() - 2))
        z = (x - mean.view(view)) * (variance + self.eps).rsqrt().view(view)
        return z, (variance + self.eps).log().sum() * (-0.5 * x[0, 0].numel())


class Bounded(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.size = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x.tanh() * self.size.view(-1, *[1] * (x.dim() - 2))


def dense(size, features, depth):
    layers, inputs = [], size
    for _ in range(depth):
        layers += [nn.Linear(inputs, features), nn.ReLU()]
        inputs = features
    return nn.Sequential(*layers, nn.Linear(inputs, size))


class DensePair(nn.Module):
    def __init__(self, size, features, depth):
        super().__init__()
        self.scale, self.shift, self.bounded = dense(size, features, depth), dense(size, features, depth), Bounded(size)

    def forward(self, x):
        return self.bounded(self.scale(x)), self.shift(x)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        conv = lambda: nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1, self.conv1, self.norm2, self.conv2 = nn.BatchNorm2d(channels), conv(), nn.BatchNorm2d(channels), conv()

    def forward(self, x):
        return x + self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))


class Residuals(nn.Module):
    def __init__(self, channels, features, depth):
        super().__init__()
        self.first = nn.Conv2d(channels, features, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(features) for _ in range(depth)))
        self.norm, self.last = nn.BatchNorm2d(features), nn.Conv2d(features, 2 * channels, 1)
        self.bounded = Bounded(channels)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        scale, shift = self.last(F.relu(self.norm(self.blocks(self.first(x))))).chunk(2, 1)
        return self.bounded(scale), shift


def couplings(count, norm, channels, net, mask):
    return [layer for i in range(count) for layer in (MaskedCoupling(net(), mask(i % 2 == 1)), *([FlowNorm(channels)] if norm else []))]


def checkerboard(height, width, odd):
    return ((torch.arange(height).view(-1, 1) + torch.arange(width) + odd) % 2 == 0).float().view(1, height, width)


def halves(channels, odd, *ones):
    return ((torch.arange(channels) < channels / 2) != odd).float().view(channels, *ones)


def real_nvp_scale(shape, features, left, count, depth, norm):
    channels, height, width = shape
    first = couplings(count + (left == 1), norm, channels, lambda: Residuals(channels, features, depth), lambda odd: checkerboard(height, width, odd))
    if left == 1:
        return Chain(*first, Flatten())
    deep = 4 * channels
    second = couplings(count, norm, deep, lambda: Residuals(deep, 2 * features, depth), lambda odd: halves(deep, odd, 1, 1))
    rest = real_nvp_scale((deep // 2, height // 2, width // 2), 2 * features, left - 1, count, depth, norm)
    return Chain(*first, Squeeze(), *second, FactorOut(rest))


def real_nvp_pictures(image=(1, 28, 28), couplings=3, features=16, depth=1, scales=2, norm=True, alpha=1e-6):
    return Chain(Logit(alpha) if alpha else Centre(), real_nvp_scale(image, features, scales, couplings, depth, norm))


def real_nvp_points(size=2, count=12, features=64, depth=2, norm=True):
    return Chain(*couplings(count, norm, size, lambda: DensePair(size, features, depth), lambda odd: halves(size, odd)))


class ActNorm(nn.Module):
    """The first batch's statistics are buffers, what is trained follows them."""

    def __init__(self, channels):
        super().__init__()
        self.log_scale, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("log_deviation", torch.zeros(channels))
        self.started = False

    def forward(self, x):
        if self.training and not self.started:
            with torch.no_grad():
                dims = [0, *range(2, x.dim())]
                self.mean.copy_(x.mean(dims))
                self.log_deviation.copy_((x.var(dims, unbiased=False) + 1e-6).log() / 2)
            self.started = True
        log_scale = self.log_scale - self.log_deviation
        scale = log_scale.exp()
        view = (-1, *[1] * (x.dim() - 2))
        return x * scale.view(view) + (self.bias - self.mean * scale).view(view), log_scale.sum() * x[0, 0].numel()


class InvertibleConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        permutation, lower, upper = torch.linalg.lu(torch.linalg.qr(torch.randn(channels, channels, dtype=torch.float64))[0])
        diagonal = upper.diagonal().clone()
        self.lower = nn.Parameter(lower.tril(-1).float())
        self.upper = nn.Parameter(upper.triu(1).float())
        self.log_diagonal = nn.Parameter(diagonal.abs().log().float())
        self.register_buffer("permutation", permutation.float())
        self.register_buffer("signs", diagonal.sign().float())

    def forward(self, x):
        eye = torch.eye(len(self.signs))
        weight = self.permutation @ (self.lower.tril(-1) + eye) @ (self.upper.triu(1) + torch.diag(self.signs * self.log_diagonal.exp()))
        return F.conv2d(x, weight[:, :, None, None]), self.log_diagonal.sum() * x[0, 0].numel()


class ZeroConv(nn.Conv2d):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 3, padding=1)
        self.log_factor = nn.Parameter(torch.zeros(outputs))
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x):
        return super().forward(x) * (3 * self.log_factor).exp().view(-1, 1, 1)


class CouplingNet(nn.Module):
    def __init__(self, channels, features):
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, features, 3, padding=1), nn.Conv2d(features, features, 1)
        self.last = ZeroConv(features, 2 * channels)

    def forward(self, x):
        shift, h = self.last(F.relu(self.second(F.relu(self.first(x))))).chunk(2, 1)
        return h.tanh(), shift


class HalfCoupling(nn.Module):
    def __init__(self, channels, features):
        super().__init__()
        self.net = CouplingNet(channels // 2, features)

    def forward(self, x):
        held, free = x.chunk(2, 1)
        log_scale, shift = self.net(held)
        return torch.cat([held, free * log_scale.exp() + shift], 1), log_scale.flatten(1).sum(1)


class ScalePrior(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.last = ZeroConv(channels, 2 * channels)

    def forward(self, x):
        shift, h = self.last(x).chunk(2, 1)
        return (h / 8).tanh() * 8, shift


def glow_scale(channels, left, depth, features):
    deep = 4 * channels
    steps = [layer for _ in range(depth) for layer in (ActNorm(deep), InvertibleConv(deep), HalfCoupling(deep, features))]
    if left == 1:
        return Chain(Squeeze(), *steps, ActNorm(deep), Flatten())
    return Chain(Squeeze(), *steps, FactorOut(glow_scale(deep // 2, left - 1, depth, features), ScalePrior(deep // 2)))


def glow(image=(1, 28, 28), scales=2, depth=12, features=64, alpha=1e-6):
    return Chain(Logit(alpha) if alpha else Centre(), glow_scale(image[0], scales, depth, features))


def nats(net, x):
    """-ln p(x), [B]."""
    z, log_det = net(x)
    return 0.5 * z.square().sum(1) + 0.5 * z.shape[1] * math.log(2 * math.pi) - log_det


def nats_per_number(net, x):
    return nats(net, x).mean() / x[0].numel()


def gentle(net):
    """Small weights, and channels mixed without exchange: logarithms near 1 would multiply up over the chain."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(0.1)
        for module in net.modules():
            if isinstance(module, InvertibleConv):
                module.permutation.copy_(torch.eye(len(module.signs)))
                module.signs.fill_(1)
    return net


def digits():
    return [pictures(64, 1, 28, 28)]


FLOW_PICTURES = {
    "realnvp-digits": Family(real_nvp_pictures, nats_per_number, digits, modes=LAYOUTS, start=gentle),
    "glow": Family(glow, nats_per_number, digits, modes=LAYOUTS, start=gentle),
}
