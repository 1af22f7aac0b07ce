"""Gaussian likelihoods as losses and as reported numbers."""

import math

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.stats import multivariate_normal, norm

import refvi

# ---- right ones


@refvi.implements("log_density.normal")
def with_scipy(x, mu, std):
    return norm.logpdf(x, mu, std)


@refvi.implements("log_density.normal", scale="var")
def by_variance(x, mu, var):
    return -0.5 * (math.log(2 * math.pi) + np.log(var) + (x - mu) ** 2 / var)


@refvi.implements(
    "log_density.normal_diagonal", scale="log_var", sign="negative", constants="dropped", batch="mean"
)
def training_loss(x, mu, log_var):
    """The constant is left out on purpose and declared so: Qinyu-Allen-Zhao/Arinar#1 keeps it for evaluation."""
    return np.mean(0.5 * np.sum(log_var + (x - mu) ** 2 * np.exp(-log_var), axis=1))


@refvi.implements("log_density.normal_diagonal", scale="precision")
def by_precision(x, mu, precision):
    return 0.5 * np.sum(np.log(precision / (2 * np.pi)) - precision * (x - mu) ** 2, axis=1)


@refvi.implements("log_density.normal_diagonal", latents="none")
def elementwise_with_gradient(x, mu, std):
    z = (x - mu) / std
    value = -0.5 * z**2 - np.log(std) - 0.5 * np.log(2 * np.pi)
    return value, -z / std, z / std, (z**2 - 1) / std


@refvi.implements("log_density.normal_full")
def by_cholesky(x, mu, cholesky):
    rows = []
    for point, mean, factor in zip(x, mu, cholesky, strict=True):
        z = solve_triangular(factor, point - mean, lower=True)
        rows.append(-0.5 * z @ z - np.log(np.diag(factor)).sum() - 0.5 * len(z) * np.log(2 * np.pi))
    return np.array(rows)


@refvi.implements("log_density.normal_full")
def by_covariance(x, mu, cholesky):
    pairs = zip(x, mu, cholesky, strict=True)
    return np.array([multivariate_normal(m, f @ f.T, allow_singular=False).logpdf(v) for v, m, f in pairs])


# ---- wrong ones


@refvi.implements("log_density.normal", scale="var", expect="variance-as-scale")
def variance_for_scale(x, mu, var):
    """As in pyro-ppl/pyro#1643: the noise variance is handed to a distribution that wants its root."""
    return norm.logpdf(x, loc=mu, scale=var)


@refvi.implements("log_density.normal", expect="gauss-missing-log-sigma")
def sigma_for_its_logarithm(x, mu, std):
    """As in piEsposito/blitz-bayesian-deep-learning#15."""
    return -0.5 * math.log(2 * math.pi) - std - (x - mu) ** 2 / (2 * std**2)


@refvi.implements(
    "log_density.normal_diagonal", sign="negative", expect="gauss-const-dropped-in-reported-nll"
)
def reported_nll(x, mu, std):
    """As in Qinyu-Allen-Zhao/Arinar#1, were it reported: 0.92 nats per dimension too good, and negative."""
    return np.sum(np.log(std) + 0.5 * ((x - mu) / std) ** 2, axis=1)


@refvi.implements("log_density.normal_diagonal", expect="gauss-constant-once")
def constant_for_one_output(x, mu, std):
    """What pints-team/pints#1179 suspected (there, broadcasting had put it right): right for a model with one output."""
    return -0.5 * np.log(2 * np.pi) - np.log(std).sum(1) - 0.5 * (((x - mu) / std) ** 2).sum(1)


@refvi.implements("log_density.normal", scale="log_var", expect="gauss-grad-log-sigma-halved")
def criterion_with_backward(x, mu, log_var):
    """As in y0ast/VAE-Torch#5: forward is right, backward has -1/4 where -1/2 belongs."""
    pull = (x - mu) * np.exp(-log_var)
    value = -0.5 * (np.log(2 * np.pi) + log_var + (x - mu) * pull)
    return value, {"x": -pull, "mu": pull, "log_var": -0.25 + 0.5 * (x - mu) * pull}


@refvi.implements("log_density.normal_full", expect="cholesky-transposed")
def solved_with_the_transpose(x, mu, cholesky):
    """The trap of blackjax-devs/blackjax#531: nothing shows while the matrix is diagonal."""
    rows = []
    for point, mean, factor in zip(x, mu, cholesky, strict=True):
        z = np.linalg.solve(factor.T, point - mean)
        rows.append(-0.5 * z @ z - np.log(np.diag(factor)).sum() - 0.5 * len(z) * np.log(2 * np.pi))
    return np.array(rows)


@refvi.implements("log_density.normal_full", expect="logdet-halved")
def half_a_log_determinant(x, mu, cholesky):
    rows = []
    for point, mean, factor in zip(x, mu, cholesky, strict=True):
        quadratic = (point - mean) @ cho_solve((factor, True), point - mean)
        log_det = np.log(np.diag(factor)).sum()
        rows.append(-0.5 * (quadratic + log_det + len(point) * np.log(2 * np.pi)))
    return np.array(rows)
