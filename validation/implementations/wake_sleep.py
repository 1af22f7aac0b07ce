"""Wake-sleep for two hidden layers: the delta rules as people write them."""

import numpy as np
from scipy.special import expit, log_expit

import refvi


@refvi.implements("sbn.deep_log_joint")
def log_joint(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    """Right: a Bernoulli for every unit given the layer above."""

    def layer(units, logits):
        return np.where(units == 1, log_expit(logits), log_expit(-logits)).sum(-1)

    below = layer(x, h @ weights.T + bias) + layer(h, top @ hidden_weights.T + hidden_bias)
    return below + layer(top, prior_logits)


@refvi.implements("sbn.deep_log_joint", expect="middle-layer-missing")
def two_ends(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    """Log p(x | h) + log p(top): what is left when the layer in the middle is taken for a deterministic one."""
    a = h @ weights.T + bias
    likelihood = np.where(x == 1, log_expit(a), log_expit(-a)).sum(-1)
    return likelihood + np.where(top == 1, log_expit(prior_logits), log_expit(-prior_logits)).sum(-1)


@refvi.implements("wake_sleep.wake")
def wake(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    """Right: unit less prediction, times what it was predicted from."""
    below = x - expit(h @ weights.T + bias)
    middle = h - expit(top @ hidden_weights.T + hidden_bias)
    return {
        "weights": below.T @ h,
        "bias": below.sum(0),
        "hidden_weights": middle.T @ top,
        "hidden_bias": middle.sum(0),
        "prior_logits": (top - expit(prior_logits)).sum(0),
    }


# Not public, derived: the rule of the squared error, with the slope of the sigmoid.
@refvi.implements("wake_sleep.wake", expect="sigmoid-slope-included")
def squared_error(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    p = expit(h @ weights.T + bias)
    r = expit(top @ hidden_weights.T + hidden_bias)
    s = expit(prior_logits)
    below, middle = (x - p) * p * (1 - p), (h - r) * r * (1 - r)
    return {
        "weights": below.T @ h,
        "bias": below.sum(0),
        "hidden_weights": middle.T @ top,
        "hidden_bias": middle.sum(0),
        "prior_logits": ((top - s) * s * (1 - s)).sum(0),
    }


# Not public, derived: probabilities are handed down from layer to layer, as in a deterministic network.
@refvi.implements("wake_sleep.wake", sign="negative", batch="mean", expect="mean-for-sample")
def means_handed_down(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    r = expit(top @ hidden_weights.T + hidden_bias)
    below, middle = x - expit(r @ weights.T + bias), h - r
    n = len(x)
    return {
        "weights": -below.T @ r / n,
        "bias": -below.mean(0),
        "hidden_weights": -middle.T @ top / n,
        "hidden_bias": -middle.mean(0),
        "prior_logits": -(top - expit(prior_logits)).mean(0),
    }


@refvi.implements("wake_sleep.sleep", batch="mean")
def sleep(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias):
    """Right: the wake rule upside down, averaged over dreams."""
    middle = h - expit(x @ recognition_weights.T + recognition_bias)
    above = top - expit(h @ top_weights.T + top_bias)
    return {
        "recognition_weights": np.einsum("bd,bx->dx", middle, x) / len(x),
        "recognition_bias": middle.mean(0),
        "top_weights": np.einsum("be,bd->ed", above, h) / len(x),
        "top_bias": above.mean(0),
    }


@refvi.implements("wake_sleep.sleep", expect="perceptron-rule")
def thresholded(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias):
    middle = h - (x @ recognition_weights.T + recognition_bias > 0)
    above = top - (h @ top_weights.T + top_bias > 0)
    return {
        "recognition_weights": middle.T @ x,
        "recognition_bias": middle.sum(0),
        "top_weights": above.T @ h,
        "top_bias": above.sum(0),
    }


def both(woken, asleep, parameters):
    """Gradients of the generative net at `woken` and of the recognition net at `asleep`."""
    guessing = ("recognition_weights", "recognition_bias", "top_weights", "top_bias")
    generative = {name: p for name, p in parameters.items() if name not in guessing}
    mean = sleep(*asleep, *(parameters[name] for name in guessing))
    return {**wake(*woken, **generative), **{name: len(asleep[0]) * g for name, g in mean.items()}}


@refvi.implements("wake_sleep.gradients")
def step(x, h, top, dream_x, dream_h, dream_top, **parameters):
    """Right: recognised data for the generative net, dreams for the recognition net."""
    return both((x, h, top), (dream_x, dream_h, dream_top), parameters)


# Seen in vadim0x60/wakesleep#1: each phase moves the other's net.
@refvi.implements("wake_sleep.gradients", expect="wake-sleep-phase-mix")
def phases_mixed(x, h, top, dream_x, dream_h, dream_top, **parameters):
    return both((dream_x, dream_h, dream_top), (x, h, top), parameters)


# Not public, derived: the recognition net learns from its own samples.
@refvi.implements("wake_sleep.gradients", expect="recognition-on-its-own-samples")
def never_asleep(x, h, top, dream_x, dream_h, dream_top, **parameters):
    return both((x, h, top), (x, h, top), parameters)
