"""Every registered law holds on every target that runs without a device; the table itself is in order."""

import inspect

import pytest

from refvi.registry import entries, evidence

ROWS = [
    pytest.param(row, target, id=f"{row.system}-{row.subject}-{row.law}-{target}".replace(" ", "_"))
    for row in evidence()
    for target in row.targets
    if target != "cuda"
]


def test_the_table_is_not_empty():
    assert len(ROWS) > 30


@pytest.mark.parametrize(("row", "target"), ROWS)
def test_law_holds(row, target):
    row.run(True, target).raise_if_broken()


def test_names_are_unique_and_documented():
    names = [e.name for e in entries()]
    assert len(set(names)) == len(names)
    for entry in entries():
        assert inspect.getdoc(entry.thing), f"{entry.name} says nothing"


def test_every_law_has_a_subject_and_every_object_a_law():
    names, subjects = {e.name for e in entries()}, {row.subject for row in evidence()}
    assert subjects <= names, sorted(subjects - names)
    assert names <= subjects, f"objects without a law: {sorted(names - subjects)}"


def test_rows_are_unique():
    rows = [(row.subject, row.law) for row in evidence()]
    assert len(set(rows)) == len(rows)
