"""Numbers every peer makes alike: a hash of (stream, index), so that all of them train the same network on the same data."""

import math

import numpy as np

IMAGES, LABELS, NOISE, IDS = 1000, 1001, 1002, 1003


def hashed(stream: int, count: int) -> np.ndarray:
    """`count` uint32 numbers of a stream: the finalizer of MurmurHash3 over index and stream."""
    with np.errstate(over="ignore"):
        h = np.arange(count, dtype=np.uint32) + np.uint32((stream * 0x9E3779B1) & 0xFFFFFFFF)
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        return h ^ (h >> np.uint32(16))


def uniform(stream: int, count: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """float32 in [low, high)."""
    return (low + hashed(stream, count).astype(np.float64) / 2.0**32 * (high - low)).astype(np.float32)


def integers(stream: int, count: int, below: int) -> np.ndarray:
    """int64 in [0, below)."""
    return (hashed(stream, count) % np.uint32(below)).astype(np.int64)


def parameter(index: int, shape: tuple, kind: str) -> np.ndarray:
    """The start value of the network's parameter number `index`; kind is weight, bias, scale or shift."""
    count = math.prod(shape)
    if kind == "scale":
        return uniform(index, count, 0.9, 1.1).reshape(shape)
    if kind in ("bias", "shift"):
        return uniform(index, count, -0.1, 0.1).reshape(shape)
    bound = math.sqrt(3.0 / math.prod(shape[1:]))
    return uniform(index, count, -bound, bound).reshape(shape)
