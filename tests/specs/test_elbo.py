"""Evidence lower bounds against their definition, and against the exact ELBO and evidence of linear Gaussian models."""

import itertools

import numpy as np
import pytest

from refvi.oracles.closed_form import linear_gaussian_elbo, linear_gaussian_evidence
from refvi.specs import all_specs, get_spec
from tests.specs.agreement import answer, assert_gradient, assert_value, cases, small_case

IDS = sorted(i for i in all_specs() if i.startswith("elbo."))
CASES = [pytest.param(i, name, id=f"{i}: {name}") for i in IDS for name in cases(get_spec(i))]


def test_the_bounds_are_these():
    assert set(IDS) >= {
        "elbo.gaussian_reconstruction",
        "elbo.bernoulli_reconstruction",
        "elbo.beta_vae",
        "elbo.gaussian_vae",
        "elbo.bernoulli_vae",
        "elbo.bernoulli_vae_sampled",
        "elbo.minibatch",
        "elbo.epoch_mean",
    }


@pytest.mark.parametrize(("spec_id", "name"), CASES)
def test_value_and_gradient_are_the_definition(spec_id, name):
    spec = get_spec(spec_id)
    inputs = cases(spec)[name]
    assert_value(spec, inputs)
    assert_gradient(spec, inputs, edge=not name.startswith("generic"))


def sigma_points(dimensions):
    """Noise (2D, D) whose mean of a quadratic function is its expectation under the standard normal."""
    return np.sqrt(dimensions) * np.concatenate([np.eye(dimensions), -np.eye(dimensions)])


@pytest.mark.parametrize("seed", range(5))
def test_mean_over_noise_is_the_exact_elbo_and_lies_below_the_evidence(seed):
    spec = get_spec("elbo.gaussian_vae")
    inputs = small_case(spec, seed)
    inputs["noise"] = np.repeat(sigma_points(3)[:, None, :], 2, axis=1)
    found = answer(spec, inputs)["value"]
    for b in range(2):
        model = (
            inputs["x"][b],
            inputs["weights"],
            inputs["bias"],
            inputs["decoder_std"] ** 2,
            np.zeros(3),
            np.ones(3),
        )
        want = linear_gaussian_elbo(*model, inputs["mu"][b], inputs["std"][b] ** 2)
        size = want.magnitude + found.size[b]
        assert abs(found.value[b] - want.value) <= 8 * 2.0**-53 * size + want.error
        assert found.value[b] <= linear_gaussian_evidence(*model).value


def test_gradient_of_the_mean_over_noise_vanishes_at_the_posterior_mean():
    """With the exact posterior as q the ELBO is the evidence: a maximum. One latent, so the posterior is diagonal."""
    spec = get_spec("elbo.gaussian_vae")
    weights, bias, scale, x = (
        np.array([[0.75], [-1.5]]),
        np.array([0.25, 0.5]),
        np.array([0.5, 1.25]),
        np.array([1.5, -0.25]),
    )
    precision = 1 + (weights[:, 0] ** 2 / scale**2).sum()
    mean = (weights[:, 0] * (x - bias) / scale**2).sum() / precision
    inputs = {
        "x": x[None],
        "mu": np.array([[mean]]),
        "std": np.array([[precision**-0.5]]),
        "noise": sigma_points(1)[:, None, :],
        "weights": weights,
        "bias": bias,
        "decoder_std": scale,
    }
    found = answer(spec, inputs)
    evidence = linear_gaussian_evidence(x, weights, bias, scale**2, np.zeros(1), np.ones(1))
    assert found["value"].value[0] == pytest.approx(evidence.value, rel=1e-14)
    for name in ("mu", "std"):
        g = found[f"grad.{name}"]
        assert np.all(np.abs(g.value) <= 8 * 2.0**-53 * g.size)


def test_bernoulli_bound_lies_below_the_evidence_by_quadrature():
    """One latent: the evidence is an integral over z; the mean over noise by the same Gauss-Hermite rule."""
    spec = get_spec("elbo.bernoulli_vae")
    nodes, masses = np.polynomial.hermite_e.hermegauss(80)
    masses = masses / masses.sum()
    weights, bias = np.array([[0.75], [-1.5]]), np.array([0.25, 0.5])
    for x, (mean, std) in itertools.product([(1.0, 0.0), (1.0, 1.0)], [(0.5, 0.75), (-0.25, 1.25)]):
        logits = nodes[:, None] @ weights.T + bias
        evidence = np.log(
            (
                masses * np.prod(np.where(np.array(x) == 1, 1, np.exp(-logits)) / (1 + np.exp(-logits)), 1)
            ).sum()
        )
        inputs = {
            "x": np.array([x]),
            "mu": np.array([[mean]]),
            "std": np.array([[std]]),
            "weights": weights,
            "bias": bias,
        }
        each = [answer(spec, {**inputs, "noise": np.full((1, 1, 1), e)})["value"].value[0] for e in nodes]
        assert 0.005 < evidence - (masses * each).sum() < 2.0


def test_the_reconstruction_forms_are_the_sampled_forms_at_one_sample():
    sampled, given = get_spec("elbo.bernoulli_vae"), get_spec("elbo.bernoulli_reconstruction")
    inputs = small_case(sampled, 8)
    inputs["noise"] = inputs["noise"][:1]
    z = inputs["mu"] + inputs["std"] * inputs["noise"][0]
    logits = z @ inputs["weights"].T + inputs["bias"]
    rest = {k: inputs[k] for k in ("x", "mu", "std")}
    assert answer(given, {**rest, "logits": logits})["value"].value == pytest.approx(
        answer(sampled, inputs)["value"].value, rel=1e-13
    )


def test_beta_one_is_the_elbo():
    beta, plain = get_spec("elbo.beta_vae"), get_spec("elbo.bernoulli_reconstruction")
    inputs = small_case(plain, 9)
    assert np.array_equal(
        answer(beta, {**inputs, "beta": np.array(1.0)})["value"].value, answer(plain, inputs)["value"].value
    )


def test_sampled_and_closed_form_have_the_same_mean():
    """One latent; the difference is a quadratic function of the noise, so two sigma points give its mean exactly."""
    sampled, closed = get_spec("elbo.bernoulli_vae_sampled"), get_spec("elbo.bernoulli_vae")
    inputs = {
        "x": np.array([[1.0, 0.0]]),
        "mu": np.array([[0.5]]),
        "std": np.array([[0.75]]),
        "noise": sigma_points(1)[:, None, :],
        "weights": np.array([[0.75], [-1.5]]),
        "bias": np.array([0.25, 0.5]),
    }
    assert answer(sampled, inputs)["value"].value == pytest.approx(
        answer(closed, inputs)["value"].value, rel=1e-14
    )


def test_minibatches_of_a_partition_average_to_the_whole():
    spec = get_spec("elbo.minibatch")
    log_likelihood = np.array([-1.5, 0.25, 2.0, -0.75, 1.25, -3.0])

    def bound(part):
        inputs = {"log_likelihood": log_likelihood[part], "kl": np.array(0.75), "data_count": np.array(6.0)}
        return float(answer(spec, inputs)["value"].value)

    parts = [bound(slice(at, at + 2)) for at in (0, 2, 4)]
    assert np.mean(parts) == pytest.approx(bound(slice(None)), rel=1e-15)
