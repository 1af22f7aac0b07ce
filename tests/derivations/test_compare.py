"""Relations at the edge of their tolerance, and limits with right and wrong orders."""

import math

import numpy as np
import pytest

from refvi.derivations.compare import compare, converges
from refvi.derivations.numbers import Number, approximate
from refvi.errors import UsageError


@pytest.mark.parametrize(
    ("relation", "left", "right", "holds"),
    [
        ("=", 1.0, 1.0, True),
        ("=", 1.0, 1.0 + 1e-12, False),
        ("<=", 1.0, 2.0, True),
        ("<=", 2.0, 1.0, False),
        ("<=", 1.0, 1.0, True),
        (">=", 2.0, 1.0, True),
        (">=", 1.0, 2.0, False),
        ("!=", 1.0, 2.0, True),
        ("!=", 1.0, 1.0, False),
        ("=", math.nan, 1.0, False),
        (">=", math.inf, 1.0, False),
    ],
)
def test_relations(relation, left, right, holds):
    assert compare(relation, Number(left, 1.0), Number(right, 1.0)).holds is holds


def test_tolerance_is_eight_u_s_and_the_errors():
    found = compare("=", Number(1.0, 3.0), approximate(1.0, 1e-10), extra=1e-9)
    assert found.tolerance == pytest.approx(8 * 2**-53 * 4.0 + 1.1e-9)
    assert found.worst == 0.0


def test_the_worst_entry_of_an_array_speaks():
    found = compare("=", Number([1.0, 2.0, 3.0], 1.0), Number([1.0, 2.5, 3.25], 1.0))
    assert not found.holds
    assert found.off == 0.5


def test_a_tolerance_that_is_too_coarse_decides_nothing():
    found = compare("=", approximate(1.0, 0.5), 1.1)
    assert not found.holds
    assert not found.decided
    assert found.worst == math.inf


K = np.array([64.0, 128.0, 256.0])


@pytest.mark.parametrize(
    ("values", "order", "holds"),
    [
        (2.0 + 1 / K, 1.0, True),
        (2.0 + 1 / K - 3 / K**2, 1.0, True),
        (2.0 + 5 / K**2, 1.0, True),
        (2.0 + 5 / K**2 + 1 / K**3, 2.0, True),
        (2.0 + 1 / K, 2.0, False),
        (2.0 + 1 / np.sqrt(K), 1.0, False),
        (2.001 + 1 / K, 1.0, False),
        (2.0 + 0 * K, 1.0, True),
        (2.1 + 0 * K, 1.0, False),
    ],
)
def test_limits(values, order, holds):
    assert converges(values, 2.0, K, order).holds is holds


def test_a_limit_wants_doublings():
    with pytest.raises(UsageError, match="three values whose index doubles"):
        converges([1.0, 1.0, 1.0], 1.0, (1, 2, 3), 1.0)
