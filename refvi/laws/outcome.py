"""The one result type of every law."""

from typing import NamedTuple

from refvi.errors import LawViolation


class Outcome(NamedTuple):
    """What a law found.

    law      name of the law, e.g. "gradient is the derivative"
    worst    largest error divided by its tolerance; the law holds when worst <= 1 (NaN never holds)
    cases    how many comparisons were made; zero comparisons never hold
    message  where the worst one is: path, expected, actual, tolerance and its reason
    """

    law: str
    worst: float
    cases: int
    message: str = ""

    @property
    def holds(self):
        """True when at least one comparison was made and none exceeds its tolerance."""
        return self.cases > 0 and self.worst <= 1.0

    def raise_if_broken(self):
        """Raise `LawViolation` with the message unless the law holds."""
        if not self.holds:
            raise LawViolation(f"{self.law}: {self.message or 'no comparison was made'}")
        return self


def combine(law, outcomes):
    """Join outcomes of one law over several cases: the worst one speaks."""
    outcomes = list(outcomes)
    if not outcomes:
        return Outcome(law, float("inf"), 0, "no case was run")
    worst = max(outcomes, key=lambda o: (o.worst != o.worst, o.worst))
    return Outcome(law, worst.worst, sum(o.cases for o in outcomes), worst.message)
