"""A Gaussian variational auto-encoder at one observed x, with one or two latents, and pairs of diagonal normals.

Expectations under q by Gauss-Hermite nodes, integrals over z on an even grid. The decoder's mean is
μ_θ(z) = W (z + bend sin z) + b: affine where bend = 0, never anything worse than an entire function.
As many latents as observed values (d = D), so that every symbol of a printed formula is defined, even a wrong one.
Not here: one-dimensional gradients (`gaussians`).
"""

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from refvi.derivations.claim import Undefined
from refvi.derivations.models.gaussians import density, hermite
from refvi.derivations.numbers import approximate, number, sin, stack, total

SPACING = 1 / 4  # exact in binary
HALF = 34  # grid to ±8.5: means within 1.2, deviations from 0.4 to 0.8 (prior: 1)


@lru_cache(maxsize=8)
def product_nodes(n, d):
    """Nodes (d, n^d) and weights (n^d,) for standard noise."""
    nodes, weights = hermite(n)
    grid = np.array(list(itertools.product(nodes, repeat=d))).T
    return grid, np.array([math.prod(w) for w in itertools.product(weights, repeat=d)])


@lru_cache(maxsize=4)
def even_grid(d):
    """Grid (d, (2 HALF + 1)^d) and the volume of a cell."""
    axis = SPACING * np.arange(-HALF, HALF + 1)
    return np.array(list(itertools.product(axis, repeat=d))).T, SPACING**d


def product_density(z, mean, std):
    """Density of independent normals, z (d, S)."""
    value = density(z[0], mean[0], std[0])
    for i in range(1, len(mean)):
        value = value * density(z[i], mean[i], std[i])
    return value


def squared_norm(v):
    """Sum of squares over the first axis."""
    return sum(v[i] ** 2 for i in range(len(v)))


@dataclass(frozen=True)
class Normals:
    """q = N(μ, diag σ²) and p = N(ν, diag τ²), in one or two dimensions."""

    mu: tuple
    sigma: tuple
    nu: tuple
    tau: tuple
    nodes: int = 24

    def coarser(self):
        """The same pair with fewer nodes."""
        return replace(self, nodes=17)

    @property
    def d(self):
        """Dimensions."""
        return len(self.mu)

    @cached_property
    def eps(self):
        """Noise at the nodes, (d, S)."""
        return number(product_nodes(self.nodes, self.d)[0])

    @cached_property
    def z(self):
        """Latents μ + σ ε at the nodes."""
        return stack([self.mu[i] + self.sigma[i] * self.eps[i] for i in range(self.d)])

    def E(self, f):
        """E_q: of an array over the nodes, or of a function of z."""
        return total(number(product_nodes(self.nodes, self.d)[1]) * (f(self.z) if callable(f) else f))

    def E_noise(self, f):
        """E over standard noise of a function of it."""
        return self.E(f(self.eps))

    def integral(self, f):
        """Integral over z of a function of z, on the even grid."""
        grid, cell = even_grid(self.d)
        return total(cell * f(number(grid)))

    def q(self, z):
        """Density of q."""
        return product_density(z, self.mu, self.sigma)

    def p(self, z):
        """Density of p."""
        return product_density(z, self.nu, self.tau)

    @cached_property
    def divergence(self):
        """KL(q || p) by traces and determinants of the covariance matrices."""
        cov_q, cov_p = np.diag(np.square(self.sigma)), np.diag(np.square(self.tau))
        away = np.array(self.nu) - np.array(self.mu)
        solved = np.linalg.solve(cov_p, cov_q)
        log_dets = np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1]
        value = 0.5 * (np.trace(solved) + away @ np.linalg.solve(cov_p, away) - self.d + log_dets)
        return approximate(value, 1e-13 * (1.0 + value))

    @property
    def axes(self):
        """0 .. d-1, for sums over the latents."""
        return range(self.d)


def normals(draws):
    """A generic pair."""
    d = draws.integer(1, 2)
    return Normals(
        draws.reals(d, -1.2, 1.2),
        draws.reals(d, 0.4, 0.8),
        draws.reals(d, -1.2, 1.2),
        draws.reals(d, 0.5, 1.1),
    )


def to_standard(draws):
    """A generic q against the standard normal."""
    d = draws.integer(1, 2)
    return Normals(draws.reals(d, -1.2, 1.2), draws.reals(d, 0.4, 0.8), (0.0,) * d, (1.0,) * d)


@dataclass(frozen=True)
class Encoder(Normals):
    """Encoder q_φ(z|x) = N(μ_φ(x), diag σ_φ(x)²), prior N(0, I), decoder N(x; μ_θ(z), I), one x."""

    x: tuple = ()
    W: tuple = ()
    b: tuple = ()
    bend: float = 0.0

    def g(self, eps):
        """g_φ(ε, x) = μ_φ + σ_φ ∘ ε."""
        return [self.mu[i] + self.sigma[i] * eps[i] for i in self.axes]

    def moments_q(self, f):
        """Means under q of f(z) and of f(z) (zᵢ - μᵢ)/σᵢ, on the grid."""
        noise = [lambda z, i=i: (z[i] - self.mu[i]) / self.sigma[i] for i in self.axes]
        return stack(
            [self.integral(lambda z: self.q(z) * f(z))]
            + [self.integral(lambda z, n=n: self.q(z) * f(z) * n(z)) for n in noise]
        )

    def moments_noise(self, f):
        """Means over the noise of f(ε) and of f(ε) εᵢ: the second tells ẑ = μ + σ ∘ ε̂ from μ - σ ∘ ε̂."""
        return stack([self.E(f(self.eps))] + [self.E(f(self.eps) * self.eps[i]) for i in self.axes])

    @cached_property
    def eps_hat(self):
        """Three draws of noise, (d, 3), for what is true at every point."""
        return number(np.array([[0.3, -1.1, 1.7], [-0.7, 0.9, 0.4]])[: self.d])

    @cached_property
    def z_hat(self):
        """Three draws of z, (d, 3)."""
        return stack([self.mu[i] + self.sigma[i] * self.eps_hat[i] for i in range(self.d)])

    @cached_property
    def sigma2(self):
        """σ_φ²(x), a vector of d numbers."""
        return np.square(self.sigma)

    @property
    def identity(self):
        """Identity matrix, d x d."""
        return np.eye(self.d)

    @staticmethod
    def diag(v):
        """The matrix with v on its diagonal."""
        return np.diag(v)

    @staticmethod
    def log_normal(z, mean, covariance):
        """Log density N(z | mean, covariance) for a covariance matrix."""
        d = len(mean)
        if np.shape(covariance) != (d, d):
            raise Undefined(f"a covariance must have shape ({d}, {d}), got {np.shape(covariance)}")
        root = np.linalg.cholesky(covariance)
        inverse = np.linalg.inv(root)
        white = [sum(inverse[i, j] * (z[j] - mean[j]) for j in range(d)) for i in range(d)]
        return (
            -0.5 * squared_norm(white) - 0.5 * d * math.log(2 * math.pi) - float(np.log(np.diag(root)).sum())
        )

    @property
    def D(self):
        """Observed values."""
        return len(self.x)

    def mu_phi(self, _x):
        """Encoder's mean; one x is observed, so it is a table of one row."""
        return self.mu

    def sigma_phi(self, _x):
        """Encoder's standard deviation."""
        return self.sigma

    def mu_theta(self, z):
        """Decoder's mean at z, (D, S) or (D,)."""
        bent = [z[i] + self.bend * sin(z[i]) for i in self.axes]
        return stack([sum(self.W[j][i] * bent[i] for i in self.axes) + self.b[j] for j in range(self.D)])

    @cached_property
    def x_column(self):
        """The data as a column, to be compared with (D, S)."""
        return number(np.array(self.x)[:, None])

    def likelihood(self, z):
        """p_θ(x | z) as a product of densities."""
        mean = self.mu_theta(z)
        value = density(self.x[0], mean[0], 1.0)
        for j in range(1, self.D):
            value = value * density(self.x[j], mean[j], 1.0)
        return value

    @staticmethod
    def squared_norm(v):
        """Sum of squares over the first axis."""
        return squared_norm(v)

    def misfit(self, z):
        """|| x - μ_θ(z) ||²."""
        return squared_norm(self.x_column - self.mu_theta(z))

    @cached_property
    def evidence(self):
        """p_θ(x), on the grid."""
        return self.integral(lambda z: self.p(z) * self.likelihood(z))

    @cached_property
    def affine_evidence(self):
        """N(x; b, W W' + I): what p_θ(x) is where the decoder is affine."""
        weights, away = np.array(self.W), np.array(self.x) - np.array(self.b)
        covariance = weights @ weights.T + np.eye(self.D)
        log_det = np.linalg.slogdet(2 * math.pi * covariance)[1]
        value = math.exp(-0.5 * (log_det + away @ np.linalg.solve(covariance, away)))
        return approximate(value, 1e-13 * value)

    @property
    def decoder_is_affine(self):
        """True where the decoder's mean is an affine function."""
        return self.bend == 0.0


def encoders(draws):
    """A generic auto-encoder whose decoder is not affine."""
    d = draws.integer(1, 2)
    return Encoder(
        draws.reals(d, -1.2, 1.2),
        draws.reals(d, 0.4, 0.8),
        (0.0,) * d,
        (1.0,) * d,
        x=draws.reals(d, 0.3, 1.6),
        W=tuple(draws.reals(d, 0.2, 0.9) for _ in range(d)),
        b=draws.reals(d, -0.9, 0.9),
        bend=draws.real(0.3, 0.9),
    )


def affine_or_not(draws):
    """A generic auto-encoder, every other one with an affine decoder."""
    made = encoders(draws)
    return replace(made, bend=0.0) if draws.integer(0, 1) else made
