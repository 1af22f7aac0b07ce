"""Naming a mistake: the catalogue as mutated references, other conventions, argument probes, regression on the terms.

Every hypothesis is a function from a case to quantities; it is believed only when it reproduces the implementation's
output on every case within the tolerance that a correct implementation would get. What was tried and refuted is reported.
"""

import itertools
from typing import NamedTuple

import numpy as np

from refvi.checking.compare import UNIT, agrees, compare, tolerance
from refvi.specs import conventions as conv
from refvi.specs.sized import exp, log, sized, sqrt


class Diagnosis(NamedTuple):
    """The likely mistake.

    slug     catalogue name, or None
    says     one phrase in plain words
    seen     citations
    matches  on how many cases it reproduces the output
    cases    of how many
    ulps     worst distance from the output, in units in the last place of S
    refuted  names of the explanations that were tried and do not fit
    model    case -> quantities, reproducing the output; None when nothing fits
    """

    slug: str | None
    says: str
    seen: tuple
    matches: int
    cases: int
    ulps: float
    refuted: tuple
    model: object = None


def diagnose(spec, declared, cases, answers, rung):
    """Explain answers that differ from the reference. `answers` holds one dict of arrays per case."""
    found = _first_match(_catalogue(spec, declared, rung), cases, answers, spec, declared)
    refuted = []
    if found is None:
        for kind, hypotheses in _probes(spec, declared):
            found = _first_match(hypotheses, cases, answers, spec, declared)
            if found is not None:
                break
            refuted.append(kind)
    if found is None and rung == 1:
        found = _regress(spec, declared, cases, answers)
    if found is None:
        return Diagnosis(None, "", (), 0, len(cases), 0.0, tuple(refuted))
    return found._replace(refuted=_refuted(spec, declared, cases, answers))


def _refuted(spec, declared, cases, answers):
    """The usual suspects that do not explain the output, for the line `not`."""
    out = ["rounding"] if _worst(spec, declared, cases, answers) > 1e6 else []
    for kind, hypotheses in _probes(spec, declared):
        other = _first_match(hypotheses, cases, answers, spec, declared)
        if other is None:
            out.append(kind)
    return tuple(out)


def _worst(spec, declared, cases, answers):
    worst = 0.0
    for case, got in zip(cases, answers, strict=True):
        for name, reference in spec.answer(case.inputs, declared).items():
            if name in got:
                same = np.shape(got[name]) == reference.shape
                worst = max(worst, compare(got[name], reference).ratio if same else np.inf)
    return worst


def _catalogue(spec, declared, rung):
    for mistake in spec.mistakes.values():
        if rung == 1 and mistake.of == "gradient" and spec.only == "value":
            continue
        yield mistake.slug, mistake.says, mistake.seen, _mutant(spec, declared, mistake)


def _mutant(spec, declared, mistake):
    def quantities(case):
        inputs = spec.canonical(case.inputs, declared)
        plain = {k: np.array(sized(v).value) for k, v in inputs.items()}
        wrong = mistake.wrong(**plain)
        if mistake.of == "value":
            return {"value": spec.finish(wrong, inputs, declared)}
        return spec.finish_gradient(wrong, case.inputs, inputs, declared)

    return quantities


def _probes(spec, declared):
    """(kind, hypotheses) pairs: conventions that were not declared, arguments misread."""
    yield "another convention", list(_other_conventions(spec, declared))
    yield "axis order", list(_axis_orders(spec, declared))
    yield "swapped or negated arguments", list(_argument_probes(spec, declared))
    yield "another scale", list(_scale_probes(spec, declared))


def _other_conventions(spec, declared):
    for name, default in spec.conventions.items():
        if name == "scale":
            continue
        for option in conv.OPTIONS[name]:
            if option != declared.get(name, default):
                other = {**declared, name: option}
                declare = f"@refvi.implements({spec.id!r}, {name}={option!r})"
                says = f"follows the convention {name}={option!r}, which was not declared: {declare}"
                yield None, says, (), lambda case, other=other: spec.answer(case.inputs, other)


def _axis_orders(spec, declared):
    names = spec.written(declared)
    for i in spec.inputs:
        axes = i.axes.split()
        for a, b in itertools.combinations(range(len(axes)), 2):
            name = names[i.name]
            yield (
                None,
                f"reads {name} with its axes {axes[a]} and {axes[b]} exchanged",
                (),
                _with(
                    spec,
                    declared,
                    name,
                    lambda v, a=a, b=b: np.swapaxes(v, a, b) if v.shape[a] == v.shape[b] else None,
                ),
            )
    for i in spec.inputs:
        if i.domain == "noise":
            name = names[i.name]
            yield (
                None,
                f"uses the entries of {name} in another order",
                (),
                _with(spec, declared, name, lambda v: v[::-1]),
            )


def _argument_probes(spec, declared):
    names = spec.written(declared)
    for i in spec.inputs:
        if i.domain in ("real", "noise", "logarithm", "log_weights"):
            name = names[i.name]
            yield None, f"uses {name} with the opposite sign", (), _with(spec, declared, name, lambda v: -v)
    for first, second in itertools.combinations(spec.inputs, 2):
        if first.axes == second.axes and first.domain == second.domain:
            a, b = names[first.name], names[second.name]

            def swapped(case, a=a, b=b):
                return spec.answer({**case.inputs, a: case.inputs[b], b: case.inputs[a]}, declared)

            yield None, f"exchanges the arguments {a} and {b}", (), swapped


def _scale_probes(spec, declared):
    for i in spec.inputs:
        if i.domain == "scale":
            for says, misread in (
                ("squared", lambda s: s * s),
                ("under a root", sqrt),
                ("exponentiated once more", exp),
                ("as a logarithm", log),
            ):

                def wrong(case, name=i.name, misread=misread):
                    inputs = spec.canonical(case.inputs, declared)
                    inputs[name] = misread(sized(inputs[name]))
                    return (
                        {"value": spec.finish(spec.reference(**inputs), inputs, declared)}
                        if spec.only == "value"
                        else {}
                    )

                yield None, f"takes the standard deviation {i.name} {says}", (), wrong


def _with(spec, declared, name, change):
    def quantities(case):
        changed = change(case.inputs[name])
        return {} if changed is None else spec.answer({**case.inputs, name: changed}, declared)

    return quantities


def _first_match(hypotheses, cases, answers, spec, declared):
    for slug, says, seen, model in hypotheses:
        matched, ulps = _reproduces(model, cases, answers)
        if matched and not _is_reference(model, cases, answers, spec, declared):
            return Diagnosis(slug, says, tuple(seen), len(cases), len(cases), ulps, (), model)
    return None


def _reproduces(model, cases, answers):
    """Whether a hypothesis gives the implementation's output on every case, and the worst distance in ulp of S."""
    worst = 0.0
    for case, got in zip(cases, answers, strict=True):
        try:
            with np.errstate(all="ignore"):
                predicted = model(case)
        except (ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError):
            return False, worst
        common = [q for q in predicted if q in got]
        if not common:
            return False, worst
        for q in common:
            if not agrees(got[q], predicted[q]):
                return False, worst
            gap = np.abs(got[q] - predicted[q].value) / (
                UNIT["float64"] * np.maximum(np.abs(predicted[q].value), 1e-300)
            )
            worst = max(worst, float(np.max(gap, initial=0.0, where=np.isfinite(gap))))
    return True, worst


def _is_reference(model, cases, answers, spec, declared):
    """True when the hypothesis does not differ from the reference on the quantities that it predicts."""
    for case, got in zip(cases, answers, strict=True):
        with np.errstate(all="ignore"):
            predicted, reference = model(case), spec.answer(case.inputs, declared)
        for q in predicted:
            if q in got and q in reference and not agrees(predicted[q].value, reference[q]):
                return False
    return True


# ---- regression on the terms of the reference

SCALINGS = ("", "/B", "*B", "/D", "*D", "/K", "*K", "/X")


def _regress(spec, declared, cases, answers):
    """Coefficients of the reference's terms that reproduce the output exactly: an unlisted mistake, said in its terms."""
    rows, got, sizes = [], [], []
    for case, answer in zip(cases, answers, strict=True):
        terms = spec.terms(case.inputs, declared)
        arrays = [sized(t).value for t in terms.values()]
        if case.edge or any(np.shape(a) != np.shape(answer["value"]) for a in arrays):
            continue
        rows.append(np.stack([a.ravel() for a in arrays], 1))
        got.append(answer["value"].ravel())
        sizes.append(spec.sizes_of(case.inputs, declared))
    if len(rows) < 3 or len(next(iter(spec.terms(cases[0].inputs, declared)))) == 0:
        return None
    names = list(spec.terms(cases[0].inputs, declared))
    for target in range(-1, len(names)):
        for scaling in SCALINGS if target >= 0 else SCALINGS[:1]:
            found = _fit(rows, got, sizes, target, scaling)
            if found is not None:
                return _name_terms(names, found, target, scaling, spec, declared, cases)
    return None


def _fit(rows, got, sizes, target, scaling):
    if scaling and any(scaling[1] not in s for s in sizes):
        return None
    scaled = []
    for row, size in zip(rows, sizes, strict=True):
        row = row.copy()
        if scaling:
            row[:, target] *= 1 / size[scaling[1]] if scaling[0] == "/" else size[scaling[1]]
        scaled.append(row)
    a, b = np.concatenate(scaled), np.concatenate(got)
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))) or len(b) < 2 * a.shape[1]:
        return None
    keep = np.any(a != 0, axis=0)
    coefficients = np.zeros(a.shape[1])
    coefficients[keep] = np.linalg.lstsq(a[:, keep], b, rcond=None)[0]
    snapped = np.round(coefficients * 5040) / 5040
    coefficients = np.where(
        np.abs(snapped - coefficients) < 1e-9 * (1 + np.abs(coefficients)), snapped, coefficients
    )
    residual = np.abs(a @ coefficients - b)
    size = np.abs(a) @ np.maximum(np.abs(coefficients), 1.0)
    return coefficients if np.all(residual <= 64 * UNIT["float64"] * (size + np.abs(b))) else None


def _name_terms(names, coefficients, target, scaling, spec, declared, cases):
    parts = []
    for n, (name, k) in enumerate(zip(names, coefficients, strict=True)):
        shown = f"{name} × {k:.6g}{(' ' + scaling) if n == target and scaling else ''}"
        parts.append(shown)
    says = "not in the catalogue; in the terms of the reference yours is " + ", ".join(parts)

    def model(case):
        size = spec.sizes_of(case.inputs, declared)
        total = sized(0.0)
        for n, (term, k) in enumerate(
            zip(spec.terms(case.inputs, declared).values(), coefficients, strict=True)
        ):
            by = float(k)
            if n == target and scaling:
                by = by / size[scaling[1]] if scaling[0] == "/" else by * size[scaling[1]]
            total = total + sized(term) * by
        return {"value": total}

    return Diagnosis(None, says, (), len(cases), len(cases), 0.0, (), model)


__all__ = ["Diagnosis", "diagnose", "tolerance"]
