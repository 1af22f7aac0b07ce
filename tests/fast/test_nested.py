import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_twins import log_total, nested_gradient, nested_terms
from sbn_twins import UNIT, absolute_terms, model

from refvi.errors import UsageError
from refvi.fast import layout, nested, network
from refvi.fast.evidence import log_evidence
from refvi.fast.nested import log_evidence_by_prior, nested_log_evidence, nested_log_evidence_gradient
from refvi.fast.ranges import Route
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=40)
FIELDS = nested.NestedGradient._fields


def two_layers(K, K2, D, seed=0, scale=1.0, top=1.0):
    rng = np.random.default_rng(seed)
    x, W, b, c = model(K, D, seed, scale)
    return x, W, b, rng.normal(size=(K, K2)) * top, c, rng.normal(size=K2) * top


@st.composite
def networks_of_two_layers(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    scales = [draw(st.sampled_from((0.0, 1e-3, 1.0, 30.0, 800.0))) for _ in range(2)]
    return two_layers(
        draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 5)), seed, *scales
    )


def size(x, W, b, V, c, a):
    return absolute_terms(W, b, c) + np.abs(V).sum() + np.abs(a).sum() + a.size


def law_is_the_enumerated_gradient(subject, case):
    """Evidence and gradient are those of math.fsum over the states of both layers, to 16 u S."""
    tolerance = 16 * UNIT * size(*case)
    return combine(
        "gradient is the enumerated one",
        (
            Outcome("gradient", float(np.abs(got - want).max()) / tolerance, 1, name)
            for name, got, want in zip(FIELDS, subject(*case), nested_gradient(*case))
        ),
    )


@LAW
@given(networks_of_two_layers())
def test_gradient_is_the_enumerated_one(case):
    law_is_the_enumerated_gradient(nested_log_evidence_gradient, case).raise_if_broken()
    assert nested_log_evidence(*case) == nested_log_evidence_gradient(*case).log_evidence


def top_layer_not_weighted(x, W, b, V, c, a):
    return nested_log_evidence_gradient(x, W, b, V, c, 0 * a)


def connection_ignored(x, W, b, V, c, a):
    return nested_log_evidence_gradient(x, W, b, 0 * V, c, a)


def prior_mean_forgotten(x, W, b, V, c, a):
    found = nested_log_evidence_gradient(x, W, b, V, c, a)
    return found._replace(grad_a=found.grad_a + 1 / (1 + np.exp(-a)))


def transposed_states(x, W, b, V, c, a):
    found = nested_log_evidence_gradient(x, W, b, V, c, a)
    return found._replace(grad_V=found.grad_V[:, ::-1])


@pytest.mark.parametrize(
    ("mutant", "field"),
    [
        (top_layer_not_weighted, None),
        (connection_ignored, None),
        (prior_mean_forgotten, "grad_a"),
        (transposed_states, "grad_V"),
    ],
)
def test_law_rejects(mutant, field):
    found = law_is_the_enumerated_gradient(mutant, two_layers(3, 2, 4))
    assert not found.holds
    assert field in (None, found.message)


@pytest.mark.parametrize("scale", [0.3, 12.0, 30.0])
def test_products_shared_by_priors_change_nothing(monkeypatch, scale):
    """The compiled routes against one evidence after another by logarithms: two data, three priors, and two layers."""
    case = two_layers(10, 2, 12, scale=scale)
    x, W, b, _, c, _ = case
    data, priors = np.stack([x, 1 - x]), np.stack([c, -c, c + 1])
    slow = np.stack([log_evidence(data, W, b, row) for row in priors], axis=1), nested_log_evidence(*case)
    monkeypatch.setattr(layout, "WORTH_COMPILING", 1)
    route = nested.prepare_compiled(nested.read_problem(*case[:3], c)).route
    assert route is {0.3: Route.NARROW, 12.0: Route.PAIR, 30.0: Route.WIDE}[scale]
    fast = log_evidence_by_prior(data, W, b, priors), nested_log_evidence(*case)
    for got, want in zip(fast, slow):
        np.testing.assert_allclose(got, want, rtol=0, atol=16 * UNIT * size(*case))


def test_batch_is_one_after_another():
    x, *rest = two_layers(3, 2, 4)
    data = np.stack([x, 1 - x])
    whole, parts = (
        nested_log_evidence_gradient(data, *rest),
        [nested_log_evidence_gradient(r, *rest) for r in data],
    )
    np.testing.assert_array_equal(whole.log_evidence, [p.log_evidence for p in parts])
    for name in FIELDS[1:]:
        total = sum(getattr(p, name) for p in parts)
        np.testing.assert_allclose(getattr(whole, name), total, rtol=0, atol=16 * UNIT * size(x, *rest))


def test_evidence_of_two_layers_by_hand():
    """One unit in each layer."""
    case = (
        np.array([1.0]),
        np.array([[2.0]]),
        np.array([-1.0]),
        np.array([[0.7]]),
        np.array([0.5]),
        np.array([0.3]),
    )
    s = lambda t: 1 / (1 + np.exp(-t))
    given_top = [s(u) * s(1.0) + (1 - s(u)) * s(-1.0) for u in (0.5, 1.2)]
    by_hand = np.log((1 - s(0.3)) * given_top[0] + s(0.3) * given_top[1])
    assert abs(nested_log_evidence(*case) - by_hand) <= 8 * UNIT * size(*case)
    assert abs(log_total([t for t, _, _ in nested_terms(*case)]) - by_hand) <= 8 * UNIT * size(*case)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"V": np.zeros((2, 2))}, r"a must have shape \(L,\) with L = 2"),
        ({"c": np.zeros(3)}, r"c must have shape \(K,\) with K = 2"),
        ({"a": np.zeros(13), "V": np.zeros((2, 13))}, "a must have 1 to 12 entries"),
        ({"W": np.zeros((3, 4))}, r"c must have shape \(4,\)"),
        ({"x": np.full(3, 0.5)}, "x must hold zeros and ones"),
    ],
)
def test_bad_arguments_are_named(change, message):
    good = {"x": np.zeros(3), "W": np.zeros((3, 2)), "b": np.zeros(3), "V": np.zeros((2, 1))}
    good |= {"c": np.zeros(2), "a": np.zeros(1)}
    with pytest.raises(UsageError, match=message):
        nested_log_evidence(**(good | change))


def test_network_module_is_the_one_that_is_patched():
    """`layout.WORTH_COMPILING` is read at every call."""
    assert network.split_bits is layout.split_bits
