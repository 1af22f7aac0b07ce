"""What D2 says of Metropolis-Hastings and Hamiltonian Monte Carlo: points under a Gaussian mixture, a ring of states.

Not here: the chains' own proofs (`markov`, `phase_space`).
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, transposed
from refvi.derivations.models.gaussians import density
from refvi.derivations.models.markov import least
from refvi.derivations.models.tables import fractions
from refvi.derivations.numbers import approximate, exp, log, number, stack, total

SPACING = 1 / 8
GRID = SPACING * np.arange(-96, 97)  # ±12: means within 1.5, deviations to 0.8 and temperatures to 2.5


@dataclass(frozen=True)
class Jump:
    """Two points of the plane, a third left over from the step before, and a mixture of two normals as target P."""

    here: tuple
    there: tuple
    before: tuple
    weights: tuple
    means: tuple
    sigma: float

    min = staticmethod(least)

    def P(self, x):
        """Density of the mixture of two normals of unit covariance."""
        shares = fractions(self.weights)
        parts = [density(x[0], m[0], 1.0) * density(x[1], m[1], 1.0) for m in self.means]
        return shares[0] * parts[0] + shares[1] * parts[1]

    def N(self, x):
        """N(x; 0, σ² I)."""
        return density(number(x[0]), 0.0, self.sigma) * density(number(x[1]), 0.0, self.sigma)

    def Q(self, new, old):
        """Q(new | old) = N(new; old, σ² I)."""
        return density(number(new[0]), old[0], self.sigma) * density(number(new[1]), old[1], self.sigma)

    @staticmethod
    def minus(x, y):
        """x - y."""
        return tuple(a - b for a, b in zip(x, y, strict=True))


def jumps(draws):
    """Generic points."""
    return Jump(
        draws.reals(2, -1.5, 1.5),
        draws.reals(2, -1.5, 1.5),
        draws.reals(2, -1.5, 1.5),
        draws.weights(2),
        (draws.reals(2, -1.5, 1.5), draws.reals(2, -1.5, 1.5)),
        draws.real(0.4, 1.2),
    )


@dataclass(frozen=True)
class Ring:
    """A target and any proposal on a few states x; the symmetric random walk steps by the law of a step."""

    target_weights: tuple
    proposal_weights: tuple
    symmetric: bool = False

    min = staticmethod(least)

    @cached_property
    def P(self):
        """The target, a column over x and a row over x'."""
        return fractions(self.target_weights)

    @cached_property
    def P_here(self):
        """P(x) as a column."""
        return keep(self.P)

    @cached_property
    def P_there(self):
        """P(x') as a row."""
        return self.P

    @cached_property
    def Q_there(self):
        """Q(x' | x), rows sum to one."""
        rows = stack([fractions(w) for w in self.proposal_weights])
        return (rows + transposed(rows)) / 2.0 if self.symmetric else rows

    @cached_property
    def Q_back(self):
        """Q(x | x') in row x, column x'."""
        return transposed(self.Q_there)

    @cached_property
    def off(self):
        """1 off the diagonal, 0 on it."""
        return 1.0 - np.eye(len(self.target_weights))

    @staticmethod
    def backwards(table):
        """The table of the reverse step."""
        return transposed(table)

    def after_step(self, law, accept):
        """Law after: sample x* ~ Q, u uniform; x* where u < accept, else x."""
        moved = self.Q_there * accept * self.off
        stays = 1.0 - total(moved)
        return total(transposed(keep(law) * moved)) + law * stays

    def chance_of_move(self, law, accept):
        """Chance that a step from this law goes elsewhere."""
        return total(law * total(self.Q_there * accept * self.off))

    def after(self, steps, accept):
        """Law after many steps from the first state; what is left of the start is the error."""
        law = number(1.0 * (np.arange(len(self.target_weights)) == 0))
        for _ in range(steps):
            before, law = law, self.after_step(law, accept)
        left = float(np.abs(law.value - before.value).max())
        return approximate(law.value, 1e3 * left + 1e-14)

    @property
    def is_symmetric(self):
        """True where Q(x' | x) = Q(x | x')."""
        return self.symmetric


def rings(draws):
    """A generic proposal on three or four states, every entry positive."""
    size = draws.integer(3, 4)
    rows = tuple(tuple(draws.integer(3, 19) for _ in range(size)) for _ in range(size))
    return Ring(tuple(draws.integer(2, 19) for _ in range(size)), rows)


def symmetric_rings(draws):
    """The states of a ring, steps to the left and to the right equally likely."""
    made = rings(draws)
    size = len(made.target_weights)
    half = tuple(draws.integer(3, 9) for _ in range(size // 2 + 1))
    law = [half[min(s, size - s)] for s in range(size)]
    return replace(
        made, proposal_weights=tuple(tuple(np.roll(law, s).tolist()) for s in range(size)), symmetric=True
    )


def symmetric_or_any(draws):
    """One or the other."""
    return symmetric_rings(draws) if draws.integer(0, 1) else rings(draws)


@dataclass(frozen=True)
class Canonical:
    """Position q under a mixture π of two normals in one dimension, momentum p in two, temperature T."""

    weights: tuple
    means: tuple
    deviations: tuple
    T: float

    q = number(np.array([-1.3, 0.2, 0.9]))
    p = stack([number(np.array([0.4, -0.8, 1.1])), number(np.array([-0.3, 0.5, 0.7]))])

    x = number(np.array([0.6, -0.5, 0.3]))  # some data

    @property
    def shares(self):
        """π_i."""
        return fractions(self.weights)

    @property
    def components(self):
        """Numbers of the components."""
        return range(len(self.means))

    def pi(self, q):
        """π(q)."""
        return sum(self.shares[i] * density(q, self.means[i], self.deviations[i]) for i in self.components)

    def U(self, q):
        """Potential energy -log π(q)."""
        return -log(self.pi(q))

    @staticmethod
    def K(p):
        """Kinetic energy Σ p_i²/2."""
        return sum(p[i] ** 2 / 2 for i in range(len(p)))

    @staticmethod
    def integral(f):
        """Integral over the line."""
        return total(SPACING * f(number(GRID)))

    @cached_property
    def Z(self):
        """∫∫ exp(-U/T) exp(-K/T) dq dp: one factor for q and one for each of the two momenta."""
        side = self.integral(lambda p: exp(-(p**2) / (2 * self.T)))
        return self.integral(lambda q: exp(-self.U(q) / self.T)) * side * side

    def P(self, q, p):
        """The canonical density: π^(1/T) normalised, times independent normals of variance T."""
        tempered = self.pi(q) ** (1 / self.T) / self.integral(lambda s: self.pi(s) ** (1 / self.T))
        return tempered * density(p[0], 0.0, self.spread) * density(p[1], 0.0, self.spread)

    def energy(self, q, p):
        """H(q, p), the Hamiltonian that the dynamics keep: U + K."""
        return self.U(q) + self.K(p)

    def marginal(self, q):
        """∫ 1/Z exp(-U/T) exp(-K/T) dp at the points q."""
        side = self.integral(lambda p: exp(-(p**2) / (2 * self.T)))
        return exp(-self.U(q) / self.T) * side * side / self.Z

    normal = staticmethod(density)

    @property
    def spread(self):
        """√T."""
        return math.sqrt(self.T)

    @property
    def T_is_one(self):
        """True at unit temperature."""
        return self.T == 1.0


def canonicals(draws):
    """A generic mixture at a generic temperature."""
    return Canonical(
        draws.weights(2), draws.reals(2, -1.5, 1.5), draws.reals(2, 0.5, 0.8), draws.real(1.1, 2.5)
    )


def canonicals_of_any_temperature(draws):
    """The same, every other time at T = 1."""
    made = canonicals(draws)
    return replace(made, T=1.0) if draws.integer(0, 1) else made
