"""Inputs as every target wants them: contiguous arrays, NamedTuples kept, numbers left alone."""

import numpy as np


def contiguous(inputs):
    """The same NamedTuple (or tuple of them) with every array contiguous, so that one compilation serves all calls."""
    if isinstance(inputs, np.ndarray):
        return np.ascontiguousarray(inputs)
    if isinstance(inputs, tuple):
        parts = [contiguous(part) for part in inputs]
        return type(inputs)(*parts) if hasattr(inputs, "_fields") else tuple(parts)
    return inputs


def workspace(size):
    """Scratch space that starts as NaN: a kernel that reads before it writes is found out."""
    return np.full(size, np.nan)
