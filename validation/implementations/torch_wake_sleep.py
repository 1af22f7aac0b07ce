"""PyTorch: wake-sleep for two hidden layers, log probabilities whose gradients are the delta rules."""

import torch
from torch.distributions import Bernoulli

import refvi


def log_p(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    """Log p(x, h, top), (B,)."""
    found = Bernoulli(logits=h @ weights.T + bias).log_prob(x).sum(-1)
    found = found + Bernoulli(logits=top @ hidden_weights.T + hidden_bias).log_prob(h).sum(-1)
    return found + Bernoulli(logits=prior_logits).log_prob(top).sum(-1)


def log_q(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias):
    """Log q(h, top | x), (B,)."""
    found = Bernoulli(logits=x @ recognition_weights.T + recognition_bias).log_prob(h).sum(-1)
    return found + Bernoulli(logits=h @ top_weights.T + top_bias).log_prob(top).sum(-1)


@refvi.implements("sbn.deep_log_joint")
def deep_log_joint(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    """Right."""
    return log_p(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits)


@refvi.implements("wake_sleep.wake", sign="negative", batch="mean")
def wake(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    """Right: mean negative log joint at samples of the recognition net."""
    return -log_p(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits).mean()


@refvi.implements("wake_sleep.sleep")
def sleep(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias):
    """Right: log q at dreams."""
    return log_q(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias).sum()


@refvi.implements("wake_sleep.gradients")
def both_phases(
    x,
    h,
    top,
    dream_x,
    dream_h,
    dream_top,
    weights,
    bias,
    hidden_weights,
    hidden_bias,
    prior_logits,
    recognition_weights,
    recognition_bias,
    top_weights,
    top_bias,
):
    """Right: one surrogate for both nets, since neither log probability holds the other's parameters."""
    awake = log_p(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits)
    asleep = log_q(dream_x, dream_h, dream_top, recognition_weights, recognition_bias, top_weights, top_bias)
    return (awake + asleep).sum()


# Not public, derived: log p - log q at the samples is differentiated in both nets, as if the samples did not depend on q.
@refvi.implements("wake_sleep.gradients", expect="elbo-at-samples")
def sampled_bound(
    x,
    h,
    top,
    dream_x,
    dream_h,
    dream_top,
    weights,
    bias,
    hidden_weights,
    hidden_bias,
    prior_logits,
    recognition_weights,
    recognition_bias,
    top_weights,
    top_bias,
):
    awake = log_p(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits)
    return (awake - log_q(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias)).sum()


# Seen in AppliedDataSciencePartners/WorldModels#12 in another model: the mean over the units in place of their sum.
@refvi.implements("wake_sleep.sleep", expect="bce-mean-reduction")
def averaged_over_units(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias):
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    guess = x @ recognition_weights.T + recognition_bias
    return -len(x) * (bce(guess, h) + bce(h @ top_weights.T + top_bias, top))
