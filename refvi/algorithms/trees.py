"""Parameters as nested tuples and NamedTuples of arrays, seen as one vector. Not here: any mathematics."""

import numpy as np


def add(tree, step, direction):
    """Tree + step · direction, entry by entry; -inf stays -inf."""
    if isinstance(tree, tuple):
        return _same(tree, [add(a, step, d) for a, d in zip(tree, direction, strict=True)])
    return np.asarray(tree, dtype=np.float64) + step * np.asarray(direction, dtype=np.float64)


def scale(tree, by):
    """Every entry times a number."""
    if isinstance(tree, tuple):
        return _same(tree, [scale(a, by) for a in tree])
    return by * np.asarray(tree, dtype=np.float64)


def times(a, b):
    """The products of the entries of two trees; a number stands for a tree of it."""
    if isinstance(b, tuple):
        return _same(
            b, [times(x, y) for x, y in zip(a if isinstance(a, tuple) else [a] * len(b), b, strict=True)]
        )
    return np.asarray(a, dtype=np.float64) * np.asarray(b, dtype=np.float64)


def dot(a, b):
    """Sum of the products of all entries of two trees."""
    if isinstance(a, tuple):
        return sum(dot(x, y) for x, y in zip(a, b, strict=True))
    return float(np.sum(np.asarray(a, dtype=np.float64) * np.asarray(b, dtype=np.float64)))


def _same(tree, parts):
    """Parts as a tuple or NamedTuple of the tree's type."""
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
