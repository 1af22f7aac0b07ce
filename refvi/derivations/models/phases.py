"""The wake phase over a finite set of θ, and a recognition model over a finite set of q: maxima are exact.

Not here: gradients (`dreams`), logistic units (`bits`).
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import best
from refvi.derivations.models.tables import AtPosterior, Table, fractions
from refvi.derivations.numbers import Number, log, number, stack, total


def largest(values):
    """Entry by entry the largest of several Numbers."""
    found = stack(values)
    at = np.argmax(found.value, axis=0)[None]
    return Number(*(np.take_along_axis(a, at, 0)[0] for a in (found.value, found.size, found.error)))


@dataclass(frozen=True)
class Phase:
    """N data x^i with q(z | x^i), and a list of θ, each a prior and the values p_θ(x^i | z)."""

    q_weights: tuple
    priors: tuple
    likelihoods: tuple

    @property
    def N(self):
        """Number of data."""
        return len(self.q_weights)

    @property
    def thetas(self):
        """Numbers of the θ."""
        return range(len(self.likelihoods))

    @cached_property
    def prior_is_fixed(self):
        """True where p(z) is the same for every θ."""
        return len(set(self.priors)) == 1

    def q_at(self, i):
        """q(z | x^i), shape (S,)."""
        return fractions(self.q_weights[i])

    @cached_property
    def q(self):
        """q(z | x) at the first x."""
        return self.q_at(0)

    def prior(self, theta):
        """p(z)."""
        return fractions(self.priors[theta])

    def likelihood(self, theta, i=0):
        """p_θ(x^i | z), shape (S,)."""
        return number(self.likelihoods[theta][i])

    def joint(self, theta):
        """p_θ(x, z) at the first x."""
        return self.prior(theta) * self.likelihood(theta)

    def posterior(self, theta):
        """p_θ(z | x) at the first x."""
        return self.joint(theta) / total(self.joint(theta))

    def q_theta(self, theta):
        """What q_θ(z | x) can only mean: the generative model's own recognition, its posterior."""
        return self.posterior(theta)

    total = staticmethod(total)

    def evidence(self, theta):
        """p_θ(x) at the first x."""
        return total(self.joint(theta))

    @staticmethod
    def KL(a, b):
        """KL(a || b) of two tables."""
        return total(a * log(a / b))

    def E(self, f):
        """E_q at the first x, of a table over z."""
        return total(self.q * f)

    def E_at(self, i, f):
        """E under q(z | x^i), of a table over z."""
        return total(self.q_at(i) * f)

    def E_each(self, f):
        """E over z^i ~ q(z | x^i), i = 1 .. N, independent; f takes their states, shape (N, tuples)."""
        z = np.array(list(itertools.product(range(len(self.q)), repeat=self.N))).T
        weight = number(1.0)
        for i in range(self.N):
            weight = weight * self.q_at(i)[z[i]]
        return total(weight * f(z))

    def max_theta(self, f):
        """Largest value over θ."""
        return largest([f(theta) for theta in self.thetas])

    def arg_max_theta(self, f):
        """Which θ has the largest value."""
        return best(f, self.thetas)


def phases(draws):
    """Two data, two states, four θ; the prior does not depend on θ."""
    prior = draws.weights(2)
    return Phase(
        (draws.weights(2), draws.weights(2)),
        (prior,) * 4,
        tuple(tuple(draws.reals(2, 0.0, 1.0) for _ in range(2)) for _ in range(4)),
    )


def phases_of_any_prior(draws):
    """The same, every other time with a prior that depends on θ."""
    made = phases(draws)
    if draws.integer(0, 1):
        return made
    return Phase(made.q_weights, tuple(draws.weights(2) for _ in range(4)), made.likelihoods)


@dataclass(frozen=True)
class Recognition(Table):
    """A table with a list of recognition models q at its x."""

    qs: tuple = ()

    def at_posterior(self):
        """The same with q(z | x) = p(z | x)."""
        return RecognitionAtPosterior(**{name: getattr(self, name) for name in self.__dataclass_fields__})

    @property
    def phis(self):
        """The recognition models, tables over z."""
        return [fractions(q) for q in self.qs]

    def E_posterior(self, f):
        """E under p(z | x)."""
        return total(self.posterior * f)

    def free_energy(self, q):
        """F'(q) = -log p(x) + KL(p(z|x) || q)."""
        return -log(self.evidence) + self.KL(self.posterior, q)

    def max_phi(self, f):
        """Largest value over the recognition models, entry by entry."""
        return largest([f(q) for q in self.phis])

    def E_dreams(self, f):
        """E over k dreams z of this x, z ~ p(z | x), independent; f takes their states, shape (k, S^k)."""
        z = self.tuples(self.k)
        weight = number(1.0)
        for i in range(self.k):
            weight = weight * self.posterior[z[i]]
        return total(weight * f(z))

    def arg_max_phi(self, f):
        """Which q has the largest value."""
        return best(f, self.phis)

    def arg_min_phi(self, f):
        """Which q has the smallest value."""
        return best(f, self.phis, -1.0)


class RecognitionAtPosterior(AtPosterior, Recognition):
    """Where q is the posterior."""


def recognitions(draws):
    """A generic one with five q."""
    size = draws.integer(2, 3)
    return Recognition(
        draws.weights(size),
        draws.reals(size, 0.0, 1.0),
        draws.weights(size),
        2,
        tuple(draws.weights(size) for _ in range(5)),
    )
