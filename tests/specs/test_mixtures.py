"""Mixture and Gaussian mixture specs against their definitions at 60 digits, and against refvi's own models."""

import numpy as np
import pytest
from mpmath import mp

from refvi.models import mixture
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission
from refvi.specs import gmm, gmm_em, mixtures
from refvi.specs.spec import PROJECTIONS
from tests.specs import exact

SIZES = {"B": 3, "C": 2, "D": 2}


def log_joint(weights, log_density):
    """Nested lists (B, C); absent components give -inf."""
    return [
        [mp.log(w) + v if w > 0 else mp.mpf("-inf") for w, v in zip(weights, row, strict=True)]
        for row in log_density
    ]


def log_normal(x, mean, factor):
    """Full covariance by its determinant and inverse."""
    L = mp.matrix(factor)
    for i in range(L.rows):
        for j in range(i + 1, L.cols):
            L[i, j] = 0
    covariance, d = L * L.T, mp.matrix([a - b for a, b in zip(x, mean, strict=True)])
    quadratic = (d.T * mp.inverse(covariance) * d)[0]
    return -(L.rows * mp.log(2 * mp.pi) + mp.log(mp.det(covariance)) + quadratic) / 2


def densities(x, means, cholesky):
    return [[log_normal(row, m, L) for m, L in zip(means, cholesky, strict=True)] for row in x]


def evidence(weights, log_density):
    return [exact.log_sum_exp(row) for row in log_joint(weights, log_density)]


def posterior(weights, log_density):
    rows = log_joint(weights, log_density)
    return [[mp.exp(v - exact.log_sum_exp(row)) for v in row] for row in rows]


def gmm_evidence(x, weights, means, cholesky):
    return evidence(weights, densities(x, means, cholesky))


def gmm_posterior(x, weights, means, cholesky):
    return posterior(weights, densities(x, means, cholesky))


def em_step(x, weights, means, cholesky):
    """New weights (C,), means (C, D), covariances (C, D, D), as loops over Bishop's equations."""
    r, C, D = gmm_posterior(x, weights, means, cholesky), len(weights), len(x[0])
    count = [mp.fsum(row[c] for row in r) for c in range(C)]
    new = [[mp.fsum(r[b][c] * x[b][d] for b in range(len(x))) / count[c] for d in range(D)] for c in range(C)]

    def entry(c, i, j):
        return (
            mp.fsum(r[b][c] * (x[b][i] - new[c][i]) * (x[b][j] - new[c][j]) for b in range(len(x))) / count[c]
        )

    covariances = [[[entry(c, i, j) for j in range(D)] for i in range(D)] for c in range(C)]
    return [n / len(x) for n in count], new, covariances


def table(function, inputs):
    with mp.workdps(exact.DIGITS):
        found = function(**{k: exact.exact(v) for k, v in inputs.items()})
        return np.array(found, dtype=object).astype(float)


DEFINITIONS = [
    (mixtures.log_evidence, evidence),
    (mixtures.responsibilities, posterior),
    (gmm.log_evidence, gmm_evidence),
    (gmm.responsibilities, gmm_posterior),
    (gmm_em.em_weights, lambda **i: em_step(**i)[0]),
    (gmm_em.em_means, lambda **i: em_step(**i)[1]),
    (gmm_em.em_covariances, lambda **i: em_step(**i)[2]),
]
CASES = [
    pytest.param(spec, definition, inputs, id=f"{spec.id} {name}")
    for spec, definition in DEFINITIONS
    for name, inputs in exact.cases(spec, 2, SIZES)
]


@pytest.mark.parametrize(("spec", "definition", "inputs"), CASES)
def test_value_is_the_definition(spec, definition, inputs):
    with np.errstate(all="ignore"):
        found = spec.answer(spec.write(inputs, dict(spec.conventions)), dict(spec.conventions))["value"]
    exact.assert_within(found, table(definition, inputs), spec.id)


@pytest.mark.parametrize(
    ("spec", "definition", "inputs"), [c for c in CASES if c.values[0].gradient and "absent" not in c.id]
)
def test_gradient_is_the_derivative_of_the_definition(spec, definition, inputs):
    found = exact.gradients(spec, inputs)
    assert set(found) == set(spec.wrt)
    for wrt, g in found.items():
        want = exact.differences(lambda **i: mp.fsum(definition(**i)), inputs, wrt)
        domain = next(i.domain for i in spec.inputs if i.name == wrt)
        project = PROJECTIONS.get(domain)
        exact.assert_within(
            project(g) if project else g, project(want).value if project else want, wrt, 1e-30
        )


def test_refvi_itself_passes():
    """The model of `refvi.models.mixture`, handed the spec's inputs, is a correct implementation."""
    import refvi

    @refvi.implements("gmm.log_evidence")
    def log_evidence(x, weights, means, cholesky):
        theta = Mixture(np.log(weights), NormalEmission(means, np.tril(cholesky)))
        g = mixture.grad_q(theta, mixture.expect(theta, x)[1])
        by_weights = g.mixing_logits / weights + len(x)  # through the logits, up to a shift along the simplex
        return mixture.log_evidence(theta, x), {
            "weights": by_weights,
            "means": g.emission.means,
            "cholesky": g.emission.cholesky,
        }

    @refvi.implements("gmm.em_covariances")
    def em_covariances(x, weights, means, cholesky):
        theta = Mixture(np.log(weights), NormalEmission(means, np.tril(cholesky)))
        factors = mixture.maximise(theta, mixture.expect(theta, x)[1]).emission.cholesky
        return factors @ np.swapaxes(factors, 1, 2)

    refvi.check(log_evidence, cases=20, framework="numpy").raise_if_failed()
    refvi.check(em_covariances, cases=20, framework="numpy").raise_if_failed()
