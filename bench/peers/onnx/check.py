"""Runs exported files with Python's onnxruntime and compares with the numbers that make.ts wrote beside them.

    python check.py FOLDER [LIMIT]

Needs onnx, onnxruntime and numpy. Prints one line a file: the largest difference, relative to the largest number of its kind. Fails above LIMIT (1e-5).
The larger presets need one of 1e-2 for their steps: among a million values some lie within rounding of a ReLU's kink, and fall on either side of it.
"""

import json
import pathlib
import struct
import sys
import time

import numpy as np
import onnx
import onnxruntime as ort

TYPES = {"F32": np.float32, "I32": np.int32, "I64": np.int64}
LIMIT = float(sys.argv[2]) if len(sys.argv) > 2 else 1e-5


def read(file):
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[8 + length :][slice(*entry["data_offsets"])], TYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }


def load(file):
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    domains = {node.domain for node in model.graph.node}
    assert domains <= {""}, f"{file} uses {domains}"
    return ort.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])


def difference(got, expected, scale=None):
    scale = np.abs(expected).max() if scale is None else scale
    return float(np.abs(got - expected).max() / max(scale, 1e-12))


def check_function(file):
    session = load(file)
    worst = 0.0
    for numbers in sorted(file.parent.glob(f"{file.stem}.*.safetensors")):
        arrays = read(numbers)
        feeds = {value.name: arrays[value.name] for value in session.get_inputs()}
        names = [value.name for value in session.get_outputs()]
        for name, got in zip(names, session.run(names, feeds)):
            worst = max(worst, difference(got, arrays[f"expected {name}"]))
    return worst


def kind(name):
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "optimizer" else parts[0]


def check_step(folder):
    session = load(folder / "training-step.onnx")
    layout = json.loads((folder / "training-step.json").read_text())
    state = {**read(folder / "state.0.safetensors"), "step": np.array(0, np.int64)}
    terms = [value["name"] for value in layout["outputs"]]
    renewed = layout["inputs"]["state"]
    worst_term, worst_state, seconds = 0.0, 0.0, []
    for step in (1, 2, 3):
        arrays = read(folder / f"step.{step}.safetensors")
        feeds = {value["name"]: arrays[value["name"]] for value in layout["inputs"]["batch"] + layout["inputs"]["random"]}
        feeds["learningRate"] = np.array(layout["learningRate"], np.float32)
        feeds.update({value["name"]: state[value["name"]] for value in renewed})
        start = time.perf_counter()
        results = session.run(terms + [value["output"] for value in renewed], feeds)
        seconds.append(time.perf_counter() - start)
        for name, got in zip(terms, results):
            worst_term = max(worst_term, difference(got, arrays[f"expected {name}"]))
        state = {value["name"]: got for value, got in zip(renewed, results[len(terms) :])}
        expected = read(folder / f"state.{step}.safetensors")
        largest = {}
        for name, array in expected.items():
            largest[kind(name)] = max(largest.get(kind(name), 0.0), float(np.abs(array).max()))
        for name, array in expected.items():
            worst_state = max(worst_state, difference(state[name], array, largest[kind(name)]))
        assert int(state["step"]) == step
    return worst_term, worst_state, min(seconds)


def main():
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, numpy {np.__version__}")
    failed = False
    for folder in sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir()):
        for file in sorted(folder.glob("*.onnx")):
            if file.stem == "training-step":
                term, state, seconds = check_step(folder)
                print(f"{folder.name:12} {file.stem:14} terms {term:.1e}  state {state:.1e}  {seconds * 1000:.1f} ms a step")
                failed |= max(term, state) > LIMIT
            elif any(folder.glob(f"{file.stem}.*.safetensors")):
                worst = check_function(file)
                print(f"{folder.name:12} {file.stem:14} {worst:.1e}")
                failed |= worst > LIMIT
            else:
                load(file)
                print(f"{folder.name:12} {file.stem:14} checked, not compared")
    sys.exit(1 if failed else 0)


main()
