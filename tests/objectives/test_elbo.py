"""The sampled ELBO: wrong means that the laws reject, and its place below the importance-weighted bound."""

import math

import numpy as np
import pytest

from refvi.objectives import elbo, iwae
from refvi.registry import iwae as rows

right = elbo.elbo


def total(w, grad):
    value = right(w, grad) * len(w)
    grad[:] = 1.0
    return value


def negative(w, grad):
    value = right(w, grad)
    grad *= -1.0
    return -value


def without_the_last(w, grad):
    value = right(w[:-1], grad[:-1]) if len(w) > 1 else right(w, grad)
    grad[-1] = 0.0
    return value


@pytest.mark.parametrize("wrong", [total, negative, without_the_last])
def test_wrong_means_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(elbo, "elbo", wrong)
    outcome = rows.check_bound("elbo")
    assert not outcome.holds
    assert "elbo" in outcome.message
    outcome = rows.check_rows("elbo")
    assert not outcome.holds
    assert "elbo" in outcome.message


def test_the_mean_of_logarithms_is_below_the_logarithm_of_the_mean():
    table = np.random.default_rng(0).normal(size=(100, 5)) * 3.0
    low, high = elbo.bound(table).bound, iwae.bound(table).bound
    assert np.all(low < high)


def test_one_impossible_sample_makes_it_minus_infinity():
    assert elbo.bound([[0.0, -math.inf]]).bound[0] == -math.inf
