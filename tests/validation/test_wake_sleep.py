"""The validation scripts of wake-sleep in their quick form."""

import importlib

import pytest

from refvi.algorithms import trees, wake_sleep

SCRIPTS = ("wake_sleep_may_not_converge", "wake_sleep_on_digits")


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_holds(name, capsys):
    if name.endswith("digits"):
        pytest.importorskip("sklearn")
    assert importlib.import_module(f"validation.{name}").main(quick=True) == 0
    assert capsys.readouterr().out.endswith("holds\n")


def test_an_algorithm_that_converges_would_be_seen(monkeypatch):
    """Planted: ELBO ascent in the place of the sleep phase comes to rest, and the script says that it fails."""
    script = importlib.import_module("validation.wake_sleep_may_not_converge")
    x, mass, *_ = script.crossed()

    def ascent(theta, phi, *, rate=None, target="python"):
        still = trees.scale(theta, 0.0)
        return wake_sleep.ascent_step(x, theta, phi, rate=(still, rate), mass=mass, target=target)[1]

    monkeypatch.setattr(wake_sleep, "sleep_step", ascent)
    assert script.main(quick=True) == 1


def test_a_wake_phase_that_descends_would_be_seen(monkeypatch):
    pytest.importorskip("sklearn")
    script = importlib.import_module("validation.wake_sleep_on_digits")
    right = wake_sleep.wake_step
    monkeypatch.setattr(wake_sleep, "wake_step", lambda *a, rate=None, **k: right(*a, rate=-rate, **k))
    assert script.main(quick=True) == 1
