"""The validation scripts of EM in their quick form; those that need hmmlearn or PyTorch where these are installed."""

import importlib
import importlib.util

import pytest

NEEDS = {
    "em_against_scikit_learn": ("sklearn",),
    "em_on_real_data": ("sklearn",),
    "em_against_hmmlearn": ("hmmlearn",),
    "em_specs_against_libraries": ("sklearn", "hmmlearn", "torch"),
}
SCRIPTS = [name for name, needs in NEEDS.items() if all(importlib.util.find_spec(n) for n in needs)]


def test_scikit_learn_is_there():
    assert {"em_against_scikit_learn", "em_on_real_data"} <= set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_holds(name, capsys):
    assert importlib.import_module(f"validation.{name}").main(quick=True) == 0
    assert capsys.readouterr().out.endswith("holds\n")


def test_the_mean_of_sklearn_one_step_later_would_be_seen():
    """Planted: a table whose EM step is taken twice on our side disagrees by far more than the tolerance."""
    script = importlib.import_module("validation.em_against_scikit_learn")
    right = script.mixture.maximise
    try:
        script.mixture.maximise = lambda theta, statistics, target: right(theta, statistics, target)._replace(
            mixing_logits=2 * right(theta, statistics, target).mixing_logits
        )
        x, K = script.tables(True)["iris"]
        assert script.compare("full", x, K, 2)[0] > 1e6
    finally:
        script.mixture.maximise = right
