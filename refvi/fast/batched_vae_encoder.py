"""The encoder of a batch as matrix products: rows of data forwards, slices of hidden units backwards.

Backwards a slice of hidden units owns its rows of the gradient, so that threads that work on different slices have
nothing to add up. With H = 0 hidden units the heads read the data.

Checked by  tests/fast/test_batched_vae.py
"""

from typing import NamedTuple

import numpy as np

from refvi.fast.batched_vae_latents import shared_terms, tanh_rows, tanh_rows_back
from refvi.fast.compiled import compiled


class EncoderArrays(NamedTuple):
    """The fields of `refvi.models.gaussian_vae.Encoder`, which gives their shapes."""

    weights_hidden: np.ndarray
    bias_hidden: np.ndarray
    weights_mean: np.ndarray
    bias_mean: np.ndarray
    weights_log_var: np.ndarray
    bias_log_var: np.ndarray


@compiled
def add_bias(rows, bias):
    """Add a bias to every row, in place."""
    for n in range(rows.shape[0]):
        row = rows[n]
        for j in range(bias.size):
            row[j] += bias[j]


@compiled
def encode_rows(x, phi, hidden, latents, coefficients, first, last):
    """Hidden units, mean, log variance and what follows from them, of the data first..last-1."""
    features = x[first:last]
    if phi.bias_hidden.size:
        np.dot(x[first:last], phi.weights_hidden.T, hidden[first:last])
        tanh_rows(hidden[first:last], phi.bias_hidden)
        features = hidden[first:last]
    np.dot(features, phi.weights_mean.T, latents.mean[first:last])
    np.dot(features, phi.weights_log_var.T, latents.log_var[first:last])
    add_bias(latents.mean[first:last], phi.bias_mean)
    add_bias(latents.log_var[first:last], phi.bias_log_var)
    shared_terms(latents, coefficients, first, last)


@compiled
def column_sums(rows, sums):
    """Sum of the rows of a matrix."""
    sums[:] = 0.0
    for n in range(rows.shape[0]):
        row = rows[n]
        for j in range(sums.size):
            sums[j] += row[j]


@compiled
def heads_back(features, latents, grad_phi):
    """Gradient in the two heads."""
    np.dot(latents.grad_mean.T, features, grad_phi.weights_mean)
    np.dot(latents.grad_log_var.T, features, grad_phi.weights_log_var)
    column_sums(latents.grad_mean, grad_phi.bias_mean)
    column_sums(latents.grad_log_var, grad_phi.bias_log_var)


@compiled
def hidden_back(x, phi, hidden, latents, first, last, grad_phi):
    """Gradient in the parameters of the hidden units first..last-1."""
    mean_rows = phi.weights_mean[:, first:last].copy()
    log_var_rows = phi.weights_log_var[:, first:last].copy()
    grad, part = np.dot(latents.grad_mean, mean_rows), np.dot(latents.grad_log_var, log_var_rows)
    for n in range(grad.shape[0]):
        row, other = grad[n], part[n]
        for j in range(last - first):
            row[j] += other[j]
    bias = grad_phi.bias_hidden[first:last]
    bias[:] = 0.0
    tanh_rows_back(hidden[:, first:last], grad, bias)
    np.dot(grad.T, x, grad_phi.weights_hidden[first:last])
