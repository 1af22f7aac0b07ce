"""A one-dimensional Gaussian auto-encoder with gradients by hand, every integral by two routes.

p(z) = N(0, 1), p_θ(x | z) = N(x; w z + bend sin z + b, 1), q_φ = N(μ, σ²), φ = (μ, σ), θ = (w, bend, b).
Means under q by Gauss-Hermite nodes, integrals over z on an even grid. Not here: two latents (`encoders`).
"""

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import nabla
from refvi.derivations.models.gaussians import GRID, SPACING, density, hermite
from refvi.derivations.numbers import cos, log, number, sin, stack, total


@dataclass(frozen=True)
class Decoder:
    """The model at one x; datum is the number i of a datum whose σ is written σ^i."""

    phi: tuple
    theta: tuple
    x: float
    datum: int = 2
    nodes: int = 44

    def coarser(self):
        """The same model with fewer nodes, for the error of the quadrature."""
        return replace(self, nodes=31)

    @property
    def mu(self):
        """Mean of q."""
        return self.phi[0]

    @property
    def sigma(self):
        """Standard deviation of q."""
        return self.phi[1]

    @property
    def equally_wide(self):
        """True where q is as wide as the prior."""
        return self.sigma == 1.0

    @property
    def q_is_prior(self):
        """True where q is the prior."""
        return self.phi == (0.0, 1.0)

    @cached_property
    def eps(self):
        """Noise at the nodes."""
        return number(hermite(self.nodes)[0])

    def g(self, eps):
        """g_φ(ε) = μ + σ ε."""
        return self.mu + self.sigma * eps

    @cached_property
    def z(self):
        """Latents at the nodes."""
        return self.g(self.eps)

    def E(self, f):
        """E_q of an array over the nodes, or of a function of z."""
        return total(number(hermite(self.nodes)[1]) * (f(self.z) if callable(f) else f))

    def E_noise(self, f):
        """E over the noise of a function of it."""
        return self.E(f(self.eps))

    @staticmethod
    def integral(f):
        """Integral over z, on the even grid."""
        return total(SPACING * f(number(GRID)))

    def moments_q(self, f):
        """Means under q of f(z) and of f(z) (z - μ)/σ, on the grid."""
        noise = (number(GRID) - self.mu) / self.sigma
        values = self.q(number(GRID)) * f(number(GRID))
        return stack([total(SPACING * values), total(SPACING * values * noise)])

    def moments_noise(self, f):
        """Means over the noise of f(ε) and of f(ε) ε: the second tells μ + σ ε from μ - σ ε."""
        return stack([self.E(f(self.eps)), self.E(f(self.eps) * self.eps)])

    def q(self, z):
        """Density of q."""
        return density(z, self.mu, self.sigma)

    @staticmethod
    def p(z):
        """Density of the prior."""
        return density(z, 0.0, 1.0)

    def mean_at(self, z, theta):
        """Decoder's mean."""
        return theta[0] * z + theta[1] * sin(z) + theta[2]

    def likelihood(self, z):
        """p_θ(x | z)."""
        return density(self.x, self.mean_at(z, self.theta), 1.0)

    def log_likelihood(self, z, theta=None):
        """log p_θ(x | z)."""
        away = self.x - self.mean_at(z, theta or self.theta)
        return -0.5 * away**2 - 0.5 * math.log(2 * math.pi)

    def log_joint(self, z):
        """log p_θ(x, z)."""
        return self.log_likelihood(z) - 0.5 * z**2 - 0.5 * math.log(2 * math.pi)

    @staticmethod
    def divergence_at(phi):
        """KL(q_φ || p(z)) on the even grid, at any φ."""
        q = density(number(GRID), *phi)
        away = (number(GRID) - phi[0]) / phi[1]
        return total(SPACING * q * (-math.log(phi[1]) - 0.5 * away**2 + 0.5 * number(GRID) ** 2))

    @cached_property
    def divergence(self):
        """KL(q || p(z))."""
        return self.divergence_at(self.phi)

    @cached_property
    def reverse_divergence(self):
        """KL(p(z) || q)."""
        away = (number(GRID) - self.mu) / self.sigma
        return total(
            SPACING * self.p(number(GRID)) * (math.log(self.sigma) + 0.5 * away**2 - 0.5 * number(GRID) ** 2)
        )

    def mean_log_likelihood_at(self, phi):
        """E_{q_φ} log p_θ(x | z) on the even grid, at any φ."""
        return total(SPACING * density(number(GRID), *phi) * self.log_likelihood(number(GRID)))

    def mean_log_likelihood_of_noise(self, phi):
        """E_ε log p_θ(x | μ + σ ε) at the nodes, at any φ."""
        return self.E(self.log_likelihood(phi[0] + phi[1] * self.eps))

    def mean_log_joint_at(self, phi):
        """E_{q_φ} log p_θ(x, z) on the even grid, at any φ."""
        return total(SPACING * density(number(GRID), *phi) * self.log_joint(number(GRID)))

    def bound_at(self, phi):
        """L(θ, φ; x) at any φ."""
        return self.mean_log_likelihood_at(phi) - self.divergence_at(phi)

    def bound_of_theta(self, theta):
        """L(θ, φ; x) at any θ."""
        q, z = self.q(number(GRID)), number(GRID)
        return total(SPACING * q * self.log_likelihood(z, tuple(theta))) - self.divergence

    def nabla(self, function):
        """∇_φ by differences."""
        return nabla(function, self.phi)

    def nabla_theta(self, function):
        """∇_θ by differences."""
        return nabla(function, self.theta)

    @cached_property
    def along_z(self):
        """∂_z log p_θ(x | z) at the nodes."""
        return (self.x - self.mean_at(self.z, self.theta)) * (self.theta[0] + self.theta[1] * cos(self.z))

    @cached_property
    def grad_g(self):
        """∇_φ g_φ(ε), shape (2, nodes)."""
        return stack([number(1.0), self.eps])

    @cached_property
    def grad_log_likelihood(self):
        """∇_φ log p_θ(x | g_φ(ε)), shape (2, nodes)."""
        return self.along_z * self.grad_g

    @cached_property
    def grad_log_joint(self):
        """∇_φ log p_θ(x, g_φ(ε))."""
        return (self.along_z - self.z) * self.grad_g

    @cached_property
    def grad_theta(self):
        """∇_θ log p_θ(x | z) at the nodes, shape (3, nodes)."""
        away = self.x - self.mean_at(self.z, self.theta)
        return away * stack([self.z, sin(self.z), number(1.0)])

    @cached_property
    def score(self):
        """∇_φ log q_φ(z)."""
        return stack([self.eps / self.sigma, (self.eps**2 - 1.0) / self.sigma])

    @cached_property
    def log_likelihood_of_z(self):
        """log p_θ(x | z) at the nodes."""
        return self.log_likelihood(self.z)

    def E_pair(self, f):
        """E over two independent noise values; f takes the numbers of their nodes."""
        weights = hermite(self.nodes)[1]
        index = np.array(list(itertools.product(range(self.nodes), repeat=2))).T
        return total(weights[index[0]] * weights[index[1]] * f(index))

    eps_hat = number(np.array([0.3, -1.1, 1.7]))

    @staticmethod
    def log_normal(z, mean, variance):
        """log N(z; mean, variance)."""
        return -0.5 * log(number(2 * math.pi * variance)) - 0.5 * (z - mean) ** 2 / variance


def decoders(draws):
    """A generic one."""
    return Decoder(
        (draws.real(0.2, 1.0) * (1 - 2 * draws.integer(0, 1)), draws.real(0.4, 0.8)),
        (draws.real(0.3, 0.9), draws.real(0.3, 0.9), draws.real(-0.9, 0.9)),
        draws.real(0.3, 1.6),
        draws.integer(2, 3),
    )


def equally_wide_or_not(draws):
    """Every other time with the prior's width."""
    made = decoders(draws)
    return replace(made, phi=(made.mu, 1.0)) if draws.integer(0, 1) else made


def prior_or_not(draws):
    """Every other time with q the prior."""
    made = decoders(draws)
    return replace(made, phi=(0.0, 1.0)) if draws.integer(0, 1) else made
