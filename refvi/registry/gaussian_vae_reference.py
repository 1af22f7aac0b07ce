"""The Gaussian variational autoencoder again, in NumPy and without any of the kernels: what the evidence compares with.

Whole batches of latents at once, densities written by variances and odds; nothing is differentiated by hand.
"""

import functools
import math

import numpy as np

from refvi.models.gaussian_vae import Decoder, Encoder
from refvi.oracles import differences, quadrature
from refvi.oracles.answer import Answer


def network(seed, latent=1, observed=3, hidden=2, bernoulli=False):
    """Data (2, X), noise (2, 3, Z) and parameters in generic position, on a grid of 2^-12."""
    rng = np.random.default_rng(seed)

    def values(*shape):
        return rng.integers(-4000, 4000, shape) / 4096.0

    theta = Decoder(
        values(hidden, latent),
        values(hidden),
        values(observed, hidden or latent),
        values(observed),
        values(0 if bernoulli else observed),
    )
    phi = Encoder(
        values(hidden, observed),
        values(hidden),
        values(latent, hidden or observed),
        values(latent),
        values(latent, hidden or observed),
        values(latent),
    )
    x = np.resize([1.0, 0.0, 1.0, 1.0], (2, observed)) if bernoulli else values(2, observed)
    return x, theta, phi, values(2, 3, latent) * 1.5


CONFIGURATIONS = {
    "tanh, Gaussian": {"latent": 2},
    "tanh, Bernoulli": {"latent": 2, "bernoulli": True},
    "linear, Gaussian": {"latent": 2, "hidden": 0},
}


def _affine(inputs, weights, bias):
    return inputs @ weights.T + bias


def _features(inputs, parameters):
    if not parameters.bias_hidden.size:
        return inputs
    return np.tanh(_affine(inputs, parameters.weights_hidden, parameters.bias_hidden))


def encoded(x, phi):
    """Mean and variance of q for one datum."""
    features = _features(x[None], phi)
    mean = _affine(features, phi.weights_mean, phi.bias_mean)[0]
    return mean, np.exp(_affine(features, phi.weights_log_var, phi.bias_log_var)[0])


def _log_normal(values, mean, variance):
    """Terms of a diagonal log density, one per dimension."""
    return -0.5 * np.log(2.0 * math.pi * variance) - (values - mean) ** 2 / (2.0 * variance)


def log_joint_terms(z, x, theta):
    """Terms (n, Z + X) whose sums are log p(x, z) for latents z (n, Z)."""
    out = _affine(_features(z, theta), theta.weights_out, theta.bias_out)
    if theta.log_std.size:
        likelihood = _log_normal(x, out, np.exp(theta.log_std) ** 2)
    else:
        odds = np.exp(out)
        likelihood = np.log(np.where(x == 1.0, odds, 1.0) / (1.0 + odds))
    return np.concatenate([_log_normal(z, 0.0, np.ones(z.shape[1])), likelihood], axis=1)


def log_joint(z, x, theta):
    """log p(x, z) of one latent."""
    return math.fsum(log_joint_terms(z[None], x, theta)[0])


def integrand_terms(x, theta, phi, noise, form):
    """Terms (n, .) of a form of the ELBO at noise (n, Z), the density of q being evaluated at the sample itself."""
    mean, variance = encoded(x, phi)
    z = mean + np.sqrt(variance) * noise
    joint = log_joint_terms(z, x, theta)
    if form == "joint":
        return np.concatenate([joint, -_log_normal(z, mean, variance)], axis=1)
    if form == "entropy":
        closed = 0.5 * np.log(2.0 * math.pi * math.e * variance)
        return np.concatenate([joint, np.tile(closed, (len(z), 1))], axis=1)
    closed = -0.5 * np.concatenate([mean**2 + variance - 1.0, -np.log(variance)])
    return np.concatenate([joint[:, len(mean) :], np.tile(closed, (len(z), 1))], axis=1)


def sampled(x, theta, phi, noise, form):
    """Value and magnitude S of the sampled ELBO of one datum with noise (K, Z)."""
    terms = integrand_terms(x, theta, phi, noise, form)
    return math.fsum(terms.ravel()) / len(noise), 1.0 + float(np.abs(terms).sum()) / len(noise)


def log_weights(x, theta, phi, noise):
    """Log weights (K,) and their magnitudes."""
    terms = integrand_terms(x, theta, phi, noise, "joint")
    return np.array([math.fsum(row) for row in terms]), np.abs(terms).sum(axis=1)


def importance_weighted(x, theta, phi, noise):
    """Value and magnitude of the importance-weighted bound, by a mean of exponentials."""
    logs, sizes = log_weights(x, theta, phi, noise)
    top = float(logs.max())
    value = top + math.log(math.fsum(np.exp(logs - top)) / len(logs))
    return value, 1.0 + abs(top) + float(sizes.max())


@functools.cache
def rule(order, latent=1):
    """Gauss-Hermite nodes and weights of a standard normal."""
    return quadrature.normal_nodes(np.zeros(latent), np.ones(latent), order)


def exact(x, theta, phi, order=120):
    """Exact ELBO of one datum by Gauss-Hermite, and its magnitude."""
    nodes, weights = rule(order, len(phi.bias_mean))
    terms = integrand_terms(x, theta, phi, nodes, "joint")
    return math.fsum(weights * terms.sum(axis=1)), 1.0 + float(weights @ np.abs(terms).sum(axis=1))


def smooth_network(seed):
    """A network of one latent that 80 nodes integrate to rounding: tanh of half the slope."""
    x, theta, phi, _ = network(seed, latent=1)
    return x, theta._replace(weights_hidden=0.5 * theta.weights_hidden), phi


@functools.cache
def exact_gradient(seed, order=120):
    """Gradient of the exact ELBO of the first datum of a smooth network, by differences: an Answer."""
    (x, *_), theta, phi = smooth_network(seed)
    found = differences.gradient(
        lambda p: exact(x, p["theta"], p["phi"], order)[0], {"theta": theta, "phi": phi}
    )
    return Answer(found.value, found.value, found.error)
