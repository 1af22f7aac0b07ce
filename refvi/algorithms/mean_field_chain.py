"""Mean field for a hidden chain: every time step has a categorical q of its own, all independent.

    q(z_1 ... z_T; lambda) = prod_t softmax(lambda_t)_(z_t)

The family misses every chain whose posterior has memory, so its best bound leaves an approximation gap; a hidden
Markov model gives log evidence and posterior exactly beside it. Logits lie as `Sequences.x` does, (total, S).

Source      Ghahramani and Jordan 1997, "Factorial hidden Markov models", eq 12 and appendix C, for one chain and
            one factor per time step
Checked by  tests/algorithms/test_variational_em.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.kernels.logspace import log_sum, softmax
from refvi.kernels.portable import portable
from refvi.kernels.scalar import log
from refvi.models import hidden_markov
from refvi.targets import get_target


class ChainPair(NamedTuple):
    """What the kernels read: the fields of `markov_chain.Chain`, and logits (total, S) of q."""

    log_initial: np.ndarray
    log_transition: np.ndarray
    log_density: np.ndarray
    offsets: np.ndarray
    logits: np.ndarray


@portable
def times_log(weight, log_value):
    """Weight times a logarithm; weight zero wins over log 0.

    Formula     w a;  0 for w = 0
    Shapes      weight (), log_value () -> ()
    """
    return weight * log_value if weight > 0.0 else 0.0


@portable
def expected_log_factors(start, t, steps, inputs, q, out):
    """Expected log factors that touch step t, as a function of its state.

    Formula     out_s = log p(x_t | s) + [t = 1] log initial_s + sum_i q_(t-1)(i) log A_is + sum_j q_(t+1)(j) log A_sj
    Gradient    the derivative of the expected log joint by q_t(s)
    Shapes      q (T * S,), out (S,)
    """
    size = inputs.log_initial.shape[0]
    for s in range(size):
        total = inputs.log_density[start + t, s]
        if t == 0:
            total += inputs.log_initial[s]
        for i in range(size):
            if t > 0:
                total += times_log(q[(t - 1) * size + i], inputs.log_transition[i, s])
            if t < steps - 1:
                total += times_log(q[(t + 1) * size + i], inputs.log_transition[s, i])
        out[s] = total


@portable
def chain_elbo_row(item, inputs, out, scratch):
    """ELBO of one sequence and its gradient by the logits of q.

    Formula     out_0 = E_q[log p(x, z)] + sum_t H(q_t)
    Gradient    out_(1 + tS + s) = q_t(s) (g_t(s) - sum_u q_t(u) g_t(u)),  g = expected log factors - log q
    Shapes      inputs ChainPair, out (1 + T * S,) with T the longest length, scratch (T * S + S,)
    """
    size, start = inputs.log_initial.shape[0], inputs.offsets[item]
    steps = inputs.offsets[item + 1] - start
    q, slope = scratch[: steps * size], scratch[steps * size : steps * size + size]
    for t in range(steps):
        softmax(inputs.logits[start + t], q[t * size : (t + 1) * size])
    for t in range(steps):
        log_total = log_sum(inputs.logits[start + t])
        expected_log_factors(start, t, steps, inputs, q, slope)
        mean = 0.0
        for s in range(size):
            here = q[t * size + s]
            own = inputs.logits[start + t, s] - log_total
            out[0] += times_log(here, inputs.log_density[start + t, s] - own)
            out[0] += times_log(here, inputs.log_initial[s]) if t == 0 else 0.0
            for i in range(size):
                if t > 0:
                    out[0] += times_log(q[(t - 1) * size + i] * here, inputs.log_transition[i, s])
            slope[s] -= own if here > 0.0 else 0.0
            mean += times_log(here, slope[s])
        for s in range(size):
            out[1 + t * size + s] = times_log(q[t * size + s], slope[s] - mean)


@portable
def chain_sweep_row(item, inputs, out, scratch):
    """One sweep of coordinate ascent over the steps of one sequence, in time order; each step maximises the ELBO.

    Formula     log q_t(s) = expected log factors of step t, up to a constant
    Gradient    none: at the maximiser it is 0
    Shapes      inputs ChainPair, out (T * S,) the new log q with T the longest length, scratch (T * S + S,)
    """
    size, start = inputs.log_initial.shape[0], inputs.offsets[item]
    steps = inputs.offsets[item + 1] - start
    q, slope = scratch[: steps * size], scratch[steps * size : steps * size + size]
    for t in range(steps):
        softmax(inputs.logits[start + t], q[t * size : (t + 1) * size])
    for t in range(steps):
        expected_log_factors(start, t, steps, inputs, q, slope)
        softmax(slope, q[t * size : (t + 1) * size])
        for s in range(size):
            out[t * size + s] = log(q[t * size + s])


def _inputs(theta, logits, data, target):
    data, chain, longest = hidden_markov.chain_tables(theta, data, target)
    logits = np.ascontiguousarray(logits, dtype=np.float64)
    if logits.shape != chain.log_density.shape:
        raise UsageError(f"logits must have shape {chain.log_density.shape}, got {logits.shape}")
    if np.any(np.isnan(logits)):
        raise UsageError("logits must be finite or -inf, got NaN")
    return data, ChainPair(*chain, logits), longest, logits.shape[1]


def _per_step(rows, offsets, S):
    """Rows (N, T * S) cut to the lengths of the sequences and joined, (total, S)."""
    lengths = np.diff(offsets)
    return np.concatenate([row[: T * S].reshape(T, S) for row, T in zip(rows, lengths, strict=True)])


def _elbo_rows(theta, logits, data, target):
    _, inputs, longest, S = _inputs(theta, logits, data, target)
    count = len(inputs.offsets) - 1
    rows = get_target(target).rows(chain_elbo_row, inputs, count, 1 + longest * S, scratch=(longest + 1) * S)
    return rows, inputs.offsets, S


def start(theta, data, target="python"):  # noqa: ARG001 - other families look at the data
    """Logits of the uniform q at every time step, (total, S)."""
    data = data if isinstance(data, hidden_markov.Sequences) else hidden_markov.sequences(data)
    return np.zeros((len(data.x), len(theta.initial_logits)))


def elbo(theta, logits, data, target="python"):
    """ELBO of every sequence, (N,)."""
    return _elbo_rows(theta, logits, data, target)[0][:, 0].copy()


def grad_elbo(theta, logits, data, target="python"):
    """Gradient of the sum of the ELBOs by the logits, (total, S)."""
    rows, offsets, S = _elbo_rows(theta, logits, data, target)
    return _per_step(rows[:, 1:], offsets, S)


def improve(theta, logits, data, target="python"):
    """One sweep of coordinate ascent: new logits, none of whose sequences has a lower ELBO."""
    _, inputs, longest, S = _inputs(theta, logits, data, target)
    count = len(inputs.offsets) - 1
    rows = get_target(target).rows(chain_sweep_row, inputs, count, longest * S, scratch=(longest + 1) * S)
    lost = np.flatnonzero(np.isnan(rows).any(1))
    if len(lost):
        raise UsageError(
            f"q must leave a possible state at every step, got none in sequence {lost[0]}: where the model forbids "
            "transitions or symbols, start from logits that are -inf at the states that cannot be"
        )
    return _per_step(rows, inputs.offsets, S)


def best(theta, data, *, starts=20, sweeps=200, seed=0, target="python"):
    """Logits of the largest ELBO found for every sequence from several random starts; the bound is not concave."""
    data = data if isinstance(data, hidden_markov.Sequences) else hidden_markov.sequences(data)
    rng = np.random.default_rng(seed)
    kept, values = start(theta, data), np.full(len(data.offsets) - 1, -math.inf)
    for _ in range(starts):
        logits = 2.0 * rng.normal(size=kept.shape)
        for _sweep in range(sweeps):
            moved = improve(theta, logits, data, target)
            settled = np.array_equal(moved, logits)
            logits = moved
            if settled:
                break
        found = elbo(theta, logits, data, target)
        better = np.repeat(found > values, np.diff(data.offsets))
        kept[better], values = logits[better], np.maximum(values, found)
    return kept


def expect(theta, logits, data, target="python"):
    """Expected statistics under q: neighbours are independent, so pairs are products."""
    data, inputs, _, _ = _inputs(theta, logits, data, target)
    q = np.exp(inputs.logits - np.logaddexp.reduce(inputs.logits, axis=1, keepdims=True))
    later = np.setdiff1d(np.arange(1, len(q)), inputs.offsets)
    return hidden_markov.expect_under(theta, data, q, q[later - 1].T @ q[later], target)


def take(data, chosen):
    """The chosen sequences."""
    data = data if isinstance(data, hidden_markov.Sequences) else hidden_markov.sequences(data)
    return hidden_markov.sequences([data.x[data.offsets[n] : data.offsets[n + 1]] for n in chosen])


def take_logits(logits, data, chosen):
    """The rows of the logits that belong to the chosen sequences."""
    data = data if isinstance(data, hidden_markov.Sequences) else hidden_markov.sequences(data)
    return np.concatenate([np.asarray(logits)[data.offsets[n] : data.offsets[n + 1]] for n in chosen])
