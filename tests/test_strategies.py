"""Strategies give what they promise: generic position, distinct sizes, legal tables."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refvi
from refvi import strategies
from refvi.errors import UsageError

settings.register_profile("refvi", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("refvi")


@given(strategies.cases("kl.normal_standard", scale="log_var"))
def test_cases_are_generic(case):
    assert case["mu"].shape == case["log_var"].shape
    assert len(set(case["mu"].shape)) == 2
    assert np.all(np.abs(case["mu"]) >= 0.1)
    assert np.all(case["mu"] * 64 == np.round(case["mu"] * 64))


@given(strategies.reals((2, 3)))
def test_reals_avoid_special_points(array):
    assert array.shape == (2, 3)
    assert all(np.all(np.abs(array - p) >= 0.1) for p in (0.0, 1.0, -1.0))


@given(
    st.integers(1, 6).flatmap(
        lambda k: st.tuples(st.just(k), strategies.log_weights(k), strategies.tables(k))
    )
)
def test_tables_and_weights(drawn):
    k, weights, table = drawn
    assert weights.shape == table.shape == (k,)
    assert abs(table.sum() - 1) < 8 * k * 2.0**-53
    assert np.all(table > 0)


def test_wrong_bounds():
    with pytest.raises(UsageError, match="least must be below most"):
        strategies.reals((2,), least=1.0, most=0.0)


@given(strategies.cases("kl.normal_standard"))
def test_reference_is_never_negative(case):
    spec = refvi.get_spec("kl.normal_standard")
    assert np.all(spec.answer(case, dict(spec.conventions))["value"].value > 0)
