"""The fast answers against the plain model of the house, which shares no line with them."""

import numpy as np
import pytest
from sbn_twins import UNIT, absolute_terms, model

from refvi.estimators import finite, score_function
from refvi.fast.evidence import log_evidence, log_joint_table
from refvi.fast.gradient import log_evidence_gradient
from refvi.fast.iwae_integral import iwae_bound
from refvi.fast.layout import worth_compiling
from refvi.fast.score_moments import leave_one_out_moments, log_q_table, score_function_moments
from refvi.models import sigmoid_belief as plain


def networks(K, D, scale):
    """One network in both languages: the model's first unit is the highest bit, which only tables see."""
    x, W, b, c = model(K, D, scale=scale)
    return (x, W, b, c), (x[None], plain.Generative(c, W, b))


@pytest.mark.parametrize(("K", "D", "scale"), [(1, 1, 1.0), (5, 3, 0.3), (9, 4, 3.0), (10, 1100, 0.1)])
def test_evidence_and_gradient(K, D, scale):
    fast, (x, theta) = networks(K, D, scale)
    assert worth_compiling(K, D) == (D > 1000)
    target = "cpu" if D > 1000 else "python"
    twin, found = plain.log_evidence(x, theta, target), log_evidence_gradient(*fast)
    tolerance = 16 * UNIT * absolute_terms(*fast[1:])
    assert abs(log_evidence(*fast) - twin.log_evidence[0]) <= tolerance
    for name, want in (("W", "weights"), ("b", "bias"), ("c", "prior_logits")):
        got, exact = getattr(found, f"grad_{name}"), getattr(twin.grad_theta, want)
        np.testing.assert_allclose(got, exact, rtol=0, atol=tolerance)


def test_bounds_and_estimators_from_tables():
    """ELBO, its gradient, and both estimators' variances with three samples."""
    fast, (x, theta) = networks(K=3, D=4, scale=1.0)
    rng = np.random.default_rng(5)
    phi = plain.Recognition(rng.normal(size=(3, 4)), rng.normal(size=3))
    logits = phi.bias + phi.weights @ x[0]
    tables = plain.tables(x[0], theta, phi)
    bound = plain.elbo(x, theta, phi)
    f = log_joint_table(*fast) - log_q_table(logits)
    tolerance = 64 * UNIT * absolute_terms(*fast[1:]) * (1 + np.abs(f).max())
    assert abs(iwae_bound(f, log_q_table(logits), 1) - bound.elbo[0]) <= tolerance
    for estimator, ours in (
        (score_function.score_function, score_function_moments(f, logits, 3)),
        (score_function.leave_one_out, leave_one_out_moments(f, logits, 3)),
    ):
        twin = finite.moments(estimator, tables, theta, phi, 3)
        np.testing.assert_allclose(ours.mean, bound.grad_phi.bias, rtol=0, atol=tolerance)
        np.testing.assert_allclose(ours.variance, twin.variance_phi.bias, rtol=0, atol=tolerance)
