"""A Metropolis-Hastings chain on a few states, an autoregression, and a handful of draws: what sums and powers decide.

Not here: continuous phase space (`phase_space`).
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, transposed
from refvi.derivations.models.tables import fractions
from refvi.derivations.numbers import Number, approximate, number, sqrt, stack, total


def least(a, b):
    """Entry by entry the smaller of two Numbers."""
    a, b = number(a), number(b)
    first = a.value <= b.value
    fields = ((getattr(a, f), getattr(b, f)) for f in ("value", "size", "error"))
    return Number(*(np.where(first, x, y) for x, y in fields))


@dataclass(frozen=True)
class FiniteChain:
    """Target, proposal (a row of weights from every state) and a function on S states."""

    target_weights: tuple
    proposal_weights: tuple
    values: tuple
    N: int = 4

    @cached_property
    def pi(self):
        """The target, shape (S,)."""
        return fractions(self.target_weights)

    @cached_property
    def g(self):
        """g(y | x) in row x, shape (S, S)."""
        return stack([fractions(row) for row in self.proposal_weights])

    @cached_property
    def T(self):
        """The chain: off the diagonal min(g(y|x), π(y)g(x|y)/π(x)), on it what is missing to one."""
        moved = least(self.g, self.pi * transposed(self.g) / keep(self.pi))
        off = 1.0 - np.eye(len(self.values))
        stays = 1.0 - total(moved * off)
        return moved * off + keep(stays) * np.eye(len(self.values))

    @cached_property
    def pairs(self):
        """Index arrays of all ordered pairs of different states."""
        return np.array(list(itertools.permutations(range(len(self.values)), 2))).T

    def at(self, table, back=False):
        """Entries [x, y] of a table over all pairs, or [y, x]."""
        x, y = self.pairs
        return table[y, x] if back else table[x, y]

    @cached_property
    def pi_x(self):
        """π(x) over all pairs."""
        return self.pi[self.pairs[0]]

    @cached_property
    def pi_y(self):
        """π(y)."""
        return self.pi[self.pairs[1]]

    @cached_property
    def g_there(self):
        """g(y | x)."""
        return self.at(self.g)

    @cached_property
    def g_back(self):
        """g(x | y)."""
        return self.at(self.g, back=True)

    @cached_property
    def T_there(self):
        """T(y | x)."""
        return self.at(self.T)

    @cached_property
    def T_back(self):
        """T(x | y)."""
        return self.at(self.T, back=True)

    least = staticmethod(least)
    column = staticmethod(keep)
    transposed = staticmethod(transposed)
    total = staticmethod(total)

    # ---- correlations

    @cached_property
    def f(self):
        """The function, its mean under the target subtracted."""
        values = number(self.values)
        return values - total(self.pi * values)

    def after(self, steps, f):
        """T^steps f: the mean of f some steps later, from every state."""
        for _ in range(steps):
            f = total(self.T * f)
        return f

    def c(self, lag):
        """cov(f(x_0), f(x_lag)) in equilibrium."""
        return total(self.pi * self.f * self.after(lag, self.f))

    def rho(self, lag):
        """Autocorrelation."""
        return self.c(lag) / self.c(0)

    @cached_property
    def rhos(self):
        """Autocorrelations at lags 0 ... 511, by one pass of powers."""
        moved, found = self.f, []
        for _ in range(512):
            found.append(total(self.pi * self.f * moved))
            moved = total(self.T * moved)
        return stack(found) / found[0]

    def scaled_variance(self, count):
        """N Var(mean of N draws) / c_0 = 1 + 2 Σ_{t<N} (1 - t/N) ρ_t."""
        lags = np.arange(1, count)
        return 1.0 + 2.0 * total((1.0 - lags / count) * self.rhos[1:count])

    def E_paths(self, count, function):
        """E over every path of `count` states in equilibrium; function takes their indices, shape (count, paths)."""
        z = np.array(list(itertools.product(range(len(self.values)), repeat=count))).T
        weight = self.pi[z[0]]
        for before, after in itertools.pairwise(z):
            weight = weight * self.T[before, after]
        return total(weight * function(z))

    @cached_property
    def summed(self):
        """Z f = Σ_t T^t f, by solving (I - T + 1 π) Z f = f."""
        matrix = np.eye(len(self.values)) - self.T.value + self.pi.value
        found = np.linalg.solve(matrix, self.f.value)
        return approximate(found, 2.0**-46 * np.linalg.cond(matrix) * np.abs(found).max() + 0.0 * found)

    @cached_property
    def spectrum(self):
        """Eigenvalues λ_i of the chain and the shares w_i of f's variance: ρ_t = Σ w_i λ_i^t."""
        root = np.sqrt(self.pi.value)
        values, vectors = np.linalg.eigh(0.5 * (a := root[:, None] * self.T.value / root) + 0.5 * a.T)
        shares = (vectors.T @ (root * self.f.value)) ** 2
        error = 2.0**-44 + 0.0 * values
        return approximate(values, error), approximate(shares / shares.sum(), error)


def _chain(draws, size):
    """A function that differs between all states, in no order."""
    places = (0.9, -0.6, 0.2, -1.3)
    return FiniteChain(
        draws.weights(size),
        tuple(draws.weights(size) for _ in range(size)),
        tuple(draws.real(place - 0.3, place + 0.3) for place in places[:size]),
    )


def finite_chains(draws):
    """Three or four states in generic position."""
    return _chain(draws, draws.integer(3, 4))


def small_chains(draws):
    """Three states, whose paths can be enumerated."""
    return _chain(draws, 3)


@dataclass(frozen=True)
class Autoregression:
    """x' = a x + sqrt(1 - a²) noise."""

    a: float
    N: int = 1000

    total = staticmethod(total)

    def powers(self, last):
        """a^1, ..., a^last."""
        return number(self.a ** np.arange(1.0, last + 1.0))


def autoregressions(draws):
    """A coefficient of either sign."""
    return Autoregression(draws.real(-0.8, 0.8))


@dataclass(frozen=True)
class ChainDraws:
    """Draws of a few chains, shape (M, N)."""

    rows: tuple

    @cached_property
    def x(self):
        """The draws."""
        return number(self.rows)

    @property
    def M(self):
        """Number of chains."""
        return len(self.rows)

    @property
    def N(self):
        """Draws of each."""
        return len(self.rows[0])

    @cached_property
    def m(self):
        """Means of the chains, shape (M,)."""
        return total(self.x) / float(self.N)

    @cached_property
    def centre(self):
        """Mean of all draws."""
        return total(self.m) / float(self.M)

    @cached_property
    def W(self):
        """Mean of the chains' sample variances."""
        return total(total((self.x - keep(self.m)) ** 2) / (self.N - 1.0)) / float(self.M)

    @cached_property
    def B(self):
        """N times the sample variance of the chains' means."""
        return self.N * total((self.m - self.centre) ** 2) / (self.M - 1.0)

    def acov(self, lag):
        """Biased autocovariance of the first chain: divided by N at every lag."""
        y = self.x[0] - self.m[0]
        return total(y[: self.N - lag] * y[lag:]) / float(self.N)

    column = staticmethod(keep)
    total = staticmethod(total)
    root = staticmethod(sqrt)


def chain_draws(draws):
    """Three chains of five draws that all differ."""
    places = ((0.3, 1.1, -0.8, -0.2, 0.7), (-1.2, -0.4, 0.9, 0.1, -0.7), (1.3, 0.6, -0.1, 0.8, 1.8))
    return ChainDraws(tuple(tuple(draws.real(p - 0.2, p + 0.2) for p in row) for row in places))
