"""Ways to write the importance-weighted bound of given log-weights, right and wrong."""

import numpy as np
from scipy.special import logsumexp

import refvi


@refvi.implements("iwae.bound")
def library_logsumexp(log_weights):
    """Right: SciPy's logsumexp over the samples."""
    return logsumexp(log_weights, axis=0) - np.log(log_weights.shape[0])


@refvi.implements("iwae.bound")
def shifted_by_hand(log_weights):
    """Right: the maximum per datum goes out and comes back."""
    top = log_weights.max(axis=0, keepdims=True)
    return np.log(np.exp(log_weights - top).mean(axis=0)) + top[0]


@refvi.implements("iwae.bound", sign="negative", batch="mean")
def nll_of_test_set(log_weights):
    """Right: what papers report, the mean over data of -log p(x) as estimated with K samples."""
    k, n = log_weights.shape
    total = 0.0
    for i in range(n):
        total -= logsumexp(log_weights[:, i]) - np.log(k)
    return total / n


@refvi.implements("iwae.bound", units="bits", log_k="kept")
def bits_without_log_k(log_weights):
    """Right: in bits, and log K is left to the caller."""
    return logsumexp(log_weights, axis=0) / np.log(2)


@refvi.implements("iwae.bound")
def value_and_weights(log_weights):
    """Right: value, and the normalised weights as its gradient."""
    top = log_weights.max(0)
    w = np.exp(log_weights - top)
    return top + np.log(w.mean(0)), w / w.sum(0)


@refvi.implements("iwae.bound")
def streaming(log_weights):
    """Right: one sample after the other, running maximum and running sum."""
    top = np.full(log_weights.shape[1], -np.inf)
    acc = np.zeros(log_weights.shape[1])
    for row in log_weights:
        new = np.maximum(top, row)
        safe = np.where(np.isfinite(new), new, 0.0)
        acc = acc * np.exp(top - safe) + np.exp(row - safe)
        top = new
    return np.log(acc / len(log_weights)) + top


# Seen in arahuja/generative-tf#1: the mean was taken after the logarithm.
@refvi.implements("iwae.bound", expect="iwae-mean-of-logs")
def mean_of_logs(log_weights):
    return log_weights.mean(axis=0)


# Seen in the question AntixK/PyTorch-VAE#34: the surrogate of the gradient is printed as if it were the bound.
@refvi.implements("iwae.bound", sign="negative", batch="mean", expect="iwae-report-sum-w-logw")
def surrogate_reported(log_weights):
    w = np.exp(log_weights - log_weights.max(0))
    w = w / w.sum(0)
    terms = np.where(w > 0, w * np.where(np.isfinite(log_weights), log_weights, 0.0), 0.0)
    return -terms.sum(0).mean()


# Seen in breze-no-salt/breze#85 and pyro-ppl/pyro#2220: data are summed before the log-sum-exp.
@refvi.implements("iwae.bound", batch="sum", expect="batch-summed-before-lse")
def batch_inside(log_weights):
    return logsumexp(log_weights.sum(axis=1)) - np.log(log_weights.shape[0])


# Seen in YosefLab/scVI-dev#8: log-sum-exp of what a loss function returned, which is -log w.
@refvi.implements("iwae.bound", expect="lse-of-losses")
def logsumexp_of_losses(log_weights):
    losses = -log_weights
    return -(logsumexp(losses, axis=0) - np.log(losses.shape[0]))


# Seen in xqding/Importance_Weighted_Autoencoders#2, where somebody asks whether the maximum is needed.
@refvi.implements("iwae.bound", expect="lse-without-max")
def without_max(log_weights):
    return np.log(np.mean(np.exp(log_weights), axis=0))
