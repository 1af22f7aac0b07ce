"""Exact mean and variance of an estimator on a finite model: a sum over every tuple of samples.

The model arrives as tables over its states (`refvi.models.sigmoid_belief.tables` makes them), the estimator as a kernel
(log_weights, baseline, weights_p, weights_q) -> value as in `score_function`. Not here: samples.

Source      Mohamed et al. 2020, section 3.2 (mean and variance as the criteria), arXiv:1906.10652v2
Checked by  tests/estimators/test_score_function.py
"""

import functools
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.kernels.portable import portable
from refvi.models.parameters import like
from refvi.targets import get_target


class Draws(NamedTuple):
    """A finite model and how often it is drawn from.

    log_p       (S,) log p(x, z)
    log_q       (S,) log q(z | x)
    grad_log_p  (S, P) gradient of log p(x, z) in theta
    grad_log_q  (S, Q) gradient of log q(z | x) in phi
    draws       (K,) not read: its length is the number of samples
    baseline    (1,) constant baseline, in nats
    centre      (1 + P + Q,) what is subtracted before squaring
    """

    log_p: np.ndarray
    log_q: np.ndarray
    grad_log_p: np.ndarray
    grad_log_q: np.ndarray
    draws: np.ndarray
    baseline: np.ndarray
    centre: np.ndarray


class Moments(NamedTuple):
    """Exact moments of an estimator of a bound and its gradients.

    value           E of the value, in nats
    grad_theta      E of the gradient in theta
    grad_phi        E of the gradient in phi
    variance_value  variance of the value
    variance_theta  variance of each entry of the gradient in theta
    variance_phi    variance of each entry of the gradient in phi
    """

    value: float
    grad_theta: NamedTuple
    grad_phi: NamedTuple
    variance_value: float
    variance_theta: NamedTuple
    variance_phi: NamedTuple


@functools.cache
def tuple_state(estimator):
    """The kernel that evaluates an estimator on one numbered tuple of states."""

    @portable
    def evaluate(number, inputs, out, scratch):
        """One tuple: its log probability, the estimate less the centre, and the square of that.

        Formula     number = sum_k s_k S^(K - 1 - k);  out_0 = sum_k log q(s_k)
        Shapes      inputs Draws, out (1 + 2 (1 + P + Q),), scratch (4 K,)
        Source      Mohamed et al. 2020, section 3.2, arXiv:1906.10652v2
        """
        count, states = inputs.draws.shape[0], inputs.log_p.shape[0]
        parameters, width = inputs.grad_log_p.shape[1], inputs.centre.shape[0]
        log_weights, weights_p = scratch[:count], scratch[count : 2 * count]
        weights_q, drawn = scratch[2 * count : 3 * count], scratch[3 * count : 4 * count]
        rest = number
        for back in range(count):
            k = count - 1 - back
            state = rest % states
            rest = rest // states
            drawn[k] = float(state)
            log_weights[k] = inputs.log_p[state] - inputs.log_q[state]
            out[0] += inputs.log_q[state]
        out[1] = estimator(log_weights, inputs.baseline[0], weights_p, weights_q)
        for k in range(count):
            state = int(drawn[k])
            for i in range(parameters):
                out[2 + i] += weights_p[k] * inputs.grad_log_p[state, i]
            for i in range(width - 1 - parameters):
                out[2 + parameters + i] += weights_q[k] * inputs.grad_log_q[state, i]
        for i in range(width):
            out[1 + i] -= inputs.centre[i]
            out[1 + width + i] = out[1 + i] * out[1 + i]

    return evaluate


def moments(estimator, tables, theta, phi, samples, baseline=0.0, target="python"):
    """Exact moments of an estimator with K = `samples` samples, by two passes over all S^K tuples.

    tables      `Tables` of a finite model at theta and phi, which lend the gradients their type
    estimator   a kernel of `score_function`, or one with the same arguments
    """
    samples = validate.at_least("samples", samples, 1)
    states, width = len(tables.log_p), 1 + tables.grad_log_p.shape[1] + tables.grad_log_q.shape[1]
    if states**samples > 2**24:
        raise validate.UsageError(
            f"states ** samples must be at most 2^24 to enumerate, got {states} ** {samples}"
        )
    inputs = Draws(*tables, np.zeros(samples), np.array([float(baseline)]), np.zeros(width))
    kernel, run = tuple_state(estimator), get_target(target).states

    def enumerate_with(centre):
        found = run(kernel, inputs._replace(centre=centre), states**samples, 2 * width, 4 * samples)
        return found[1 : 1 + width], found[1 + width :]

    mean, _ = enumerate_with(np.zeros(width))
    _, variance = enumerate_with(mean)
    split = tables.grad_log_p.shape[1]
    parts = [
        (float(row[0]), like(theta, row[1 : 1 + split]), like(phi, row[1 + split :]))
        for row in (mean, variance)
    ]
    return Moments(*parts[0], *parts[1])
