"""What every decoder of the batched autoencoder shares: latents of a block, their log weights, the way back to q.

A block is a few whole data points; its samples are rows, those of one datum next to one another. Rows of z, of
activations and of their adjoints are matrices, so that the networks are matrix products.

Checked by  tests/fast/test_batched_vae.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.fast import vector_math as vm
from refvi.fast.batched_vae_products import matmul
from refvi.fast.compiled import compiled
from refvi.kernels.scalar import HALF_LOG_2_PI


class Problem(NamedTuple):
    """Data, noise, and how samples and terms are weighted.

    x               (N, X)
    noise           (N, K, Z)
    sample_weights  (K,) for an average of log weights; (0,) for the logarithm of the average weight
    coefficients    (5,) of log p(x | z), log p(z), -log q, the entropy of q, -KL(q || p)
    """

    x: np.ndarray
    noise: np.ndarray
    sample_weights: np.ndarray
    coefficients: np.ndarray


class Latents(NamedTuple):
    """q of every datum and the gradients in it.

    mean, log_var, std          (N, Z)
    constant                    (N,) the part of a log weight that all samples of a datum share
    grad_mean, grad_log_var     (N, Z)
    bound                       (N,)
    """

    mean: np.ndarray
    log_var: np.ndarray
    std: np.ndarray
    constant: np.ndarray
    grad_mean: np.ndarray
    grad_log_var: np.ndarray
    bound: np.ndarray


@compiled
def new_latents(count, latent):
    """Uninitialised latents."""
    rows, columns = np.empty((5, count, latent)), np.empty((2, count))
    return Latents(rows[0], rows[1], rows[2], columns[0], rows[3], rows[4], columns[1])


@compiled
def largest(array):
    """Largest magnitude in a matrix."""
    top = 0.0
    for i in range(array.shape[0]):
        row = array[i]
        for j in range(row.size):
            top = max(top, abs(row[j]))
    return top


@compiled
def shared_terms(latents, coefficients, first, last):
    """Standard deviations, and the terms of a log weight that do not depend on the sample.

    Formula     c_2 (Z ½ log 2π + ½ sum log_var) - c_1 Z ½ log 2π + c_3 H[q] - c_4 KL(q || N(0, I))
    """
    for b in range(first, last):
        mean, log_var, std = latents.mean[b], latents.log_var[b], latents.std[b]
        logs, squares, variances = 0.0, 0.0, 0.0
        for d in range(mean.size):
            std[d] = vm.exp(0.5 * log_var[d])
            logs += log_var[d]
            squares += mean[d] * mean[d]
            variances += std[d] * std[d]
        constants = mean.size * HALF_LOG_2_PI
        latents.constant[b] = (
            coefficients[2] * (constants + 0.5 * logs)
            - coefficients[1] * constants
            + coefficients[3] * (constants + 0.5 * (mean.size + logs))
        )
        if coefficients[4] != 0.0:
            divergence = 0.5 * (squares + variances - mean.size - logs)
            latents.constant[b] -= coefficients[4] * divergence


@compiled
def draw(problem, latents, first, count, z, log_weights):
    """Latents of a block, and what they add to its log weights besides the likelihood.

    Formula     z = mean + std noise;  constant + sum_d ½ (c_2 noise_d² - c_1 z_d²)
    Shapes      z (count K, Z), log_weights (count K,)
    """
    prior, proposal = 0.5 * problem.coefficients[1], 0.5 * problem.coefficients[2]
    samples, latent = problem.noise.shape[1], problem.noise.shape[2]
    for q in range(count):
        b = first + q
        mean, std, constant = latents.mean[b], latents.std[b], latents.constant[b]
        for k in range(samples):
            noise, row = problem.noise[b, k], z[q * samples + k]
            total = 0.0
            for d in range(latent):
                value = mean[d] + std[d] * noise[d]
                row[d] = value
                total += proposal * (noise[d] * noise[d]) - prior * (value * value)
            log_weights[q * samples + k] = constant + total


@compiled
def normalise(log_weights, sample_weights, weights, bound):
    """Weights of the samples of some data, and the bounds.

    Formula     log (1/K) sum_k w_k with weights w_k / sum_j w_j;  or sum_k a_k log w_k with weights a_k
    Shapes      log_weights and weights (n K,), sample_weights (K,) or (0,), bound (n,)
    """
    samples = log_weights.size // bound.size
    for q in range(bound.size):
        own = slice(q * samples, (q + 1) * samples)
        bound[q] = normalise_datum(log_weights[own], sample_weights, weights[own])


@compiled
def normalise_datum(log_weights, sample_weights, weights):
    """`normalise` for one datum; returns its bound."""
    if sample_weights.size:
        bound = 0.0
        for k in range(weights.size):
            weights[k] = sample_weights[k]
            bound += sample_weights[k] * log_weights[k]
        return bound
    top = log_weights[0]
    for k in range(1, weights.size):
        top = max(top, log_weights[k])
    if weights.size == 1:
        weights[0] = 1.0
        return top
    total = 0.0
    for k in range(weights.size):
        # Beyond the clip a weight is below the smallest float that counts beside the largest, which is 1.
        weights[k] = vm.exp(log_weights[k] - top) if log_weights[k] - top > -708.0 else 0.0
        total += weights[k]
    for k in range(weights.size):
        weights[k] /= total
    return top + math.log(total / weights.size)


@compiled
def back_to_q(problem, latents, first, count, z, grad_z, weights):
    """Gradients in mean and log variance of a block's data, from those of its latents.

    Formula     g_k = grad_z_k - c_1 w_k z_k;  d/dmean = sum_k g_k - c_4 W mean;
                d/dlog_var = ½ std sum_k g_k noise_k + ½ W (c_2 + c_3 - c_4 (std² - 1)),  W = sum_k w_k
    Shapes      z and grad_z (count K, Z), weights (count K,)
    """
    coefficients, samples = problem.coefficients, problem.noise.shape[1]
    for q in range(count):
        b = first + q
        mean, std = latents.mean[b], latents.std[b]
        grad_mean, grad_log_var = latents.grad_mean[b], latents.grad_log_var[b]
        for d in range(mean.size):
            grad_mean[d] = 0.0
            grad_log_var[d] = 0.0
        total = 0.0
        for k in range(samples):
            n = q * samples + k
            weight = weights[n]
            total += weight
            scale = coefficients[1] * weight
            noise, value, back = problem.noise[b, k], z[n], grad_z[n]
            for d in range(mean.size):
                g = back[d] - scale * value[d]
                grad_mean[d] += g
                grad_log_var[d] += g * noise[d]
        free, divergence = coefficients[2] + coefficients[3], coefficients[4]
        for d in range(mean.size):
            grad_mean[d] -= divergence * total * mean[d]
            closed = free - divergence * (std[d] * std[d] - 1.0)
            grad_log_var[d] = 0.5 * (grad_log_var[d] * std[d] + total * closed)


@compiled
def tanh_rows(rows, bias, first):
    """tanh(rows + bias) in place, from the column `first` on: rows (n, C), bias (H,)."""
    for n in range(rows.shape[0]):
        row = rows[n][first : first + bias.size]
        for j in range(bias.size):
            row[j] = vm.tanh(row[j] + bias[j])


@compiled
def tanh_rows_back(hidden, first, grad, grad_bias):
    """Gradient by tanh's input from that by its output, in place; adds the bias's: hidden (n, C), grad (n, H)."""
    for n in range(hidden.shape[0]):
        value, row = hidden[n][first : first + grad_bias.size], grad[n]
        for j in range(grad_bias.size):
            g = row[j] * (1.0 - value[j] * value[j])
            row[j] = g
            grad_bias[j] += g


@compiled
def add_into(total, part):
    """Entrywise sum, in place: (R, C) each."""
    for i in range(total.shape[0]):
        left, right = total[i], part[i]
        for j in range(left.size):
            left[j] += right[j]


@compiled
def hidden_layer(z, theta, hidden):
    """Activations of the decoder's hidden layer: z (n, Z), hidden (n, H)."""
    matmul(z, theta.weights_hidden.T, hidden)
    tanh_rows(hidden, theta.bias_hidden, 0)


@compiled
def hidden_layer_back(z, grad_hidden, theta, add, grad_weights, grad_z):
    """Gradient in the hidden layer's weights and input, from that by the input of tanh."""
    matmul(grad_hidden.T, z, grad_weights, add)
    matmul(grad_hidden, theta.weights_hidden, grad_z)
