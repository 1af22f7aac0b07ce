"""Expectation maximisation, generalised EM and gradient ascent on the log evidence, for any tractable model.

A model is a module (or anything with these functions), e.g. `refvi.models.mixture` or `refvi.models.hidden_markov`:

    expect(theta, data, target)            (total log evidence, expected statistics under the posterior of theta)
    q_function(theta, statistics, target)  Q(theta, theta'), the statistics being those of theta'
    grad_q(theta, statistics, target)      its gradient by theta
    maximise(theta, statistics, target)    argmax of Q
    log_evidence(theta, data, target)      one value per datum or sequence

Not here: approximate posteriors (`variational_em`), minibatches (`svi`).

Source      Dempster, Laird and Rubin 1977, "Maximum likelihood from incomplete data via the EM algorithm",
            equations 2.16, 2.17 and the definition of GEM in section 3
Checked by  tests/algorithms/test_em.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.algorithms import line_search, trees
from refvi.errors import UsageError


class Run(NamedTuple):
    """What a run returns.

    theta         the parameters at its end
    log_evidence  (steps + 1,) total log evidence at the start and after every step
    """

    theta: NamedTuple
    log_evidence: np.ndarray


def em_step(model, theta, data, target="python"):
    """One E step and one exact M step; returns (log evidence of theta, next theta)."""
    value, statistics = model.expect(theta, data, target)
    return value, model.maximise(theta, statistics, target)


def generalised_em_step(model, theta, data, target="python"):
    """One E step, then one gradient step on Q that raises it: Armijo's line search on theta -> Q(theta, theta').

    Raising Q raises the log evidence at least as much, so that no step lowers it.
    Returns (log evidence of theta, next theta).
    """
    value, statistics = model.expect(theta, data, target)
    gradient = model.grad_q(theta, statistics, target)
    here = model.q_function(theta, statistics, target)
    moved = line_search.armijo(
        lambda candidate: model.q_function(candidate, statistics, target), theta, here, gradient
    )
    return value, moved


def gradient_step(model, theta, data, target="python", *, rate=None):
    """One step of gradient ascent on the log evidence; Armijo's line search where no rate is given.

    Formula     theta + rate · grad L(theta),  grad L = E_posterior[grad log p(x, z; theta)] = grad Q(theta, theta)
    Returns (log evidence of theta, next theta).
    """
    value, statistics = model.expect(theta, data, target)
    gradient = model.grad_q(theta, statistics, target)
    if rate is not None:
        return value, trees.add(theta, rate, gradient)

    def log_evidence(candidate):
        return math.fsum(model.log_evidence(candidate, data, target))

    return value, line_search.armijo(log_evidence, theta, value, gradient)


def _run(step, model, theta, data, steps, tolerance, target):
    if not isinstance(steps, int) or steps < 0:
        raise UsageError(f"steps must be a whole number of at least 0, got {steps!r}")
    values = []
    for _ in range(steps):
        value, moved = step(model, theta, data, target)
        values.append(value)
        if len(values) > 1 and 0.0 <= values[-1] - values[-2] <= tolerance:
            return Run(theta, np.array(values))
        theta = moved
    values.append(math.fsum(model.log_evidence(theta, data, target)))
    return Run(theta, np.array(values))


def em(model, theta, data, *, steps=100, tolerance=-1.0, target="python"):
    """EM with exact E and M steps. It ends after `steps`, or once a step gains no more than `tolerance` nats."""
    return _run(em_step, model, theta, data, steps, tolerance, target)


def generalised_em(model, theta, data, *, steps=100, tolerance=-1.0, target="python"):
    """EM with one line-searched gradient step on Q in place of the M step."""
    return _run(generalised_em_step, model, theta, data, steps, tolerance, target)


def gradient_ascent(model, theta, data, *, steps=100, tolerance=-1.0, rate=None, target="python"):
    """Gradient ascent on the log evidence, at a fixed rate or by line search."""

    def step(model, theta, data, target):
        return gradient_step(model, theta, data, target, rate=rate)

    return _run(step, model, theta, data, steps, tolerance, target)
