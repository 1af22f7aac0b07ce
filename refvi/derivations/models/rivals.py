"""Small things that tell two sides of a sentence apart: a coin with its score, a picture and its translation, priors.

Not here: anything with a gradient in a continuous latent (`decoders`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

from refvi.derivations.models.arrays import keep, transposed
from refvi.derivations.models.dreams import Dreams, dreams
from refvi.derivations.models.encoders import Encoder, encoders
from refvi.derivations.models.tables import AtPosterior, Table, tables
from refvi.derivations.models.variances import Coin
from refvi.derivations.numbers import number, stack, total


@dataclass(frozen=True)
class ScoredCoin(Coin):
    """z = [u < π] with its score: a discrete latent and both gradient estimators."""

    @cached_property
    def f_of_z(self):
        """f at tails and at heads."""
        return number([self.tails, self.heads])

    @cached_property
    def score(self):
        """∂_π log q(z) at tails and at heads, shape (1, 2)."""
        pi = self.phi[0]
        return stack([number([-1.0, 1.0]) / number([1.0 - pi, pi])])

    def E_z(self, f):
        """E over the two states."""
        pi = self.phi[0]
        return total(number([1.0 - pi, pi]) * f)


def coins(draws):
    """A generic coin."""
    return ScoredCoin((draws.real(0.2, 0.8),), draws.real(0.5, 2.0), draws.real(-2.0, -0.5))


@dataclass(frozen=True)
class Picture(Encoder):
    """Two pixels; the translation exchanges them."""

    def log_likelihood_of(self, x):
        """log p_θ(x | z) at three z, for any x."""
        mean = self.mu_theta(self.z_hat)
        return stack([self.log_normal([number(x[d])], [mean[d]], self.identity[:1, :1]) for d in (0, 1)])

    @property
    def translated(self):
        """x with its pixels exchanged."""
        return self.x[::-1]

    @property
    def mean_is_flat(self):
        """True where the decoder paints both pixels alike."""
        return self.W[0] == self.W[1] and self.b[0] == self.b[1]


def pictures(draws):
    """A generic decoder, every other time one that paints both pixels alike."""
    made = encoders(draws)
    while len(made.x) != 2 or made.x[0] == made.x[1]:
        made = encoders(draws)
    found = Picture(**{name: getattr(made, name) for name in made.__dataclass_fields__})
    if draws.integer(0, 1):
        return replace(found, W=(found.W[0],) * 2, b=(found.b[0],) * 2)
    return found


@dataclass(frozen=True)
class Averaged(Dreams):
    """Tables with the average of q(z | x) over the data as a prior."""

    @cached_property
    def average_q(self):
        """E_data q(z | x), shape (S,)."""
        return total(transposed(keep(self.data) * self.q))


def averages(draws):
    """A generic one."""
    made = dreams(draws)
    return Averaged(**{name: getattr(made, name) for name in made.__dataclass_fields__})


class Sampled(Table):
    """A table whose states are counted 0, 1, ..."""

    q_is_posterior = False

    @property
    def states(self):
        """The states as numbers."""
        return number([float(s) for s in range(len(self.q_weights))])

    def E_posterior(self, f):
        """E under p(z | x)."""
        return total(self.posterior * f)


class SampledAtPosterior(AtPosterior, Sampled):
    """Where q is the posterior."""

    q_is_posterior = True


def sampled_or_exact(draws):
    """Every other time with q the posterior."""
    made = tables(draws)
    kind = SampledAtPosterior if draws.integer(0, 1) else Sampled
    return kind(**{name: getattr(made, name) for name in made.__dataclass_fields__})
