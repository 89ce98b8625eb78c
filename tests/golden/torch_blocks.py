"""Norms, attention, positions, weight forms and blocks: each case a function of inputs and named parameters, in PyTorch or by its paper's formula."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def spec(*shape, low=-2, high=2, **more):
    return {"shape": list(shape), **({"range": [low, high]} if "values" not in more else {}), **more}


def booleans(shape, *ones_and_zeros):
    return {"shape": shape, "dtype": "bool", "values": list(ones_and_zeros)}


def case(name, inputs, parameters, compute, **options):
    """parameters: path -> (shape, low, high)."""
    listed = [{"path": path, "shape": list(shape), "range": [low, high]} for path, (shape, low, high) in parameters.items()]
    return {"name": name, "options": options, "inputs": inputs, "parameters": listed, "compute": compute}


def scale(n):
    return {"weight": ((n,), 0.5, 1.5), "bias": ((n,), -0.5, 0.5)}


def norms():
    pixel = lambda x: x / torch.sqrt(x.square().mean(1, keepdim=True) + 1e-8)
    stretched = lambda v, x: v.reshape(*v.shape, *[1] * (x.dim() - 2))
    return [
        case("GroupNorm", [spec(2, 6, 3, 2)], scale(6), lambda i, p: F.group_norm(i[0], 3, p["weight"], p["bias"]), channels=6, groups=3),
        case("GroupNorm", [spec(3, 4, 5)], scale(4), lambda i, p: F.group_norm(i[0], 1, p["weight"], p["bias"], 1e-3), channels=4, groups=1, epsilon=1e-3),
        case("GroupNorm", [spec(2, 4, 3)], {}, lambda i, p: F.group_norm(i[0], 2), channels=4, groups=2, affine=False),
        case("InstanceNorm", [spec(2, 3, 4, 2)], {}, lambda i, p: F.instance_norm(i[0]), channels=3),
        case("InstanceNorm", [spec(2, 3, 4, 2)], scale(3), lambda i, p: F.instance_norm(i[0], weight=p["weight"], bias=p["bias"]), channels=3, affine=True),
        case("RMSNorm", [spec(2, 3, 6)], {"weight": ((6,), 0.5, 1.5)}, lambda i, p: F.rms_norm(i[0], (6,), p["weight"], 1e-6), width=6),
        case("ShapedLayerNorm", [spec(2, 3, 4)], {"weight": ((3, 4), 0.5, 1.5), "bias": ((3, 4), -0.5, 0.5)}, lambda i, p: F.layer_norm(i[0], (3, 4), p["weight"], p["bias"]), shape=[3, 4]),
        case("pixelNorm", [spec(2, 5, 2, 3)], {}, lambda i, p: pixel(i[0])),
        case("modulate", [spec(2, 3, 2, 2), spec(2, 3), spec(2, 3)], {}, lambda i, p: i[0] * (1 + stretched(i[1], i[0])) + stretched(i[2], i[0])),
        case("adaptiveInstanceNorm", [spec(2, 3, 4, 2), spec(2, 3), spec(2, 3)], {}, lambda i, p: stretched(i[1], i[0]) * F.instance_norm(i[0]) + stretched(i[2], i[0])),
        case("minibatchDeviation", [spec(4, 3, 2, 2)], {}, lambda i, p: deviation(i[0], 2), group=2),
        case("minibatchDeviation", [spec(3, 2, 2, 1)], {}, lambda i, p: deviation(i[0], 3)),
    ]


def deviation(x, group):
    """The layer of StyleGAN2-ADA's published networks.py, with one feature."""
    n, c, h, w = x.shape
    y = x.reshape(group, -1, 1, c, h, w)
    y = (y - y.mean(0)).square().mean(0)
    y = (y + 1e-8).sqrt().mean([2, 3, 4]).reshape(-1, 1, 1, 1)
    return torch.cat([x, y.repeat(group, 1, h, w)], 1)


def spectral(weight, u, v, axis, iterations):
    matrix = weight.movedim(axis, 0).flatten(1)
    with torch.no_grad():
        for _ in range(iterations):
            u = F.normalize(matrix @ v, dim=0, eps=1e-12)
            v = F.normalize(matrix.T @ u, dim=0, eps=1e-12)
    return weight / torch.dot(u, matrix @ v)


def weights():
    filters = {"layer.weight": ((4, 3, 3, 3), -0.5, 0.5), "layer.bias": ((4,), -0.5, 0.5)}
    state = lambda out, rest: {"u": ((out,), -0.5, 0.7), "v": ((rest,), -0.4, 0.6)}
    turned = {"layer.weight": ((3, 2, 2, 2), -0.5, 0.5), "layer.bias": ((2,), -0.5, 0.5)}
    spectral_conv = lambda n: lambda i, p: F.conv2d(i[0], spectral(p["layer.weight"], p["u"], p["v"], 0, n), p["layer.bias"], padding=1)
    normed = lambda v, g: g.reshape(-1, 1) * v / v.norm(dim=1, keepdim=True)
    linear = {"layer.weight": ((4, 3), -0.5, 0.5), "layer.bias": ((4,), -0.5, 0.5)}
    modulation = {"weight": ((4, 3, 3, 3), -1, 1), "affine.layer.weight": ((3, 5), -1, 1), "affine.layer.bias": ((3,), 0.5, 1.5)}
    return [
        case("SpectralNorm", [spec(2, 3, 4, 4)], {**filters, **state(4, 27)}, spectral_conv(1), training=True),
        case("SpectralNorm", [spec(2, 3, 4, 4)], {**filters, **state(4, 27)}, spectral_conv(2), training=True, iterations=2),
        case("SpectralNormTranspose", [spec(2, 3, 3, 3)], {**turned, **state(2, 12)}, lambda i, p: F.conv_transpose2d(i[0], spectral(p["layer.weight"], p["u"], p["v"], 1, 1), p["layer.bias"], stride=2), training=True),
        case("WeightNorm", [spec(2, 3)], {**linear, "g": ((4,), 0.5, 1.5)}, lambda i, p: F.linear(i[0], normed(p["layer.weight"], p["g"]), p["layer.bias"])),
        case("EqualizedLinear", [spec(2, 3)], linear, lambda i, p: F.linear(i[0], p["layer.weight"] * (math.sqrt(2 / 3) * 0.01), p["layer.bias"] * 0.01), rateFactor=0.01),
        case("EqualizedConv2d", [spec(2, 3, 4, 4)], filters, lambda i, p: F.conv2d(i[0], p["layer.weight"] * math.sqrt(2 / 27), p["layer.bias"], padding=1)),
        case("ModulatedConv2d", [spec(2, 3, 4, 4), spec(2, 5)], modulation, lambda i, p: modulated(i, p, True), demodulate=True),
        case("ModulatedConv2d", [spec(2, 3, 4, 4), spec(2, 5)], modulation, lambda i, p: modulated(i, p, False), demodulate=False),
    ]


def modulated(inputs, p, demodulate):
    """A filter per example, in groups (StyleGAN2, Eq. 1-3)."""
    x, w = inputs
    style = F.linear(w, p["affine.layer.weight"] / math.sqrt(5), p["affine.layer.bias"])
    filters = p["weight"][None] / math.sqrt(27) * style[:, None, :, None, None]
    if demodulate:
        filters = filters * torch.rsqrt(filters.square().sum([2, 3, 4], keepdim=True) + 1e-8)
    n = x.shape[0]
    return F.conv2d(x.reshape(1, -1, *x.shape[2:]), filters.flatten(0, 1), padding=1, groups=n).reshape(n, -1, *x.shape[2:])


def attention():
    q, k, v = spec(2, 4, 3, 6), spec(2, 4, 5, 6), spec(2, 4, 5, 2)
    few = [spec(2, 4, 3, 6), spec(2, 2, 3, 6), spec(2, 2, 3, 6)]
    square = [spec(1, 2, 4, 3)] * 3
    mask = booleans([3, 5], 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1)
    sdpa = F.scaled_dot_product_attention
    one = [spec(1, 4, 3, 6), spec(1, 1, 3, 6), spec(1, 1, 3, 6)]
    more = lambda width: {"inWeight": ((3 * width, width), -0.5, 0.5), "inBias": ((3 * width,), -0.5, 0.5), "outProjection.weight": ((width, width), -0.5, 0.5), "outProjection.bias": ((width,), -0.5, 0.5)}
    crossed = {"inWeight": ((6, 6), -0.5, 0.5), "inBias": ((6,), -0.5, 0.5), "contextWeight": ((12, 4), -0.5, 0.5), "contextBias": ((12,), -0.5, 0.5), "outProjection.weight": ((6, 6), -0.5, 0.5), "outProjection.bias": ((6,), -0.5, 0.5)}
    return [
        case("scaledDotProductAttention", [q, k, v], {}, lambda i, p: sdpa(*i)),
        case("scaledDotProductAttention", square, {}, lambda i, p: sdpa(*i, is_causal=True), causal=True),
        case("scaledDotProductAttention", [q, k, v, mask], {}, lambda i, p: sdpa(*i[:3], attn_mask=i[3], scale=0.3), extra="mask", scale=0.3),
        case("scaledDotProductAttention", [q, k, v, spec(1, 4, 3, 5)], {}, lambda i, p: sdpa(*i[:3], attn_mask=i[3]), extra="bias"),
        case("scaledDotProductAttention", few, {}, lambda i, p: sdpa(*i, is_causal=True, enable_gqa=True), causal=True),
        case("scaledDotProductAttention", one, {}, lambda i, p: sdpa(*i, enable_gqa=True)),
        case("MultiheadAttention", [spec(2, 4, 6)], more(6), lambda i, p: multihead(p, 2, i[0], i[0]), width=6, heads=2),
        case("MultiheadAttention", [spec(2, 4, 6)], more(6), lambda i, p: multihead(p, 2, i[0], i[0], causal=True), width=6, heads=2, call={"causal": True}),
        case("MultiheadAttention", [spec(2, 3, 6), booleans([2, 3], 0, 0, 1, 0, 1, 1)], more(6), lambda i, p: multihead(p, 3, i[0], i[0], padding=i[1]), width=6, heads=3, extra="keyPaddingMask"),
        case("MultiheadAttention", [spec(2, 3, 6), spec(2, 4, 6)], more(6), lambda i, p: multihead(p, 2, i[0], i[1]), width=6, heads=2, extra="context"),
        case("MultiheadAttention", [spec(2, 3, 6), spec(2, 5, 4)], crossed, lambda i, p: multihead(p, 2, i[0], i[1]), width=6, heads=2, contextWidth=4, extra="context"),
    ]


def multihead(p, heads, x, context, causal=False, padding=None):
    """nn.MultiheadAttention's own function."""
    width = x.shape[-1]
    separate = "contextWeight" in p
    in_weight = None if separate else p["inWeight"]
    bias = torch.cat([p["inBias"], p["contextBias"]]) if separate else p["inBias"]
    more = {}
    if separate:
        half = p["contextWeight"].shape[0] // 2
        more = {"use_separate_proj_weight": True, "q_proj_weight": p["inWeight"], "k_proj_weight": p["contextWeight"][:half], "v_proj_weight": p["contextWeight"][half:]}
    mask = torch.ones(x.shape[1], context.shape[1]).triu(1).bool() if causal else None
    first = lambda t: t.transpose(0, 1)
    y, _ = F.multi_head_attention_forward(
        first(x), first(context), first(context), width, heads, in_weight, bias, None, None, False, 0.0,
        p["outProjection.weight"], p["outProjection.bias"], key_padding_mask=padding, attn_mask=mask, need_weights=False, **more,
    )
    return first(y)


def rotate_half(x, base=10000.0, start=0):
    """Llama's rotate half (Hugging Face)."""
    time, width = x.shape[-2:]
    angles = (start + torch.arange(time).float())[:, None] * (1.0 / base ** (torch.arange(0, width, 2).float() / width))[None]
    cos, sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()
    turned = torch.cat([-x[..., width // 2 :], x[..., : width // 2]], -1)
    return x * cos + turned * sin


def rotate_pairs(x, base=10000.0):
    """The paper's neighbours (GPT-J)."""
    time, width = x.shape[-2:]
    angles = torch.arange(time).float()[:, None] * (1.0 / base ** (torch.arange(0, width, 2).float() / width))[None]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * angles.cos() - odd * angles.sin(), odd * angles.cos() + even * angles.sin()], -1).flatten(-2)


def t5_bucket(relative_position, bidirectional, num_buckets, max_distance):
    """T5Attention._relative_position_bucket of Hugging Face."""
    buckets = torch.zeros_like(relative_position)
    if bidirectional:
        num_buckets //= 2
        buckets = buckets + (relative_position > 0).long() * num_buckets
        relative_position = relative_position.abs()
    else:
        relative_position = -torch.min(relative_position, torch.zeros_like(relative_position))
    exact = num_buckets // 2
    large = exact + (torch.log(relative_position.float() / exact) / math.log(max_distance / exact) * (num_buckets - exact)).long()
    large = torch.min(large, torch.full_like(large, num_buckets - 1))
    return buckets + torch.where(relative_position < exact, relative_position, large)


def t5_bias(p, bidirectional):
    distance = torch.arange(9)[None, :] - torch.arange(7)[:, None]
    return F.embedding(t5_bucket(distance, bidirectional, 8, 6), p["weight"]).permute(2, 0, 1)[None]


def positions():
    x = spec(2, 2, 3, 6)
    slopes = torch.tensor([2.0 ** -(4 * (h + 1)) for h in range(2)] + [2.0**-2])
    distance = -(torch.arange(4)[None, :] - torch.arange(4)[:, None]).abs().float()
    timesteps = spec(3, values=[0.0, 7.0, 500.0])
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(4).float() / 3)
    sinusoids = lambda t: torch.cat([torch.sin(t[:, None] * frequencies), torch.cos(t[:, None] * frequencies)], -1)
    return [
        case("RotaryEmbedding", [x], {}, lambda i, p: rotate_half(i[0]), width=6),
        case("RotaryEmbedding", [x], {}, lambda i, p: rotate_half(i[0], 100.0, 5), width=6, base=100, start=5),
        case("RotaryEmbedding", [x], {}, lambda i, p: rotate_pairs(i[0]), width=6, interleaved=True),
        case("RotaryEmbedding", [x], {}, lambda i, p: torch.cat([rotate_half(i[0][..., :4]), i[0][..., 4:]], -1), width=4),
        case("RelativePositionBias", [], {"weight": ((8, 3), -1, 1)}, lambda i, p: t5_bias(p, True), heads=3, buckets=8, maxDistance=6),
        case("RelativePositionBias", [], {"weight": ((8, 3), -1, 1)}, lambda i, p: t5_bias(p, False), heads=3, buckets=8, maxDistance=6, bidirectional=False),
        case("alibiBias", [], {}, lambda i, p: (slopes[:, None, None] * distance)[None]),
        case("timesteps", [timesteps], {}, lambda i, p: sinusoids(i[0])),
    ]


def activations():
    line = spec(13, values=[-1000.0, -100.0, -3.5, -3.0, -2.0, -0.5, 0.0, 0.25, 1.0, 2.5, 3.0, 4.0, 100.0])
    pair = spec(3, 6)
    return [
        case("selu", [line], {}, lambda i, p: F.selu(i[0])),
        case("geluTanh", [line], {}, lambda i, p: F.gelu(i[0], approximate="tanh")),
        case("mish", [line], {}, lambda i, p: F.mish(i[0])),
        case("glu", [pair], {}, lambda i, p: F.glu(i[0])),
        case("swiglu", [pair], {}, lambda i, p: F.silu(i[0][:, :3]) * i[0][:, 3:]),
        case("geglu", [pair], {}, lambda i, p: F.gelu(i[0][:, :3]) * i[0][:, 3:]),
    ]


def encoder_layer(i, p, norm_first):
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, F.gelu, batch_first=True, norm_first=norm_first)
    names = {
        "attention.inWeight": "self_attn.in_proj_weight", "attention.inBias": "self_attn.in_proj_bias",
        "attention.outProjection.weight": "self_attn.out_proj.weight", "attention.outProjection.bias": "self_attn.out_proj.bias",
        "attentionNorm.weight": "norm1.weight", "attentionNorm.bias": "norm1.bias", "feedForwardNorm.weight": "norm2.weight", "feedForwardNorm.bias": "norm2.bias",
        "feedForward.up.weight": "linear1.weight", "feedForward.up.bias": "linear1.bias", "feedForward.down.weight": "linear2.weight", "feedForward.down.bias": "linear2.bias",
    }
    return torch.func.functional_call(layer, {names[path]: value for path, value in p.items()}, (i[0],))


def blocks():
    around = lambda *shape: (shape, -0.5, 0.5)
    encoder = {
        "attention.inWeight": around(12, 4), "attention.inBias": around(12), "attention.outProjection.weight": around(4, 4), "attention.outProjection.bias": around(4),
        "attentionNorm.weight": ((4,), 0.5, 1.5), "attentionNorm.bias": around(4), "feedForwardNorm.weight": ((4,), 0.5, 1.5), "feedForwardNorm.bias": around(4),
        "feedForward.up.weight": around(8, 4), "feedForward.up.bias": around(8), "feedForward.down.weight": around(4, 8), "feedForward.down.bias": around(4),
    }
    residual = {
        "norm1.weight": ((2,), 0.5, 1.5), "norm1.bias": around(2), "conv1.weight": around(4, 2, 3, 3), "conv1.bias": around(4), "time.weight": around(4, 3), "time.bias": around(4),
        "norm2.weight": ((4,), 0.5, 1.5), "norm2.bias": around(4), "conv2.weight": around(4, 4, 3, 3), "conv2.bias": around(4), "shortcut.weight": around(4, 2, 1, 1), "shortcut.bias": around(4),
    }
    return [
        case("TransformerBlock", [spec(2, 3, 4)], encoder, lambda i, p: encoder_layer(i, p, True), postNorm=False),
        case("TransformerBlock", [spec(2, 3, 4)], encoder, lambda i, p: encoder_layer(i, p, False), postNorm=True),
        case("ResidualBlock", [spec(2, 2, 3, 4), spec(2, 3)], residual, residual_block),
    ]


def residual_block(i, p):
    x, time = i
    y = F.conv2d(F.silu(F.group_norm(x, 2, p["norm1.weight"], p["norm1.bias"])), p["conv1.weight"], p["conv1.bias"], padding=1)
    y = y + F.linear(F.silu(time), p["time.weight"], p["time.bias"])[:, :, None, None]
    y = F.conv2d(F.silu(F.group_norm(y, 2, p["norm2.weight"], p["norm2.bias"])), p["conv2.weight"], p["conv2.bias"], padding=1)
    return y + F.conv2d(x, p["shortcut.weight"], p["shortcut.bias"])


def block_cases():
    return [*norms(), *weights(), *attention(), *positions(), *activations(), *blocks()]
