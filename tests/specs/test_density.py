"""Log densities against their definition; each has mass one and a score of mean zero."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from refvi.specs import all_specs, get_spec
from tests.specs.agreement import answer, assert_gradient, assert_value, cases, small_case

IDS = sorted(i for i in all_specs() if i.startswith("log_density."))
CASES = [pytest.param(i, name, id=f"{i}: {name}") for i in IDS for name in cases(get_spec(i))]


def test_the_densities_are_these():
    assert set(IDS) >= {
        "log_density.normal",
        "log_density.normal_diagonal",
        "log_density.normal_full",
        "log_density.bernoulli",
        "log_density.bernoulli_logits",
        "log_density.categorical",
        "log_density.categorical_logits",
        "log_density.continuous_bernoulli",
        "log_density.bits_per_dimension",
    }


@pytest.mark.parametrize(("spec_id", "name"), CASES)
def test_value_and_gradient_are_the_definition(spec_id, name):
    spec = get_spec(spec_id)
    inputs = cases(spec)[name]
    assert_value(spec, inputs)
    assert_gradient(spec, inputs, edge=not name.startswith("generic"))


@pytest.mark.parametrize(
    ("spec_id", "parameters"),
    [
        ("log_density.bernoulli", {"probs": [0.25, 0.625]}),
        ("log_density.bernoulli_logits", {"logits": [0.5, -1.25]}),
        ("log_density.categorical", {"probs": [0.25, 0.125, 0.625]}),
        ("log_density.categorical_logits", {"logits": [0.5, -1.25, 2.0]}),
    ],
)
def test_discrete_mass_is_one_and_the_score_has_mean_zero(spec_id, parameters):
    spec = get_spec(spec_id)
    ((name, row),) = parameters.items()
    outcomes = np.eye(3) if "categorical" in spec_id else np.array([*itertools.product((0.0, 1.0), repeat=2)])
    inputs = {"x": outcomes, name: np.tile(np.array(row), (len(outcomes), 1))}
    found = answer(spec, inputs)
    mass = np.exp(found["value"].value)
    assert mass.sum() == pytest.approx(1.0, abs=1e-15)
    score = found[f"grad.{name}"].value
    assert (mass[:, None] * score).sum(0) == pytest.approx(np.zeros(len(row)), abs=1e-15)


def test_one_dimensional_mass_is_one():
    def density(spec_id, **parameters):
        def at(x):
            value = answer(get_spec(spec_id), {"x": x, **parameters})["value"].value
            return float(np.exp(value).sum())

        return at

    normal = density("log_density.normal", mu=np.array([0.5]), std=np.array([0.75]))
    total, error = quad(lambda x: normal(np.array([x])), -np.inf, np.inf)
    assert abs(total - 1.0) <= error + 1e-12
    for p in (0.125, 0.5, 0.9375):
        grey = density("log_density.continuous_bernoulli", probs=np.array([[p]]))
        total, error = quad(lambda x, grey=grey: grey(np.array([[x]])), 0.0, 1.0)
        assert abs(total - 1.0) <= error + 1e-12


def test_full_normal_mass_is_one_on_a_grid():
    """The trapezoid rule on a fine grid converges exponentially for a Gaussian."""
    spec = get_spec("log_density.normal_full")
    axis = np.arange(-12.0, 12.0, 0.25)
    x = np.array([*itertools.product(axis, axis)])
    inputs = {
        "x": x,
        "mu": np.tile([0.25, -0.5], (len(x), 1)),
        "cholesky": np.tile([[0.75, 0.0], [0.5, 1.5]], (len(x), 1, 1)),
    }
    assert np.exp(answer(spec, inputs)["value"].value).sum() / 16 == pytest.approx(1.0, abs=1e-12)


def test_dropping_constants_drops_half_log_two_pi_per_dimension():
    for spec_id, dimensions in (
        ("log_density.normal", 1),
        ("log_density.normal_diagonal", 3),
        ("log_density.normal_full", 3),
    ):
        spec = get_spec(spec_id)
        inputs = small_case(spec, 7)
        kept, dropped = (
            spec.answer(spec.write(inputs, d), d)["value"].value
            for d in (dict(spec.conventions), {**spec.conventions, "constants": "dropped"})
        )
        assert dropped - kept == pytest.approx(0.5 * np.log(2 * np.pi) * dimensions)
