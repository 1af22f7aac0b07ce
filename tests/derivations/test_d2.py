"""D2 in the ledger: which verdicts its rows claim (`test_ledger` computes every one), and key numbers by other means."""

import math

import numpy as np
import pytest

from refvi.derivations import ledger
from refvi.derivations.models.covers import Covered, Missing
from refvi.derivations.models.walks import Canonical, Ring

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
    return {c.id: c.expected for c in ledger.all_claims() if c.id.startswith("d2.")}


def test_verdicts_of_the_bound(verdicts):
    assert verdicts["d2.eq-insert-q"] == verdicts["d2.eq-split"] == "misprint"
    assert verdicts["d2.eq-drop-divergence"] == "holds"


def test_verdicts_of_wake_sleep(verdicts):
    assert verdicts["d2.sleep-maximises"] == "misprint"
    assert verdicts["d2.recognition-update"] == "wrong"
    assert verdicts["d2.mode-averaging-of-the-bound"] == verdicts["d2.explaining-away"] == "wrong"
    assert verdicts["d2.all-weights-from-dreams"] == verdicts["d2.description-length-sleep"] == "wrong"
    assert verdicts["d2.wake-step"] == verdicts["d2.may-not-converge-round"] == "depends"


def test_verdicts_of_the_auto_encoder(verdicts):
    assert verdicts["d2.eq-update"] == verdicts["d2.eq-recognition"] == "misprint"
    assert verdicts["d2.not-for-discrete"] == "wrong"
    assert verdicts["d2.kl-distance"] == verdicts["d2.ancestral-inference"] == "depends"


def test_verdicts_of_the_chains(verdicts):
    assert verdicts["d2.eq-algorithm-acceptance"] == "misprint"
    assert verdicts["d2.eq-canonical"] == "wrong"
    assert verdicts["d2.samples-converge"] == "wrong"
    assert verdicts["d2.canonical-marginal"] == verdicts["d2.eq-kinetic"] == "depends"


def test_every_part_of_the_document_has_rows(verdicts):
    sections = {c.section for c in ledger.all_claims() if c.id.startswith("d2.")}
    assert sections == {"1.1.1", "1.1.2", "1.1.3", "1.1.4", "1.1.5", "2.1", "2.2.1"}
    assert len(verdicts) >= 70


def test_the_canonical_density_integrates_to_one():
    model = Canonical((3, 5), (-0.7, 0.9), (0.6, 0.8), 1.7)
    line = np.arange(-14.0, 14.0, 0.02)
    q, p = np.meshgrid(line, line, indexing="ij")
    mass = np.exp(-(model.U(q).value + 0.5 * p**2) / 1.7).sum() * 0.02**2
    one_momentum_more = math.sqrt(2 * math.pi * 1.7)
    assert float(model.Z) == pytest.approx(mass * one_momentum_more, rel=1e-12)


def test_the_ring_keeps_its_target_by_a_matrix_written_out():
    model = Ring((2, 5, 3), ((1, 2, 2), (2, 1, 2), (2, 2, 1)), symmetric=True)
    target = [0.2, 0.5, 0.3]
    after = [0.0, 0.0, 0.0]
    for x in range(3):
        stays = 1.0
        for y in range(3):
            if y != x:
                moved = 0.4 * min(1.0, target[y] / target[x])
                after[y] += target[x] * moved
                stays -= moved
        after[x] += target[x] * stays
    accept = model.min(1.0, model.P_there / model.P_here)
    np.testing.assert_allclose(model.after_step(model.P, accept).value, after, rtol=1e-14)
    np.testing.assert_allclose(after, target, rtol=1e-14)


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
