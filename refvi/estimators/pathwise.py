"""Three single-sample gradients of the Gaussian autoencoder's ELBO, with exact moments by Gauss-Hermite.

    pathwise        d/d(theta, phi) of log p(x, z) - log q(z | x) along z = mean + exp(½ log_var) noise
    analytic_kl     the same with the divergence in closed form
    score_function  theta: d log p(x, z);  phi: (log p(x, z) - log q(z | x) - baseline) d log q(z | x), z held fixed

All have the ELBO's gradient as their mean; they differ in variance. K independent samples divide the variance by K.
Not here: discrete latents (`score_function`, `finite`).

Source      Kingma and Welling 2013, eq 6-7, arXiv:1312.6114v11; Mohamed et al. 2020, eq 13 and 31, arXiv:1906.10652v2
Checked by  tests/estimators/test_pathwise.py
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.estimators.finite import Moments
from refvi.kernels.portable import portable
from refvi.models.gaussian_vae.bounds import check
from refvi.models.gaussian_vae.sample import FORMS, backward, forward, score_backward, workspace_size
from refvi.models.parameters import like, size
from refvi.targets import get_target

ESTIMATORS = ("pathwise", "analytic_kl", "score_function")
MOST_NODES = 2**20


class Baseline(NamedTuple):
    """What is subtracted from the reward: value (1,), in nats."""

    value: np.ndarray


@portable
def pathwise_row(item, inputs, out, scratch):
    """One sample of the pathwise gradient of the form in `coefficients`: its value, then the gradient.

    Formula     sum_t coefficients_t terms_t(noise)
    Gradient    target: the ELBO; unbiased
    Shapes      inputs (theta, phi, Batch of one datum, Baseline), out (1 + P + Q,), scratch (5 + workspace_size,)
    """
    theta, phi, batch, _ = inputs
    x, noise, terms, rest = batch.x[0], batch.noise[0, item], scratch[:5], scratch[5:]
    forward(x, noise, theta, phi, terms, rest)
    for t in range(5):
        out[0] += batch.coefficients[t] * terms[t]
    backward(x, noise, theta, phi, batch.coefficients, 1.0, out[1:], rest)


@portable
def score_function_row(item, inputs, out, scratch):
    """One sample of the score-function gradient: its value, then the gradient.

    Formula     theta: d log p(x, z);  phi: (log w - b) d log q(z | x),  log w = log p(x, z) - log q(z | x)
    Gradient    target: the ELBO; unbiased for every constant b
    Shapes      inputs (theta, phi, Batch of one datum, Baseline), out (1 + P + Q,), scratch (5 + workspace_size,)
    """
    theta, phi, batch, baseline = inputs
    x, noise, terms, rest = batch.x[0], batch.noise[0, item], scratch[:5], scratch[5:]
    forward(x, noise, theta, phi, terms, rest)
    out[0] = terms[0] + terms[1] + terms[2]
    score_backward(x, noise, theta, phi, 1.0, out[0] - baseline.value[0], out[1:], rest)


def samples(estimator, x, theta, phi, noise, baseline=0.0, target="python"):
    """Every sample's value and flat gradient, (K, 1 + P + Q), for one datum x (X,) and noise (K, Z)."""
    validate.one_of("estimator", estimator, ESTIMATORS)
    theta, phi, batch = check(np.atleast_2d(x), theta, phi, noise)
    if len(batch.x) != 1:
        raise validate.UsageError(f"x must be one datum of shape (X,), got {batch.x.shape}")
    form = "kl" if estimator == "analytic_kl" else "joint"
    batch = batch._replace(coefficients=np.array(FORMS[form]))
    kernel = score_function_row if estimator == "score_function" else pathwise_row
    inputs = (theta, phi, batch, Baseline(np.array([float(baseline)])))
    width, scratch = 1 + size(theta) + size(phi), 5 + workspace_size(theta, phi)
    return get_target(target).rows(kernel, inputs, batch.noise.shape[1], width, scratch)


def nodes(latent, order):
    """Gauss-Hermite nodes (order^Z, Z) of a standard normal and their weights."""
    if order**latent > MOST_NODES:
        raise validate.UsageError(f"order ** Z must be at most {MOST_NODES}, got {order} ** {latent}")
    roots, weights = np.polynomial.hermite_e.hermegauss(order)
    weights = weights / math.fsum(weights)
    grid = np.array(list(itertools.product(roots, repeat=latent)))
    return grid, np.array([math.prod(row) for row in itertools.product(weights, repeat=latent)])


def moments(estimator, x, theta, phi, baseline=0.0, order=40, target="python"):
    """Exact mean and variance of a single-sample estimator, up to the error of the quadrature.

    order   nodes per latent dimension; the rule is exact for polynomials of degree 2 order - 1 in the noise
    """
    noise, weights = nodes(np.size(getattr(phi, "bias_mean", ())), validate.at_least("order", order, 1))
    rows = samples(estimator, x, theta, phi, noise, baseline, target)
    mean = np.array([math.fsum(weights * column) for column in rows.T])
    variance = np.array([math.fsum(weights * column * column) for column in (rows - mean).T])
    split = 1 + size(theta)
    parts = [(float(v[0]), like(theta, v[1:split]), like(phi, v[split:])) for v in (mean, variance)]
    return Moments(*parts[0], *parts[1])
