"""Shapes of `Number`s: transpose, trailing axes, softmax of rows, sums over two axes; gradients that know S.

Not here: arithmetic (`refvi.derivations.numbers`).
"""

from functools import lru_cache

import numpy as np

from refvi.derivations.numbers import Number, exp, number, total
from refvi.derivations.slope import slope


def reshaped(a, function):
    """A Number whose arrays all went through one reordering."""
    return number(a).rearranged(function)


def transposed(a):
    """Last two axes exchanged."""
    return reshaped(a, lambda v: np.swapaxes(v, -1, -2))


def keep(a):
    """A trailing axis of length one, so that rows broadcast."""
    return reshaped(a, lambda v: v[..., None])


def sum_all(a):
    """Sum over the last two axes."""
    return total(total(a))


def softmax_rows(logits):
    """Normalised exponentials along the last axis."""
    weights = exp(number(logits))
    return weights / keep(total(weights))


def rows_of(flat, width):
    """A flat list of parameters as rows; Numbers and plain numbers alike."""
    if isinstance(flat, Number):
        return reshaped(flat, lambda v: v.reshape(-1, width))
    return number(np.asarray(flat, dtype=np.float64).reshape(-1, width))


def best(function, candidates, sign=1.0):
    """Index of the candidate with the largest (sign 1) or smallest (sign -1) value."""
    return int(np.argmax([sign * float(function(c)) for c in candidates]))


def nabla(function, point):
    """Gradient by differences; how far a value of the function may be off is what its own S says."""
    return _known(function, tuple(map(float, point)))


@lru_cache(maxsize=512)
def _known(function, point):
    """Models are frozen, so a method of one has the same gradient whenever it is asked for at the same point."""
    return slope(function, point, magnitude=float(number(function(np.array(point))).size))
