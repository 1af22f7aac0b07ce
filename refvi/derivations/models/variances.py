"""Where the score-function estimator is noisy and where it is not: z ~ N(μ, σ²), gradients in μ.

Not here: gradients in σ, and identities between means (`gaussians`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.gaussians import Path, hermite
from refvi.derivations.numbers import cos, number, sin, total


@dataclass(frozen=True)
class Wave:
    """f(z) = level + slope z + height sin(speed z) under N(μ, σ²); a baseline may be subtracted."""

    mu: float
    sigma: float
    level: float = 0.0
    slope: float = 0.0
    height: float = 0.0
    speed: float = 1.0
    baseline: float = 0.0

    @cached_property
    def z(self):
        """Latents at the nodes."""
        return self.mu + self.sigma * number(hermite(64)[0])

    @staticmethod
    def E(f):
        """E_q of an array over the nodes."""
        return total(number(hermite(64)[1]) * f)

    @staticmethod
    def var(f):
        """Variance under q."""
        return Wave.E((f - Wave.E(f)) ** 2)

    @cached_property
    def f(self):
        """Values of f at the nodes."""
        return self.level + self.slope * self.z + self.height * sin(self.speed * self.z)

    @cached_property
    def score(self):
        """∂_μ log q."""
        return (self.z - self.mu) / self.sigma**2

    @cached_property
    def pathwise(self):
        """∂_μ f(μ + σ ε) = f'(z)."""
        return self.slope + self.height * self.speed * cos(self.speed * self.z)

    @property
    def offset_is_large(self):
        """|E f| is at least three standard deviations of f."""
        return abs(float(self.E(self.f))) >= 3.0 * float(self.var(self.f)) ** 0.5

    @property
    def no_baseline(self):
        """True where nothing is subtracted."""
        return self.baseline == 0.0

    @property
    def smooth_on_the_scale_of_q(self):
        """True where f turns by less than half a radian within a standard deviation."""
        return self.speed * self.sigma <= 0.5


def _line(draws, low, high, baseline=False):
    """An affine f whose mean is `low` to `high` of its standard deviations away from 0."""
    mu, sigma, slope = draws.real(-1.0, 1.0), draws.real(0.4, 1.2), draws.real(0.4, 1.2)
    centre = round(draws.real(low, high) * slope * sigma, 2)
    return Wave(mu, sigma, round(centre - slope * mu, 4), slope, baseline=centre if baseline else 0.0)


def lines(draws):
    """Affine f with a large or a small offset."""
    return _line(draws, 3.2, 9.0) if draws.integer(0, 1) else _line(draws, 0.0, 2.0)


def lines_with_baseline(draws):
    """Affine f with a large offset, every other one with its mean subtracted."""
    return _line(draws, 3.2, 9.0, baseline=bool(draws.integer(0, 1)))


def waves(draws):
    """A sine, slow or fast on the scale of q."""
    sigma = draws.real(0.4, 1.2)
    turn = draws.real(0.1, 0.48) if draws.integer(0, 1) else draws.real(2.5, 4.0)
    return Wave(draws.real(-1.0, 1.0), sigma, height=draws.real(0.4, 2.0), speed=round(turn / sigma, 2))


def _path(draws, **changes):
    phi = (draws.real(0.3, 1.2), draws.real(0.4, 1.2))
    return Path(
        phi,
        draws.real(0.4, 2.0),
        draws.real(0.4, 1.6),
        draws.real(0.3, 1.2),
        draws.real(-1.2, -0.2),
        **changes,
    )


def stepped_or_smooth(draws):
    """A smooth f, every other one with a step added."""
    if draws.integer(0, 1):
        return _path(draws)
    return _path(draws, jump=draws.real(0.5, 2.0), edge=draws.real(-0.8, 0.8))


def free_or_drifting_noise(draws):
    """Noise that does not depend on φ, every other time noise whose mean does."""
    return _path(draws) if draws.integer(0, 1) else _path(draws, drift=draws.real(0.2, 0.9))


@dataclass(frozen=True)
class Coin:
    """z = [u < π] for u uniform on (0, 1), φ = (π,): a discrete latent as a deterministic function of noise."""

    phi: tuple
    heads: float
    tails: float
    continuous: bool = False

    def mean_f(self, phi):
        """E f(z) at any π."""
        return phi[0] * self.heads + (1.0 - phi[0]) * self.tails

    def nabla(self, function):
        """∇_φ by differences."""
        return Path.nabla(self, function)

    @staticmethod
    def E(f):
        """E over the noise of what is constant almost everywhere."""
        return f

    @property
    def grad_path(self):
        """∂_π f([u < π]) = 0 for almost every u."""
        return number(np.zeros(1))


@dataclass(frozen=True)
class ContinuousPath(Path):
    """A path model that says so."""

    continuous: bool = True


def continuous_or_coin(draws):
    """A normal latent, every other time a coin."""
    if draws.integer(0, 1):
        made = _path(draws)
        return ContinuousPath(**{name: getattr(made, name) for name in made.__dataclass_fields__})
    return Coin((draws.real(0.2, 0.8),), draws.real(0.5, 2.0), draws.real(-2.0, -0.5))


def either(*makers):
    """A model by one of several makers."""

    def make(draws):
        return makers[draws.integer(0, len(makers) - 1)](draws)

    return make
