"""EM, generalised EM and gradient ascent: no step lowers the log evidence, and they end where it is stationary."""

import math
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from refvi.algorithms import em, line_search, trees
from refvi.errors import UsageError
from refvi.laws import em as law
from refvi.models import hidden_markov, mixture
from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.hidden_markov import HiddenMarkov
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission


class Point(NamedTuple):
    x: np.ndarray


rng = np.random.default_rng(3)
X = rng.integers(0, 4, size=(30, 3))
R = np.concatenate([rng.normal(size=(25, 2)) - 2.0, rng.normal(size=(25, 2)) * 0.5 + 2.0])
CASES = {
    "categorical mixture": (
        mixture,
        Mixture(rng.normal(size=2), CategoricalEmission(rng.normal(size=(2, 3, 4)))),
        X,
    ),
    "gaussian mixture": (
        mixture,
        Mixture(np.zeros(2), NormalEmission(rng.normal(size=(2, 2)), np.tile(np.eye(2), (2, 1, 1)))),
        R,
    ),
    "hidden markov": (
        hidden_markov,
        HiddenMarkov(
            rng.normal(size=2), rng.normal(size=(2, 2)), CategoricalEmission(rng.normal(size=(2, 3, 4)))
        ),
        [X[:13], X[13:14], X[14:]],
    ),
}
ALGORITHMS = {"em": em.em, "generalised em": em.generalised_em, "gradient ascent": em.gradient_ascent}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("case", CASES)
def test_no_step_lowers_the_log_evidence(case, algorithm):
    model, theta, data = CASES[case]
    run = ALGORITHMS[algorithm](model, theta, data, steps=12)
    outcome = law.never_decreases(run.log_evidence, 1e3)
    assert outcome.holds, outcome.message
    assert outcome.cases == 12
    assert run.log_evidence[-1] > run.log_evidence[0] + 1.0


@pytest.mark.parametrize("algorithm", ["em", "generalised em"])
def test_it_ends_where_the_log_evidence_is_stationary(algorithm):
    """A Gaussian mixture with well separated data: the gradient is rounding of sums of 50 terms at the end."""
    model, theta, data = CASES["gaussian mixture"]
    run = ALGORITHMS[algorithm](model, theta, data, steps=300 if algorithm == "em" else 60)
    _, gradient = model.grad_log_evidence(run.theta, data)
    largest = math.sqrt(trees.dot(gradient, gradient))
    start = model.grad_log_evidence(theta, data)[1]
    assert largest < (1e-10 if algorithm == "em" else 0.05 * math.sqrt(trees.dot(start, start)))


def test_a_fixed_rate_can_lower_the_log_evidence():
    """Why gradient ascent has a line search: D4's fixed step overshoots, and the law says so."""
    model, theta, data = CASES["gaussian mixture"]
    theta = em.em(model, theta, data, steps=6).theta
    run = em.gradient_ascent(model, theta, data, steps=3, rate=0.1)
    small = em.gradient_ascent(model, theta, data, steps=3, rate=1e-4)
    assert not law.never_decreases(run.log_evidence, 1e3).holds
    assert law.never_decreases(small.log_evidence, 1e3).holds


def mutant(**changed):
    base = {
        name: getattr(mixture, name)
        for name in ("expect", "q_function", "grad_q", "maximise", "log_evidence")
    }
    return SimpleNamespace(**{**base, **changed})


def about_the_old_means(theta, statistics, target="python"):
    """The covariance of the M step taken about the old means: not the maximiser, but still a rise."""
    moved = mixture.maximise(theta, statistics, target)
    second = statistics.emission.second / statistics.emission.counts[:, None, None]
    return moved._replace(emission=moved.emission._replace(cholesky=np.linalg.cholesky(second)))


def unnormalised(theta, x, target="python"):
    value = mixture.expect(theta, x, target)[0]
    joint = np.exp(mixture.log_joint(theta, x, target))
    return value, mixture.expect_under(theta, x, joint / joint.max(), target)


def one_posterior(theta, x, target="python"):
    value = mixture.expect(theta, x, target)[0]
    weights = np.tile(mixture.posterior(theta, x).mean(0), (len(x), 1))
    return value, mixture.expect_under(theta, x, weights, target)


def hard(theta, x, target="python"):
    value = mixture.expect(theta, x, target)[0]
    weights = np.eye(2)[mixture.posterior(theta, x).argmax(1)]
    return value, mixture.expect_under(theta, x, weights, target)


MUTANTS = {
    "the posterior is not normalised": mutant(expect=unnormalised),
    "one posterior for all data": mutant(expect=one_posterior),
    "the covariance scaled by a half": mutant(
        maximise=lambda t, s, target: mixture.maximise(t, s, target)._replace(
            emission=mixture.maximise(t, s).emission._replace(
                cholesky=0.5 * mixture.maximise(t, s).emission.cholesky
            )
        )
    ),
    "the sign of the step": mutant(
        maximise=lambda t, s, target: trees.add(t, -0.1, mixture.grad_q(t, s, target))
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_wrong_steps_are_rejected(name):
    """From near the maximum, where every wrong step can only lose."""
    theta, data = em.em(*CASES["gaussian mixture"], steps=6).theta, R
    run = em.em(MUTANTS[name], theta, data, steps=2)
    with pytest.raises(AssertionError, match="no step lowers the log evidence: log evidence before step"):
        law.never_decreases(run.log_evidence, 1e3).raise_if_broken()


def test_wrong_steps_that_still_rise_are_caught_by_stationarity():
    """A covariance about the old means raises the log evidence; only the gradient of Q sees that it is no maximum."""
    model, theta, data = CASES["gaussian mixture"]
    statistics = model.expect(theta, data)[1]
    for wrong in (about_the_old_means(theta, statistics), mixture.maximise(theta, hard(theta, data)[1])):
        with pytest.raises(AssertionError, match="the gradient is zero: grad_q"):
            law.is_stationary(mixture.grad_q(wrong, statistics), 1e3).raise_if_broken()
    assert law.is_stationary(mixture.grad_q(mixture.maximise(theta, statistics), statistics), 1e3).holds


def test_tolerance_ends_a_run():
    model, theta, data = CASES["categorical mixture"]
    run = em.em(model, theta, data, steps=500, tolerance=1e-3)
    gains = np.diff(run.log_evidence)
    assert len(gains) < 400
    assert gains[-1] <= 1e-3 < gains[-2]
    assert math.isclose(run.log_evidence[-1], mixture.expect(run.theta, data)[0])


def test_no_steps_and_wrong_steps():
    model, theta, data = CASES["categorical mixture"]
    assert em.em(model, theta, data, steps=0).log_evidence.shape == (1,)
    with pytest.raises(UsageError, match="steps must be a whole number of at least 0, got -1"):
        em.em(model, theta, data, steps=-1)


def test_the_line_search_reaches_a_quarter_of_the_promised_rise():
    theta, gradient = (np.array([3.0]),), (np.array([-6.0]),)
    found = line_search.armijo(lambda t: -float(t[0][0] ** 2), Point(*theta), -9.0, Point(*gradient))
    assert -(float(found.x[0]) ** 2) >= -9.0 + 0.25 * 36.0 * (3.0 - found.x[0]) / 6.0
    assert line_search.armijo(lambda t: -1.0, Point(*theta), 0.0, Point(*gradient)).x[0] == 3.0


def test_a_generalised_step_stays_inside_the_domain():
    """A factor that would leave the positive diagonals counts as too far."""
    model, theta, data = CASES["gaussian mixture"]
    tight = theta._replace(emission=theta.emission._replace(cholesky=0.05 * theta.emission.cholesky))
    for algorithm in (em.generalised_em, em.gradient_ascent):
        run = algorithm(model, tight, data, steps=3)
        assert np.all(np.isfinite(run.log_evidence))
        assert law.never_decreases(run.log_evidence, 1e6).holds
