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

    A hypothesis explains the answers when it reproduces every case in generic position, one that is wrong among them.
    At the edges things break in their own way, to inf, NaN or a clamped number: where nothing else is wrong, it has to
    be right where the answer is right and wrong where the answer is wrong.
    """

    def __init__(self, spec, declared, cases, answers, unit=UNIT["float64"], references=None):
        self.spec, self.declared, self.unit = spec, declared, unit
        with np.errstate(all="ignore"):
            references = references or [spec.answer(c.inputs, declared) for c in cases]
        rows = list(zip(cases, answers, references, strict=True))
        self.generic = [row for row in rows if not row[0].edge]
        self.edges = [row for row in rows if row[0].edge]
        self.wrong_in_general = any(
            self._distance(got, reference) is None for _, got, reference in self.generic
        )

    @property
    def count(self):
        """Number of cases."""
        return len(self.generic) + len(self.edges)

    def worst(self):
        """Largest error over its tolerance, at the edges only where it is right elsewhere; inf for a wrong shape."""
        found = 0.0
        for _, got, reference in self.generic if self.wrong_in_general else self.edges:
            for q in got:
                same = q in reference and np.shape(got[q]) == reference[q].shape
                found = max(found, compare(got[q], reference[q], self.unit).ratio if same else np.inf)
        return found

    def rounds_often(self, least):
        """Whether most cases in generic position are off by at least so many tolerances, as one short format makes them."""
        same = [(g, r) for _, g, r in self.generic if all(np.shape(g[q]) == r[q].shape for q in g)]
        off = [
            max(compare(got[q], reference[q], self.unit).ratio for q in got) >= least
            for got, reference in same
        ]
        return len(off) > 0 and 2 * sum(off) > len(off)

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
        matches, ulps = 0, 0.0
        for row in self.generic + self.edges:
            gap = self._reproduces(hypothesis.model, *row)
            if gap is None and not (
                row[0].edge and (self.wrong_in_general or self._breaks_too(hypothesis.model, *row))
            ):
                return None
            if gap is not None:
                matches, ulps = matches + 1, max(ulps, gap)
        return Match(hypothesis, matches, ulps)

    def _breaks_too(self, model, case, got, reference):
        """Whether both the answer and the hypothesis are wrong on a case."""
        return self._distance(got, reference) is None and not self._is_right(model, case, got, reference)

    def _is_right(self, model, case, got, reference):
        """Whether a hypothesis is right in the quantities of the answer."""
        try:
            with np.errstate(all="ignore"):
                plain = {q: a.value for q, a in model(case).items() if q in got}
        except FAILURES:
            return False
        return self._distance(plain, reference) is not None

    def _reproduces(self, model, case, got, reference):
        """Distance in ulp, or None; what a hypothesis says nothing about has to be right, and it has to say something."""
        try:
            with np.errstate(all="ignore"):
                said = model(case)
        except FAILURES:
            return None
        return self._distance(got, {**reference, **said}) if said.keys() & got.keys() else None

    def _distance(self, got, predicted):
        """Largest distance in ulp of answers that agree, None where they do not."""
        if not all(q in predicted and agrees(array, predicted[q], self.unit) for q, array in got.items()):
            return None
        return max((_ulps(array, predicted[q].value, self.unit) for q, array in got.items()), default=0.0)


def _ulps(got, predicted, unit):
    with np.errstate(all="ignore"):
        gaps = np.abs(got - predicted) / (unit * np.maximum(np.abs(predicted), 1e-300))
    return float(np.max(gaps, initial=0.0, where=np.isfinite(gaps)))
