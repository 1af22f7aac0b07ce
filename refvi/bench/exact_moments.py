"""Exact mean and standard error of the estimates that contenders make, summed over all states with NumPy."""

import numpy as np


def moments(kind, problem):
    """Mean and standard error of each entry: gradient in the logits (K,), then in W (D, K), b (D,) and c (K,).

    Formula     phi: mean over samples of (f - m) (h_k - q_k), f = log p(x, h) - log q(h), with m = 0 for `reinforce`,
                and the mean of the other samples of the group for `leave-one-out`
                theta: mean over samples of (x_d - sigmoid(l_d)) h_k, x_d - sigmoid(l_d), h_k - sigmoid(c_k)
    Stability   the leave-one-out kernel (f_a - f_b) (s_a - s_b) / 2 has a variance of at most half of
                E[e^2 s^2] + E[e^2] E[s^2] + .. for a pair; the exact variance for groups of G is
                (4 (G - 2) z1 + 2 z2) / (G (G - 1)) with z1 = Var[e s] / 4, z2 = Var of the kernel  (Hoeffding 1948)
    Checked by  tests/bench/test_agreement.py
    """
    (x, W, b, c), logits = problem.network, problem.logits
    K = logits.size
    h = ((np.arange(1 << K)[:, None] >> np.arange(K)) & 1).astype(np.float64)
    score = h - _sigmoid(logits)
    weight = np.exp(h @ logits - np.logaddexp(0.0, logits).sum())
    logit = h @ W.T + b
    f = h @ c - np.logaddexp(0.0, c).sum() + (x[0] * logit - np.logaddexp(0.0, logit)).sum(axis=1)
    f -= h @ logits - np.logaddexp(0.0, logits).sum()
    residual = x[0] - _sigmoid(logit)
    theta = np.concatenate(
        [(residual[:, :, None] * h[:, None, :]).reshape(len(h), -1), residual, h - _sigmoid(c)], axis=1
    )
    phi_mean, phi_variance = (_plain if kind == "reinforce" else _leave_one_out)(weight, f, score, problem)
    theta_mean, theta_variance = _of_a_mean(weight, theta, problem.samples)
    variance = np.concatenate([phi_variance, theta_variance])
    return np.concatenate([phi_mean, theta_mean]), np.sqrt(np.maximum(variance, 1e-30))


def _of_a_mean(weight, terms, samples):
    mean = weight @ terms
    return mean, (weight @ (terms - mean) ** 2) / samples


def _plain(weight, f, score, problem):
    return _of_a_mean(weight, f[:, None] * score, problem.samples)


def _leave_one_out(weight, f, score, problem):
    G = problem.group
    e = (f - weight @ f)[:, None]
    mean = weight @ (e * score)
    one = (weight @ (e * score) ** 2 - mean**2) / 4.0
    two = (weight @ (e * score) ** 2 + (weight @ e**2) * (weight @ score**2)) / 2.0
    of_a_group = (4.0 * (G - 2) * one + 2.0 * two) / (G * (G - 1.0))
    return mean, of_a_group * G / problem.samples


def _sigmoid(a):
    return np.exp(-np.logaddexp(0.0, -a))
