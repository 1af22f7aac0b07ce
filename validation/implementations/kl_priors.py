"""Divergences from learned priors: layers of a Bayesian network, Gaussian processes, discrete codes."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import log_softmax, rel_entr, softmax

import refvi

# ---- diagonal normals


@refvi.implements("kl.normal_diagonal", scale="std")
def layer(q_mu, q_std, p_mu, p_std):
    ratio = (q_std / p_std) ** 2
    shift = ((q_mu - p_mu) / p_std) ** 2
    return 0.5 * (ratio + shift - 1 - np.log(ratio)).sum(-1)


@refvi.implements("kl.normal_diagonal", scale="log_var", latents="none")
def per_latent(q_mu, q_log_var, p_mu, p_log_var):
    return 0.5 * (p_log_var - q_log_var + (np.exp(q_log_var) + (q_mu - p_mu) ** 2) / np.exp(p_log_var) - 1)


@refvi.implements("kl.normal_diagonal", scale="std", expect="kl-reversed")
def arguments_the_other_way_round(q_mu, q_std, p_mu, p_std):
    """As in kumar-shridhar/PyTorch-BayesianCNN#28: invisible to a test with equal scales."""
    return 0.5 * (2 * np.log(q_std / p_std) - 1 + (p_std / q_std) ** 2 + ((p_mu - q_mu) / q_std) ** 2).sum(-1)


@refvi.implements("kl.normal_diagonal", scale="log_var", expect="kl-missing-half")
def log_variance_without_half(q_mu, q_log_var, p_mu, p_log_var):
    """As in KarenUllrich/Tutorial_BayesianCompressionForDL#8."""
    inverse = np.exp(-p_log_var)
    quadratic = 0.5 * ((q_mu - p_mu) ** 2 + np.exp(q_log_var)) * inverse
    return np.sum(p_log_var - q_log_var + quadratic - 0.5, axis=-1)


# ---- full covariance


def _whiten(factor, b):
    return np.stack([solve_triangular(f, c, lower=True) for f, c in zip(factor, b, strict=True)])


@refvi.implements("kl.normal_full")
def whitened(q_mu, q_cholesky, p_mu, p_cholesky):
    """The divergence from N(0, I) in whitened coordinates is the divergence: UCL-SML/Doubly-Stochastic-DGP#1."""
    mean = _whiten(p_cholesky, (q_mu - p_mu)[..., None])[..., 0]
    factor = _whiten(p_cholesky, q_cholesky)
    log_det = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1)
    # the sum of squares of L_p^-1 L_q is the trace of K^-1 S: GPflow/GPflow#2130 asked
    return 0.5 * (np.square(factor).sum((1, 2)) + np.square(mean).sum(1) - mean.shape[1] - log_det)


@refvi.implements("kl.normal_full", batch="sum")
def with_inverse(q_mu, q_cholesky, p_mu, p_cholesky):
    total = 0.0
    for m, a, n, b in zip(q_mu, q_cholesky, p_mu, p_cholesky, strict=True):
        q, p = a @ a.T, b @ b.T
        inverse = np.linalg.inv(p)
        _, log_det_q = np.linalg.slogdet(q)
        _, log_det_p = np.linalg.slogdet(p)
        total += 0.5 * (np.trace(inverse @ q) + (m - n) @ inverse @ (m - n) - len(m) + log_det_p - log_det_q)
    return total


@refvi.implements("kl.normal_full", expect="kl-mahalanobis-wrong-tensor")
def covariance_for_mean(q_mu, q_cholesky, p_mu, p_cholesky):
    """As in ratschlab/SVGP-VAE#4: S stands where m belongs, so the divergence of q from itself is not zero."""
    factor = _whiten(p_cholesky, q_cholesky)
    trace = mahalanobis = np.square(factor).sum((1, 2))
    log_det = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1)
    return 0.5 * (trace + mahalanobis - q_mu.shape[1] - log_det)


@refvi.implements("kl.normal_full", expect="logdet-dropped")
def without_log_determinants(q_mu, q_cholesky, p_mu, p_cholesky):
    factor = _whiten(p_cholesky, q_cholesky)
    mean = _whiten(p_cholesky, (q_mu - p_mu)[..., None])
    return 0.5 * (np.square(factor).sum((1, 2)) + np.square(mean).sum((1, 2)) - q_mu.shape[1])


# ---- discrete


@refvi.implements("kl.bernoulli")
def bits(q_probs, p_probs):
    return (rel_entr(q_probs, p_probs) + rel_entr(1 - q_probs, 1 - p_probs)).sum(1)


@refvi.implements("kl.bernoulli", expect="xlogx-at-zero")
def bits_at_zero(q_probs, p_probs):
    """As in pytorch/pytorch#144279: right until a probability is exactly 0 or 1."""
    ones = q_probs * (np.log(q_probs) - np.log(p_probs))
    zeros = (1 - q_probs) * (np.log(1 - q_probs) - np.log(1 - p_probs))
    return (ones + zeros).sum(1)


@refvi.implements("kl.categorical")
def codes(q_probs, p_probs):
    return rel_entr(q_probs, p_probs).sum(-1)


@refvi.implements("kl.categorical", expect="kl-mean-over-categories")
def codes_averaged(q_probs, p_probs):
    """As in pytorch/pytorch#6622: reduction='mean' divides by the number of categories too."""
    return rel_entr(q_probs, p_probs).mean(-1)


@refvi.implements("kl.categorical", expect="hand-grad-cat-kl-reversed")
def codes_with_gradient(q_probs, p_probs):
    """As in Kaixhin/Autoencoders#9: the value is right, the gradient that was written for it has the wrong sign."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gradient = -(np.log(q_probs / p_probs) + 1)
        return rel_entr(q_probs, p_probs).sum(-1), {"q_probs": gradient, "p_probs": -q_probs / p_probs}


@refvi.implements("kl.categorical_logits", batch="mean")
def codes_by_logits(q_logits, p_logits):
    q = softmax(q_logits, axis=1)
    return np.mean(np.sum(q * (log_softmax(q_logits, axis=1) - log_softmax(p_logits, axis=1)), axis=1))


@refvi.implements("kl.categorical_logits", expect="softmax-over-batch")
def softmax_on_the_wrong_axis(q_logits, p_logits):
    log_q, log_p = log_softmax(q_logits, axis=0), log_softmax(p_logits, axis=0)
    return np.sum(np.exp(log_q) * (log_q - log_p), axis=1)
