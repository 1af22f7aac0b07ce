"""D2 in the ledger: every verdict, and its key numbers by other means."""

import math

import pytest

from refvi.derivations import ledger
from refvi.derivations.models.covers import Covered, Missing

from .refused import assert_refused, cases

MUTANTS = {
    "iwae.converges-unbounded": [
        ("'log p(x)', log(evidence)", "'log p(x)', log(evidence) + 0.01", 2),
        ("ks, 1.0", "ks, 2.0", 2),
        ("bound(k), 'iwae", "bound(k + 2), 'iwae", 4),
    ],
    "iwae.limit-missing": [
        ("'lim L_k', limit", "'lim L_k', -limit", 2),
        ("joint[drawn] / q[drawn]", "joint[drawn]", 2),
        ("prior[drawn] * likelihood[drawn]", "prior * likelihood", 3),
    ],
}


@pytest.mark.parametrize(("name", "old", "new", "step"), cases(MUTANTS))
def test_a_wrong_variant_is_refused_at_its_step(name, old, new, step):
    assert_refused(name, old, new, step)


@pytest.fixture(scope="module")
def verdicts():
    return {c.id: ledger.judge(c)["verdict"] for c in ledger.all_claims() if c.id.startswith("d2.")}


def test_verdicts_of_the_bound(verdicts):
    assert verdicts["d2.eq-insert-q"] == verdicts["d2.eq-split"] == "misprint"
    assert verdicts["d2.eq-drop-divergence"] == "holds"


def test_verdicts_of_wake_sleep(verdicts):
    assert verdicts["d2.sleep-maximises"] == "misprint"
    assert verdicts["d2.recognition-update"] == "wrong"
    assert verdicts["d2.mode-averaging-of-the-bound"] == verdicts["d2.explaining-away"] == "misprint"
    assert verdicts["d2.wake-step"] == verdicts["d2.may-not-converge-round"] == "depends"


def test_verdicts_of_the_importance_weighted_bound(verdicts):
    assert verdicts["d2.eq-subsets"] == "depends"
    assert verdicts["d2.eq-mean-of-subsets"] == verdicts["d2.eq-forget-subsets"] == "misprint"
    assert verdicts["d2.eq-monotone"] == "holds"
    assert verdicts["d2.has-to-be-bounded"] == "wrong"
    assert verdicts["d2.eq-limit"] == "depends"


@pytest.mark.parametrize("s", [0.9, 1.2])
def test_one_sample_is_the_elbo_in_closed_form(s):
    model = Covered(0.3, s)
    divergence = 0.5 * (s**2 - 1.0) - math.log(s)
    assert float(model.bound(1)) == pytest.approx(math.log(0.3) - divergence, abs=1e-13)


def test_the_gap_times_k_tends_to_half_the_variance_of_unbounded_weights():
    s = 0.93
    square = s**2 / math.sqrt(2.0 * s**2 - 1.0)  # E_q w² / p(x)² by hand
    gap = 8192 * (math.log(0.3) - float(Covered(0.3, s).bound(8192)))
    assert gap == pytest.approx((square - 1.0) / 2.0, rel=1e-3)


def test_a_q_that_misses_a_state_loses_its_part_of_the_evidence():
    model = Missing((1, 1), (0.5, 0.3), (1, 9))
    assert float(model.limit) == pytest.approx(
        math.log(0.25), abs=1e-12
    )  # one state is drawn: every L_k is log w
