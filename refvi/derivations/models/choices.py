"""A latent with a few states whose probabilities are a softmax of parameters: gradients by hand, exact.

Not here: continuous latents (`gaussians`).
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.tables import Table
from refvi.derivations.numbers import exp, log, mean, number, total
from refvi.derivations.slope import slope


def softmax(logits):
    """Normalised exponentials."""
    weights = exp(number(logits))
    return weights / total(weights)


def grad_log_softmax(logits):
    """Derivatives d log softmax(logits)_s / d logits_p, shape (P, S)."""
    return number(np.eye(len(logits))) - column(softmax(logits))


def column(a):
    """A vector as a column."""
    return a[:, None]


@dataclass(frozen=True)
class Choice:
    """q_φ(z) = softmax(φ), and f(z, φ) = level_z + tilt_z · φ + bend sum φ² ; samples is the L of an average."""

    phi: tuple
    level: tuple
    tilt: tuple
    bend: float
    baseline: float
    samples: int = 2

    @cached_property
    def q(self):
        """q_φ(z), shape (S,)."""
        return softmax(self.phi)

    def f_at(self, phi):
        """f(z, φ) for all z."""
        phi = number(phi)
        return (
            number(self.level)
            + number(self.tilt) * total(phi * np.arange(1.0, len(phi) + 1))
            + self.bend * total(phi**2)
        )

    @cached_property
    def f(self):
        """f(z, φ), shape (S,)."""
        return self.f_at(self.phi)

    @property
    def f_of_z(self):
        """The same; the name that continuous models use."""
        return self.f

    @cached_property
    def grad_f(self):
        """∇_φ f(z, φ), shape (P, S)."""
        steps = number(np.arange(1.0, len(self.phi) + 1)[:, None])
        return steps * number(self.tilt) + 2 * self.bend * number(np.array(self.phi)[:, None])

    @cached_property
    def score(self):
        """∇_φ log q_φ(z), shape (P, S)."""
        return grad_log_softmax(self.phi)

    @cached_property
    def grad_q(self):
        """∇_φ q_φ(z), shape (P, S)."""
        return number(np.diag(self.q.value)) - column(self.q) * self.q

    def E(self, f):
        """E_q f over the last axis."""
        return total(self.q * f)

    @staticmethod
    def total(f):
        """Sum over the states."""
        return total(f)

    def mean_f(self, phi):
        """E_{q_φ} f(z, φ) at any φ."""
        return total(softmax(phi) * self.f_at(phi))

    def mean_fixed_f(self, phi):
        """E_{q_φ} f(z) at any φ, f as it is at the model's φ."""
        return total(softmax(phi) * self.f)

    def mass(self, phi):
        """Sum of q_φ at any φ."""
        return total(softmax(phi))

    def nabla(self, function):
        """∇_φ of a scalar function at the model's φ, by differences."""
        return slope(function, self.phi)

    def E_draws(self, k, f):
        """E f(z_1 .. z_k) over k independent draws; f takes states, shape (k, S^k)."""
        z = np.array(list(itertools.product(range(len(self.phi)), repeat=k))).T
        weight = number(1.0)
        for i in range(k):
            weight = weight * self.q[z[i]]
        return total(weight * f(z))


def choices(draws):
    """A generic choice between two to four states."""
    size = draws.integer(2, 4)
    return Choice(
        draws.reals(size, -1.0, 1.0),
        draws.reals(size, -2.0, 2.0),
        draws.reals(size, -1.0, 1.0),
        draws.real(0.2, 1.0),
        draws.real(-2.0, -0.4),
        draws.integer(1, 3),
    )


@dataclass(frozen=True)
class ParametrisedTable(Table):
    """A table whose prior is softmax(θ)."""

    theta: tuple = ()

    @cached_property
    def prior(self):
        """p_θ(z)."""
        return softmax(self.theta)

    @cached_property
    def grad_log_w(self):
        """∇_θ log w, shape (P, S)."""
        return grad_log_softmax(self.theta)

    @cached_property
    def grad_w(self):
        """∇_θ w, shape (P, S): the prior's derivative times likelihood over q."""
        prior = self.prior
        return (number(np.diag(prior.value)) - column(prior) * prior) * (self.likelihood / self.q)

    def bound(self, theta):
        """L_k at any θ."""
        w = softmax(theta) * self.likelihood / self.q
        return self.E_draws(self.k, lambda z: log(mean(w[z])))

    @cached_property
    def grad_log_joint(self):
        """∇_θ log p_θ(x, z), shape (P, S)."""
        return grad_log_softmax(self.theta)

    def log_evidence_at(self, theta):
        """The log evidence at any θ."""
        return log(total(softmax(theta) * self.likelihood))

    q_is_posterior = False

    def nabla_theta(self, function):
        """∇_θ of a scalar function at the model's θ, by differences."""
        return slope(function, self.theta)


def parametrised_tables(draws):
    """A generic table with parameters."""
    size = draws.integer(2, 3)
    return ParametrisedTable(
        (),
        draws.reals(size, 0.0, 1.0),
        draws.weights(size),
        draws.integer(1, 3),
        draws.reals(size, -1.0, 1.0),
    )


class ParametrisedAtPosterior(ParametrisedTable):
    """The same with q(z | x) = p_θ(z | x) at the model's θ."""

    q_is_posterior = True

    @cached_property
    def q(self):
        """The posterior."""
        return self.posterior


def parametrised_or_at_posterior(draws):
    """One or the other kind."""
    made = parametrised_tables(draws)
    if draws.integer(0, 1):
        return made
    return ParametrisedAtPosterior(**{name: getattr(made, name) for name in made.__dataclass_fields__})
