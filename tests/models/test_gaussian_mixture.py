"""Mixtures with normal emissions, full, tied and diagonal, against densities by eigenvalues and sums over components."""

import math

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.laws import gradient as gradient_law
from refvi.laws import model as model_law
from refvi.models import mixture
from refvi.models.diagonal_normal_emission import DiagonalNormalEmission
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission
from refvi.registry import latent_cases as cases
from refvi.registry.mixture_laws import MIXTURE_LAWS, states, table_of

KINDS = ("full", "tied", "diagonal")
X = cases.data("full", 20)


@pytest.mark.parametrize("law", MIXTURE_LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_laws(kind, law):
    outcome = law(cases.mixture(kind), X, cases.mixture(kind, seed=7))
    assert outcome.holds, outcome.message


@pytest.mark.parametrize(("size", "count"), [(1, 7), (3, 11), (5, 13)])
@pytest.mark.parametrize("factors", [1, 2])
def test_laws_in_other_dimensions(size, count, factors):
    rng = np.random.default_rng(size)
    lower = np.tril(rng.normal(size=(factors, size, size)), -1) * 0.5
    theta = Mixture(
        rng.normal(size=2), NormalEmission(rng.normal(size=(2, size)), lower + 1.25 * np.eye(size))
    )
    x = rng.normal(size=(count, size))
    for law in MIXTURE_LAWS[:7]:
        if law.__name__ != "q_is_its_definition":
            outcome = law(theta, x, theta)
            assert outcome.holds, outcome.message


def covariances(theta):
    return theta.emission.cholesky @ np.swapaxes(theta.emission.cholesky, 1, 2)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_the_m_step_is_the_weighted_covariance_about_the_new_means(kind):
    """Bishop eq 9.17, 9.19, 9.22, written out; the tied covariance is the average over the data."""
    theta = cases.mixture(kind)
    r = mixture.posterior(theta, X)
    moved = mixture.maximise(theta, mixture.expect(theta, X)[1])
    N = r.sum(0)
    means = (r.T @ X) / N[:, None]
    scatter = np.array([((r[:, k, None] * (X - means[k])).T @ (X - means[k])) for k in range(3)])
    wanted = scatter.sum(0, keepdims=True) / len(X) if kind == "tied" else scatter / N[:, None, None]
    assert np.allclose(moved.emission.means, means, rtol=0, atol=1e-14)
    assert np.allclose(covariances(moved), wanted, rtol=0, atol=1e-13)
    assert np.allclose(np.exp(moved.mixing_logits), N / len(X), rtol=0, atol=1e-15)
    about_old = np.array(
        [
            ((r[:, k, None] * (X - theta.emission.means[k])).T @ (X - theta.emission.means[k]))
            for k in range(3)
        ]
    )
    assert not np.allclose(covariances(moved), about_old / N[:, None, None], rtol=0, atol=1e-3)


def test_diagonal_is_full_without_correlations():
    theta = cases.mixture("diagonal")
    factors = np.exp(0.5 * theta.emission.log_var)[:, :, None] * np.eye(2)
    full = Mixture(theta.mixing_logits, NormalEmission(theta.emission.means, factors))
    assert np.allclose(mixture.log_evidence(theta, X), mixture.log_evidence(full, X), rtol=0, atol=1e-13)


def test_data_far_from_the_origin_keep_their_digits():
    """Centred statistics: moving data and means by 1e6 (a power of two, exactly) moves nothing else."""
    shift = 2.0**20
    theta = cases.mixture("full")
    x = np.round(X * 64) / 64
    means = np.round(theta.emission.means * 64) / 64
    near = theta._replace(emission=theta.emission._replace(means=means))
    far = theta._replace(emission=theta.emission._replace(means=means + shift))
    here, there = (
        mixture.maximise(t, mixture.expect(t, data)[1]) for t, data in ((near, x), (far, x + shift))
    )
    assert np.array_equal(here.emission.cholesky, there.emission.cholesky)


MUTANTS = {
    "half the log determinant missing": lambda lw, L: lw + np.log(np.diagonal(L, axis1=1, axis2=2)).sum(1),
    "log determinant of the covariance not halved": lambda lw, L: (
        lw - np.log(np.diagonal(L, axis1=1, axis2=2)).sum(1)
    ),
    "the constant missing": lambda lw, L: lw + math.log(2 * math.pi),
    "sign": lambda lw, L: -lw,
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_evidence_is_rejected(mutant):
    theta = cases.mixture("full")
    table = table_of(theta, X[:1])
    wrong = MUTANTS[mutant](mixture.log_joint(theta, X[:1])[0], theta.emission.cholesky)
    found = float(np.logaddexp.reduce(wrong))
    outcome = model_law.log_evidence_is_sum(found, lambda s: table[0, s[0]], states(theta))
    with pytest.raises(AssertionError, match="log_evidence: expected"):
        outcome.raise_if_broken()


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_gradients_are_rejected(kind):
    theta = cases.mixture(kind)
    right = mixture.grad_log_evidence(theta, X)[1]
    scale_name = theta.emission._fields[1]
    scale = getattr(right.emission, scale_name)
    mutants = (
        (right.emission._replace(means=-right.emission.means), r"means.*ratio -1"),
        (right.emission._replace(**{scale_name: 2 * scale}), rf"{scale_name}.*ratio 2"),
        (right.emission._replace(means=right.emission.means / len(X)), r"means.*ratio 0\.05"),
    )
    for wrong, message in mutants:
        outcome = gradient_law.gradient_is_derivative(
            lambda t: math.fsum(mixture.log_evidence(t, X)),
            lambda t, w=wrong: right._replace(emission=w),
            theta,
        )
        with pytest.raises(AssertionError, match=message):
            outcome.raise_if_broken()


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_component_stays(kind):
    theta = cases.mixture(kind)._replace(mixing_logits=np.array([0.5, -np.inf, 0.25]))
    moved = mixture.maximise(theta, mixture.expect(theta, X)[1])
    assert moved.mixing_logits[1] == -np.inf
    assert np.array_equal(moved.emission.means[1], theta.emission.means[1])
    if kind != "tied":
        assert np.array_equal(moved.emission[1][1], theta.emission[1][1])
    assert math.isfinite(mixture.expect(moved, X)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_singular_covariance_is_one_clear_sentence(kind):
    """Data on a line (full, tied) or with a constant feature (diagonal): the log evidence has no maximum."""
    x = X.copy()
    x[:, 1] = 0.75 if kind == "diagonal" else 2.0 * x[:, 0] - 1.0
    theta = cases.mixture(kind)
    with pytest.raises(UsageError, match="must be positive definite, got .* no maximum there"):
        mixture.maximise(theta, mixture.expect(theta, x)[1])


def test_a_component_on_one_datum_is_one_clear_sentence():
    theta = cases.mixture("full")
    weights = np.zeros((20, 3))
    weights[:, 0], weights[3, 0], weights[3, 1] = 1.0, 0.0, 1.0
    with pytest.raises(UsageError, match="covariance of component 1 must be positive definite"):
        mixture.maximise(theta, mixture.expect_under(theta, X, weights))


FULL, DIAGONAL = cases.emission("full"), cases.emission("diagonal")


@pytest.mark.parametrize(
    ("emission", "x", "message"),
    [
        (FULL._replace(means=np.zeros(3)), X, r"emission.means must have shape \(K, D\), got \(3,\)"),
        (
            FULL._replace(cholesky=np.eye(2)),
            X,
            r"must have shape \(3, 2, 2\) or, tied, \(1, 2, 2\), got \(2, 2\)",
        ),
        (
            FULL._replace(cholesky=np.zeros((3, 2, 2))),
            X,
            "positive diagonals, got a covariance that is singular",
        ),
        (FULL._replace(means=np.full((3, 2), np.nan)), X, "must be finite"),
        (DIAGONAL._replace(log_var=np.zeros(3)), X, r"emission.log_var must have shape \(3, 2\), got \(3,\)"),
        (DIAGONAL._replace(log_var=np.full((3, 2), -np.inf)), X, "must be finite"),
        (DiagonalNormalEmission(np.zeros(3), np.zeros(3)), X, r"emission.means must have shape \(K, D\)"),
        (FULL, X[:, :1], r"x must have shape \(N, 2\) with N >= 1, got \(20, 1\)"),
        (FULL, np.full((4, 2), np.inf), "x must be finite"),
    ],
)
def test_one_clear_sentence(emission, x, message):
    with pytest.raises(UsageError, match=message):
        mixture.log_evidence(Mixture(np.zeros(3), emission), x)
