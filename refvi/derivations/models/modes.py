"""A latent count z in 0 .. n with any posterior, under a binomial recognition model: which modes it averages.

Not here: recognition models that can be the posterior (`dreams`).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import nabla
from refvi.derivations.models.tables import fractions
from refvi.derivations.numbers import log, number, total


@dataclass(frozen=True)
class Count:
    """p(z | x) as integer weights over 0 .. n, q_φ(z | x) binomial(n, φ), p(x) = evidence."""

    weights: tuple
    evidence: float

    @property
    def n(self):
        """Largest count."""
        return len(self.weights) - 1

    @cached_property
    def z(self):
        """The counts."""
        return np.arange(self.n + 1.0)

    @cached_property
    def posterior(self):
        """p(z | x)."""
        return fractions(self.weights)

    def q_at(self, phi):
        """Binomial probabilities."""
        ways = number([float(math.comb(self.n, int(z))) for z in self.z])
        return ways * _powers(phi, self.n) * _powers(1.0 - number(phi), self.n)[::-1]

    def E_posterior(self, f):
        """E under p(z | x)."""
        return total(self.posterior * f)

    def E_at(self, phi, f):
        """E under q_φ."""
        return total(self.q_at(phi) * f)

    @cached_property
    def matched(self):
        """The φ whose mean n φ is the posterior mean."""
        return self.E_posterior(self.z) / float(self.n)

    @cached_property
    def q_matched(self):
        """The binomial there."""
        return self.q_at(self.matched)

    def sleep_at(self, phi):
        """E_{p(z|x)} log q_φ(z|x), the sleep objective at this x."""
        return self.E_posterior(log(self.q_at(phi)))

    def bound_at(self, phi):
        """L(θ, φ; x) = E_q log p(x, z) / q_φ."""
        return self.E_at(phi, log(self.evidence * self.posterior / self.q_at(phi)))

    def code_length_at(self, phi):
        """Bits-back code length of x in nats: E_q [-log p(x, z) + log q_φ]."""
        q = self.q_at(phi)
        return total(q * (-log(self.evidence * self.posterior) + log(q)))

    def divergence_at(self, phi):
        """KL(p(z | x) || q_φ(z | x))."""
        return self.E_posterior(log(self.posterior / self.q_at(phi)))

    @cached_property
    def between(self):
        """A φ half way from the matched one to the mode at n."""
        return (self.matched + 1.0) / 2.0

    def slope_between(self, function):
        """Derivative in φ there, by differences."""
        return nabla(lambda point: function(point[0]), [float(self.between)])[0]

    def sleep_step_between(self):
        """Derivative of the sleep objective there, by hand: (E_{p(z|x)} z - n φ) / (φ (1 - φ))."""
        phi = self.between
        return (self.E_posterior(self.z) - self.n * phi) / (phi * (1.0 - phi))

    def slope_at_match(self, function):
        """Derivative in φ at the matched φ, by differences."""
        return nabla(lambda point: function(point[0]), [float(self.matched)])[0]

    @property
    def valley(self):
        """The middle count, n / 2."""
        return self.n // 2

    @property
    def two_modes(self):
        """True where the two ends are likely and the middle is not."""
        middle = self.weights[self.valley]
        return min(self.weights[0], self.weights[-1]) >= 8 * middle


def _powers(base, n):
    """1, b, b², .., bⁿ."""
    base = number(base)
    return number(np.ones(n + 1)) * base ** np.arange(n + 1.0)


def counts(draws):
    """A posterior with two modes at the ends, every other time with one in the middle."""
    ends = (draws.integer(16, 30), draws.integer(16, 30))
    low = tuple(draws.integer(1, 2) for _ in range(3))
    weights = (ends[0], *low, ends[1]) if draws.integer(0, 1) else (low[0], low[1], ends[0], low[2], 3)
    return Count(weights, draws.real(0.1, 0.9))


def two_modes(draws):
    """Two modes of different heights at the ends."""
    low = tuple(draws.integer(1, 2) for _ in range(3))
    return Count((draws.integer(16, 20), *low, draws.integer(24, 40)), draws.real(0.1, 0.9))
