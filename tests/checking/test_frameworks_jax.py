"""JAX functions: gradients by jax.vjp in double precision, stop_gradient, tracing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refvi
from tests.checking import shipped

CASES = 5
FUNCTIONS = dict(shipped.functions("jax_iwae_gradient", "jax_pathwise_gradient", "jax_mixtures"))


@pytest.mark.parametrize(
    "name",
    [
        "jax_iwae_gradient::bound",
        "jax_iwae_gradient::weights_not_stopped",
        "jax_pathwise_gradient::elbo",
        "jax_pathwise_gradient::stopped_sample",
        "jax_mixtures::by_scan",
    ],
)
def test_shipped_functions_get_the_verdict_they_expect(name):
    report = refvi.check(FUNCTIONS[name], cases=CASES)
    assert report.framework == "jax"
    assert report.dtype == "float64"
    assert report.passed, report.text()


def test_all_shipped_files_have_right_and_wrong_functions():
    assert len(FUNCTIONS) >= 7


def test_a_function_that_cannot_be_traced_is_called_as_it_is():
    def bound(log_weights):
        top = np.asarray(log_weights).max(0)  # leaves JAX
        return jnp.asarray(top + np.log(np.exp(np.asarray(log_weights) - top).mean(0))), jax.nn.softmax(
            log_weights, 0
        )

    report = refvi.check("iwae.bound", bound, framework="jax", cases=CASES)
    assert report.passed, report.text()
    assert report.compared == ("value", "grad.log_weights")


def test_a_function_that_looks_at_values_is_differentiated():
    def bound(log_weights):
        shift = log_weights.max() if log_weights.max() > 700 else log_weights.max(0)
        return shift + jnp.log(jnp.exp(log_weights - shift).mean(0))

    report = refvi.check("iwae.bound", bound, framework="jax", cases=CASES)
    assert report.passed, report.text()
    assert report.compared == ("value", "grad.log_weights")


def test_few_shapes_are_compiled():
    seen = set()

    def bound(log_weights):
        seen.add(log_weights.shape)
        return jax.scipy.special.logsumexp(log_weights, axis=0) - jnp.log(log_weights.shape[0])

    assert refvi.check("iwae.bound", bound, framework="jax", cases=40).passed
    edges = 4  # shapes of the edges: (3, 1), (3, 2), (1, 2)
    assert len(seen) <= 4 + edges
