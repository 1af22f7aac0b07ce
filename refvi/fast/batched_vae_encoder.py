"""The encoder of a batch as matrix products: slices of hidden units forwards and backwards, rows of data for the heads.

A slice of hidden units owns its columns of the activations and its rows of the gradient, so that threads that work on
different slices have nothing to add up. With H = 0 hidden units the heads read the data.

Checked by  tests/fast/test_batched_vae.py
"""

from typing import NamedTuple

import numpy as np

from refvi.fast.batched_vae_latents import shared_terms, tanh_rows, tanh_rows_back
from refvi.fast.batched_vae_products import matmul
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
def hidden_units(x, phi, hidden, first, last):
    """The hidden units first..last-1 of all data."""
    matmul(x, phi.weights_hidden[first:last].T, hidden[:, first:last])
    tanh_rows(hidden, phi.bias_hidden[first:last], first)


@compiled
def heads(features, phi, latents, coefficients, first, last):
    """Mean, log variance and what follows from them, of the data first..last-1; features (N, H), or x without units."""
    matmul(features[first:last], phi.weights_mean.T, latents.mean[first:last])
    matmul(features[first:last], phi.weights_log_var.T, latents.log_var[first:last])
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
    matmul(latents.grad_mean.T, features, grad_phi.weights_mean)
    matmul(latents.grad_log_var.T, features, grad_phi.weights_log_var)
    column_sums(latents.grad_mean, grad_phi.bias_mean)
    column_sums(latents.grad_log_var, grad_phi.bias_log_var)


@compiled
def hidden_back(x, phi, hidden, latents, first, last, grad_phi):
    """Gradient in the parameters of the hidden units first..last-1."""
    grad = np.empty((x.shape[0], last - first))
    matmul(latents.grad_mean, phi.weights_mean[:, first:last], grad)
    matmul(latents.grad_log_var, phi.weights_log_var[:, first:last], grad, True)
    bias = grad_phi.bias_hidden[first:last]
    bias[:] = 0.0
    tanh_rows_back(hidden, first, grad, bias)
    matmul(grad.T, x, grad_phi.weights_hidden[first:last])
