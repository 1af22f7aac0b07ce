"""The ELBO in its three forms, the importance-weighted bound, and what they are made of: arrays in, arrays out.

Noise is an argument: standard normal draws give an unbiased estimate, quadrature nodes with `sample_weights` the exact
value. Values are per datum, gradients those of the sum over data. Not here: the closed form (`linear`), ascent.

Source      Kingma and Welling 2013, eq 3, 7 and 10, arXiv:1312.6114v11;
            Burda, Grosse and Salakhutdinov 2015, eq 8 and 13-14, arXiv:1509.00519v4
Checked by  tests/models/test_gaussian_vae.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.kernels.logspace import softmax
from refvi.kernels.portable import portable
from refvi.kernels.scalar import log
from refvi.models.gaussian_vae.networks import log_joint as log_joint_kernel
from refvi.models.gaussian_vae.networks import log_joint_grad as log_joint_grad_kernel
from refvi.models.gaussian_vae.parameters import (
    Decoder,
    Encoder,
    check_data,
    check_decoder,
    check_encoder,
    check_noise,
)
from refvi.models.gaussian_vae.sample import FORMS, backward, forward, workspace_size
from refvi.models.parameters import like, size
from refvi.targets import get_target


class Batch(NamedTuple):
    """Data, noise and how samples and terms are weighted.

    x               (N, X)
    noise           (N, K, Z)
    sample_weights  (K,) 1/K, or the weights of a quadrature rule
    coefficients    (5,) a form of the ELBO, see `sample`
    """

    x: np.ndarray
    noise: np.ndarray
    sample_weights: np.ndarray
    coefficients: np.ndarray


class Latents(NamedTuple):
    """Data and latents of a log joint: x (N, X), z (N, Z)."""

    x: np.ndarray
    z: np.ndarray


class Terms(NamedTuple):
    """Every term of every sample, each (N, K), in nats.

    log_likelihood  log p(x | z)
    log_prior       log p(z)
    neg_log_q       -log q(z | x)
    entropy         entropy of q, the same for every sample
    neg_kl          -KL(q || p(z)), the same for every sample
    """

    log_likelihood: np.ndarray
    log_prior: np.ndarray
    neg_log_q: np.ndarray
    entropy: np.ndarray
    neg_kl: np.ndarray


class Bound(NamedTuple):
    """A bound and its gradients.

    bound       (N,) on the scale of log p(x_n), in nats
    grad_theta  gradient of the sum over n in theta
    grad_phi    gradient of the sum over n in phi
    """

    bound: np.ndarray
    grad_theta: Decoder
    grad_phi: Encoder


class LogJoint(NamedTuple):
    """A log joint and its gradients.

    log_joint   (N,) log p(x_n, z_n), in nats
    grad_z      (N, Z) gradient in z_n
    grad_theta  gradient of the sum over n in theta
    """

    log_joint: np.ndarray
    grad_z: np.ndarray
    grad_theta: Decoder


# ---- kernels


@portable
def terms_row(item, inputs, out, scratch):
    """The five terms of one sample of one datum, items running over data and then samples.

    Formula     see `sample.forward`
    Shapes      inputs (theta, phi, Batch), out (5,), scratch (workspace_size,)
    """
    theta, phi, batch = inputs
    samples = batch.noise.shape[1]
    datum, k = item // samples, item % samples
    forward(batch.x[datum], batch.noise[datum, k], theta, phi, out, scratch)


@portable
def elbo_row(item, inputs, out, scratch):
    """ELBO of one datum and its pathwise gradient.

    Formula     sum_k sample_weights_k sum_t coefficients_t terms_t(noise_k)
    Gradient    `sample.backward` of every sample
    Shapes      inputs (theta, phi, Batch), out (1 + P + Q,), scratch (5 + workspace_size,)
    """
    theta, phi, batch = inputs
    x, terms, rest = batch.x[item], scratch[:5], scratch[5:]
    for k in range(batch.noise.shape[1]):
        noise, weight = batch.noise[item, k], batch.sample_weights[k]
        forward(x, noise, theta, phi, terms, rest)
        value = 0.0
        for t in range(5):
            if batch.coefficients[t] != 0.0:
                value += batch.coefficients[t] * terms[t]
        out[0] += weight * value
        backward(x, noise, theta, phi, batch.coefficients, weight, out[1:], rest)


@portable
def iwae_row(item, inputs, out, scratch):
    """Importance-weighted bound of one datum and its pathwise gradient: log weights first, then a second pass.

    Formula     log (1/K) sum_k w_k,  log w_k = log p(x | z_k) + log p(z_k) - log q(z_k | x)
    Gradient    sum_k w~_k d log w_k / d (theta, phi) along the path,  w~_k = w_k / sum_j w_j
    Shapes      inputs (theta, phi, Batch) with the joint form, out (1 + P + Q,), scratch (5 + K + workspace_size,)
    """
    theta, phi, batch = inputs
    x, samples = batch.x[item], batch.noise.shape[1]
    terms, weights, rest = scratch[:5], scratch[5 : 5 + samples], scratch[5 + samples :]
    for k in range(samples):
        forward(x, batch.noise[item, k], theta, phi, terms, rest)
        weights[k] = terms[0] + terms[1] + terms[2]
    out[0] = softmax(weights, weights) - log(float(samples))
    for k in range(samples):
        forward(x, batch.noise[item, k], theta, phi, terms, rest)
        backward(x, batch.noise[item, k], theta, phi, batch.coefficients, weights[k], out[1:], rest)


@portable
def log_joint_row(item, inputs, out, scratch):
    """Log joint of one latent and one datum, with its gradients.

    Formula     log N(z; 0, I) + log p(x | z)
    Gradient    see `networks.log_joint_grad`
    Shapes      inputs (theta, Latents), out (1 + Z + P,), scratch (2 (H + X),)
    """
    theta, latents = inputs
    units, latent = theta.bias_hidden.shape[0], latents.z.shape[1]
    half = units + latents.x.shape[1]
    out[0] = log_joint_grad_kernel(
        latents.z[item],
        latents.x[item],
        theta,
        scratch[:units],
        scratch[units:half],
        scratch[half : half + units],
        scratch[half + units :],
        out[1 + latent :],
        out[1 : 1 + latent],
    )


# ---- arrays in, arrays out


def check(x, theta, phi, noise, sample_weights=None):
    """All arguments of a bound as float64 arrays, or one sentence."""
    sizes = {}
    theta, phi = check_decoder(theta, sizes), check_encoder(phi, sizes)
    x, noise = check_data(x, theta, sizes), check_noise(noise, sizes)
    if sample_weights is None:
        sample_weights = np.full(sizes["K"], 1.0 / sizes["K"])
    sample_weights = validate.array("sample_weights", sample_weights, "K", sizes)
    return theta, phi, Batch(x, noise, sample_weights, np.array(FORMS["joint"]))


def log_joint(z, x, theta):
    """Log joint log p(x_n, z_n) of every datum, (N,), by the plain formula and without gradients."""
    sizes = {}
    theta = check_decoder(theta, sizes)
    x, z = check_data(x, theta, sizes), validate.array("z", z, "N Z", sizes)
    hidden, out = np.zeros(len(theta.bias_hidden)), np.zeros(sizes["X"])
    return np.array([log_joint_kernel(a, b, theta, hidden, out) for a, b in zip(z, x, strict=True)])


def log_joint_and_grad(z, x, theta, target="python"):
    """Log joint of every datum with its gradients in z and theta."""
    sizes = {}
    theta = check_decoder(theta, sizes)
    x, z = check_data(x, theta, sizes), validate.array("z", z, "N Z", sizes)
    scratch = 2 * (len(theta.bias_hidden) + sizes["X"])
    inputs, width = (theta, Latents(x, z)), 1 + sizes["Z"] + size(theta)
    rows = get_target(target).rows(log_joint_row, inputs, len(x), width, scratch)
    split = 1 + sizes["Z"]
    return LogJoint(rows[:, 0].copy(), rows[:, 1:split].copy(), like(theta, _sum(rows[:, split:])))


def terms(x, theta, phi, noise, target="python"):
    """Every term of every sample, (N, K) each; the forms of the ELBO are sums of them."""
    theta, phi, batch = check(x, theta, phi, noise)
    count, samples = batch.noise.shape[:2]
    rows = get_target(target).rows(
        terms_row, (theta, phi, batch), count * samples, 5, workspace_size(theta, phi)
    )
    return Terms(*(column.reshape(count, samples).copy() for column in rows.T))


def log_weights(x, theta, phi, noise, target="python"):
    """Log weights log p(x_n, z_nk) - log q(z_nk | x_n), (N, K): what `refvi.objectives` takes."""
    found = terms(x, theta, phi, noise, target)
    return found.log_likelihood + found.log_prior + found.neg_log_q


def elbo(x, theta, phi, noise, form="kl", beta=1.0, sample_weights=None, target="python"):
    """ELBO of every datum and the pathwise gradients of their sum.

    form            "joint", "entropy" or "kl": which terms are in closed form, see `sample`
    beta            factor of the divergence: of -KL, or of log p(z) and -log q (the entropy)
    sample_weights  (K,) 1/K by default; the weights of a quadrature rule whose nodes are the noise
    """
    theta, phi, batch = check(x, theta, phi, noise, sample_weights)
    coefficients = np.array(FORMS[validate.one_of("form", form, tuple(FORMS))])
    coefficients[1:] *= float(validate.array("beta", beta, ""))
    batch = batch._replace(coefficients=coefficients)
    return _bound(elbo_row, theta, phi, batch, 5 + workspace_size(theta, phi), target)


def iwae(x, theta, phi, noise, target="python"):
    """Importance-weighted bound of every datum and the pathwise gradients of their sum."""
    theta, phi, batch = check(x, theta, phi, noise)
    scratch = 5 + batch.noise.shape[1] + workspace_size(theta, phi)
    return _bound(iwae_row, theta, phi, batch, scratch, target)


def _bound(kernel, theta, phi, batch, scratch, target):
    """One row per datum, summed into gradients of the parameters' types."""
    parameters, width = size(theta), 1 + size(theta) + size(phi)
    rows = get_target(target).rows(kernel, (theta, phi, batch), len(batch.x), width, scratch)
    grad = _sum(rows[:, 1:])
    return Bound(rows[:, 0].copy(), like(theta, grad[:parameters]), like(phi, grad[parameters:]))


def _sum(rows):
    """Correctly rounded sum over data."""
    return np.array([math.fsum(column) for column in rows.T])
