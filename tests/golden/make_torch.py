"""Writes data/*.json: what PyTorch 2.13.0 (CPU, float32) computes. Run by make.sh; the one argument is a file of the ops' examples.

Inputs are made by the rule `spread` that the TypeScript side has too, so only what they are made from is stored. Results are stored with
the shortest decimals that read back as the same float32.
"""

import json
import pathlib
import sys

import numpy as np
import torch

from torch_blocks import block_cases
from torch_cases import CLASSES, activation_cases, corner_cases, layer_cases, loss_cases, optimizer_cases, schedule_cases
from torch_functions import function_cases
from torch_conv import conv_cases
from torch_matrix import matrix_cases
from torch_ops import OPS
from torch_recurrent import recurrent_cases, recurrent_result

torch.set_num_threads(1)
DATA = pathlib.Path(__file__).with_name("data")


def spread(count, low, high, salt):
    """The same numbers as spread() in src/runtime/testing/check.ts."""
    return [low + (high - low) * ((0.137 + salt * 0.311 + i * 0.61803398875) % 1) for i in range(count)]


def tensor(spec, salt):
    """A tensor of an input's spec: fixed values, or a spread over its range."""
    count = int(np.prod(spec["shape"], dtype=int))
    dtype = getattr(torch, spec.get("dtype", "float32"))
    values = spec["values"] if "values" in spec else spread(count, *spec.get("range", [-1, 1]), salt)
    result = torch.tensor(values, dtype=torch.float64).to(dtype).reshape(spec["shape"])
    return result.requires_grad_() if dtype == torch.float32 else result


def number(value):
    """JSON for one float32 or integer; strings for what JSON cannot say."""
    if isinstance(value, (bool, int)):
        return int(value)
    single = np.float32(value)
    return float(str(single)) if np.isfinite(single) else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(single), "NaN")


def flat(x):
    return [number(v) for v in x.detach().reshape(-1).tolist()]


def weighted(outputs):
    """The weighted sum of every float output, as weightedSum(outputs, 11) in src/runtime/testing/check.ts."""
    floats = [y for y in outputs if y.dtype == torch.float32]
    total = torch.zeros(())
    for i, y in enumerate(floats):
        total = total + (y * torch.tensor(spread(y.numel(), 0.5, 1.5, 11 + i), dtype=torch.float32).reshape(y.shape)).sum()
    return total


def gradients(outputs, inputs):
    """Of the weighted sum, with zeros where nothing flows."""
    total = weighted(outputs)
    if not inputs or not total.requires_grad:
        return [flat(torch.zeros_like(x)) for x in inputs]
    found = torch.autograd.grad(total, inputs, allow_unused=True)
    return [flat(torch.zeros_like(x) if g is None else g) for x, g in zip(inputs, found)]


def op_result(case):
    operands = [tensor(spec, i) for i, spec in enumerate(case["inputs"])]
    outputs = OPS[case["op"]](operands, case["attrs"])
    trained = [x for x in operands if x.requires_grad]
    return {**case, "outputs": [flat(y) for y in outputs], "gradients": gradients(outputs, trained)}


def function_result(case):
    """Activations and losses: one function of the inputs."""
    operands = [tensor(spec, i) for i, spec in enumerate(case["inputs"])]
    y = case.pop("compute")(*operands)
    trained = [x for x in operands if x.requires_grad]
    return {**case, "outputs": [flat(y)], "gradients": gradients([y], trained)}


def layer_result(case):
    """A layer in training or evaluation, `steps` times; output and gradients of the last."""
    module = CLASSES[case["layer"]](case["options"]).train(case["training"])
    for i, (name, bounds) in enumerate(case["parameters"].items()):
        target = getattr(module, name)
        target.data = torch.tensor(spread(target.numel(), *bounds, 40 + i), dtype=torch.float32).reshape(target.shape)
    for step in range(case["steps"]):
        x = tensor(case["input"], step)
        y = module(x)
    trained = ([x] if x.requires_grad else []) + list(module.parameters())
    state = {} if module.training is False else {name: flat(value) for name, value in module.named_buffers() if value.dim() > 0}
    return {**case, "shape": list(y.shape), "outputs": [flat(y)], "gradients": gradients([y], trained), "state": state}


def block_result(case):
    """A function of inputs and parameters by path."""
    operands = [tensor(spec, i) for i, spec in enumerate(case["inputs"])]
    leaves = {entry["path"]: tensor(entry, 40 + i) for i, entry in enumerate(case["parameters"])}
    y = case.pop("compute")(operands, leaves)
    return {**case, "outputs": [flat(y)], "gradients": gradients([y], [x for x in [*operands, *leaves.values()] if x.requires_grad])}


def optimizer_result(case):
    """Parameters after some steps along fixed gradients; every fifth gradient is 0 and every seventh tiny."""
    count = case["count"]
    p = torch.tensor(spread(count, -1, 1, 7), dtype=torch.float32).requires_grad_()
    optimizer = getattr(torch.optim, case["torch"][0])([p], lr=case["learningRate"], weight_decay=case["weightDecay"], **case["torch"][1])
    after = {}
    for step in range(1, 11):
        g = torch.tensor(spread(count, -1, 1, 60 + step), dtype=torch.float32)
        g[::5] = 0
        g[::7] *= 1e-8
        p.grad = g
        optimizer.step()
        if step in (1, 2, 10):
            after[step] = flat(p)
    return {**{key: value for key, value in case.items() if key != "torch"}, "after": after}


def clip_result(limit):
    p = torch.zeros(11).requires_grad_()
    p.grad = torch.tensor(spread(11, -1, 1, 3), dtype=torch.float32)
    norm = torch.nn.utils.clip_grad_norm_([p], limit)
    return {"limit": limit, "norm": number(norm.item()), "clipped": flat(p.grad)}


def ema_result(decay):
    model = torch.nn.Linear(5, 1, bias=False)
    model.weight.data = torch.tensor([spread(5, -1, 1, 0)], dtype=torch.float32)
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay))
    average.update_parameters(model)
    after = {}
    for step in range(1, 11):
        model.weight.data = torch.tensor([spread(5, -1, 1, step)], dtype=torch.float32)
        average.update_parameters(model)
        if step in (1, 2, 10):
            after[step] = flat(average.module.weight)
    return {"decay": decay, "after": after}


def schedule_result(case):
    optimizer = torch.optim.SGD([torch.zeros(1).requires_grad_()], lr=1.0)
    scheduler = case.pop("torch")(optimizer)
    factors = []
    for _ in range(case["count"]):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return {**case, "factors": factors}


def write(name, cases):
    """One case a line, so that changes can be read."""
    lines = ",\n".join(json.dumps(case, separators=(",", ":"), ensure_ascii=False) for case in cases)
    head = json.dumps({"torch": torch.__version__.split("+")[0], "made by": "tests/golden/make.sh"})[1:-1]
    (DATA / f"{name}.json").write_text(f'{{{head},"cases":[\n{lines}\n]}}\n')


DATA.mkdir(exist_ok=True)
examples = json.loads(pathlib.Path(sys.argv[1]).read_text())
write("ops", [op_result(case) for case in examples])
write("corners", [op_result(case) for case in corner_cases()])
write("activations", [function_result(case) for case in activation_cases()])
write("losses", [function_result(case) for case in loss_cases()])
write("layers", [layer_result(case) for case in layer_cases()])
write("matrix", [function_result(case) for case in matrix_cases()])
write("conv", [layer_result(case) for case in conv_cases()])
write("blocks", [block_result(case) for case in block_cases()])
write("optimizers", [optimizer_result(case) for case in optimizer_cases()])
write("clip", [clip_result(limit) for limit in (0.5, 1.0, 100.0)])
write("ema", [ema_result(decay) for decay in (0.9, 0.999)])
write("schedules", [schedule_result(case) for case in schedule_cases()])
write("recurrent", [recurrent_result(case, spread, flat, gradients) for case in recurrent_cases()])
write("functions", [function_result(case) for case in function_cases()])
