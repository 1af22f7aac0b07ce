"""Every registered law holds on every target that runs without a device; the table itself is in order."""

import inspect
from pathlib import Path

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


# Objects that work inside others: the test that holds them by name.
HELD_BY = {
    "kernels.digamma": "tests/kernels/test_gamma_function.py",
    "kernels.trigamma": "tests/kernels/test_gamma_function.py",
    "kernels.softmax": "tests/kernels/test_logspace.py",
    "kernels.uniform": "tests/kernels/test_philox.py",
    "kernels.standard_normal": "tests/kernels/test_philox.py",
    "kernels.weigh": "tests/targets/test_schedules.py",
    "models.categorical_emission": "tests/models/test_categorical_mixture.py",
    "models.diagonal_normal_emission": "tests/models/test_gaussian_mixture.py",
    "models.normal_emission": "tests/models/test_gaussian_mixture.py",
    "models.markov_chain": "tests/models/test_hidden_markov.py",
}


def test_every_law_has_a_subject_and_every_object_a_law():
    names, subjects = {e.name for e in entries()}, {row.subject for row in evidence()}
    assert subjects <= names, sorted(subjects - names)
    whole = {name for name in names if any(s.startswith(name + ".") for s in subjects)}
    assert names <= subjects | whole | set(HELD_BY), sorted(names - subjects - whole - set(HELD_BY))


@pytest.mark.parametrize("name", HELD_BY)
def test_what_works_inside_others_is_held_by_a_test(name):
    path = Path(__file__).parents[2] / HELD_BY[name]
    assert name.rpartition(".")[2] in path.read_text()


def test_rows_are_unique():
    rows = [(row.subject, row.law) for row in evidence()]
    assert len(set(rows)) == len(rows)
