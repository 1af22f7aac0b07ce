"""`list`, `show`, `verify`, `selftest` as library calls: what they say about every name."""

import pytest

from refvi.errors import UsageError
from refvi.registry.index import names
from refvi.registry.show import show
from refvi.registry.verify import plan


def test_every_name_can_be_shown():
    rows = names()
    assert {row["kind"] for row in rows} >= {"spec", "derivation", "model", "objective", "estimator"}
    for row in rows:
        assert row["says"], row["name"]
    for kind in ("spec", "derivation", "model"):
        first = next(row["name"] for row in rows if row["kind"] == kind)
        shown = show(first)
        assert first in shown.text
        assert shown.data


def test_a_typo_gets_a_hint():
    with pytest.raises(UsageError, match="did you mean 'kl.normal_standard'"):
        show("kl.normal_standrad")


def test_the_plan_covers_laws_derivations_claims_and_mistakes():
    tasks = plan(quick=True)
    laws = {task.law for task in tasks}
    assert {
        "every step holds",
        "every mistake is caught and named",
        "the computed verdict is the stored one",
    } < laws
    assert {task.target for task in tasks} == {"python", "cpu"}
    with pytest.raises(UsageError, match="system must be one of"):
        plan(system="S99")
    with pytest.raises(UsageError, match="target must be one of"):
        plan(targets=("gpu",))
