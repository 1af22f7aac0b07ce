"""NumPy arrays, and anything that NumPy can read."""

import numpy as np

name = "numpy"
SHAPES = None


def call(function, inputs, wrt):  # noqa: ARG001 - one signature for all adapters
    """Call with copies; there is no autodiff. Returns (result, None, the copies that were handed over)."""
    given = {k: np.array(v) for k, v in inputs.items()}
    return function(**given), None, given


def to_numpy(thing):
    """Any array-like as a NumPy array in its own dtype."""
    return np.asarray(thing)
