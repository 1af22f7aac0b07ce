"""The compiled routes, on models small enough for balls; each also where a faster one would do."""

import numpy as np
import pytest
from hypothesis import given, settings
from sbn_strategies import networks, scaled_until
from sbn_twins import UNIT, absolute_terms, ball_log_evidence, long_log_evidence, model, ulps

from refvi.fast import layout, multiplicative
from refvi.fast.arguments import read_problem
from refvi.fast.evidence import log_evidence
from refvi.fast.network import prepare
from refvi.fast.ranges import Route
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=40)
SLOWER = {
    Route.NARROW: list(Route)[:3],
    Route.PAIR: list(Route)[1:3],
    Route.WIDE: [Route.WIDE],
    Route.LOG: [],
}


def by_route(network, route=None, threads=1):
    problem = read_problem(*network)
    ready = prepare(problem)
    return multiplicative.log_evidence(ready._replace(route=route or ready.route), problem.x, threads)


def law_encloses(subject, network):
    """Every route that the ranges allow gives a value in the ball, widened by 8 u S."""
    x, W, b, c = network
    ball = ball_log_evidence(x, W, b, c)
    tolerance = float(ball.rad()) + 8 * UNIT * absolute_terms(W, b, c)
    outcomes = [Outcome("evidence lies in the ball", 0.0, 1)]
    for route in SLOWER[prepare(read_problem(*network)).route]:
        for batch in (x, np.stack([x, 1 - x])):
            got = subject((batch, W, b, c), route)[0]
            error = abs(got - float(ball.mid())) / tolerance
            outcomes.append(Outcome("evidence lies in the ball", error, 1, f"{route}: got {got!r}, {ball}"))
    return combine("evidence lies in the ball", outcomes)


@LAW
@given(networks(hidden=(10, 11), visible=(1, 9)))
def test_every_route_lies_in_the_ball(network):
    law_encloses(by_route, network).raise_if_broken()


MUTANTS = {
    "low bits without bias": lambda x, W, b, c: (x, W, np.where(x == 1, b, 0), c),
    "last hidden bias dropped": lambda x, W, b, c: (x, W, b, np.where(np.arange(c.size) == c.size - 1, 0, c)),
    "weights of the wrong sign": lambda x, W, b, c: (x, np.where(np.eye(*W.shape), -W, W), b, c),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_law_rejects(mutant):
    def subject(network, route):
        x, W, b, c = network
        W, b, c = MUTANTS[mutant](x if x.ndim == 1 else x[0], W, b, c)[1:]
        return by_route((x, W, b, c), route)

    found = combine(mutant, (law_encloses(subject, model(K=10, D=5, seed=s)) for s in range(3)))
    assert not found.holds
    assert "Route." in found.message


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 30.0])
@pytest.mark.parametrize(("K", "D"), [(11, 3), (12, 30), (13, 8), (12, 1)])
def test_error_is_below_two_units_in_the_last_place(K, D, scale):
    network = model(K, D, seed=K, scale=scale)
    exact = long_log_evidence(*network)
    for route in SLOWER[prepare(read_problem(*network)).route]:
        assert ulps(by_route(network, route)[0], exact) <= 2.0


def test_top_bits(monkeypatch):
    """Tables too small for all bits: the rest is walked through one state at a time."""
    network = model(K=16, D=6, scale=1.2)
    exact = long_log_evidence(*network)
    monkeypatch.setattr(layout, "TABLE_BITS", 8)
    assert layout.split_bits(16, 6).top == 2
    for route in SLOWER[Route.NARROW]:
        assert ulps(by_route(network, route)[0], exact) <= 2.0


@pytest.mark.parametrize("route", SLOWER[Route.NARROW])
@pytest.mark.parametrize("data", [1, 3])
def test_bits_do_not_depend_on_threads(route, data):
    _, W, b, c = model(K=14, D=9)
    batch = (np.random.default_rng(1).random((data, 9)) < 0.5) * 1.0
    one = by_route((batch, W, b, c), route, threads=1)
    np.testing.assert_array_equal(by_route((batch, W, b, c), route, threads=2), one)
    np.testing.assert_array_equal(by_route((batch, W, b, c), route, threads=None), one)


def test_more_data_than_fit_at_once(monkeypatch):
    _, W, b, c = model(K=10, D=4)
    batch = (np.random.default_rng(1).random((7, 4)) < 0.5) * 1.0
    whole = by_route((batch, W, b, c))
    monkeypatch.setattr("refvi.fast.network.DATA_AT_ONCE", 3)
    np.testing.assert_allclose(by_route((batch, W, b, c)), whole, rtol=4 * UNIT)


def test_public_function_takes_the_compiled_route(monkeypatch):
    network = model(K=16, D=16)
    monkeypatch.setattr("refvi.fast.log_domain.log_evidence", None)
    assert log_evidence(*network) == by_route(network)[0]


def test_public_function_falls_back_to_logarithms():
    network = model(K=16, D=16, scale=800.0)
    exact = long_log_evidence(*network)
    assert abs(log_evidence(*network) - float(exact)) <= 8 * UNIT * absolute_terms(*network[1:])


@pytest.mark.parametrize("route", SLOWER[Route.NARROW])
def test_at_the_edge_of_its_range_a_route_is_right(route):
    """For every datum: the states that matter lie anywhere between the smallest and the largest product."""
    _, W, b, c = network = scaled_until(route)
    assert prepare(read_problem(*network)).route is route
    for seed in range(6):
        x = (np.random.default_rng(seed).random(b.size) < 0.5) * 1.0
        law_encloses(by_route, (x, W, b, c)).raise_if_broken()
