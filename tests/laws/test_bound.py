"""The bound laws accept the importance-weighted bound and reject what people wrote instead."""

import math

import numpy as np
import pytest

from refvi.laws import bound as law

LOG_W = np.array([0.5, -1.25, 2.0, -0.375])
Q = np.array([0.1, 0.4, 0.3, 0.2])
POINT = np.array([0.3, -1.7, 2.1])


def iwae(log_w):
    top = max(log_w)
    return top + math.log(sum(math.exp(v - top) for v in log_w)) - math.log(len(log_w))


def weights(log_w):
    top = max(log_w)
    w = np.exp(np.asarray(log_w) - top)
    return w / w.sum()


def no_log_k(log_w):
    return iwae(log_w) + math.log(len(log_w))


def negative(log_w):
    return -iwae(log_w)


def weighted_sum(
    log_w,
):  # the value that a popular package reports: above the bound by KL(weights || uniform)
    return float(weights(log_w) @ log_w)


def mean_of_logs(log_w):
    return float(np.mean(log_w))


def first_only(log_w):
    return float(log_w[0])


def clipped(log_w):
    return iwae(np.minimum(log_w, 1.0))


def test_the_importance_weighted_bound_obeys_every_law():
    outcomes = [
        *(law.below_evidence(iwae, LOG_W, Q, k) for k in (1, 2, 4)),
        law.monotone_in_k(iwae, LOG_W, Q, (1, 2, 3, 5)),
        law.one_sample_is_elbo(iwae, LOG_W, Q),
        law.expectation_is_integral(iwae, LOG_W, Q, 4),
        law.shift(iwae, POINT),
        law.permutation(iwae, POINT, weights),
        law.gradient_sums_to_one(weights, POINT),
        law.tight_at_posterior(iwae, -3.7, 5),
    ]
    for outcome in outcomes:
        assert outcome.holds, outcome.message
        assert outcome.message


REJECTED = [
    (
        "below evidence, log K dropped",
        lambda: law.below_evidence(no_log_k, LOG_W, Q, 3),
        "E bound with k=3: expected at most",
    ),
    (
        "below evidence, sign",
        lambda: law.below_evidence(negative, LOG_W - 9.0, Q, 2),
        "E bound with k=2: expected at most",
    ),
    (
        "below evidence, weighted sum",
        lambda: law.below_evidence(weighted_sum, LOG_W, Q, 6),
        "expected at most",
    ),
    (
        "upper side, a lower bound",
        lambda: law.below_evidence(iwae, LOG_W, Q, 2, side="upper"),
        "log evidence against",
    ),
    ("monotone, sign", lambda: law.monotone_in_k(negative, LOG_W, Q, (1, 2)), "below that with k=2"),
    (
        "monotone, log K twice",
        lambda: law.monotone_in_k(lambda w: iwae(w) - math.log(len(w)), LOG_W, Q, (1, 2, 3)),
        "k=",
    ),
    (
        "monotone, normalised twice",
        lambda: law.monotone_in_k(lambda w: iwae(w) / len(w), LOG_W, Q, (1, 2, 3)),
        "k=",
    ),
    (
        "one sample, sign",
        lambda: law.one_sample_is_elbo(negative, LOG_W, Q),
        r"bound of one log weight\[\d\]: .*ratio -1",
    ),
    (
        "one sample, constant",
        lambda: law.one_sample_is_elbo(lambda w: iwae(w) - 0.919, LOG_W, Q),
        "one log weight",
    ),
    ("one sample, factor", lambda: law.one_sample_is_elbo(lambda w: 0.5 * iwae(w), LOG_W, Q), r"ratio 0\.5"),
    (
        "integral, mean of logs",
        lambda: law.expectation_is_integral(mean_of_logs, LOG_W, Q, 3),
        "E bound with k=3: expected",
    ),
    (
        "integral, one sample used",
        lambda: law.expectation_is_integral(first_only, LOG_W, Q, 3),
        "E bound with k=3",
    ),
    (
        "integral, log K dropped",
        lambda: law.expectation_is_integral(no_log_k, LOG_W, Q, 3),
        "E bound with k=3",
    ),
    ("shift, clipped", lambda: law.shift(clipped, POINT), r"bound of log weights \+"),
    ("shift, sign", lambda: law.shift(negative, POINT), r"bound of log weights \+ 700: "),
    (
        "shift, no max subtracted",
        lambda: law.shift(lambda w: float(np.mean(np.exp(w))), POINT, constants=(1.0,)),
        "log weights",
    ),
    ("permutation, first sample", lambda: law.permutation(first_only, POINT), "bound of permuted samples"),
    (
        "permutation, weighted",
        lambda: law.permutation(lambda w: iwae(w * np.arange(1, 4)), POINT),
        "permuted samples",
    ),
    (
        "permutation, gradient in the wrong order",
        lambda: law.permutation(iwae, POINT, lambda w: np.sort(weights(w))),
        r"grad_log_weights of permuted samples\[",
    ),
    (
        "sum, sign",
        lambda: law.gradient_sums_to_one(lambda w: -weights(w), POINT),
        "sum of grad_log_weights: expected 1, actual -1",
    ),
    ("sum, 1/K", lambda: law.gradient_sums_to_one(lambda w: weights(w) / 3, POINT), r"ratio 0\.333"),
    (
        "sum, own weight left out",
        lambda: law.gradient_sums_to_one(lambda w: weights(w)[:-1], POINT),
        "sum of",
    ),
    (
        "tight, log K",
        lambda: law.tight_at_posterior(no_log_k, -3.7, 5),
        "bound of 5 equal log weights: expected",
    ),
    (
        "tight, constant",
        lambda: law.tight_at_posterior(lambda w: iwae(w) + 0.919, -3.7, 2),
        "equal log weights",
    ),
    ("tight, factor", lambda: law.tight_at_posterior(lambda w: 0.5 * iwae(w), -3.7, 2), r"ratio 0\.5"),
]


@pytest.mark.parametrize(("name", "run", "message"), REJECTED, ids=[r[0] for r in REJECTED])
def test_mutants_are_rejected_with_the_right_message(name, run, message):
    outcome = run()
    assert outcome.worst > 1.0
    with pytest.raises(AssertionError, match=message):
        outcome.raise_if_broken()


def test_states_out_of_reach_and_impossible_weights():
    log_w = np.array([*LOG_W, 40.0])
    assert law.below_evidence(iwae, log_w, [*Q, 0.0], 2).holds
    impossible = np.array([0.5, -math.inf, 1.0, 0.2])
    with np.errstate(invalid="ignore"):
        outcome = law.below_evidence(lambda w: iwae(w) if max(w) > -math.inf else -math.inf, impossible, Q, 2)
    assert outcome.holds
    with pytest.raises(ValueError, match="side must be"):
        law.below_evidence(iwae, LOG_W, Q, 2, side="above")


def test_gap_is_a_divergence():
    states = np.arange(3)[:, None]
    joint = np.log([0.2, 0.05, 0.1])
    q = np.array([0.5, 0.2, 0.3])
    elbo = float(q @ (joint - np.log(q)))

    def judge(value):
        return law.gap_is_divergence(value, lambda s: joint[s[0]], lambda s: math.log(q[s[0]]), states)

    assert judge(elbo).holds
    for wrong in (-elbo, float(q @ joint), 0.5 * elbo):
        outcome = judge(wrong)
        assert not outcome.holds
        assert outcome.message.startswith("log evidence - elbo: expected 0.")


def test_limits_at_a_rate():
    points = (1e-1, 1e-2, 1e-3, 1e-4)
    right = law.limit_in(lambda eps: math.expm1(eps) / eps, 1.0, points, law="limit")
    assert right.holds, right.message
    for wrong in (lambda e: 2.0, lambda e: math.sqrt(e) + 1.0, lambda e: 1.001 + e):
        outcome = law.limit_in(wrong, 1.0, points, law="limit")
        assert outcome.worst > 1.0
        assert "to its limit" in outcome.message
