"""VQ-VAE with a prior over its codes (van den Oord et al. 2017) and VAE-GAN (Larsen et al. 2015) in PyTorch: sizes of the presets `small` and `fashion`."""

import torch
import torch.nn.functional as F
from torch import nn

from families import Family, pictures
from gans import apply

CODES, DEPTH, WIDTHS, INNER, VARIANCE, COMMITMENT = 256, 32, (32, 64), 32, 0.02, 0.25
PRIOR, LAYERS = 64, 4


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.ReLU(), nn.Conv2d(WIDTHS[1], INNER, 3, padding=1), nn.ReLU(), nn.Conv2d(INNER, WIDTHS[1], 1))

    def forward(self, x):
        return x + self.body(x)


class Quantizer(nn.Module):
    """A book that the optimizer moves."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter((torch.rand(CODES, DEPTH) * 2 - 1) / CODES)

    def nearest(self, rows):
        with torch.no_grad():
            return (2 * rows @ self.weight.T - self.weight.square().sum(1)).argmax(1)


class Codec(nn.Module):
    """Encoder, book and decoder; pictures [B, 1, H, W] in [0, 1]."""

    def __init__(self):
        super().__init__()
        first, last = WIDTHS
        self.encoder = nn.Sequential(
            nn.Conv2d(1, first, 4, 2, 1), nn.ReLU(), nn.Conv2d(first, last, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(last, last, 3, padding=1), Residual(), Residual(), nn.ReLU(), nn.Conv2d(last, DEPTH, 1),
        )  # fmt: skip
        self.quantizer = Quantizer()
        self.decoder = nn.Sequential(
            nn.Conv2d(DEPTH, last, 3, padding=1), Residual(), Residual(), nn.ReLU(),
            nn.ConvTranspose2d(last, first, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(first, 1, 4, 2, 1),
        )  # fmt: skip

    def rows(self, x):
        """[B * h * w, D]"""
        return self.encoder(x - 0.5).permute(0, 2, 3, 1).reshape(-1, DEPTH)

    @torch.no_grad()
    def indices(self, x):
        """[B, h, w]"""
        return self.quantizer.nearest(self.rows(x)).reshape(len(x), x.shape[2] // 4, x.shape[3] // 4)

    def paint(self, rows, like):
        return self.decoder(rows.reshape(len(like), like.shape[2] // 4, like.shape[3] // 4, DEPTH).permute(0, 3, 1, 2)) + 0.5

    def losses(self, x):
        """Reconstruction (nats, without the constant), codebook's and commitment's terms, mean over the batch; vectors and their codes."""
        rows = self.rows(x)
        indices = self.quantizer.nearest(rows)
        chosen = self.quantizer.weight[indices]
        painted = self.paint(rows + (chosen - rows).detach(), x)
        sums = [(painted - x) / (2 * VARIANCE) ** 0.5, rows.detach() - chosen, rows - chosen.detach()]
        return [each.square().sum() / len(x) for each in sums], (rows.detach(), indices)


def gate(x):
    value, door = x.chunk(2, 1)
    return value.tanh() * door.sigmoid()


class Gated(nn.Module):
    """A layer of both stacks: filters that end at the present row, and at the present column (before them in the first layer)."""

    def __init__(self, kernel, first):
        super().__init__()
        half = kernel // 2
        self.first, self.half = first, half
        self.vertical = nn.Conv2d(PRIOR, 2 * PRIOR, (half + (not first), kernel))
        self.horizontal = nn.Conv2d(PRIOR, 2 * PRIOR, (1, half + (not first)))
        self.down, self.mix = nn.Conv2d(2 * PRIOR, 2 * PRIOR, 1), nn.Conv2d(PRIOR, PRIOR, 1)

    def forward(self, v, h):
        above, left = F.pad(v, (self.half, self.half, self.half, 0)), F.pad(h, (self.half, 0))
        if self.first:  # moved by one: the last row and column fall away
            above, left = above[:, :, :-1], left[..., :-1]
        seen = self.vertical(above)
        mixed = self.mix(gate(self.horizontal(left) + self.down(seen)))
        return gate(seen), mixed if self.first else mixed + h


class Prior(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(CODES, PRIOR)
        self.layers = nn.ModuleList(Gated(5 if i == 0 else 3, i == 0) for i in range(LAYERS))
        self.hidden, self.head = nn.Conv2d(PRIOR, 2 * PRIOR, 1), nn.Conv2d(2 * PRIOR, CODES, 1)

    def forward(self, indices):
        """Nats of each grid [B, h, w]: [B]."""
        v = h = self.embedding(indices).permute(0, 3, 1, 2)
        for layer in self.layers:
            v, h = layer(v, h)
        logits = self.head(self.hidden(h.relu()).relu())
        return F.cross_entropy(logits, indices, reduction="none").sum((1, 2))


class VqVae(nn.Module):
    def __init__(self):
        super().__init__()
        self.autoencoder, self.prior = Codec(), Prior()


def vq_step(training, batch, draws):
    """One step of the autoencoder, one of the prior."""
    (reconstruction, codebook, commitment), _ = training.net.autoencoder.losses(batch[0])
    constant = batch[0][0].numel() / 2 * torch.log(torch.tensor(2 * torch.pi * VARIANCE))
    loss = reconstruction + constant + codebook + COMMITMENT * commitment
    apply(training, "autoencoder", loss)
    training.optimizers["autoencoder"].step()
    nats = training.call["prior"](training.net.autoencoder.indices(batch[0])).mean()
    apply(training, "prior", nats)
    training.optimizers["prior"].step()
    return [loss, nats]


class Layer(nn.Module):
    """A convolution or a dense layer, and batch norm; the ReLU is the caller's."""

    def __init__(self, linear, channels):
        super().__init__()
        self.linear = linear
        self.norm = nn.BatchNorm2d(channels) if not isinstance(linear, nn.Linear) else nn.BatchNorm1d(channels)

    def forward(self, x):
        return self.norm(self.linear(x))


def down(inputs, outputs):
    return Layer(nn.Conv2d(inputs, outputs, 5, 2, 2), outputs)


def up(inputs, outputs):
    return Layer(nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, 1), outputs)


def stack(layers, x):
    for layer in layers:
        x = layer(x).relu()
    return x


class Encoder(nn.Module):
    def __init__(self, channels, side, code):
        super().__init__()
        self.convs = nn.ModuleList([down(channels, 16), down(16, 32), down(32, 64)])
        self.dense = Layer(nn.Linear(64 * (side // 8) ** 2, 256), 256)
        self.mean, self.log_var = nn.Linear(256, code), nn.Linear(256, code)

    def forward(self, x):
        h = self.dense(stack(self.convs, x).flatten(1)).relu()
        return self.mean(h), self.log_var(h)


class Generator(nn.Module):
    def __init__(self, channels, side, code):
        super().__init__()
        self.side, size = side // 8, 64 * (side // 8) ** 2
        self.dense = Layer(nn.Linear(code, size), size)
        self.convs = nn.ModuleList([up(64, 64), up(64, 32), up(32, 16)])
        self.head = nn.Conv2d(16, channels, 5, padding=2)

    def forward(self, z):
        return self.head(stack(self.convs, self.dense(z).relu().view(len(z), 64, self.side, self.side))).tanh()


class Discriminator(nn.Module):
    """Features of the third strided convolution, normalised, and logits [B]."""

    def __init__(self, channels, side):
        super().__init__()
        self.first = nn.Conv2d(channels, 16, 5, padding=2)
        self.convs = nn.ModuleList([down(16, 32), down(32, 64), down(64, 64)])
        self.dense = Layer(nn.Linear(64 * (side // 8) ** 2, 128), 128)
        self.head = nn.Linear(128, 1)

    def forward(self, x):
        features = self.convs[2](stack(self.convs[:2], self.first(x).relu()))
        return features, self.head(self.dense(features.relu().flatten(1)).relu()).flatten()


class VaeGan(nn.Module):
    def __init__(self, channels=1, side=32, code=16):
        super().__init__()
        self.encoder, self.generator, self.discriminator = Encoder(channels, side, code), Generator(channels, side, code), Discriminator(channels, side)


def vae_gan_losses(call, images, noise, fresh, gamma=1e-2):
    """Losses of encoder, generator and discriminator from one forward pass."""
    x = images * 2 - 1
    mean, log_var = call["encoder"](x)
    rebuilt, invented = call["generator"](mean + (0.5 * log_var).exp() * noise), call["generator"](fresh)
    (real_f, real), (again_f, again), (_, new) = [call["discriminator"](each) for each in (x, rebuilt, invented)]
    features = 0.5 * (real_f - again_f).square().sum() / len(x)
    kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum() / len(x)
    judged = lambda logits, target: F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
    return {
        "encoder": kl + features,
        "generator": gamma * features + judged(again, 1.0) + judged(new, 1.0),
        "discriminator": judged(real, 1.0) + judged(again, 0.0) + judged(new, 0.0),
    }


def vae_gan_step(training, batch, draws):
    """All three players from one forward pass."""
    losses = vae_gan_losses(training.call, batch[0], *draws)
    for name, loss in losses.items():
        apply(training, name, loss, retain=True)
    for optimizer in training.optimizers.values():
        optimizer.step()
    return list(losses.values())


MODES = ["eager", "fused", "channels_last"]
AUTOENCODER_PLAYERS = {
    "vq-vae": Family(VqVae, None, lambda: [pictures(64, 1, 28, 28)], modes=MODES, step=vq_step),
    "vae-gan": Family(
        VaeGan,
        None,
        lambda: [pictures(32, 1, 32, 32)],
        [("normal", (32, 16)), ("normal", (32, 16))],
        MODES,
        {"lr": 5e-4, "betas": (0.5, 0.999)},
        step=vae_gan_step,
    ),
}
