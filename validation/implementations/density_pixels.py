"""Likelihoods of pixels and of labels: cross-entropies by probabilities and by logits, grey values, bits per dimension."""

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, xlog1py, xlogy
from scipy.stats import bernoulli

import refvi

# ---- right ones


@refvi.implements("log_density.bernoulli_logits")
def with_scipy(x, logits):
    return bernoulli.logpmf(x, expit(logits)).sum(1) if np.abs(logits).max() < 30 else stable(x, logits)


def stable(x, logits):
    return -(np.maximum(logits, 0) - logits * x + np.log1p(np.exp(-np.abs(logits)))).sum(1)


@refvi.implements("log_density.bernoulli_logits", sign="negative", batch="sum")
def bce_with_logits(x, logits):
    return np.sum(np.maximum(logits, 0) - logits * x + np.log1p(np.exp(-np.abs(logits))))


@refvi.implements("log_density.bernoulli")
def by_probabilities(x, probs):
    return np.sum(xlogy(x, probs) + xlog1py(1 - x, -probs), axis=-1)


@refvi.implements("log_density.categorical_logits", sign="negative", batch="mean")
def cross_entropy(x, logits):
    chosen = np.take_along_axis(log_softmax(logits, axis=1), x.argmax(1)[:, None], axis=1)
    return -chosen.mean()


@refvi.implements("log_density.continuous_bernoulli")
def grey(x, probs):
    away = np.where(probs == 0.5, 0.25, probs)
    constant = np.log(2 * np.arctanh(1 - 2 * away) / (1 - 2 * away))
    constant = np.where(probs == 0.5, np.log(2.0), constant)
    return np.sum(x * np.log(probs) + (1 - x) * np.log1p(-probs) + constant, axis=1)


@refvi.implements("log_density.bits_per_dimension")
def bits_per_dimension(log_density, dimensions):
    nats_of_bytes = log_density - dimensions * np.log(256.0)
    return -nats_of_bytes / (dimensions * np.log(2.0))


# ---- wrong ones


@refvi.implements("log_density.bernoulli_logits", expect="bce-mean-reduction")
def averaged_over_pixels(x, logits):
    """As in AppliedDataSciencePartners/WorldModels#12: the divergence then outweighs it, and the posterior collapses."""
    return stable(x, logits) / x.shape[1]


@refvi.implements("log_density.bernoulli_logits", expect="bce-args-swapped")
def target_and_prediction_exchanged(x, logits):
    """As in autonomousvision/sledge#4: finite, smooth, and wrong."""
    return stable(logits, x)


@refvi.implements("log_density.bernoulli_logits", expect="double-sigmoid")
def sigmoid_in_model_and_loss(x, logits):
    """As in ChengBinJin/V-GAN-tensorflow#16: the model already ends in a sigmoid."""
    output = expit(logits)
    return stable(x, output)


@refvi.implements("log_density.bernoulli_logits", expect="log-of-sigmoid")
def saturating(x, logits):
    with np.errstate(divide="ignore", invalid="ignore"):
        p = expit(logits)
        return np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)


@refvi.implements("log_density.categorical_logits", expect="logits-not-normalised")
def unnormalised(x, logits):
    return (x * logits).sum(1)


@refvi.implements("log_density.categorical_logits", expect="lse-without-max")
def overflowing(x, logits):
    with np.errstate(over="ignore"):
        return (x * logits).sum(1) - np.log(np.exp(logits).sum(1))


@refvi.implements("log_density.categorical_logits", expect="softmax-over-batch")
def normalised_over_the_batch(x, logits):
    return np.sum(x * (logits - logsumexp(logits, axis=0, keepdims=True)), axis=1)


@refvi.implements("log_density.continuous_bernoulli", expect="bce-on-continuous-x")
def bce_on_grey_values(x, probs):
    """As in pytorch/examples#460: trains well, but its nats compare with nobody's."""
    return np.sum(x * np.log(probs) + (1 - x) * np.log(1 - probs), axis=1)


@refvi.implements("log_density.bits_per_dimension", expect="bpd-nats-vs-bits")
def nats_per_dimension(log_density, dimensions):
    """As in openai/vdvae#5, where the log shows nats per dimension."""
    return -log_density / dimensions + np.log(256.0)
