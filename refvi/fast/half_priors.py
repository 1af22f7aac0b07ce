"""Exact evidence where the prior of the hidden units is a product of two arbitrary tables.

    p(h) = P1(h_1 .. h_n1) P2(h_n1+1 .. h_K),   x_d | h ~ Bern(sigmoid(b_d + (W h)_d))

Units within a half may depend on one another in any way. The kernels take the factors of half states as they come:
nothing but the tables of factors changes. Bit k of a position in a table is the k-th unit of its half; tables are
logarithms, need not be normalised, and may hold -inf.

Not here: compiled gradients where products leave the range of a double; they come from plain NumPy.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.fast.arguments import read_problem, read_threads
from refvi.fast.doubling import bits, fold_bits, subset_sums
from refvi.fast.layout import LANE_BITS, OCTET, STRIP, Split, worth_compiling
from refvi.fast.nested import log_sum

ABSENT = -(1 << 30)  # exponent of a factor that is zero


class HalfPosterior(NamedTuple):
    """Log evidence of one datum, its gradient, and the posterior of both halves.

    log_evidence ()      log p(x), in nats
    grad_W (D, K)        dlog p(x) / dW
    grad_b (D,)          dlog p(x) / db
    first (2^n1,)        p(first half | x), the gradient in log_first
    second (2^n2,)       p(second half | x), the gradient in log_second
    """

    log_evidence: float
    grad_W: np.ndarray  # noqa: N815
    grad_b: np.ndarray
    first: np.ndarray
    second: np.ndarray


def log_evidence_of_halves(x, W, b, log_first, log_second, threads=None):
    """Exact log evidence under a prior of two tables.

    Formula     log p(x) = log sum_ij exp(log_first_i + log_second_j) prod_d Bern(x_d; sigmoid((W h_ij + b)_d))
    Shapes      x (D,), W (D, n1 + n2), b (D,), log_first (2^n1,), log_second (2^n2,) -> (); x (B, D) -> (B,)
    Domain      x in {0, 1}, finite W and b; tables finite or -inf, with one finite entry each
    Checked by  tests/fast/test_half_priors.py
    """
    problem, tables = _read(x, W, b, log_first, log_second)
    threads = read_threads(threads)
    network = _prepare(problem, tables)
    rows = [row[None] for row in problem.x]
    if network is None:
        values = np.array([_plain_evidence(problem._replace(x=row), tables) for row in rows])
    else:
        from refvi.fast.multiplicative import all_strips, join, strip_sums

        states = [_states(network, row, tables) for row in rows]
        sums = (strip_sums(network, s, 0, all_strips(network), threads) for s in states)
        values = np.array([join(network, s, part)[0] for s, part in zip(states, sums)])
    return values if np.ndim(x) == 2 else float(values[0])


def half_posterior(x, W, b, log_first, log_second, threads=None):
    """Exact log evidence of one datum, its gradient, and the posterior of both halves.

    Gradient    dW_dk = E[(x_d - sigmoid(l_d)) h_k | x],  db_d = E[x_d - sigmoid(l_d) | x]  (Fisher's identity);
                dlog_first = p(first | x),  dlog_second = p(second | x)
    Shapes      x (D,); otherwise as `log_evidence_of_halves` -> HalfPosterior
    Checked by  tests/fast/test_half_priors.py
    """
    problem, tables = _read(x, W, b, log_first, log_second)
    threads = read_threads(threads)
    if np.ndim(x) != 1:
        raise UsageError(f"x must be one datum of shape (D,), got {np.shape(x)}")
    network = _prepare(problem, tables)
    if network is None or network.route.value == "wide":
        return _plain_posterior(problem, tables)
    return _compiled_posterior(network, problem, tables, threads)


def _read(x, W, b, log_first, log_second):
    tables, widths = [], []
    for name, table in (("log_first", log_first), ("log_second", log_second)):
        table = validate.array(name, table, "S", finite=False)
        if table.size < 2 or table.size & (table.size - 1):
            raise UsageError(f"{name} must have 2^n entries with n >= 1, got {table.size}")
        if np.isnan(table).any() or table.max() == np.inf or table.max() == -np.inf:
            raise UsageError(f"{name} must be finite or -inf, with one finite entry, got NaN, inf or no mass")
        tables.append(table)
        widths.append(table.size.bit_length() - 1)
    if np.ndim(W) == 2 and np.shape(W)[1] != sum(widths):
        raise UsageError(
            f"log_first and log_second must have {np.shape(W)[1]} bits together to match W, got {widths}"
        )
    problem = read_problem(x, W, b, np.zeros(sum(widths)))
    return problem, tuple(tables)


def _prepare(problem, tables):
    """The model prepared for compiled code, cut where the halves meet; None where plain NumPy answers."""
    D, K = problem.W.shape
    first, second = (table.size.bit_length() - 1 for table in tables)
    if not worth_compiling(K, D) or second < LANE_BITS or 1 << first < OCTET:
        return None
    from refvi.fast.network import Route, prepare

    strip = min(STRIP, max(OCTET, (1 << first) // 8))
    network = prepare(problem, Split(first, second, 0, -(-D // 4) * 4, strip, (1 << first) // strip))
    return None if network.route is Route.LOG else network


def _log_factors(problem, tables):
    """Logarithms of the factors S (I,) and T (J,) of half states, and what they have in common."""
    x, first = problem.x[0], tables[0].size.bit_length() - 1
    high = subset_sums(np.zeros(1), (x @ problem.W[:, :first])[None])[0]
    low = subset_sums(np.zeros(1), ((x - 1.0) @ problem.W[:, first:])[None])[0]
    return tables[0] + high, tables[1] + low, float((x - 1.0) @ problem.b)


def _states(network, row, tables):
    from refvi.fast.network import Route, States, WideStates
    from refvi.fast.wide_tables import LN2_HIGH, LN2_LOW

    problem = read_problem(row, network.W, network.b, network.c)
    log_S, log_T, offset = _log_factors(problem, tables)
    one, none = np.ones((1, 1)), np.zeros((1, 1), np.int64)
    if network.route is not Route.WIDE:
        peaks = log_S.max(), log_T.max()
        total = np.array([[math.fsum([offset, *peaks]), 0.0]])
        return States(np.exp(log_S - peaks[0])[None], np.exp(log_T - peaks[1])[None], one, total)
    parts = []
    for logs in (log_S, log_T):
        present = np.isfinite(logs)
        exponent = np.where(present, np.rint(np.where(present, logs, 0.0) / math.log(2.0)), ABSENT)
        rest = np.where(present, logs - exponent * LN2_HIGH - exponent * LN2_LOW, -np.inf)
        parts += [np.exp(rest)[None], exponent.astype(np.int64)[None]]
    return WideStates(*parts, one, none, np.array([[offset, 0.0]]))


def _compiled_posterior(network, problem, tables, threads):
    from refvi.fast.folding import fold_quotients, tables_of_quotients
    from refvi.fast.layout import row_groups
    from refvi.fast.multiplicative import log_total
    from refvi.fast.narrow_gradient import narrow_groups
    from refvi.fast.network import high_table
    from refvi.fast.threads import share

    states, A, groups = _states(network, problem.x, tables), high_table(network, 0), row_groups(network.split)
    given = A, network.C, states.S, states.T
    weights = np.zeros(len(A)), np.zeros((groups, states.T.shape[1]))
    taken = *tables_of_quotients(A, groups, network.split.low), *weights
    share(partial(_run, narrow_groups, given, taken), groups, network.factors, threads)
    first, second = weights[0].copy(), weights[1].sum(axis=0)
    slope = fold_quotients(A, *taken[:3], network.split.high)
    total, D, x = slope[-1, -1], problem.b.size, problem.x[0]
    value, slope = log_total(network, total, states.offset[0]), slope / total
    grad_W = np.outer(x, slope[:-1, -1]) - slope[:-1, :D].T
    return HalfPosterior(value, grad_W, x - slope[-1, :D], first / total, second / total)


def _run(kernel, given, taken, first, last):
    kernel(*given, first, last, *taken)


def _rows(problem, tables):
    """For each first half state: log p(x, i, j) of all second ones (J,), and the logits of what x is not (D, J)."""
    sign = 1.0 - 2.0 * problem.x[0]
    first = tables[0].size.bit_length() - 1
    low = subset_sums(sign * problem.b, sign[:, None] * problem.W[:, first:])
    for i, h in enumerate(bits(first).T):
        wrong = low + (sign * (problem.W[:, :first] @ h))[:, None]
        yield tables[0][i] + tables[1] - np.logaddexp(0.0, wrong).sum(axis=0), wrong


def _plain_evidence(problem, tables):
    parts = np.array([_log_sum(log_p) for log_p, _ in _rows(problem, tables)])
    return _log_sum(parts)


def _log_sum(logs):
    return -np.inf if logs.max() == -np.inf else float(log_sum(logs))


def _plain_posterior(problem, tables):
    value, sign = _plain_evidence(problem, tables), 2.0 * problem.x[0] - 1.0
    second, by_row, by_low = np.zeros(tables[1].size), [], 0.0
    first = np.zeros(tables[0].size)
    for i, (log_p, wrong) in enumerate(_rows(problem, tables)):
        weight = np.exp(log_p - value)
        tail = np.exp(-np.abs(wrong))
        total, low = fold_bits(sign[:, None] * weight * np.where(wrong > 0.0, 1.0, tail) / (1.0 + tail))
        first[i], second, by_low = weight.sum(), second + weight, by_low + low
        by_row.append(total)
    grad_b, by_high = fold_bits(np.stack(by_row, axis=1))
    return HalfPosterior(value, np.concatenate([by_high, by_low], axis=1), grad_b, first, second)
