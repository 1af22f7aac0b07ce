from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refvi.fast.alias import WHOLE, alias_table, pick
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=60)
UNIT = Fraction(1, 1 << WHOLE)


def masses(cells):
    """What each state gets, by whole numbers."""
    n = len(cells)
    size = (1 << WHOLE) // n
    found = [0] * n
    for cell, packed in enumerate(cells.tolist()):
        threshold, other = divmod(packed, n)
        found[cell] += threshold
        found[other] += size - threshold
    return found


def law_masses_are_rounded_probabilities(subject, p):
    """Every state has its probability to half a unit of 2^-52; the most probable one takes up the rounding of all."""
    cells = np.full(p.size, np.iinfo(np.uint64).max)
    subject(p, cells)
    if not all(packed // p.size <= (1 << WHOLE) // p.size for packed in cells.tolist()):
        return Outcome("masses", np.inf, 1, "a cell is out of range")
    most, found = int(np.argmax(p)), masses(cells)
    total = Outcome("masses", 0.0 if sum(found) == 1 << WHOLE else np.inf, 1, "masses do not sum to one")
    errors = [abs(Fraction(m) * UNIT - Fraction(float(v))) / UNIT for m, v in zip(found, p)]
    allowed = [Fraction(p.size + 2) if s == most else Fraction(1, 2) for s in range(p.size)]
    each = (Outcome("masses", float(e / a), 1, f"state {s}") for s, (e, a) in enumerate(zip(errors, allowed)))
    return combine("masses are rounded probabilities", [total, *each])


@st.composite
def distributions(draw):
    n = 1 << draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p = np.exp(-np.abs(rng.normal(size=n)) * draw(st.sampled_from((0.0, 1.0, 30.0, 300.0))))
    return p / p.sum()


@LAW
@given(distributions())
def test_masses_are_rounded_probabilities(p):
    law_masses_are_rounded_probabilities(alias_table, p).raise_if_broken()


def without_rest(p, cells):
    """The rounding of all masses is lost: the last cell of a receiver does not close."""
    alias_table(p, cells)
    cells[0] -= np.uint64(p.size)


def flipped(p, cells):
    alias_table(p, cells)
    threshold, other = np.divmod(cells, np.uint64(p.size))
    cells[:] = (np.uint64((1 << WHOLE) // p.size) - threshold) * np.uint64(p.size) + other


def never_another(p, cells):
    alias_table(p, cells)
    cells[:] = cells // np.uint64(p.size) * np.uint64(p.size) + np.arange(p.size, dtype=np.uint64)


def half_precision(p, cells):
    alias_table(p, cells)
    low = np.uint64(p.size << 26)
    cells[:] = cells // low * low + cells % np.uint64(p.size)


@pytest.mark.parametrize("mutant", [without_rest, flipped, never_another, half_precision])
def test_law_rejects(mutant):
    assert not law_masses_are_rounded_probabilities(mutant, np.array([0.1, 0.2, 0.3, 0.4])).holds


def test_pick_reads_cell_and_rest():
    cells = np.array([3, 1 << 50, 0, 5], np.uint64) * np.uint64(4) + np.array([2, 1, 3, 0], np.uint64)
    words = [0, 2, 3, 1 << 50, (1 << 51) - 1, 1 << 51, (3 << 50) + 4, (3 << 50) + 5]
    assert [pick(np.uint64(w), 2, cells, 0) for w in words] == [0, 0, 2, 1, 1, 3, 3, 0]
    later = np.concatenate([np.zeros(7, np.uint64), cells])
    assert [pick(np.uint64(w), 2, later, 7) for w in words] == [0, 0, 2, 1, 1, 3, 3, 0]
    assert pick(np.uint64((1 << 52) - 1), 0, np.array([1 << 52], np.uint64), 0) == 0
