"""The ladder: contract, value, gradient, self-consistency. The first rung that decides ends the climb."""

import inspect
import time

import numpy as np

from refvi.checking import call as calls
from refvi.checking.accuracy import explain
from refvi.checking.adapters import get_adapter
from refvi.checking.cases import Case, decode, encode, make_cases
from refvi.checking.compare import UNIT, C, agrees, compare
from refvi.checking.consistency import slope_verdict
from refvi.checking.diagnose import diagnose
from refvi.checking.marks import check_conventions, mark_of
from refvi.checking.report import Line, Report
from refvi.checking.shrink import shrink
from refvi.errors import UsageError
from refvi.specs import conventions as conv
from refvi.specs import get_spec

CASES = 200


def check(
    fn_or_spec_id,
    fn=None,
    *,
    framework="auto",
    cases=CASES,
    seed=0,
    case=None,
    expect=None,
    name=None,
    brief=False,
    **conventions,
):
    """Compare an implementation with the reference of its spec and name its mistake.

    fn_or_spec_id  a function marked with `implements`, or a spec id followed by the function
    framework      "auto", "numpy", "torch" or "jax": what the function wants to receive
    cases, seed    how many generic cases, and which; the edges of the spec come on top
    case           a token from an earlier report: repeat exactly that case
    expect         slug of a mistake that is expected to be caught
    brief          only name the mistake: no smallest case, no list of what it is not
    conventions    declared differences, e.g. scale="log_var"

    Returns a `Report`; wrong use raises `UsageError`.
    """
    spec, function, expect, conventions = _resolve(fn_or_spec_id, fn, expect, conventions)
    if not isinstance(cases, int) or cases < 1:
        raise UsageError(f"cases must be a whole number of at least 1, got {cases!r}")
    start = time.perf_counter()
    declared = _declared(spec, function, conventions)
    adapter = get_adapter(framework, function)
    names = calls.bind(function, spec, list(spec.written(declared).values()))
    made = make_cases(spec, declared, cases, seed, adapter.SHAPES)
    label = name or getattr(function, "__name__", "function")

    def climb(brief):
        report = Report(label, spec.id, "PASS", expect=expect, conventions=declared, framework=adapter.name)
        run = _Run(spec, declared, function, adapter, names, brief)
        if case:
            _climb(report, run, [decode(spec, case, declared)], support=made)
        else:
            _climb(report, run, made, support=[])
        _settle_expectation(report)
        return report

    # what is caught and named as expected needs no smallest case
    report = climb(brief or expect is not None)
    if report.verdict == "UNEXPECTED" and not brief:
        report = climb(False)
    report.seconds = time.perf_counter() - start
    return report


def _resolve(subject, function, expect, conventions):
    mark = mark_of(subject)
    if callable(subject) and mark is None:
        raise UsageError(
            "check needs a function marked with @refvi.implements(spec_id), or a spec id followed by a function"
        )
    if mark is not None:
        spec, function, expect = get_spec(mark.spec_id), subject, expect or mark.expect
        conventions = {**mark.conventions, **conventions}
    else:
        spec = get_spec(subject)
        if not callable(function):
            raise UsageError(
                f"check({subject!r}, fn) needs a function as its second argument, got {type(function).__name__}"
            )
    check_conventions(spec, conventions)
    if expect is not None and expect not in spec.mistakes:
        raise UsageError(
            f"expect must name a mistake of {spec.id} ({', '.join(spec.mistakes)}), got {expect!r}"
        )
    return spec, function, expect, conventions


def _declared(spec, function, conventions):
    """All conventions: the declared ones, the scale that the argument names give away, the defaults."""
    declared = {**spec.conventions, **conventions}
    if "scale" in spec.conventions and "scale" not in conventions:
        try:
            parameters = set(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            return declared
        for option in conv.OPTIONS["scale"]:
            written = [conv.written_name(i.name, option) for i in spec.inputs if i.domain == "scale"]
            if parameters.intersection(written):
                return {**declared, "scale": option}
    return declared


class _Run:
    """One implementation bound to one spec: a case in, an `Answer` out."""

    def __init__(self, spec, declared, function, adapter, names, brief):
        self.spec, self.declared, self.function = spec, declared, function
        self.adapter, self.names, self.brief = adapter, names, brief
        written = spec.written(declared)
        self.wrt = tuple(written[n] for n in spec.wrt if written[n] in names)

    def reference(self, case):
        with np.errstate(all="ignore"):
            return self.spec.answer(case.inputs, self.declared)

    def answer(self, case, expected):
        given = {k: case.inputs[k] for k in self.names}
        with np.errstate(all="ignore"):
            answer = calls.call(self.function, self.adapter, given, expected, self.wrt, self.spec.only)
            return answer._replace(
                quantities=self.spec.comparable(answer.quantities, expected, self.declared)
            )


def _climb(report, run, cases, support):
    """Rung by rung over the cases; `support` holds further cases that only help to name a mistake."""
    answers, references = [], []
    for number, case in enumerate(cases):
        try:
            expected, answer = _fulfil(run, case, repeat=number == 0)
        except calls.Broken as broken:
            _fail_contract(report, run, case, broken)
            return
        answers.append(answer)
        references.append(expected)
    report.cases, report.dtype = len(cases), answers[0].dtype
    report.compared = tuple(q for q in references[0] if q in answers[0].quantities)
    unit = UNIT[report.dtype]
    if report.dtype != "float64":
        report.notes += (f"computed in {report.dtype} from float64 inputs: compared with u = {unit:.1e}",)
    _judge(report, run, cases, answers, references, unit, support)


def _fulfil(run, case, repeat=False):
    """The reference and the implementation's answer for one case; `Broken` where the contract is."""
    expected = run.reference(case)
    answer = run.answer(case, expected)
    if not any(q in expected for q in answer.quantities):
        raise calls.Broken(f"must return {', '.join(expected)}, got nothing of it")
    for q, array in answer.quantities.items():
        reference = expected[q].value if q in expected else array
        if not case.edge and array.size and np.all(np.isfinite(reference)) and not np.all(np.isfinite(array)):
            raise calls.Broken(
                f"{q} must be finite where the reference is, got {array[~np.isfinite(array)][0]}"
            )
    if repeat:
        _check_repeatable(run, case, expected, answer)
    return expected, answer


def _check_repeatable(run, case, expected, answer):
    again = run.answer(case, expected)
    for name, array in answer.quantities.items():
        if not np.array_equal(array, again.quantities.get(name), equal_nan=True):
            raise calls.Broken(
                f"must give the same {name} for the same inputs; refvi hands the noise over, so draw none yourself"
            )


def _fail_contract(report, run, case, broken):
    """A broken contract, at the smallest case that breaks it with the same words."""
    report.verdict = "ERROR" if broken.raised and not case.edge else "FAIL"
    report.rung, report.message, report.worst = 0, str(broken), float("inf")
    if report.verdict == "ERROR":
        return

    def still(candidate):
        try:
            _fulfil(run, candidate, repeat=True)
        except calls.Broken as again:
            return str(again) == str(broken)
        except (ValueError, IndexError, ZeroDivisionError):
            return False
        return False

    _keep_case(report, run, case, *shrink(run.spec, run.declared, case, still))


def _keep_case(report, run, case, small, steps):
    report.case, report.case_name, report.token = small.inputs, case.name, encode(run.spec, small.inputs)
    if steps:
        report.shrunk_from = " ".join(
            f"{k}={v}" for k, v in run.spec.sizes_of(case.inputs, run.declared).items()
        )


def _judge(report, run, cases, answers, references, unit, support):
    rungs = {1: [q for q in report.compared if q == "value"], 2: [q for q in report.compared if q != "value"]}
    failing, worst = {1: set(), 2: set()}, 0.0
    for answer, expected in zip(answers, references, strict=True):
        for rung, quantities in rungs.items():
            for q in quantities:
                got = answer.quantities[q]
                if got.shape != expected[q].shape:
                    failing[rung].add(q)
                    worst = float("inf")
                    continue
                ratio = compare(got, expected[q], unit).ratio
                worst = max(worst, ratio)
                if ratio > 1.0:
                    failing[rung].add(q)
    report.worst = worst
    rung = next((r for r in (1, 2) if failing[r]), None)
    if rung is None:
        return
    report.verdict, report.rung = "FAIL", rung
    report.failed = tuple(q for q in report.compared if q in failing[1] | failing[2])
    _explain(report, run, cases, answers, references, rung, unit, support)


def _explain(report, run, cases, answers, references, rung, unit, support):
    spec, declared = run.spec, run.declared
    watched = [q for q in report.compared if (q == "value") == (rung == 1)]
    helping = [_fulfil(run, c) for c in support]
    outputs = [{q: a.quantities[q] for q in watched} for a in [*answers, *(a for _, a in helping)]]
    known = [*references, *(expected for expected, _ in helping)]
    found = diagnose(spec, declared, [*cases, *support], outputs, rung, unit, run.brief, known)
    report.mistake, report.seen, report.refuted = found.slug, found.seen, found.refuted
    report.matches, report.ulps, report.message = found.matches, found.ulps, found.says
    report.cases += len(helping)
    wrong = [n for n in range(len(cases)) if _differs(outputs[n], references[n], watched, unit)]
    first = cases[wrong[0]]
    if found.inexact:
        report.message, report.digits = explain(run, cases, outputs[: len(cases)], references, unit)
    elif found.model is None:
        report.message = _unknown(report, cases, outputs, references, wrong, watched)
    if run.brief and found.model is not None:
        return
    report.notes += tuple(_slope_note(run, first, rung))
    _shrink_into(report, run, first, found.model, watched, unit)


def _unknown(report, cases, outputs, references, wrong, watched):
    misshapen = [q for q in watched if np.shape(outputs[wrong[0]][q]) != references[wrong[0]][q].shape]
    if misshapen:
        report.rung = 0
        return ""
    if all(cases[n].edge for n in wrong):
        return f"right in generic position, wrong at the edge {cases[wrong[0]].name.removeprefix('edge: ')!r}"
    where = max(watched, key=lambda q: max(compare(outputs[n][q], references[n][q]).ratio for n in wrong))
    return f"unknown: no named mistake, convention or combination of terms reproduces {where}"


def _differs(output, reference, watched, unit):
    return any(not agrees(output[q], reference[q], unit) for q in watched)


def _shape(shape):
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _slope_note(run, case, rung):
    verdict = slope_verdict(run, case) if rung == 1 and run.spec.only == "value" else None
    if verdict is not None:
        yield verdict


def _shrink_into(report, run, case, model, watched, unit):
    spec, declared = run.spec, run.declared

    def still(candidate):
        try:
            expected = run.reference(candidate)
            output = run.answer(candidate, expected).quantities
            if not all(q in output for q in watched) or not _differs(output, expected, watched, unit):
                return False
            if model is None:
                return True
            with np.errstate(all="ignore"):
                predicted = model(candidate)
            return all(agrees(output[q], predicted[q], unit) for q in watched if q in predicted)
        except (calls.Broken, ValueError, IndexError, ZeroDivisionError):
            return False

    small, steps = shrink(spec, declared, case, still)
    _keep_case(report, run, case, small, steps)
    expected = run.reference(small)
    output = run.answer(small, expected).quantities
    for q in watched:
        if output[q].shape != expected[q].shape:
            sentence = f"{q} must have shape {_shape(expected[q].shape)} for this case, got {_shape(output[q].shape)}"
            report.message, report.notes = (
                (report.message or sentence),
                report.notes + ((sentence,) if report.message else ()),
            )
            continue
        d = compare(output[q], expected[q], unit)
        if d.ratio > 1.0:
            report.lines.append(Line(q, d.got, d.want, d.tolerance, d.size, d.ratio, d.at))


def _settle_expectation(report):
    if report.expect and report.verdict in ("PASS", "FAIL"):
        report.verdict = (
            "EXPECTED" if report.mistake == report.expect and report.rung is not None else "UNEXPECTED"
        )


__all__ = ["C", "Case", "check"]
