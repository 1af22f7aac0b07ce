"""Posterior sums by the compiled routes against the log-domain route, which is held to the enumeration."""

import numpy as np
import pytest
from hypothesis import given, settings
from sbn_strategies import networks, scaled_until
from sbn_twins import UNIT, absolute_terms, model

from refvi.fast import layout, log_domain, multiplicative_posterior
from refvi.fast.arguments import read_problem
from refvi.fast.network import prepare
from refvi.fast.ranges import Route
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=30)
ROUTES = [Route.NARROW, Route.PAIR, Route.WIDE]


def routes(network):
    """The network on every route that its ranges allow."""
    if network.route is not Route.LOG:
        for route in ROUTES[ROUTES.index(network.route) :]:
            yield network._replace(route=route)


def law_agrees_with_logarithms(subject, problem):
    """Evidence, means and residuals of a compiled route are those of the log-domain route, to 16 B u S."""
    values = log_domain.log_evidence(problem)
    twin = log_domain.posterior(problem, values)
    tolerance = 16 * len(problem.x) * UNIT * absolute_terms(*problem[1:])
    outcomes = [Outcome("posterior sums", 0.0, 1)]
    for network in routes(prepare(problem)):
        found = subject(network, problem.x, 1)
        pairs = zip(("log_evidence", *twin._fields), (found[0], *found[1]), (values, *twin))
        for name, got, exact in pairs:
            error = float(np.abs(got - exact).max()) / tolerance
            outcomes.append(Outcome("posterior sums", error, got.size, f"{name} on {network.route}"))
    return combine("posterior sums", outcomes)


@LAW
@given(networks(hidden=(10, 11), batch=1))
def test_one_datum(network):
    law_agrees_with_logarithms(multiplicative_posterior.posterior, read_problem(*network)).raise_if_broken()


@LAW
@given(networks(hidden=(10, 11), batch=3))
def test_many_data(network):
    law_agrees_with_logarithms(multiplicative_posterior.posterior, read_problem(*network)).raise_if_broken()


def dropped_high_bit(network, x, threads):
    values, found = multiplicative_posterior.posterior(network, x, threads)
    found.residual_on[:, 0] = 0.0
    return values, found


def residual_of_the_wrong_sign(network, x, threads):
    values, found = multiplicative_posterior.posterior(network, x, threads)
    return values, found._replace(residual=-found.residual)


def sigmoid_without_weight(network, x, threads):
    values, found = multiplicative_posterior.posterior(network, x, threads)
    return values, found._replace(residual_on=found.residual_on * found.on.sum(axis=0))


def means_of_the_prior(network, x, threads):
    values, found = multiplicative_posterior.posterior(network, x, threads)
    return values, found._replace(on=np.broadcast_to(1 / (1 + np.exp(-network.c)), found.on.shape))


@pytest.mark.parametrize(
    ("mutant", "field"),
    [
        (dropped_high_bit, "residual_on"),
        (residual_of_the_wrong_sign, "residual"),
        (sigmoid_without_weight, "residual_on"),
        (means_of_the_prior, "on"),
    ],
)
def test_law_rejects(mutant, field):
    x, W, b, c = model(K=10, D=5)
    found = law_agrees_with_logarithms(mutant, read_problem(np.stack([x, 1 - x]), W, b, c))
    assert not found.holds
    assert found.message.startswith(f"{field} on Route")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("data", [1, 4])
def test_at_the_edge_of_its_range_a_route_is_right(route, data):
    _, W, b, c = scaled_until(route)
    x = (np.random.default_rng(0).random((data, b.size)) < 0.5) * 1.0
    problem = read_problem(x, W, b, c)
    assert prepare(problem).route is route
    law_agrees_with_logarithms(multiplicative_posterior.posterior, problem).raise_if_broken()


@pytest.mark.parametrize("data", [1, 2])
def test_top_bits(monkeypatch, data):
    x, W, b, c = model(K=16, D=6)
    monkeypatch.setattr(layout, "TABLE_BITS", 8)
    problem = read_problem(np.stack([x, 1 - x])[:data], W, b, c)
    assert layout.split_bits(16, 6).top == 2
    law_agrees_with_logarithms(multiplicative_posterior.posterior, problem).raise_if_broken()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("data", [1, 5])
def test_marginals_are_those_of_the_posterior(monkeypatch, route, data):
    _, W, b, c = model(K=11, D=6)
    problem = read_problem((np.random.default_rng(1).random((data, 6)) < 0.5) * 1.0, W, b, c)
    network = prepare(problem)._replace(route=route)
    values, found = multiplicative_posterior.posterior(network, problem.x)
    monkeypatch.setattr("refvi.fast.network.DATA_AT_ONCE", 2)
    parts = multiplicative_posterior.marginals(network, problem.x)
    tolerance = 8 * UNIT * absolute_terms(W, b, c)
    np.testing.assert_allclose(parts[0], values, rtol=0, atol=tolerance)
    np.testing.assert_allclose(parts[1], found.on, rtol=0, atol=tolerance)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("data", [1, 2])
def test_bits_do_not_depend_on_threads(monkeypatch, route, data):
    x, W, b, c = model(K=14, D=9)
    problem = read_problem(np.stack([x, 1 - x])[:data], W, b, c)
    network = prepare(problem)._replace(route=route)
    monkeypatch.setattr(layout, "FACTORS_PER_GROUP", 1 << 15)
    one = multiplicative_posterior.posterior(network, problem.x, 1)
    for threads in (2, None):
        other = multiplicative_posterior.posterior(network, problem.x, threads)
        for left, right in zip((one[0], *one[1]), (other[0], *other[1])):
            np.testing.assert_array_equal(left, right)
