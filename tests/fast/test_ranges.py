import numpy as np
import pytest
from hypothesis import given, settings
from sbn_strategies import networks

from refvi.fast import plain_tables
from refvi.fast.doubling import subset_sums
from refvi.fast.ranges import CHUNK, LIMIT, Route, choose_route, chunk_ends, measure_visibles
from refvi.laws.outcome import Outcome, combine

LN2 = np.log(2.0)


def law_bounds_every_product(measure, network, high=2, low=3):
    """No |log(A + C)| exceeds half and no table entry falls below exp(-reach), in any pair of states."""
    _, W, b, _ = network
    D = b.size
    shift, half = np.zeros(D, np.int64), np.zeros(D)
    reach = measure(W, b, high, low, shift, half)
    outer = np.concatenate([W[:, :high], W[:, high + low :]], axis=1)
    log_A = subset_sums(np.zeros(D), outer) - (shift * LN2)[:, None]
    log_C = subset_sums(-b, -W[:, high : high + low]) - (shift * LN2)[:, None]
    factor = np.abs(np.logaddexp(log_A[:, :, None], log_C[:, None, :])).max(axis=(1, 2))
    slack = 1.0 + 1e-12 * (1.0 + np.abs(W).sum() + np.abs(b).sum())
    worst = np.max((factor + 1.0) / (half + slack))
    tables = (-min(log_A.min(), log_C.min()) + 1.0) / (reach + slack)
    return Outcome("ranges bound every product", max(worst, tables), D, f"factor {worst}, tables {tables}")


@settings(deadline=None, derandomize=True, max_examples=60)
@given(networks(hidden=(5, 7)))
def test_ranges_bound_every_product(network):
    law_bounds_every_product(measure_visibles, network).raise_if_broken()
    law_bounds_every_product(plain_tables.measure_visibles, network).raise_if_broken()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(networks(hidden=(5, 7)))
def test_plain_ranges_are_the_compiled_ones(network):
    _, W, b, _ = network
    found = []
    for measure in (measure_visibles, plain_tables.measure_visibles):
        shift, half = np.zeros(b.size, np.int64), np.zeros(b.size)
        found.append((measure(W, b, 2, 3, shift, half), shift, half))
    tolerance = 8 * 2.0**-53 * (1.0 + np.abs(W).sum() + np.abs(b).sum())
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


def without_bias(W, b, high, low, shift, half):
    return measure_visibles(W, 0 * b, high, low, shift, half)


def without_top_bits(W, b, high, low, shift, half):
    return measure_visibles(np.ascontiguousarray(W[:, : high + low]), b, high, low, shift, half)


def with_swapped_halves(W, b, high, low, shift, half):
    reach = measure_visibles(W, b, high, low, shift, half)
    half -= LN2
    return reach


def with_small_reach(W, b, high, low, shift, half):
    return 0.1 * measure_visibles(W, b, high, low, shift, half)


@pytest.mark.parametrize("mutant", [without_bias, without_top_bits, with_swapped_halves, with_small_reach])
def test_law_rejects(mutant):
    rng = np.random.default_rng(0)
    cases = [(None, rng.normal(size=(6, 7)) * 5, rng.normal(size=6) * 9, None) for _ in range(5)]
    found = combine("ranges", (law_bounds_every_product(mutant, case) for case in cases))
    assert not found.holds
    assert "factor" in found.message


@pytest.mark.parametrize(
    ("half", "reach", "route"),
    [
        ([LIMIT / 4 - 1, 0, 0, 0], 10, Route.NARROW),
        ([LIMIT / 4 + 1, 0, 0, 0], 10, Route.PAIR),
        ([CHUNK / 2 + 1, 0, 0, 0], 10, Route.WIDE),
        ([500, 0, 0, 0] * 9, 10, Route.WIDE),
        ([200, 200, 201, 0], 10, Route.LOG),
        ([1, 0, 0, 0], LIMIT + 1, Route.LOG),
        ([1, 0, 0, 0], np.inf, Route.LOG),
    ],
)
def test_route(half, reach, route):
    assert choose_route(np.array(half, float), reach) is route


def test_chunks_hold_no_more_than_fits():
    half = np.random.default_rng(0).uniform(0, 140, size=64)
    ends = chunk_ends(half)
    starts = [0, *ends[:-1]]
    assert ends[-1] == 64
    assert (ends % 4 == 0).all()
    assert all(half[start:end].sum() <= CHUNK for start, end in zip(starts, ends))
    assert all(half[start : end + 4].sum() > CHUNK for start, end in zip(starts[:-1], ends[:-1]))
