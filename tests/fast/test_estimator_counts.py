import numpy as np
import pytest
from estimator_twins import PLAIN, plain_estimate
from hypothesis import given, settings
from hypothesis import strategies as st
from sbn_strategies import networks
from sbn_twins import UNIT, absolute_terms, model

from refvi.errors import UsageError
from refvi.fast.estimator_counts import draw_counts, elbo_gradient_from_counts, estimator_table
from refvi.fast.estimator_samples import elbo_gradient_samples
from refvi.fast.score_moments import leave_one_out_moments
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=40)
FIELDS = ("value", "grad_W", "grad_b", "grad_c", "grad_logits")


def law_is_the_plain_estimate(subject, case, drawn, estimator):
    """The estimate from counts is the plain one from the samples that were counted, to (16 + S) u times the terms."""
    wanted = plain_estimate(case, drawn, estimator, 0.3, len(drawn))
    counts = np.bincount(drawn, minlength=1 << case[4].size)
    found = subject(estimator_table(*case), counts, estimator, baseline=0.3)
    tolerance = (16 + len(drawn)) * UNIT * (absolute_terms(*case[1:4]) + np.abs(case[4]).sum() + 1.0)
    return combine(
        "estimate is the plain one",
        (
            Outcome("estimate", float(np.abs(getattr(found, name) - want).max()) / tolerance, 1, name)
            for name, want in zip(FIELDS, wanted)
        ),
    )


@st.composite
def cases(draw):
    x, W, b, c = draw(networks(hidden=(1, 5), visible=(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=c.size) * draw(st.sampled_from((0.0, 1.0, 30.0)))
    return (x, W, b, c, logits), rng.integers(0, 1 << c.size, draw(st.integers(2, 60)))


@pytest.mark.parametrize("estimator", PLAIN)
@LAW
@given(given=cases())
def test_estimate_is_the_plain_one(estimator, given):
    law_is_the_plain_estimate(elbo_gradient_from_counts, *given, estimator).raise_if_broken()


def baseline_of_all_samples(table, counts, estimator, **options):
    found = elbo_gradient_from_counts(table, counts, estimator, **options)
    return found._replace(grad_logits=found.grad_logits * (counts.sum() - 1) / counts.sum())


def counts_not_shared(table, counts, estimator, **options):
    found = elbo_gradient_from_counts(table, counts, estimator, **options)
    return found._replace(grad_b=found.grad_b * counts.sum())


def states_visited_once(table, counts, estimator, **options):
    return elbo_gradient_from_counts(table, np.minimum(counts, 1) * (counts.sum()), estimator, **options)


@pytest.mark.parametrize("mutant", [baseline_of_all_samples, counts_not_shared, states_visited_once])
def test_law_rejects(mutant):
    case = *model(K=3, D=4), np.array([0.3, -0.2, 0.8])
    assert not law_is_the_plain_estimate(mutant, case, np.array([1, 5, 2, 2, 0, 7]), "leave_one_out").holds


def test_counts_and_estimates_have_the_exact_moments():
    """20 000 estimates of 50 samples against the exact mean: a false alarm at six standard errors has 1e-8, and the
    seed is fixed."""
    case = *model(K=3, D=4), np.array([0.3, -0.2, 0.8])
    table, trials = estimator_table(*case), 20000
    counts = [draw_counts(table, 50, seed=5, replicate=r) for r in range(trials)]
    assert {n.sum() for n in counts} == {50}
    means = np.mean(counts, axis=0)
    q = np.exp(table.log_q)
    assert (np.abs(means - 50 * q) <= 6 * np.sqrt(50 * q * (1 - q) / trials)).all()
    exact = leave_one_out_moments(table.f, table.logits, 50)
    some = [elbo_gradient_from_counts(table, n, "leave_one_out").grad_logits for n in counts[:2000]]
    assert (np.abs(np.mean(some, axis=0) - exact.mean) <= 6 * np.sqrt(exact.variance / 2000)).all()


@pytest.mark.parametrize(
    ("counts", "estimator", "message"),
    [
        ([1, 2], "score_function", r"counts must have shape \(S,\) with S = 4"),
        ([1, -1, 2, 0], "score_function", "counts must be whole numbers"),
        ([1, 0.5, 2, 0], "score_function", "counts must be whole numbers"),
        (np.array([1, -1, 2, 0]), "score_function", "counts must be whole numbers"),
        ([0, 1, 0, 0], "leave_one_out", "counts must sum to at least 2"),
        ([0, 1, 0, 0], "reinforce", "estimator must be one of"),
    ],
)
def test_bad_arguments_are_named(counts, estimator, message):
    table = estimator_table(*model(K=2, D=3), np.zeros(2))
    with pytest.raises(UsageError, match=message):
        elbo_gradient_from_counts(table, counts, estimator)


@pytest.mark.parametrize("call", [draw_counts, elbo_gradient_from_counts])
def test_what_is_no_table_is_named(call):
    with pytest.raises(UsageError, match=r"table must come from estimator_table\(.*\), got NoneType"):
        call(None, [1, 2])


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        (np.nan, "baseline must be finite, got nan$"),
        ("a", "baseline must be an array of real numbers, got str 'a'"),
        ([1, 2], r"baseline must have shape \(\), got \(2,\)"),
    ],
)
def test_a_bad_baseline_is_named(baseline, message):
    given = *model(K=2, D=3), np.zeros(2)
    with pytest.raises(UsageError, match=message):
        elbo_gradient_from_counts(estimator_table(*given), np.ones(4), baseline=baseline)
    with pytest.raises(UsageError, match=message):
        elbo_gradient_samples(*given, 10, baseline=baseline)
