import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sbn_twins import states

from refvi.errors import UsageError
from refvi.fast.score_moments import leave_one_out_moments, log_q_table, score_function_moments
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=40)


def one_sample(f, scores, baseline=0.3):
    return sum((f[a] - baseline) * s for a, s in scores) / len(scores)


def leave_one_out(f, scores):
    """Each sample's baseline is the mean of the others, by its definition."""
    count, total = len(scores), 0.0
    for n, (a, score) in enumerate(scores):
        others = [f[b] for m, (b, _) in enumerate(scores) if m != n]
        total += (f[a] - sum(others) / (count - 1)) * score / count
    return total


def enumerated(estimator, f, logits, samples, k):
    """Mean and variance of entry k, by math.fsum over all tuples of states."""
    hs, q = states(len(logits)), 1 / (1 + np.exp(-logits))
    mass = [math.prod(q[m] if h[m] else 1 - q[m] for m in range(len(q))) for h in hs]
    weights, values = [], []
    for drawn in itertools.product(range(len(hs)), repeat=samples):
        weights.append(math.prod(mass[a] for a in drawn))
        values.append(estimator(f, [(a, hs[a][k] - q[k]) for a in drawn]))
    mean = math.fsum(w * v for w, v in zip(weights, values))
    return mean, math.fsum(w * (v - mean) ** 2 for w, v in zip(weights, values))


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    K, samples = draw(st.sampled_from(((1, 2), (1, 4), (2, 2), (2, 3), (3, 2))))
    return rng.normal(size=1 << K) * draw(st.sampled_from((1.0, 30.0))), rng.normal(size=K) * 2, samples


ESTIMATORS = {
    "constant baseline": (
        lambda f, logits, samples: score_function_moments(f, logits, samples, baseline=0.3),
        one_sample,
    ),
    "leave one out": (leave_one_out_moments, leave_one_out),
}


def law_is_the_enumerated_moments(subject, estimator, case):
    """Mean and variance are those over all tuples of states, to 1e-13 of the largest f (squared)."""
    f, logits, samples = case
    scale, outcomes, found = 1e-13 * (1 + np.abs(f).max()), [], subject(f, logits, samples)
    for k in range(logits.size):
        mean, variance = enumerated(estimator, f, logits, samples, k)
        outcomes.append(Outcome("moments", abs(found.mean[k] - mean) / scale, 1, "mean"))
        error = abs(found.variance[k] - variance) / (scale * (1 + np.abs(f).max()))
        outcomes.append(Outcome("moments", error, 1, "variance"))
    return combine("moments", outcomes)


@pytest.mark.parametrize("name", ESTIMATORS)
@LAW
@given(case=cases())
def test_moments_are_the_enumerated_ones(name, case):
    law_is_the_enumerated_moments(*ESTIMATORS[name], case).raise_if_broken()


def biased_baseline(f, logits, samples):
    """The mean of all samples as baseline: the sample sees itself."""
    found = leave_one_out_moments(f, logits, samples)
    shrink = (samples - 1) / samples
    return found._replace(mean=found.mean * shrink, variance=found.variance * shrink**2)


def without_pair_term(f, logits, samples):
    return score_function_moments(f - np.exp(log_q_table(logits)) @ f, logits, samples)


def second_moment_for_variance(f, logits, samples):
    found = leave_one_out_moments(f, logits, samples)
    return found._replace(variance=found.variance + found.mean**2)


@pytest.mark.parametrize(
    ("mutant", "message"),
    [(biased_baseline, "mean"), (without_pair_term, "variance"), (second_moment_for_variance, "variance")],
)
def test_law_rejects(mutant, message):
    rng = np.random.default_rng(0)
    case = rng.normal(size=4), rng.normal(size=2), 3
    found = law_is_the_enumerated_moments(mutant, leave_one_out, case)
    assert not found.holds
    assert found.message == message


def test_log_q_table_counts_like_the_other_tables():
    logits = np.array([0.3, -2.0, 40.0])
    exact = [sum(-np.logaddexp(0, -g if bit else g) for bit, g in zip(h, logits)) for h in states(3)]
    np.testing.assert_allclose(log_q_table(logits), exact, rtol=1e-14)


def test_bad_arguments_are_named():
    with pytest.raises(UsageError, match=r"f must have shape \(2\*\*K,\)"):
        score_function_moments(np.zeros(3), np.zeros(2))
    with pytest.raises(UsageError, match="samples must be at least 2, got 1"):
        leave_one_out_moments(np.zeros(4), np.zeros(2), 1)
