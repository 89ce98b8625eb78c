"""Functions of tensors that are made of several ops, and layers without parameters: cases in the words of the TypeScript side with PyTorch's counterpart."""

import torch
import torch.nn.functional as F
from torch import nn


def case(name, shapes, compute, *options):
    inputs = [s if isinstance(s, dict) else {"shape": s, "range": [-2, 2]} for s in shapes]
    return {"name": name, "inputs": inputs, "options": list(options), "compute": compute}


def whole(shape, *numbers):
    return {"shape": shape, "values": [float(n) for n in numbers]}


def truths(shape, *numbers):
    return {"shape": shape, "values": list(numbers), "dtype": "bool"}


TIES = whole([1, 1, 4, 4], 0, 1, 2, 2, 1, 1, 2, 0, 0, 0, 3, 3, 0, 0, 3, 3)


def pooling_cases():
    pools = {
        "maxPool": [F.max_pool1d, F.max_pool2d, F.max_pool3d],
        "averagePool": [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d],
    }
    words = {"kernel": "kernel_size", "ceilMode": "ceil_mode", "countIncludePad": "count_include_pad"}

    def pool(name, spec, **options):
        rank = len(spec["shape"] if isinstance(spec, dict) else spec) - 3
        more = {words.get(key, key): value for key, value in options.items()}
        return case(name, [spec], lambda x: pools[name][rank](x, **more), options)

    return [
        pool("maxPool", TIES, kernel=2),
        pool("maxPool", TIES, kernel=3, stride=1, padding=1),
        pool("maxPool", [2, 3, 7], kernel=3, stride=2, padding=1),
        pool("maxPool", [2, 2, 5, 6], kernel=[2, 3], stride=[1, 2], dilation=[2, 1]),
        pool("maxPool", [2, 2, 6, 5], kernel=3, stride=2, padding=1, ceilMode=True),
        pool("maxPool", [1, 1, 5, 7], kernel=2, stride=3, ceilMode=True),
        pool("maxPool", [1, 2, 4, 5, 4], kernel=2),
        pool("averagePool", [2, 3, 7], kernel=3, stride=2, padding=1),
        pool("averagePool", [2, 2, 4, 6], kernel=2),
        pool("averagePool", [1, 16, 4, 6], kernel=2),
        pool("averagePool", [2, 2, 5, 5], kernel=3, stride=2, padding=1, countIncludePad=False),
        pool("averagePool", [2, 2, 6, 5], kernel=3, stride=2, padding=1, ceilMode=True),
        pool("averagePool", [2, 2, 6, 5], kernel=3, stride=2, padding=1, ceilMode=True, countIncludePad=False),
        pool("averagePool", [1, 2, 4, 2, 5], kernel=[2, 1, 2], stride=1),
        case("globalAveragePool", [[2, 3, 4, 5]], lambda x: F.adaptive_avg_pool2d(x, 1)),
        case("globalMaxPool", [TIES], lambda x: F.adaptive_max_pool2d(x, 1)),
        case("adaptiveAveragePool", [[2, 2, 6, 4]], lambda x: F.adaptive_avg_pool2d(x, [3, 2]), [3, 2]),
        case("adaptiveAveragePool", [[2, 2, 7, 5]], lambda x: F.adaptive_avg_pool2d(x, [3, 4]), [3, 4]),
        case("adaptiveAveragePool", [[2, 2, 3, 5]], lambda x: F.adaptive_avg_pool2d(x, [5, None]), [5, None]),
        case("adaptiveAveragePool", [[2, 2, 7]], lambda x: F.adaptive_avg_pool1d(x, 3), 3),
        case("adaptiveMaxPool", [[2, 2, 6, 4]], lambda x: F.adaptive_max_pool2d(x, [3, 2]), [3, 2]),
        case("adaptiveMaxPool", [[2, 2, 7, 5]], lambda x: F.adaptive_max_pool2d(x, [3, 4]), [3, 4]),
    ]


def resampling_cases():
    def size(shape, target, mode, name, align=None):
        options = {"mode": mode} if align is None else {"mode": mode, "alignCorners": align}
        return case("resize", [shape], lambda x: F.interpolate(x, target, mode=name, align_corners=align), target, options)

    def border(shape, begins, ends, mode):
        pads = [n for pair in reversed(list(zip(begins, ends))[2:]) for n in pair]
        return case("padBorder", [shape], lambda x: F.pad(x, pads, mode=mode), begins, ends, mode)

    return [
        case("upsample", [[2, 2, 2, 3]], lambda x: F.interpolate(x, scale_factor=(2, 3), mode="nearest"), [2, 3]),
        size([2, 2, 3, 4], [6, 8], "nearest", "nearest"),
        size([2, 2, 5, 4], [7, 3], "nearest", "nearest"),
        size([1, 2, 3], [10], "nearest", "nearest"),
        size([1, 2, 2, 3, 2], [4, 3, 5], "nearest", "nearest"),
        size([2, 2, 5], [8], "linear", "linear", False),
        size([2, 2, 4, 6], [2, 3], "linear", "bilinear", False),
        size([2, 2, 5], [3], "linear", "linear", True),
        *[size([2, 2, 3, 4], target, "linear", "bilinear", align) for target in ([6, 8], [5, 3], [1, 7]) for align in (False, True)],
        size([1, 2, 2, 3, 2], [4, 2, 3], "linear", "trilinear", False),
        size([1, 2, 2, 3, 2], [4, 2, 3], "linear", "trilinear", True),
        case("pixelShuffle", [[2, 18, 2, 3]], lambda x: F.pixel_shuffle(x, 3), 3),
        case("pixelUnshuffle", [[2, 2, 4, 6]], lambda x: F.pixel_unshuffle(x, 2), 2),
        *[border([2, 2, 3, 4], [0, 0, 1, 3], [0, 0, 2, 0], mode) for mode in ("reflect", "replicate", "circular")],
        border([1, 2, 3], [0, 0, 2], [0, 0, 2], "reflect"),
        border([1, 1, 2, 3, 2], [0, 0, 1, 2, 1], [0, 0, 0, 1, 1], "replicate"),
    ]


def einsum_cases():
    equations = [
        ("ij,jk->ik", [2, 3], [3, 4]),
        ("ij,kj->ki", [2, 3], [4, 3]),
        ("bij,bjk->bik", [2, 2, 3], [2, 3, 4]),
        ("bhqd,bhkd->bhqk", [2, 2, 3, 4], [2, 2, 5, 4]),
        ("bhqk,bkhd->bqhd", [2, 2, 3, 4], [2, 4, 2, 3]),
        ("i,j->ij", [3], [4]),
        ("i,i->", [4], [4]),
        ("bi,bi->b", [3, 4], [3, 4]),
        ("bij,bj->bi", [2, 3, 4], [2, 4]),
        ("...ij,...jk->...ik", [2, 1, 2, 3], [4, 3, 2]),
        ("...ij,jk", [2, 2, 3], [3, 4]),
        ("ij,jk,kl->il", [2, 3], [3, 4], [4, 2]),
        ("bi,ijk,bk->bj", [3, 2], [2, 4, 3], [3, 3]),
        ("ii->i", [3, 3]),
        ("bii->", [2, 3, 3]),
        ("iij,jk->ik", [3, 3, 2], [2, 2]),
        ("ij->ji", [2, 3]),
        ("ba", [2, 3]),
        ("ijk->j", [2, 3, 2]),
        ("bchw,bc->bchw", [2, 3, 2, 2], [2, 3]),
        ("ij,ik->i", [3, 2], [3, 4]),
        ("abc,cbd->dab", [2, 3, 4], [4, 3, 2]),
        ("b...,b...->b", [2, 3, 2], [2, 3, 2]),
    ]
    return [case("einsum", shapes, lambda *xs, e=equation: torch.einsum(e, *xs), equation) for equation, *shapes in equations]


def sorting_cases():
    x = [3, 5]
    ties = whole([2, 4], 1, 3, 3, 2, 0, 0, 0, -1)
    zeros = whole([2, 4], 2, 0, 3, -1, 0, 0.5, 0, 2)
    return [
        case("topK", [x], lambda x: torch.topk(x, 3).values, 3),
        case("topK", [[4, 3]], lambda x: torch.topk(x, 2, 0, largest=False).values, 2, 0, {"largest": False}),
        case("sort", [x], lambda x: torch.sort(x).values),
        case("sort", [[4, 3]], lambda x: torch.sort(x, 0, descending=True).values, 0, {"descending": True}),
        case("argsort", [x], lambda x: torch.argsort(x)),
        case("argsort", [ties], lambda x: torch.argsort(x, descending=True, stable=True), -1, {"descending": True}),
        case("argmin", [x], lambda x: x.argmin(1), 1),
        case("cumprod", [[2, 5]], lambda x: x.cumprod(1)),
        case("cumprod", [zeros], lambda x: x.cumprod(1)),
        case("cumMax", [[2, 7]], lambda x: x.cummax(1).values),
        case("cumMin", [[5, 2]], lambda x: x.cummin(0).values, 0),
        case("prod", [[5, 3]], lambda x: x.prod(0), 0),
        case("prod", [zeros], lambda x: x.prod(1, keepdim=True), 1, {"keepDims": True}),
    ]


def statistics_cases():
    rows = whole([2, 3], 30, 31, -5, -30, -30, -32)
    return [
        case("logsumexp", [rows], lambda x: x.logsumexp(1), 1),
        case("logsumexp", [[2, 3, 2]], lambda x: x.logsumexp((0, 2), keepdim=True), [0, 2], {"keepDims": True}),
        case("variance", [[2, 5]], lambda x: x.var(1), 1),
        case("variance", [[2, 5]], lambda x: x.var((0, 1), correction=0, keepdim=True), None, {"correction": 0, "keepDims": True}),
        case("std", [[2, 5]], lambda x: x.std(1), 1),
        case("norm", [whole([3, 2], 3, 4, 0, 0, -1, 2)], lambda x: x.norm(dim=1), 1),
        case("norm", [[2, 3]], lambda x: x.norm()),
        case("normalize", [[2, 3]], lambda x: F.normalize(x, dim=-1)),
        case("any", [truths([2, 3], 0, 0, 0, 0, 1, 0)], lambda x: x.any(1), 1),
        case("all", [truths([2, 3], 1, 1, 1, 0, 1, 0)], lambda x: x.all(1), 1),
        case("mod", [[2, 3], whole([3], 0.7, -0.6, 1.1)], torch.remainder),
        case("mod", [[2, 3]], lambda x: torch.remainder(x, 0.75), 0.75),
        case("trunc", [whole([4], -1.7, -0.2, 0.9, 2.5)], torch.trunc),
        case("notEqual", [whole([3], 1, 2, 3), whole([3], 1, 0, 3)], torch.ne),
    ]


def arranging_cases():
    x = [2, 3, 4]
    mask = truths([3, 4], 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1)
    return [
        case("tril", [[2, 3, 4]], lambda x: x.tril()),
        case("tril", [[3, 4]], lambda x: x.tril(1), 1),
        case("triu", [[4, 3]], lambda x: x.triu(-1), -1),
        case("maskedFill", [x, mask], lambda x, m: x.masked_fill(m, float("-inf")), "-Infinity"),
        case("maskedFill", [x, mask], lambda x, m: x.masked_fill(m, 0.5), 0.5),
        case("tile", [[2, 3]], lambda x: x.repeat(2, 3, 2), [2, 3, 2]),
        case("repeatInterleave", [x], lambda x: x.repeat_interleave(3, 1), 3, 1),
        case("repeatInterleave", [x], lambda x: x.repeat_interleave(2, 2), 2, 2),
        case("roll", [x], lambda x: x.roll(-1, 2), -1, 2),
        case("diagonal", [[3, 2, 3]], lambda x: x.diagonal(0, 0, 2), 0, 2),
        case("moveAxis", [x], lambda x: x.movedim(0, 2), 0, 2),
        case("swapAxes", [x], lambda x: x.swapaxes(0, 2), 0, 2),
    ]


def function_cases():
    return [*pooling_cases(), *resampling_cases(), *einsum_cases(), *sorting_cases(), *statistics_cases(), *arranging_cases()]
