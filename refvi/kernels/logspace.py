"""Sums of exponentials: log-sum-exp and its kin over array views.

Not here: the lanes of the schedules (`kernels/lanes.py`) and anything with more than one axis.

Source      Blanchard, Higham and Higham 2021, "Accurately computing the log-sum-exp and softmax
            functions", eqs. (1.1) to (1.3)
Checked by  tests/kernels/test_logspace.py
"""

import math

from refvi.kernels.portable import portable
from refvi.kernels.scalar import LOG_2, exp, log, log1mexp


@portable
def log_add(a, b):
    """Logarithm of a sum of two.

    Formula     log(e^a + e^b)
    Gradient    sigmoid(a - b) and sigmoid(b - a)
    Shapes      a (), b () -> ()
    Domain      all floats; -inf is an absent term
    Stability   larger + log1p(e^-|a - b|)
    """
    if a == b:
        return a + LOG_2 if a - a == 0.0 else a
    high = a if a > b or a != a else b
    low = b if a > b or a != a else a
    if low == -math.inf:
        return high
    return high + math.log1p(math.exp(low - high))


@portable
def log_subtract(a, b):
    """Logarithm of a difference of two.

    Formula     log(e^a - e^b);  -inf for a = b, NaN for a < b
    Shapes      a (), b () -> ()
    Domain      a >= b
    """
    if b == -math.inf:
        return a
    if a == b:
        return -math.inf
    return a + log1mexp(b - a)


@portable
def largest(values):
    """Largest entry of a view; NaN if any is NaN, -inf if there is none.

    Formula     max_k v_k
    Shapes      values (K,) -> ()
    Domain      all floats
    """
    top = -math.inf
    for k in range(values.shape[0]):
        if values[k] > top or values[k] != values[k]:
            top = values[k]
    return top


@portable
def log_sum(log_values):
    """Log-sum-exp.

    Formula     log sum_k e^(v_k);  -inf for no terms
    Gradient    softmax(v)
    Shapes      log_values (K,) -> ()
    Domain      all floats; -inf is an absent term, +inf gives inf, NaN gives NaN
    Stability   shifted by the largest entry; no overflow for finite entries
    """
    top = largest(log_values)
    if not -math.inf < top < math.inf:
        return top
    total = 0.0
    for k in range(log_values.shape[0]):
        total += math.exp(log_values[k] - top)
    return top + math.log(total)


@portable
def log_mean(log_values):
    """Logarithm of a mean of exponentials.

    Formula     log (1/K) sum_k e^(v_k)
    Gradient    softmax(v)
    Shapes      log_values (K,) -> ()
    Domain      K >= 1; entries as for log_sum
    """
    return log_sum(log_values) - log(float(log_values.shape[0]))


@portable
def softmax(log_values, weights):
    """Normalised exponentials, written into the last argument.

    Formula     w_k = e^(v_k) / sum_j e^(v_j);  returns log sum_j e^(v_j)
    Shapes      log_values (K,), weights (K,) -> ()
    Domain      weights are NaN where the log-sum is not finite; `weights` may be `log_values` itself
    Stability   shifted by the largest entry
    """
    top = largest(log_values)
    total = 0.0
    for k in range(log_values.shape[0]):
        weights[k] = exp(log_values[k] - top)
        total += weights[k]
    for k in range(log_values.shape[0]):
        weights[k] /= total
    return top + log(total) if -math.inf < top < math.inf else top


@portable
def log_sum_but_one(log_values, left_out):
    """Log-sum-exp of all entries but one, without subtraction.

    Formula     log sum_{k != i} e^(v_k)
    Shapes      log_values (K,), left_out () -> ()
    Domain      0 <= left_out < K; -inf for K = 1
    Stability   the entry is skipped, not subtracted: exact where it dominates
    """
    top = -math.inf
    for k in range(log_values.shape[0]):
        if k != left_out and (log_values[k] > top or log_values[k] != log_values[k]):
            top = log_values[k]
    if not -math.inf < top < math.inf:
        return top
    total = 0.0
    for k in range(log_values.shape[0]):
        if k != left_out:
            total += math.exp(log_values[k] - top)
    return top + math.log(total)
