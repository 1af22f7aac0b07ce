"""Every sign of every printed and corrected formula carries weight: flipped, it changes what the ledger says.

The flips are made on the source of the claims, mechanically, so that no formula can hold a sign that nothing tests.
"""

import dataclasses

import pytest

from refvi.derivations import ledger, verdict
from refvi.derivations.symbols import symbols

from .mutants import sign_flips

CLAIMS = ledger.all_claims()
FEW = 3  # models; what a condition separates needs all of them


def with_signs(formula_of):
    """The claims that have a sign in this formula."""
    found = [c for c in CLAIMS if formula_of(c) and list(sign_flips(formula_of(c)))]
    return [pytest.param(claim, id=claim.id) for claim in found]


def judged(claim, **changes):
    """The verdict on a claim with one formula exchanged; what cannot be run is an error, as in the ledger."""
    models = verdict.small_models(claim)
    models = models if claim.condition else models[:: len(models) // FEW]
    try:
        return verdict.judge(dataclasses.replace(claim, **changes), models)
    except Exception as problem:
        return verdict.Verdict(verdict.ERROR, str(problem))


@pytest.mark.parametrize("claim", with_signs(lambda c: c.printed))
def test_a_flipped_sign_of_a_printed_formula_is_noticed(claim):
    before = judged(claim)
    assert before.word in verdict.VERDICTS
    for name, wrong in sign_flips(claim.printed):
        after = judged(claim, printed=wrong)
        if before.word in ("misprint", "wrong"):
            repaired = symbols(wrong) == symbols(claim.correction[1])
            assert (after.word == "holds") == repaired, f"{claim.id}: {name}: {after}"
            assert after.evidence != before.evidence, f"{claim.id}: {name} changes nothing"
        elif before.word == "settled":
            assert after.evidence.split(":")[0] != before.evidence.split(":")[0], (
                f"{claim.id}: {name}: {after}"
            )
        else:
            assert after.word != before.word, f"{claim.id}: {name}: {after}"


@pytest.mark.parametrize("claim", with_signs(lambda c: c.correction and c.correction[1]))
def test_a_flipped_sign_of_a_correction_is_an_error(claim):
    text, formula = claim.correction
    for name, wrong in sign_flips(formula):
        after = judged(claim, correction=(text, wrong))
        assert after.word == verdict.ERROR, f"{claim.id}: {name}: {after}"
        assert "so is the correction" in after.evidence


def test_there_are_signs_to_flip():
    flips = [flip for claim in CLAIMS for flip in sign_flips(claim.printed)]
    assert len(flips) > 80
