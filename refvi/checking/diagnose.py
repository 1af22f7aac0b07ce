"""Naming a mistake: the catalogue as mutated references, other conventions, argument probes, regression on the terms.

Every hypothesis is a function from a case to quantities; it is believed only when it reproduces the implementation's
output within the tolerance that a correct implementation would get. What was tried and refuted is reported.
"""

from typing import NamedTuple

import numpy as np

from refvi.checking.accuracy import FEWEST
from refvi.checking.compare import UNIT, C
from refvi.checking.evidence import Evidence, Hypothesis
from refvi.checking.probes import other_conventions, probes, undeclared, written
from refvi.checking.regression import regress
from refvi.specs.sized import Sized, sized

LARGE = 1e6  # errors over tolerance that no rounding explains
ROUNDED = 1e4  # errors over tolerance that a step in float32 makes in most cases
INACCURATE = "the reference, to fewer digits"


class Diagnosis(NamedTuple):
    """The likely mistake.

    slug     catalogue name, or None
    says     one phrase in plain words
    seen     citations
    matches  on how many cases it reproduces the output
    cases    of how many
    ulps     worst distance from the output, in units in the last place
    refuted  names of the explanations that were tried and do not fit
    model    case -> quantities, reproducing the output; None when nothing fits
    inexact  the model is the reference itself, and the output agrees with it but for some digits
    """

    slug: str | None
    says: str
    seen: tuple
    matches: int
    cases: int
    ulps: float
    refuted: tuple
    model: object = None
    inexact: bool = False


def diagnose(spec, declared, cases, answers, rung, unit=UNIT["float64"], brief=False, references=None):
    """Explain answers that differ from the reference. `answers` holds one dict of arrays per case.

    brief       a mistake of the catalogue ends the search; what else was tried and refuted is not listed
    references  the reference's answers, where they are known already
    """
    evidence = Evidence(spec, declared, cases, answers, unit, references)
    if brief and (match := evidence.first_match(catalogue(spec, declared, rung))):
        slug, says, seen, model = match.hypothesis
        return Diagnosis(slug, says, seen, match.matches, evidence.count, match.ulps, (), model)
    alone = rung == 2 and spec.only == "value"
    tried = {kind: evidence.first_match(found) for kind, found in probes(spec, declared, alone)}
    match = (
        evidence.first_match(catalogue(spec, declared, rung))
        or evidence.first_match(relatives(spec, declared))
        or next((m for m in tried.values() if m is not None), None)
        or evidence.first_match(other_conventions(spec, declared, 2, alone))
        or evidence.first_match(_under_other_conventions(spec, declared, rung))
        or _by_terms(evidence)
        or _to_fewer_digits(evidence, rung)
    )
    refuted = ["rounding"] if evidence.worst() > LARGE else []
    refuted += [kind for kind, m in tried.items() if m is None]
    if match is None:
        return Diagnosis(None, "", (), 0, evidence.count, 0.0, tuple(refuted))
    slug, says, seen, model = match.hypothesis
    if says == INACCURATE:
        others = tuple(r for r in refuted if r != "rounding")
        return Diagnosis(None, "", (), 0, evidence.count, 0.0, others, model, inexact=True)
    return Diagnosis(slug, says, seen, match.matches, evidence.count, match.ulps, tuple(refuted), model)


def catalogue(spec, declared, rung):
    """The named mistakes of a spec as hypotheses; a gradient mistake explains no value."""
    for mistake in spec.mistakes.values():
        if rung == 1 and mistake.of == "gradient" and spec.only == "value":
            continue
        yield Hypothesis(mistake.slug, mistake.says, mistake.seen, _mutant(spec, declared, mistake))


def relatives(spec, declared):
    """Other valid answers of a spec as hypotheses: not what was declared, and no mistake either."""
    for relative in spec.relatives.values():
        yield Hypothesis(None, relative.says, (), _mutant(spec, declared, relative))


def _under_other_conventions(spec, declared, rung):
    """Mistakes and relatives in conventions that were not declared."""
    for count in (1, 2):
        for changed in undeclared(spec, declared, count):
            other = {**declared, **changed}
            for h in [*catalogue(spec, other, rung), *relatives(spec, other)]:
                yield h._replace(says=f"{h.says}; it also follows {written(changed)}, not declared")


def _by_terms(evidence):
    hypothesis = regress(evidence)
    return evidence.match(hypothesis) if hypothesis is not None else None


def _to_fewer_digits(evidence, rung):
    """The reference but for some digits; a mistake to the accuracy of float32, where the answers are wider than that."""
    spec, declared = evidence.spec, evidence.declared
    right = Hypothesis(None, INACCURATE, (), lambda case: spec.answer(case.inputs, declared))
    if match := evidence.match(_widened(right, FEWEST / (C * evidence.unit))):
        return match
    if evidence.unit != UNIT["float64"] or not evidence.rounds_often(ROUNDED):
        return None
    wrong = [h._replace(says=f"{h.says}; it also rounds to float32") for h in catalogue(spec, declared, rung)]
    return evidence.first_match([_widened(h, UNIT["float32"] / UNIT["float64"]) for h in wrong])


def _widened(hypothesis, factor):
    """The same answer, with rounding errors that many times as large."""

    def quantities(case):
        found = hypothesis.model(case)
        return {q: Sized(a.value, factor * (a.size + np.abs(a.value))) for q, a in found.items()}

    return hypothesis._replace(model=quantities)


def _mutant(spec, declared, mistake):
    def quantities(case):
        inputs = spec.canonical(case.inputs, declared)
        plain = {k: np.array(sized(v).value) for k, v in inputs.items()}
        wrong = mistake.wrong(**plain)
        if mistake.of == "value":
            return {"value": spec.finish(wrong, inputs, declared)}
        return spec.finish_gradient(wrong, case.inputs, inputs, declared)

    return quantities


__all__ = ["Diagnosis", "diagnose"]
