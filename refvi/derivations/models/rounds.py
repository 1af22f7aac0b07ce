"""Rounds of wake-sleep whose two phases are each taken to their optimum, in closed form; two visible bits, one latent.

p(z) has two states, p(x_d = 1 | z) is a table; q(z | x) is any table of the visible bits that it sees.
Not here: steps along gradients (`dreams`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, sum_all, transposed
from refvi.derivations.models.bits import BITS
from refvi.derivations.models.tables import fractions
from refvi.derivations.numbers import exp, log, number, stack, total


@dataclass(frozen=True)
class Rounds:
    """Data as weights of the four x; prior weights; emissions, a row for each z; sees: how many bits of x q sees.

    ascents  EM steps that θ has behind it (θ is near a maximum of the likelihood where there are many)
    """

    data_weights: tuple
    prior_weights: tuple
    emissions: tuple
    sees: int = 2
    ascents: int = 0

    x = BITS
    total = staticmethod(total)

    @property
    def sees_everything(self):
        """True where q can be any table, so also the posterior."""
        return self.sees == 2

    @cached_property
    def data(self):
        """Law of the data, shape (x,)."""
        return fractions(self.data_weights)

    @cached_property
    def theta(self):
        """(prior, emissions) after the EM steps; exact inputs from here on."""
        prior, on = fractions(self.prior_weights), number(np.array(self.emissions))
        for _ in range(self.ascents):
            prior, on = self.wake(self.posterior((prior, on)))
            prior, on = number(prior.value), number(on.value)
        return prior, on

    def joint(self, theta):
        """p(x, z), shape (x, z)."""
        prior, on = theta
        one, two = (
            self.x[:, d : d + 1] * on[:, d] + (1.0 - self.x[:, d : d + 1]) * (1.0 - on[:, d]) for d in (0, 1)
        )
        return prior * one * two

    def posterior(self, theta):
        """p(z | x)."""
        return self.joint(theta) / keep(total(self.joint(theta)))

    def log_evidence(self, theta):
        """E_data log p(x)."""
        return total(self.data * log(total(self.joint(theta))))

    def sleep(self, theta):
        """The q that is best for dreams, arg max E_{p(x,z)} log q(z|x): the average of p(x, z) over what q does not see."""
        joint = self.joint(theta)
        same = 1.0 * np.all(self.x[:, None, : self.sees] == self.x[None, :, : self.sees], axis=-1)
        seen = stack([total(transposed(joint) * row) for row in same])
        return seen / keep(total(seen))

    def wake(self, q):
        """The θ that is best for q, arg max E_data E_q log p(x, z): frequencies."""
        weight = transposed(keep(self.data) * q)  # (z, x)
        prior = total(weight)
        on = transposed(stack([total(weight * self.x[:, d]) / prior for d in (0, 1)]))
        return prior, on

    def after_round(self):
        """θ after the sleep phase and then the wake phase."""
        return self.wake(self.sleep(self.theta))

    def after_em(self):
        """θ after one EM step."""
        return self.wake(self.posterior(self.theta))

    def bound(self, theta, q):
        """E_data L."""
        return sum_all(keep(self.data) * q * log(self.joint(theta) / q))

    def marginal(self, theta):
        """p(z, what q sees), repeated over what it does not see and divided by how often it is repeated."""
        joint = self.joint(theta)
        same = 1.0 * np.all(self.x[:, None, : self.sees] == self.x[None, :, : self.sees], axis=-1)
        return stack([total(transposed(joint) * row) / row.sum() for row in same])

    def sleep_objective(self, theta, q):
        """E_{p(x,z)} log q(z | x)."""
        return sum_all(self.joint(theta) * log(q))

    def best_for_the_bound(self, theta):
        """arg max_q E_data L: the normalised geometric mean over what q does not see, weighted by the data."""
        same = 1.0 * np.all(self.x[:, None, : self.sees] == self.x[None, :, : self.sees], axis=-1)
        weight = number(same) * self.data
        weight = weight / keep(total(weight))
        logs = transposed(log(self.joint(theta)))  # (z, x)
        mean = transposed(stack([total(weight * row) for row in logs]))
        return exp(mean) / keep(total(exp(mean)))


def rounds(draws):
    """A generic one, q sees both bits."""
    return Rounds(
        tuple(draws.integer(3, 19) for _ in range(4)),
        tuple(draws.integer(3, 19) for _ in range(2)),
        tuple(draws.reals(2, 0.1, 0.9) for _ in range(2)),
    )


def fitted_rounds(draws):
    """Strongly correlated bits; q sees one bit and θ is near the maximum, every other time q sees both."""
    strong, weak = [draws.integer(12, 19) for _ in range(2)], [draws.integer(1, 3) for _ in range(2)]
    sees = draws.integer(1, 2)
    return Rounds(
        (strong[0], weak[0], weak[1], strong[1]),
        tuple(draws.integer(8, 12) for _ in range(2)),
        ((draws.real(0.1, 0.4), draws.real(0.1, 0.4)), (draws.real(0.6, 0.9), draws.real(0.6, 0.9))),
        sees=sees,
        ascents=40 if sees == 1 else 2,
    )


def blind_rounds(draws):
    """The same where q sees one bit."""
    return replace(fitted_rounds(draws), sees=1, ascents=40)
