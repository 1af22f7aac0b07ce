"""Autoencoders to try the batched step on, and how far rounding may move each entry of its answer.

`rounding` carries first-order error bounds beside the values, forwards and backwards: E of a quantity is the sum of the
absolute terms of which it is made, plus what the errors of its arguments do to it. u E bounds the error of either
route up to a factor for the lengths of sums.
"""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from refvi.models.gaussian_vae import Decoder, Encoder

UNIT = 2.0**-53


class Sizes(NamedTuple):
    observed: int
    latent: int
    hidden_theta: int
    hidden_phi: int
    data: int
    samples: int


def network(seed, sizes, bernoulli=False, weights=1.0, log_var=0.0, log_std=0.0, noise=1.0):
    """Data, theta, phi and noise in generic position."""
    rng = np.random.default_rng(seed)
    X, Z, H, G, N, K = sizes

    def normal(*shape):
        return weights * rng.normal(size=shape) / np.sqrt(max(shape[-1], 1))

    theta = Decoder(
        normal(H, Z),
        normal(H),
        normal(X, H or Z),
        normal(X),
        np.zeros(0) if bernoulli else log_std + 0.3 * rng.normal(size=X),
    )
    phi = Encoder(
        normal(G, X),
        normal(G),
        normal(Z, G or X),
        normal(Z),
        0.3 * rng.normal(size=(Z, G or X)),
        log_var + 0.3 * rng.normal(size=Z),
    )
    x = (rng.random((N, X)) < 0.5).astype(float) if bernoulli else rng.normal(size=(N, X))
    return x, theta, phi, noise * rng.normal(size=(N, K, Z))


@st.composite
def networks(draw, bernoulli=None):
    """Small networks; linear ones, one sample, one datum, saturated units and extreme variances among them."""
    sizes = Sizes(
        draw(st.integers(1, 6)),
        draw(st.integers(1, 3)),
        draw(st.integers(0, 5)),
        draw(st.integers(0, 5)),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 5)),
    )
    return network(
        draw(st.integers(0, 2**32 - 1)),
        sizes,
        draw(st.booleans()) if bernoulli is None else bernoulli,
        weights=draw(st.sampled_from((0.01, 1.0, 1.0, 30.0))),
        log_var=draw(st.sampled_from((-60.0, -1.0, 0.0, 8.0))),
        log_std=draw(st.sampled_from((-12.0, -1.0, 0.0, 12.0))),
        noise=draw(st.sampled_from((0.0, 1.0, 6.0))),
    )


class Rounding(NamedTuple):
    """E of the bound and of every gradient."""

    bound: np.ndarray
    grad_theta: Decoder
    grad_phi: Encoder


def affine(inputs, error, weights, bias):
    size = np.abs(inputs) @ np.abs(weights).T + np.abs(bias)
    return inputs @ weights.T + bias, size + error @ np.abs(weights).T


def layer(inputs, error, weights, bias):
    """A tanh layer, or none."""
    if not len(bias):
        return inputs, error
    value, size = affine(inputs, error, weights, bias)
    value = np.tanh(value)
    return value, (1.0 - value**2) * size + 3.0 * np.abs(value)


def outer(left, left_error, right, right_error):
    """E of a sum of products over rows, and of the sum of the left factor."""
    left, right = np.abs(left), np.abs(right)
    return (left + left_error).T @ right + left.T @ right_error, (left + left_error).sum(0)


def back(grad, error, weights):
    return grad @ weights, (error + np.abs(grad)) @ np.abs(weights)


def tanh_back(grad, error, hidden, hidden_error):
    slope = 1.0 - hidden**2
    return grad * slope, error * slope + np.abs(grad) * (2.0 * np.abs(hidden) * hidden_error + 1.0)


def rounding(x, theta, phi, noise, gram, uniform=False):
    """How far rounding may move a step: one route with its outputs, or the Gram route."""
    N, K, Z = noise.shape
    features_x, features_x_error = layer(x, np.zeros_like(x), phi.weights_hidden, phi.bias_hidden)
    mean, mean_error = affine(features_x, features_x_error, phi.weights_mean, phi.bias_mean)
    log_var, log_var_error = affine(features_x, features_x_error, phi.weights_log_var, phi.bias_log_var)

    rows, std = np.repeat(np.arange(N), K), np.exp(0.5 * log_var)
    e, s = np.abs(noise.reshape(N * K, Z)), std[rows]
    std_error = s * (0.5 * log_var_error[rows] + 2.0)
    z = mean[rows] + s * noise.reshape(N * K, Z)
    z_error = mean_error[rows] + std_error * e + np.abs(z) + s * e

    f, f_error = layer(z, z_error, theta.weights_hidden, theta.bias_hidden)
    out, out_error = affine(f, f_error, theta.weights_out, theta.bias_out)
    data, mass_error = x[rows], 0.0
    if theta.log_std.size:
        inverse = np.exp(-theta.log_std)
        r = (data - out) * inverse
        r_error = inverse * (np.abs(data) + np.abs(out) + out_error) + 3.0 * np.abs(r)
        like, g = -0.5 * r**2 - theta.log_std, r * inverse
        like_error = np.abs(r) * r_error + r**2 + np.abs(theta.log_std) + 1.0
        g_error, square_error = (r_error + 3.0 * np.abs(r)) * inverse, 2.0 * np.abs(r) * r_error + r**2
        if gram:
            y, v = np.abs(data - theta.bias_out) * inverse, np.abs(theta.weights_out) * inverse[:, None]
            terms = (y + np.abs(f) @ v.T + np.abs(theta.bias_out) * inverse) ** 2
            like_error, square_error = like_error + 4.0 * terms, square_error + 4.0 * terms
            mass_error = inverse * 4.0 * np.sqrt(terms)
    else:
        odd = 1.0 / (1.0 + np.exp(-np.clip(out, -700, 700)))
        like, g = data * out - np.logaddexp(0.0, out), data - odd
        like_error = np.abs(g) * out_error + np.abs(out) + 1.0
        g_error = odd * (1.0 - odd) * out_error + 3.0
    log_weights = like.sum(1) + (0.5 * (noise.reshape(N * K, Z) ** 2 - z**2) + 0.5 * log_var[rows]).sum(1)
    inner = 0.5 * e**2 + 0.5 * z**2 + np.abs(z) * z_error + 0.5 * np.abs(log_var)[rows]
    log_error = (like_error.sum(1) + (inner + 0.5 * log_var_error[rows] + 3.0).sum(1)).reshape(N, K)

    logs = log_weights.reshape(N, K)
    w = np.exp(logs - logs.max(1, keepdims=True))
    w = np.full((N, K), 1.0 / K) if uniform else w / w.sum(1, keepdims=True)
    average = (w * log_error).sum(1)
    w_error = (0.0 if uniform else w * (log_error + average[:, None])) + 3.0 * w
    w, w_error = w.reshape(-1, 1), w_error.reshape(-1, 1)

    g_error = w_error * np.abs(g) + w * (g_error + mass_error)
    g = w * g
    d_out, d_bias_out = outer(g, g_error, f, f_error)
    back_f, back_f_error = back(g, g_error, theta.weights_out)
    d_hidden, d_bias_hidden = np.zeros_like(theta.weights_hidden), np.zeros_like(theta.bias_hidden)
    if theta.bias_hidden.size:
        back_f, back_f_error = tanh_back(back_f, back_f_error, f, f_error)
        d_hidden, d_bias_hidden = outer(back_f, back_f_error, z, z_error)
        back_f, back_f_error = back(back_f, back_f_error, theta.weights_hidden)
    d_log_std = np.zeros(0)
    if theta.log_std.size:
        d_log_std = (w_error * (r**2 + 1.0) + w * (square_error + 1.0)).sum(0)
    grad_theta = Decoder(d_hidden, d_bias_hidden, d_out, d_bias_out, d_log_std)

    g = back_f - w * z
    g_error = back_f_error + (w_error + w) * np.abs(z) + w * z_error + np.abs(g)
    d_mean = np.add.reduceat(g, np.arange(0, N * K, K)), np.add.reduceat(g_error, np.arange(0, N * K, K))
    along = 0.5 * g * s * noise.reshape(N * K, Z)
    along_error = 0.5 * e * (g_error * s + np.abs(g) * std_error) + np.abs(along)
    kl = np.abs(mean) + mean_error + std**2 * (log_var_error + 3.0)
    d_log_var = (
        np.add.reduceat(along, np.arange(0, N * K, K)) + 0.5,
        np.add.reduceat(along_error, np.arange(0, N * K, K)) + 1.0 + kl * uniform,
    )
    d_mean = d_mean[0], d_mean[1] + kl * uniform

    heads = [outer(*grad, features_x, features_x_error) for grad in (d_mean, d_log_var)]
    d_hidden, d_bias = np.zeros_like(phi.weights_hidden), np.zeros_like(phi.bias_hidden)
    if phi.bias_hidden.size:
        one, two = back(*d_mean, phi.weights_mean), back(*d_log_var, phi.weights_log_var)
        total = tanh_back(one[0] + two[0], one[1] + two[1], features_x, features_x_error)
        d_hidden, d_bias = outer(*total, x, np.zeros_like(x))
    value = average + np.abs(logs).max(1) + 1.0 + (0.5 * mean**2 + 0.5 * std**2 + kl).sum(1) * uniform
    return Rounding(value, grad_theta, Encoder(d_hidden, d_bias, *heads[0], *heads[1]))
