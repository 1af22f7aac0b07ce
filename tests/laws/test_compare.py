"""The comparison names the worst entry, its tolerance and the reason."""

import math
from typing import NamedTuple

import numpy as np

from refvi.laws.compare import EXACT, Tolerance, at_most, compare, of_answer, rounding
from refvi.oracles.answer import Answer


class Grad(NamedTuple):
    weights: np.ndarray
    bias: float


WANT = Grad(np.array([[1.0, 2.0], [3.0, -4.0]]), 0.5)


def test_equal_trees_hold_and_count_their_entries():
    outcome = compare("law", WANT, WANT, EXACT, "grad_theta")
    assert outcome.holds
    assert (outcome.worst, outcome.cases) == (0.0, 5)


def test_worst_entry_is_named_with_its_tolerance_and_reason():
    got = Grad(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.5 + 1e-16)
    outcome = compare("law", WANT, got, rounding(WANT), "grad_theta")
    assert not outcome.holds
    assert outcome.message.startswith(
        "grad_theta.weights[1, 1]: expected -4, actual 4, tolerance 3.55e-15 = 8·u·S"
    )
    assert outcome.message.endswith("ratio -1")


def test_tolerance_is_elementwise_and_never_scaled_by_size():
    want, got = np.zeros(3000), np.zeros(3000)
    got[1234] = 2e-12
    outcome = compare("law", want, got, Tolerance(1e-12, "stated"), "x")
    assert outcome.worst == 2.0
    assert outcome.message.startswith("x[1234]: ")


def test_nan_and_infinity():
    same = np.array([math.nan, math.inf, -math.inf])
    assert compare("law", same, same, EXACT).holds
    assert compare("law", np.array([1.0]), np.array([math.nan]), Tolerance(1e9, "any")).worst == math.inf
    assert compare("law", math.inf, -math.inf, Tolerance(1e9, "any")).worst == math.inf
    assert compare("law", 1.0, math.inf, Tolerance(math.inf, "any")).worst == math.inf


def test_shapes_and_missing_parts():
    short = compare("law", WANT, Grad(np.zeros((2, 3)), 0.5), EXACT, "grad")
    assert short.message == "grad.weights: expected shape (2, 2), actual shape (2, 3)"
    gone = compare("law", {"a": 1.0, "b": 2.0}, {"a": 1.0}, EXACT, "grad")
    assert gone.message == "grad.b: expected shape (), actual nothing"
    extra = compare("law", {"a": 1.0}, {"a": 1.0, "b": 2.0}, EXACT, "grad")
    assert extra.message == "grad.b: expected nothing, actual shape ()"
    assert not any(outcome.holds for outcome in (short, gone, extra))


def test_nothing_compared_never_holds():
    assert not compare("law", np.zeros(0), np.zeros(0), EXACT).holds


def test_answers_bring_their_magnitude_and_error():
    exact = of_answer(Answer(1.0, 2.0, 0.0))
    assert exact.reason == "8·u·S"
    rough = of_answer(Answer(np.ones(2), np.ones(2), np.array([0.0, 1e-3])))
    assert compare("law", np.ones(2), np.array([1.0, 1.0009]), rough).holds
    assert not compare("law", np.ones(2), np.array([1.0009, 1.0]), rough).holds


def test_at_most():
    assert at_most("law", 1.0, 1.0, 0.0, "exact").holds
    assert at_most("law", -math.inf, 1.0, 0.0, "exact").holds
    assert at_most("law", 1.1, 1.0, 0.05, "stated").worst > 1.9
    assert not at_most("law", math.nan, 1.0, 1.0, "stated").holds
