"""Recurrent layers and cells: outputs, last states and gradients, from first states or without them."""

import torch
from torch import nn

CELLS = {"LSTMCell": nn.LSTMCell, "GRUCell": nn.GRUCell, "RNNCell": nn.RNNCell}
LAYERS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}


def recurrent_cases():
    case = lambda layer, states, **options: {"layer": layer, "states": states, "options": {"in": 3, "hidden": 2, **options}}
    return [
        *[case(layer, states) for layer in ("LSTM", "GRU", "RNN") for states in (False, True)],
        *[case(layer, True, numLayers=2, bidirectional=True) for layer in ("LSTM", "GRU", "RNN")],
        *[case(layer, False, bias=False, bidirectional=True) for layer in ("LSTM", "GRU")],
        case("RNN", True, nonlinearity="relu", numLayers=2),
        *[case(cell, True) for cell in CELLS],
        *[case(cell, True, bias=False) for cell in ("LSTMCell", "GRUCell")],
        case("RNNCell", True, nonlinearity="relu"),
    ]


def make(case):
    options = dict(case["options"])
    sizes = (options.pop("in"), options.pop("hidden"))
    if "numLayers" in options:
        options["num_layers"] = options.pop("numLayers")
    if case["layer"] in CELLS:
        return CELLS[case["layer"]](*sizes, **options)
    return LAYERS[case["layer"]](*sizes, batch_first=True, **options)


def recurrent_result(case, spread, flat, gradients):
    def drawn(shape, salt, low=-1, high=1):
        count = torch.Size(shape).numel()
        return torch.tensor(spread(count, low, high, salt), dtype=torch.float64).float().reshape(shape).requires_grad_()

    module = make(case)
    for i, parameter in enumerate(module.parameters()):
        parameter.data = drawn(parameter.shape, 40 + i, -0.8, 0.8).data
    batch, steps, options = 2, 4, case["options"]
    cell = case["layer"] in CELLS
    x = drawn([batch, 3] if cell else [batch, steps, 3], 0)
    rows = options.get("numLayers", 1) * (2 if options.get("bidirectional") else 1)
    shape = [batch, 2] if cell else [rows, batch, 2]
    states = [drawn(shape, 1 + i) for i in range(2 if case["layer"].startswith("LSTM") else 1)] if case["states"] else []
    given = [] if not states else [states[0] if len(states) == 1 else tuple(states)]
    result = module(x, *given)
    parts = [y for part in (result if isinstance(result, tuple) else (result,)) for y in (part if isinstance(part, tuple) else (part,))]
    trained = [x, *states, *module.parameters()]
    names = [name for name, _ in module.named_parameters()]
    return {**case, "parameters": names, "outputs": [flat(y) for y in parts], "gradients": gradients(parts, trained)}
