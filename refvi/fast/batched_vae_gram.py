"""Decoder of a batch with a Gaussian likelihood, through the Gram matrix of its output weights.

With scaled weights V = diag(1/s) W and scaled data y = (x - b)/s the residual r = y - V f of a sample enters only as

    |r|² = |y|² - 2 (V'y)'f + f'(V'V)f,   V'r = V'y - (V'V) f,
    sum w r f' = sum_b y_b (sum_k w f)' - V (sum w f f'),

so that a sample costs two products of H x H in place of three of H x X. The price is cancellation where |r| is much
smaller than |y|: the error of a log weight is u (|y| + |V| |f|)², not u |r| (|y| + |V| |f|); `reach` bounds it.

Checked by  tests/fast/test_batched_vae.py
"""

from typing import NamedTuple

import numpy as np

from refvi.fast.batched_vae_latents import (
    back_to_q,
    draw,
    hidden_layer,
    hidden_layer_back,
    normalise_datum,
)
from refvi.fast.batched_vae_products import COLUMNS, matmul
from refvi.fast.compiled import compiled
from refvi.kernels.scalar import HALF_LOG_2_PI


class Gram(NamedTuple):
    """What the samples of all data share, F being the features that the output layer reads.

    weights     V (X, F)
    gram        V'V (F, F)
    data        y (N, X)
    projected   V'y of every datum (N, F)
    squares     |y|² (N,)
    features    sum_k w f of every datum (N, F)
    mass        sum_k w of every datum (N,)
    """

    weights: np.ndarray
    gram: np.ndarray
    data: np.ndarray
    projected: np.ndarray
    squares: np.ndarray
    features: np.ndarray
    mass: np.ndarray


@compiled
def scale_weights(weights, inverse_std, gram):
    """V; returns sum_j |V_j|, a bound of |V f| for tanh features."""
    squares, total = np.zeros(weights.shape[1]), 0.0
    for i in range(weights.shape[0]):
        row, given, scale = gram.weights[i], weights[i], inverse_std[i]
        for j in range(row.size):
            row[j] = scale * given[j]
            squares[j] += row[j] * row[j]
    for j in range(squares.size):
        total += squares[j] ** 0.5
    return total


@compiled
def lower_product(left, right, first, last, out, add):
    """Columns first..last-1 of left' right from the diagonal on, for a symmetric one.

    Shapes      left and right (n, F), out (F, F)
    """
    for j in range(first, last, COLUMNS):
        stop = min(j + COLUMNS, last)
        matmul(left[:, j:].T, right[:, j:stop], out[j:, j:stop], add)


@compiled
def mirror(square):
    """Copy what is below the diagonal above it."""
    for i in range(square.shape[0]):
        for j in range(i):
            square[j, i] = square[i, j]


@compiled
def scale_rows(x, bias, inverse_std, gram, first, last):
    """y and |y|² of the data first..last-1."""
    for b in range(first, last):
        row, given, total = gram.data[b], x[b], 0.0
        for i in range(row.size):
            value = (given[i] - bias[i]) * inverse_std[i]
            row[i] = value
            total += value * value
        gram.squares[b] = total


@compiled
def project_rows(gram, first, last):
    """V'y of the data first..last-1."""
    matmul(gram.data[first:last], gram.weights, gram.projected[first:last])


@compiled
def squared_residual(features, product, projected, square):
    """|r|² of a sample from f, (V'V) f, V'y and |y|²."""
    total = 0.0
    for j in range(features.size):
        total += features[j] * (product[j] - 2.0 * projected[j])
    return square + total


@compiled
def spread_tanh(weight, projected, features, product, weighted, sums, grad_bias):
    """Weighted features and their sum; turns (V'V) f into the gradient by the input of tanh."""
    for j in range(features.size):
        f = features[j]
        scaled = weight * f
        weighted[j] = scaled
        sums[j] += scaled
        g = (weight * (projected[j] - product[j])) * (1.0 - f * f)
        product[j] = g
        grad_bias[j] += g


@compiled
def spread_linear(weight, projected, features, product, weighted, sums):
    """As `spread_tanh` where the features are the latents: turns (V'V) f into the gradient by f."""
    for j in range(features.size):
        scaled = weight * features[j]
        weighted[j] = scaled
        sums[j] += scaled
        product[j] = weight * (projected[j] - product[j])


@compiled
def weigh_datum(problem, theta, gram, latents, b, features, product, weighted, logs, weights, grad_bias):
    """Samples of one datum: from (V'V) f to the weighted gradient by the input of tanh.

    Shapes      features, product, weighted (K, F), logs (K,) without likelihood, weights (K,)
    """
    projected, sums, likelihood = gram.projected[b], gram.features[b], problem.coefficients[0]
    constant, mass = theta.log_std.size * HALF_LOG_2_PI, 0.0
    for i in range(theta.log_std.size):
        constant += theta.log_std[i]
    for k in range(logs.size):
        square = squared_residual(features[k], product[k], projected, gram.squares[b])
        logs[k] += likelihood * (-constant - 0.5 * square)
    latents.bound[b] = normalise_datum(logs, problem.sample_weights, weights)
    sums[:] = 0.0
    for k in range(logs.size):
        weight = likelihood * weights[k]
        mass += weight
        if grad_bias.size:
            spread_tanh(weight, projected, features[k], product[k], weighted[k], sums, grad_bias)
        else:
            spread_linear(weight, projected, features[k], product[k], weighted[k], sums)
    gram.mass[b] = mass


@compiled
def gram_group(problem, theta, gram, latents, block, first, last, grad, moments):
    """Bounds of the data first..last-1, gradient in the hidden layer, and moments (F, F) = sum w f f' below the diagonal."""
    samples, units, latent = problem.noise.shape[1], theta.bias_hidden.size, problem.noise.shape[2]
    width, rows = theta.weights_out.shape[1], block * samples
    z, grad_z = np.empty((rows, latent)), np.empty((rows, latent))
    hidden, product = np.empty((rows if units else 0, units)), np.empty((rows, width))
    weighted, weights, logs = np.empty((rows, width)), np.empty(rows), np.empty(rows)
    grad.bias_hidden[:] = 0.0
    for start in range(first, last, block):
        count = min(block, last - start)
        n = count * samples
        draw(problem, latents, start, count, z, logs)
        features = z[:n]
        if units:
            hidden_layer(z[:n], theta, hidden[:n])
            features = hidden[:n]
        matmul(features, gram.gram, product[:n])
        for q in range(count):
            own = slice(q * samples, (q + 1) * samples)
            weigh_datum(
                problem,
                theta,
                gram,
                latents,
                start + q,
                features[own],
                product[own],
                weighted[own],
                logs[own],
                weights[own],
                grad.bias_hidden,
            )
        add = start > first
        lower_product(weighted[:n], features, 0, width, moments, add)
        if units:
            hidden_layer_back(z[:n], product[:n], theta, add, grad.weights_hidden, grad_z[:n])
            back_to_q(problem, latents, start, count, z, grad_z, weights)
        else:
            back_to_q(problem, latents, start, count, z, product, weights)


@compiled
def output_back(gram, moments, inverse_std, first, last, grad):
    """Gradient in the output layer and the noise level of the visibles first..last-1.

    Formula     with A = sum_b y_b (sum_k w f)', B = V (sum w f f'):  dW = (A - B)/s,
                db = (sum w y - V sum w f)/s,  d log s_i = sum w y_i² - 2 V_i A_i + V_i B_i - sum w
    """
    features = gram.features
    linear, quadratic = (
        np.empty((last - first, features.shape[1])),
        np.empty((last - first, features.shape[1])),
    )
    matmul(gram.data[:, first:last].T, features, linear)
    matmul(gram.weights[first:last], moments, quadratic)
    mean, mean_square, total = np.zeros(last - first), np.zeros(last - first), 0.0
    for b in range(features.shape[0]):
        row, mass = gram.data[b][first:last], gram.mass[b]
        total += mass
        for i in range(mean.size):
            value = mass * row[i]
            mean[i] += value
            mean_square[i] += value * row[i]
    sums = np.zeros(features.shape[1])
    for b in range(features.shape[0]):
        row = features[b]
        for j in range(sums.size):
            sums[j] += row[j]
    for i in range(first, last):
        weights, out = gram.weights[i], grad.weights_out[i]
        left, right, scale = linear[i - first], quadratic[i - first], inverse_std[i]
        crossed, shifted = 0.0, 0.0
        for j in range(weights.size):
            out[j] = scale * (left[j] - right[j])
            crossed += weights[j] * (right[j] - 2.0 * left[j])
            shifted += weights[j] * sums[j]
        grad.bias_out[i] = scale * (mean[i - first] - shifted)
        grad.log_std[i] = (mean_square[i - first] + crossed) - total
