"""Decoder of a batch, forwards and backwards through its outputs: any likelihood.

    O = F W' + b,  F = tanh(Z A' + a) or Z;   back: dW += dO' F,  dF = dO W

Blocks of whole data points, their matrices small enough for the second cache; forwards, weights and backwards of a
block follow one another while it is there. Groups of blocks have gradients of their own, added in a fixed order.

Checked by  tests/fast/test_batched_vae.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.fast import vector_math as vm
from refvi.fast.batched_vae_latents import (
    back_to_q,
    draw,
    hidden_layer,
    hidden_layer_back,
    normalise,
    outer_into,
    tanh_rows_back,
)
from refvi.fast.compiled import compiled
from refvi.kernels.scalar import HALF_LOG_2_PI

FACTORS = 512  # each at most 2: their product stays a float


class DecoderArrays(NamedTuple):
    """The fields of `refvi.models.gaussian_vae.Decoder`, which gives their shapes."""

    weights_hidden: np.ndarray
    bias_hidden: np.ndarray
    weights_out: np.ndarray
    bias_out: np.ndarray
    log_std: np.ndarray


@compiled
def gaussian_residual(x, bias, inverse_std, out):
    """Turn outputs without bias into residuals in standard deviations; returns the sum of their squares."""
    total = 0.0
    for i in range(x.size):
        r = ((x[i] - bias[i]) - out[i]) * inverse_std[i]
        out[i] = r
        total += r * r
    return total


@compiled
def gaussian_back(weight, inverse_std, out, grad_bias, grad_log_std):
    """Turn residuals into weighted gradients by the outputs; adds those by bias and by log_std, less the constant."""
    for i in range(out.size):
        r = out[i]
        g = weight * r * inverse_std[i]
        out[i] = g
        grad_bias[i] += g
        grad_log_std[i] += weight * (r * r)


@compiled
def bernoulli_residual(x, bias, out):
    """Turn logits without bias into x - sigmoid; returns the log mass.

    Formula     sum_i x_i l_i - max(l_i, 0) - log prod_i (1 + e^-|l_i|), one logarithm for many factors
    """
    total = 0.0
    for first in range(0, x.size, FACTORS):
        last = min(first + FACTORS, x.size)
        part, product = bernoulli_factors(x[first:last], bias[first:last], out[first:last])
        total += part - vm.log(product)
    return total


@compiled
def bernoulli_factors(x, bias, out):
    """The sum and the product of `bernoulli_residual` for few outputs."""
    total, product = 0.0, 1.0
    for i in range(x.size):
        logit = out[i] + bias[i]
        small = vm.exp(-math.fabs(logit))
        product *= 1.0 + small
        total += x[i] * logit - max(logit, 0.0)
        half = 1.0 / (1.0 + small)
        out[i] = x[i] - (half if logit >= 0.0 else small * half)
    return total, product


@compiled
def bernoulli_back(weight, out, grad_bias):
    """Weight the gradient by the logits; adds the one by bias."""
    for i in range(out.size):
        g = weight * out[i]
        out[i] = g
        grad_bias[i] += g


@compiled
def weigh_gaussian(problem, theta, inverse_std, latents, b, out, logs, weights, grad):
    """Samples of one datum: from outputs to weighted gradients by them; returns the mass of the weights.

    Shapes      out (K, X), logs (K,) without likelihood, weights (K,)
    """
    x, likelihood, constant, mass = problem.x[b], problem.coefficients[0], 0.0, 0.0
    for i in range(x.size):
        constant += HALF_LOG_2_PI + theta.log_std[i]
    for k in range(logs.size):
        square = gaussian_residual(x, theta.bias_out, inverse_std, out[k])
        logs[k] += likelihood * (-constant - 0.5 * square)
    latents.bound[b] = normalise(logs, problem.sample_weights, weights)
    for k in range(logs.size):
        weight = likelihood * weights[k]
        mass += weight
        gaussian_back(weight, inverse_std, out[k], grad.bias_out, grad.log_std)
    return mass


@compiled
def weigh_bernoulli(problem, theta, latents, b, out, logs, weights, grad):
    """As `weigh_gaussian`, of logits."""
    x, likelihood = problem.x[b], problem.coefficients[0]
    for k in range(logs.size):
        logs[k] += likelihood * bernoulli_residual(x, theta.bias_out, out[k])
    latents.bound[b] = normalise(logs, problem.sample_weights, weights)
    for k in range(logs.size):
        bernoulli_back(likelihood * weights[k], out[k], grad.bias_out)


@compiled
def weigh_block(problem, theta, inverse_std, latents, start, count, out, logs, weights, grad):
    """All data of a block: see `weigh_gaussian`."""
    samples, mass = logs.shape[1], 0.0
    for q in range(count):
        rows, own = out[q * samples : (q + 1) * samples], weights[q * samples : (q + 1) * samples]
        if inverse_std.size:
            mass += weigh_gaussian(problem, theta, inverse_std, latents, start + q, rows, logs[q], own, grad)
        else:
            weigh_bernoulli(problem, theta, latents, start + q, rows, logs[q], own, grad)
    return mass


@compiled
def direct_group(problem, theta, inverse_std, latents, block, first, last, grad):
    """Bounds and gradients of the data first..last-1; writes all of grad, the decoder's gradient."""
    samples, observed, latent = problem.noise.shape[1], problem.x.shape[1], problem.noise.shape[2]
    units, width, rows = theta.bias_hidden.size, theta.weights_out.shape[1], block * samples
    z, grad_z, out = np.empty((rows, latent)), np.empty((rows, latent)), np.empty((rows, observed))
    hidden, grad_hidden = np.empty((rows if units else 0, units)), np.empty((rows if units else 0, units))
    weights, logs = np.empty(rows), np.empty((block, samples))
    part_out, part_hidden = np.empty((observed, width)), np.empty((units, latent))
    grad.bias_hidden[:] = 0.0
    grad.bias_out[:] = 0.0
    grad.log_std[:] = 0.0
    mass = 0.0
    for start in range(first, last, block):
        count = min(block, last - start)
        n = count * samples
        draw(problem, latents, start, count, z, logs)
        features, grad_features = z[:n], grad_z[:n]
        if units:
            hidden_layer(z[:n], theta, hidden[:n])
            features, grad_features = hidden[:n], grad_hidden[:n]
        np.dot(features, theta.weights_out.T, out[:n])
        mass += weigh_block(problem, theta, inverse_std, latents, start, count, out, logs, weights, grad)
        outer_into(out[:n], features, start == first, part_out, grad.weights_out)
        np.dot(out[:n], theta.weights_out, grad_features)
        if units:
            tanh_rows_back(hidden[:n], grad_hidden[:n], grad.bias_hidden)
            hidden_layer_back(
                z[:n], grad_hidden[:n], theta, start == first, part_hidden, grad.weights_hidden, grad_z[:n]
            )
        back_to_q(problem, latents, start, count, z, grad_z, weights)
    for i in range(grad.log_std.size):
        grad.log_std[i] -= mass
