"""A hidden Markov model with two states, three steps and two symbols: forward, backward and all eight paths.

θ = logits of the start (2), of the transitions (2 rows of 2) and of the emissions (2 rows of 2).
Not here: independent data (`mixtures`).
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, nabla, rows_of, softmax_rows
from refvi.derivations.numbers import log, number, stack, total

S = 2


@dataclass(frozen=True)
class Hidden:
    """θ and the observed symbols."""

    theta: tuple
    xs: tuple

    total = staticmethod(total)

    @property
    def T(self):
        """Steps."""
        return len(self.xs)

    def tables(self, theta):
        """Start (z,), transitions (z, z'), emissions (z, x)."""
        rows = softmax_rows(rows_of(theta, S))
        return rows[0], rows[1:3], rows[3:5]

    @cached_property
    def paths(self):
        """Every path, shape (paths, T)."""
        return np.array(list(itertools.product(range(S), repeat=self.T)))

    def joint_at(self, theta):
        """p(x, z) for every path z, shape (paths,)."""
        start, move, emit = self.tables(theta)
        z = self.paths
        value = start[z[:, 0]] * emit[z[:, 0], self.xs[0]]
        for t in range(1, self.T):
            value = value * move[z[:, t - 1], z[:, t]] * emit[z[:, t], self.xs[t]]
        return value

    @cached_property
    def joint(self):
        """p(x, z) at θ."""
        return self.joint_at(self.theta)

    @cached_property
    def posterior(self):
        """p(z | x) for every path."""
        return self.joint / total(self.joint)

    def alpha_at(self, theta):
        """Forward messages p(x_1 .. x_t, z_t), one table for each t."""
        start, move, emit = self.tables(theta)
        found = [start * emit[:, self.xs[0]]]
        for t in range(1, self.T):
            arrive = stack([total(found[-1] * move[:, z]) for z in range(S)])
            found.append(arrive * emit[:, self.xs[t]])
        return found

    def log_evidence_at(self, theta):
        """log p(x) by the forward recursion."""
        return log(total(self.alpha_at(theta)[-1]))

    @cached_property
    def alpha(self):
        """Forward messages at θ."""
        return self.alpha_at(self.theta)

    @cached_property
    def beta(self):
        """Backward messages p(x_{t+1} .. x_T | z_t)."""
        _, move, emit = self.tables(self.theta)
        found = [number(np.ones(S))]
        for t in range(self.T - 1, 0, -1):
            found.insert(0, stack([total(move[z] * emit[:, self.xs[t]] * found[0]) for z in range(S)]))
        return found

    @cached_property
    def gamma(self):
        """p(z_t | x) by forward and backward messages, shape (T, S)."""
        both = [self.alpha[t] * self.beta[t] for t in range(self.T)]
        return stack([b / total(b) for b in both])

    @cached_property
    def xi(self):
        """p(z_t, z_{t+1} | x), shape (T - 1, S, S)."""
        _, move, emit = self.tables(self.theta)
        found = []
        for t in range(self.T - 1):
            table = keep(self.alpha[t]) * move * (emit[:, self.xs[t + 1]] * self.beta[t + 1])
            found.append(table / total(total(table)))
        return stack(found)

    @cached_property
    def grad_log_joint(self):
        """∇_θ log p(x, z) for every path, shape (10, paths): counts minus what was expected."""
        start, move, emit = self.tables(self.theta)
        z, rows = self.paths, []
        at = [[1.0 * (z[:, t] == s) for s in range(S)] for t in range(self.T)]
        for s in range(S):
            rows.append(at[0][s] - start[s])
        for s, r in itertools.product(range(S), repeat=2):
            rows.append(sum(at[t][s] * (at[t + 1][r] - move[s, r]) for t in range(self.T - 1)))
        for s, x in itertools.product(range(S), repeat=2):
            rows.append(sum(at[t][s] * (1.0 * (self.xs[t] == x) - emit[s, x]) for t in range(self.T)))
        return stack([number(r) for r in rows])

    @cached_property
    def expected_counts(self):
        """The same under the posterior, from forward and backward messages alone, shape (10,)."""
        start, move, emit = self.tables(self.theta)
        rows = [self.gamma[0, s] - start[s] for s in range(S)]
        for s, r in itertools.product(range(S), repeat=2):
            rows.append(sum(self.xi[t, s, r] - self.gamma[t, s] * move[s, r] for t in range(self.T - 1)))
        for s, x in itertools.product(range(S), repeat=2):
            seen = [1.0 * (symbol == x) for symbol in self.xs]
            rows.append(sum(self.gamma[t, s] * (seen[t] - emit[s, x]) for t in range(self.T)))
        return stack(rows)

    def nabla(self, function):
        """∇_θ by differences."""
        return nabla(function, self.theta)


def hidden(draws):
    """A generic one."""
    return Hidden(draws.reals(10, -1.5, 1.5), tuple(draws.integer(0, 1) for _ in range(3)))
