"""Score-function (REINFORCE) gradients for Bernoulli samples, with and without a baseline."""

import numpy as np
from scipy.special import expit

import refvi


@refvi.implements("score.gradient")
def reinforce(z, f, logits):
    """Right: the score of a Bernoulli in its logits is z - p."""
    return np.mean(f[..., None] * (z - expit(logits)), axis=0)


@refvi.implements("score.gradient", sign="negative", batch="mean")
def as_a_loss(z, f, logits):
    """Right: gradient of the surrogate -mean(f log q) over samples and data, written with both factors of the Bernoulli."""
    p = expit(logits)
    score = z * (1 - p) - (1 - z) * p
    return -np.einsum("kb,kbd->bd", f, score) / f.size


@refvi.implements("score.gradient_leave_one_out")
def others_mean(z, f, logits):
    """Right: each sample's baseline is the mean of the others."""
    k = len(f)
    baseline = (f.sum(0) - f) / (k - 1)
    return ((f - baseline)[..., None] * (z - expit(logits))).mean(0)


@refvi.implements("score.gradient_leave_one_out")
def own_mean_rescaled(z, f, logits):
    """Right, though it looks wrong: subtracting the mean of all and dividing by K - 1 is leave-one-out exactly."""
    centred = f - f.mean(0)
    return np.einsum("kb,kbd->bd", centred, z - expit(logits)) / (len(f) - 1)


# Seen in jsboige/CoursIA#15256: the mean reward includes the sample's own reward.
@refvi.implements("score.gradient_leave_one_out", expect="baseline-uses-own-sample")
def mean_of_all(z, f, logits):
    return ((f - f.mean(0))[..., None] * (z - expit(logits))).mean(0)


# Seen in Farama-Foundation/Gymnasium#1336: log-probabilities are averaged before they meet the returns.
@refvi.implements("score.gradient", expect="mean-score-times-mean-value")
def averaged_log_prob(z, f, logits):
    return (z - expit(logits)).mean(0) * f.mean(0)[:, None]


# Seen in KaiyangZhou/pytorch-vsumm-reinforce#48: log-probabilities of one sample are averaged, not summed.
@refvi.implements("score.gradient", expect="log-q-mean-over-latents")
def averaged_over_latents(z, f, logits):
    return (f[..., None] * (z - expit(logits)) / logits.shape[-1]).mean(0)


# Discussed in thinking-machines-lab/tinker-cookbook#579: dividing by the group's standard deviation biases the gradient.
@refvi.implements("score.gradient_leave_one_out", expect="values-standardised")
def standardised(z, f, logits):
    advantage = (f - f.mean(0)) / f.std(0, ddof=1)
    return (advantage[..., None] * (z - expit(logits))).mean(0)
