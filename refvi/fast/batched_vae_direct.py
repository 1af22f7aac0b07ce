"""Decoder of a batch, forwards and backwards through its outputs: any likelihood.

    O = F W' + b,  F = tanh(Z A' + a) or Z;   back: dW += dO' F,  dF = dO W

Blocks of whole data points, their matrices small enough for the second cache; forwards, weights and backwards of a
block follow one another while it is there. Groups of blocks have gradients of their own, added in a fixed order. Where
the matrices of all data are small, they are kept, and slices of visibles take the place of groups: then there is one
gradient and nothing to add.

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
    normalise,
    tanh_rows_back,
)
from refvi.fast.batched_vae_products import matmul
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


class Rows(NamedTuple):
    """Latents, activations and their adjoints of some samples; `out` turns into its own adjoint.

    z, grad_z           (n, Z)
    hidden, grad_hidden (n, H)
    out                 (n, X)
    """

    z: np.ndarray
    grad_z: np.ndarray
    hidden: np.ndarray
    grad_hidden: np.ndarray
    out: np.ndarray


@compiled
def new_rows(n, theta):
    """Uninitialised rows."""
    latent = theta.weights_hidden.shape[1] if theta.bias_hidden.size else theta.weights_out.shape[1]
    units, observed = theta.bias_hidden.size, theta.bias_out.size
    return Rows(
        np.empty((n, latent)),
        np.empty((n, latent)),
        np.empty((n, units)),
        np.empty((n, units)),
        np.empty((n, observed)),
    )


@compiled
def inverse(log_std):
    """1/s of every visible; none where the likelihood has no s."""
    found = np.empty(log_std.size)
    for i in range(found.size):
        found[i] = vm.exp(-log_std[i])
    return found


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
def add_likelihood(x, samples, likelihood, theta, inverse_std, out, logs):
    """Turn outputs of a block into what the way back needs, and add to the log weights.

    Shapes      x (count, X), out (count K, X), logs (count K,) without likelihood
    """
    bias, constant = theta.bias_out, 0.0
    for i in range(inverse_std.size):
        constant += HALF_LOG_2_PI + theta.log_std[i]
    for n in range(out.shape[0]):
        if inverse_std.size:
            square = gaussian_residual(x[n // samples], bias, inverse_std, out[n])
            logs[n] += likelihood * (-constant - 0.5 * square)
        else:
            logs[n] += likelihood * bernoulli_residual(x[n // samples], bias, out[n])


@compiled
def weigh_outputs(likelihood, inverse_std, weights, out, grad):
    """Turn them into weighted gradients by the outputs; adds those by bias and noise level, returns the mass of the weights.

    Shapes      weights (n,), out (n, X)
    """
    grad_bias, grad_log_std, mass = grad.bias_out, grad.log_std, 0.0
    for n in range(out.shape[0]):
        weight = likelihood * weights[n]
        mass += weight
        if inverse_std.size:
            gaussian_back(weight, inverse_std, out[n], grad_bias, grad_log_std)
        else:
            bernoulli_back(weight, out[n], grad_bias)
    return mass


@compiled
def direct_group(problem, theta, inverse_std, latents, rows, keep, block, first, last, grad):
    """Bounds and gradients of the data first..last-1; `outer_slice` makes the matrices where rows are kept."""
    samples, units, mass = problem.noise.shape[1], theta.bias_hidden.size, 0.0
    weights, logs = np.empty(block * samples), np.empty(block * samples)
    grad.bias_hidden[:] = 0.0
    grad.bias_out[:] = 0.0
    grad.log_std[:] = 0.0
    for start in range(first, last, block):
        count, add = min(block, last - start), start > first
        offset = start * samples if keep else 0
        n = offset + count * samples
        z, grad_z, out = rows.z[offset:n], rows.grad_z[offset:n], rows.out[offset:n]
        draw(problem, latents, start, count, z, logs)
        features, grad_features = z, grad_z
        if units:
            features, grad_features = rows.hidden[offset:n], rows.grad_hidden[offset:n]
            hidden_layer(z, theta, features)
        matmul(features, theta.weights_out.T, out)
        likelihood, own = problem.coefficients[0], weights[: count * samples]
        data, log_weights = problem.x[start : start + count], logs[: count * samples]
        add_likelihood(data, samples, likelihood, theta, inverse_std, out, log_weights)
        normalise(log_weights, problem.sample_weights, own, latents.bound[start : start + count])
        mass += weigh_outputs(likelihood, inverse_std, own, out, grad)
        if not keep:
            matmul(out.T, features, grad.weights_out, add)
        matmul(out, theta.weights_out, grad_features)
        if units:
            tanh_rows_back(features, 0, grad_features, grad.bias_hidden)
            if not keep:
                matmul(grad_features.T, z, grad.weights_hidden, add)
            matmul(grad_features, theta.weights_hidden, grad_z)
        back_to_q(problem, latents, start, count, z, grad_z, weights)
    for i in range(grad.log_std.size):
        grad.log_std[i] -= mass


@compiled
def hidden_outer(rows, grad):
    """Gradient in the hidden layer's weights, from rows of all data."""
    if rows.hidden.shape[1]:
        matmul(rows.grad_hidden.T, rows.z, grad.weights_hidden)


@compiled
def outer_slice(rows, first, last, grad):
    """Gradient in the output weights of the visibles first..last-1, from rows of all data."""
    features = rows.hidden if rows.hidden.shape[1] else rows.z
    matmul(rows.out[:, first:last].T, features, grad.weights_out[first:last])
