"""The law of targets accepts plain Python against itself and rejects wrong targets by name."""

import types

import numpy as np
import pytest

from refvi.laws.target import check_target_agreement
from refvi.targets import get_target
from tests.targets import samples

plain = get_target("python")
KERNEL, SIZES, OPTIONS = samples.SIZES["pairs"]


def target(change, exact=True):
    """A target whose sums are changed by change(sums, threads)."""

    def pairs(*arguments, threads=None, **options):
        return change(plain.pairs(*arguments, **options), threads)

    wrong = types.ModuleType("refvi.targets.wrong")
    wrong.EXACT, wrong.pairs = exact, pairs
    return wrong


def outcome(change, exact=True, **more):
    return check_target_agreement(
        plain, target(change, exact), "pairs", KERNEL, samples.draw(), *SIZES, **OPTIONS, **more
    )


def test_plain_python_agrees_with_itself():
    found = check_target_agreement(plain, plain, "pairs", KERNEL, samples.draw(), *SIZES, **OPTIONS)
    assert found.holds
    assert found.cases == 2 * 2 * 4


@pytest.mark.parametrize(
    "change",
    [
        lambda sums, threads: -sums,
        lambda sums, threads: 0.5 * sums,
        lambda sums, threads: sums * np.array([1.0, 0.0]),
        lambda sums, threads: np.nextafter(sums, np.inf) if threads == 3 else sums,
        lambda sums, threads: sums * np.nan,
    ],
    ids=["sign", "factor", "dropped", "a last bit on three threads", "NaN"],
)
def test_wrong_targets_are_rejected(change):
    found = outcome(change)
    assert not found.holds
    assert "pairs(pair) on wrong, " in found.message
    if "three" in found.message:
        assert "3 threads" in found.message


def test_a_device_has_a_tolerance_and_no_more():
    assert outcome(lambda sums, threads: sums * (1 + 1e-15), exact=False).holds
    assert not outcome(lambda sums, threads: sums * (1 + 1e-13), exact=False).holds
    assert outcome(
        lambda sums, threads: sums * (1 + 1e-13), exact=False, magnitude=100.0 * np.abs(np.ones(2)) * 1e30
    ).holds


def test_the_sign_of_zero_is_a_bit():
    zero = types.SimpleNamespace(EXACT=True, __name__="zero", rows=lambda *a, **k: np.zeros((1, 1)))
    minus = types.SimpleNamespace(EXACT=True, __name__="minus", rows=lambda *a, **k: -np.zeros((1, 1)))
    found = check_target_agreement(zero, minus, "rows", KERNEL, samples.draw(), 1, 1)
    assert not found.holds
    assert "1 of 1 entries differ in a bit" in found.message
