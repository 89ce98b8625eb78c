"""DCGAN, WGAN-GP (Foster, Generative Deep Learning, 2nd edition, chapter 4) and a conditional GAN in PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn

from families import LAYOUTS, POOL, Family, pictures

WIDTHS = (64, 128, 256, 512)


def double(inputs: int, outputs: int, nearest: bool) -> list[nn.Module]:
    """Twice the side, either way."""
    if nearest:
        return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)]
    return [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]


def generator(code: int, channels: int, widths=WIDTHS, nearest=False) -> nn.Sequential:
    """Codes [B, code, 1, 1] to pictures [B, channels, S, S] in (-1, 1), S = 4 · 2^len(widths)."""
    layers, inputs = [], code
    for i, outputs in enumerate(reversed(widths)):
        layers += double(inputs, outputs, nearest) if i else [nn.ConvTranspose2d(inputs, outputs, 4, 1, 0, bias=False)]
        layers += [nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
        inputs = outputs
    return nn.Sequential(*layers, *double(inputs, channels, nearest), nn.Tanh())


def judge(channels: int, norm: bool, bias: bool, widths=WIDTHS) -> nn.Sequential:
    """Pictures [B, channels, S, S] to scores [B]: the discriminator (norm, no bias) and the critic (bias, no norm)."""
    layers, inputs = [], channels
    for i, outputs in enumerate(widths):
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=bias)]
        layers += [nn.BatchNorm2d(outputs)] if norm and i > 0 else []
        layers += [nn.LeakyReLU(0.2)]
        inputs = outputs
    return nn.Sequential(*layers, nn.Conv2d(inputs, 1, 4, 1, 0, bias=bias), nn.Flatten(0))


class Dcgan(nn.Module):
    def __init__(self, widths=WIDTHS):
        super().__init__()
        self.generator = generator(100, 1, widths)
        self.discriminator = judge(1, True, False, widths)


class WganGp(nn.Module):
    def __init__(self, channels=3, widths=WIDTHS, nearest=False):
        super().__init__()
        self.generator = generator(128, channels, widths, nearest)
        self.critic = judge(channels, False, True, widths)


class ConditionalJudge(nn.Module):
    """Scores of pictures beside one channel that is drawn from the conditions."""

    def __init__(self, classes: int, side: int, widths):
        super().__init__()
        self.channel = nn.Linear(classes, side * side)
        self.judge = judge(2, True, False, widths)

    def forward(self, pictures: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        return self.judge(torch.cat([pictures, self.channel(conditions).view(-1, 1, *pictures.shape[2:])], 1))


class ConditionalGan(nn.Module):
    """Grey pictures of 32 x 32 in so many classes."""

    def __init__(self, classes=10, widths=(32, 64, 128)):
        super().__init__()
        self.generator = generator(100 + classes, 1, widths)
        self.discriminator = ConditionalJudge(classes, 32, widths)

    def paint(self, codes: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """Codes [B, 100, 1, 1] and conditions [B, classes] to pictures."""
        return self.generator(torch.cat([codes, conditions[:, :, None, None]], 1))


def apply(training, name: str, loss: torch.Tensor, retain: bool = False):
    """The gradient of one player's loss for its own parameters."""
    parameters = list(training.net.get_submodule(name).parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters, retain_graph=retain)):
        parameter.grad = gradient


def compiled_losses(net, real, codes):
    """
    Both losses for one backward pass: a compiled backward computes every gradient of its graph, so the generator's loss sees the discriminator with
    its weights detached. It costs one forward pass of the discriminator more, and saves two passes backward.
    """
    fake, loss = net.generator(codes), F.binary_cross_entropy_with_logits
    real_score, fake_score = net.discriminator(real), net.discriminator(fake.detach())
    held = {name: parameter.detach() for name, parameter in net.discriminator.named_parameters()}
    seen = torch.func.functional_call(net.discriminator, held, (fake,))
    one, zero = torch.ones_like(real_score), torch.zeros_like(real_score)
    return 0.5 * (loss(real_score, one) + loss(fake_score, zero)), loss(seen, one)


def both_move(training, real_score, fake_score):
    """Both players' losses from one forward pass, all gradients before either moves."""
    one, zero = torch.ones_like(real_score), torch.zeros_like(real_score)
    loss = F.binary_cross_entropy_with_logits
    d_loss = 0.5 * (loss(real_score, one) + loss(fake_score, zero))
    g_loss = loss(fake_score, one)
    apply(training, "discriminator", d_loss, retain=True)
    apply(training, "generator", g_loss)
    for optimizer in training.optimizers.values():
        optimizer.step()
    return [d_loss, g_loss]


def dcgan_step(training, batch, draws):
    """Both players from one forward pass, as in the book."""
    if training.mode == "compiled":
        d_loss, g_loss = training.whole(training.net, batch[0], draws[0])
        for optimizer in training.optimizers.values():
            optimizer.zero_grad()
        (d_loss + g_loss).backward()
        for optimizer in training.optimizers.values():
            optimizer.step()
        return [d_loss, g_loss]
    real, fake = batch[0], training.call["generator"](draws[0])
    judge_ = training.call["discriminator"]
    real_score, fake_score = judge_(real), judge_(fake)
    return both_move(training, real_score, fake_score)


def wgan_step(training, batch, draws):
    """One step of the critic with the gradient penalty, one of the generator. Compilation has no second derivatives: there the penalty runs eager."""
    real, call = batch[0], training.call
    with torch.no_grad():
        fake = call["generator"](draws[0])
    mixed = (real + draws[1] * (fake - real)).requires_grad_()
    slope = torch.autograd.grad(training.net.critic(mixed).sum(), mixed, create_graph=True)[0]
    penalty = (slope.square().sum((1, 2, 3)).sqrt() - 1).square().mean()
    c_loss = call["critic"](fake).mean() - call["critic"](real).mean() + 10 * penalty
    apply(training, "critic", c_loss)
    training.optimizers["critic"].step()
    g_loss = -call["critic"](call["generator"](draws[2])).mean()
    apply(training, "generator", g_loss)
    training.optimizers["generator"].step()
    return [c_loss, g_loss]


def conditional_step(training, batch, draws):
    """Both players from one forward pass, each told the condition."""
    real, conditions = batch
    fake = training.call["generator"](torch.cat([draws[0], conditions[:, :, None, None]], 1))
    judge_ = training.call["discriminator"]
    real_score, fake_score = judge_(real, conditions), judge_(fake, conditions)
    return both_move(training, real_score, fake_score)


def in_turn(count: int, classes: int) -> torch.Tensor:
    """[POOL, count, classes]: one-hot, each class in turn."""
    return F.one_hot(torch.arange(count) % classes, classes).float().expand(POOL, count, classes)


ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}
GANS = {
    "dcgan": Family(Dcgan, None, lambda: [pictures(32, 1, 64, 64, low=-1)], [("normal", (32, 100, 1, 1))], LAYOUTS, ADAM, step=dcgan_step, whole=compiled_losses),
    "wgan-gp": Family(
        WganGp,
        None,
        lambda: [pictures(16, 3, 64, 64, low=-1)],
        [("normal", (16, 128, 1, 1)), ("uniform", (16, 1, 1, 1)), ("normal", (16, 128, 1, 1))],
        LAYOUTS,
        ADAM,
        step=wgan_step,
    ),
    "conditional-gan": Family(
        ConditionalGan,
        None,
        lambda: [pictures(64, 1, 32, 32, low=-1), in_turn(64, 10)],
        [("normal", (64, 100, 1, 1))],
        ["eager", "fused", "channels_last"],
        ADAM,
        step=conditional_step,
    ),
}
