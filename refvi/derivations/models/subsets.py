"""A table with the k-subsets of k + 1 draws, all equally likely or not.

Not here: the bound for many samples (`covers`).
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

from refvi.derivations.models.tables import AtPosterior, Table, fractions, tables
from refvi.derivations.numbers import number


@dataclass(frozen=True)
class Subsets(Table):
    """A table, numbers a_1 .. a_{k+1}, and the law of a subset M = {m_1 < .. < m_k} of {1 .. k+1}."""

    numbers: tuple = ()
    subset_weights: tuple = ()

    i = 0  # the index that is free where a formula has m^i under a sum over j: the first

    @cached_property
    def a(self):
        """Any numbers a_1 .. a_{k+1}."""
        return number(self.numbers)

    @property
    def is_uniform(self):
        """True where every subset is equally likely."""
        return not self.subset_weights

    def E_M(self, f):
        """Mean over the subsets; f takes the list m of k indices."""
        chosen = list(itertools.combinations(range(self.k + 1), self.k))
        law = fractions(self.subset_weights or (1,) * len(chosen))
        return sum(law[n] * f(m) for n, m in enumerate(chosen))

    def E_next(self, f):
        """E f(z_1 .. z_{k+1}): one draw more than k."""
        return self.E_draws(self.k + 1, f)

    def at_posterior(self):
        """The same with q(z | x) = p(z | x)."""
        return SubsetsAtPosterior(**{name: getattr(self, name) for name in self.__dataclass_fields__})


class SubsetsAtPosterior(AtPosterior, Subsets):
    """Subsets where q is the posterior."""


def subsets(draws):
    """A generic table, every subset equally likely."""
    made = tables(draws, states=(2, 3))
    return Subsets(
        made.prior_weights,
        made.likelihood_table,
        made.q_weights,
        made.k,
        draws.reals(made.k + 1, -1.0, 2.0),
    )


def subsets_of_some_law(draws):
    """The same, every other time with unequal chances."""
    made = subsets(draws)
    if draws.integer(0, 1):
        return made
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
    return Subsets(**{**fields, "subset_weights": tuple(3 + 2 * n for n in range(made.k + 1))})
