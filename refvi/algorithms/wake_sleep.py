"""Wake-sleep for belief networks of any depth: enumerated and sampled steps, and the ascents that it is not.

    wake    theta += rate · E_data E_q(h | x) d log p(x, h):   ascends the ELBO in theta, lowers KL(p_data q || p)
    sleep   phi   += rate · E_p(x, h) d log q(h | x):          lowers KL(p || q), not KL(q || p)

Both phases ascend something, but not the same thing: a sleep step may lower the ELBO, and the two together may circle for
ever (`validation/wake_sleep_may_not_converge.py`). `elbo_ascent` and `evidence_ascent` are the ascents beside it.

A rate is a number, or a tree like the parameters: 0 where one stays as it is. With rate None the step is found by
Armijo's line search on what the phase ascends. Data are averaged, each by its `mass` (1/N by default).

Source      Hinton, Dayan, Frey and Neal 1995, "The wake-sleep algorithm for unsupervised neural networks", Science 268;
            Dayan, Hinton, Neal and Zemel 1995, "The Helmholtz machine", Neural Computation 7, section 3
Checked by  tests/algorithms/test_wake_sleep.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.algorithms import line_search, trees
from refvi.models import layered_belief
from refvi.models.layered_belief import Generative, Recognition


class Run(NamedTuple):
    """What a run returns; means over data, at the start and after every step.

    theta         generative parameters at its end
    phi           recognition parameters at its end
    log_evidence  (steps + 1,)
    elbo          (steps + 1,)
    sleep         (steps + 1,) E_p log q(h | x)
    """

    theta: Generative
    phi: Recognition
    log_evidence: np.ndarray
    elbo: np.ndarray
    sleep: np.ndarray


# ---- enumerated steps


def wake_step(x, theta, phi, *, rate=None, mass=None, target="python"):
    """Next theta: one step along the exact wake gradient.

    Formula     theta + rate · sum_n mass_n E_q(h | x_n) d log p(x_n, h)
    """
    x, mass = _weighed(x, mass)

    def value(candidate):
        return math.fsum(mass * layered_belief.wake(x, candidate, phi, mass=mass, target=target).objective)

    found = layered_belief.wake(x, theta, phi, mass=mass, target=target)
    return _step(theta, found.grad_theta, rate, value, math.fsum(mass * found.objective))


def sleep_step(theta, phi, *, rate=None, target="python"):
    """Next phi: one step along the exact sleep gradient; no data enter.

    Formula     phi + rate · E_p(x, h) d log q(h | x)
    """
    found = layered_belief.sleep(theta, phi, target=target)
    return _step(
        phi,
        found.grad_phi,
        rate,
        lambda candidate: layered_belief.sleep(theta, candidate, target=target).objective,
        found.objective,
    )


def ascent_step(x, theta, phi, *, rate=None, mass=None, target="python"):
    """Next (theta, phi): one step along the exact gradient of the ELBO in both.

    rate  a number, None, or a pair of trees like (theta, phi)
    """
    x, mass = _weighed(x, mass)

    def value(candidate):
        return math.fsum(mass * layered_belief.elbo(x, *candidate, target=target).elbo)

    found = layered_belief.elbo(x, theta, phi, mass=mass, target=target)
    gradient, here = (found.grad_theta, found.grad_phi), math.fsum(mass * found.elbo)
    return _step((theta, phi), gradient, rate, value, here)


def evidence_step(x, theta, *, rate=None, mass=None, target="python"):
    """Next theta: one step along the exact gradient of the log evidence, which is the wake step of the posterior."""
    x, mass = _weighed(x, mass)

    def value(candidate):
        return math.fsum(mass * layered_belief.log_evidence(x, candidate, target=target).log_evidence)

    found = layered_belief.log_evidence(x, theta, mass=mass, target=target)
    return _step(theta, found.grad_theta, rate, value, math.fsum(mass * found.log_evidence))


# ---- sampled steps


def sampled_wake_step(x, theta, phi, uniform, *, rate, target="python"):
    """Next theta: one recognition pass per datum, then the delta rule averaged over them.

    uniform  (N, U - X) noise of the passes
    """
    units = layered_belief.recognise(x, phi, uniform, target=target)
    found = layered_belief.wake_rule(units, theta, target=target)
    return _move(theta, rate, trees.scale(found.grad_theta, 1.0 / len(units)))


def sampled_sleep_step(theta, phi, uniform, *, rate, target="python"):
    """Next phi: dreams, then the delta rule averaged over them.

    uniform  (M, U) noise of M dreams
    """
    units = layered_belief.dream(theta, uniform, target=target)
    found = layered_belief.sleep_rule(units, phi, target=target)
    return _move(phi, rate, trees.scale(found.grad_phi, 1.0 / len(units)))


# ---- runs


def wake_sleep(
    x,
    theta,
    phi,
    *,
    steps,
    wake_rate=None,
    sleep_rate=None,
    wake_steps=1,
    sleep_steps=1,
    mass=None,
    target="python",
):
    """Exact wake-sleep: `wake_steps` wake steps, then `sleep_steps` sleep steps, `steps` times.

    Many steps of a phase take it to its optimum: what each phase ascends is concave in what it moves.
    """
    validate.at_least("wake_steps", wake_steps, 1)
    validate.at_least("sleep_steps", sleep_steps, 1)

    def step(theta, phi):
        for _ in range(wake_steps):
            theta = wake_step(x, theta, phi, rate=wake_rate, mass=mass, target=target)
        for _ in range(sleep_steps):
            phi = sleep_step(theta, phi, rate=sleep_rate, target=target)
        return theta, phi

    return _run(step, x, theta, phi, steps, mass, target)


def sampled_wake_sleep(x, theta, phi, *, steps, wake_rate, sleep_rate, dreams=None, seed=0, target="python"):
    """Wake-sleep as it is run: one pass per datum, then as many dreams (or `dreams`), `steps` times."""
    rng, x = np.random.default_rng(seed), np.atleast_2d(x)
    theta, phi, sizes = layered_belief.parameters.check(theta, phi)
    dreams = len(x) if dreams is None else validate.at_least("dreams", dreams, 1)

    def step(theta, phi):
        noise = rng.random((len(x), sum(sizes[1:])))
        theta = sampled_wake_step(x, theta, phi, noise, rate=wake_rate, target=target)
        noise = rng.random((dreams, sum(sizes)))
        return theta, sampled_sleep_step(theta, phi, noise, rate=sleep_rate, target=target)

    different, count = np.unique(x, axis=0, return_counts=True)
    return _run(step, different, theta, phi, steps, count / len(x), target)


def elbo_ascent(x, theta, phi, *, steps, rate=None, mass=None, target="python"):
    """Exact ascent on the ELBO in theta and phi; with rate None no step lowers it."""

    def step(theta, phi):
        return ascent_step(x, theta, phi, rate=rate, mass=mass, target=target)

    return _run(step, x, theta, phi, steps, mass, target)


def evidence_ascent(x, theta, phi, *, steps, rate=None, mass=None, target="python"):
    """Exact ascent on the log evidence in theta (generalised EM); phi stays, and is there for comparison only."""

    def step(theta, phi):
        return evidence_step(x, theta, rate=rate, mass=mass, target=target), phi

    return _run(step, x, theta, phi, steps, mass, target)


def _run(step, x, theta, phi, steps, mass, target):
    validate.at_least("steps", steps, 0)
    x, mass = _weighed(x, mass)
    values = [_values(x, theta, phi, mass, target)]
    for _ in range(steps):
        theta, phi = step(theta, phi)
        values.append(_values(x, theta, phi, mass, target))
    return Run(theta, phi, *np.array(values).T)


def _values(x, theta, phi, mass, target):
    return (
        math.fsum(mass * layered_belief.log_evidence(x, theta, target=target).log_evidence),
        math.fsum(mass * layered_belief.elbo(x, theta, phi, target=target).elbo),
        layered_belief.sleep(theta, phi, target=target).objective,
    )


def _weighed(x, mass):
    x = np.atleast_2d(x)
    return x, validate.array("mass", np.full(len(x), 1.0 / len(x)) if mass is None else mass, f"{len(x)}")


def _step(at, gradient, rate, value, here):
    """The next parameters: along the gradient by a rate, or as far as a line search finds a rise."""
    if rate is None:
        return line_search.armijo(value, at, here, gradient)
    return _move(at, rate, gradient)


def _move(at, rate, gradient):
    return trees.add(at, 1.0, trees.times(rate, gradient))
