"""Right, but to fewer digits than the arithmetic gives: how many, and whether rounding or an approximation took the others.

Errors are measured by S + |value|, the size of what the reference adds up. Inputs moved by 2^-18 of themselves leave the
error of an approximation as it was, while rounding errors are drawn anew: that tells the two apart, without a tolerance.
Rounding errors of the size of 2^-24 are what a step in single precision makes.

Checked by  tests/checking/test_accuracy.py
"""

import math

import numpy as np

from refvi.checking.compare import UNIT, C, compare

FEWEST = 1e-4  # of S + |value|: what is further off than that is another formula
NUDGE = 2.0**-18
PROBED = 12
ROUGH, SMOOTH = 0.1, 0.01  # change of an error over its size
SINGLE = "is right to single precision only: its rounding errors are those of a step in float32"
LOST = "rounding takes the others: a step cancels digits, or is unstable"
APPROXIMATED = "its error is smooth: an approximation, or a small constant that was added, not rounding"


def digits_of(error):
    """Decimal digits that agree, for an error relative to S + |value|."""
    return 17 if error == 0.0 else int(max(0, math.floor(-math.log10(error))))


def error_of(output, reference):
    """Largest error of any entry over S + |value|; inf where shapes or non-finite entries differ."""
    worst = 0.0
    for q, got in output.items():
        if np.shape(got) != reference[q].shape:
            return math.inf
        # in units of the tolerance C u (S + |value|), which the smallest numbers do not spoil
        worst = max(worst, compare(got, reference[q]).ratio * C * UNIT["float64"])
    return worst


def explain(run, cases, outputs, references, unit):
    """One clause on where digits went, for cases on which the reference and the outputs agree but for some digits."""
    errors = [error_of(o, r) for o, r in zip(outputs, references, strict=True)]
    off = [n for n, e in enumerate(errors) if e > C * unit and not cases[n].edge]
    at_edges = [n for n, e in enumerate(errors) if e > C * unit and cases[n].edge]
    digits = digits_of(max((errors[n] for n in off or at_edges), default=0.0))
    if not off:
        name = cases[at_edges[0]].name.removeprefix("edge: ")
        return f"right in generic position, at the edge {name!r} to {digits} digits only", digits
    change = _change(run, [cases[n] for n in off[:PROBED]])
    said = f"inaccurate: the formula appears right, to {digits} digits"
    if change is not None and change > ROUGH:
        typical = float(np.median([errors[n] for n in off]))
        if unit == UNIT["float64"] and 2 * len(off) > _generic(cases) and _as_single(typical, max(errors)):
            return f"{SINGLE} ({digits} digits)", digits
        return f"{said}; {LOST}", digits
    return (f"{said}; {APPROXIMATED}" if change is not None and change < SMOOTH else said), digits


def _generic(cases):
    return sum(not c.edge for c in cases)


def _as_single(typical, worst):
    """Errors around 2^-24 of S, which is an upper bound and may be a good deal larger than what one step rounds."""
    return UNIT["float32"] / 64 <= typical and worst <= C * UNIT["float32"]


def _change(run, cases):
    """Median over entries of the change of the error when inputs move a little, over its size; None where none can move."""
    found = []
    for case in cases:
        moved = {k: _nudged(run, k, v) for k, v in case.inputs.items()}
        if all(np.array_equal(moved[k], v) for k, v in case.inputs.items()):
            return None
        before, after = _errors(run, case), _errors(run, case._replace(inputs=moved))
        if before is None or after is None:
            continue
        size = np.maximum(np.abs(before), np.abs(after))
        seen = np.isfinite(size) & (size > 0.25 * np.max(size, initial=0.0, where=np.isfinite(size)))
        found.append((np.abs(after - before) / np.where(seen, size, 1.0))[seen])
    return float(np.median(np.concatenate(found))) if found else None


def _errors(run, case):
    """Errors of all entries over S + |value|, one after the other; None where the implementation breaks off."""
    expected = run.reference(case)
    try:
        quantities = run.answer(case, expected).quantities
    except Exception:  # whatever somebody's function may raise
        return None
    pieces = [
        ((array - expected[q].value) / (expected[q].size + np.abs(expected[q].value) + 1e-300)).ravel()
        for q, array in quantities.items()
        if q in expected and array.shape == expected[q].shape
    ]
    return np.concatenate(pieces) if pieces else None


def _nudged(run, name, values):
    """Inputs moved within their domain; whole numbers stay."""
    domain = next(i.domain for i in run.spec.inputs if run.spec.written(run.declared)[i.name] == name)
    if domain in ("binary", "one_hot", "count"):
        return values
    steps = 1.0 + 0.5 * np.cos(np.arange(values.size)).reshape(values.shape)
    moved = values * (1.0 + NUDGE * steps)
    if domain == "simplex":
        return moved / moved.sum(-1, keepdims=True)
    return np.minimum(moved, 1.0) if domain == "probability" else moved
