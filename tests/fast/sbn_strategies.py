"""Hypothesis strategies: sigmoid belief networks of all ranges, and data."""

import numpy as np
from hypothesis import strategies as st
from sbn_twins import model

from refvi.fast.arguments import read_problem
from refvi.fast.network import prepare
from refvi.fast.ranges import Route

SCALES = (0.0, 1e-3, 1.0, 30.0, 800.0)


@st.composite
def networks(draw, hidden=(1, 6), visible=(1, 9), scales=SCALES, batch=None):
    """(x, W, b, c): x (D,) or (batch, D)."""
    K, D = draw(st.integers(*hidden)), draw(st.integers(*visible))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale, bias = draw(st.sampled_from(scales)), draw(st.sampled_from(scales))
    prior = draw(st.sampled_from((0.5, 40.0)))
    W = rng.normal(size=(D, K)) * scale
    b = rng.normal(size=D) * bias
    c = rng.uniform(-prior, prior, size=K)
    x = (rng.random(D if batch is None else (batch, D)) < 0.5).astype(np.float64)
    return x, W, b, c


def scaled_until(route, K=10, D=12):
    """The largest multiple of a network, weights and biases, that still takes a route."""
    x, W, b, c = model(K, D, scale=1.0, bias=1.0)
    low, high = 0.0, 1e4
    for _ in range(50):
        middle = (low + high) / 2
        order = list(Route).index(prepare(read_problem(x, middle * W, middle * b, c)).route)
        low, high = (middle, high) if order <= list(Route).index(route) else (low, middle)
    return x, low * W, low * b, c
