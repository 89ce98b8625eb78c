"""The cases besides the ops' own examples, in the words of the TypeScript side, each with its PyTorch counterpart."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.optim import lr_scheduler


def values(*numbers, **more):
    return {"shape": [len(numbers)], "values": list(numbers), **more}


def corner_cases():
    """Ties, zeros, bounds, duplicates and extremes."""
    around = values(-1.5, -1.0, -0.0, 0.0, 0.5, 1.0, 1.5)
    extremes = values(-1000.0, -100.0, -20.0, -1e-8, 0.0, 1e-8, 20.0, 100.0, 1000.0)
    case = lambda op, *inputs, **attrs: {"op": op, "inputs": list(inputs), "attrs": attrs}
    ties = [values(0.0, 1.0, -1.0, 2.0), values(0.0, 1.0, 1.0, -2.0)]
    rows = {"shape": [3, 4], "values": [1.0, 3.0, 3.0, 2.0, 5.0, 5.0, 5.0, 5.0, -1.0, -2.0, -3.0, -1.0]}
    offsets = {"shape": [3, 4], "values": [1e6, 1e6 + 1, 1e6 - 2, 1e6, -1e6, -1e6 + 1, -1e6, -1e6 - 3, 1e6, -1e6, 0.0, 1.0]}
    table = {"shape": [4, 3]}
    twice = {"shape": [5], "dtype": "int64", "values": [2, 2, 0, 2, 0]}
    return [
        *[case(op, around) for op in ("relu", "abs", "sign", "floor", "step")],
        case("leakyRelu", around, slope=0.3),
        case("clip", around, low=-1, high=1),
        case("clip", around, low=0, high=1),
        *[case(op, extremes) for op in ("softplus", "sigmoid", "tanh", "erf", "relu")],
        case("exp", values(-1000.0, -100.0, 0.0, 80.0)),
        case("log", values(0.0, 1e-30, 1.0, 1e30)),
        case("sqrt", values(0.0, 1e-30, 1.0, 1e30)),
        case("div", values(1.0, -1.0, 0.5), values(1e-10, 1e20, -0.25)),
        case("maximum", *ties),
        case("minimum", *ties),
        *[case(op, rows, axes=axes, keepDims=False) for op in ("max", "min") for axes in ([1], [0], [0, 1])],
        case("argmax", rows, axis=1),
        case("softmax", offsets),
        case("logSoftmax", offsets),
        case("gather", table, twice, axis=0),
        case("gather", table, values(-1, 0, -4, -1, dtype="int64"), axis=0),
        case("scatterAdd", {"shape": [5, 2]}, twice, axis=0, size=4),
        case("gatherElements", table, {"shape": [6, 3], "dtype": "int64", "values": [1] * 9 + [3] * 9}, axis=0),
        case("cast", values(-1.9, -0.5, -0.0, 0.5, 1.9), to="int32"),
        case("cast", values(-1.9, 0.0, 1e-30), to="bool"),
        case("where", values(1, 0, 1, dtype="bool"), values(1.0, 1e38, 3.0), values(-1e38, 2.0, -3.0)),
        case("batchNorm", {"shape": [4, 2], "values": [32.0, 0.0, 33.0, 0.0, 34.0, 0.0, 35.0, 0.0]}, values(1.0, 2.0), values(0.5, -0.5), epsilon=1e-5),
        case("layerNorm", {"shape": [2, 4], "values": [32.0, 33.0, 34.0, 35.0, 0.0, 0.0, 0.0, 0.0]}, values(1.0, 2.0, 3.0, 4.0), values(0.5, -0.5, 0.0, 1.0), epsilon=1e-5),
    ]


def activation_cases():
    line = values(-1000.0, -100.0, -3.5, -3.0, -2.0, -0.5, 0.0, 0.25, 1.0, 2.5, 3.0, 4.0, 100.0)
    block = {"shape": [2, 3, 4], "range": [-3, 3]}
    case = lambda name, spec, compute, *options: {"name": name, "inputs": [spec], "options": list(options), "compute": compute}
    return [
        case("relu", line, F.relu),
        case("leakyRelu", line, lambda x: F.leaky_relu(x, 0.01)),
        case("leakyRelu", line, lambda x: F.leaky_relu(x, 0.3), 0.3),
        case("elu", line, F.elu),
        case("elu", line, lambda x: F.elu(x, 0.5), 0.5),
        case("gelu", line, F.gelu),
        case("silu", line, F.silu),
        case("sigmoid", line, torch.sigmoid),
        case("tanh", line, torch.tanh),
        case("softplus", line, F.softplus),
        case("hardSigmoid", line, F.hardsigmoid),
        *[case("softmax", block, lambda x, axis=axis: x.softmax(axis), axis) for axis in (0, 1, -1)],
        *[case("logSoftmax", block, lambda x, axis=axis: x.log_softmax(axis), axis) for axis in (0, 1, -1)],
    ]


def per_example(x):
    return x.reshape(x.shape[0], -1).sum(1)


def cross_entropy(logits, labels):
    return per_example(F.cross_entropy(logits.movedim(-1, 1), labels.long(), reduction="none"))


def gaussian_kl(mean, log_var):
    return per_example(kl_divergence(Normal(mean, (0.5 * log_var).exp()), Normal(0.0, 1.0)))


def bernoulli(logits, target):
    return per_example(F.binary_cross_entropy_with_logits(logits, target, reduction="none"))


def loss_cases():
    pictures = [{"shape": [3, 1, 4, 2], "range": [-2, 2]}, {"shape": [3, 1, 4, 2], "range": [0, 1]}]
    square = lambda a, b: F.mse_loss(a, b, reduction="none")
    extreme = [{"shape": [2, 4], "values": [-100.0, 100.0, 0.0, 3.0, 100.0, -100.0, -0.5, 1000.0]}, {"shape": [2, 4], "values": [0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 0.25, 1.0]}]
    labels = lambda shape, numbers, dtype: {"shape": shape, "values": numbers, "dtype": dtype}
    case = lambda name, inputs, compute: {"name": name, "inputs": inputs, "compute": compute}
    return [
        case("squaredError", pictures, lambda a, b: per_example(square(a, b))),
        case("meanSquaredError", pictures, lambda a, b: square(a, b).reshape(3, -1).mean(1)),
        case("binaryCrossEntropy", pictures, bernoulli),
        case("binaryCrossEntropy", extreme, bernoulli),
        case("crossEntropy", [{"shape": [4, 5], "range": [-3, 3]}, labels([4], [0, 4, 2, 2], "int64")], cross_entropy),
        case("crossEntropy", [{"shape": [2, 3, 5], "range": [-3, 3]}, labels([2, 3], [0, 4, 2, 2, 1, 3], "int32")], cross_entropy),
        case("crossEntropy", [{"shape": [2, 2, 70], "range": [-3, 3]}, labels([2, 2], [0, 69, 30, 30], "int64")], cross_entropy),
        case("crossEntropy", [{"shape": [2, 3], "values": [1e6, 1e6 + 1, -1e6, 100.0, -100.0, 0.0]}, labels([2], [1, 1], "int64")], cross_entropy),
        case("gaussianKl", [{"shape": [3, 4], "range": [-2, 2]}, {"shape": [3, 4], "range": [-4, 2]}], gaussian_kl),
    ]


class SameConv(nn.Conv2d):
    """TensorFlow's "same": ceil(size / stride) positions, the odd zero at the end."""

    def forward(self, x):
        pads = []
        for size, k, s, d in reversed(list(zip(x.shape[2:], self.kernel_size, self.stride, self.dilation))):
            total = max((math.ceil(size / s) - 1) * s + d * (k - 1) + 1 - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


def conv2d(o):
    same = o.get("padding") == "same"
    maker = SameConv if same else nn.Conv2d
    padding = 0 if same else o.get("padding", 0)
    return maker(o["in"], o["out"], o["kernel"], o.get("stride", 1), padding, o.get("dilation", 1), o.get("groups", 1), o.get("bias", True))


def conv_transpose2d(o):
    more = {"stride": o.get("stride", 1), "padding": o.get("padding", 0), "output_padding": o.get("outputPadding", 0)}
    return nn.ConvTranspose2d(o["in"], o["out"], o["kernel"], dilation=o.get("dilation", 1), groups=o.get("groups", 1), **more)


def batch_norm(o):
    return (nn.BatchNorm2d if o["spatial"] else nn.BatchNorm1d)(o["channels"], o.get("epsilon", 1e-5), o.get("momentum", 0.1))


CLASSES = {
    "Linear": lambda o: nn.Linear(o["in"], o["out"], o.get("bias", True)),
    "Conv2d": conv2d,
    "ConvTranspose2d": conv_transpose2d,
    "BatchNorm": batch_norm,
    "LayerNorm": lambda o: nn.LayerNorm(o["width"], o.get("epsilon", 1e-5)),
    "Embedding": lambda o: nn.Embedding(o["count"], o["width"]),
}


def layer_cases():
    both = {"weight": [-0.5, 0.5], "bias": [-0.5, 0.5]}
    weight = {"weight": [-0.5, 0.5]}
    scale = {"weight": [0.5, 1.5], "bias": [-0.5, 0.5]}
    running = {**scale, "running_mean": [-0.5, 0.5], "running_var": [0.5, 2]}

    def case(layer, shape, parameters=both, training=False, steps=1, spec=None, **options):
        head = {"layer": layer, "options": options, "training": training, "steps": steps}
        return {**head, "parameters": parameters, "input": {"shape": shape, **({"range": [-2, 2]} if spec is None else spec)}}

    indices = {"dtype": "int64", "values": [0, 3, 3, 1, 3, 0]}
    return [
        case("Linear", [4, 3], **{"in": 3, "out": 5}),
        case("Linear", [2, 3, 4], weight, **{"in": 4, "out": 2, "bias": False}),
        case("Conv2d", [2, 3, 5, 6], **{"in": 3, "out": 4, "kernel": 3, "padding": 1}),
        case("Conv2d", [2, 3, 6, 7], **{"in": 3, "out": 4, "kernel": 3, "stride": 2, "padding": "same"}),
        case("Conv2d", [1, 2, 5, 5], **{"in": 2, "out": 3, "kernel": 4, "stride": 2, "padding": "same"}),
        case("Conv2d", [1, 2, 7, 8], weight, **{"in": 2, "out": 2, "kernel": [3, 2], "dilation": 2, "padding": [2, 1], "bias": False}),
        case("Conv2d", [2, 4, 5, 5], **{"in": 4, "out": 6, "kernel": 3, "stride": 2, "padding": 1, "groups": 2}),
        case("Conv2d", [1, 6, 4, 4], **{"in": 6, "out": 6, "kernel": 3, "padding": 1, "groups": 6}),
        case("Conv2d", [1, 18, 4, 4], **{"in": 18, "out": 4, "kernel": 3, "padding": 1}),
        case("ConvTranspose2d", [2, 3, 4, 3], **{"in": 3, "out": 2, "kernel": 3}),
        case("ConvTranspose2d", [2, 3, 3, 4], **{"in": 3, "out": 4, "kernel": 3, "stride": 2, "padding": 1, "outputPadding": 1}),
        case("ConvTranspose2d", [1, 4, 3, 3], **{"in": 4, "out": 6, "kernel": 4, "stride": 2, "padding": 1, "groups": 2}),
        case("ConvTranspose2d", [1, 2, 3, 3], **{"in": 2, "out": 9, "kernel": 3, "padding": 1, "dilation": 2}),
        case("BatchNorm", [3, 2, 2, 3], scale, True, 2, channels=2, spatial=True),
        case("BatchNorm", [5, 3], scale, True, 2, channels=3, spatial=False, epsilon=1e-3, momentum=0.01),
        case("BatchNorm", [3, 2, 2, 3], running, channels=2, spatial=True),
        case("BatchNorm", [5, 3], running, channels=3, spatial=False, epsilon=1e-3),
        case("LayerNorm", [2, 3, 6], scale, width=6),
        case("LayerNorm", [4, 5], scale, width=5, epsilon=1e-3),
        case("Embedding", [2, 3], weight, spec=indices, count=4, width=3),
    ]


def optimizer_cases():
    case = lambda name, options, torch_name, torch_options, lr, decay: {
        "optimizer": name,
        "options": options,
        "learningRate": lr,
        "weightDecay": decay,
        "count": 23,
        "torch": (torch_name, torch_options),
    }
    adams = [({}, {}), ({"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-6}, {"betas": (0.5, 0.9), "eps": 1e-6})]
    cases = []
    for decay in (0, 0.1):
        cases += [case("sgd", {}, "SGD", {}, 0.1, decay)]
        cases += [case("sgd", {"momentum": 0.9}, "SGD", {"momentum": 0.9}, 0.1, decay)]
        cases += [case("sgd", {"momentum": 0.9, "nesterov": True}, "SGD", {"momentum": 0.9, "nesterov": True}, 0.1, decay)]
        cases += [case("rmsprop", {}, "RMSprop", {}, 0.01, decay)]
        cases += [case("rmsprop", {"alpha": 0.9, "epsilon": 1e-6, "momentum": 0.9}, "RMSprop", {"alpha": 0.9, "eps": 1e-6, "momentum": 0.9}, 0.01, decay)]
        cases += [case("adam", ours, "Adam", theirs, 0.01, decay) for ours, theirs in adams]
        cases += [case("adamw", ours, "AdamW", theirs, 0.01, decay) for ours, theirs in adams]
    return cases


def warmed(optimizer, after):
    rise = lr_scheduler.LinearLR(optimizer, 1 / 4, 1.0, total_iters=3)
    return lr_scheduler.SequentialLR(optimizer, [rise, after(optimizer)], [4])


def schedule_cases():
    """A schedule by name and arguments; after its end PyTorch's cosine rises again, so it is compared up to there."""
    linear = lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, total_iters=8)
    cosine = lambda o: lr_scheduler.CosineAnnealingLR(o, 8, eta_min=0.05)
    constant = lambda o: lr_scheduler.ConstantLR(o, 1.0)
    return [
        {"name": "constant", "arguments": [], "warmup": 0, "count": 5, "torch": constant},
        {"name": "linear", "arguments": [8, 0.1], "warmup": 0, "count": 12, "torch": linear},
        {"name": "cosine", "arguments": [8, 0.05], "warmup": 0, "count": 9, "torch": cosine},
        {"name": "constant", "arguments": [], "warmup": 4, "count": 8, "torch": lambda o: warmed(o, constant)},
        {"name": "linear", "arguments": [8, 0.1], "warmup": 4, "count": 15, "torch": lambda o: warmed(o, linear)},
        {"name": "cosine", "arguments": [8, 0.05], "warmup": 4, "count": 13, "torch": lambda o: warmed(o, cosine)},
    ]
