"""Two latents with a coupled posterior and a q that factorises: coordinate ascent in closed form.

Not here: single latents (`tables`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, sum_all, transposed
from refvi.derivations.models.tables import fractions
from refvi.derivations.numbers import exp, log, number, total


@dataclass(frozen=True)
class Factors:
    """p(x, z_1, z_2) at one x as integer weights over a scale, q_1 and q_2 as integer weights."""

    weights: tuple
    one_weights: tuple
    two_weights: tuple
    scale: int = 200

    total = staticmethod(total)

    @cached_property
    def joint(self):
        """p(x, z_1, z_2), shape (z_1, z_2)."""
        return number(np.array(self.weights, dtype=np.float64)) / float(self.scale)

    @cached_property
    def evidence(self):
        """p(x)."""
        return sum_all(self.joint)

    @cached_property
    def q_one(self):
        """q_1(z_1)."""
        return fractions(self.one_weights)

    @cached_property
    def q_two(self):
        """q_2(z_2)."""
        return fractions(self.two_weights)

    def elbo(self, one, two):
        """E_{q_1 q_2} log p(x, z_1, z_2) / q_1 q_2."""
        q = keep(one) * two
        return sum_all(q * log(self.joint / q))

    def mean_over_two(self, two):
        """E_{q_2} log p(x, z_1, z_2) for every z_1."""
        return total(two * log(self.joint))

    def mean_over_one(self, one):
        """E_{q_1} log p(x, z_1, z_2) for every z_2."""
        return total(one * log(transposed(self.joint)))

    @cached_property
    def best_one(self):
        """q_1 after its update."""
        weights = exp(self.mean_over_two(self.q_two))
        return weights / total(weights)

    @cached_property
    def best_two(self):
        """q_2 after its update, q_1 having made its own."""
        weights = exp(self.mean_over_one(self.best_one))
        return weights / total(weights)

    def entropy(self, law):
        """H of a law."""
        return -total(law * log(law))


def factors(draws):
    """A generic one."""
    return Factors(
        tuple(draws.weights(3) for _ in range(2)), draws.weights(2), draws.weights(3), draws.integer(180, 220)
    )
