"""The verdict on a claim, computed: printed formula, condition and correction are run on small models.

    holds     the printed formula is true on every model
    depends   true on every model of the stated condition, false on one outside it
    misprint  false, the correction is true, they differ in at most two symbols, and the document itself has it right
              elsewhere: the correction names that place (`slip`), so that the author is known to have meant it
    wrong     false, the correction is true, but the document means what it says, or they differ in more symbols
    settled   an open question of the document: the answer is computed
    error     anything else, loudly: no correction, a false one, a slip of more than two symbols, a condition that does
              not tell, a value that decides nothing

Checked by  tests/derivations/test_verdict.py
"""

from typing import Any, NamedTuple

import numpy as np

from refvi.derivations.claim import Undefined
from refvi.derivations.compare import compare
from refvi.derivations.draw import describe, from_generator, inject
from refvi.derivations.numbers import computed
from refvi.derivations.symbols import symbols_changed

VERDICTS = ("holds", "misprint", "wrong", "depends", "settled")
ERROR = "error"
SLIP = 2  # symbols: a misprint changes no more
MODELS = 12
SIGNS = {">=": "≥", "<=": "≤", "!=": "≠"}


class Trial(NamedTuple):
    """A formula on one model: whether it is true, whether that could be decided, the numbers as text."""

    holds: bool
    decided: bool
    worst: float
    text: str
    model: Any

    @property
    def where(self):
        """The numbers, and the model that gives them."""
        return f"{self.text} {'' if self.holds else 'is false '}at {describe(self.model)}"


class Verdict(NamedTuple):
    """A word of `VERDICTS` or "error", and the numbers that it rests on."""

    word: str
    evidence: str


def small_models(claim, count=MODELS, seed=0):
    """Models for a claim, the smallest first, so that the first counterexample is the smallest."""
    draws = from_generator(np.random.default_rng(seed))
    return sorted((claim.models(draws) for _ in range(count)), key=lambda m: len(describe(m)))


def try_formula(claim, formula, model):
    """Evaluate both sides on a model (and where the bound must be attained) and compare."""
    try:
        trial = _compared(claim.relation, formula, model)
        if trial.holds and claim.tight:
            attained = _compared("=", formula, getattr(model, claim.tight)())
            return trial if attained.holds else attained
    except Undefined as undefined:
        return Trial(False, True, float("inf"), f"[{undefined}]", model)
    return trial


def _compared(relation, formula, model):
    with np.errstate(all="ignore"):
        left, right = (computed(side) for side in inject(formula, model))
        extra = 0.0
        if hasattr(model, "coarser"):
            rough = [computed(side) for side in inject(formula, model.coarser())]
            extra = sum(np.abs(a.value - b.value) for a, b in zip((left, right), rough))
        found = compare(relation, left, right, extra)
    sign = SIGNS.get(relation, relation)
    text = f"{_brief(left)} {sign} {_brief(right)}"
    return Trial(found.holds, found.decided, found.worst, text, model)


def _brief(value):
    """Up to four entries with six digits."""
    entries = [f"{v:.6g}" for v in value.value.ravel()]
    text = ", ".join(entries[:4]) + (", ..." if len(entries) > 4 else "")
    return f"({text})" if value.value.ndim else text


def judge(claim, models=None):
    """The verdict on a claim; `models` replaces the ones that are drawn."""
    models = small_models(claim) if models is None else models
    trials = [try_formula(claim, claim.printed, m) for m in models]
    vague = next((t for t in trials if not t.decided), None)
    if vague:
        return Verdict(ERROR, f"the numbers decide nothing: {vague.where}")
    if claim.question:
        return _settled(claim, models, trials)
    if all(t.holds for t in trials):
        return Verdict("holds", _holding(trials))
    if claim.condition:
        return _depends(claim, models, trials)
    return _corrected(claim, models, trials)


def _holding(trials):
    worst = max(t.worst for t in trials)
    return f"true on {len(trials)} models, {_worst(worst)}; e.g. {trials[0].where}"


def _worst(worst):
    return f"worst error {worst:.2g} of the tolerance" if worst > 0.0 else "never violated"


def _depends(claim, models, trials):
    text, condition = claim.condition
    inside = [bool(inject(condition, m)) for m in models]
    kept = [t for t, yes in zip(trials, inside) if yes]
    others = [t for t, yes in zip(trials, inside) if not yes]
    broken = next((t for t in kept if not t.holds), None)
    outside = [t for t in others if not t.holds]
    if broken:
        return Verdict(ERROR, f"false although {text}: {broken.where}")
    if len(kept) < 2 or not outside:
        return Verdict(
            ERROR,
            f"the condition tells nothing apart: {text}: {len(kept)} models inside, {len(outside)} false outside",
        )
    return Verdict(
        "depends",
        f"true where {text} ({len(kept)} models, e.g. {kept[0].where}); "
        f"not elsewhere ({len(outside)} of {len(others)} models, e.g. {outside[0].where})",
    )


def _corrected(claim, models, trials):
    false = next(t for t in trials if not t.holds)
    if claim.correction is None:
        return Verdict(ERROR, f"false, and no correction is known: {false.where}")
    formula = claim.correction[1]
    again = [try_formula(claim, formula, m) for m in models]
    broken = next((t for t in again if not t.holds), None)
    if broken:
        return Verdict(ERROR, f"printed is false ({false.where}), and so is the correction: {broken.where}")
    count = symbols_changed(claim.printed, formula)
    if claim.slip and count > SLIP:
        return Verdict(ERROR, f"called a slip, but {count} symbols differ: {false.where}")
    return Verdict(
        "misprint" if claim.slip else "wrong",
        f"printed: {false.where}; corrected: {again[models.index(false.model)].text}, true on {len(again)} models; "
        f"{count} symbol{'s' if count != 1 else ''} differ{'s' if count == 1 else ''}"
        + (f"; a slip: {claim.slip}" if claim.slip else ""),
    )


def _settled(claim, models, trials):
    if all(t.holds for t in trials):
        return Verdict("settled", f"yes: {_holding(trials)}")
    if claim.condition:
        found = _depends(claim, models, trials)
        if found.word == ERROR:
            return found
        return _beside(claim, models, trials, Verdict("settled", f"only there: {found.evidence}"))
    if any(t.holds for t in trials):
        return Verdict(
            ERROR,
            f"sometimes true, sometimes false, and no condition: {next(t for t in trials if not t.holds).where}",
        )
    answer = f"no: {trials[0].where}"
    if claim.correction is None:
        return Verdict("settled", answer)
    found = _corrected(claim, models, trials)
    return found if found.word == ERROR else Verdict("settled", f"no: {found.evidence}")


def _beside(claim, models, trials, found):
    """A verdict whose claim has a correction as well, once that is true on every model."""
    if claim.correction is None:
        return found
    corrected = _corrected(claim, models, trials)
    return corrected if corrected.word == ERROR else found
