"""Hypothesis strategies: sigmoid belief networks of all ranges, and data."""

import numpy as np
from hypothesis import strategies as st

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
