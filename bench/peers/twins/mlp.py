"""CIFAR-10 classifier, fully connected: 3072 -> 200 -> 150 -> 10. Usage: python mlp.py book|ours SEED"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import common


def build(setting):
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 200), nn.ReLU(), nn.Linear(200, 150), nn.ReLU(), nn.Linear(150, 10))
    if setting == "book":  # Keras's defaults
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
    assert sum(p.numel() for p in model.parameters()) == 646_260
    return model


def main():
    setting, seed = common.arguments(["book", "ours"])
    if common.done("mlp", setting, seed):
        return
    torch.manual_seed(seed)
    model = build(setting)
    train_x, train_y, test_x, test_y = common.cifar10()
    seconds = common.train(
        model,
        lambda x, y: cross_entropy(model(x), y),
        (train_x, train_y),
        rate=5e-4,
        batch=32,
        epochs=10,
        eps=1e-7 if setting == "book" else 1e-8,
    )
    common.record("mlp", setting, seed, seconds, {"accuracy": common.accuracy(model, test_x, test_y)})


if __name__ == "__main__":
    main()
