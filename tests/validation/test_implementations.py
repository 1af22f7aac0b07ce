"""The implementations that ship: right ones pass, wrong ones are caught and called by the name that they expect.

Few cases each, in this process; `refvi check validation/implementations` does the same with all cases.
"""

import importlib.util
from pathlib import Path

import pytest

import refvi
from refvi.checking.marks import mark_of, marked_functions
from refvi.specs import all_specs

FOLDER = Path(__file__).parents[2] / "validation" / "implementations"
FRAMEWORKS = ("torch", "jax")


def load(path):
    spec = importlib.util.spec_from_file_location(f"shipped_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def functions():
    for path in sorted(FOLDER.glob("*.py")):
        framework = path.stem.split("_")[0]
        if framework not in FRAMEWORKS:
            for name, function in marked_functions(vars(load(path))):
                yield pytest.param(function, id=f"{path.stem}::{name}")


FUNCTIONS = list(functions())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_shipped_implementation(function):
    report = refvi.check(function, cases=10)
    assert report.passed, report.text()
    assert report.mistake == mark_of(function).expect


def test_right_and_wrong_ones_are_there_for_every_kind():
    marks = [mark_of(f.values[0]) for f in FUNCTIONS]
    for kind in ("kl", "log_density", "elbo"):
        ours = [m for m in marks if m.spec_id.startswith(f"{kind}.")]
        assert sum(m.expect is None for m in ours) >= 5
        assert sum(m.expect is not None for m in ours) >= 5
    assert {m.spec_id for m in marks} <= set(all_specs())


TRACTABLE = ("mixture.", "gmm.", "hmm.", "em.", "svi.", "vb.", "mh.", "hmc.", "mcmc.")


@pytest.mark.parametrize("spec_id", [i for i in all_specs() if i.startswith(TRACTABLE)])
def test_every_spec_of_the_tractable_systems_has_a_right_and_two_wrong_ones(spec_id):
    marks = [mark_of(f.values[0]) for f in FUNCTIONS]
    ours = [m for m in marks if m.spec_id == spec_id]
    assert any(m.expect is None for m in ours)
    assert len({m.expect for m in ours if m.expect}) >= 2


def test_training_on_digits_raises_the_bound():
    digits = load(FOLDER / "elbo_digits.py")
    before, after = digits.train(steps=50)
    assert digits.BITS.shape == (12, 64)
    assert before < -40 < after - 10
