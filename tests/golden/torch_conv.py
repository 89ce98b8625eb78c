"""Convolution layers of one and three axes, and mixes of stride, dilation, groups and padding that the layers of torch_cases.py do not reach."""

import torch.nn.functional as F
from torch import nn

from torch_cases import CLASSES


def conv(axes):
    maker = [nn.Conv1d, nn.Conv2d, nn.Conv3d][axes - 1]

    def make(o):
        more = {"stride": o.get("stride", 1), "dilation": o.get("dilation", 1), "groups": o.get("groups", 1), "bias": o.get("bias", True)}
        padding, mode = o.get("padding", 0), o.get("paddingMode", "zeros")
        uneven = isinstance(padding, list) and len(padding) == 2 * axes and axes > 0
        layer = maker(o["in"], o["out"], o["kernel"], padding=0 if uneven else padding, padding_mode="zeros" if uneven else mode, **more)
        if uneven:
            pads = [n for i in reversed(range(axes)) for n in (padding[i], padding[i + axes])]
            layer.register_forward_pre_hook(lambda _, x: F.pad(x[0], pads, mode={"zeros": "constant"}.get(mode, mode)))
        return layer

    return make


def conv_transpose(axes):
    maker = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d][axes - 1]

    def make(o):
        more = {name: o.get(name, 1) for name in ("stride", "dilation", "groups")}
        return maker(o["in"], o["out"], o["kernel"], padding=o.get("padding", 0), output_padding=o.get("outputPadding", 0), **more)

    return make


CLASSES.update({f"Conv{axes}dMix": conv(axes) for axes in (1, 2, 3)})
CLASSES.update({f"ConvTranspose{axes}dMix": conv_transpose(axes) for axes in (1, 2, 3)})


def conv_cases():
    def case(layer, shape, channels, kernel, bias=True, **options):
        parameters = {"weight": [-0.5, 0.5], **({"bias": [-0.5, 0.5]} if bias else {})}
        options = {"in": channels[0], "out": channels[1], "kernel": kernel, **options, **({} if bias else {"bias": False})}
        head = {"layer": f"{layer}Mix", "options": options, "training": False, "steps": 1}
        return {**head, "parameters": parameters, "input": {"shape": shape, "range": [-2, 2]}}

    return [
        case("Conv1d", [2, 3, 9], (3, 4), 3, padding=1),
        case("Conv1d", [2, 4, 12], (4, 6), 3, stride=2, dilation=2, groups=2, padding=2),
        case("Conv1d", [2, 4, 11], (4, 4), 5, groups=4, padding="same"),
        case("Conv1d", [2, 3, 10], (3, 2), 4, padding="valid", bias=False),
        case("Conv1d", [1, 3, 8], (3, 2), 3, dilation=2, padding=[4, 0]),
        case("Conv1d", [2, 3, 12], (3, 5), 4, stride=4),
        case("Conv1d", [2, 3, 7], (3, 5), 1),
        case("Conv1d", [2, 8, 9], (8, 8), 3, groups=2, padding=1),
        case("Conv1d", [2, 8, 9], (8, 8), 3, groups=8, padding=1, stride=2),
        case("Conv2d", [2, 8, 5, 6], (8, 8), 3, groups=4, padding=1),
        case("Conv2d", [2, 4, 5, 6], (4, 8), 3, groups=4, padding=1),
        case("Conv2d", [1, 4, 8, 7], (4, 4), 3, groups=4, padding=2, dilation=2, stride=2),
        case("Conv2d", [1, 4, 8, 8], (4, 6), [2, 4], stride=[2, 4]),
        case("Conv2d", [1, 3, 7, 7], (3, 4), 3, dilation=[1, 2], padding=[1, 2]),
        case("Conv2d", [1, 3, 5, 6], (3, 4), 3, padding=[1, 0, 2, 1]),
        *[case("Conv2d", [1, 2, 4, 5], (2, 3), 3, padding=[1, 2], paddingMode=mode) for mode in ("reflect", "replicate", "circular")],
        case("Conv2d", [1, 2, 5, 5], (2, 3), 4, padding="same", paddingMode="circular"),
        case("Conv2d", [1, 2, 5, 4], (2, 3), 3, padding=[0, 1, 2, 0], paddingMode="reflect", stride=2),
        case("Conv1d", [2, 2, 6], (2, 3), 3, padding=2, paddingMode="replicate"),
        case("Conv3d", [1, 2, 3, 4, 4], (2, 3), 3, padding=1),
        case("Conv3d", [1, 2, 4, 5, 4], (2, 3), [2, 3, 2], stride=2, padding=1),
        case("Conv3d", [1, 4, 3, 4, 4], (4, 4), 2, groups=2, dilation=[1, 2, 1]),
        case("Conv3d", [1, 4, 3, 3, 3], (4, 4), 3, groups=4, padding=1),
        case("Conv3d", [1, 2, 2, 2, 12], (2, 3), [1, 1, 4], stride=[1, 1, 4]),
        case("Conv3d", [1, 2, 4, 2, 3], (2, 3), [2, 1, 1]),
        case("Conv3d", [1, 2, 3, 3, 3], (2, 2), 3, padding=1, paddingMode="circular"),
        case("ConvTranspose1d", [2, 3, 5], (3, 4), 3),
        case("ConvTranspose1d", [2, 4, 5], (4, 6), 4, stride=2, padding=1, groups=2),
        case("ConvTranspose1d", [2, 3, 4], (3, 2), 4, stride=4),
        case("ConvTranspose1d", [2, 3, 4], (3, 2), 3, stride=3, padding=1, outputPadding=2, dilation=2),
        case("ConvTranspose2d", [1, 4, 3, 4], (4, 4), 3, stride=[2, 1], groups=4, padding=1, outputPadding=[1, 0]),
        case("ConvTranspose2d", [1, 3, 3, 3], (3, 4), 2, stride=2),
        case("ConvTranspose2d", [1, 3, 3, 3], (3, 4), 3, stride=2, dilation=2, padding=2),
        case("ConvTranspose3d", [1, 2, 2, 3, 3], (2, 3), 3, padding=1),
        case("ConvTranspose3d", [1, 2, 2, 3, 2], (2, 3), 4, stride=2, padding=1),
        case("ConvTranspose3d", [1, 2, 2, 2, 3], (2, 3), 3, stride=[2, 1, 3], padding=[1, 0, 1], outputPadding=[1, 0, 2]),
        case("ConvTranspose3d", [1, 4, 2, 2, 2], (4, 4), 2, stride=2, groups=2),
        case("ConvTranspose3d", [1, 2, 2, 2, 2], (2, 3), 3, stride=2, dilation=2, padding=1),
    ]
