"""What a hypothesis is judged by: the answers of an implementation on every case, and the reference beside them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refvi.checking.compare import UNIT, agrees, compare

FAILURES = (ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError)


class Hypothesis(NamedTuple):
    """One explanation: a slug of the catalogue or None, plain words, citations, and case -> {quantity: Sized}."""

    slug: str | None
    says: str
    seen: tuple
    model: Callable


class Match(NamedTuple):
    """A hypothesis that reproduces the answers: on how many cases, and at which worst distance in ulp."""

    hypothesis: Hypothesis
    matches: int
    ulps: float


class Evidence:
    """Answers on cases, with the reference; `unit` is the unit roundoff of the implementation's arithmetic.

    A hypothesis explains the answers when it reproduces every case in generic position and differs from the reference
    in one of them; where it equals the reference there, it has to reproduce the edges as well, and differ at one.
    """

    def __init__(self, spec, declared, cases, answers, unit=UNIT["float64"]):
        self.spec, self.declared, self.unit = spec, declared, unit
        with np.errstate(all="ignore"):
            rows = [(c, a, spec.answer(c.inputs, declared)) for c, a in zip(cases, answers, strict=True)]
        self.generic = [row for row in rows if not row[0].edge]
        self.edges = [row for row in rows if row[0].edge]

    @property
    def count(self):
        """Number of cases."""
        return len(self.generic) + len(self.edges)

    def worst(self):
        """Largest error over its tolerance; inf where a shape is wrong."""
        found = 0.0
        for _, got, reference in self.generic + self.edges:
            for q in got:
                same = q in reference and np.shape(got[q]) == reference[q].shape
                found = max(found, compare(got[q], reference[q], self.unit).ratio if same else np.inf)
        return found

    def first_match(self, hypotheses):
        """The first hypothesis that explains every case, else the one that explains most; None where none does."""
        best = None
        for hypothesis in hypotheses:
            match = self.match(hypothesis)
            if match is not None and match.matches == self.count:
                return match
            if match is not None and (best is None or match.matches > best.matches):
                best = match
        return best

    def match(self, hypothesis):
        """The `Match` of one hypothesis, or None."""
        matches, ulps, new = 0, 0.0, False
        for row in self.generic:
            gap, differs = self._reproduces(hypothesis.model, row)
            if gap is None:
                return None
            matches, ulps, new = matches + 1, max(ulps, gap), new or differs
        for row in self.edges:
            gap, differs = self._reproduces(hypothesis.model, row)
            if gap is None and not new:
                return None
            matches += gap is not None
        if new or any(self._reproduces(hypothesis.model, row)[1] for row in self.edges):
            return Match(hypothesis, matches, ulps)
        return None

    def _reproduces(self, model, row):
        """Distance in ulp, or None where it does not reproduce the answer; and whether it differs from the reference.

        What a hypothesis says nothing about has to be right.
        """
        case, got, reference = row
        try:
            with np.errstate(all="ignore"):
                predicted = {**reference, **model(case)}
        except FAILURES:
            return None, False
        gap, differs = 0.0, False
        for q, array in got.items():
            if q not in predicted or not agrees(array, predicted[q], self.unit):
                return None, False
            differs = differs or q not in reference or not agrees(predicted[q].value, reference[q], self.unit)
            gap = max(gap, _ulps(array, predicted[q].value, self.unit))
        return gap, differs


def _ulps(got, predicted, unit):
    with np.errstate(all="ignore"):
        gaps = np.abs(got - predicted) / (unit * np.maximum(np.abs(predicted), 1e-300))
    return float(np.max(gaps, initial=0.0, where=np.isfinite(gaps)))
