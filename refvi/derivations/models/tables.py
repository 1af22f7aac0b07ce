"""One observed x and a latent z with a few states: every expectation is a finite sum.

Not here: gradients (`choices`), continuous latents (`gaussians`).
"""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.numbers import Number, log, number, total


def fractions(weights):
    """Integer weights as probabilities."""
    return number(np.array(weights, dtype=np.float64)) / float(sum(weights))


class Enumerated:
    """A model whose `prior` and `likelihood` are tables over all states of the latents."""

    @cached_property
    def joint(self):
        """p(x, z)."""
        return self.prior * self.likelihood

    @cached_property
    def evidence(self):
        """p(x)."""
        return total(self.joint)

    @cached_property
    def posterior(self):
        """p(z | x)."""
        return self.joint / self.evidence


@dataclass(frozen=True)
class Table(Enumerated):
    """p(z), p(x | z) at the observed x, and q(z), for S states of z; k is a number of samples."""

    prior_weights: tuple
    likelihood_table: tuple
    q_weights: tuple
    k: int = 2

    @cached_property
    def prior(self):
        """p(z), shape (S,)."""
        return fractions(self.prior_weights)

    @cached_property
    def likelihood(self):
        """p(x | z), shape (S,)."""
        return number(self.likelihood_table)

    @cached_property
    def q(self):
        """q(z | x)."""
        return fractions(self.q_weights)

    @cached_property
    def w(self):
        """Importance weights p(x, z) / q(z | x)."""
        return self.joint / self.q

    def E(self, f):
        """E_q f for a table f over the states (last axis)."""
        return total(self.q * f)

    @staticmethod
    def total(f):
        """Sum over the states."""
        return total(f)

    @staticmethod
    def KL(a, b):
        """KL(a || b) of two tables."""
        return total(a * log(a / b))

    def tuples(self, k):
        """Every tuple of k draws, shape (k, S^k)."""
        return np.array(list(itertools.product(range(len(self.q)), repeat=k))).T

    def E_draws(self, k, f):
        """E f(z_1 .. z_k) over k independent draws; f takes the states' numbers, shape (k, S^k)."""
        z = self.tuples(k)
        weight = number(1.0)
        for i in range(k):
            weight = weight * self.q[z[i]]
        return total(weight * f(z))

    def at_posterior(self):
        """The same model with q(z | x) = p(z | x)."""
        return AtPosterior(**{name: getattr(self, name) for name in self.__dataclass_fields__})

    def E_counts(self, k, f):
        """E f(average weight) over k draws by how often each state came: exact for large k and few states."""
        states = len(self.q)
        values, weights = [], []
        log_q = np.log(self.q.value)
        for bars in itertools.combinations(range(k + states - 1), states - 1):
            counts = np.diff([-1, *bars, k + states - 1]) - 1
            log_ways = math.lgamma(k + 1) - math.fsum(math.lgamma(c + 1) for c in counts)
            weights.append(math.exp(log_ways + float(counts @ log_q)))
            values.append(float(f(counts @ self.w.value / k)))
        sum_ = math.fsum(a * b for a, b in zip(weights, values))
        size = math.fsum(a * abs(b) for a, b in zip(weights, values))
        return Number(sum_, size * k * math.log(k + 1.0) + size)  # lgamma(k) is off by u·k log k


class AtPosterior(Table):
    """A table whose q is the posterior."""

    @cached_property
    def q(self):
        """q(z | x) = p(z | x)."""
        return self.posterior


def tables(draws, states=(3, 4), k=(2, 3)):
    """A generic table."""
    size = draws.integer(*states)
    return Table(draws.weights(size), draws.reals(size, 0.0, 1.0), draws.weights(size), draws.integer(*k))


def small_tables(draws):
    """Two states and moderate weights, for sums over many draws."""
    size = 2
    flat = tuple(draws.integer(5, 12) for _ in range(2 * size))
    return Table(flat[:size], draws.reals(size, 0.3, 0.9), flat[size:])


@dataclass(frozen=True)
class JointTable:
    """p(x, z) as integer weights over a few x (rows) and z (columns)."""

    weights: tuple

    @cached_property
    def p_xz(self):
        """p(x, z), shape (X, S)."""
        counts = np.array(self.weights, dtype=np.float64)
        return number(counts) / counts.sum()

    @cached_property
    def p_x(self):
        """p(x), shape (X, 1)."""
        counts = np.array(self.weights, dtype=np.float64)
        return number(counts.sum(1, keepdims=True)) / counts.sum()

    @cached_property
    def p_z(self):
        """p(z), shape (S,)."""
        counts = np.array(self.weights, dtype=np.float64)
        return number(counts.sum(0)) / counts.sum()

    @cached_property
    def p_x_given_z(self):
        """p(x | z), shape (X, S): every column sums to 1."""
        counts = np.array(self.weights, dtype=np.float64)
        return number(counts) / counts.sum(0)

    @cached_property
    def p_z_given_x(self):
        """p(z | x), shape (X, S): every row sums to 1."""
        counts = np.array(self.weights, dtype=np.float64)
        return number(counts) / counts.sum(1, keepdims=True)

    @staticmethod
    def over_z(f):
        """Sum over z; a column over x."""
        found = total(f)
        return found[:, None]

    @cached_property
    def p_two(self):
        """p(x, x') of two independent samples, summed over both latents, shape (X, X)."""
        x = self.p_xz
        pairs = [[total(total(_outer(x[i], x[j]))) for j in range(len(x))] for i in range(len(x))]
        return Number(
            *(np.array([[getattr(p, f) for p in row] for row in pairs]) for f in ("value", "size", "error"))
        )

    @property
    def p_x_row(self):
        """p(x) as a row."""
        return self.p_x.rearranged(np.transpose)


def _outer(a, b):
    """All products of two vectors."""
    return a[:, None] * b


def joint_tables(draws):
    """A generic joint table of two or three x and as many z."""
    columns = draws.integer(2, 3)
    return JointTable(tuple(draws.weights(columns) for _ in range(draws.integer(2, 3))))
