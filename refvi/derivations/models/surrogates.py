"""A table whose prior is softmax(θ) and whose q is softmax(λ), so that a λ in the place of a θ has a value.

Not here: many data (`locals`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.choices import softmax
from refvi.derivations.models.tables import Table
from refvi.derivations.numbers import log, total


@dataclass(frozen=True)
class Surrogate(Table):
    """p(z; θ) = softmax(θ), the likelihood of one x, q(z; λ) = softmax(λ)."""

    theta: tuple = ()
    lam: tuple = ()

    @cached_property
    def prior(self):
        """p(z; θ)."""
        return softmax(self.theta)

    @cached_property
    def q(self):
        """q(z; λ)."""
        return softmax(self.lam)

    def posterior_at(self, parameters):
        """p(z | x; ·) with any logits as the prior's."""
        joint = softmax(parameters) * self.likelihood
        return joint / total(joint)

    @property
    def elbo(self):
        """ELBO(θ, λ; x), as the log evidence less a divergence."""
        return log(self.evidence) - self.KL(self.q, self.posterior)

    def at_posterior(self):
        """The same with q(z; λ) = p(z | x; θ)."""
        return replace(self, lam=tuple(map(float, np.log(self.posterior.value))))

    @property
    def q_is_posterior(self):
        """True where q(z; λ) = p(z | x; θ)."""
        return bool(np.max(np.abs(self.q.value - self.posterior.value)) < 1e-12)


def surrogates(draws):
    """A generic one."""
    size = draws.integer(2, 3)
    return Surrogate(
        (),
        draws.reals(size, 0.0, 1.0),
        (),
        theta=draws.reals(size, -1.2, 1.2),
        lam=draws.reals(size, -1.2, 1.2),
    )


def exact_or_not(draws):
    """Every other time with q at the posterior."""
    made = surrogates(draws)
    return made.at_posterior() if draws.integer(0, 1) else made
