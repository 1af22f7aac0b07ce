"""Wrong variants of chains by name: the list of cases for parametrize, and the check that each is refused at its step."""

import pytest

from refvi import derivations
from refvi.derivations import check
from refvi.derivations.chain import small_models

from .mutants import replaced


def cases(variants):
    """name -> [(old, new, step), ...] as parameters."""
    return [
        pytest.param(name, *rest, id=f"{name}-{n}")
        for name, rows in variants.items()
        for n, rest in enumerate(rows)
    ]


def assert_refused(name, old, new, step):
    """The chain with `old` replaced by `new` must fail at exactly this step."""
    chosen = derivations.get(name)
    result = check(chosen._replace(chain=replaced(chosen.chain, old, new)), small_models(chosen, 5, 4))
    assert not result.holds
    assert f"{name}: step {step} fails" in result.message


def assert_three_each(variants, prefixes):
    """Every chain whose name starts with one of the prefixes has at least three wrong variants."""
    names = {n for n in derivations.names() if n.startswith(prefixes)}
    assert names == set(variants)
    assert all(len(rows) >= 3 for rows in variants.values())
