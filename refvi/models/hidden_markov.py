"""Hidden Markov models with categorical or normal emissions: evidence, filtering, smoothing, Viterbi, EM's two steps.

    z_1 ~ Categorical(initial),   z_t | z_(t-1) = i ~ Categorical(transition[i]),   x_t | z_t = k ~ emission k

Data are sequences of any lengths; one sequence is one item of a schedule. Not here: the recursions over time
(`markov_chain`), the loops of the algorithms (`refvi.algorithms`).

Source      Rabiner 1989, "A tutorial on hidden Markov models", section III and eq 40, 95-97 (several sequences)
Checked by  tests/models/test_hidden_markov.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.models import markov_chain, tables
from refvi.models.emissions import emission_functions
from refvi.targets import get_target


class HiddenMarkov(NamedTuple):
    """Parameters, and gradients by them.

    initial_logits     (S,) of the first state
    transition_logits  (S, S), row i of the state after i
    emission           parameters of one of the emissions, S components
    """

    initial_logits: np.ndarray
    transition_logits: np.ndarray
    emission: NamedTuple


class HiddenMarkovStatistics(NamedTuple):
    """Expected sufficient statistics of the complete data.

    initial      (S,) sum over sequences of p(z_1 = s | x)
    transitions  (S, S) sum over sequences and t of p(z_t = i, z_(t+1) = j | x)
    emission     statistics of the emission, every time step being a datum
    """

    initial: np.ndarray
    transitions: np.ndarray
    emission: NamedTuple


class Sequences(NamedTuple):
    """Data: sequences one after the other.

    x        (total,) or (total, D) the time steps of all sequences
    offsets  (N + 1,) sequence n is x[offsets[n] : offsets[n + 1]]
    """

    x: np.ndarray
    offsets: np.ndarray


def sequences(parts):
    """Join a list of arrays, one per sequence, into `Sequences`."""
    parts = [np.asarray(part) for part in parts]
    lengths = [len(part) if part.ndim else 0 for part in parts]
    if not parts or 0 in lengths:
        raise UsageError(f"sequences must be at least one, each of at least one step, got lengths {lengths}")
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Sequences(np.concatenate(parts), offsets)


def check(theta):
    """One sentence where the parameters are not a hidden Markov model."""
    if not isinstance(theta, HiddenMarkov):
        raise UsageError(f"theta must be a HiddenMarkov, got {type(theta).__name__}")
    emission_functions(theta.emission).check(theta.emission)
    states = len(np.asarray(theta.initial_logits))
    for name, logits, shape in (
        ("initial_logits", theta.initial_logits, (states,)),
        ("transition_logits", theta.transition_logits, (states, states)),
    ):
        logits = np.asarray(logits, dtype=np.float64)
        if logits.shape != shape:
            raise UsageError(f"{name} must have shape {shape}, got {logits.shape}")
        if np.any(np.isnan(logits)) or np.any(logits == np.inf) or np.any(logits.max(-1) == -np.inf):
            raise UsageError(f"{name} must be finite or -inf, and not all of a row -inf")
    if len(theta.emission[0]) != states:
        raise UsageError(
            f"emission must have {states} components, one per state, got {len(theta.emission[0])}"
        )


def chain_tables(theta, data, target):
    """The tables that the kernels read, and the longest length."""
    check(theta)
    data = data if isinstance(data, Sequences) else sequences(data)
    log_density = emission_functions(theta.emission).log_density(theta.emission, data.x, target)
    chain = markov_chain.Chain(
        tables.log_probabilities(theta.initial_logits, target),
        tables.log_probabilities(theta.transition_logits, target),
        log_density,
        np.asarray(data.offsets, dtype=np.int64),
    )
    return data, chain, int(np.diff(data.offsets).max())


def _rows(kernel, chain, width, scratch, target):
    return get_target(target).rows(kernel, chain, len(chain.offsets) - 1, width, scratch=scratch)


def _possible(rows):
    """The rows, unless a sequence has probability zero."""
    impossible = np.flatnonzero(rows[:, 0] == -np.inf)
    if len(impossible):
        raise UsageError(
            "every sequence must have positive probability under the parameters, "
            f"got zero for sequence {impossible[0]}"
        )
    return rows


def log_evidence(theta, data, target="python"):
    """Log evidence of every sequence, (N,); -inf for an impossible sequence."""
    _, chain, longest = chain_tables(theta, data, target)
    S = len(chain.log_initial)
    return _rows(markov_chain.log_evidence_row, chain, 1, longest * (S + 1) + S, target)[:, 0].copy()


def forward(theta, data, target="python"):
    """Log filtering posteriors log p(z_t = s | x_1 ... x_t) of every sequence, a list of (T, S).

    Returned with the predictive log scales log p(x_t | x_1 ... x_(t-1)), a list of (T,).
    """
    _, chain, longest = chain_tables(theta, data, target)
    S, lengths = len(chain.log_initial), np.diff(chain.offsets)
    rows = _possible(_rows(markov_chain.forward_row, chain, 1 + longest * (S + 1), S, target))
    log_filters = [
        row[1 + T : 1 + T + T * S].reshape(T, S).copy() for row, T in zip(rows, lengths, strict=True)
    ]
    return log_filters, [row[1 : 1 + T].copy() for row, T in zip(rows, lengths, strict=True)]


def _smoothed(theta, data, target):
    """Data, log evidence (N,), pair counts (N, S, S), state posteriors of all time steps (total, S)."""
    data, chain, longest = chain_tables(theta, data, target)
    S, lengths = len(chain.log_initial), np.diff(chain.offsets)
    scratch = longest * (S + 1) + 3 * S + S * S
    rows = _possible(_rows(markov_chain.smoothing_row, chain, 1 + S * S + longest * S, scratch, target))
    pairs = rows[:, 1 : 1 + S * S].reshape(-1, S, S)
    states = [row[1 + S * S :][: T * S].reshape(T, S) for row, T in zip(rows, lengths, strict=True)]
    return data, rows[:, 0], pairs, np.concatenate(states)


def posterior(theta, data, target="python"):
    """Posterior marginals p(z_t = s | x) of every sequence, a list of (T, S)."""
    data, _, _, states = _smoothed(theta, data, target)
    return [part.copy() for part in np.split(states, data.offsets[1:-1])]


def viterbi(theta, data, target="python"):
    """Log joint of the most probable path of every sequence, (N,), and the paths, a list of (T,) integers."""
    _, chain, longest = chain_tables(theta, data, target)
    S, lengths = len(chain.log_initial), np.diff(chain.offsets)
    rows = _possible(_rows(markov_chain.viterbi_row, chain, 1 + longest, (longest + 2) * S, target))
    paths = [row[1 : 1 + T].astype(np.int64) for row, T in zip(rows, lengths, strict=True)]
    return rows[:, 0].copy(), paths


def expect(theta, data, target="python"):
    """E step: the total log evidence and the expected statistics under the posterior of theta."""
    data, values, pairs, states = _smoothed(theta, data, target)
    return math.fsum(values), expect_under(theta, data, states, pairs.sum(0), target)


def expect_under(theta, data, states, transitions, target="python"):
    """Expected statistics from state marginals (total, S) and summed pair probabilities (S, S) of any q."""
    initial = states[np.asarray(data.offsets)[:-1]].sum(0)
    emission = emission_functions(theta.emission).expect(theta.emission, data.x, states, target)
    return HiddenMarkovStatistics(initial, np.array(transitions), emission)


def q_function(theta, statistics, target="python"):
    """Expected complete-data log likelihood Q(theta, theta'), the statistics being those of theta'.

    Formula     Q = sum over paths of p(z | x; theta') log p(x, z; theta), summed over sequences
    """
    return (
        tables.expected_log_mass(statistics.initial, theta.initial_logits, target)
        + tables.expected_log_mass(statistics.transitions, theta.transition_logits, target)
        + emission_functions(theta.emission).q_function(theta.emission, statistics.emission, target)
    )


def grad_q(theta, statistics, target="python"):
    """Gradient of Q by theta, theta' held fixed, as a `HiddenMarkov`."""
    return HiddenMarkov(
        tables.grad_expected_log_mass(statistics.initial, theta.initial_logits, target),
        tables.grad_expected_log_mass(statistics.transitions, theta.transition_logits, target),
        emission_functions(theta.emission).grad_q(theta.emission, statistics.emission, target),
    )


def maximise(theta, statistics, target="python"):
    """M step (Baum-Welch): the parameters that maximise Q; a state never left keeps its transitions."""
    return HiddenMarkov(
        tables.most_likely(statistics.initial, theta.initial_logits, target),
        tables.most_likely(statistics.transitions, theta.transition_logits, target),
        emission_functions(theta.emission).maximise(theta.emission, statistics.emission, target),
    )


def grad_log_evidence(theta, data, target="python"):
    """Total log evidence and its gradient: the posterior expectation of the complete-data score."""
    value, statistics = expect(theta, data, target)
    return value, grad_q(theta, statistics, target)
