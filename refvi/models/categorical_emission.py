"""Categorical emissions: given its component, a datum is D independent symbols out of V.

The emission of a latent class model (with `mixture`) and of the discrete hidden Markov model (with
`hidden_markov`). Components enter as a table of weights, exact posterior or variational alike.

    p(x | k) = prod_d p_kd(x_d),   p_kd = softmax(logits[k, d])

Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 9.48, 9.56, 9.59 (for V = 2)
Checked by  tests/models/test_categorical_mixture.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.kernels.portable import portable
from refvi.models import tables
from refvi.targets import get_target


class CategoricalEmission(NamedTuple):
    """Parameters, and gradients by them.

    logits  (K, D, V) of symbol v of feature d in component k
    """

    logits: np.ndarray


class CategoricalStatistics(NamedTuple):
    """Expected sufficient statistics.

    counts  (K, D, V) sum_n w_nk [x_nd = v]
    """

    counts: np.ndarray


class Symbols(NamedTuple):
    """What the kernels read.

    x                  (N, D) symbols 0 ... V-1
    log_probabilities  (K, D, V)
    weights            (N, K) of the components
    """

    x: np.ndarray
    log_probabilities: np.ndarray
    weights: np.ndarray


@portable
def categorical_log_density_row(item, inputs, out, scratch):  # noqa: ARG001
    """Log mass of one datum under every component.

    Formula     out_k = sum_d log p_kd(x_d)
    Gradient    through `categorical_statistics_pair`: d/dlogits_kdv = [x_d = v] - p_kdv
    Shapes      inputs Symbols, out (K,)
    Domain      -inf where a symbol is impossible
    """
    for k in range(inputs.log_probabilities.shape[0]):
        for d in range(inputs.x.shape[1]):
            out[k] += inputs.log_probabilities[k, d, inputs.x[item, d]]


@portable
def categorical_statistics_pair(datum, sample, inputs, out, scratch):  # noqa: ARG001
    """What one datum adds to the expected counts.

    Formula     out_kdv = w_k [x_d = v]
    Gradient    linear in the weights
    Shapes      inputs Symbols, out (K * D * V,)
    Domain      weights >= 0
    """
    features, symbols = inputs.log_probabilities.shape[1], inputs.log_probabilities.shape[2]
    for k in range(inputs.log_probabilities.shape[0]):
        for d in range(features):
            out[(k * features + d) * symbols + inputs.x[datum, d]] = inputs.weights[datum, k]


def check_data(emission, x):
    """The data as (N, D) integers; one sentence where they do not fit the emission."""
    features, symbols = np.shape(emission.logits)[1:]
    x = validate.numbers("x", x)
    x = x[:, None] if x.ndim == 1 and features == 1 else x
    if x.ndim != 2 or x.shape[1] != features or len(x) == 0:
        raise UsageError(f"x must have shape (N, {features}) with N >= 1, got {x.shape}")
    if not np.array_equal(x, np.floor(x)) or x.min() < 0 or x.max() >= symbols:
        raise UsageError(f"x must hold whole numbers from 0 to {symbols - 1}, got {x.min():g} to {x.max():g}")
    return np.ascontiguousarray(x, dtype=np.int64)


def check(emission):
    """One sentence where the parameters are not a table of distributions."""
    logits = np.asarray(emission.logits, dtype=np.float64)
    if logits.ndim != 3 or 0 in logits.shape:
        raise UsageError(f"emission.logits must have shape (K, D, V), got {logits.shape}")
    if np.any(np.isnan(logits)) or np.any(logits == np.inf) or np.any(logits.max(-1) == -np.inf):
        raise UsageError("emission.logits must be finite or -inf, and not all of a row -inf")


def log_density(emission, x, target="python"):
    """Log mass of every datum under every component, (N, D) -> (N, K)."""
    x = check_data(emission, x)
    log_p = tables.log_probabilities(emission.logits, target)
    inputs = Symbols(x, log_p, np.zeros((1, 1)))
    return get_target(target).rows(categorical_log_density_row, inputs, len(x), len(log_p))


def expect(emission, x, weights, target="python"):
    """Expected statistics under weights (N, K) of the components."""
    x = check_data(emission, x)
    logits = np.asarray(emission.logits, dtype=np.float64)
    inputs = Symbols(x, logits, np.ascontiguousarray(weights, dtype=np.float64))
    flat = get_target(target).pairs(categorical_statistics_pair, inputs, len(x), 1, logits.size)
    return CategoricalStatistics(flat.reshape(logits.shape))


def q_function(emission, statistics, target="python"):
    """Expected log density, sum_nk w_nk log p(x_n | k)."""
    return tables.expected_log_mass(statistics.counts, emission.logits, target)


def grad_q(emission, statistics, target="python"):
    """Gradient of `q_function` by the logits."""
    return CategoricalEmission(tables.grad_expected_log_mass(statistics.counts, emission.logits, target))


def maximise(emission, statistics, target="python"):
    """The emission that maximises `q_function`; what has no counts stays as it is."""
    return CategoricalEmission(tables.most_likely(statistics.counts, emission.logits, target))
