"""Integrals against values known in closed form: the error must lie within its own estimate."""

import math

import numpy as np

from refvi.oracles import quadrature


def test_polynomials_under_a_gaussian_are_exact():
    mean, covariance = np.array([0.5, -1.25]), np.array([[1.0, 0.6], [0.6, 2.0]])
    found = quadrature.normal_expectation(
        lambda z: {"z": z, "zz": np.outer(z, z)}, mean, covariance, n=8, more=3
    )
    assert np.all(np.abs(found.value["z"] - mean) <= 1e-13)
    assert np.all(np.abs(found.value["zz"] - covariance - np.outer(mean, mean)) <= 1e-13)
    assert np.all(found.error["zz"] < 1e-13)


def test_exponentials_under_a_gaussian_in_one_two_and_three_dimensions():
    tilt = np.array([0.5, -1.0, 0.75])
    full = np.array([[1.0, 0.3, 0.1], [0.3, 2.0, -0.4], [0.1, -0.4, 0.5]])
    mean = np.array([0.1, 0.2, -0.3])
    for d in (1, 2, 3):
        for covariance in (full[:d, :d], np.diag(full)[:d]):
            matrix = np.diag(covariance) if covariance.ndim == 1 else covariance
            exact = math.exp(tilt[:d] @ mean[:d] + 0.5 * tilt[:d] @ matrix @ tilt[:d])
            found = quadrature.normal_expectation(
                lambda z, d=d: math.exp(tilt[:d] @ z), mean[:d], covariance, n=16, more=6
            )
            assert abs(found.value - exact) <= found.error + 16 * 2**-53 * found.magnitude
            assert found.error < 1e-8 * exact


def test_a_function_with_a_step_reports_a_large_error():
    found = quadrature.normal_expectation(lambda z: float(z[0] > 0.1), 0.0, 1.0)
    exact = 0.5 * math.erfc(0.1 / math.sqrt(2.0))
    assert abs(found.value - exact) > 1e-3
    assert found.error > 1e-3


def test_adaptive_integrals():
    cases = [
        (lambda z: math.exp(-0.5 * z * z), -math.inf, math.inf, (), math.sqrt(2 * math.pi)),
        (lambda z: math.exp(-z) / math.sqrt(z), 0.0, math.inf, (1.0,), math.sqrt(math.pi)),
        (lambda z: abs(z - 0.3), 0.0, 1.0, (0.3,), 0.29),
        (lambda z: math.exp(-((z / 1e-4) ** 2)), -5.0, 5.0, (-1e-3, 1e-3), 1e-4 * math.sqrt(math.pi)),
        (lambda z: z**3, -1.0, 1.0, (), 0.0),
    ]
    for function, low, high, breaks, exact in cases:
        found = quadrature.integrate(function, low, high, breaks)
        assert abs(found.value - exact) <= found.error + 8 * 2**-53 * found.magnitude
        assert found.error <= 1e-11 * found.magnitude


def test_line_integrates_trees_entry_by_entry():
    total = quadrature.line(0.0, math.inf)
    found = total(lambda z: {"mass": 2 * math.exp(-2 * z), "mean": np.array([2 * z * math.exp(-2 * z)])})
    assert abs(found.value["mass"] - 1.0) <= found.error["mass"] + 1e-15
    assert abs(found.value["mean"][0] - 0.5) <= found.error["mean"][0] + 1e-15


def test_space_integrates_densities_that_are_not_the_reference():
    mean, covariance = np.array([0.1, 0.9]), np.array([[1.0, 0.2], [0.2, 1.5]])
    total = quadrature.space([0.0, 1.0], [1.1, 1.6])
    precision = np.linalg.inv(covariance)

    def density(z):
        quadratic = (z - mean) @ precision @ (z - mean)
        return math.exp(-0.5 * quadratic) / (2 * math.pi * math.sqrt(np.linalg.det(covariance)))

    found = total(density)
    assert abs(found.value - 1.0) <= found.error + 1e-14
    assert found.error < 1e-6
