"""A hidden chain of S states, whatever it emits: filtering, smoothing, pair posteriors and the most probable path.

    z_1 ~ initial,   z_t | z_(t-1) = i ~ transition[i, :],   log_density[t, s] = log p(x_t | z_t = s)

Everything is in log space and renormalised at every step, and sums over time are compensated, so that nothing
grows with the length: 100 000 steps lose no more digits than ten (tests/models/test_hidden_markov.py).
Items are sequences: item n owns the time steps offsets[n] ... offsets[n + 1] - 1 of `log_density`.
Not here: emissions, parameters, counts (`hidden_markov`).

Source      Rabiner 1989, "A tutorial on hidden Markov models", eq 19-20, 24-25, 27, 32-37 and section V.A (scaling)
Checked by  tests/models/test_hidden_markov.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.kernels.logspace import log_sum, softmax
from refvi.kernels.portable import portable


class Chain(NamedTuple):
    """What the kernels read.

    log_initial     (S,) log probabilities of the first state
    log_transition  (S, S) log probability of j after i at [i, j]
    log_density     (total, S) of every time step under every state
    offsets         (N + 1,) where each sequence begins and ends
    """

    log_initial: np.ndarray
    log_transition: np.ndarray
    log_density: np.ndarray
    offsets: np.ndarray


@portable
def rounding_of_sum(a, b, joined):
    """What the rounded sum of two numbers lost, exactly.

    Formula     (a + b) - joined,  joined = fl(a + b)
    Gradient    not needed
    Shapes      a (), b (), joined () -> ()
    Domain      no overflow
    Source      Neumaier 1974, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", algorithm IV
    """
    if math.fabs(a) >= math.fabs(b):
        return (a - joined) + b
    return (b - joined) + a


@portable
def filter_forward(start, steps, inputs, log_filter, log_scale, terms):
    """Filtering posteriors of one sequence; returns its log evidence, -inf at the first impossible step.

    Formula     log_filter[t, s] = log p(z_t = s | x_1 ... x_t),  log_scale[t] = log p(x_t | x_1 ... x_(t-1)),
                log p(x) = sum_t log_scale[t]
    Gradient    through `smoothing_row`
    Shapes      log_filter (T * S,), log_scale (T,), terms (S,) -> ()
    Domain      -inf allowed in every table
    Stability   each step is normalised, the sum over t is compensated
    Source      Rabiner 1989, eq 19-21, 92
    """
    size = inputs.log_initial.shape[0]
    total, lost = 0.0, 0.0
    for t in range(steps):
        here = log_filter[t * size : (t + 1) * size]
        for s in range(size):
            predicted = inputs.log_initial[s]
            if t > 0:
                for i in range(size):
                    terms[i] = log_filter[(t - 1) * size + i] + inputs.log_transition[i, s]
                predicted = log_sum(terms[:size])
            here[s] = predicted + inputs.log_density[start + t, s]
        scale = log_sum(here)
        log_scale[t] = scale
        if not scale > -math.inf:
            return scale
        for s in range(size):
            here[s] -= scale
        joined = total + scale
        lost += rounding_of_sum(total, scale, joined)
        total = joined
    return total + lost


@portable
def step_backward(start, t, inputs, log_scale, log_later, terms, log_beta):
    """Backward messages of step t from those of step t + 1.

    Formula     log_beta[t, s] = log p(x_(t+1) ... x_T | z_t = s) - log p(x_(t+1) ... x_T | x_1 ... x_t)
                               = log sum_j transition[s, j] p(x_(t+1) | j) beta[t+1, j] / scale[t+1]
    Gradient    not needed
    Shapes      log_later (S,) of step t + 1, log_beta (S,), terms (S,); writes log_beta
    Domain      log_scale[t + 1] finite
    Source      Rabiner 1989, eq 25, 94
    """
    size = inputs.log_initial.shape[0]
    for s in range(size):
        for j in range(size):
            terms[j] = inputs.log_transition[s, j] + inputs.log_density[start + t + 1, j] + log_later[j]
        log_beta[s] = log_sum(terms[:size]) - log_scale[t + 1]


@portable
def log_evidence_row(item, inputs, out, scratch):
    """Log evidence of one sequence.

    Formula     log p(x_1 ... x_T) = log sum over all paths of p(x, z)
    Gradient    through `smoothing_row`
    Shapes      inputs Chain, out (1,), scratch (T * S + T + S,)
    Domain      T >= 1
    Source      Rabiner 1989, eq 21
    """
    size, start = inputs.log_initial.shape[0], inputs.offsets[item]
    steps = inputs.offsets[item + 1] - start
    log_filter, log_scale = scratch[: steps * size], scratch[steps * size : steps * size + steps]
    out[0] = filter_forward(start, steps, inputs, log_filter, log_scale, scratch[steps * size + steps :])


@portable
def forward_row(item, inputs, out, scratch):
    """Filtering posteriors and predictive log scales of one sequence.

    Formula     out = [log evidence, log_scale (T), log_filter (T * S)]
    Gradient    not needed
    Shapes      inputs Chain, out (1 + T + T * S,) with T the longest length, scratch (S,)
    Domain      T >= 1
    Source      Rabiner 1989, eq 19-20, 91-92
    """
    start = inputs.offsets[item]
    steps = inputs.offsets[item + 1] - start
    out[0] = filter_forward(start, steps, inputs, out[1 + steps :], out[1 : 1 + steps], scratch)


@portable
def smoothing_row(item, inputs, out, scratch):
    """Log evidence, expected pair counts and state posteriors of one sequence.

    Formula     out = [log p(x), pairs (S * S), states (T * S)],  states[t, s] = p(z_t = s | x),
                pairs[i, j] = sum_t p(z_t = i, z_(t+1) = j | x)
    Gradient    these are the derivatives of log p(x) by log_density and log_transition (and states[0] by log_initial)
    Shapes      inputs Chain, out (1 + S * S + T * S,) with T the longest length, scratch (T * S + T + 3 S + S * S,)
    Domain      T >= 1; states and pairs are 0 where the evidence is -inf
    Stability   each posterior is normalised by itself
    Source      Rabiner 1989, eq 27, 37
    """
    size, start = inputs.log_initial.shape[0], inputs.offsets[item]
    steps = inputs.offsets[item + 1] - start
    at = steps * size
    log_filter, log_scale, terms = (
        scratch[:at],
        scratch[at : at + steps],
        scratch[at + steps : at + steps + size],
    )
    at += steps + size
    later, beta, pair = scratch[at : at + size], scratch[at + size : at + 2 * size], scratch[at + 2 * size :]
    pairs, states = out[1 : 1 + size * size], out[1 + size * size :]
    out[0] = filter_forward(start, steps, inputs, log_filter, log_scale, terms)
    if not out[0] > -math.inf:
        return
    for s in range(size):
        beta[s] = 0.0
    for back in range(steps):
        t = steps - 1 - back
        if back > 0:
            for s in range(size):
                later[s] = beta[s]
            step_backward(start, t, inputs, log_scale, later, terms, beta)
            add_pairs(start, t, inputs, log_filter, later, pair[: size * size], pairs)
        here = states[t * size : (t + 1) * size]
        for s in range(size):
            here[s] = log_filter[t * size + s] + beta[s]
        softmax(here, here)


@portable
def add_pairs(start, t, inputs, log_filter, log_later, pair, pairs):
    """Add the posterior of (z_t, z_(t+1)).

    Formula     p(i, j | x) proportional to filter[t, i] transition[i, j] p(x_(t+1) | j) beta[t+1, j]
    Gradient    not needed
    Shapes      log_later (S,), pair (S * S,), pairs (S * S,) += the normalised posterior
    Domain      evidence above 0
    Source      Rabiner 1989, eq 37
    """
    size = inputs.log_initial.shape[0]
    for i in range(size):
        for j in range(size):
            move = log_filter[t * size + i] + inputs.log_transition[i, j]
            pair[i * size + j] = move + inputs.log_density[start + t + 1, j] + log_later[j]
    softmax(pair, pair)
    for c in range(size * size):
        pairs[c] += pair[c]


@portable
def viterbi_step(start, t, inputs, before, came, delta):
    """Best log joint of every state of step t and where it came from; returns the largest.

    Formula     delta_j = max_i (before_i + log transition[i, j]) + log p(x_t | j),  came_j = argmax_i
    Gradient    not needed
    Shapes      before (S,), came (S,), delta (S,) -> ()
    Domain      -inf allowed
    Source      Rabiner 1989, eq 32-33
    """
    size = inputs.log_initial.shape[0]
    top = -math.inf
    for j in range(size):
        best, origin = inputs.log_initial[j], 0
        if t > 0:
            best = -math.inf
            for i in range(size):
                candidate = before[i] + inputs.log_transition[i, j]
                if candidate > best:
                    best, origin = candidate, i
        came[j] = origin
        delta[j] = best + inputs.log_density[start + t, j]
        top = delta[j] if delta[j] > top else top
    return top


@portable
def viterbi_row(item, inputs, out, scratch):
    """Most probable path of one sequence, the smaller state winning among equal floats, and its log joint.

    Formula     out = [max_z log p(x, z), z_1 ... z_T];  delta is kept relative to its own maximum
    Gradient    not needed
    Shapes      inputs Chain, out (1 + T,) with T the longest length, scratch (T * S + 2 S,)
    Domain      T >= 1; where no path is possible the value is -inf and the path 0
    Stability   renormalised at every step, the sum of the maxima is compensated
    Source      Rabiner 1989, eq 32-35
    """
    size, start = inputs.log_initial.shape[0], inputs.offsets[item]
    steps = inputs.offsets[item + 1] - start
    came, before = scratch[: steps * size], scratch[steps * size : (steps + 1) * size]
    delta = scratch[(steps + 1) * size : (steps + 2) * size]
    total, lost = 0.0, 0.0
    for t in range(steps):
        top = viterbi_step(start, t, inputs, before, came[t * size : (t + 1) * size], delta)
        if not top > -math.inf:
            out[0] = top
            return
        for j in range(size):
            before[j] = delta[j] - top
        joined = total + top
        lost += rounding_of_sum(total, top, joined)
        total = joined
    out[0] = total + lost
    last = 0
    for j in range(size):
        last = j if before[j] > before[last] else last
    for back in range(steps):
        t = steps - 1 - back
        out[1 + t] = last
        last = int(came[t * size + last])
