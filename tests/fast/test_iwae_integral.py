import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refvi.errors import UsageError
from refvi.fast.iwae_integral import iwae_bound, iwae_gap
from refvi.laws.outcome import Outcome

LAW = settings(deadline=None, derandomize=True, max_examples=60)


def enumerated(log_weights, log_q, samples):
    """E log of the mean weight, by math.fsum over all tuples."""
    terms = []
    for states in itertools.product(range(len(log_q)), repeat=samples):
        logs = [log_weights[s] for s in states]
        peak = max(logs)
        value = peak + math.log(math.fsum(math.exp(v - peak) for v in logs) / samples)
        terms.append(math.exp(math.fsum(log_q[s] for s in states)) * value)
    return math.fsum(terms)


@st.composite
def finite_models(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 4))
    log_weights = rng.normal(size=count) * draw(st.sampled_from((0.0, 1e-3, 1.0, 30.0, 300.0)))
    log_q = np.log(rng.dirichlet(np.full(count, draw(st.sampled_from((0.3, 1.0, 10.0))))))
    return log_weights, log_q, draw(st.integers(1, 4))


def law_is_the_enumerated_bound(subject, model):
    """The integral is the sum over tuples, to 1e-13 of the spread of the log weights: the rule's own error."""
    log_weights, _, samples = model
    tolerance = 1e-13 * (1.0 + np.abs(log_weights).max())
    error = abs(subject(*model) - enumerated(*model))
    return Outcome("bound is the enumerated one", error / tolerance, 1, f"{samples} samples")


@LAW
@given(finite_models())
def test_integral_is_the_sum_over_tuples(model):
    law_is_the_enumerated_bound(iwae_bound, model).raise_if_broken()


MUTANTS = {
    "one sample more": lambda w, q, k: iwae_bound(w, q, k + 1),
    "gap of the wrong sign": lambda w, q, k: iwae_bound(w, q, k) + 2 * iwae_gap(w, q, k),
    "sum for mean": lambda w, q, k: iwae_bound(w, q, k) + math.log(k),
    "q not heeded": lambda w, q, k: iwae_bound(w, np.full(len(q), -math.log(len(q))), k),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_law_rejects(mutant):
    model = np.array([0.3, -1.0, 2.0]), np.log([0.2, 0.5, 0.3]), 3
    found = law_is_the_enumerated_bound(MUTANTS[mutant], model)
    assert found.worst > 1e6
    assert found.message == "3 samples"


def test_one_sample_is_the_elbo():
    rng = np.random.default_rng(0)
    log_weights, q = rng.normal(size=1000) * 5, rng.dirichlet(np.ones(1000))
    assert abs(iwae_bound(log_weights, np.log(q), 1) - q @ log_weights) < 1e-13 * np.abs(log_weights).max()


def test_gap_closes_like_the_variance_over_two_k():
    """k gap -> Var(w) / (2 E[w]^2), with a relative error of order 1/k, down to an absolute error of 1e-14."""
    rng = np.random.default_rng(0)
    log_weights, q = rng.normal(size=50), rng.dirichlet(np.ones(50))
    w = np.exp(log_weights)
    half_variance = (q @ w**2 / (q @ w) ** 2 - 1) / 2
    for samples in (10**2, 10**4, 10**6, 10**9):
        error = abs(iwae_gap(log_weights, np.log(q), samples) - half_variance / samples)
        assert error < 20 * half_variance / samples**2 + 1e-14


def test_gap_falls_with_every_sample():
    rng = np.random.default_rng(1)
    log_weights, log_q = rng.normal(size=20) * 3, np.log(rng.dirichlet(np.ones(20)))
    gaps = [iwae_gap(log_weights, log_q, k) for k in (1, 2, 3, 5, 8, 100, 1000)]
    assert all(a > b > 0 for a, b in itertools.pairwise(gaps))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0], [0.0], 1), "one shape"),
        (([0.0, 1.0], [-1.0, -1.0], 1), "must sum to 1"),
        (([0.0, np.inf], np.log([0.5, 0.5]), 1), "finite where q is positive"),
        (([0.0], [0.0], 0), "samples must be at least 1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        iwae_bound(*arguments)


def test_states_that_q_never_visits_do_not_count():
    log_weights, q = np.array([0.5, -np.inf, 1.0]), np.array([0.25, 0.0, 0.75])
    with np.errstate(divide="ignore"):
        found = iwae_bound(log_weights, np.log(q), 2)
    assert abs(found - enumerated(log_weights[::2], np.log(q[::2]), 2)) < 1e-13
