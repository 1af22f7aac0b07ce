"""Normal kernels where other routes are known: scipy, extreme scales, solves, reparameterised samples."""

import math

import numpy as np
import pytest
from scipy import stats

from refvi.kernels import normal, normal_full
from refvi.laws import family
from refvi.oracles.trees import ravel

UNIT = 2.0**-53


def test_normal_log_density_is_scipys():
    rng = np.random.default_rng(0)
    for x, mean, log_std in rng.normal(size=(50, 3)):
        std = math.exp(log_std)
        size = 1.0 + abs(log_std) + 0.5 * ((x - mean) / std) ** 2
        found = normal.normal_log_density(x, mean, std)
        assert abs(found - stats.norm.logpdf(x, mean, std)) <= 8 * UNIT * size


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((0.5, 0.5, 2.0**-20), 20 * math.log(2.0) - 0.5 * math.log(2.0 * math.pi)),
        ((3.0, 1.0, math.inf), -math.inf),
        ((math.inf, 0.0, 1.0), -math.inf),
    ],
)
def test_normal_log_density_at_the_edges(arguments, wanted):
    assert normal.normal_log_density(*arguments) == pytest.approx(wanted, rel=8 * UNIT)


def test_nan_stays_nan():
    assert math.isnan(normal.normal_log_density(math.nan, 0.0, 1.0))
    assert math.isnan(normal.kl_normal_standard(np.array([0.5, math.nan]), np.zeros(2)))


def test_huge_log_variances_do_not_raise():
    mean, log_var = np.array([1.0]), np.array([2000.0])
    assert normal.kl_normal_standard(mean, log_var) == math.inf
    assert normal.kl_normal_standard(mean, -log_var) == 0.5 * (1.0 - 1.0 + 2000.0)


def test_divergences_vanish_where_the_distributions_agree():
    rng = np.random.default_rng(1)
    mean, log_var = rng.normal(size=(2, 4))
    factor = np.tril(rng.normal(size=(4, 4)), -1) + np.diag(rng.uniform(0.5, 2.0, 4))
    grads = [np.ones(4) for _ in range(4)]
    assert normal.kl_diagonal_normals_grad(mean, log_var, mean, log_var, *grads) == 0.0
    assert not any(np.any(g) for g in grads)
    # log P_ii - log Q_ii cancels exactly; the trace is 4 to rounding, the factor's condition allowed for
    found = normal_full.kl_full_normals(mean, factor, mean, factor, np.zeros(20))
    assert abs(found) <= 8 * UNIT * 4 * np.linalg.cond(factor)


def test_the_full_divergence_of_diagonal_factors_is_the_diagonal_one():
    rng = np.random.default_rng(2)
    mean_q, log_var_q, mean_p, log_var_p = rng.normal(size=(4, 3))
    factors = [np.diag(np.exp(0.5 * v)) for v in (log_var_q, log_var_p)]
    wanted = normal.kl_diagonal_normals(mean_q, log_var_q, mean_p, log_var_p)
    found = normal_full.kl_full_normals(mean_q, factors[0], mean_p, factors[1], np.zeros(12))
    assert abs(found - wanted) <= 16 * UNIT * (wanted + 6.0)


def test_full_gradients_are_zero_above_the_diagonal_and_entries_there_are_not_read():
    rng = np.random.default_rng(3)
    mean_q, mean_p = rng.normal(size=(2, 3))
    factors = [np.tril(rng.normal(size=(3, 3)), -1) + 2.0 * np.eye(3) for _ in range(2)]
    dirty = [f + np.triu(np.full((3, 3), math.nan), 1) for f in factors]
    results = []
    for q, p in (factors, dirty):
        grads = [np.ones(3), np.ones(9), np.ones(3), np.ones(9)]
        value = normal_full.kl_full_normals_grad(mean_q, q, mean_p, p, *grads, np.zeros(21))
        results.append(np.concatenate([[value], *grads]))
    assert np.array_equal(*results)
    upper = np.triu_indices(3, 1)
    assert not np.any(results[0][4:13].reshape(3, 3)[upper])
    assert not np.any(results[0][16:25].reshape(3, 3)[upper])


@pytest.mark.parametrize("transposed", [False, True])
def test_solves_undo_products(transposed):
    rng = np.random.default_rng(4)
    factor = np.tril(rng.normal(size=(4, 4)), -1) + np.diag(rng.uniform(1.0, 2.0, 4))
    wanted = rng.normal(size=(4, 2))
    right = ((factor.T if transposed else factor) @ wanted).ravel()
    solve = normal_full.solve_lower_transposed if transposed else normal_full.solve_lower
    solve(factor, right, 2)
    size = 16 * UNIT * np.linalg.cond(factor) * np.abs(wanted).max() * 4
    assert np.abs(right.reshape(4, 2) - wanted).max() <= size


# ---- reparameterised samples


def sample(parameters, noise):
    z = np.zeros(len(noise))
    normal.diagonal_normal_sample(parameters["mean"], parameters["log_var"], noise, z)
    return z


def pullback(parameters, noise, cotangent):
    grads = {name: np.zeros(len(noise)) for name in parameters}
    normal.diagonal_normal_sample_back(
        cotangent, parameters["log_var"], noise, grads["mean"], grads["log_var"]
    )
    return grads


NOISE, COTANGENT = np.array([0.375, -1.25, 0.625]), np.array([1.5, -0.75, 0.25])
POINT = {"mean": np.array([0.5, -0.25, 2.0]), "log_var": np.array([-0.75, 0.875, 0.125])}


def test_the_path_derivative():
    family.pullback_is_derivative(sample, pullback, POINT, NOISE, COTANGENT).raise_if_broken()


@pytest.mark.parametrize(
    ("mutant", "where"),
    [
        (lambda g: {"mean": -g["mean"], "log_var": g["log_var"]}, r"grad_phi\.mean"),
        (lambda g: {"mean": g["mean"], "log_var": 2.0 * g["log_var"]}, r"grad_phi\.log_var.*ratio 2"),
        (lambda g: {"mean": g["mean"], "log_var": np.zeros(3)}, r"grad_phi\.log_var"),
    ],
    ids=["sign", "missing half", "detached"],
)
def test_wrong_path_derivatives_are_rejected(mutant, where):
    def wrong(parameters, noise, cotangent):
        return mutant(pullback(parameters, noise, cotangent))

    outcome = family.pullback_is_derivative(sample, wrong, POINT, NOISE, COTANGENT)
    with pytest.raises(AssertionError, match=where):
        outcome.raise_if_broken()


def test_backward_kernels_add():
    once = ravel(pullback(POINT, NOISE, COTANGENT))[0]
    grads = [np.ones(3), np.ones(3)]
    normal.diagonal_normal_sample_back(COTANGENT, POINT["log_var"], NOISE, *grads)
    assert np.array_equal(np.concatenate(grads), 1.0 + once)
