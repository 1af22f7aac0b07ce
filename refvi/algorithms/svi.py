"""Stochastic variational inference: minibatches, K inner gradient steps on lambda, Robbins-Monro steps on theta.

A minibatch of B data out of N stands for all of them, so its sum is scaled by N / B: the mean over all minibatches is
then the full-data value, exactly. Without the factor theta still moves in the right direction on average, but every
step is short by B / N, and a term that belongs to the model as a whole (a prior on theta) outweighs the data.

Source      Hoffman, Blei, Wang and Paisley 2013, "Stochastic variational inference", eq 25-27, arXiv:1206.7051v3;
            Robbins and Monro 1951, "A stochastic approximation method", eq 6, 27
Checked by  tests/algorithms/test_svi.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.algorithms import trees
from refvi.errors import UsageError


class Schedule(NamedTuple):
    """Steps scale · (t + delay)^(-power), t = 1, 2, ...: their sum diverges, that of their squares converges.

    scale  > 0, delay >= 0, ½ < power <= 1
    """

    scale: float
    delay: float = 1.0
    power: float = 0.75


class SviRun(NamedTuple):
    """What a run returns.

    theta      the parameters at its end
    objective  (steps,) minibatch objectives before each step, unbiased for the aggregate ELBO
    """

    theta: NamedTuple
    objective: np.ndarray


def step_size(schedule, t):
    """Robbins-Monro step t >= 1; one sentence where the conditions do not hold."""
    if not (schedule.scale > 0 and schedule.delay >= 0 and 0.5 < schedule.power <= 1.0):
        raise UsageError(
            f"schedule must have scale > 0, delay >= 0 and 0.5 < power <= 1, got {tuple(schedule)}"
        )
    return schedule.scale * (t + schedule.delay) ** -schedule.power


def inner_steps(family, theta, logits, data, *, steps, rate, target="python"):
    """K steps of gradient ascent on the ELBO by lambda, every datum by itself.

    Formula     lambda_k = lambda_(k-1) + rate · grad ELBO(theta, lambda_(k-1); x)
    """
    for _ in range(steps):
        logits = logits + rate * family.grad_elbo(theta, logits, data, target)
    if np.any(np.isnan(logits)):
        raise UsageError(
            "the ELBO must be finite where the inner steps start, got a q that sits on impossible latents"
        )
    return logits


def minibatch_objective(family, theta, logits, batch, total, target="python"):
    """Unbiased estimate of the aggregate ELBO, (N / B) sum over the minibatch, `total` being N."""
    values = family.elbo(theta, logits, batch, target)
    return total / len(values) * math.fsum(values)


def minibatch_gradient(model, family, theta, logits, batch, total, target="python"):
    """Unbiased estimate of the gradient of the aggregate ELBO by theta.

    Formula     (N / B) sum_(n in batch) E_q(z; lambda_n)[ grad_theta log p(x_n, z; theta) ]
    """
    size = len(family.elbo(theta, logits, batch, target))
    gradient = model.grad_q(theta, family.expect(theta, logits, batch, target), target)
    return trees.scale(gradient, total / size)


def svi_step(model, family, theta, batch, total, rate, *, inner, inner_rate, logits=None, target="python"):
    """One minibatch: K inner steps from the given (or the uniform) q, then one step on theta.

    Returns (minibatch objective at the inner optimum, next theta).
    """
    logits = family.start(theta, batch, target) if logits is None else logits
    logits = inner_steps(family, theta, logits, batch, steps=inner, rate=inner_rate, target=target)
    value = minibatch_objective(family, theta, logits, batch, total, target)
    return value, trees.add(
        theta, rate, minibatch_gradient(model, family, theta, logits, batch, total, target)
    )


def svi(
    model, family, theta, data, *, batch, steps, schedule, inner=10, inner_rate=1.0, seed=0, target="python"
):
    """SVI over random minibatches of `batch` data without replacement.

    schedule  a `Schedule`; its scale is per datum: the gradient is divided by N before the step
    """
    total = len(family.elbo(theta, family.start(theta, data, target), data, target))
    if not isinstance(batch, int) or not 1 <= batch <= total:
        raise UsageError(f"batch must be a whole number from 1 to the number of data {total}, got {batch!r}")
    for name, number in (("steps", steps), ("inner", inner)):
        validate.at_least(name, number, 0)
    rng, values = np.random.default_rng(seed), []
    for t in range(1, steps + 1):
        chosen = rng.choice(total, size=batch, replace=False)
        rate = step_size(schedule, t) / total
        value, theta = svi_step(
            model,
            family,
            theta,
            family.take(data, chosen),
            total,
            rate,
            inner=inner,
            inner_rate=inner_rate,
            target=target,
        )
        values.append(value)
    return SviRun(theta, np.array(values))
