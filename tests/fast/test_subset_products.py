import math

import numpy as np
import pytest
from hypothesis import given, settings
from sbn_strategies import networks
from sbn_twins import (
    UNIT,
    absolute_terms,
    ball_log_evidence,
    enumerate_states,
    long_log_evidence,
    model,
    ulps,
)

from refvi.fast import log_domain, subset_products
from refvi.fast.arguments import read_problem
from refvi.fast.evidence import log_evidence, prepare_plain
from refvi.fast.subset_products import prepare
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=60)
FIELDS = ("on", "off", "residual", "residual_on")


def answers(route, given, x, threads=None):
    """Evidence, posterior sums and second moments of the first datum."""
    values = route.log_evidence(given, threads)
    return {"evidence": values, **route.posterior(given, values, threads)._asdict()}


def law_is_the_log_domain(network):
    """Every answer is that of logarithms to 16 u S for each datum; S is the largest absolute sum of a state."""
    problem = read_problem(*network)
    found = answers(subset_products, prepare(problem), problem.x)
    twin = answers(log_domain, problem, problem.x)
    tolerance = 16 * UNIT * absolute_terms(*network[1:]) * len(problem.x)
    return combine(
        "products are exponentials of sums",
        (Outcome(f, float(np.abs(found[f] - twin[f]).max()) / tolerance, 1, f) for f in found),
    )


@LAW
@given(networks(hidden=(1, 9), visible=(1, 9), scales=(0.0, 1e-3, 1.0, 8.0), batch=3))
def test_products_are_exponentials_of_sums(network):
    if prepare(read_problem(*network)) is not None:
        law_is_the_log_domain(network).raise_if_broken()


@LAW
@given(networks(scales=(0.0, 1e-3, 1.0, 30.0)))
def test_answers_are_those_of_the_enumeration(network):
    states = prepare(read_problem(*network))
    if states is None:
        return
    twin, tolerance = enumerate_states(*network), 16 * UNIT * absolute_terms(*network[1:])
    values = subset_products.log_evidence(states)
    found = subset_products.posterior(states, values)
    assert abs(values[0] - twin.log_evidence) <= tolerance
    np.testing.assert_allclose(found.on[0], twin.means, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.off[0], 1.0 - twin.means, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.residual, twin.grad_b, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.residual_on, twin.grad_W, rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        subset_products.pair_moments(states, values), twin.pairs, rtol=0, atol=tolerance
    )


# ---- the ends of the range


def largest(W, b, c, x):
    """The largest multiple of weights and biases whose products stay in range."""
    low, high = 0.0, 1e4
    for _ in range(50):
        middle = (low + high) / 2
        fits = prepare(read_problem(x, middle * W, middle * b, c)) is not None
        low, high = (middle, high) if fits else (low, middle)
    return low


def extremes():
    rng = np.random.default_rng(5)
    normal = rng.normal(size=(17, 8)), rng.normal(size=17), rng.normal(size=8)
    yield "normal", normal
    yield "positive", tuple(map(np.abs, normal))
    yield "negative", tuple(-np.abs(part) for part in normal)
    yield "opposed", (np.abs(normal[0]), -np.abs(normal[0]).sum(axis=1), normal[2])
    yield "one visible", (normal[0][:1], normal[1][:1], normal[2])
    yield "columns against rows", (normal[0] * np.repeat([9.0, -9.0], 4), normal[1], 40.0 * normal[2])


@pytest.mark.parametrize(("name", "parameters"), list(extremes()))
def test_largest_ranges(name, parameters):
    W, b, c = parameters
    x = (np.random.default_rng(6).random((3, len(b))) < 0.5) * 1.0
    scale = largest(W, b, c, x)
    assert 1.0 < scale < 1e4
    law_is_the_log_domain((x, scale * W, scale * b, c)).raise_if_broken()
    assert prepare_plain(read_problem(x, 1.001 * scale * W, 1.001 * scale * b, c))[0] is log_domain


def test_many_visibles_go_to_logarithms():
    D = subset_products.MOST_VISIBLES + 1
    problem = read_problem(np.ones(D), np.zeros((D, 2)), np.full(D, 9.0), np.zeros(2))
    assert prepare(problem) is None
    assert prepare_plain(problem)[0] is log_domain


@pytest.mark.parametrize(("K", "D", "scale"), [(9, 16, 0.3), (10, 16, 1.0), (9, 16, 3.0), (8, 64, 1.0)])
def test_evidence_is_within_two_ulps(K, D, scale):
    for seed in range(4):
        network = model(K, D, seed=seed, scale=scale)
        assert prepare(read_problem(*network)) is not None
        ball = ball_log_evidence(*network)
        assert ulps(log_evidence(*network), np.longdouble(str(ball.str(30, radius=False)))) <= 2.0


def test_small_residuals_keep_relative_accuracy():
    x, W, b, c = np.ones((1, 1)), np.full((1, 1), 1.0), np.array([60.0]), np.zeros(1)
    exact = math.exp(-60) * (1 + math.exp(-1)) / 2
    for sign in (1.0, -1.0):
        states = prepare(read_problem(x if sign > 0 else 1 - x, sign * W, sign * b, c))
        found = subset_products.posterior(states, subset_products.log_evidence(states))
        assert abs(sign * found.residual[0] / exact - 1) < 8 * UNIT * 61


# ---- blocks and threads


@pytest.mark.parametrize("seed", range(4))
def test_several_blocks_are_as_good_as_one(monkeypatch, seed):
    x, W, b, c = model(K=9, D=6, seed=seed)
    network = np.stack([x, 1 - x]), W, b, c
    whole = answers(subset_products, prepare(read_problem(*network)), network[0])
    for name, bits in (("LOW_BITS", 2), ("ROW_BITS", 1)):
        monkeypatch.setattr(subset_products, name, bits)
    monkeypatch.setattr(log_domain, "WORTH_THREADS", 4)
    monkeypatch.setattr(log_domain, "GROUPS", 8)
    problem = read_problem(*network)
    states = prepare(problem)
    assert subset_products.count_blocks(states) == 64
    found = answers(subset_products, states, network[0], threads=1)
    law_is_the_log_domain(network).raise_if_broken()
    for name, value in answers(subset_products, states, network[0], threads=3).items():
        np.testing.assert_array_equal(value, found[name])
        np.testing.assert_allclose(value, whole[name], rtol=0, atol=16 * UNIT * absolute_terms(W, b, c))
    single = prepare(problem._replace(x=problem.x[:1]))
    pairs = subset_products.pair_moments(single, found["evidence"][:1])
    exact = log_domain.pair_moments(problem._replace(x=problem.x[:1]), found["evidence"][:1])
    np.testing.assert_allclose(pairs, exact, rtol=0, atol=16 * UNIT * absolute_terms(W, b, c))


def test_many_data_are_one_after_another():
    _, W, b, c = model(K=6, D=5)
    batch = (np.random.default_rng(0).random((2 * subset_products.DATA_AT_ONCE + 1, 5)) < 0.5) * 1.0
    law_is_the_log_domain((batch, W, b, c)).raise_if_broken()
    single = [log_evidence(row, W, b, c) for row in batch]
    np.testing.assert_array_equal(log_evidence(batch, W, b, c), single)


@pytest.mark.parametrize("K", [13, 14, 15, 16])
def test_more_than_one_block_of_the_usual_size(K):
    network = model(K, D=5, bias=3.0)
    for seed in range(3):
        x, *parameters = model(K, D=5, seed=seed, bias=3.0)
        law_is_the_log_domain((np.stack([x, 1 - x]), *parameters)).raise_if_broken()
    assert ulps(log_evidence(*network), long_log_evidence(*network)) <= 2.0


# ---- mutants


def wrong_sign(monkeypatch):
    right = subset_products.choice_factors
    monkeypatch.setattr(subset_products, "choice_factors", lambda *given: right(*given[:-1], 1 - given[-1]))


def missing_factor(monkeypatch):
    right = subset_products._products
    monkeypatch.setattr(subset_products, "_products", lambda rows, columns: right(rows[1:], columns[1:]))


def dropped_subset(monkeypatch):
    right = subset_products._subsets

    def mutant(factors):
        table = right(factors)
        table[..., 0] = 0.0
        return table

    monkeypatch.setattr(subset_products, "_subsets", mutant)


def swapped_sigmoids(monkeypatch):
    right = subset_products._sigmoids
    monkeypatch.setattr(subset_products, "_sigmoids", lambda *given: right(*given)[::-1])


def columns_without_bits(monkeypatch):
    right = subset_products._by_bit

    def mutant(states, columns, rows):
        total, on, off = right(states, columns, rows)
        return total, off, on

    monkeypatch.setattr(subset_products, "_by_bit", mutant)


@pytest.mark.parametrize(
    ("mutant", "field"),
    [
        (wrong_sign, "evidence"),
        (missing_factor, "evidence"),
        (dropped_subset, "evidence"),
        (swapped_sigmoids, "residual"),
        (columns_without_bits, "on"),
    ],
)
def test_law_rejects(monkeypatch, mutant, field):
    mutant(monkeypatch)
    found = law_is_the_log_domain(model(K=4, D=6))
    assert not found.holds
    assert field in found.message
