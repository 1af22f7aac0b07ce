"""An outcome holds only when something was compared and nothing exceeds its tolerance."""

import math

import pytest

from refvi.errors import LawViolation
from refvi.laws.outcome import Outcome, combine


def test_holds():
    assert Outcome("law", 1.0, 3).holds
    assert not Outcome("law", 1.0001, 3).holds
    assert not Outcome("law", 0.0, 0).holds
    assert not Outcome("law", math.nan, 3).holds


def test_the_worst_case_speaks_and_cases_add_up():
    parts = [Outcome("a", 0.5, 2, "fine"), Outcome("a", 3.0, 1, "bad"), Outcome("a", 0.0, 4, "equal")]
    joined = combine("law", parts)
    assert joined == Outcome("law", 3.0, 7, "bad")
    assert combine("law", [*parts, Outcome("a", math.nan, 1, "unknown")]).message == "unknown"
    assert not combine("law", []).holds


def test_raise_if_broken():
    assert Outcome("law", 0.5, 1).raise_if_broken().holds
    with pytest.raises(LawViolation, match="law: no comparison was made"):
        Outcome("law", 0.0, 0).raise_if_broken()
    with pytest.raises(LawViolation, match="law: x: expected 1, actual 2"):
        Outcome("law", 9.0, 1, "x: expected 1, actual 2").raise_if_broken()
