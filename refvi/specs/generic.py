"""Inputs in generic position: nothing is 0, 1, equal to a neighbour or to a prior, and every size differs.

Values sit on the grid k/64, so that they are exact in float32 as well and print as short decimals.
Not here: edge cases; a spec lists its own.
"""

import numpy as np

GRID = 64.0
PRIMES = (2, 3, 5, 7, 11, 13)


def on_grid(values):
    """The nearest multiples of 1/64."""
    return np.round(np.asarray(values, dtype=np.float64) * GRID) / GRID


def _apart(values, avoid, least=0.1):
    """Move entries off the avoided points: whatever is nearer than `least` goes twice as far to the other side."""
    for point in avoid:
        near = np.abs(values - point) < least
        values = np.where(near, point + np.where(values >= point, 1, -1) * (least + np.abs(values - point)), values)
    return values


def real(rng, shape):
    """Scale-one numbers, none within 0.1 of 0, 1 or -1, none equal."""
    draw = rng.normal(size=shape) * 1.1 + 0.2
    return _distinct(rng, on_grid(_apart(draw, (0.0, 1.0, -1.0), 0.12)))


def positive(rng, shape):
    """Positive numbers between about 0.3 and 3, none within 0.1 of 1."""
    draw = np.exp(rng.uniform(-1.1, 1.1, size=shape))
    return _distinct(rng, on_grid(_apart(draw, (1.0,), 0.12)))


def logarithm(rng, shape):
    """Logarithms of `positive` scale, none within 0.1 of 0."""
    return _distinct(rng, on_grid(_apart(rng.uniform(-1.3, 1.3, size=shape), (0.0,), 0.12)))


def probability(rng, shape):
    """Probabilities between 0.08 and 0.92, none within 0.04 of one half."""
    draw = rng.uniform(0.1, 0.9, size=shape)
    return _distinct(rng, on_grid(np.clip(_apart(draw, (0.5,), 0.04), 0.08, 0.92)))


def simplex(rng, shape):
    """Rows of probabilities that sum to one; every entry at least 1/32."""
    weights = np.exp(rng.normal(size=shape))
    rows = np.maximum(on_grid(weights / weights.sum(-1, keepdims=True)), 2 / GRID)
    top = np.expand_dims(rows.argmax(-1), -1)
    np.put_along_axis(rows, top, np.take_along_axis(rows, top, -1) + 1 - rows.sum(-1, keepdims=True), -1)
    return rows


def binary(rng, shape):
    """Zeros and ones, both present."""
    draw = rng.integers(0, 2, size=shape).astype(np.float64)
    if draw.size > 1:
        draw.flat[0], draw.flat[-1] = 1.0, 0.0
    return draw


def count(rng, shape):
    """Non-negative whole numbers."""
    return rng.poisson(2.5, size=shape).astype(np.float64) + 0.0


def cholesky(rng, shape):
    """Lower triangular factors with a positive diagonal."""
    lower = np.tril(real(rng, shape) * 0.5, -1)
    diagonal = positive(rng, shape[:-1])
    lower[..., np.arange(shape[-1]), np.arange(shape[-1])] = diagonal
    return lower


def _distinct(rng, values):
    """Nudge repeated entries by grid steps until all differ, as far as the grid allows."""
    flat = values.ravel()
    for _ in range(20):
        _, first = np.unique(flat, return_index=True)
        again = np.setdiff1d(np.arange(flat.size), first)
        if again.size == 0:
            break
        flat[again] += rng.choice((-3, -2, 2, 3), size=again.size) / GRID
    return flat.reshape(values.shape)


DRAWS = {
    "real": real,
    "noise": real,
    "positive": positive,
    "scale": positive,
    "logarithm": logarithm,
    "log_weights": lambda rng, shape: real(rng, shape) * 2,
    "probability": probability,
    "simplex": simplex,
    "binary": binary,
    "count": count,
    "cholesky": cholesky,
}
