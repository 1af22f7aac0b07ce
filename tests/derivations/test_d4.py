"""D4 in the ledger: which verdicts its rows claim (`test_ledger` computes every one); the open question by other means."""

import math

import numpy as np
import pytest

from refvi.derivations import ledger
from refvi.derivations.draw import from_generator
from refvi.derivations.models.mixtures import mixtures

ROWS = {c.id: c for c in ledger.all_claims() if c.id.startswith("d4.")}


@pytest.fixture(scope="module")
def verdicts():
    return {id: claim.expected for id, claim in ROWS.items()}


def words(verdicts, *names):
    return [verdicts[f"d4.{name}"] for name in names]


def test_every_part_of_the_document_has_rows():
    assert len(ROWS) >= 55
    assert {c.section for c in ROWS.values()} == {
        "Latent Variable Models",
        "Learning and Inference",
        "Tractable case",
        "Directly optimizing",
        "EM",
        "Intractable case",
        "Variational EM",
        "SVI",
        "Deep inference and VAEs",
    }


def test_rows_stand_in_the_order_of_the_document():
    ids = list(ROWS)
    order = [
        "eq-evidence",
        "eq-gradient",
        "eq-e-step",
        "eq-m-step",
        "eq-vi-insert",
        "eq-svi-inner",
        "eq-pathwise",
    ]
    places = [ids.index(f"d4.{name}") for name in order]
    assert places == sorted(places)


def test_misprints(verdicts):
    names = ("eq-gradient", "gradient-descent", "eq-e-step", "eq-vi-insert", "vi-identity", "lambda-count")
    assert set(words(verdicts, *names)) == {"misprint"}
    assert set(words(verdicts, "eq-variational-m-step", "eq-svi-inner", "generative-network")) == {"misprint"}


def test_the_minibatch_step_is_wrong_without_its_factor(verdicts):
    assert words(verdicts, "eq-svi-outer", "svi-first-data") == ["wrong", "wrong"]


def test_conditions(verdicts):
    names = ("eq-data-evidence", "eq-ascent", "generalised-em", "eq-vi-strict", "reduces-to-em")
    assert set(words(verdicts, *names)) == {"depends"}
    assert set(words(verdicts, "eq-theta-gradient-decoder", "predicted-parameters")) == {"depends"}


def test_the_open_question_is_settled():
    row = ledger.judge(ROWS["d4.same-form-as-m-step"])
    assert row["verdict"] == "settled"
    assert row["evidence"].startswith("only there: true where θ = θ^(i)")


def log_likelihood(theta, xs):
    """The mixture's log likelihood as loops, θ as in the model."""
    weights = [math.exp(a) for a in theta[:2]]
    total = 0.0
    for x in xs:
        p = 0.0
        for k in range(2):
            chance = weights[k] / sum(weights)
            for d, bit in enumerate((x // 2, x % 2)):
                on = 1.0 / (1.0 + math.exp(-theta[2 + 2 * k + d]))
                chance *= on if bit else 1.0 - on
            p += chance
        total += math.log(p)
    return total


def test_the_gradient_needs_its_logarithm_by_plain_differences():
    model = mixtures(from_generator(np.random.default_rng(4)))
    h = 1e-6
    for i in range(6):
        up, down = list(model.theta), list(model.theta)
        up[i] += h
        down[i] -= h
        numeric = (log_likelihood(up, model.xs) - log_likelihood(down, model.xs)) / (2 * h)
        assert float(model.gradient[i]) == pytest.approx(numeric, abs=1e-8)
    assert np.abs(model.E_now(model.grad_joint).value - model.gradient.value).max() > 1e-2


def test_every_row_names_its_chain():
    assert all(claim.derivation for claim in ROWS.values())
