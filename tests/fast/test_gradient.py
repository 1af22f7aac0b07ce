import numpy as np
import pytest
from hypothesis import given, settings
from sbn_strategies import networks
from sbn_twins import UNIT, absolute_terms, enumerate_states, model

from refvi.fast.evidence import log_evidence
from refvi.fast.gradient import log_evidence_gradient, posterior_means
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=40)
FIELDS = ("log_evidence", "grad_W", "grad_b", "grad_c")


def law_is_the_enumerated_gradient(subject, network):
    """Evidence and gradient are those of math.fsum over all states, to 16 u S."""
    twin, found = enumerate_states(*network), subject(*network)
    tolerance = 16 * UNIT * absolute_terms(*network[1:])
    return combine(
        "gradient is the enumerated one",
        (
            Outcome("gradient", float(np.abs(getattr(found, f) - getattr(twin, f)).max()) / tolerance, 1, f)
            for f in FIELDS
        ),
    )


@LAW
@given(networks())
def test_gradient_is_the_enumerated_one(network):
    law_is_the_enumerated_gradient(log_evidence_gradient, network).raise_if_broken()


def wrong_sign(x, W, b, c):
    found = log_evidence_gradient(x, W, b, c)
    return found._replace(grad_b=-found.grad_b)


def without_prior_term(x, W, b, c):
    return log_evidence_gradient(x, W, b, c)._replace(grad_c=posterior_means(x, W, b, c))


def with_detached_visibles(x, W, b, c):
    found = log_evidence_gradient(x, W, b, c)
    return found._replace(grad_W=np.outer(x, posterior_means(x, W, b, c)))


@pytest.mark.parametrize(
    ("mutant", "field"),
    [(wrong_sign, "grad_b"), (without_prior_term, "grad_c"), (with_detached_visibles, "grad_W")],
)
def test_law_rejects(mutant, field):
    found = law_is_the_enumerated_gradient(mutant, model(K=4, D=3))
    assert not found.holds
    assert found.message == field


@pytest.mark.parametrize(("K", "D", "scale"), [(6, 4, 1.0), (16, 17, 0.7), (16, 17, 8.0)])
def test_gradient_is_the_slope_of_the_evidence(K, D, scale):
    """Central difference along a random direction, fourth order: its error is far below 1e-7 of the slope."""
    x, W, b, c = model(K, D, scale=scale)
    rng = np.random.default_rng(3)
    u, v, w = rng.normal(size=W.shape), rng.normal(size=b.shape), rng.normal(size=c.shape)
    found = log_evidence_gradient(x, W, b, c)
    step = 1e-4

    def along(t):
        return log_evidence(x, W + t * u, b + t * v, c + t * w)

    slope = (8 * (along(step) - along(-step)) - (along(2 * step) - along(-2 * step))) / (12 * step)
    exact = (found.grad_W * u).sum() + (found.grad_b * v).sum() + (found.grad_c * w).sum()
    assert abs(slope - exact) <= 1e-7 * (np.abs(found.grad_W * u).sum() + 1.0)
    assert abs(found.log_evidence - log_evidence(x, W, b, c)) <= 8 * UNIT * absolute_terms(W, b, c)


@pytest.mark.parametrize(("K", "D", "scale"), [(6, 4, 1.0), (16, 17, 0.7), (16, 17, 8.0), (16, 17, 800.0)])
def test_gradient_of_a_batch_is_the_sum(K, D, scale):
    x, W, b, c = model(K, D, scale=scale)
    batch = np.stack([x, 1 - x, x])
    whole, parts = log_evidence_gradient(batch, W, b, c), [log_evidence_gradient(r, W, b, c) for r in batch]
    tolerance = 32 * UNIT * absolute_terms(W, b, c)
    np.testing.assert_allclose(whole.log_evidence, [p.log_evidence for p in parts], rtol=0, atol=tolerance)
    for field in FIELDS[1:]:
        total = sum(getattr(p, field) for p in parts)
        np.testing.assert_allclose(getattr(whole, field), total, rtol=0, atol=tolerance)
    means = np.stack([posterior_means(r, W, b, c) for r in batch])
    np.testing.assert_allclose(posterior_means(batch, W, b, c), means, rtol=0, atol=tolerance)
