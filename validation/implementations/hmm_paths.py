"""Hidden Markov models: the most probable path, and Baum and Welch's update of the transitions."""

import numpy as np

import refvi

logsumexp = np.logaddexp.reduce

# ---- Viterbi


@refvi.implements("hmm.viterbi")
def viterbi(initial, transition, log_density):
    """Right: the value at the end of the recursion with back pointers."""
    score, back = np.log(initial) + log_density[0], []
    for b in log_density[1:]:
        candidates = score[:, None] + np.log(transition)
        back.append(candidates.argmax(axis=0))
        score = candidates.max(axis=0) + b
    return score.max()


# Seen in mlpack/mlpack#303: each step goes to the best next state, and nothing is traced back.
@refvi.implements("hmm.viterbi", expect="viterbi-greedy")
def greedy(initial, transition, log_density):
    first = np.log(initial) + log_density[0]
    state, total = first.argmax(), first.max()
    for b in log_density[1:]:
        following = np.log(transition[state]) + b
        state, total = following.argmax(), total + following.max()
    return total


# Not public, derived: logaddexp instead of maximum makes it the forward recursion.
@refvi.implements("hmm.viterbi", expect="viterbi-sums-paths")
def forward_in_disguise(initial, transition, log_density):
    score = np.log(initial) + log_density[0]
    for b in log_density[1:]:
        score = logsumexp(score[:, None] + np.log(transition), axis=0) + b
    return logsumexp(score)


# Seen in mateidavid/nanocall#16: every first state is as likely as another.
@refvi.implements("hmm.viterbi", sign="negative", expect="initial-uniform")
def starts_anywhere(initial, transition, log_density):
    return -viterbi(np.full(len(initial), 1 / len(initial)), transition, log_density)


# ---- Baum and Welch


def messages(initial, transition, log_density):
    alpha, beta = [np.log(initial) + log_density[0]], [np.zeros(len(initial))]
    for b in log_density[1:]:
        alpha.append(logsumexp(alpha[-1][:, None] + np.log(transition), axis=0) + b)
    for b in log_density[:0:-1]:
        beta.insert(0, logsumexp(np.log(transition) + b + beta[0], axis=1))
    return np.array(alpha), np.array(beta)


def pair_posteriors(initial, transition, log_density):
    """p(z_t = i, z_(t+1) = j | x), (T - 1, S, S)."""
    alpha, beta = messages(initial, transition, log_density)
    later = (log_density + beta)[1:]
    xi = alpha[:-1, :, None] + np.log(transition) + later[:, None]
    return np.exp(xi - logsumexp(alpha[-1]))


@refvi.implements("hmm.em_transition")
def update(initial, transition, log_density):
    """Right: expected transitions from i to j over expected transitions from i."""
    counts = pair_posteriors(initial, transition, log_density).sum(0)
    return counts / counts.sum(1, keepdims=True)


# Seen in ShirakawaSanae/USTC-DS4001-25sp#33: the denominator counts the last step, after which nothing follows.
@refvi.implements("hmm.em_transition", expect="transition-last-step-counted")
def last_step_too(initial, transition, log_density):
    alpha, beta = messages(initial, transition, log_density)
    gamma = np.exp(alpha + beta - logsumexp(alpha[-1]))
    return pair_posteriors(initial, transition, log_density).sum(0) / gamma.sum(0)[:, None]


# Not public, derived: the axis of the sum is the other one.
@refvi.implements("hmm.em_transition", expect="transition-columns-normalised")
def columns(initial, transition, log_density):
    counts = pair_posteriors(initial, transition, log_density).sum(0)
    return counts / counts.sum(0)


# Not public, derived: neighbouring states are taken to be independent given the data.
@refvi.implements("hmm.em_transition", expect="transition-from-marginals")
def product_of_marginals(initial, transition, log_density):
    alpha, beta = messages(initial, transition, log_density)
    gamma = np.exp(alpha + beta - logsumexp(alpha[-1]))
    counts = gamma[:-1].T @ gamma[1:]
    return counts / counts.sum(1, keepdims=True)
