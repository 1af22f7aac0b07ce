"""The edges of mixtures, hidden Markov models, EM, its variational relatives and chains: an answer or one clear sentence.

Tables in tests/edges: what is called, and what is wanted, a predicate of the answer or the words of the sentence. Every row
runs on the targets python and cpu, and the two must say the same. Answers are worked out by hand or from the formula.
"""

import re
import warnings

import numpy as np
import pytest

from refvi.algorithms import chains, em
from refvi.errors import UsageError
from tests.edges import latents, markov, values
from tests.edges.making import NAN, close, finite, never_falls, stays

ROWS = [*latents.ROWS, *values.ROWS, *markov.ROWS]


def outcome(call, target):
    """("answer", it) or ("sentence", its words); any other exception passes through, a warning is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return "answer", call(target)
        except UsageError as refusal:
            return "sentence", str(refusal)


def same(a, b):
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=1e-10, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(("call", "wanted"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_an_answer_or_one_clear_sentence(call, wanted):
    kind, found = outcome(call, "python")
    if isinstance(wanted, str):
        assert kind == "sentence", found
        assert re.search(wanted, found), found
        assert "\n" not in found
        assert len(found) < 260
    else:
        assert kind == "answer", found
        assert wanted(found), found
    kind_there, there = outcome(call, "cpu")
    assert kind_there == kind
    assert there == found if kind == "sentence" else same(there, found)


def test_names_are_distinct():
    assert len({row[0] for row in ROWS}) == len(ROWS) > 100


def test_a_wrong_answer_would_be_seen():
    """Planted: the predicates of the table reject what they should."""
    assert not close([0.0])([1e-9])
    assert not close([NAN])([0.0])
    assert not never_falls(em.Run(None, np.array([0.0, -1.0])))
    assert not never_falls(em.Run(None, np.array([0.0, NAN])))
    assert not finite([np.array([NAN])])
    moved = chains.Chains(np.array([[[0.0], [1.0]]]), np.array([[-1.0, -1.0]]), np.zeros((1, 2)))
    assert not stays(moved)
