"""Mixtures and points on which Markov chains are examined, with densities that share no code with the kernels.

Densities come from a solve and a determinant, gradients from differences of those.
"""

import math

import numpy as np

from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission
from refvi.oracles import closed_form, differences
from refvi.oracles.answer import Answer

ALL = ("python", "cpu", "cuda")


def mixture(seed, components=2, size=2):
    """A mixture in generic position, its numbers on a grid of 2^-12."""
    rng = np.random.default_rng(seed)

    def values(*shape):
        return rng.integers(-6000, 6000, shape) / 4096.0

    lower = np.tril(values(components, size, size), -1) * 0.5
    lower += np.eye(size) * (np.abs(values(components, size, 1)) + 0.5)
    return Mixture(values(components), NormalEmission(values(components, size), lower))


def points(seed, count=3, size=2):
    """Points within reach of a mixture."""
    return np.random.default_rng(seed + 100).integers(-8000, 8000, (count, size)) / 4096.0


def log_density(theta, x):
    """Independent log density, as an Answer: probabilities of the components times densities by a linear solve."""
    weights = np.exp(theta.mixing_logits)
    parts = [
        closed_form.log_normal(x, m, c @ c.T)
        for m, c in zip(theta.emission.means, theta.emission.cholesky, strict=True)
    ]
    shares = [w * math.exp(a.value) for w, a in zip(weights / weights.sum(), parts, strict=True)]
    total = math.fsum(shares)
    share = np.array(shares) / total
    size = float(share @ [a.magnitude + 4.0 for a in parts]) + abs(math.log(total))
    return Answer(math.log(total), size, float(share @ [a.error for a in parts]))


def slope(theta, x):
    """Independent gradient of the log density, by differences: good for a proposal's mean to some 1e-11."""
    found = differences.gradient(lambda y: log_density(theta, y).value, np.asarray(x))
    return found.value, float(np.max(found.error))


def seeds(quick):
    """Seeds of the cases."""
    return range(1 if quick else 6)


def sizes(quick):
    """Components and dimensions of the mixtures."""
    return ((2, 2),) if quick else ((2, 2), (1, 1), (3, 3), (2, 5))


def every(quick):
    """(seed, components, dimensions) of every case."""
    return [(seed, *shape) for seed in seeds(quick) for shape in sizes(quick)]
