"""Hypothesis strategies in generic position: cases of any spec, and small exact models.

The only file that imports hypothesis. Values are multiples of 1/64, exact in float32, and shrink to short decimals; sizes
are distinct, so that a transposed or broadcast axis shows.
"""

import numpy as np
from hypothesis import strategies as st

from refvi.errors import UsageError
from refvi.specs import get_spec
from refvi.specs.generic import GRID


def cases(spec_id, **conventions):
    """Cases of a spec as dicts of arrays, e.g. cases("kl.normal_standard", scale="log_var")."""
    spec = get_spec(spec_id)
    declared = {**spec.conventions, **conventions}
    return st.integers(0, 2**32 - 1).map(lambda seed: spec.draw_case(np.random.default_rng(seed), declared))


def reals(shape, *, least=-3.0, most=3.0, avoid=(0.0, 1.0, -1.0), gap=0.1):
    """Arrays of grid numbers in [least, most], none within `gap` of an avoided point, entries free of each other."""
    if least >= most:
        raise UsageError(f"least must be below most, got {least} and {most}")
    numbers = st.integers(int(least * GRID), int(most * GRID)).map(lambda k: k / GRID)
    numbers = numbers.filter(lambda v: all(abs(v - point) >= gap for point in avoid))
    count = int(np.prod(shape, dtype=int))
    return st.lists(numbers, min_size=count, max_size=count).map(
        lambda v: np.array(v, dtype=np.float64).reshape(shape)
    )


def log_weights(k, *, spread=6.0):
    """K log-weights, ties and one dominating weight included."""
    plain = reals((k,), least=-spread, most=spread, avoid=())
    tied = st.just(np.zeros(k))
    dominated = plain.map(lambda w: np.where(np.arange(k) == 0, w + 1e3, w))
    return st.one_of(plain, tied, dominated)


def tables(states, *, floor=1 / 64):
    """Probability tables over a number of states, every entry at least about `floor`."""
    weights = st.lists(st.integers(1, 64), min_size=states, max_size=states)
    return weights.map(lambda w: _normalised(np.array(w, dtype=np.float64) + floor))


def _normalised(weights):
    return weights / weights.sum()
