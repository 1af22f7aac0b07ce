import math

import numpy as np
import pytest
from estimator_twins import plain_tables
from hypothesis import given, settings
from hypothesis import strategies as st
from sbn_strategies import networks
from sbn_twins import UNIT, absolute_terms, model

from refvi.fast.counted_samples import count_pieces, fold_values, spread_ratios, tabulate
from refvi.fast.sample_tables import prepare
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=40)


def prepared(case):
    K = case[4].size
    return prepare(*case, K // 2, K - K // 2, False)[0]


def states_of(K):
    return [[s >> k & 1 for k in range(K)] for s in range(1 << K)]


def residuals(case):
    """x_d - sigmoid(l_d) of every state, (2^K, D), by the plain model."""
    return plain_tables(*case).grad_log_p[:, -case[2].size :]


def law_tables_are_the_plain_ones(subject, case, counts):
    """f of every state to 24 u times the absolute terms; residuals by half state to as much, times the counts."""
    x, W, b, c, logits = case
    K, high = c.size, c.size // 2
    found, *rows = subject(prepared(case), counts, (1 << high, 1 << (K - high)))
    tables, terms = plain_tables(*case), absolute_terms(W, b, c) + np.abs(logits).sum() + 1.0
    error = np.abs(found - (tables.log_p - tables.log_q)).max()
    outcomes = [Outcome("tables", error / (24 * UNIT * terms), 1, "f")]
    wanted = np.array(residuals(case)) * (2 * x - 1) * counts[:, None]
    halves = [s & ((1 << high) - 1) for s in range(1 << K)], [s >> high for s in range(1 << K)]
    for name, row, half in zip(("high", "low"), rows, halves):
        sums = np.array(
            [[math.fsum(column[np.equal(half, i)]) for column in wanted.T] for i in range(len(row))]
        )
        allowed = 24 * UNIT * terms * counts.sum()
        outcomes.append(Outcome("tables", np.abs(row[:, : x.size] - sums).max() / allowed, 1, name))
    return combine("tables are the plain ones", outcomes)


def fast_tables(model, counts, sizes):
    rows = [np.empty((size, model[1])) for size in sizes]
    spread_ratios(model[2], model[3], counts, *rows)
    return tabulate(model), *rows


@st.composite
def cases(draw):
    """Networks of all ranges whose factors go by ratio."""
    x, W, b, c = draw(networks(hidden=(1, 6), visible=(1, 17), scales=(0.0, 1.0, 5.0, 20.0)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=c.size) * draw(st.sampled_from((0.0, 1.0, 30.0)))
    return (x, W, b, c, logits), rng.integers(0, 5, 1 << c.size) + (np.arange(1 << c.size) == 0)


@LAW
@given(given=cases())
def test_tables_are_the_plain_ones(given):
    if prepared(given[0])[0]:
        law_tables_are_the_plain_ones(fast_tables, *given).raise_if_broken()


def residual_of_the_other_value(model, counts, sizes):
    f, high, low = fast_tables(model, counts, sizes)
    return f, counts.sum() - high, low


def counts_forgotten(model, counts, sizes):
    return fast_tables(model, np.minimum(counts, 1), sizes)


def last_visible_missing(model, counts, sizes):
    by_ratio, visibles, A, C, *logs = model
    return fast_tables(
        (by_ratio, visibles, A, np.where(np.arange(visibles) == 3, 1.0, C), *logs), counts, sizes
    )


def halves_exchanged(model, counts, sizes):
    f, high, low = fast_tables(model, counts, sizes)
    return f, low[: len(high)], high


@pytest.mark.parametrize(
    "mutant", [residual_of_the_other_value, counts_forgotten, last_visible_missing, halves_exchanged]
)
def test_law_rejects(mutant):
    case = *model(K=4, D=4), np.array([0.3, -0.2, 0.8, 0.1])
    counts = np.arange(16) % 5
    law_tables_are_the_plain_ones(fast_tables, case, counts).raise_if_broken()
    assert not law_tables_are_the_plain_ones(mutant, case, counts).holds


def test_folding_sums_by_bit():
    values, out = np.random.default_rng(0).normal(size=64), np.empty(7)
    wanted = [math.fsum(v for v, h in zip(values, states_of(6)) if h[k]) for k in range(6)] + [
        math.fsum(values)
    ]
    fold_values(values.copy(), 6, out)
    np.testing.assert_allclose(out, wanted, rtol=0, atol=64 * UNIT * np.abs(values).sum())


@pytest.mark.parametrize("group", [2, 8, 128])
def test_pieces_count_states_and_add_groups(group):
    """Against loops over groups; the last piece is a short one."""
    rng = np.random.default_rng(group)
    f, states = rng.normal(size=32), rng.integers(0, 32, 640)
    counts, by_group = np.zeros(32, np.int64), np.zeros((4, 6))
    nothing = np.empty(0, np.uint64)
    plan = 2, 3, (nothing, nothing), np.uint64(0), np.uint64(0), group, 0.0
    count_pieces(plan, states, f, 640, 256, 0, 3, counts, by_group)
    assert counts.tolist() == np.bincount(states, minlength=32).tolist()
    wanted = np.zeros((4, 6))
    for start in range(0, 640, group):
        own = states[start : start + group]
        numbers = [sum(s >> k & 1 for s in own) for k in range(5)] + [group]
        wanted[start // 256] += math.fsum(f[own]) * np.array(numbers)
    np.testing.assert_allclose(by_group, wanted, rtol=0, atol=1000 * UNIT * np.abs(f).sum() * group)
