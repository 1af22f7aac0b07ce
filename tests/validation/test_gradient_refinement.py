"""The validation script of gradient-based inference in its quick form, and a wrong refinement that it must not let pass."""

import importlib

import numpy as np

from refvi.algorithms import gradient_refinement


def script():
    return importlib.import_module("validation.gradient_refinement")


def test_script_holds(capsys):
    assert script().main(quick=True) == 0
    assert capsys.readouterr().out.endswith("holds\n")


def test_a_refinement_that_goes_down_is_seen(monkeypatch, capsys):
    right = gradient_refinement.climb

    def downhill(evaluate, logits, steps):
        found = right(evaluate, logits, steps)
        value = evaluate(np.arange(len(found.logits)), -found.logits)[0]
        return gradient_refinement.Refined(-found.logits, np.array([found.values[-1], value]))

    monkeypatch.setattr(gradient_refinement, "climb", downhill)
    assert script().main(quick=True) == 1
    assert capsys.readouterr().out.endswith("FAILS\n")
