import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_twins import half_terms, log_total
from sbn_strategies import SCALES
from sbn_twins import UNIT, absolute_terms, logit, model, sigmoid

from refvi.errors import UsageError
from refvi.fast import half_priors, layout
from refvi.fast.evidence import log_evidence
from refvi.fast.half_priors import half_posterior, log_evidence_of_halves
from refvi.fast.ranges import Route
from refvi.fast.score_moments import log_q_table
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=40)
FIELDS = half_priors.HalfPosterior._fields


def halves(n1, n2, D, seed=0, scale=1.0, spread=1.0, holes=False):
    """x, W, b and two tables that are products of nothing: correlated units within each half."""
    rng = np.random.default_rng(seed)
    x, W, b, _ = model(n1 + n2, D, seed, scale)
    tables = [rng.normal(size=1 << n) * spread for n in (n1, n2)]
    if holes:
        for table in tables:
            table[rng.integers(table.size - 1)] = -np.inf
    return x, W, b, *tables


@st.composite
def models(draw):
    seed, sizes = draw(st.integers(0, 2**32 - 1)), [draw(st.integers(1, 3)) for _ in range(2)]
    scale, spread = draw(st.sampled_from(SCALES)), draw(st.sampled_from((0.0, 1.0, 300.0)))
    return halves(*sizes, draw(st.integers(1, 5)), seed, scale, spread, draw(st.booleans()))


def size(_x, W, b, *tables):
    return absolute_terms(W, b, np.zeros(W.shape[1])) + sum(
        np.abs(t[np.isfinite(t)]).max() + len(t).bit_length() for t in tables
    )


def plain(x, W, b, log_first, log_second):
    """Posterior sums over all states by math.fsum."""
    terms = [t for t in half_terms(x, W, b, log_first, log_second) if t[0] > -math.inf]
    value = log_total([t[0] for t in terms])
    weights = [math.exp(t[0] - value) for t in terms]
    D, K = W.shape
    e = [[x[d] - sigmoid(logit(W, b, d, h)) for d in range(D)] for *_, h in terms]
    grad_b = [math.fsum(w * r[d] for w, r in zip(weights, e)) for d in range(D)]
    grad_W = [
        [math.fsum(w * r[d] * t[3][k] for w, r, t in zip(weights, e, terms)) for k in range(K)]
        for d in range(D)
    ]
    first = [math.fsum(w for w, t in zip(weights, terms) if t[1] == i) for i in range(len(log_first))]
    second = [math.fsum(w for w, t in zip(weights, terms) if t[2] == j) for j in range(len(log_second))]
    return value, np.array(grad_W), np.array(grad_b), np.array(first), np.array(second)


def law_is_the_enumerated_posterior(subject, case):
    """Evidence, gradient and posterior of halves are those of math.fsum over all states, to 16 u S."""
    tolerance = 16 * UNIT * size(*case)
    return combine(
        "posterior is the enumerated one",
        (
            Outcome("posterior", float(np.abs(got - want).max()) / tolerance, 1, name)
            for name, got, want in zip(FIELDS, subject(*case), plain(*case), strict=True)
        ),
    )


@LAW
@given(models())
def test_posterior_is_the_enumerated_one(case):
    law_is_the_enumerated_posterior(half_posterior, case).raise_if_broken()
    assert log_evidence_of_halves(*case) == half_posterior(*case).log_evidence


def tables_exchanged(x, W, b, log_first, log_second):
    return half_posterior(x, W, b, log_second, log_first)


def bits_reversed(x, W, b, log_first, log_second):
    return half_posterior(x, W, b, log_first.reshape(2, 2).T.ravel(), log_second)


def prior_for_posterior(*case):
    found = half_posterior(*case)
    return found._replace(first=np.exp(case[3] - log_total(list(case[3]))))


def data_flipped(x, *rest):
    return half_posterior(1 - x, *rest)


@pytest.mark.parametrize("mutant", [tables_exchanged, bits_reversed, prior_for_posterior, data_flipped])
def test_law_rejects(mutant):
    assert not law_is_the_enumerated_posterior(mutant, halves(2, 2, 3)).holds


@pytest.mark.parametrize(
    ("scale", "route"), [(0.3, Route.NARROW), (12.0, Route.PAIR), (30.0, Route.WIDE)], ids=lambda v: str(v)
)
def test_compiled_routes_agree_with_plain_sums(monkeypatch, scale, route):
    """With impossible half states, two data, and one table far from flat."""
    x, *rest = halves(3, 7, 12, scale=scale, spread=5.0, holes=True)
    data = np.stack([x, 1 - x])
    slow, posterior = log_evidence_of_halves(data, *rest), half_posterior(x, *rest)
    monkeypatch.setattr(layout, "WORTH_COMPILING", 1)
    problem, tables = half_priors._read(x, *rest)
    assert half_priors._prepare(problem, tables).route is route
    tolerance = 16 * UNIT * size(x, *rest)
    np.testing.assert_allclose(log_evidence_of_halves(data, *rest), slow, rtol=0, atol=tolerance)
    for got, want in zip(half_posterior(x, *rest), posterior):
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)


def test_independent_units_are_a_sigmoid_belief_network():
    x, W, b, c = model(K=6, D=5)
    found = log_evidence_of_halves(x, W, b, log_q_table(c[:2]), log_q_table(c[2:]))
    assert abs(found - log_evidence(x, W, b, c)) <= 16 * UNIT * absolute_terms(W, b, c)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_first": np.zeros(3)}, r"log_first must have 2\^n entries"),
        ({"log_second": np.full(2, -np.inf)}, "log_second must be finite or -inf, with one finite entry"),
        ({"log_second": np.zeros(4)}, "log_first and log_second must have 2 bits together"),
        ({"x": np.full(3, 0.5)}, "x must hold zeros and ones"),
    ],
)
def test_bad_arguments_are_named(change, message):
    good = {"x": np.zeros(3), "W": np.zeros((3, 2)), "b": np.zeros(3), "log_first": np.zeros(2)}
    with pytest.raises(UsageError, match=message):
        log_evidence_of_halves(**(good | {"log_second": np.zeros(2)} | change))
