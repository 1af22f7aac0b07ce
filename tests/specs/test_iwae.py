"""The importance-weighted bound and its gradients, held to the definition at 60 digits and to exact means."""

import numpy as np
import pytest
from mpmath import mp

from refvi.specs.iwae import bound
from refvi.specs.iwae_dreg import dreg
from refvi.specs.iwae_gradient import gradient
from refvi.specs.sized import value_of
from tests.specs import exact
from tests.specs.exact import affine, assert_derivative, assert_within, log_bernoulli, log_normal, log_sum_exp

SIZES = {"K": 3, "B": 2, "D": 2, "X": 3}


# ---- iwae.bound


def mean_weight(log_weights):
    k = len(log_weights)
    return [log_sum_exp([row[b] for row in log_weights]) - mp.log(k) for b in range(len(log_weights[0]))]


@pytest.mark.parametrize(("name", "inputs"), exact.cases(bound, 4))
def test_bound_is_the_log_of_the_mean_weight(name, inputs):
    found = bound.answer(inputs, dict(bound.conventions))
    assert_within(found["value"], exact.value(mean_weight, inputs), name)


@pytest.mark.parametrize(("name", "inputs"), exact.cases(bound, 4))
def test_gradient_of_the_bound_is_the_normalised_weight(name, inputs):
    found = exact.gradients(bound, inputs)["log_weights"]
    if np.all(np.isfinite(inputs["log_weights"])):
        assert_derivative(
            {"log_weights": found}, lambda log_weights: mp.fsum(mean_weight(log_weights)), inputs, name
        )
    assert_within(found.sum(0), 1.0, name)
    assert np.all(found.value[np.isneginf(inputs["log_weights"])] == 0.0)


# ---- the gradients of a small model


def log_weights(x, mu, std, noise, weights, bias, inside=None):
    """log w[k][b]; `inside` replaces mu and std inside log q, where an estimator stops them."""
    inside = inside or (mu, std)
    found = []
    for row in noise:
        found.append([])
        for b, eps in enumerate(row):
            z = [m + s * e for m, s, e in zip(mu[b], std[b], eps, strict=True)]
            a = affine(weights, z, bias)
            log_p = mp.fsum(log_bernoulli(v, logit) for v, logit in zip(x[b], a, strict=True))
            log_p += mp.fsum(log_normal(v, 0, 1) for v in z)
            log_q = mp.fsum(map(log_normal, z, inside[0][b], inside[1][b]))
            found[-1].append(log_p - log_q)
    return found


def total_bound(**inputs):
    return mp.fsum(mean_weight(log_weights(**inputs)))


@pytest.mark.parametrize(("name", "inputs"), exact.cases(gradient, 2, SIZES))
def test_plain_gradient_is_the_derivative_of_the_bound(name, inputs):
    found = exact.gradients(gradient, inputs)
    assert set(found) == {"mu", "std", "weights", "bias"} == set(gradient.wrt)
    assert_derivative(found, total_bound, inputs, name)


@pytest.mark.parametrize(("name", "inputs"), exact.cases(dreg, 2, SIZES))
def test_doubly_reparameterised_gradient_is_its_definition(name, inputs):
    """sum of squared weights times log w with q's parameters stopped inside; the decoder takes the plain weights."""
    with mp.workdps(exact.DIGITS):
        base = {k: exact.exact(v) for k, v in inputs.items()}
        logs = log_weights(**base)
        norm = [log_sum_exp([row[b] for row in logs]) for b in range(len(logs[0]))]
        share = [[mp.exp(v - n) for v, n in zip(row, norm, strict=True)] for row in logs]
        stopped = (base["mu"], base["std"])

    def surrogate(power):
        def of(**moved):
            rows = log_weights(**moved, inside=stopped)
            return mp.fsum(
                c**power * v for cs, vs in zip(share, rows, strict=True) for c, v in zip(cs, vs, strict=True)
            )

        return of

    for wrt, g in exact.gradients(dreg, inputs).items():
        power = 2 if wrt in ("mu", "std") else 1
        assert_derivative({wrt: g}, surrogate(power), inputs, name)


# ---- exact means, by a product rule over the noise of two samples

ONE = {
    "x": np.array([[1.0, 0.0]]),
    "mu": np.array([[0.5]]),
    "std": np.array([[0.75]]),
    "weights": np.array([[1.25], [-0.75]]),
    "bias": np.array([0.25, -0.5]),
}
WRT = ("mu", "std", "weights", "bias")


def mean_over_noise(function, n):
    """E over two standard normal noises of a function of noise (2, 1, 1), by n nodes each."""
    roots, mass = np.polynomial.hermite_e.hermegauss(n)
    mass = mass / mass.sum()
    total = 0.0
    for a, p in zip(roots, mass, strict=True):
        for b, q in zip(roots, mass, strict=True):
            total = total + p * q * function(np.array([[[a]], [[b]]]))
    return total


def flat(gradients):
    """All gradients in one vector, terms summed."""
    whole = {
        k: sum(value_of(t) for t in g.values()) if isinstance(g, dict) else value_of(g)
        for k, g in gradients.items()
    }
    return np.concatenate([np.ravel(whole[name]) for name in WRT])


def expected_bound(**inputs):
    """E log mean of two weights, 30 nodes per noise, in plain float64 arithmetic that shares nothing with the spec."""
    roots, mass = np.polynomial.hermite_e.hermegauss(30)
    z = inputs["mu"][0, 0] + inputs["std"][0, 0] * roots
    a = z[:, None] * inputs["weights"][:, 0] + inputs["bias"]
    log_w = np.where(inputs["x"][0] == 1, -np.log1p(np.exp(-a)), -np.log1p(np.exp(a))).sum(1)
    log_w = log_w - z**2 / 2 + roots**2 / 2 + np.log(inputs["std"][0, 0])
    pairs = np.log(0.5 * (np.exp(log_w)[:, None] + np.exp(log_w)))
    mass = mass / mass.sum()
    return float(mass @ pairs @ mass)


def target():
    h, found = 1e-4, []
    for name in WRT:
        for index in np.ndindex(ONE[name].shape):
            five = []
            for step in (-2, -1, 1, 2):
                moved = {k: v.copy() for k, v in ONE.items()}
                moved[name][index] += step * h
                five.append(expected_bound(**moved))
            found.append((five[0] - 8 * five[1] + 8 * five[2] - five[3]) / (12 * h))
    return np.array(found)


TARGET = target()


@pytest.mark.parametrize("spec", [gradient, dreg], ids=lambda s: s.id)
def test_mean_of_the_estimator_is_the_gradient_of_the_bound(spec):
    """Quadrature with 24 against 30 nodes and a five-point difference: together good for 1e-8."""
    mean = mean_over_noise(lambda noise: flat(spec.gradient(**ONE, noise=noise)), 24)
    assert mean == pytest.approx(TARGET, abs=1e-8)


@pytest.mark.parametrize(
    ("spec", "slug"), [(s, slug) for s in (gradient, dreg) for slug in s.relatives], ids=exact.label
)
def test_relatives_have_the_same_mean(spec, slug):
    relative = spec.relatives[slug].wrong
    assert mean_over_noise(lambda noise: flat(relative(**ONE, noise=noise)), 24) == pytest.approx(
        TARGET, abs=1e-8
    )


@pytest.mark.parametrize(
    ("spec", "slug"), [(s, slug) for s in (gradient, dreg) for slug in s.mistakes], ids=exact.label
)
def test_mistakes_have_another_mean(spec, slug):
    """But for two: with one datum there is nothing to sum over the batch, and a rounded sigmoid is right off the edges."""
    wrong = spec.mistakes[slug].wrong
    mean = mean_over_noise(
        lambda noise: flat({**spec.gradient(**ONE, noise=noise), **wrong(**ONE, noise=noise)}), 12
    )
    far = np.max(np.abs(mean - TARGET))
    assert (far < 1e-5) if slug in ("batch-summed-before-lse", "log-of-sigmoid") else (far > 1e-3), far
