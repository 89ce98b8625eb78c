"""CIFAR-10 classifier, convolutional, with batch norm and dropout. Usage: python cnn.py book|ours SEED"""

import torch
from torch import nn
from torch.nn.functional import batch_norm, cross_entropy

import common


class KerasBatchNorm(nn.Module):
    """running = 0.99 running + 0.01 batch, with the biased batch variance; eps 1e-3."""

    def __init__(self, features):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        if not self.training:
            return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, 1e-3)
        mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        y = batch_norm(x, mean, variance, self.weight, self.bias, True, 1.0, 1e-3)  # momentum 1: the batch's own statistics
        count = x.numel() // x.shape[1]
        self.running_mean.lerp_(mean, 0.01)
        self.running_var.lerp_(variance * ((count - 1) / count), 0.01)  # PyTorch's is unbiased
        return y


def build(setting):
    book = setting == "book"
    slope = 0.3 if book else 0.01

    def after(features, norm):
        return [KerasBatchNorm(features) if book else norm(features), nn.LeakyReLU(slope)]

    layers = []
    for c_in, c_out, stride in [(3, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2)]:
        if book and stride == 2:  # TensorFlow's "same" for an even side: nothing before, one after
            layers += [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(c_in, c_out, 3, stride)]
        else:
            layers += [nn.Conv2d(c_in, c_out, 3, stride, 1)]
        layers += after(c_out, nn.BatchNorm2d)
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4096, 128), *after(128, nn.BatchNorm1d), nn.Dropout(0.5), nn.Linear(128, 10))
    if book:
        for layer in model:
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
    trainable = sum(p.numel() for p in model.parameters())
    statistics = sum(b.numel() for name, b in model.named_buffers() if "running" in name)
    assert (trainable, trainable + statistics) == (591_914, 592_554), (trainable, statistics)
    return model.to(memory_format=torch.channels_last)


def main():
    setting, seed = common.arguments(["book", "ours"])
    if common.done("cnn", setting, seed):
        return
    torch.manual_seed(seed)
    model = build(setting)
    train_x, train_y, test_x, test_y = (t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for t in common.cifar10())
    seconds = common.train(
        model,
        lambda x, y: cross_entropy(model(x), y),
        (train_x, train_y),
        rate=5e-4,
        batch=32,
        epochs=10,
        eps=1e-7 if setting == "book" else 1e-8,
    )
    common.record("cnn", setting, seed, seconds, {"accuracy": common.accuracy(model, test_x, test_y)})


if __name__ == "__main__":
    main()
