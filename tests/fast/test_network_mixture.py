import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_twins import log_total
from sbn_strategies import SCALES
from sbn_twins import UNIT, absolute_terms, enumerate_states, model

from refvi.errors import UsageError
from refvi.fast.network_mixture import mixture_log_evidence, mixture_log_evidence_gradient
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=30)


def mixture(D, sizes, seed=0, scale=1.0, mix=1.0):
    """x, mix, networks of the given numbers of hidden units."""
    parts = [model(K, D, seed + m, scale) for m, K in enumerate(sizes)]
    return (
        parts[0][0],
        np.random.default_rng(seed).normal(size=len(sizes)) * mix,
        [part[1:] for part in parts],
    )


@st.composite
def mixtures(draw):
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    seed, D = draw(st.integers(0, 2**31)), draw(st.integers(1, 5))
    return mixture(D, sizes, seed, draw(st.sampled_from(SCALES)), draw(st.sampled_from((0.0, 1.0, 300.0))))


def size(_x, mix, networks):
    return 2 * np.abs(mix).sum() + len(mix) + sum(absolute_terms(*network) for network in networks)


def plain(x, mix, networks):
    """Evidence, gradient in mix and in all networks, from enumerated networks."""
    twins = [enumerate_states(x, *network) for network in networks]
    log_weight = [v - log_total(list(mix)) for v in mix]
    logs = [w + t.log_evidence for w, t in zip(log_weight, twins)]
    value = log_total(logs)
    r = [np.exp(v - value) for v in logs]
    parts = [[share * g for g in (t.grad_W, t.grad_b, t.grad_c)] for share, t in zip(r, twins)]
    return value, np.array([p - np.exp(w) for p, w in zip(r, log_weight)]), parts


def law_is_the_enumerated_gradient(subject, case):
    """Evidence and gradients are the enumerated ones, to 16 u S."""
    found, (value, grad_mix, parts) = subject(*case), plain(*case)
    pairs = [("log_evidence", found.log_evidence, value), ("grad_mix", found.grad_mix, grad_mix)]
    for got, want in zip(found.networks, parts, strict=True):
        pairs += [(f"grad_{name}", g, w) for name, g, w in zip("Wbc", got, want, strict=True)]
    return combine(
        "gradient is the enumerated one",
        (
            Outcome("gradient", float(np.abs(got - want).max()) / (16 * UNIT * size(*case)), 1, name)
            for name, got, want in pairs
        ),
    )


@LAW
@given(mixtures())
def test_gradient_is_the_enumerated_one(case):
    law_is_the_enumerated_gradient(mixture_log_evidence_gradient, case).raise_if_broken()
    assert mixture_log_evidence(*case) == mixture_log_evidence_gradient(*case).log_evidence


def weights_not_normalised(x, mix, networks):
    found = mixture_log_evidence_gradient(x, mix, networks)
    return found._replace(log_evidence=found.log_evidence + log_total(list(mix)))


def equal_responsibilities(x, _mix, networks):
    return mixture_log_evidence_gradient(x, np.zeros(len(networks)), networks)


def prior_forgotten(x, mix, networks):
    found = mixture_log_evidence_gradient(x, mix, networks)
    return found._replace(grad_mix=found.responsibilities.sum(axis=0))


def components_exchanged(x, mix, networks):
    found = mixture_log_evidence_gradient(x, mix, networks)
    return found._replace(networks=found.networks[::-1])


@pytest.mark.parametrize(
    "mutant", [weights_not_normalised, equal_responsibilities, prior_forgotten, components_exchanged]
)
def test_law_rejects(mutant):
    assert not law_is_the_enumerated_gradient(mutant, mixture(4, (3, 3))).holds


def test_batch_is_one_after_another():
    x, mix, networks = mixture(4, (2, 3))
    data = np.stack([x, 1 - x])
    whole = mixture_log_evidence_gradient(data, mix, networks)
    parts = [mixture_log_evidence_gradient(row, mix, networks) for row in data]
    np.testing.assert_array_equal(whole.log_evidence, [p.log_evidence for p in parts])
    np.testing.assert_array_equal(whole.log_evidence, mixture_log_evidence(data, mix, networks))
    total = sum(p.networks[1][0] for p in parts)
    np.testing.assert_allclose(whole.networks[1][0], total, rtol=0, atol=16 * UNIT * size(x, mix, networks))


def test_bad_arguments_are_named():
    x, mix, networks = mixture(4, (2, 3))
    with pytest.raises(UsageError, match="networks must be 3 triples"):
        mixture_log_evidence(x, np.zeros(3), networks)
    with pytest.raises(UsageError, match=r"x must have shape \(4,\)"):
        mixture_log_evidence(x[:3], mix, networks)
