"""Importance weights that are bounded, unbounded, or miss a state: the limit of L_k in each case.

Joints over one real latent are p(x, z) = p(x) N(z; 0, 1) under q = N(0, s²): the weights are unbounded where s < 1,
of finite variance where s² > 1/2, of finite fourth moment where s² > 3/4. L_k comes from its one-dimensional integral.
Not here: k by enumeration (`tables`).
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from refvi.derivations.models.tables import Table
from refvi.derivations.numbers import Number, approximate, number
from refvi.oracles.importance import iwae_bound


def bound_by_integral(log_w, q, k):
    """L_k as a Number."""
    return _integrated(tuple(map(float, log_w)), tuple(map(float, q)), k)


@lru_cache(maxsize=512)
def _integrated(log_w, q, k):
    answer = iwae_bound(np.array(log_w), np.array(q), k)
    return Number(answer.value, abs(answer.value), answer.error)


def richardson(bound, k):
    """lim L_k from three k, the terms in 1/k and 1/k² removed; error: what the last step changed, or four terms of it."""
    one, two, four = bound(k), bound(2 * k), bound(4 * k)
    first, second = 2 * two - one, 2 * four - two
    value = (4 * second - first) / 3
    return approximate(float(value), abs(float(second) - float(value)) / 4 + float(value.tolerance))


@dataclass(frozen=True)
class Covered:
    """q = N(0, s²) for the posterior N(0, 1), evidence known; k is a finite number of samples."""

    evidence_at_x: float
    s: float
    k: int = 3

    covers = True

    @cached_property
    def evidence(self):
        """p(x)."""
        return number(self.evidence_at_x)

    @cached_property
    def weights_on_grid(self):
        """Log weights and probabilities of q at evenly spaced noise."""
        eps = 0.25 * np.arange(-36, 37)  # noise z / s up to ±9: what is left out has probability 2e-19
        log_w = math.log(self.evidence_at_x) + math.log(self.s) + 0.5 * (eps**2 - (self.s * eps) ** 2)
        q = np.exp(-0.5 * eps**2)
        return log_w, q / math.fsum(q)

    def bound(self, k):
        """L_k."""
        return bound_by_integral(*self.weights_on_grid, k)

    @cached_property
    def limit(self):
        """lim L_k as k → ∞."""
        return richardson(self.bound, 512)

    @property
    def weights_are_bounded(self):
        """True where q is at least as wide as the posterior."""
        return self.s >= 1.0


class Missing(Table):
    """A table whose q never draws the last state."""

    covers = False
    weights_are_bounded = True

    @cached_property
    def q(self):
        """q(z | x), zero at the last state."""
        weights = np.array([*self.q_weights[:-1], 0.0])
        return number(weights) / weights.sum()

    @cached_property
    def limit(self):
        """lim L_k as k → ∞."""
        w = self.joint.value[:-1] / self.q.value[:-1]
        return richardson(lambda k: bound_by_integral(np.log(w), self.q.value[:-1], k), 512)


def narrow(draws):
    """Unbounded weights whose fourth moment exists."""
    return Covered(draws.real(0.1, 0.9), draws.real(0.88, 0.97), draws.integer(1, 6))


def wide(draws):
    """Bounded weights."""
    return Covered(draws.real(0.1, 0.9), draws.real(1.05, 1.25), draws.integer(1, 6))


def missing(draws):
    """A q that misses a state."""
    size = draws.integer(2, 4)
    return Missing(draws.weights(size), draws.reals(size, 0.1, 1.0), draws.weights(size))


def covering_or_missing(draws):
    """One of the three kinds."""
    return (narrow, wide, missing)[draws.integer(0, 2)](draws)


@dataclass(frozen=True)
class Pair:
    """Unbounded weights (q narrower than the posterior) beside a q that misses a state."""

    unbounded: Covered
    partial: Missing

    @property
    def limit_unbounded(self):
        """lim L_k under unbounded weights."""
        return self.unbounded.limit

    @property
    def evidence_unbounded(self):
        """p(x) there."""
        return self.unbounded.evidence

    @property
    def limit_missing(self):
        """lim L_k where q misses a state."""
        return self.partial.limit

    @property
    def joint_missing(self):
        """p(x, z) there."""
        return self.partial.joint

    @property
    def reached(self):
        """1 where q > 0, else 0."""
        return 1.0 * (self.partial.q.value > 0.0)

    @property
    def evidence_missing(self):
        """p(x) there."""
        return self.partial.evidence


def unbounded_and_missing(draws):
    """A pair."""
    return Pair(narrow(draws), missing(draws))
