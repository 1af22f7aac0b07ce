"""One small kernel for each schedule, with scratch space, integers, random numbers and log-space sums in them."""

from typing import NamedTuple

import numpy as np

from refvi.kernels.logspace import softmax
from refvi.kernels.philox import standard_normal
from refvi.kernels.portable import portable
from refvi.kernels.scalar import exp, log_sigmoid, softplus


class Inputs(NamedTuple):
    """A table of numbers, a vector and a vector of whole numbers."""

    x: np.ndarray
    bias: np.ndarray
    label: np.ndarray


def draw(n=37, d=5, seed=0):
    rng = np.random.default_rng(seed)
    return Inputs(rng.normal(size=(n, d)), rng.normal(size=d), rng.integers(0, d, n))


@portable
def row(item, inputs, out, scratch):
    """A softmax, the entry of a label and a random number."""
    for j in range(scratch.shape[0]):
        scratch[j] = inputs.x[item, j] + inputs.bias[j]
    out[0] = softmax(scratch, scratch)
    out[1] = scratch[inputs.label[item]]
    out[2] = standard_normal(1, 2, item, 0, 77)


@portable
def pair(datum, sample, inputs, out, scratch):
    """Terms of both signs, far apart in size."""
    scratch[0] = standard_normal(0, 0, datum, sample, 5)
    out[0] = log_sigmoid(inputs.x[datum, sample] + scratch[0])
    out[1] = exp(10.0 * scratch[0]) * inputs.bias[sample]


@portable
def state(index, inputs, out, scratch):
    """A log weight from the bits of the state, and two values."""
    out[0] = 0.0
    for bit in range(inputs.bias.shape[0]):
        scratch[0] = float((index >> bit) & 1)
        out[0] += 3.0 * scratch[0] * inputs.bias[bit] - softplus(inputs.bias[bit])
        out[1] += scratch[0]
    out[2] = inputs.x[index, 0]


SIZES = {
    "rows": (row, (37, 3), {"scratch": 5}),
    "pairs": (pair, (37, 5, 2), {"scratch": 1}),
    "states": (state, (32, 2), {"scratch": 1}),
}
