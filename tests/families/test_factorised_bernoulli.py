"""Independent Bernoulli variables: the row of the registry, wrong kernels that it rejects, edges."""

import math

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.families import factorised_bernoulli
from refvi.families.factorised_bernoulli import FactorisedBernoulli
from refvi.registry import families as rows

PHI = FactorisedBernoulli(np.array([0.5, -1.25, 2.0]))


def test_row_holds():
    rows.check_bernoulli(False).raise_if_broken()  # other targets: tests/registry/test_evidence.py


@pytest.mark.parametrize("change", [lambda v: -v, lambda v: 0.5 * v, lambda v: v - 0.25])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bernoulli_log_mass", "factorised_bernoulli"),
        ("bernoulli_log_mass_grad", "score of factorised_bernoulli"),
        ("factorised_bernoulli_entropy", "entropy of factorised_bernoulli"),
        ("kl_bernoulli_grad", "kl of factorised_bernoulli"),
        ("sigmoid", "of factorised_bernoulli"),
    ],
)
def test_wrong_values_are_rejected_by_name(monkeypatch, name, words, change):
    right = getattr(factorised_bernoulli, name)
    monkeypatch.setattr(factorised_bernoulli, name, lambda *arguments: change(right(*arguments)))
    outcome = rows.check_bernoulli()
    assert not outcome.holds
    assert words in outcome.message


@pytest.mark.parametrize("factor", [-1.0, 0.5, 0.0])
@pytest.mark.parametrize("name", ["factorised_bernoulli_entropy", "kl_bernoulli_grad"])
def test_wrong_gradients_are_rejected_by_name(monkeypatch, name, factor):
    right = getattr(factorised_bernoulli, name)

    def wrong(*arguments):
        value = right(*arguments)
        arguments[-1][:] *= factor
        return value

    monkeypatch.setattr(factorised_bernoulli, name, wrong)
    outcome = rows.check_bernoulli()
    assert not outcome.holds
    assert outcome.message.startswith("grad ")


def test_certain_units_have_no_entropy_and_do_not_overflow():
    value, grad = factorised_bernoulli.entropy(FactorisedBernoulli(np.array([800.0, -800.0])))
    assert value == 0.0
    assert grad.logits.tolist() == [0.0, 0.0]
    found = factorised_bernoulli.log_q(FactorisedBernoulli(np.array([800.0])), [[0.0], [1.0]])
    assert found.log_q.tolist() == [-800.0, 0.0]


def test_a_fair_unit_has_entropy_log_two():
    value, _ = factorised_bernoulli.entropy(FactorisedBernoulli(np.zeros(3)))
    assert abs(value - 3.0 * math.log(2.0)) <= 8 * 2.0**-53 * 3.0


def test_arguments_are_refused_in_one_sentence():
    with pytest.raises(UsageError, match="h must hold zeros and ones, got 0.5"):
        factorised_bernoulli.log_q(PHI, [[0.0, 1.0, 0.5]])
    with pytest.raises(UsageError, match=r"h must have shape \(K, D\) with D = 3, got \(3,\)"):
        factorised_bernoulli.log_q(PHI, [0.0, 1.0, 1.0])
