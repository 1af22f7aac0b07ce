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


def _draw(draw, shape, avoid=(), least=0.1):
    """Grid numbers from draw(size), none nearer than `least` to an avoided point, distinct as far as the grid allows."""
    count = int(np.prod(shape, dtype=int))
    found = np.array([])
    for attempt in range(200):
        new = on_grid(draw(2 * count + 2))
        new = new[np.all([np.abs(new - point) >= least for point in avoid] or [new == new], axis=0)]
        found = np.concatenate([found, new])
        if attempt < 100:
            _, first = np.unique(found, return_index=True)
            found = found[np.sort(first)]
        if len(found) >= count:
            break
    return found[:count].reshape(shape)


def real(rng, shape):
    """Scale-one numbers, none within 0.1 of 0, 1 or -1."""
    return _draw(lambda n: rng.normal(size=n) * 1.1 + 0.2, shape, avoid=(0.0, 1.0, -1.0))


def positive(rng, shape):
    """Positive numbers between 0.3 and 3, none within 0.1 of 1."""
    return _draw(lambda n: np.exp(rng.uniform(-1.1, 1.1, size=n)), shape, avoid=(1.0,))


def logarithm(rng, shape):
    """Logarithms of a scale between 0.27 and 3.7, none within 0.1 of 0."""
    return _draw(lambda n: rng.uniform(-1.3, 1.3, size=n), shape, avoid=(0.0,))


def probability(rng, shape):
    """Probabilities between 0.08 and 0.92, none within 0.04 of one half."""
    return _draw(lambda n: rng.uniform(0.08, 0.92, size=n), shape, avoid=(0.5,), least=0.04)


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


def one_hot(rng, shape):
    """Rows with a single one."""
    return np.eye(shape[-1])[rng.integers(0, shape[-1], size=shape[:-1])]


def count(rng, shape):
    """Non-negative whole numbers."""
    return rng.poisson(2.5, size=shape).astype(np.float64) + 0.0


def cholesky(rng, shape):
    """Lower triangular factors with a positive diagonal."""
    lower = np.tril(real(rng, shape) * 0.5, -1)
    diagonal = positive(rng, shape[:-1])
    lower[..., np.arange(shape[-1]), np.arange(shape[-1])] = diagonal
    return lower


DRAWS = {
    "real": real,
    "noise": real,
    "given": real,
    "positive": positive,
    "scale": positive,
    "weight": positive,
    "logarithm": logarithm,
    "log_weights": lambda rng, shape: real(rng, shape) * 2,
    "probability": probability,
    "simplex": simplex,
    "binary": binary,
    "one_hot": one_hot,
    "count": count,
    "cholesky": cholesky,
}
