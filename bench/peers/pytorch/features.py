"""The feature network (src/models/classifiers/feature-net.ts) in PyTorch, without its shifts and scalings."""

import torch.nn.functional as F
from torch import nn

from families import LAYOUTS, Family, pictures, tokens
from values import LABELS

WIDTHS, STRIDES = (16, 32, 32, 64, 64, 128), (1, 2, 1, 2, 1, 2)


class FeatureNet(nn.Module):
    """x [B, C, H, W] in [0, 1] to logits [B, K]; features are the means of the last map."""

    def __init__(self, channels: int = 1, outputs: int = 10):
        super().__init__()
        layers = []
        for before, after, stride in zip((channels, *WIDTHS), WIDTHS, STRIDES):
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(WIDTHS[-1], outputs)

    def features(self, x):
        return self.layers(x).mean((2, 3))

    def forward(self, x):
        return self.head(self.features(x))


def loss(net, x, y):
    return F.cross_entropy(net(x), y)


FEATURES = {"feature-net": Family(FeatureNet, loss, lambda: [pictures(64, 1, 32, 32), tokens(LABELS, 10, 64)], modes=LAYOUTS)}
