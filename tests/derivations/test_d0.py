"""D0 in the ledger: which verdicts its rows claim (`test_ledger` computes every one); its open questions by other means."""

import math
from collections import Counter

import numpy as np

from refvi.derivations import ledger
from refvi.derivations.models.discrete_vae_decoders import Logistic

ROWS = {c.id: c for c in ledger.all_claims() if c.id.startswith("d0.")}


def words(*names):
    return {ROWS[f"d0.{name}"].expected for name in names}


def test_every_part_of_the_document_has_rows():
    assert len(ROWS) >= 40
    assert Counter(c.section for c in ROWS.values()).keys() == {"1", "1.1", "1.2"}
    assert all(c.system == "S0" and c.derivation for c in ROWS.values())


def test_rows_stand_in_the_order_of_the_document():
    places = [
        list(ROWS).index(f"d0.{n}")
        for n in ("eq-1", "eq-3-jensen", "eq-e-step", "eq-4-value", "eq-5-order", "eq-6-mean")
    ]
    assert places == sorted(places)


def test_verdicts():
    assert words(
        "eq-1", "eq-2", "eq-3-jensen", "eq-3-entropy", "eq-4-prior", "eq-4-f-of-mean", "eq-6-mean"
    ) == {"holds"}
    assert words(
        "mu-from-eq-1",
        "eq-4-one-symbol",
        "eq-5-minimise",
        "eq-5-minimise-printed",
        "eq-5-arg-max",
        "eq-6-arg-max",
    ) == {"wrong"}
    assert words(
        "eq-3-insert", "eq-e-step", "eq-4-bound", "eq-4-raises-bound", "non-convex", "eq-5-close"
    ) == {"depends"}
    assert words("eq-3-sampled-q") == {"misprint"}


def test_both_questions_are_settled():
    questions = [c for c in ROWS.values() if c.question]
    assert [c.id for c in questions] == ["d0.eq-4-arg-max", "d0.eq-5-order"]
    surrogate, order = (ledger.judge(c) for c in questions)
    assert surrogate["verdict"] == order["verdict"] == "settled"
    assert surrogate["evidence"].startswith("only there: true where log p(x|h)")
    assert order["evidence"].startswith("only there: true where every μ^{h,*}_k = 1/2")


def log_p(model, x, h):
    """Eq 2 as loops."""
    value = sum(b * math.log(m) + (1 - b) * math.log(1 - m) for b, m in zip(h, model.mu_prior))
    for d, bit in enumerate(x):
        on = 1.0 / (1.0 + math.exp(-(sum(w * b for w, b in zip(model.W[d], h)) + model.c[d])))
        value += bit * math.log(on) + (1 - bit) * math.log(1 - on)
    return value


def entropy(mu):
    return -sum(m * math.log(m) + (1 - m) * math.log(1 - m) for m in mu)


def bound(model, mu):
    value = entropy(mu)
    for h in np.ndindex(2, 2):
        value += math.prod(m if b else 1 - m for m, b in zip(mu, h)) * log_p(model, model.bits, h)
    return value


def test_eq_4_exceeds_the_evidence_and_lowers_the_bound_where_causes_compete():
    model = Logistic((0.2, 0.2), (0.5, 0.5), (1,), W=((10.0, 10.0),), c=(-5.0,))
    evidence = math.log(sum(math.exp(log_p(model, (1,), h)) for h in np.ndindex(2, 2)))
    grid = [(i / 100, j / 100) for i in range(1, 100) for j in range(1, 100)]
    surrogate = max(grid, key=lambda mu: log_p(model, (1,), mu) + entropy(mu))
    exact = max(grid, key=lambda mu: bound(model, mu))
    np.testing.assert_allclose(model.mu_surrogate.value, surrogate, atol=0.006)
    assert max(surrogate) < 0.6  # both causes half on
    assert max(exact) > 0.8  # one cause explains x, the other is left to its prior
    assert min(exact) < 0.4
    assert log_p(model, (1,), surrogate) + entropy(surrogate) > evidence + 0.3
    assert bound(model, surrogate) < bound(model, exact) - 0.1
