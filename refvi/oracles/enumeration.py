"""Exact sums over every state of a discrete model, and over every tuple of samples of an estimator.

Loops and `math.fsum` (correctly rounded sums), on purpose: no trick is shared with the code that is judged.
Not here: sampling; integrals (`quadrature`).
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from refvi.oracles.answer import Answer
from refvi.oracles.trees import ravel


class Moments(NamedTuple):
    """Exact moments of an estimator; fields have the structure of its output, except covariance.

    mean        E[g]
    second      E[g²], the magnitude of the variance
    variance    E[(g - E g)²]
    fourth      E[(g - E g)⁴], what a test of the variance needs
    covariance  (P, P) over the flattened entries of g
    magnitude   E|g|, the magnitude of the mean
    mass        the sum of all probabilities, 1 up to rounding
    """

    mean: Any
    second: Any
    variance: Any
    fourth: Any
    covariance: np.ndarray
    magnitude: Any
    mass: float


def categorical_states(sizes):
    """Every tuple of categories as an int array (S, K); the first latent changes slowest."""
    states = list(itertools.product(*(range(size) for size in sizes)))
    return np.array(states, dtype=np.int64).reshape(len(states), len(sizes))


def binary_states(count):
    """Every binary vector of `count` latents as an int array (2^count, count); the first changes slowest."""
    return categorical_states((2,) * count)


def log_sum_exp(logs):
    """Logarithm of sum_s exp(logs_s) with a correctly rounded sum; -inf where every term is -inf."""
    top = max(logs, default=-math.inf)
    if not math.isfinite(top):
        return top
    return top + math.log(math.fsum(math.exp(log - top) for log in logs))


def log_evidence(log_joint, states):
    """Log of the total mass of a discrete model.

    Formula     log p(x) = log sum_s p(x, s);  S = sum_s p(s | x) |log p(x, s)| + |log p(x)| + 1
    Shapes      log_joint(state) -> (), states (S, K) -> Answer of ()
    Domain      log_joint may be -inf; all -inf gives -inf
    Checked by  tests/oracles/test_enumeration.py
    """
    logs = [float(log_joint(state)) for state in states]
    value = log_sum_exp(logs)
    if not math.isfinite(value):
        return Answer(value, 0.0)
    size = math.fsum(math.exp(log - value) * abs(log) for log in logs if log > -math.inf)
    return Answer(value, size + abs(value) + 1.0)


def posterior(log_joint, states):
    """Probabilities of all states given the data.

    Formula     p(s | x) = p(x, s) / sum_s' p(x, s')
    Shapes      log_joint(state) -> (), states (S, K) -> (S,)
    Domain      at least one state has log_joint above -inf
    Checked by  tests/oracles/test_enumeration.py
    """
    logs = [float(log_joint(state)) for state in states]
    top = max(logs)
    weights = [math.exp(log - top) for log in logs]
    total = math.fsum(weights)
    return np.array([weight / total for weight in weights])


def probabilities(log_q, states):
    """exp(log_q(state)) of every state, as it is: not renormalised, so that missing mass shows."""
    return np.array([math.exp(float(log_q(state))) for state in states])


def expectation(function, points, weights):
    """Weighted sum of a function that returns a scalar, an array or a tree of arrays.

    Formula     E f = sum_s w_s f(s), states of weight zero are left out;  S = sum_s |w_s f(s)|
    Shapes      function(point) -> tree, points (S, ...), weights (S,) -> Answer of that tree
    Checked by  tests/oracles/test_enumeration.py
    """
    rows, used, rebuild = _evaluate(function, points, weights)
    value = [math.fsum(used * column) for column in rows.T]
    magnitude = [math.fsum(np.abs(used * column)) for column in rows.T]
    return Answer(rebuild(np.array(value)), rebuild(np.array(magnitude)), rebuild(np.zeros(len(value))))


def grad_log_evidence(log_joint, grad_log_joint, states):
    """Gradient of the log evidence as a posterior expectation (Fisher's identity).

    Formula     d log p(x) = sum_s p(s | x) d log p(x, s);  S = sum_s p(s | x) |d log p(x, s)|
    Shapes      log_joint(state) -> (), grad_log_joint(state) -> tree, states (S, K) -> Answer of that tree
    Checked by  tests/oracles/test_enumeration.py
    """
    return expectation(grad_log_joint, states, posterior(log_joint, states))


def total(states):
    """Counting measure on states: the function that sums its argument over them, as an Answer."""
    weights = np.ones(len(states))
    return lambda function: expectation(function, states, weights)


def tuple_weights(log_q_table, k):
    """Every tuple of k independent draws as (tuple of indices, probability), probability zero left out."""
    table = [math.exp(float(log)) for log in np.ravel(log_q_table)]
    support = [state for state, mass in enumerate(table) if mass > 0.0]
    return [(draws, math.prod(table[s] for s in draws)) for draws in itertools.product(support, repeat=k)]


def expectation_over_tuples(function, log_q_table, k):
    """Exact expectation of function(tuple of k state indices) under k independent draws, as an Answer."""
    pairs = tuple_weights(log_q_table, k)
    return expectation(function, [draws for draws, _ in pairs], [mass for _, mass in pairs])


def moments(estimator, log_q_table, k):
    """Exact mean, second moment, variance and covariance of an estimator of k independent draws.

    Formula     E g = sum over all (s_1 ... s_k) of prod_j q(s_j) g(s_1 ... s_k), and likewise the others
    Shapes      estimator(tuple of k state indices) -> tree, log_q_table (S,) -> Moments
    Domain      S^k terms: S <= 4 with k <= 6, say; draws of probability zero are never asked for
    Checked by  tests/oracles/test_enumeration.py
    """
    pairs = tuple_weights(log_q_table, k)
    return moments_over(estimator, [draws for draws, _ in pairs], [mass for _, mass in pairs])


def moments_over(estimator, points, weights):
    """Moments of an estimator over any weighted points: states, tuples, minibatches, quadrature nodes."""
    rows, used, rebuild = _evaluate(estimator, points, weights)
    mean = np.array([math.fsum(used * column) for column in rows.T])
    centred = rows - mean
    width = len(mean)
    covariance = np.zeros((width, width))
    for i in range(width):
        for j in range(i, width):
            covariance[i, j] = covariance[j, i] = math.fsum(used * centred[:, i] * centred[:, j])
    second = [math.fsum(used * column**2) for column in rows.T]
    fourth = [math.fsum(used * column**4) for column in centred.T]
    magnitude = [math.fsum(np.abs(used * column)) for column in rows.T]
    return Moments(
        rebuild(mean),
        rebuild(np.array(second)),
        rebuild(np.diag(covariance).copy()),
        rebuild(np.array(fourth)),
        covariance,
        rebuild(np.array(magnitude)),
        math.fsum(used),
    )


def marginal(state_probabilities, states, axes):
    """Marginal table of some latents: {values of the chosen axes: probability}."""
    groups = {}
    for state, mass in zip(states, state_probabilities, strict=True):
        groups.setdefault(tuple(int(state[axis]) for axis in axes), []).append(float(mass))
    return {key: math.fsum(masses) for key, masses in groups.items()}


def _evaluate(function, points, weights):
    """Outputs (T, P) on the points of weight not zero, those weights, and how to put a row back."""
    weights = np.asarray(weights, dtype=np.float64)
    rows, rebuild = [], None
    for point, weight in zip(points, weights, strict=True):
        if weight == 0.0:
            continue
        row, back, _ = ravel(function(point))
        rebuild = rebuild or back
        rows.append(row)
    if rebuild is None:
        raise ValueError("an expectation needs at least one point of weight above zero, got none")
    return np.array(rows), weights[weights != 0.0], rebuild
