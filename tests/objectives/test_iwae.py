"""Bounds of log weights: rows of the registry, wrong bounds that they reject, edges."""

import math

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.objectives import elbo, iwae
from refvi.registry import iwae as rows

BOUNDS = [row for row in rows.EVIDENCE if row.subject.startswith("objectives.")]


@pytest.mark.parametrize("row", BOUNDS, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    row.run(False, "python").raise_if_broken()  # other targets: tests/registry/test_evidence.py


def sum_not_mean(w, grad):
    return right_iwae(w, grad) + math.log(len(w))


def negative(w, grad):
    value = right_iwae(w, grad)
    grad *= -1.0
    return -value


def mean_of_logs_with_weights(w, grad):
    """sum_k w~_k log w_k: above the bound by KL(w~ || uniform)."""
    right_iwae(w, grad)
    return float(grad @ w)


def uniform_gradient(w, grad):
    value = right_iwae(w, grad)
    grad[:] = 1.0 / len(w)
    return value


def half_gradient(w, grad):
    value = right_iwae(w, grad)
    grad *= 0.5
    return value


right_iwae = iwae.iwae


@pytest.mark.parametrize(
    "wrong", [sum_not_mean, negative, mean_of_logs_with_weights, uniform_gradient, half_gradient]
)
def test_wrong_importance_weighted_bounds_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(iwae, "iwae", wrong)
    outcome = rows.check_bound("iwae")
    assert not outcome.holds
    assert "iwae" in outcome.message
    assert not rows.check_rows("iwae").holds


@pytest.mark.parametrize("wrong", [sum_not_mean, negative, mean_of_logs_with_weights])
def test_the_integral_rejects_them_too(monkeypatch, wrong):
    monkeypatch.setattr(iwae, "iwae", wrong)
    outcome = rows.check_monotone()
    assert not outcome.holds
    assert "E iwae" in outcome.message


def test_one_sample_is_the_log_weight_and_the_gradient_is_one():
    grad = np.zeros(1)
    assert iwae.iwae(np.array([-3.25]), grad) == -3.25
    assert grad[0] == 1.0


def test_absent_samples_count_in_the_mean():
    found = iwae.bound([[0.5, -math.inf, -math.inf, -math.inf]])
    assert found.bound[0] == 0.5 - math.log(4.0)
    assert found.grad_log_weights[0].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_all_samples_absent():
    found = iwae.bound([[-math.inf, -math.inf]])
    assert found.bound[0] == -math.inf
    assert np.isnan(found.grad_log_weights).all()


@pytest.mark.parametrize("shift", [-1e5, 1e5])
def test_no_overflow_and_no_lost_sample(shift):
    found = iwae.bound([[shift, shift, shift + 1.0]])
    wanted = shift + math.log((2.0 + math.e) / 3.0)
    assert abs(found.bound[0] - wanted) <= 8 * 2.0**-53 * abs(shift)


def test_nan_speaks():
    assert math.isnan(iwae.bound([[0.0, math.nan]]).bound[0])
    assert math.isnan(elbo.bound([[0.0, math.nan]]).bound[0])


@pytest.mark.parametrize(
    ("log_weights", "sentence"),
    [
        ([0.0, 1.0], r"log_weights must have shape \(N, K\), got \(2,\)"),
        (np.zeros((2, 0)), "number of samples K must be an integer of at least 1, got 0"),
        ([["a"]], "log_weights must be an array of real numbers, got list"),
    ],
)
def test_arguments_are_refused_in_one_sentence(log_weights, sentence):
    for bound in (iwae.bound, elbo.bound):
        with pytest.raises(UsageError, match=sentence):
            bound(log_weights)


def test_an_unknown_target_is_refused():
    with pytest.raises(UsageError, match="target must be one of 'python', 'cpu', 'cuda', got 'gpu'"):
        iwae.bound([[0.0]], "gpu")
