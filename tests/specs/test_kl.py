"""Divergences against their definition, and the laws that every divergence obeys."""

import numpy as np
import pytest

from refvi.oracles.closed_form import kl_bernoulli, kl_categorical, kl_normal
from refvi.specs import all_specs, get_spec
from tests.specs.agreement import answer, assert_gradient, assert_value, cases, small_case

IDS = sorted(i for i in all_specs() if i.startswith("kl."))
CASES = [pytest.param(i, name, id=f"{i}: {name}") for i in IDS for name in cases(get_spec(i))]


def test_the_divergences_are_these():
    assert set(IDS) >= {
        "kl.normal_standard",
        "kl.normal_diagonal",
        "kl.normal_full",
        "kl.bernoulli",
        "kl.bernoulli_logits",
        "kl.categorical",
        "kl.categorical_logits",
    }


@pytest.mark.parametrize(("spec_id", "name"), CASES)
def test_value_and_gradient_are_the_definition(spec_id, name):
    spec = get_spec(spec_id)
    inputs = cases(spec)[name]
    assert_value(spec, inputs)
    assert_gradient(spec, inputs, edge=not name.startswith("generic"))


@pytest.mark.parametrize("spec_id", IDS)
def test_positive_and_zero_where_q_is_p(spec_id):
    spec = get_spec(spec_id)
    for seed in range(20):
        inputs = small_case(spec, seed)
        value = answer(spec, inputs)["value"]
        assert np.all(value.value > 0)
        twins = {i.name for i in spec.inputs if i.name.startswith("p_")}
        if not twins:
            continue
        equal = answer(
            spec, {k: inputs[k.replace("p_", "q_", 1)] if k in twins else v for k, v in inputs.items()}
        )
        assert np.all(np.abs(equal["value"].value) <= 2.0**-53 * equal["value"].size)


def test_full_normals_against_singular_values():
    spec = get_spec("kl.normal_full")
    inputs = small_case(spec, 3)
    found = answer(spec, inputs)["value"].value
    for b in range(2):
        q, p = inputs["q_cholesky"][b], inputs["p_cholesky"][b]
        want = kl_normal(inputs["q_mu"][b], q @ q.T, inputs["p_mu"][b], p @ p.T)
        assert abs(found[b] - want.value) <= 8 * 2.0**-53 * want.magnitude + want.error


def test_full_normals_with_diagonal_factors_are_diagonal_normals():
    full, diagonal = get_spec("kl.normal_full"), get_spec("kl.normal_diagonal")
    inputs = small_case(diagonal, 4)
    factors = {f"{a}_cholesky": inputs[f"{a}_std"][..., None] * np.eye(3) for a in "qp"}
    means = {f"{a}_mu": inputs[f"{a}_mu"] for a in "qp"}
    assert answer(full, {**means, **factors})["value"].value == pytest.approx(
        answer(diagonal, inputs)["value"].value, rel=1e-14
    )


def test_discrete_ones_against_sums_by_outcome():
    for spec_id, oracle in (("kl.bernoulli", kl_bernoulli), ("kl.categorical", kl_categorical)):
        spec = get_spec(spec_id)
        inputs = small_case(spec, 5)
        found = answer(spec, inputs)["value"].value
        for b in range(2):
            rows = inputs["q_probs"][b], inputs["p_probs"][b]
            pairs = zip(*rows, strict=True) if spec_id == "kl.bernoulli" else [rows]
            assert found[b] == pytest.approx(sum(oracle(q, p).value for q, p in pairs), rel=1e-13)


def test_logits_and_probabilities_are_the_same_divergence():
    bits, logits = get_spec("kl.bernoulli"), get_spec("kl.bernoulli_logits")
    inputs = small_case(logits, 6)
    probs = {k.replace("logits", "probs"): 1 / (1 + np.exp(-v)) for k, v in inputs.items()}
    assert answer(bits, probs)["value"].value == pytest.approx(
        answer(logits, inputs)["value"].value, rel=1e-12
    )
