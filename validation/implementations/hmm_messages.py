"""Hidden Markov models: forward, backward and smoothing, in logarithms and with scaled probabilities."""

import numpy as np

import refvi

logsumexp = np.logaddexp.reduce


def scaled_forward(initial, transition, likelihood):
    """Filtering probabilities and the scales, the predictive probability of every observation."""
    filtered, scales = [], []
    alpha = initial * likelihood[0]
    for t in range(len(likelihood)):
        if t > 0:
            alpha = (filtered[-1] @ transition) * likelihood[t]
        scales.append(alpha.sum())
        filtered.append(alpha / alpha.sum())
    return np.array(filtered), np.array(scales)


def scaled_backward(transition, likelihood, scales):
    """Backward messages over the products of the later scales."""
    beta = np.ones_like(likelihood)
    for t in range(len(likelihood) - 2, -1, -1):
        beta[t] = transition @ (likelihood[t + 1] * beta[t + 1]) / scales[t + 1]
    return beta


def log_forward(initial, transition, log_density):
    alpha = np.empty_like(log_density)
    alpha[0] = np.log(initial) + log_density[0]
    for t in range(1, len(alpha)):
        alpha[t] = logsumexp(alpha[t - 1][:, None] + np.log(transition), axis=0) + log_density[t]
    return alpha


def log_backward(transition, log_density):
    beta = np.zeros_like(log_density)
    for t in range(len(beta) - 2, -1, -1):
        beta[t] = logsumexp(np.log(transition) + log_density[t + 1] + beta[t + 1], axis=1)
    return beta


# ---- log evidence


@refvi.implements("hmm.log_evidence")
def with_scaling(initial, transition, log_density):
    """Right: the logarithms of the scales add up."""
    return np.log(scaled_forward(initial, transition, np.exp(log_density))[1]).sum()


@refvi.implements("hmm.log_evidence", sign="negative")
def baum_welch(initial, transition, log_density):
    """Right, with its gradients by the posteriors of states and of pairs."""
    alpha, beta = log_forward(initial, transition, log_density), log_backward(transition, log_density)
    value = logsumexp(alpha[-1])
    later = log_density[1:] + beta[1:]
    pairs = np.exp(alpha[:-1, :, None] + later[:, None] - value)
    return -value, {
        "initial": -np.exp(log_density[0] + beta[0] - value),
        "transition": -pairs.sum(0),
        "log_density": -np.exp(alpha + beta - value),
    }


# Seen in apache/flink#1350, there in another algorithm: rows and columns of the matrix are exchanged.
@refvi.implements("hmm.log_evidence", expect="transition-transposed")
def columns_for_rows(initial, transition, log_density):
    alpha = np.log(initial) + log_density[0]
    for b in log_density[1:]:
        alpha = logsumexp(np.log(transition) + alpha, axis=1) + b
    return logsumexp(alpha)


# Seen in pyro-ppl/pyro#2231: a transition comes before the first observation.
@refvi.implements("hmm.log_evidence", expect="initial-propagated")
def one_transition_too_many(initial, transition, log_density):
    alpha, value = initial, 0.0
    for b in log_density:
        alpha = (alpha @ transition) * np.exp(b)
        value += np.log(alpha.sum())
        alpha = alpha / alpha.sum()
    return value


# Not public, derived: the scales are there, and only the last of them is returned.
@refvi.implements("hmm.log_evidence", expect="evidence-of-last-step")
def last_scale(initial, transition, log_density):
    return np.log(scaled_forward(initial, transition, np.exp(log_density))[1][-1])


# Seen in mlpack/mlpack#160: without scaling long sequences have probability zero.
@refvi.implements("hmm.log_evidence", expect="forward-underflow")
def without_scaling(initial, transition, log_density):
    alpha = initial * np.exp(log_density[0])
    for b in log_density[1:]:
        alpha = (alpha @ transition) * np.exp(b)
    return np.log(alpha.sum())


# ---- messages


@refvi.implements("hmm.forward")
def alphas(initial, transition, log_density):
    """Right: log filtering probabilities and the scales so far."""
    filtered, scales = scaled_forward(initial, transition, np.exp(log_density))
    return np.log(filtered) + np.cumsum(np.log(scales))[:, None]


# Not public, derived: filtering probabilities are called forward messages.
@refvi.implements("hmm.forward", expect="forward-normalised")
def filters(initial, transition, log_density):
    return np.log(scaled_forward(initial, transition, np.exp(log_density))[0])


# Seen in stephens999/fiveMinuteStats#46: an index is off by one.
@refvi.implements("hmm.forward", expect="emission-one-step-late")
def observation_before(initial, transition, log_density):
    alpha = [np.log(initial) + log_density[0]]
    for t in range(1, len(log_density)):
        alpha.append(logsumexp(alpha[-1][:, None] + np.log(transition), axis=0) + log_density[t - 1])
    return np.array(alpha)


@refvi.implements("hmm.backward")
def betas(transition, log_density):
    """Right."""
    return log_backward(transition, log_density)


# Not public, derived: each message includes the observation that the forward message has already.
@refvi.implements("hmm.backward", expect="backward-with-own-emission")
def with_its_own_observation(transition, log_density):
    return log_backward(transition, log_density) + log_density


# Not public, derived: the last message starts as a distribution.
@refvi.implements("hmm.backward", expect="backward-starts-uniform")
def starts_from_a_distribution(transition, log_density):
    return log_backward(transition, log_density) - np.log(len(transition))


# ---- smoothing


@refvi.implements("hmm.posterior")
def forward_backward(initial, transition, log_density):
    """Right: scaled messages, multiplied."""
    likelihood = np.exp(log_density)
    filtered, scales = scaled_forward(initial, transition, likelihood)
    return filtered * scaled_backward(transition, likelihood, scales)


# Not public, derived: the filter is taken for the smoother.
@refvi.implements("hmm.posterior", expect="filtering-for-smoothing")
def filter_only(initial, transition, log_density):
    return scaled_forward(initial, transition, np.exp(log_density))[0]


# Not public, derived: both messages bring the observation of the step along.
@refvi.implements("hmm.posterior", expect="emission-twice")
def counted_twice(initial, transition, log_density):
    both = log_forward(initial, transition, log_density) + log_backward(transition, log_density) + log_density
    return np.exp(both - logsumexp(both, axis=1, keepdims=True))
