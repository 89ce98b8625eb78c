"""What each op of the engine is in PyTorch: a function of the operands and the op's attributes that gives the list of outputs."""

import torch
import torch.nn.functional as F


def unary(f):
    return lambda inputs, attrs: [f(inputs[0])]


def binary(f):
    return lambda inputs, attrs: [f(inputs[0], inputs[1])]


def turned(x, flag):
    return x.transpose(-1, -2) if flag else x


def product(inputs, attrs):
    return turned(inputs[0], attrs["transA"]) @ turned(inputs[1], attrs["transB"]) * attrs.get("alpha", 1)


def conv(x, w, attrs, bias=None):
    """Begin and end pads may differ, so they are added first."""
    axes = len(attrs["strides"])
    begins, ends = attrs["pads"][:axes], attrs["pads"][axes:]
    pads = [n for i in reversed(range(axes)) for n in (begins[i], ends[i])]
    f = [F.conv1d, F.conv2d, F.conv3d][axes - 1]
    return f(F.pad(x, pads), w, bias, stride=attrs["strides"], dilation=attrs["dilations"], groups=attrs["groups"])


def conv_input(inputs, attrs):
    dy, w = inputs
    x = torch.zeros([dy.shape[0], w.shape[1] * attrs["groups"], *attrs["spatial"]], requires_grad=True)
    return list(torch.autograd.grad(conv(x, w, attrs), x, dy, create_graph=True))


def conv_filter(inputs, attrs):
    x, dy = inputs
    w = torch.zeros([dy.shape[1], x.shape[1] // attrs["groups"], *attrs["kernel"]], requires_grad=True)
    return list(torch.autograd.grad(conv(x, w, attrs), w, dy, create_graph=True))


def along(axis, what):
    return (slice(None),) * axis + (what,)


def unslice(inputs, attrs):
    x, axis = inputs[0], attrs["axis"]
    out = torch.zeros([attrs["size"] if i == axis else n for i, n in enumerate(x.shape)])
    out[along(axis, slice(attrs["start"], attrs["end"], attrs["step"]))] = x
    return [out]


def scatter_add(inputs, attrs):
    updates, indices, axis = inputs[0], inputs[1], attrs["axis"]
    rest = updates.shape[axis + indices.dim() :]
    flat = updates.reshape([*updates.shape[:axis], indices.numel(), *rest])
    return [torch.zeros([*updates.shape[:axis], attrs["size"], *rest]).index_add(axis, indices.reshape(-1), flat)]


def scatter_elements_add(inputs, attrs):
    updates, indices, axis = inputs[0], inputs[1], attrs["axis"]
    zeros = torch.zeros([attrs["size"] if i == axis else n for i, n in enumerate(updates.shape)])
    return [zeros.scatter_add(axis, indices.long(), updates)]


def cumsum(inputs, attrs):
    x, axis = inputs[0], attrs["axis"]
    return [x.flip(axis).cumsum(axis).flip(axis) if attrs["reverse"] else x.cumsum(axis)]


def batch_norm(inputs, attrs):
    x, scale, bias = inputs
    axes = [i for i in range(x.dim()) if i != 1]
    y = F.batch_norm(x, None, None, scale, bias, training=True, eps=attrs["epsilon"])
    return [y, x.mean(axes), x.var(axes, unbiased=False)]


def layer_norm(inputs, attrs):
    x, scale, bias = inputs
    inverse = (x.var(-1, unbiased=False, keepdim=True) + attrs["epsilon"]).rsqrt()
    return [F.layer_norm(x, scale.shape, scale, bias, attrs["epsilon"]), x.mean(-1, keepdim=True), inverse]


def rms_norm(inputs, attrs):
    x, scale = inputs
    return [F.rms_norm(x, scale.shape, scale, attrs["epsilon"]), (x.square().mean(-1, keepdim=True) + attrs["epsilon"]).rsqrt()]


def group_norm(inputs, attrs):
    x, scale, bias = inputs
    rows = x.reshape(x.shape[0], attrs["groups"], -1)
    inverse = (rows.var(-1, unbiased=False, keepdim=True) + attrs["epsilon"]).rsqrt()
    return [F.group_norm(x, attrs["groups"], scale, bias, attrs["epsilon"]), rows.mean(-1, keepdim=True), inverse]


def rotary(inputs, attrs):
    """Pairs as complex numbers times e^(i angle)."""
    x, cos, sin = inputs[0], inputs[1].detach(), inputs[2].detach()
    turn = torch.complex(cos, -sin if attrs["inverse"] else sin)
    if turn.dim() == 3:
        turn = turn[:, None]
    half = x.shape[-1] // 2
    pairs = x.unflatten(-1, (half, 2)) if attrs["interleaved"] else x.unflatten(-1, (2, half)).transpose(-1, -2)
    turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turn)
    return [(turned if attrs["interleaved"] else turned.transpose(-1, -2)).flatten(-2)]


def pad(inputs, attrs):
    pads = [n for begin, end in reversed(list(zip(attrs["begins"], attrs["ends"]))) for n in (begin, end)]
    return [F.pad(inputs[0], pads, value=attrs["value"])]


def average_pool(inputs, attrs):
    """A depthwise convolution with an even filter, which also takes windows that PyTorch's own refuses."""
    x = inputs[0]
    even = torch.full([x.shape[1], 1, *attrs["kernel"]], 1 / attrs["divisor"])
    return [conv(x, even, {**attrs, "dilations": [1] * len(attrs["kernel"]), "groups": x.shape[1]})]


def average_pool_input(inputs, attrs):
    dy = inputs[0]
    x = torch.zeros([*dy.shape[:2], *attrs["spatial"]], requires_grad=True)
    return list(torch.autograd.grad(average_pool([x], attrs), x, dy, create_graph=True))


def max_pool(inputs, attrs):
    """Values, and positions in the whole flat input."""
    x = inputs[0]
    axes = len(attrs["kernel"])
    begins, ends = attrs["pads"][:axes], attrs["pads"][axes:]
    pads = [n for i in reversed(range(axes)) for n in (begins[i], ends[i])]
    positions = torch.arange(x.numel(), dtype=torch.float64).reshape(x.shape)
    padded, shown = F.pad(x, pads, value=float("-inf")), F.pad(positions, pads)
    f = [F.max_pool1d, F.max_pool2d, F.max_pool3d][axes - 1]
    y, at = f(padded, attrs["kernel"], attrs["strides"], 0, attrs["dilations"], return_indices=True)
    return y, shown.flatten(2).gather(2, at.flatten(2)).reshape(at.shape).long()


def max_pool_input(inputs, attrs):
    dy, at = inputs
    shape = [*dy.shape[:2], *attrs["spatial"]]
    return [torch.zeros(shape).reshape(-1).index_add(0, at.reshape(-1), dy.reshape(-1)).reshape(shape)]


def source(at, size, mode):
    if 0 <= at < size:
        return at
    if mode == "replicate":
        return 0 if at < 0 else size - 1
    return at % size if mode == "circular" else -at if at < 0 else 2 * (size - 1) - at


def pad_border(inputs, attrs):
    x = inputs[0]
    for axis, (begin, end) in enumerate(zip(attrs["begins"], attrs["ends"])):
        size = x.shape[axis]
        x = x.index_select(axis, torch.tensor([source(i, size, attrs["mode"]) for i in range(-begin, size + end)]))
    return [x]


def fold_border(inputs, attrs):
    dy = inputs[0]
    x = torch.zeros([n - b - e for n, b, e in zip(dy.shape, attrs["begins"], attrs["ends"])], requires_grad=True)
    return list(torch.autograd.grad(pad_border([x], attrs), x, dy, create_graph=True))


def top_k(inputs, attrs):
    values, indices = torch.sort(inputs[0], dim=attrs["axis"], descending=attrs["largest"], stable=True)
    keep = along(attrs["axis"], slice(0, attrs["k"]))
    return [values[keep], indices[keep]]


def triangular_inverse(inputs, attrs):
    a = inputs[0]
    return [torch.linalg.solve_triangular(a, torch.eye(a.shape[-1]).expand(a.shape), upper=attrs["upper"], unitriangular=attrs["unitDiagonal"])]


def cholesky(inputs, attrs):
    a = inputs[0]
    return [torch.linalg.cholesky((a + a.mT) / 2 + attrs["jitter"] * torch.eye(a.shape[-1]))]


OPS = {
    "neg": unary(torch.neg),
    "exp": unary(torch.exp),
    "log": unary(torch.log),
    "sqrt": unary(torch.sqrt),
    "reciprocal": unary(torch.reciprocal),
    "tanh": unary(torch.tanh),
    "sigmoid": unary(torch.sigmoid),
    "erf": unary(torch.erf),
    "abs": unary(torch.abs),
    "sign": unary(torch.sign),
    "sin": unary(torch.sin),
    "cos": unary(torch.cos),
    "floor": unary(torch.floor),
    "relu": unary(torch.relu),
    "step": unary(lambda x: torch.heaviside(x.detach(), torch.zeros(()))),
    "softplus": unary(F.softplus),
    "leakyRelu": lambda inputs, attrs: [F.leaky_relu(inputs[0], attrs["slope"])],
    "clip": lambda inputs, attrs: [torch.clamp(inputs[0], attrs["low"], attrs["high"])],
    "add": binary(torch.add),
    "sub": binary(torch.sub),
    "mul": binary(torch.mul),
    "div": binary(torch.div),
    "pow": binary(torch.pow),
    "maximum": binary(torch.maximum),
    "minimum": binary(torch.minimum),
    "equal": binary(torch.eq),
    "less": binary(torch.lt),
    "greater": binary(torch.gt),
    "and": binary(torch.logical_and),
    "or": binary(torch.logical_or),
    "not": unary(torch.logical_not),
    "where": lambda inputs, attrs: [torch.where(*inputs)],
    "cast": lambda inputs, attrs: [inputs[0].to(getattr(torch, attrs["to"]))],
    "sum": lambda inputs, attrs: [inputs[0].sum(attrs["axes"], keepdim=attrs["keepDims"])],
    "max": lambda inputs, attrs: [inputs[0].amax(attrs["axes"], keepdim=attrs["keepDims"])],
    "min": lambda inputs, attrs: [inputs[0].amin(attrs["axes"], keepdim=attrs["keepDims"])],
    "argmax": lambda inputs, attrs: [inputs[0].argmax(attrs["axis"])],
    "matmul": lambda inputs, attrs: [product(inputs, attrs)],
    "gemm": lambda inputs, attrs: [product(inputs, attrs) + inputs[2]],
    "det": unary(torch.linalg.det),
    "slogdet": lambda inputs, attrs: list(torch.linalg.slogdet(inputs[0])),
    "inverse": unary(torch.linalg.inv),
    "triangularInverse": triangular_inverse,
    "cholesky": cholesky,
    "conv": lambda inputs, attrs: [conv(inputs[0], inputs[1], attrs, *inputs[2:])],
    "convInput": conv_input,
    "convFilter": conv_filter,
    "reshape": lambda inputs, attrs: [inputs[0].reshape(attrs["shape"])],
    "transpose": lambda inputs, attrs: [inputs[0].permute(attrs["permutation"])],
    "expand": lambda inputs, attrs: [inputs[0].expand(attrs["shape"])],
    "slice": lambda inputs, attrs: [inputs[0][along(attrs["axis"], slice(attrs["start"], attrs["end"], attrs["step"]))]],
    "unslice": unslice,
    "flip": lambda inputs, attrs: [inputs[0].flip(attrs["axes"])],
    "pad": pad,
    "crossEntropy": lambda inputs, attrs: [F.cross_entropy(inputs[0], inputs[1].long(), reduction="none"), F.log_softmax(inputs[0], -1)],
    "crossEntropyGradient": lambda inputs, attrs: [(inputs[0].exp() - F.one_hot(inputs[1].long(), inputs[0].shape[1])) * inputs[2][:, None]],
    "split": lambda inputs, attrs: list(torch.split(inputs[0], attrs["sizes"], attrs["axis"])),
    "concat": lambda inputs, attrs: [torch.cat(inputs, attrs["axis"])],
    "gather": lambda inputs, attrs: [inputs[0][along(attrs["axis"], inputs[1].long())]],
    "scatterAdd": scatter_add,
    "gatherElements": lambda inputs, attrs: [torch.gather(inputs[0], attrs["axis"], inputs[1].long())],
    "scatterElementsAdd": scatter_elements_add,
    "oneHot": lambda inputs, attrs: [F.one_hot(inputs[0].long(), attrs["depth"]).float()],
    "cumsum": cumsum,
    "softmax": lambda inputs, attrs: [inputs[0].softmax(-1)],
    "logSoftmax": lambda inputs, attrs: [inputs[0].log_softmax(-1)],
    "batchNorm": batch_norm,
    "layerNorm": layer_norm,
    "averagePool": average_pool,
    "averagePoolInput": average_pool_input,
    "maxPool": lambda inputs, attrs: [max_pool(inputs, attrs)[0]],
    "maxPoolIndices": lambda inputs, attrs: [max_pool(inputs, attrs)[1]],
    "maxPoolInput": max_pool_input,
    "maxPoolAt": lambda inputs, attrs: [inputs[0].reshape(-1)[inputs[1]]],
    "depthToSpace": lambda inputs, attrs: [F.pixel_shuffle(inputs[0], attrs["blockSize"])],
    "spaceToDepth": lambda inputs, attrs: [F.pixel_unshuffle(inputs[0], attrs["blockSize"])],
    "padBorder": pad_border,
    "foldBorder": fold_border,
    "ceil": unary(torch.ceil),
    "round": unary(torch.round),
    "lessOrEqual": binary(torch.le),
    "greaterOrEqual": binary(torch.ge),
    "topK": top_k,
    "rmsNorm": rms_norm,
    "groupNorm": group_norm,
    "split": lambda inputs, attrs: list(inputs[0].split(attrs["sizes"], attrs["axis"])),
    "rotary": rotary,
    "normalCdf": unary(torch.special.ndtr),
    "stopGradient": unary(torch.detach),
}
