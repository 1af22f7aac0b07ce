"""A mixture of two normals in one dimension: the closed M-step, and gradients of Q and of the log evidence.

θ = (a_1, a_2, μ_1, μ_2, s_1, s_2): p(z = k) = softmax(a)_k, p(x | z = k) = N(x; μ_k, exp(s_k)²).
Not here: bits (`mixtures`).
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, nabla, softmax_rows, sum_all, transposed
from refvi.derivations.models.gaussians import density
from refvi.derivations.models.mixtures import joined
from refvi.derivations.numbers import exp, log, number, stack, total


@dataclass(frozen=True)
class GaussianMixture:
    """θ^(i), another θ and the data."""

    theta: tuple
    other: tuple
    xs: tuple

    @cached_property
    def x(self):
        """The data."""
        return number(np.array(self.xs))

    def prior_at(self, theta):
        """p(z; θ)."""
        return softmax_rows(number(theta)[:2])

    def joint_at(self, theta):
        """p(x^n, z; θ), shape (n, z)."""
        theta = number(theta)
        columns = [density(self.x, theta[2 + k], exp(theta[4 + k])) for k in (0, 1)]
        return self.prior_at(theta) * transposed(stack(columns))

    def posterior_at(self, theta):
        """p(z | x^n; θ)."""
        joint = self.joint_at(theta)
        return joint / keep(total(joint))

    @cached_property
    def posterior(self):
        """p(z | x^n; θ^(i))."""
        return self.posterior_at(self.theta)

    def log_evidence_at(self, theta):
        """L(θ)."""
        return total(log(total(self.joint_at(theta))))

    def Q_now(self, theta):
        """Q(θ, θ^(i))."""
        return sum_all(self.posterior * log(self.joint_at(theta)))

    @cached_property
    def mass(self):
        """Σ_n p(z = k | x^n; θ^(i)), shape (z,)."""
        return total(transposed(self.posterior))

    @cached_property
    def centre(self):
        """Posterior-weighted means, shape (z,)."""
        return total(transposed(self.posterior) * self.x) / self.mass

    @cached_property
    def spread(self):
        """Posterior-weighted variances about them, shape (z,)."""
        return total(transposed(self.posterior) * (self.x - keep(self.centre)) ** 2) / self.mass

    @cached_property
    def em_step(self):
        """θ^(i+1): shares, means and log deviations."""
        return joined([log(self.mass / float(len(self.xs))), self.centre, log(self.spread) / 2.0])

    def E_now(self, f):
        """Σ_n E_{p(z|x^n; θ^(i))} f."""
        return sum_all(self.posterior * f)

    def grad_log_joint_at(self, theta):
        """∇_θ log p(x^n, z; θ), shape (6, n, z)."""
        theta = number(theta)
        here = 1.0 * np.eye(2)[:, None, :] + np.zeros((1, len(self.xs), 1))
        away = [(self.x - theta[2 + k]) / exp(theta[4 + k]) for k in (0, 1)]
        means = [keep(away[k] / exp(theta[4 + k])) * here[k] for k in (0, 1)]
        deviations = [keep(away[k] ** 2 - 1.0) * here[k] for k in (0, 1)]
        return joined([here - keep(keep(self.prior_at(theta))), stack(means), stack(deviations)])

    def nabla_at(self, theta, function):
        """∇_θ of a scalar function at any θ, by differences."""
        return nabla(function, number(theta).value)

    @property
    def theta_is_current(self):
        """True where the other θ is θ^(i)."""
        return self.other == self.theta

    log_2_pi = math.log(2 * math.pi)
    total = staticmethod(total)


def _theta(draws):
    return (
        *draws.reals(2, -1.0, 1.0),
        draws.real(-1.2, -0.3),
        draws.real(0.3, 1.2),
        *draws.reals(2, -0.5, 0.3),
    )


def gaussian_mixtures(draws):
    """Five data in generic position."""
    return GaussianMixture(
        _theta(draws), _theta(draws), tuple(draws.real(-2.5 + n, -1.6 + n) for n in range(5))
    )


def current_or_not(draws):
    """Every other time with the other θ at θ^(i)."""
    made = gaussian_mixtures(draws)
    return replace(made, other=made.theta) if draws.integer(0, 1) else made
