import math

import numpy as np
from hypothesis import given, settings
from sbn_strategies import networks
from sbn_twins import UNIT, absolute_terms, enumerate_states, log_joint, model, states

from refvi.fast import log_domain
from refvi.fast.arguments import read_problem

LAW = settings(deadline=None, derandomize=True, max_examples=60)


@LAW
@given(networks())
def test_posterior_sums_are_those_of_the_enumeration(network):
    _, W, b, c = network
    twin, problem = enumerate_states(*network), read_problem(*network)
    tolerance = 8 * UNIT * absolute_terms(W, b, c)
    value = log_domain.log_evidence(problem)
    assert abs(value[0] - twin.log_evidence) <= tolerance
    found = log_domain.posterior(problem, value)
    # Each is a posterior mean of numbers below 1: an error of the log joint moves it by at most twice that.
    np.testing.assert_allclose(found.on[0], twin.means, rtol=0, atol=2 * tolerance)
    np.testing.assert_allclose(found.off[0], 1.0 - twin.means, rtol=0, atol=2 * tolerance)
    np.testing.assert_allclose(found.residual, twin.grad_b, rtol=0, atol=2 * tolerance)
    np.testing.assert_allclose(found.residual_on, twin.grad_W, rtol=0, atol=2 * tolerance)


def test_several_blocks_are_as_good_as_one(monkeypatch):
    network = model(K=7, D=3)
    problem, twin = read_problem(*network), enumerate_states(*network)
    monkeypatch.setattr(log_domain, "BLOCK", 3 * 8)
    monkeypatch.setattr(log_domain, "WORTH_THREADS", 4)
    value = log_domain.log_evidence(problem, 1)
    found = log_domain.posterior(problem, value, 1)
    tolerance = 8 * UNIT * absolute_terms(*network[1:])
    assert abs(value[0] - twin.log_evidence) <= tolerance
    np.testing.assert_allclose(found.residual_on, twin.grad_W, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.on[0], twin.means, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(log_domain.log_evidence(problem, 3), value)
    for one, other in zip(log_domain.posterior(problem, value, 3), found):
        np.testing.assert_array_equal(one, other)


def test_table_holds_every_state_at_its_number():
    network = model(K=5, D=4)
    table = log_domain.log_joint_table(read_problem(*network))
    twin = [log_joint(*network, h) for h in states(5)]
    np.testing.assert_allclose(table, [twin], rtol=0, atol=8 * UNIT * absolute_terms(*network[1:]))


def test_small_probabilities_keep_relative_accuracy():
    x, W, b, c = np.ones(1), np.full((1, 1), 1.0), np.array([60.0]), np.zeros(1)
    problem = read_problem(x, W, b, c)
    found = log_domain.posterior(problem, log_domain.log_evidence(problem))
    exact = math.exp(-60) * (1 + math.exp(-1)) / 2
    assert abs(found.residual[0] / exact - 1) < 8 * UNIT * 61
