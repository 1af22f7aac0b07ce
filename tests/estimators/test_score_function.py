"""Score-function estimators: exact means and variances, wrong estimators that the laws reject, baselines."""

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.estimators import finite, score_function
from refvi.models.parameters import flat
from refvi.registry import iwae as rows

ESTIMATORS = [row for row in rows.EVIDENCE if row.subject.startswith("estimators.")]


@pytest.mark.parametrize("row", ESTIMATORS, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    row.run(False, "python").raise_if_broken()  # other targets: tests/registry/test_evidence.py


RIGHT = {name: getattr(score_function, name) for name in rows.ESTIMATORS}


def wrong(name, change):
    def estimator(log_weights, baseline, weights_p, weights_q):
        value = RIGHT[name](log_weights, baseline, weights_p, weights_q)
        change(log_weights, weights_p, weights_q)
        return value

    return estimator


def flip(w, p, q):
    q *= -1.0


def sum_not_mean(w, p, q):
    q *= len(w)


def own_sample_in_the_baseline(w, p, q):
    q[:] = (w - w.mean()) / len(w)


def model_term_missing(w, p, q):
    p[:] = 0.0


def without_the_weights(w, p, q):
    q += p


def weights_not_normalised(w, p, q):
    p[:] = np.exp(w) / len(w)


MUTANTS = [
    ("score_function", flip, "grad_phi"),
    ("score_function", sum_not_mean, "grad_phi"),
    ("score_function", model_term_missing, "grad_theta"),
    ("leave_one_out", flip, "grad_phi"),
    ("leave_one_out", own_sample_in_the_baseline, "grad_phi"),
    ("leave_one_out", model_term_missing, "grad_theta"),
    ("iwae_score_function", flip, "grad_phi"),
    ("iwae_score_function", without_the_weights, "grad_phi"),
    ("iwae_score_function", weights_not_normalised, "grad_theta"),
]


@pytest.mark.parametrize(("name", "change", "words"), MUTANTS)
def test_wrong_means_are_rejected_by_name(monkeypatch, name, change, words):
    monkeypatch.setattr(score_function, name, wrong(name, change))
    outcome = rows.check_mean(name)
    assert not outcome.holds
    assert words in outcome.message
    assert name in outcome.message


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, change) for name, change, _ in MUTANTS if change is not flip and change is not model_term_missing]
    + [("score_function", without_the_weights)],
)
def test_wrong_variances_are_rejected_by_name(monkeypatch, name, change):
    monkeypatch.setattr(score_function, name, wrong(name, change))
    outcome = rows.check_variance(name)
    assert not outcome.holds
    assert outcome.message.startswith(f"variance of {name}.")


def test_a_baseline_that_sees_its_own_sample_shrinks_the_gradient():
    """The factor (K - 1)/K is exact: the mean of K independent scores times the own term."""
    tables, theta, phi = rows._model(0)
    right = finite.moments(score_function.leave_one_out, tables, theta, phi, 3)
    biased = finite.moments(wrong("leave_one_out", own_sample_in_the_baseline), tables, theta, phi, 3)
    ratio = flat(biased.grad_phi) / np.where(flat(right.grad_phi) == 0.0, 1.0, flat(right.grad_phi))
    seen = flat(right.grad_phi) != 0.0
    assert seen.sum() >= 6
    assert np.allclose(ratio[seen], 2.0 / 3.0, rtol=1e-12, atol=0.0)


def test_a_good_baseline_lowers_the_variance_and_a_bad_one_raises_it():
    tables, theta, phi = rows._model(0)
    mean = float(np.exp(tables.log_q) @ (tables.log_p - tables.log_q))

    def trace(baseline):
        found = finite.moments(score_function.score_function, tables, theta, phi, 2, baseline)
        return float(flat(found.variance_phi).sum())

    assert trace(mean) < trace(0.0) < trace(-10.0 * mean)


def test_variance_falls_like_one_over_k():
    tables, theta, phi = rows._model(1)
    one, four = (
        flat(finite.moments(score_function.score_function, tables, theta, phi, k, -1.0).variance_phi)
        for k in (1, 4)
    )
    assert np.allclose(four, one / 4.0, rtol=1e-12, atol=1e-15)


def test_too_many_tuples_are_refused():
    tables, theta, phi = rows._model(0)
    with pytest.raises(UsageError, match=r"states \*\* samples must be at most 2\^24"):
        finite.moments(score_function.score_function, tables, theta, phi, 13)
    with pytest.raises(UsageError, match="samples must be an integer of at least 1, got 0"):
        finite.moments(score_function.score_function, tables, theta, phi, 0)
