import math

import numpy as np
import pytest
from sbn_twins import UNIT, model

from refvi.fast import plain_tables, tables, wide_tables
from refvi.fast.layout import LANES
from refvi.laws.outcome import Outcome, combine

HIGH, LOW, TOP, D = 3, 8, 2, 5
SHIFT = np.array([3, -2, 0, 7, 1, 0, 0, 0], np.int64)


both = pytest.mark.parametrize("where", [tables, plain_tables], ids=["compiled", "plain"])


def bits(count, n):
    return (np.arange(count)[:, None] >> np.arange(n)) & 1


@pytest.fixture
def network():
    return model(K=HIGH + LOW + TOP, D=D, scale=1.5)


@both
@pytest.mark.parametrize("state", range(1 << TOP))
def test_high_table(network, state, where):
    W = network[1]
    A = where.top_table(W, HIGH, LOW, SHIFT, state)
    logits = bits(1 << HIGH, HIGH) @ W[:, :HIGH].T + W[:, HIGH + LOW :] @ bits(4, 2)[state]
    np.testing.assert_allclose(A[:, :D], np.exp(logits) * 2.0 ** -SHIFT[:D], rtol=40 * UNIT, atol=0)
    np.testing.assert_array_equal(A[:, D:], 0.0)
    assert A.ctypes.data % 64 == 0


@both
def test_low_table_is_tiled(network, where):
    W, b = network[1:3]
    C = where.tile_table(W, b, HIGH, LOW, SHIFT)
    logits = bits(1 << LOW, LOW) @ W[:, HIGH : HIGH + LOW].T + b
    tiles = C.reshape(-1, 8, LANES).transpose(0, 2, 1).reshape(-1, 8)
    np.testing.assert_allclose(tiles[:, :D], np.exp(-logits) * 2.0 ** -SHIFT[:D], rtol=60 * UNIT, atol=0)
    np.testing.assert_array_equal(tiles[:, D:], 1.0)


def log_factors(x, W, c):
    high, low, top = W[:, :HIGH], W[:, HIGH : HIGH + LOW], W[:, HIGH + LOW :]
    return c + np.concatenate([x @ high, (x - 1) @ low, x @ top])


@both
@pytest.mark.parametrize("seed", range(3))
def test_state_factors_are_scaled_to_one(seed, where):
    x, W, b, c = model(K=HIGH + LOW + TOP, D=D, seed=seed)
    S, T, R, offset = (a[0] for a in where.data_tables(x[None], W, b, c, HIGH, LOW))
    s = log_factors(x, W, c)
    assert [S.max(), T.max(), R.max()] == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(np.log(S / S[0]), bits(1 << HIGH, HIGH) @ s[:HIGH], atol=60 * UNIT, rtol=0)
    np.testing.assert_allclose(np.log(T / T[0]), bits(1 << LOW, LOW) @ s[HIGH:-TOP], atol=200 * UNIT, rtol=0)
    np.testing.assert_allclose(np.log(R / R[0]), bits(1 << TOP, TOP) @ s[-TOP:], atol=60 * UNIT, rtol=0)
    exact = math.fsum([*((x - 1) * b), *np.maximum(s, 0), *(-np.logaddexp(0, c))])
    assert abs(offset.sum() - exact) < 8 * UNIT * (np.abs(s).sum() + np.abs(b).sum() + np.abs(c).sum())


@pytest.mark.parametrize("scale", [0.5, 300.0])
def test_wide_factors_are_mantissas_and_exponents(scale):
    x, W, b, c = model(K=HIGH + LOW + TOP, D=D, scale=scale)
    mantissas, exponents, offset = wide_tables.wide_data_tables(x[None], W, b, c, HIGH, LOW)
    s = log_factors(x, W, c)
    for m, e, part in zip(mantissas, exponents, (s[:HIGH], s[HIGH:-TOP], s[-TOP:])):
        exact = bits(m.shape[1], part.size) @ part
        tolerance = 8 * UNIT * (np.abs(W).sum() + np.abs(c).sum())
        np.testing.assert_allclose(np.log(m[0]) + e[0] * math.log(2.0), exact, atol=tolerance, rtol=0)
        assert m.min() > 0.7 ** len(part)
        assert m.max() < 1.42 ** len(part)
    assert abs(offset[0].sum() - math.fsum([*((x - 1) * b), *(-np.logaddexp(0, c))])) < 60 * UNIT


def test_log_factor_is_compensated():
    """1e16 and its negative leave a small remainder, which a plain sum loses."""
    W = np.array([[1e16], [1.0], [-1e16]])
    value, rest = tables.log_factor(np.ones(3), W, np.zeros(1), 0, False)
    assert value + rest == 1.0


def test_choices_are_compensated():
    """1e16 and its negative leave a small remainder, which a plain sum loses"""
    x, W, b, c = np.ones((1, 3)), np.array([[1e16], [1.0], [-1e16]]), np.zeros(3), np.zeros(1)
    for less, s in ((np.zeros((3, 2)), 1.0), (np.array([[0, 0], [1, 0], [0, 0]]), 0.0)):
        choices, (left,) = plain_tables.choice_factors(x, W, b, c, less)
        assert abs(choices[0, 0, 0] / math.exp(-s) - 1) <= 2 * UNIT
        np.testing.assert_array_equal([choices[0, 0, 1], *choices[0, 1]], 1.0)
        assert abs(math.fsum(left) - (s - math.log(2.0))) <= 2 * UNIT


def law_tables_are_the_compiled_ones(network, where=plain_tables):
    """Every entry of every table to 40 u of its logarithm, tables of the largest ranges included."""
    x, W, b, c = network
    log_u = 40 * UNIT * (1.0 + np.abs(W).sum(axis=1).max() + np.abs(b).max())
    log_s = 40 * UNIT * (1.0 + np.abs(W).sum() + np.abs(c).sum() + np.abs(b).sum())
    found = []
    for make in (where, tables):
        made = make.tile_table(W, b, HIGH, LOW, SHIFT), make.top_table(W, HIGH, LOW, SHIFT, 2)
        found.append((*made, *make.data_tables(x[None], W, b, c, HIGH, LOW)))
    rows = []
    for name, ours, theirs in zip("CASTR", *found):
        close = log_u if name in "CA" else log_s
        rows.append(
            Outcome(name, float((np.abs(ours - theirs) / np.maximum(close * theirs, 1e-300)).max()), 1, name)
        )
    offsets = abs(found[0][-1].sum() - found[1][-1].sum()) / log_s
    return combine("plain tables are the compiled ones", [*rows, Outcome("offset", offsets, 1, "offset")])


@pytest.mark.parametrize(("scale", "bias"), [(0.0, 0.0), (1e-3, 1.0), (1.5, 0.5), (15.0, 100.0)])
def test_plain_tables_are_the_compiled_ones(scale, bias):
    law_tables_are_the_compiled_ones(model(HIGH + LOW + TOP, D, scale=scale, bias=bias)).raise_if_broken()


class Mutant:
    """The plain tables with one of them wrong."""

    def __init__(self, **wrong):
        self.wrong = wrong

    def __getattr__(self, name):
        return self.wrong.get(name, getattr(plain_tables, name))


def without_one_bit(W, *rest):
    W = W.copy()
    W[:, HIGH] = 0.0
    return plain_tables.tile_table(W, *rest)


MUTANTS = {
    "C": Mutant(tile_table=lambda W, b, *rest: plain_tables.tile_table(W, -b, *rest)),
    "a bit of C": Mutant(tile_table=without_one_bit),
    "A": Mutant(top_table=lambda *given: plain_tables.top_table(*given[:-1], 0)),
    "S": Mutant(data_tables=lambda x, *rest: plain_tables.data_tables(1 - x, *rest)),
    "offset": Mutant(data_tables=lambda x, W, b, *rest: plain_tables.data_tables(x, W, 0 * b, *rest)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_law_rejects(mutant):
    found = law_tables_are_the_compiled_ones(model(HIGH + LOW + TOP, D), MUTANTS[mutant])
    assert not found.holds
    assert found.worst > 1e6
