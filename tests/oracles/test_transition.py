"""Markov chains as matrices: known chains, two routes to every number, and chains that are not what they should be."""

import math

import numpy as np
import pytest

from refvi.oracles import transition as oracle


def five_states(seed=0):
    rng = np.random.default_rng(seed)
    target, proposal = rng.uniform(0.2, 2.0, 5), rng.uniform(0.1, 1.0, (5, 5))
    return target / target.sum(), proposal / proposal.sum(1, keepdims=True)


def test_two_states_by_hand():
    """pi = (1/4, 3/4), always propose the other: 1 -> 0 is accepted with probability 1/3."""
    found = oracle.metropolis_hastings([1.0, 3.0], [[0.0, 1.0], [1.0, 0.0]])
    assert np.allclose(found, [[0.0, 1.0], [1 / 3, 2 / 3]], rtol=0, atol=4e-16)


def test_stationary_is_the_target_of_metropolis_hastings():
    for seed in range(5):
        target, proposal = five_states(seed)
        found = oracle.stationary(oracle.metropolis_hastings(target, proposal))
        assert np.abs(found / target - 1.0).max() < 1e-14


def test_stationary_of_a_birth_and_death_chain_has_relative_precision():
    """Probabilities 2^-0 ... 2^-400, up with 1/4 and down with 1/2: a solve by subtraction would lose the small ones."""
    size = 401
    p = np.diag(np.full(size - 1, 0.25), 1) + np.diag(np.full(size - 1, 0.5), -1)
    p += np.diag(1.0 - p.sum(1))
    wanted = 0.5 ** np.arange(size)
    assert np.abs(oracle.stationary(p) / (wanted / wanted.sum()) - 1.0).max() < 1e-12


def test_stationary_of_a_cycle_without_balance():
    """A chain that turns: uniform, though nothing is balanced."""
    p = np.roll(np.eye(4), 1, axis=1) * 0.9 + 0.1 * np.eye(4)
    assert np.allclose(oracle.stationary(p), 0.25, rtol=0, atol=1e-16)


def test_autocorrelation_time_is_the_sum_of_the_autocorrelations():
    target, proposal = five_states()
    p, f = oracle.metropolis_hastings(target, proposal), np.array([0.3, -1.2, 2.0, 0.7, -0.4])
    c = oracle.autocovariances(p, target, f, 400)
    answer = oracle.autocorrelation_time(p, target, f)
    assert abs(c[-1]) < 1e-16
    assert answer.value == pytest.approx(1.0 + 2.0 * math.fsum(c[1:]) / c[0], abs=1e-12)
    assert answer.error < 1e-12


def test_two_state_chain_has_geometric_autocorrelation():
    """rho_t = (1 - p - q)^t, tau = (2 - p - q) / (p + q)."""
    p, q = 0.3, 0.45
    matrix, target = np.array([[1 - p, p], [q, 1 - q]]), np.array([q, p]) / (p + q)
    c = oracle.autocovariances(matrix, target, [0.0, 1.0], 6)
    assert np.allclose(c / c[0], (1 - p - q) ** np.arange(7), rtol=0, atol=1e-15)
    assert oracle.autocorrelation_time(matrix, target, [0.0, 1.0]).value == pytest.approx(
        (2 - p - q) / (p + q), abs=1e-14
    )
    assert oracle.autoregression_time(1 - p - q) == pytest.approx((2 - p - q) / (p + q), abs=1e-15)


def test_leapfrog_matrix_keeps_volume_and_a_shadow_energy():
    """In one dimension leapfrog keeps (1 - ε²A/4) A q² + p² exactly (Neal 2011, section 5.2.3, harmonic oscillator)."""
    a, eps = 1.7, 0.6
    matrix = oracle.leapfrog_matrix([[a]], [[1.0]], eps, 7)
    assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-14)
    shadow = np.diag([a * (1 - eps * eps * a / 4), 1.0])
    assert np.allclose(matrix.T @ shadow @ matrix, shadow, rtol=0, atol=1e-13)
    flip = np.diag([1.0, -1.0])
    assert np.allclose(flip @ matrix @ flip @ matrix, np.eye(2), rtol=0, atol=1e-13)


def test_autocovariances_of_draws_are_the_sums():
    x = np.random.default_rng(3).normal(size=(2, 9))
    found = oracle.autocovariance_of_draws(x)
    for c in range(2):
        y = x[c] - x[c].mean()
        wanted = [math.fsum(y[i] * y[i + t] for i in range(9 - t)) / 9 for t in range(9)]
        assert np.allclose(found[c], wanted, rtol=0, atol=1e-15)


def test_effective_sample_size_by_hand():
    """Of one chain, rho_t = r_t - 1 / (N - 1) for t >= 1, r_t the ratio of biased autocovariances."""
    # four draws: one pair only, so tau = -1 + rho_0 = 0 and the floor decides
    assert oracle.effective_sample_size([[1.0, 2.0, 3.0, 4.0]]) == pytest.approx(4 * math.log10(4), abs=1e-14)
    # six draws in a line: r = 1, 1/2, 2/35, ...: the first pair counts, rho_2 = 2/35 - 1/5 is negative and does not
    assert oracle.effective_sample_size([np.arange(6.0)]) == pytest.approx(
        6 / (-1 + 2 * (1 + 0.3)), abs=1e-13
    )
    # eight draws: the pair (rho_2, rho_3) is negative, but rho_2 is positive and counts once
    y = np.array([4.0, 3.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0]) - 11 / 8
    rho = [1.0] + [np.dot(y[: 8 - t], y[t:]) / np.dot(y, y) - 1 / 7 for t in (1, 2, 3)]
    assert rho[2] > 0 > rho[2] + rho[3]
    assert oracle.effective_sample_size([y]) == pytest.approx(8 / (-1 + 2 * (1 + rho[1]) + rho[2]), abs=1e-13)


def test_effective_sample_size_at_the_edges():
    assert math.isnan(oracle.effective_sample_size(np.full((2, 8), 0.1)))
    stuck = np.repeat([[0.1], [0.7]], 8, axis=1)  # each chain at a place of its own: worth a draw per chain
    assert oracle.effective_sample_size(stuck) == pytest.approx(16 / (-1 + 2 * (2 + 2) + 1), abs=1e-12)
    assert oracle.r_hat(stuck) > 1e8


def test_split_and_normal_scores():
    assert oracle.split([[1.0, 2.0, 3.0, 4.0, 5.0]]).tolist() == [[1.0, 2.0], [4.0, 5.0]]
    scores = oracle.normal_scores([[3.0, 1.0], [2.0, 2.0]])
    assert scores[1, 0] == scores[1, 1] == 0.0
    assert scores[0, 0] == -scores[0, 1] > 0


def test_r_hat_by_hand():
    """W = 1, means 0 and 2, N = 3: V = 2/3 + 2."""
    assert oracle.r_hat([[-1.0, 0.0, 1.0], [1.0, 2.0, 3.0]]) == pytest.approx(math.sqrt(8 / 3), abs=1e-15)
