"""References of specs are held to derivatives and kernels, and wrong references are rejected by name."""

import dataclasses

import pytest

from refvi.registry import references
from refvi.specs import all_specs, get_spec

DIFFERENTIABLE = [spec for spec in all_specs().values() if references.has_derivative(spec)]


def test_most_specs_with_a_value_are_covered():
    assert len(DIFFERENTIABLE) >= 20
    assert set(references.ROUTES) <= set(all_specs())


@pytest.mark.parametrize("spec", DIFFERENTIABLE, ids=lambda spec: spec.id)
def test_gradient_is_the_derivative(spec):
    references.check_derivative(spec).raise_if_broken()


@pytest.mark.parametrize("name", references.ROUTES)
def test_value_is_the_kernels(name):
    references.check_kernel(get_spec(name)).raise_if_broken()


def with_term(spec, name, change):
    """The spec with one term of its value changed."""

    def reference(**inputs):
        terms = spec.reference(**inputs)
        return {**terms, name: change(terms[name])}

    return dataclasses.replace(spec, reference=reference)


WRONG = {
    "sign": lambda term: -term,
    "factor": lambda term: term * 0.5,
    "dropped": lambda term: term * 0.0,
}


@pytest.mark.parametrize("change", WRONG)
@pytest.mark.parametrize("term", ["mean", "trace", "entropy"])
def test_a_wrong_term_is_rejected_twice(term, change):
    wrong = with_term(get_spec("kl.normal_standard"), term, WRONG[change])
    for outcome in (references.check_derivative(wrong), references.check_kernel(wrong)):
        assert not outcome.holds
        assert "kl.normal_standard" in outcome.message


def test_a_wrong_constant_is_rejected_by_the_kernel():
    assert not references.check_kernel(
        with_term(get_spec("kl.normal_standard"), "dimension", WRONG["factor"])
    ).holds


@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_gradient_is_rejected(change):
    spec = get_spec("elbo.bernoulli_vae")

    def gradient(**inputs):
        found = spec.total_gradient(**inputs)
        return {**found, "weights": WRONG[change](found["weights"])}

    outcome = references.check_derivative(dataclasses.replace(spec, gradient=gradient))
    assert not outcome.holds
    assert "weights" in outcome.message
