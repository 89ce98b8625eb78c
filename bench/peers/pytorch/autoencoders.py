"""The autoencoder family in PyTorch: VAE with dense layers and of faces, denoising autoencoder, conditional VAE."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import values
from families import LAYOUTS, Family, pictures, tokens


class Halves(nn.Module):
    """Encoder and decoder of blocks.ts; parameters in its order."""

    def __init__(self, image, code, widths, hidden=(), act=F.relu, norm=True, known=0, heads=2):
        super().__init__()
        channels, height, width = image
        self.act, self.deepest = act, (widths[-1] if widths else channels, height >> len(widths), width >> len(widths))
        size = math.prod(self.deepest)
        norms = widths if norm else []
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip([channels, *widths], widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in norms)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip([size + known, *hidden], hidden))
        self.heads = nn.ModuleList(nn.Linear(hidden[-1] if hidden else size + known, code) for _ in range(heads))
        inward = [code + known, *reversed(hidden)]
        self.inner = nn.ModuleList(nn.Linear(a, b) for a, b in zip(inward, inward[1:]))
        self.dense = nn.Linear(inward[-1], size)
        outward = widths[::-1]
        self.ups = nn.ModuleList(nn.ConvTranspose2d(a, b, 3, 2, 1, 1) for a, b in zip([*outward[:1], *outward], outward))
        self.up_norms = nn.ModuleList(nn.BatchNorm2d(c) for c in (outward if norm else []))
        self.head = nn.Conv2d(outward[-1], channels, 3, 1, 1) if outward else None

    def stack(self, x, convs, norms):
        for i, conv in enumerate(convs):
            x = conv(x)
            x = self.act(norms[i](x) if len(norms) else x)
        return x

    def encode(self, x, *known):
        x = torch.cat([self.stack(x, self.convs, self.norms).flatten(1), *known], 1)
        for layer in self.hidden:
            x = self.act(layer(x))
        return [head(x) for head in self.heads]

    def decode(self, z, *known):
        z = torch.cat([z, *known], 1)
        for layer in self.inner:
            z = self.act(layer(z))
        x = self.dense(z).view(-1, *self.deepest)
        return x if self.head is None else self.head(self.stack(x, self.ups, self.up_norms))


def bernoulli(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def gaussian(logits, x, deviation=0.38):
    constant = x[0].numel() * (math.log(deviation) + 0.5 * math.log(2 * math.pi))
    return (logits.sigmoid() - x).square().sum() / (2 * deviation**2 * len(x)) + constant


def elbo(net, x, noise, *known, reconstruction=bernoulli):
    mean, log_var = net.encode(x, *known)
    logits = net.decode(mean + torch.exp(0.5 * log_var) * noise, *known)
    return reconstruction(logits, x) + 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum() / len(x)


def dots(net, x, chance, noise):
    return elbo(net, (chance < x).float(), noise)


def faces(net, x, noise):
    return elbo(net, x, noise, reconstruction=gaussian)


def denoising(net, x, chance):
    (code,) = net.encode(torch.where(chance < 0.5, 0.0, x))
    return bernoulli(net.decode(F.relu(code)), x)


def conditional(net, x, known, noise):
    return elbo(net, x, noise, known)


def classes():
    return F.one_hot(tokens(values.LABELS, 10, 128), 10).float()


AUTOENCODERS = {
    "vae-mlp": Family(
        build=lambda: Halves((1, 28, 28), 20, [], [500], torch.tanh, norm=False),
        loss=dots,
        batches=lambda: [pictures(128, 1, 28, 28)],
        draws=[("uniform", (128, 1, 28, 28)), ("normal", (128, 20))],
        adam={"lr": 2e-3},
    ),
    "vae-faces": Family(
        build=lambda: Halves((3, 64, 64), 200, [24, 48, 64, 128], act=lambda x: F.leaky_relu(x, 0.2)),
        loss=faces,
        batches=lambda: [pictures(32, 3, 64, 64)],
        draws=[("normal", (32, 200))],
        modes=LAYOUTS,
    ),
    "denoising": Family(
        build=lambda: Halves((1, 28, 28), 128, [32, 64], heads=1),
        loss=denoising,
        batches=lambda: [pictures(128, 1, 28, 28)],
        draws=[("uniform", (128, 1, 28, 28))],
        modes=LAYOUTS,
    ),
    "conditional-vae": Family(
        build=lambda: Halves((1, 28, 28), 16, [32, 64], [256], known=10),
        loss=conditional,
        batches=lambda: [pictures(128, 1, 28, 28), classes()],
        draws=[("normal", (128, 16))],
        modes=LAYOUTS,
        adam={"lr": 2e-3},
    ),
}
