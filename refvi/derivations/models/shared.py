"""Two data that share a latent or do not, and a posterior that is known with or without its normaliser.

Not here: mixtures with parameters (`mixtures`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, sum_all, transposed
from refvi.derivations.models.tables import Table, fractions, tables
from refvi.derivations.numbers import number, stack, total


@dataclass(frozen=True)
class Twins:
    """p(z), p(x | z) as integer weights, one row for each z; two data; shared: one z for both."""

    prior_weights: tuple
    emission_weights: tuple
    xs: tuple
    shared: bool = False

    @cached_property
    def prior(self):
        """p(z)."""
        return fractions(self.prior_weights)

    @cached_property
    def emission(self):
        """p(x | z), shape (z, x)."""
        return stack([fractions(row) for row in self.emission_weights])

    def evidence_of(self, n):
        """p(x^n) of one datum."""
        return total(self.prior * self.emission[:, self.xs[n]])

    @cached_property
    def evidence_together(self):
        """p(x^1, x^2), a sum over one shared or two separate latents."""
        one, two = (self.emission[:, x] for x in self.xs)
        if self.shared:
            return total(self.prior * one * two)
        pairs = keep(self.prior * one) * (self.prior * two)
        return sum_all(pairs)

    @property
    def independent(self):
        """True where the data are independent given the parameters."""
        return not self.shared


def twins(draws):
    """Two data, every other time with a shared latent."""
    rows = tuple(draws.weights(2) for _ in range(2))
    if rows[0][0] * rows[1][1] == rows[0][1] * rows[1][0]:
        rows = (rows[0], (rows[1][0] + 20, rows[1][1]))
    xs = (draws.integer(0, 1), draws.integer(0, 1))
    return Twins(draws.weights(2), rows, xs, shared=bool(draws.integer(0, 1)))


@dataclass(frozen=True)
class Known(Table):
    """A table whose posterior is known up to a constant."""

    constant: float = 1.0

    @cached_property
    def known_posterior(self):
        """The posterior as it is known."""
        return self.posterior * self.constant

    @property
    def is_normalised(self):
        """True where the known posterior sums to one."""
        return self.constant == 1.0


def known_or_unnormalised(draws):
    """Every other time without the normaliser."""
    made = tables(draws)
    known = Known(**{name: getattr(made, name) for name in made.__dataclass_fields__})
    return replace(known, constant=draws.real(1.2, 3.0)) if draws.integer(0, 1) else known


@dataclass(frozen=True)
class Graph:
    """A directed graph z → x_1, z → x_2 by its conditional tables (integer weights)."""

    prior_weights: tuple
    first_weights: tuple
    second_weights: tuple

    @cached_property
    def joint(self):
        """p(x_1, x_2, z) counted with a common denominator, shape (z, x_1, x_2)."""
        first, second = np.array(self.first_weights, float), np.array(self.second_weights, float)
        first, second = first / first.sum(1, keepdims=True), second / second.sum(1, keepdims=True)
        prior = np.array(self.prior_weights, float) / sum(self.prior_weights)
        value = prior[:, None, None] * first[:, :, None] * second[:, None, :]
        return number(value) * 1.0

    @cached_property
    def z_law(self):
        """p(z), shape (z, 1, 1), by summing the joint."""
        return keep(keep(sum_all(self.joint)))

    @cached_property
    def first_given_z(self):
        """p(x_1 | z), shape (z, x_1, 1)."""
        return keep(total(self.joint)) / self.z_law

    @cached_property
    def second_given_z(self):
        """p(x_2 | z), shape (z, 1, x_2)."""
        return transposed(keep(total(transposed(self.joint)))) / self.z_law


def graphs(draws):
    """A generic one."""
    return Graph(
        draws.weights(2),
        (draws.weights(2), draws.weights(2)),
        (draws.weights(3), draws.weights(3)),
    )
