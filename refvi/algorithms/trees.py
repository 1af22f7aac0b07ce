"""Parameters as nested NamedTuples of arrays, seen as one vector. Not here: any mathematics."""

import numpy as np


def add(tree, step, direction):
    """Tree + step · direction, entry by entry; -inf stays -inf."""
    if isinstance(tree, tuple):
        return type(tree)(*(add(a, step, d) for a, d in zip(tree, direction, strict=True)))
    return np.asarray(tree, dtype=np.float64) + step * np.asarray(direction, dtype=np.float64)


def scale(tree, by):
    """Every entry times a number."""
    if isinstance(tree, tuple):
        return type(tree)(*(scale(a, by) for a in tree))
    return by * np.asarray(tree, dtype=np.float64)


def dot(a, b):
    """Sum of the products of all entries of two trees."""
    if isinstance(a, tuple):
        return sum(dot(x, y) for x, y in zip(a, b, strict=True))
    return float(np.sum(np.asarray(a, dtype=np.float64) * np.asarray(b, dtype=np.float64)))
