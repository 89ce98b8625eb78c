"""Writes tiny.hex: a small file as Python's safetensors 0.8.0 (numpy 2.4.6) writes it. Run: pip install safetensors numpy; python make.py"""

import pathlib

import numpy as np
from safetensors.numpy import save

tensors = {
    "b.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4 - 0.5,
    "a": np.array([1, -2], np.int64),
    "n": np.array(7, np.int32),
    "mask": np.array([True, False, True]),
    "bytes": np.array([[0, 255]], np.uint8),
    "s": np.array([-128, 127], np.int8),
    "empty": np.zeros((0, 4), np.float32),
}
pathlib.Path(__file__).with_name("tiny.hex").write_text(save(tensors, {"made by": "safetensors"}).hex() + "\n")

halves = {"h": np.array([0, -0.0, 1, -2.5, 65504, 6.1e-5, 6e-8, np.inf, -np.inf, 0.1], np.float16)}
pathlib.Path(__file__).with_name("halves.hex").write_text(save(halves).hex() + "\n")
