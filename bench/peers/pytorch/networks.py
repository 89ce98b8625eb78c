"""The networks of the bench in PyTorch: their training steps and their inference."""

import torch
import torch.nn.functional as F
from torch import nn

import values


class Cnn(nn.Module):
    """CIFAR-10 classifier, 592,554 parameters: x [B, 3, 32, 32] in [0, 1] to logits [B, 10]."""

    def __init__(self, dropout: float = 0.5):
        super().__init__()
        layers = []
        for inputs, outputs, stride in ((3, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.01)]
        head = [nn.Linear(4096, 128), nn.BatchNorm1d(128), nn.LeakyReLU(0.01), nn.Dropout(dropout), nn.Linear(128, 10)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), *head)

    def forward(self, x):
        return self.layers(x)


class Mlp(nn.Module):
    """CIFAR-10 classifier: x [B, 3, 32, 32] to logits [B, 10]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(3072, 200), nn.ReLU(), nn.Linear(200, 150), nn.ReLU(), nn.Linear(150, 10))

    def forward(self, x):
        return self.layers(x)


class Coder(nn.Module):
    """The autoencoder (heads = 1, code 2) and the VAE (heads = 2, code 16): x [B, 1, 32, 32] to logits [B, 1, 32, 32]."""

    def __init__(self, code: int, heads: int):
        super().__init__()
        convs = []
        for inputs, outputs in ((1, 32), (32, 64), (64, 128)):
            convs += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.ReLU()]
        self.encoder = nn.Sequential(*convs, nn.Flatten())
        self.heads = nn.ModuleList(nn.Linear(2048, code) for _ in range(heads))
        self.dense = nn.Linear(code, 2048)
        ups = []
        for inputs, outputs in ((128, 128), (128, 64), (64, 32)):
            ups += [nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1), nn.ReLU()]
        self.decoder = nn.Sequential(nn.Unflatten(1, (128, 4, 4)), *ups, nn.Conv2d(32, 1, 3, 1, 1))

    def decode(self, z):
        return self.decoder(self.dense(z))


def classifier_loss(net, x, y):
    return F.cross_entropy(net(x), y)


def autoencoder_loss(net, x):
    logits = net.decode(net.heads[0](net.encoder(x)))
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / x.shape[0]


def vae_loss(net, x, noise=None):
    features = net.encoder(x)
    mean, log_var = net.heads[0](features), net.heads[1](features)
    draw = torch.randn_like(mean) if noise is None else noise
    logits = net.decode(mean + torch.exp(0.5 * log_var) * draw)
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / x.shape[0]
    return reconstruction + 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum() / x.shape[0]


def build(name: str, check: bool) -> nn.Module:
    """The network with the start values all peers share; `check` leaves dropout out."""
    makers = {"cnn": lambda: Cnn(0.0 if check else 0.5), "mlp": Mlp, "autoencoder": lambda: Coder(2, 1), "vae": lambda: Coder(16, 2)}
    net = makers[name]()
    with torch.no_grad():
        index = 0
        for module in net.modules():
            norm = isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))
            for own, tensor in module.named_parameters(recurse=False):
                kind = {"weight": "scale" if norm else "weight", "bias": "shift" if norm else "bias"}[own]
                tensor.copy_(torch.from_numpy(values.parameter(index, tuple(tensor.shape), kind)))
                index += 1
    return net


LOSSES = {"cnn": classifier_loss, "mlp": classifier_loss, "autoencoder": autoencoder_loss, "vae": vae_loss}
BATCH = {"cnn": 32, "mlp": 32, "autoencoder": 64, "vae": 64}
CHANNELS = {"cnn": 3, "mlp": 3, "autoencoder": 1, "vae": 1}
POOL = 8


class Training:
    """Modes: eager (Adam as it comes), fused (the fused Adam), channels_last and compiled (both with the fused Adam)."""

    def __init__(self, name: str, mode: str, check: bool = False):
        batch, channels = BATCH[name], CHANNELS[name]
        self.net = build(name, check).train()
        self.labelled = name in ("cnn", "mlp")
        images = values.uniform(values.IMAGES, POOL * batch * channels * 1024, 0, 1)
        self.images = torch.from_numpy(images).view(POOL, batch, channels, 32, 32)
        self.labels = torch.from_numpy(values.integers(values.LABELS, POOL * batch, 10)).view(POOL, batch)
        self.noise = torch.from_numpy(values.uniform(values.NOISE, batch * 16)).view(batch, 16) if check and name == "vae" else None
        self.format = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        self.net = self.net.to(memory_format=self.format)
        self.loss = torch.compile(LOSSES[name]) if mode == "compiled" else LOSSES[name]
        self.adam = torch.optim.Adam(self.net.parameters(), lr=5e-4, fused=None if mode == "eager" else True)
        self.count = 0

    def step(self) -> float:
        at = self.count % POOL
        self.count += 1
        x = torch.empty_like(self.images[at], memory_format=self.format).copy_(self.images[at])
        inputs = (x, self.labels[at].clone()) if self.labelled else (x,) if self.noise is None else (x, self.noise)
        loss = self.loss(self.net, *inputs)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.item()


class Inference:
    """`cnn-infer` (batch 32), `cnn-infer-1` (batch 1), `vae-infer` (decode 64 codes)."""

    def __init__(self, name: str, mode: str):
        kind = name.split("-")[0]
        self.format = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        net = build(kind, False).eval().to(memory_format=self.format)
        batch = {"cnn-infer": 32, "cnn-infer-1": 1, "vae-infer": 64}[name]
        shape = (batch, 3, 32, 32) if kind == "cnn" else (batch, 16)
        count = POOL * torch.Size(shape).numel()
        self.inputs = torch.from_numpy(values.uniform(values.IMAGES, count, 0, 1)).view(POOL, *shape)
        call = net if kind == "cnn" else net.decode
        self.call = torch.compile(call) if mode == "compiled" else call
        self.count = 0

    def step(self) -> float:
        at = self.count % POOL
        self.count += 1
        source = self.inputs[at]
        with torch.inference_mode():
            x = source.clone() if source.dim() == 2 else torch.empty_like(source, memory_format=self.format).copy_(source)
            return self.call(x)[(0,) * (4 if source.dim() == 2 else 2)].item()
