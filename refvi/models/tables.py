"""Tables of categorical distributions by logits: log probabilities, expected log mass of counts, its maximiser.

Mixing weights, initial and transition probabilities and categorical emissions are all such tables; EM sees each of
them through expected counts only. Not here: where the counts come from (`mixture`, `hidden_markov`).

Source      Dempster, Laird and Rubin 1977, "Maximum likelihood from incomplete data via the EM algorithm", eq 2.2, 2.3
Checked by  tests/models/test_categorical_mixture.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.kernels.logspace import log_sum
from refvi.kernels.portable import portable
from refvi.kernels.scalar import divide, exp, log
from refvi.targets import get_target


class Table(NamedTuple):
    """Rows of logits, the distributions being their softmax, and counts beside them.

    logits  (R, V) any finite shift of a row is the same distribution; -inf is probability zero
    counts  (R, V) expected numbers of occurrences
    """

    logits: np.ndarray
    counts: np.ndarray


@portable
def log_probability_row(item, inputs, out, scratch):  # noqa: ARG001
    """Log probabilities of one row.

    Formula     out_v = a_v - log sum_u exp(a_u)
    Gradient    d out_v / d a_u = [u = v] - p_u
    Shapes      inputs Table, out (V,)
    Domain      not all logits of a row -inf
    """
    row = inputs.logits[item]
    log_total = log_sum(row)
    for v in range(row.shape[0]):
        out[v] = row[v] - log_total


@portable
def expected_log_mass_row(item, inputs, out, scratch):  # noqa: ARG001
    """Expected log mass of one row of counts, and its gradient by the logits.

    Formula     out_0 = sum_v c_v log p_v, where c_v = 0 wins over log p_v = -inf
    Gradient    out_(1+v) = c_v - p_v sum_u c_u
    Shapes      inputs Table, out (1 + V,)
    Domain      counts >= 0; -inf where an impossible outcome has a count
    """
    row, counts = inputs.logits[item], inputs.counts[item]
    log_total = log_sum(row)
    count = 0.0
    for v in range(row.shape[0]):
        count += counts[v]
        if counts[v] != 0.0:
            out[0] += counts[v] * (row[v] - log_total)
    for v in range(row.shape[0]):
        out[1 + v] = counts[v] - count * exp(row[v] - log_total)


@portable
def most_likely_row(item, inputs, out, scratch):  # noqa: ARG001
    """Log probabilities that maximise the expected log mass of one row of counts.

    Formula     out_v = log( c_v / sum_u c_u );  where all counts are 0 the old distribution stays
    Gradient    none: at the maximiser that of `expected_log_mass_row` is 0
    Shapes      inputs Table, out (V,)
    Domain      counts >= 0
    """
    row, counts = inputs.logits[item], inputs.counts[item]
    count = 0.0
    for v in range(row.shape[0]):
        count += counts[v]
    log_total = log_sum(row)
    for v in range(row.shape[0]):
        out[v] = log(divide(counts[v], count)) if count != 0.0 else row[v] - log_total


def _rows(kernel, logits, counts, extra, target):
    """One kernel over the last axis of a table of any shape."""
    logits = np.ascontiguousarray(logits, dtype=np.float64)
    width = logits.shape[-1]
    flat = Table(logits.reshape(-1, width), np.ascontiguousarray(counts, dtype=np.float64).reshape(-1, width))
    return get_target(target).rows(kernel, flat, len(flat.logits), width + extra)


def log_probabilities(logits, target="python"):
    """Log probabilities along the last axis, (..., V) -> (..., V)."""
    return _rows(log_probability_row, logits, np.zeros_like(logits), 0, target).reshape(np.shape(logits))


def expected_log_mass(counts, logits, target="python"):
    """Sum over the whole table of counts times log probabilities; (..., V), (..., V) -> ()."""
    return math.fsum(_rows(expected_log_mass_row, logits, counts, 1, target)[:, 0])


def grad_expected_log_mass(counts, logits, target="python"):
    """Gradient of `expected_log_mass` by the logits, (..., V)."""
    return _rows(expected_log_mass_row, logits, counts, 1, target)[:, 1:].reshape(np.shape(logits))


def most_likely(counts, logits, target="python"):
    """Logits that maximise `expected_log_mass`; rows without counts keep their distribution."""
    return _rows(most_likely_row, logits, counts, 0, target).reshape(np.shape(logits))
