import numpy as np
import pytest
from hypothesis import given, settings
from sbn_strategies import networks
from sbn_twins import UNIT, absolute_terms, enumerate_states, model

from refvi.fast import layout, multiplicative_posterior
from refvi.fast.arguments import read_problem
from refvi.fast.evidence import log_evidence
from refvi.fast.gradient import posterior_means
from refvi.fast.network import prepare
from refvi.fast.pairs import posterior_pair_moments
from refvi.fast.ranges import Route
from refvi.laws.outcome import Outcome

LAW = settings(deadline=None, derandomize=True, max_examples=40)


def law_are_enumerated_moments(subject, network):
    """Second moments are those of math.fsum over all states, to 16 u S."""
    error = np.abs(subject(*network) - enumerate_states(*network).pairs).max()
    return Outcome("second moments", float(error) / (16 * UNIT * absolute_terms(*network[1:])), 1, "pairs")


@LAW
@given(networks())
def test_moments_are_the_enumerated_ones(network):
    law_are_enumerated_moments(posterior_pair_moments, network).raise_if_broken()


MUTANTS = {
    "covariance": lambda m: m - np.outer(np.diag(m), np.diag(m)),
    "independent": lambda m: np.outer(np.diag(m), np.diag(m)),
    "diagonal squared": lambda m: m - np.diag(np.diag(m) - np.diag(m) ** 2),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_law_rejects(mutant):
    found = law_are_enumerated_moments(
        lambda *network: MUTANTS[mutant](posterior_pair_moments(*network)), model(K=4, D=3)
    )
    assert not found.holds
    assert found.message == "pairs"


@pytest.mark.parametrize("route", [Route.NARROW, Route.PAIR, Route.WIDE])
@pytest.mark.parametrize("table_bits", [22, 8])
def test_compiled_moments(monkeypatch, route, table_bits):
    """K = 16 with small tables has two top bits; second moments of single states by restricting a unit."""
    monkeypatch.setattr(layout, "TABLE_BITS", table_bits)
    x, W, b, c = model(K=16 if table_bits == 8 else 10, D=5)
    problem = read_problem(x, W, b, c)
    network = prepare(problem)._replace(route=route)
    found = multiplicative_posterior.pair_moments(network, problem.x, 1)
    tolerance = 16 * UNIT * absolute_terms(W, b, c)
    np.testing.assert_allclose(found, posterior_pair_moments(x, W, b, c), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(multiplicative_posterior.pair_moments(network, problem.x, 2), found)


@pytest.mark.parametrize(("K", "D", "scale"), [(7, 3, 1.0), (16, 17, 0.7), (16, 17, 8.0)])
def test_moments_by_clamping_a_unit(K, D, scale):
    """p(h_k = 1) E[h_m | h_k = 1]: the model without unit k, its weights moved into the biases."""
    x, W, b, c = model(K, D, scale=scale)
    k, rest = 2, [m for m in range(K) if m != 2]
    clamped = W[:, rest], b + W[:, k], c[rest]
    log_p = log_evidence(x, *clamped) - np.logaddexp(0, -c[k]) - log_evidence(x, W, b, c)
    found = posterior_pair_moments(x, W, b, c)
    tolerance = 16 * UNIT * absolute_terms(W, b, c)
    np.testing.assert_allclose(found[k, k], np.exp(log_p), rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        found[k, rest], np.exp(log_p) * posterior_means(x, *clamped), rtol=0, atol=tolerance
    )
    np.testing.assert_allclose(found.diagonal(), posterior_means(x, W, b, c), rtol=0, atol=tolerance)


def test_batch_is_one_after_another():
    x, W, b, c = model(K=5, D=4)
    batch = np.stack([x, 1 - x])
    exact = [posterior_pair_moments(row, W, b, c) for row in batch]
    np.testing.assert_array_equal(posterior_pair_moments(batch, W, b, c), exact)
