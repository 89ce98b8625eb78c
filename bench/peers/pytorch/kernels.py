"""Single kernels in PyTorch. Each maker returns step() -> float, a number taken from the result so that the work is finished."""

import torch
import torch.nn.functional as F

import values


def tensor(stream: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(values.uniform(stream, torch.Size(shape).numel())).view(*shape)


def matmul(size: int):
    def make(_mode):
        a, b = tensor(1, size, size), tensor(2, size, size)
        return lambda: (a @ b)[0, 0].item()

    return make


def conv(part: str):
    def make(mode):
        layout = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        x, w, dy = (t.to(memory_format=layout) for t in (tensor(1, 32, 64, 32, 32), tensor(2, 64, 64, 3, 3), tensor(3, 32, 64, 32, 32)))
        if part == "forward":
            return lambda: F.conv2d(x, w, padding=1)[0, 0, 0, 0].item()
        mask = [part == "input", part == "filter", False]

        def step():
            grads = torch.ops.aten.convolution_backward(dy, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, mask)
            return grads[0 if part == "input" else 1][0, 0, 0, 0].item()

        return step

    return make


def forward_backward(function, shapes, out_shape):
    """fwd + bwd of function(*tensors), every tensor differentiable, with a given output gradient."""

    def make(mode):
        inputs = [tensor(1 + i, *shape).requires_grad_() for i, shape in enumerate(shapes)]
        dy = tensor(9, *out_shape)
        call = torch.compile(function) if mode == "compiled" else function

        def step():
            return torch.autograd.grad(call(*inputs), inputs, dy)[0].flatten()[0].item()

        return step

    return make


def batch_norm(x, scale, shift):
    return F.batch_norm(x, None, None, scale, shift, training=True)


def layer_norm(x, scale, shift):
    return F.layer_norm(x, (384,), scale, shift)


def softmax(mode):
    x = tensor(1, 6400, 1000)
    call = torch.compile(lambda t: torch.softmax(t, -1)) if mode == "compiled" else lambda t: torch.softmax(t, -1)
    return lambda: call(x)[0, 0].item()


def embedding(mode):
    table = tensor(1, 10000, 100).requires_grad_()
    ids = torch.from_numpy(values.integers(values.IDS, 6400, 10000))
    dy = tensor(2, 6400, 100)
    call = torch.compile(F.embedding) if mode == "compiled" else F.embedding
    return lambda: torch.autograd.grad(call(ids, table), table, dy)[0][0, 0].item()


def adam(mode):
    parameters = [tensor(i, 1_000_000).requires_grad_() for i in range(10)]
    for i, parameter in enumerate(parameters):
        parameter.grad = tensor(20 + i, 1_000_000)
    flags = {"for_loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}[mode]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, **flags)

    def step():
        optimizer.step()
        return parameters[0][0].item()

    return step


EITHER = ["eager", "compiled"]
LAYOUTS = ["eager", "channels_last"]
KERNELS = {
    "matmul-1024": (["eager"], matmul(1024)),
    "matmul-256": (["eager"], matmul(256)),
    "conv-32x64x32x32-k3": (LAYOUTS, conv("forward")),
    "conv-32x64x32x32-k3-input-gradient": (LAYOUTS, conv("input")),
    "conv-32x64x32x32-k3-filter-gradient": (LAYOUTS, conv("filter")),
    "batchnorm-32x64x32x32": (EITHER, forward_backward(batch_norm, [(32, 64, 32, 32), (64,), (64,)], (32, 64, 32, 32))),
    "layernorm-4096x384": (EITHER, forward_backward(layer_norm, [(4096, 384), (384,), (384,)], (4096, 384))),
    "adam-10m": (["for_loop", "foreach", "fused"], adam),
    "softmax-6400x1000": (EITHER, softmax),
    "embedding-10k-100-6400": (EITHER, embedding),
}
