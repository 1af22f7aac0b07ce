"""Mixtures with categorical emissions: evidence, posterior, Q and gradients against sums over the components."""

import math

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.laws import em as em_law
from refvi.laws import gradient as gradient_law
from refvi.laws import model as model_law
from refvi.models import mixture, tables
from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.mixture import Mixture
from refvi.registry import latent_cases as cases
from refvi.registry import mixtures as rows
from refvi.registry.mixture_laws import MIXTURE_LAWS, states, table_of

THETA, X = cases.mixture("categorical"), cases.data("categorical")


@pytest.mark.parametrize("law", MIXTURE_LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_laws(law, seed):
    theta, x = cases.mixture("categorical", seed=seed), cases.data("categorical", seed=seed)
    outcome = law(theta, x, cases.mixture("categorical", seed=seed + 10))
    assert outcome.holds, outcome.message


@pytest.mark.parametrize("row", rows.EVIDENCE, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    """Every emission; on the compiled target where the row has one."""
    row.run(True, row.targets[min(1, len(row.targets) - 1)]).raise_if_broken()


def test_every_entry_but_the_modules_has_a_row():
    modules = {"models.categorical_emission", "models.normal_emission", "models.diagonal_normal_emission"}
    assert {e.name for e in rows.ENTRIES} - modules == {r.subject for r in rows.EVIDENCE}


def test_total_mass_is_one():
    """Over all data (16 symbol pairs) and components."""
    x = np.array([[a, b] for a in range(4) for b in range(4)])
    log_joint = mixture.log_joint(THETA, x)
    outcome = model_law.total_mass_is_one(lambda n, k: log_joint[n, k], range(16), range(3), magnitude=20.0)
    assert outcome.holds, outcome.message


MUTANTS = {
    "sign": (lambda lw: -lw, "ratio"),
    "log of the mean": (lambda lw: lw - math.log(3), r"log_evidence: expected"),
    "no mixing weights": (None, r"log_evidence: expected"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_evidence_is_rejected(mutant):
    change, message = MUTANTS[mutant]
    table, x = table_of(THETA, X[:1]), X[:1]
    flat = THETA._replace(mixing_logits=np.zeros(3))
    found = change(mixture.log_evidence(THETA, x)[0]) if change else mixture.log_evidence(flat, x)[0]
    outcome = model_law.log_evidence_is_sum(found, lambda s: table[0, s[0]], states(THETA))
    with pytest.raises(AssertionError, match=message):
        outcome.raise_if_broken()


def test_wrong_gradients_are_rejected():
    def value(theta):
        return math.fsum(mixture.log_evidence(theta, X))

    def judged(wrong):
        return gradient_law.gradient_is_derivative(value, wrong, THETA, name="grad_theta")

    right = mixture.grad_log_evidence(THETA, X)[1]
    mutants = (
        (right._replace(mixing_logits=-right.mixing_logits), r"mixing_logits.*ratio -1"),
        (
            right._replace(emission=CategoricalEmission(right.emission.logits / 8)),
            r"emission.logits.*ratio 0\.125",
        ),
        (right._replace(mixing_logits=mixture.posterior(THETA, X).sum(0)), "mixing_logits"),  # without -N pi
        (mixture.grad_q(THETA, mixture.expect(cases.mixture("categorical", seed=9), X)[1]), "expected"),
    )
    assert judged(lambda t: mixture.grad_log_evidence(t, X)[1]).holds
    for wrong, message in mutants:
        with pytest.raises(AssertionError, match=message):
            judged(lambda t, w=wrong: w).raise_if_broken()


def test_gradients_differ_where_the_parameters_differ():
    other = cases.mixture("categorical", seed=5)
    outcome = em_law.gradients_part_elsewhere(
        lambda t: mixture.grad_log_evidence(t, X)[1],
        lambda t, old: mixture.grad_q(t, mixture.expect(old, X)[1]),
        other,
        THETA,
    )
    assert outcome.holds, outcome.message


def test_an_empty_component_keeps_its_emission():
    theta = THETA._replace(mixing_logits=np.array([0.5, -np.inf, 0.25]))
    value, statistics = mixture.expect(theta, X)
    moved = mixture.maximise(theta, statistics)
    assert math.isfinite(value)
    assert statistics.components[1] == 0.0
    assert moved.mixing_logits[1] == -np.inf
    kept = tables.log_probabilities(theta.emission.logits[1])
    assert np.array_equal(moved.emission.logits[1], kept)
    two = Mixture(theta.mixing_logits[[0, 2]], CategoricalEmission(theta.emission.logits[[0, 2]]))
    assert np.allclose(mixture.log_evidence(theta, X), mixture.log_evidence(two, X), rtol=0, atol=1e-14)


def test_zero_probability_symbols():
    logits = THETA.emission.logits.copy()
    logits[:, 0, 2] = -np.inf
    theta = THETA._replace(emission=CategoricalEmission(logits))
    x = np.array([[0, 1], [2, 1], [3, 0]])
    assert mixture.log_evidence(theta, x)[1] == -np.inf
    for refuses in (mixture.posterior, mixture.expect, mixture.grad_log_evidence):
        with pytest.raises(UsageError, match=r"got zero for x\[1\]"):
            refuses(theta, x)
    statistics = mixture.expect(theta, x[[0, 2]])[1]
    assert math.isfinite(mixture.q_function(theta, statistics))
    assert np.all(mixture.grad_q(theta, statistics).emission.logits[:, 0, 2] == 0.0)


def test_shifted_logits_are_the_same_model():
    shifted = Mixture(THETA.mixing_logits + 700.0, CategoricalEmission(THETA.emission.logits - 300.0))
    assert np.allclose(mixture.log_evidence(shifted, X), mixture.log_evidence(THETA, X), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("theta", "x", "message"),
    [
        (THETA, X[:, :1], r"x must have shape \(N, 2\) with N >= 1, got \(8, 1\)"),
        (THETA, X[:0], r"x must have shape \(N, 2\) with N >= 1, got \(0, 2\)"),
        (THETA, X + 1, "whole numbers from 0 to 3, got 1 to 4"),
        (THETA, X + 0.5, "whole numbers from 0 to 3"),
        (THETA._replace(mixing_logits=np.zeros(2)), X, r"mixing_logits must have shape \(3,\), got \(2,\)"),
        (THETA._replace(mixing_logits=np.full(3, -np.inf)), X, "not all -inf"),
        (
            THETA._replace(emission=CategoricalEmission(np.zeros((3, 2)))),
            X,
            r"shape \(K, D, V\), got \(3, 2\)",
        ),
        (THETA._replace(emission=X), X, "emission must be one of CategoricalEmission"),
    ],
)
def test_one_clear_sentence(theta, x, message):
    with pytest.raises(UsageError, match=message):
        mixture.log_evidence(theta, x)
