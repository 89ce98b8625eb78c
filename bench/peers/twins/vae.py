"""Fashion-MNIST variational autoencoder. Usage: python vae.py book|small|small-10 SEED

`small` is one epoch of the larger code with batch norm, `small-10` ten of the same.
With ATELIER_TWIN_SAMPLES=FOLDER each line also leaves a sheet of 8 x 8 fresh samples there.
"""

import os
from pathlib import Path

import torch
from torch import nn

import common
from autoencoder import decoder, nats, trunk

SETTINGS = {
    "book": {"code": 2, "kl_weight": 2.048, "batch": 100, "norm": False, "lines": {5: "book"}},
    "small": {"code": 8, "kl_weight": 1.0, "batch": 64, "norm": True, "lines": {1: "small"}},
    "small-10": {"code": 8, "kl_weight": 1.0, "batch": 64, "norm": True, "lines": {10: "small-10"}},
}


def normalised(layers):
    """The same layers with batch norm after each convolution that a ReLU follows."""
    result = []
    for layer, after in zip(layers, [*layers[1:], None]):
        result.append(layer)
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(after, nn.ReLU):
            result.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*result)


class Vae(nn.Module):
    def __init__(self, code, norm=False):
        super().__init__()
        self.code = code
        self.trunk, self.mean, self.log_var = trunk(), nn.Linear(2048, code), nn.Linear(2048, code)
        self.decoder = decoder(code)
        if norm:
            self.trunk, self.decoder = normalised(self.trunk), normalised(self.decoder)

    def terms(self, x):
        """Reconstruction and KL, nats a picture, mean over the batch, with one noise draw each."""
        hidden = self.trunk(x)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum() / len(x)
        return nats(self.decoder(z), x), kl


@torch.no_grad()
def evaluate(model, x, y):
    model.eval()
    sums = torch.zeros(2, dtype=torch.float64)
    for xs, _ in common.in_order(x, y):
        sums += torch.stack(model.terms(xs)).double() * len(xs)
    reconstruction, kl = (sums / len(x)).tolist()
    return {"reconstructionNats": reconstruction, "klNats": kl, "totalNats": reconstruction + kl}


@torch.no_grad()
def sample_sheet(model, path):
    from PIL import Image

    z = torch.randn(64, model.code, generator=torch.Generator().manual_seed(0))
    sheet = model.decoder(z).sigmoid().view(8, 8, 32, 32).permute(0, 2, 1, 3).reshape(256, 256)
    picture = Image.fromarray((sheet * 255).round().byte().numpy())
    picture.resize((768, 768), Image.Resampling.NEAREST).save(path)


def run(model, kl_weight, each_epoch, data, **options):
    def loss(x, _):
        reconstruction, kl = model.terms(x)
        return reconstruction + kl_weight * kl

    return common.train(model, loss, data, each_epoch=each_epoch, **options)


def main():
    setting, seed = common.arguments(SETTINGS)
    chosen = SETTINGS[setting]
    if common.done("vae", setting, seed):
        return
    torch.manual_seed(seed)
    model = Vae(chosen["code"], chosen["norm"]).to(memory_format=torch.channels_last)  # the same numbers, half the time
    train_x, train_y, test_x, test_y = common.fashion()

    def log(epoch, seconds):
        name = chosen["lines"].get(epoch)
        if name is None:
            return
        # Evaluation must not move the stream that the next epochs draw from.
        with torch.random.fork_rng():
            common.record("vae", name, seed, seconds, evaluate(model, test_x, test_y))
        if folder := os.environ.get("ATELIER_TWIN_SAMPLES"):
            sample_sheet(model, Path(folder) / f"vae-{name}-{seed}.png")

    run(model, chosen["kl_weight"], log, (train_x, train_y), rate=1e-3, batch=chosen["batch"], epochs=max(chosen["lines"]))


if __name__ == "__main__":
    main()
