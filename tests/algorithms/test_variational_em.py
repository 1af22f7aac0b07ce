"""Variational EM: bounds and gaps against enumeration, gradients as derivatives, no step that lowers the ELBO."""

import math

import numpy as np
import pytest

from refvi.algorithms import categorical_per_datum, em, mean_field_chain, variational_em
from refvi.errors import UsageError
from refvi.laws import bound as bound_law
from refvi.laws import em as em_law
from refvi.laws import gradient as gradient_law
from refvi.laws.compare import Tolerance, compare, rounding
from refvi.models import hidden_markov, mixture
from refvi.oracles import differences
from refvi.oracles import latent_models as oracle
from refvi.registry import latent_cases as cases
from refvi.registry import variational_em as rows
from refvi.registry.variational_em import chain, tables_of

SIZE = 1e3
KINDS = cases.KINDS


@pytest.mark.parametrize("row", rows.EVIDENCE, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    for target in row.targets:
        if target != "cuda":
            row.run(True, target).raise_if_broken()


def test_every_entry_has_a_row_or_is_exercised_by_one():
    through = {"algorithms.svi", "algorithms.amortised"}  # loops over what the rows check
    assert {e.name for e in rows.ENTRIES} - through == {r.subject for r in rows.EVIDENCE}


def test_wrong_bounds_are_rejected():
    theta, data, logits = chain("categorical")
    for n, value in enumerate(mean_field_chain.elbo(theta, logits, data)):
        paths, log_joint, log_q = tables_of(theta, data, logits, n)
        entropy = -math.fsum(math.exp(log_q(z)) * log_q(z) for z in paths)
        for wrong in (-value, 0.5 * value, value - entropy):
            with pytest.raises(AssertionError, match=r"the gap is KL.*log evidence - elbo: expected"):
                bound_law.gap_is_divergence(wrong, log_joint, log_q, paths).raise_if_broken()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_the_logits(kind):
    """Differences once, then the right gradient and wrong ones against them."""
    theta, flat = cases.hidden_markov(kind), cases.mixture(kind)
    data = hidden_markov.sequences([cases.data(kind, count) for count in (3, 1)])
    at = np.random.default_rng(2).normal(size=(4, 3))
    for family, parameters, given in (
        (mean_field_chain, theta, data),
        (categorical_per_datum, flat, data.x),
    ):
        value = lambda a, f=family, p=parameters, g=given: math.fsum(f.elbo(p, a, g))
        by_differences = differences.gradient(value, at, magnitude=SIZE)
        tolerance = Tolerance(4 * by_differences.error, "4 times the error estimate of the differences")
        right, q = family.grad_elbo(parameters, at, given), oracle.softmax(at)
        outcome = compare("gradient", by_differences.value, right, tolerance, "grad_logits")
        assert outcome.holds, outcome.message
        assert tolerance.size.max() < 1e-6
        for wrong, words in ((-right, "ratio -1"), (2 * right, "ratio 2"), (right + q, "expected")):
            with pytest.raises(AssertionError, match=rf"grad_logits\[.*{words}"):
                compare("gradient", by_differences.value, wrong, tolerance, "grad_logits").raise_if_broken()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_theta(kind):
    theta = cases.hidden_markov(kind)
    data, logits = (
        hidden_markov.sequences([cases.data(kind, 4)]),
        np.random.default_rng(2).normal(size=(4, 3)),
    )
    statistics = mean_field_chain.expect(theta, logits, data)
    outcome = gradient_law.gradient_is_derivative(
        lambda t: math.fsum(mean_field_chain.elbo(t, logits, data)),
        lambda t: hidden_markov.grad_q(t, statistics),
        theta,
        wrt=["initial_logits", "transition_logits", "emission"],
        magnitude=SIZE,
    )
    assert outcome.holds, outcome.message
    paths_q = hidden_markov.expect(theta, data)[1]  # the exact pairs in place of products of marginals
    wrong = gradient_law.gradient_is_derivative(
        lambda t: math.fsum(mean_field_chain.elbo(t, logits, data)),
        lambda t: hidden_markov.grad_q(t, paths_q),
        theta,
        magnitude=SIZE,
    )
    assert not wrong.holds


@pytest.mark.parametrize("kind", KINDS)
def test_sweeps_never_lower_the_elbo_and_end_where_it_is_stationary(kind):
    theta, data, logits = chain(kind)
    values = []
    for _ in range(300):
        values.append(mean_field_chain.elbo(theta, logits, data))
        logits = mean_field_chain.improve(theta, logits, data)
    for column in np.array(values[:20]).T:
        outcome = em_law.never_decreases(column, SIZE, name="ELBO")
        assert outcome.holds, outcome.message
    outcome = em_law.is_stationary(mean_field_chain.grad_elbo(theta, logits, data), SIZE, name="grad_logits")
    assert outcome.holds, outcome.message
    evidence = hidden_markov.log_evidence(theta, data)
    assert evidence[0] - values[-1][0] > 1e-3  # memory that no mean field has
    assert abs(evidence[1] - values[-1][1]) < 1e-12  # one step: the family holds the posterior


WRONG_SWEEPS = {
    "only the past": lambda i: i._replace(log_transition=np.where(np.eye(3) > 0, i.log_transition, -9.0)),
    "transposed transitions": lambda i: i._replace(log_transition=np.ascontiguousarray(i.log_transition.T)),
    "no emissions": lambda i: i._replace(log_density=np.zeros_like(i.log_density)),
    "the sign": lambda i: i._replace(
        log_initial=-i.log_initial, log_transition=-i.log_transition, log_density=-i.log_density
    ),
}


@pytest.mark.parametrize("mutant", WRONG_SWEEPS)
def test_wrong_sweeps_are_rejected(mutant, monkeypatch):
    theta, data, logits = chain("categorical")
    for _ in range(50):
        logits = mean_field_chain.improve(theta, logits, data)
    before = mean_field_chain.elbo(theta, logits, data)
    right = mean_field_chain._inputs

    def wrong(*args):
        given, inputs, longest, S = right(*args)
        return given, WRONG_SWEEPS[mutant](inputs), longest, S

    monkeypatch.setattr(mean_field_chain, "_inputs", wrong)
    moved = mean_field_chain.improve(theta, logits, data)
    monkeypatch.undo()
    after = mean_field_chain.elbo(theta, moved, data)
    with pytest.raises(AssertionError, match="no step lowers the ELBO: ELBO before step 1"):
        em_law.never_decreases([before[0], after[0]], SIZE, name="ELBO").raise_if_broken()


@pytest.mark.parametrize("kind", KINDS)
def test_variational_em_of_a_family_that_holds_the_posterior_is_em(kind):
    theta, x = cases.mixture(kind), cases.data(kind, 20)
    exact = em.em(mixture, theta, x, steps=5)
    run = variational_em.variational_em(mixture, categorical_per_datum, theta, x, steps=5)
    assert compare("theta", exact.theta, run.theta, rounding(SIZE)).holds
    tight = categorical_per_datum.improve(run.theta, run.logits, x)
    bound = math.fsum(categorical_per_datum.elbo(run.theta, tight, x))
    assert math.isclose(bound, exact.log_evidence[-1], rel_tol=1e-13)


def test_an_m_step_under_the_exact_posterior_is_not_variational_em():
    """The M step must use q: with the exact statistics in its place the ELBO of q falls."""
    theta, data, logits = chain("categorical")
    for _ in range(100):
        logits = mean_field_chain.improve(theta, logits, data)
    right = hidden_markov.maximise(theta, mean_field_chain.expect(theta, logits, data))
    wrong = hidden_markov.maximise(theta, hidden_markov.expect(theta, data)[1])
    values = [math.fsum(mean_field_chain.elbo(t, logits, data)) for t in (theta, right, wrong)]
    assert em_law.never_decreases(values[:2], SIZE).holds
    assert not em_law.never_decreases(values[1:], SIZE).holds


def test_best_finds_the_largest_bound_and_zero_probabilities_are_kept():
    theta, data, _ = chain("categorical")
    found = mean_field_chain.elbo(theta, mean_field_chain.best(theta, data, starts=5), data)
    for seed in range(3):
        logits = np.random.default_rng([seed, 99]).normal(size=(10, 3))
        for _ in range(100):
            logits = mean_field_chain.improve(theta, logits, data)
        assert np.all(mean_field_chain.elbo(theta, logits, data) <= found + 1e-9)
    stuck = theta._replace(initial_logits=np.array([0.0, -np.inf, -np.inf]))
    assert np.all(mean_field_chain.elbo(stuck, np.zeros((10, 3)), data) == -np.inf)
    moved = mean_field_chain.improve(stuck, np.zeros((10, 3)), data)
    assert np.all(np.isfinite(mean_field_chain.elbo(stuck, moved, data)))


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_gives_the_same_bits(kind):
    theta, data, logits = chain(kind)
    for function in (mean_field_chain.elbo, mean_field_chain.grad_elbo, mean_field_chain.improve):
        plain, compiled = (function(theta, logits, data, target=name) for name in ("python", "cpu"))
        assert np.array_equal(plain, compiled)


def test_one_clear_sentence():
    theta, data, logits = chain("categorical")
    with pytest.raises(UsageError, match=r"logits must have shape \(10, 3\), got \(9, 3\)"):
        mean_field_chain.elbo(theta, logits[1:], data)
    flat, x = cases.mixture("categorical"), cases.data("categorical")
    with pytest.raises(UsageError, match=r"logits must have shape \(8, 3\), got \(10, 3\)"):
        categorical_per_datum.elbo(flat, logits, x)
    with pytest.raises(UsageError, match="sweeps must be a whole number of at least 1, got 0"):
        variational_em.variational_em(hidden_markov, mean_field_chain, theta, data, sweeps=0)
