"""Normal latents in one dimension: expectations by Gauss-Hermite nodes, integrals over z on an even grid.

The two routes share no nodes, so an identity between them is a test and not a tautology.
Not here: the two-dimensional variational auto-encoder (`encoders`).
"""

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from refvi.derivations.numbers import cos, exp, log, number, sin, stack, total
from refvi.derivations.slope import slope

SPACING = 2.0**-4  # a power of two: every grid point is exact
GRID = SPACING * np.arange(
    -224, 225
)  # for means within 1.5 and deviations within 1.5: the tails are below e^-38


@lru_cache(maxsize=32)
def hermite(n):
    """Nodes and weights for the standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / math.fsum(weights)


def density(z, mean, std):
    """Normal density."""
    return exp(-0.5 * ((z - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


@dataclass(frozen=True)
class Path:
    """z = μ + σ ε with φ = (μ, σ), and a smooth f(z, φ) = a sin(b z) + c z μ + e z² σ + level + jump [z > edge].

    jump   a step of f in z; 0 where f is smooth
    drift  the noise is N(drift μ, 1); 0 where it does not depend on φ
    theta  mean and deviation of another normal, for what is printed with θ in place of φ
    """

    phi: tuple
    a: float
    b: float
    c: float
    e: float
    level: float = 0.0
    jump: float = 0.0
    edge: float = 0.0
    drift: float = 0.0
    theta: tuple = (-0.57, 1.13)
    samples: int = 2
    nodes: int = 48

    def coarser(self):
        """The same model with fewer nodes, for the error of the quadrature."""
        return replace(self, nodes=33)

    @property
    def mu(self):
        """Mean of q."""
        return self.phi[0]

    @property
    def sigma(self):
        """Standard deviation of q."""
        return self.phi[1]

    @cached_property
    def eps(self):
        """Noise at the nodes."""
        return number(hermite(self.nodes)[0] + self.drift * self.mu)

    @cached_property
    def z(self):
        """Latents g_φ(ε) at the nodes."""
        return self.mu + self.sigma * self.eps

    def E(self, f):
        """E over the noise: of an array over the nodes, or of a function of z."""
        return total(number(hermite(self.nodes)[1]) * (f(self.z) if callable(f) else f))

    def E_noise(self, f):
        """E_{p(ε)} of a function of the noise."""
        return self.E(f(self.eps))

    @staticmethod
    def integral(f):
        """Integral over the line of a function of one variable, on the even grid."""
        return total(SPACING * f(number(GRID)))

    def smooth_at(self, z, phi):
        """The smooth part of f."""
        mu, sigma = phi
        return self.a * sin(self.b * z) + self.c * z * mu + self.e * z**2 * sigma + self.level

    def f(self, z):
        """f(z, φ), smooth part."""
        return self.smooth_at(z, self.phi)

    def q_phi(self, z):
        """Density of z under φ."""
        return density(z, self.mu + self.sigma * self.drift * self.mu, self.sigma)

    def q_theta(self, z):
        """Density of z under θ."""
        return density(z, *self.theta)

    @staticmethod
    def p_noise(eps):
        """Density of standard noise."""
        return density(eps, 0.0, 1.0)

    def g(self, eps):
        """g_φ(ε) = μ + σ ε."""
        return self.mu + self.sigma * eps

    def mean_f(self, phi):
        """E_{q_φ} f(z, φ) at any φ, on the even grid; the step by the error function."""
        mu, sigma = phi
        mean = mu + sigma * self.drift * mu
        smooth = total(SPACING * density(number(GRID), mean, sigma) * self.smooth_at(number(GRID), phi))
        return smooth + self.jump * 0.5 * math.erfc((self.edge - mean) / (sigma * math.sqrt(2.0)))

    def mean_f_of_noise(self, phi):
        """E_{p(ε)} f(g_φ(ε), φ) at any φ, at the nodes."""
        mu, sigma = phi
        return self.E(self.smooth_at(mu + sigma * self.eps, phi))

    def nabla(self, function):
        """∇_φ of a scalar function at the model's φ, by differences."""
        return slope(function, self.phi)

    @cached_property
    def f_of_z(self):
        """Values of f at the nodes."""
        return self.f(self.z)

    @cached_property
    def grad_z_f(self):
        """df/dz at the nodes, the step's derivative zero almost everywhere."""
        return self.a * self.b * cos(self.b * self.z) + self.c * self.mu + 2 * self.e * self.z * self.sigma

    @cached_property
    def grad_f(self):
        """∇_φ f(z, φ) at fixed z, shape (2, nodes)."""
        return stack([self.c * self.z, self.e * self.z**2])

    @cached_property
    def grad_g(self):
        """∇_φ g_φ(ε), shape (2, nodes)."""
        return stack([number(1.0), self.eps])

    @cached_property
    def grad_path(self):
        """∇_φ f(g_φ(ε), φ), both ways that φ enters."""
        return self.grad_z_f * self.grad_g + self.grad_f

    @cached_property
    def score(self):
        """∇_φ log q_φ(z), shape (2, nodes)."""
        away = (self.z - self.mu) / self.sigma
        return stack([away / self.sigma, (away**2 - 1.0) / self.sigma])

    def E_draws(self, k, f):
        """E over k independent noise values; f takes the indices of their nodes, shape (k, nodes^k)."""
        weights = hermite(self.nodes)[1]
        index = np.array(list(itertools.product(range(self.nodes), repeat=k))).T
        return total(np.prod(weights[index], axis=0) * f(index))

    @cached_property
    def smooth(self):
        """True where f has no step."""
        return self.jump == 0.0

    @cached_property
    def noise_is_free(self):
        """True where p(ε) does not depend on φ."""
        return self.drift == 0.0


def paths(draws):
    """A generic smooth f under a generic normal."""
    phi = (draws.real(-1.2, 1.2), draws.real(0.4, 1.2))
    return Path(
        phi,
        draws.real(0.4, 2.0),
        draws.real(0.4, 1.6),
        draws.real(0.3, 1.2),
        draws.real(-1.2, -0.2),
        draws.real(0.3, 1.2),
    )


@dataclass(frozen=True)
class TwoDraws:
    """p(z) = N(0, 1), p(x | z) = N(x; sin z, 1), q_φ = N(μ, σ²), two draws from q; φ = (μ, σ)."""

    phi: tuple
    x: float
    nodes: int = 36

    def coarser(self):
        """The same model with fewer nodes."""
        return replace(self, nodes=27)

    @cached_property
    def noise(self):
        """Pairs of noise values, and their weights."""
        nodes, weights = hermite(self.nodes)
        one, two = (a.ravel() for a in np.meshgrid(nodes, nodes, indexing="ij"))
        return number(one), number(two), number(np.outer(weights, weights).ravel())

    def weight(self, eps, phi):
        """w(g_φ(ε)) = p(x, z) / q_φ(z)."""
        mu, sigma = phi
        z = mu + sigma * eps
        return density(z, 0.0, 1.0) * density(self.x, sin(z), 1.0) / density(z, mu, sigma)

    def grad_log_weight(self, eps):
        """∇_φ log w(g_φ(ε)), shape (2, pairs): log q_φ(g_φ(ε)) = -log σ + a function of ε."""
        mu, sigma = self.phi
        z = mu + sigma * eps
        along = -z + (self.x - sin(z)) * cos(z)
        return stack([along, along * eps + 1.0 / sigma])

    def bound(self, phi):
        """L_2 at any φ."""
        one, two, weights = self.noise
        return total(weights * log(0.5 * (self.weight(one, phi) + self.weight(two, phi))))

    def nabla(self, function):
        """∇_φ by differences."""
        return slope(function, self.phi)

    def E_two(self, f):
        """E over the two noise values."""
        return total(self.noise[2] * f)

    @cached_property
    def w_one(self):
        """Weight of the first draw."""
        return self.weight(self.noise[0], self.phi)

    @cached_property
    def w_two(self):
        """Weight of the second draw."""
        return self.weight(self.noise[1], self.phi)

    @cached_property
    def grad_log_w_one(self):
        """∇_φ log w of the first draw."""
        return self.grad_log_weight(self.noise[0])

    @cached_property
    def grad_log_w_two(self):
        """∇_φ log w of the second draw."""
        return self.grad_log_weight(self.noise[1])


def two_draws(draws):
    """A generic case; q narrower than the prior, so that the weights are smooth on the scale of q."""
    return TwoDraws((draws.real(-0.6, 0.6), draws.real(0.4, 0.8)), draws.real(0.3, 1.4))
