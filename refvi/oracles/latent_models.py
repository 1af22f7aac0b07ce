"""Log joints of mixtures and hidden chains, from probability tables, one datum or one path at a time.

Loops and logarithms of probabilities, nothing of the recursions or matrix factors that they judge: normal densities
go through the eigenvalues of the covariance, paths through `enumeration`. Not here: sums over the latents.
"""

import itertools
import math

import numpy as np

from refvi.oracles import enumeration
from refvi.oracles.answer import Answer


def log(probability):
    """Logarithm with log 0 = -inf."""
    return math.log(probability) if probability > 0.0 else -math.inf


def softmax(logits):
    """Probabilities of a table of logits along its last axis, by correctly rounded sums."""
    logits = np.asarray(logits, dtype=np.float64)
    rows = logits.reshape(-1, logits.shape[-1])
    totals = [enumeration.log_sum_exp(list(row)) for row in rows]
    table = [[math.exp(a - total) for a in row] for row, total in zip(rows, totals, strict=True)]
    return np.array(table).reshape(logits.shape)


def symbols_log_mass(x, tables):
    """Log mass of symbols x (D,) under one component's tables (D, V)."""
    return math.fsum(log(table[symbol]) for table, symbol in zip(tables, x, strict=True))


def normal_log_density(x, mean, covariance):
    """Log density of a normal through the eigenvalues of its covariance.

    Formula     -½ [ D log 2π + sum_i log e_i + sum_i (v_iᵀ (x - m))² / e_i ]
    """
    eigenvalues, vectors = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    turned = vectors.T @ (np.asarray(x, dtype=np.float64) - mean)
    terms = [
        math.log(2.0 * math.pi) + math.log(e) + t * t / e for e, t in zip(eigenvalues, turned, strict=True)
    ]
    return -0.5 * math.fsum(terms)


def mixture_log_joint(k, mixing, log_density):
    """Log p(x, z = k) from mixing probabilities (K,) and log densities (K,) of one datum."""
    return log(mixing[k]) + log_density[k]


def path_log_joint(path, initial, transition, log_density):
    """Log p(x, z) of one path from probabilities (S,), (S, S) and log densities (T, S)."""
    terms = [log(initial[path[0]])]
    terms += [log(transition[i, j]) for i, j in itertools.pairwise(path)]
    terms += [log_density[t][state] for t, state in enumerate(path)]
    return -math.inf if -math.inf in terms else math.fsum(terms)


def all_paths(states, steps):
    """Every path, (S^T, T) integers."""
    return enumeration.categorical_states((states,) * steps)


def best_path(log_joint, paths):
    """The largest log joint and the first path, in the order of `paths`, that has it."""
    values = [float(log_joint(path)) for path in paths]
    at = int(np.argmax(values))
    return values[at], paths[at]


def path_marginals(log_joint, paths, states):
    """Posterior of every state at every time (T, S), and summed over time of every pair (S, S)."""
    posterior = enumeration.posterior(log_joint, paths)
    steps = paths.shape[1]
    single = np.array(
        [[math.fsum(posterior[paths[:, t] == s]) for s in range(states)] for t in range(steps)]
    ).reshape(steps, states)
    pairs = np.zeros((states, states))
    for i in range(states):
        for j in range(states):
            hits = [posterior[(paths[:, t] == i) & (paths[:, t + 1] == j)] for t in range(steps - 1)]
            pairs[i, j] = math.fsum(np.concatenate([*hits, np.zeros(1)]))
    return single, pairs


def expected_log_joint(weights, log_joint, states):
    """Q by its definition: sum_s weights_s log_joint(s), states of weight zero left out, as an Answer."""
    terms = [w * float(log_joint(s)) for w, s in zip(weights, states, strict=True) if w > 0.0]
    return Answer(math.fsum(terms), math.fsum(abs(t) for t in terms) + 1.0)
