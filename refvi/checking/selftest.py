"""The catalogue's score: every mistake is planted in its own spec and must be caught and named."""

import numpy as np

from refvi.checking.check import check
from refvi.specs import all_specs
from refvi.specs.sized import sized


def planted(spec, mistake):
    """An implementation that makes exactly this mistake: the mutated reference as a function of the handed arrays."""
    declared = dict(spec.conventions)

    def implementation(**case):
        inputs = spec.canonical(case, declared)
        wrong = mistake.wrong(**{k: np.array(sized(v).value) for k, v in inputs.items()})
        if mistake.of == "value":
            return {"value": spec.finish(wrong, inputs, declared).value}
        answer = {q: a.value for q, a in spec.answer(case, declared).items()}
        changed = spec.finish_gradient(wrong, case, inputs, declared)
        return {**answer, **{q: a.value for q, a in changed.items()}}

    implementation.__name__ = mistake.slug.replace("-", "_")
    return implementation


def score_spec(spec, cases=25):
    """One row per mistake of a spec: {spec, mistake, caught, named, rung, verdict}; first a row for the reference itself."""
    right = check(spec.id, reference(spec), cases=cases, framework="numpy", brief=True)
    verdict = "passes" if right.passed else "false alarm"
    rows = [
        {
            "spec": spec.id,
            "mistake": "(the reference itself)",
            "caught": False,
            "named": right.passed,
            "rung": right.rung,
            "verdict": verdict,
        }
    ]
    for mistake in spec.mistakes.values():
        report = check(spec.id, planted(spec, mistake), cases=cases, framework="numpy", brief=True)
        caught, named = report.verdict == "FAIL", report.mistake == mistake.slug
        verdict = (
            "named" if named else f"caught, called {report.mistake or 'unknown'}" if caught else "missed"
        )
        rows.append(
            {
                "spec": spec.id,
                "mistake": mistake.slug,
                "caught": caught,
                "named": named,
                "rung": report.rung,
                "verdict": verdict,
            }
        )
    return rows


def reference(spec):
    """The reference as an implementation."""
    declared = dict(spec.conventions)

    def implementation(**case):
        return {q: a.value for q, a in spec.answer(case, declared).items()}

    return implementation


def score(cases=25, on_row=None):
    """The rows of every spec."""
    rows = []
    for spec in all_specs().values():
        for row in score_spec(spec, cases):
            rows.append(row)
            if on_row:
                on_row(row)
    return rows
