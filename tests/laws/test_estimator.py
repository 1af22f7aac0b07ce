"""The estimator laws accept score-function gradients of a three-state model and reject wrong ones by name."""

import numpy as np
import pytest

from refvi.laws import estimator as law

LOGITS = np.array([0.3, -1.1, 0.6])
PI = np.exp(LOGITS) / np.exp(LOGITS).sum()
LOG_Q = np.log(PI)
REWARD = np.array([2.0, -1.5, 0.75])
# d/dlogits sum_s pi_s r_s = pi (r - E r)
TARGET = PI * (REWARD - PI @ REWARD)


def score(s):
    return np.eye(3)[s] - PI


def reinforce(draws, baseline=0.0):
    return {"logits": sum((REWARD[s] - baseline) * score(s) for s in draws) / len(draws)}


def leave_one_out(draws):
    k = len(draws)
    total = sum(REWARD[s] for s in draws)
    return {"logits": sum((REWARD[s] - (total - REWARD[s]) / (k - 1)) * score(s) for s in draws) / k}


def own_baseline(draws):  # the baseline contains the sample itself: biased by (k - 1) / k
    mean = sum(REWARD[s] for s in draws) / len(draws)
    return {"logits": sum((REWARD[s] - mean) * score(s) for s in draws) / len(draws)}


def variance(baseline):
    second = sum(PI[s] * ((REWARD[s] - baseline) * score(s)) ** 2 for s in range(3))
    return {"logits": second - TARGET**2}


WANT = {"logits": TARGET}


def test_right_estimators_obey_every_law():
    outcomes = [
        law.expectation_is_target(reinforce, LOG_Q, 1, WANT),
        law.expectation_is_target(reinforce, LOG_Q, 3, WANT),
        law.expectation_is_target(leave_one_out, LOG_Q, 3, WANT),
        law.expectation_is_target(own_baseline, LOG_Q, 3, WANT, bias={"logits": -TARGET / 3}),
        law.variance_is_stated(reinforce, LOG_Q, 1, variance(0.0)),
        law.variance_is_stated(reinforce, LOG_Q, 2, {"logits": variance(0.0)["logits"] / 2}),
        law.variance_is_not_larger(leave_one_out, lambda d: reinforce(d, -3.0), LOG_Q, 3),
        law.baseline_keeps_expectation(reinforce, LOG_Q, 2),
        law.expectation_over_is_target(lambda s: {"logits": REWARD[s] * score(s)}, range(3), PI, WANT),
    ]
    for outcome in outcomes:
        assert outcome.holds, outcome.message
        assert outcome.message


REJECTED = [
    (
        "mean, sign",
        lambda: law.expectation_is_target(lambda d: {"logits": -reinforce(d)["logits"]}, LOG_Q, 2, WANT),
        r"E grad\.logits\[\d\]: .*ratio -1",
    ),
    (
        "mean, sum for mean",
        lambda: law.expectation_is_target(lambda d: {"logits": 2 * reinforce(d)["logits"]}, LOG_Q, 2, WANT),
        "ratio 2",
    ),
    ("mean, own baseline", lambda: law.expectation_is_target(own_baseline, LOG_Q, 3, WANT), r"ratio 0\.6666"),
    (
        "mean, first draw dropped",
        lambda: law.expectation_is_target(
            lambda d: {"logits": reinforce(d[1:])["logits"] * 0.5}, LOG_Q, 2, WANT
        ),
        r"ratio 0\.5",
    ),
    (
        "mean, one part in 10^12",
        lambda: law.expectation_is_target(
            lambda d: {"logits": reinforce(d)["logits"] * (1 + 1e-12)}, LOG_Q, 1, WANT
        ),
        "E grad",
    ),
    (
        "bias, unstated half",
        lambda: law.expectation_is_target(own_baseline, LOG_Q, 3, WANT, bias={"logits": -TARGET / 2}),
        "E grad",
    ),
    (
        "bias, sign",
        lambda: law.expectation_is_target(own_baseline, LOG_Q, 3, WANT, bias={"logits": TARGET / 3}),
        "E grad",
    ),
    (
        "bias, none",
        lambda: law.expectation_is_target(reinforce, LOG_Q, 3, WANT, bias={"logits": -TARGET / 3}),
        "E grad",
    ),
    (
        "variance, baseline",
        lambda: law.variance_is_stated(lambda d: reinforce(d, 1.0), LOG_Q, 1, variance(0.0)),
        r"variance\.logits\[",
    ),
    (
        "variance, 1/k dropped",
        lambda: law.variance_is_stated(reinforce, LOG_Q, 2, variance(0.0)),
        r"ratio 0\.5",
    ),
    (
        "variance, second moment",
        lambda: law.variance_is_stated(reinforce, LOG_Q, 1, {"logits": variance(0.0)["logits"] + TARGET**2}),
        "variance",
    ),
    (
        "comparison, swapped",
        lambda: law.variance_is_not_larger(lambda d: reinforce(d, -3.0), leave_one_out, LOG_Q, 3),
        "trace of the variance: expected at most",
    ),
    (
        "comparison, scaled",
        lambda: law.variance_is_not_larger(
            lambda d: {"logits": 2 * reinforce(d)["logits"]}, reinforce, LOG_Q, 1
        ),
        "at most",
    ),
    (
        "comparison, noisier",
        lambda: law.variance_is_not_larger(lambda d: reinforce(d[:1]), reinforce, LOG_Q, 2),
        "at most",
    ),
    (
        "baseline, not centred",
        lambda: law.baseline_keeps_expectation(
            lambda d, b: {"logits": (REWARD[d[0]] - b) * np.eye(3)[d[0]]}, LOG_Q, 1
        ),
        "with baseline",
    ),
    (
        "baseline, subtracted outside",
        lambda: law.baseline_keeps_expectation(lambda d, b: {"logits": reinforce(d)["logits"] - b}, LOG_Q, 1),
        "with baseline",
    ),
    (
        "baseline, on some draws",
        lambda: law.baseline_keeps_expectation(lambda d, b: reinforce(d, b if d[0] else 0.0), LOG_Q, 1),
        "with baseline",
    ),
    (
        "points, weights wrong",
        lambda: law.expectation_over_is_target(
            lambda s: {"logits": REWARD[s] * score(s)}, range(3), PI[::-1], WANT
        ),
        "E grad",
    ),
]


@pytest.mark.parametrize(("name", "run", "message"), REJECTED, ids=[r[0] for r in REJECTED])
def test_mutants_are_rejected_with_the_right_message(name, run, message):
    outcome = run()
    assert outcome.worst > 1.0
    with pytest.raises(AssertionError, match=message):
        outcome.raise_if_broken()
