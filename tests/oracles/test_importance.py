"""The integral of the importance-weighted bound against sums over all tuples, limits and derivatives."""

import math

import numpy as np
import pytest

from refvi.oracles import differences, enumeration, importance

LOG_W = np.array([0.69, 1.64, 0.66, -2.6])
Q = np.array([0.1, 0.4, 0.2, 0.3])


def bound(log_w):
    return lambda draws: enumeration.log_sum_exp([log_w[s] for s in draws]) - math.log(len(draws))


def normalised(draws):
    total = enumeration.log_sum_exp([LOG_W[s] for s in draws])
    return sum(math.exp(LOG_W[s] - total) * np.eye(4)[s] for s in draws)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_integral_is_the_sum_over_all_tuples(k):
    found = importance.iwae_bound(LOG_W, Q, k)
    exact = enumeration.expectation_over_tuples(bound(LOG_W), np.log(Q), k)
    assert abs(found.value - exact.value) <= found.error + 8 * 2**-53 * exact.magnitude
    assert found.error < 1e-14


@pytest.mark.parametrize("log_w", [[0.0, -800.0, -3.0], [700.0, 650.0, -900.0], [1.5, 1.5, 1.5]])
def test_weights_far_apart_and_equal(log_w):
    q = np.array([0.5, 0.2, 0.3])
    for k in (1, 3):
        exact = enumeration.expectation_over_tuples(bound(log_w), np.log(q), k)
        found = importance.iwae_bound(log_w, q, k)
        assert abs(found.value - exact.value) <= found.error + 8 * 2**-53 * exact.magnitude


def test_the_gap_to_the_log_evidence_falls_like_one_over_k():
    mean = float(Q @ np.exp(LOG_W))
    variance = float(Q @ np.exp(LOG_W) ** 2) - mean**2
    for k in (10**4, 10**6):
        gap = math.log(mean) - importance.iwae_bound(LOG_W, Q, k).value
        assert gap * k == pytest.approx(variance / (2 * mean**2), rel=20.0 / k + 1e-14 * k)


def test_gradient_in_the_log_weights():
    for k in (1, 2, 4):
        found = importance.grad_log_weights(LOG_W, Q, k)
        exact = enumeration.expectation_over_tuples(normalised, np.log(Q), k)
        assert np.all(np.abs(found.value - exact.value) <= found.error + 8 * 2**-53)
        assert abs(found.value.sum() - 1.0) < 1e-14
    by_differences = differences.gradient(lambda w: importance.iwae_bound(w, Q, 1000).value, LOG_W)
    found = importance.grad_log_weights(LOG_W, Q, 1000)
    assert np.all(np.abs(found.value - by_differences.value) <= 4 * by_differences.error)


def test_what_multiplies_the_scores():
    logits = np.array([0.3, -0.2, 0.9, 0.1])

    def softmax(x):
        return np.exp(x) / np.exp(x).sum()

    for k in (1, 5, 100):
        by_differences = differences.gradient(
            lambda x, k=k: importance.iwae_bound(LOG_W, softmax(x), k).value, logits
        )
        q = softmax(logits)
        found = importance.score_weights(LOG_W, q, k)
        assert abs(q @ found.value) < 1e-13
        assert np.all(np.abs(q * found.value - by_differences.value) <= 4 * by_differences.error)


def test_states_that_q_does_not_reach_do_not_matter_and_impossible_ones_do():
    wide = importance.iwae_bound([*LOG_W, 50.0], [*Q, 0.0], 3)
    assert wide.value == importance.iwae_bound(LOG_W, Q, 3).value
    assert importance.grad_log_weights([*LOG_W, 50.0], [*Q, 0.0], 3).value[4] == 0.0
    assert importance.iwae_bound([0.0, -math.inf], [0.5, 0.5], 3).value == -math.inf
    with pytest.raises(ValueError, match="sum to one"):
        importance.iwae_bound(LOG_W, 2 * Q, 3)


def test_nodes_of_a_quadrature_rule_stand_for_a_continuous_q():
    from refvi.oracles.quadrature import normal_nodes

    # q = N(0, s²), p = N(0, 1): E_q[log p / q] at k = 1 is -KL(q || p).
    scale = 0.8
    nodes, weights = normal_nodes(0.0, scale**2, 40)
    log_w = [0.5 * (z / scale) ** 2 - 0.5 * z * z + math.log(scale) for (z,) in nodes]
    exact = -0.5 * (scale**2 - 1 - 2 * math.log(scale))
    assert importance.iwae_bound(log_w, weights, 1).value == pytest.approx(exact, abs=1e-13)
    values = [importance.iwae_bound(log_w, weights, k).value for k in (1, 2, 8, 64)]
    assert values == sorted(values)
    assert values[-1] < 0.0
