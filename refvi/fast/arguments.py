"""What the public functions of this folder accept: a sigmoid belief network and data, checked once."""

from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError


class Problem(NamedTuple):
    """A sigmoid belief network with one hidden layer, and data.

    x (B, D)   visible bits, 0.0 or 1.0
    W (D, K)   weights
    b (D,)     visible biases
    c (K,)     hidden biases
    """

    x: np.ndarray
    W: np.ndarray
    b: np.ndarray
    c: np.ndarray


def read_problem(x, W, b, c):
    """Turn arguments into a `Problem` of contiguous float64 arrays; a single datum becomes a batch of one."""
    W = _finite("W", W, 2)
    D, K = W.shape
    if D == 0 or K == 0:
        raise UsageError(f"W must have shape (D, K) with D >= 1 and K >= 1, got {W.shape}")
    b, c = _finite("b", b, 1), _finite("c", c, 1)
    if b.shape != (D,):
        raise UsageError(f"b must have shape ({D},) to match W {W.shape}, got {b.shape}")
    if c.shape != (K,):
        raise UsageError(f"c must have shape ({K},) to match W {W.shape}, got {c.shape}")
    x = np.asarray(x, dtype=np.float64)
    if x.ndim not in (1, 2) or x.shape[-1] != D or x.size == 0:
        raise UsageError(f"x must have shape ({D},) or (B, {D}) with B >= 1, got {x.shape}")
    if not ((x == 0.0) | (x == 1.0)).all():
        raise UsageError("x must hold zeros and ones only, got other values")
    return Problem(np.ascontiguousarray(np.atleast_2d(x)), W, b, c)


def read_threads(threads):
    """Check the number of threads; None means that the library decides."""
    if threads is not None and not (isinstance(threads, (int, np.integer)) and threads >= 1):
        raise UsageError(f"threads must be a positive integer or None, got {threads!r}")
    return threads


def _finite(name, value, ndim):
    array = np.ascontiguousarray(value, dtype=np.float64)
    if array.ndim != ndim:
        raise UsageError(f"{name} must have {ndim} dimension(s), got shape {array.shape}")
    if not np.isfinite(array).all():
        raise UsageError(f"{name} must be finite, got NaN or infinity")
    return array
