"""Fashion-MNIST autoencoder with a 2-D code. Usage: python autoencoder.py book SEED"""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import common

PIXELS = 32 * 32


def trunk():
    """[B, 1, 32, 32] -> [B, 2048]"""
    layers = []
    for c_in, c_out in [(1, 32), (32, 64), (64, 128)]:
        layers += [nn.Conv2d(c_in, c_out, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


def decoder(code):
    """[B, code] -> logits [B, 1, 32, 32]"""
    layers = []
    for c_in, c_out in [(128, 128), (128, 64), (64, 32)]:
        layers += [nn.ConvTranspose2d(c_in, c_out, 3, 2, 1, 1), nn.ReLU()]
    return nn.Sequential(nn.Linear(code, 2048), nn.Unflatten(1, (128, 4, 4)), *layers, nn.Conv2d(32, 1, 3, 1, 1))


def nats(logits, x):
    """Binary cross entropy with soft targets: sum over pixels, mean over the batch."""
    return binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(trunk(), nn.Linear(2048, 2))
        self.decoder = decoder(2)

    def forward(self, x):
        return self.decoder(self.encoder(x))


@torch.no_grad()
def evaluate(model, x, y):
    model.eval()
    total = sum(nats(model(xs), xs).item() * len(xs) for xs, _ in common.in_order(x, y)) / len(x)
    return {"reconstructionNats": total, "reconstructionNatsPerPixel": total / PIXELS}


def main():
    setting, seed = common.arguments(["book"])
    if common.done("autoencoder", setting, seed):
        return
    torch.manual_seed(seed)
    model = Autoencoder().to(memory_format=torch.channels_last)  # the same numbers, half the time
    train_x, train_y, test_x, test_y = common.fashion()
    seconds = common.train(model, lambda x, _: nats(model(x), x), (train_x, train_y), rate=1e-3, batch=100, epochs=5)
    common.record("autoencoder", setting, seed, seconds, evaluate(model, test_x, test_y))


if __name__ == "__main__":
    main()
