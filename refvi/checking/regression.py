"""Naming a mistake that no catalogue holds: coefficients of the reference's terms that reproduce the output.

The simplest change wins: one term with another coefficient, then one term scaled by an axis, then any coefficients.
Coefficients start at 1 and move as little as possible, so that terms which cannot be told apart stay as they are.
"""

from typing import NamedTuple

import numpy as np

from refvi.checking.compare import UNIT
from refvi.checking.evidence import Hypothesis
from refvi.specs.sized import sized

SCALINGS = ("/B", "*B", "/D", "*D", "/K", "*K", "/X", "*X")
ROUNDINGS = 64.0


class Fit(NamedTuple):
    """Coefficients by term; `target` is the index of the term that is scaled by an axis as well, or None."""

    names: tuple
    coefficients: np.ndarray
    target: int | None = None
    scaling: str = ""

    def __str__(self):
        return ", ".join(
            f"{name} × {k:.6g}" + (f" {self.scaling}" if n == self.target else "")
            for n, (name, k) in enumerate(zip(self.names, self.coefficients, strict=True))
        )


class _Table(NamedTuple):
    """One quantity over all generic cases: columns are terms, rows are entries of arrays."""

    names: tuple
    terms: np.ndarray
    sizes: np.ndarray
    got: np.ndarray
    lengths: dict  # axis letter -> its size, one number per row


def regress(evidence):
    """A hypothesis in the terms of the reference, or None."""
    spec, fits = evidence.spec, {}
    for q in next((got for _, got, _ in evidence.generic), {}):
        if all(np.array_equal(np.shape(got[q]), ref[q].shape) for _, got, ref in evidence.generic):
            table = _table(evidence, q)
            fits[q] = _fit(table, evidence.unit) if table is not None else None
        if fits.get(q) is None:
            return None
    changed = {q: fit for q, fit in fits.items() if np.any(fit.coefficients != 1.0) or fit.target is not None}
    if not changed:
        return None
    parts = [str(fit) if q == "value" else f"{q} = {fit}" for q, fit in changed.items()]
    says = "not in the catalogue; in the terms of the reference yours is " + "; ".join(parts)
    return Hypothesis(None, says, (), lambda case: _predict(spec, evidence.declared, changed, case))


def _terms(spec, declared, inputs, q):
    """The terms of one quantity for one case."""
    return spec.terms(inputs, declared) if q == "value" else spec.gradient_terms(inputs, declared).get(q, {})


def _table(evidence, q):
    names, terms, sizes, got, lengths = (), [], [], [], {}
    for case, answer, _ in evidence.generic:
        found = {n: sized(t) for n, t in _terms(evidence.spec, evidence.declared, case.inputs, q).items()}
        names = tuple(found)
        if not found or any(t.shape != answer[q].shape for t in found.values()):
            return None
        terms.append(np.stack([t.value.ravel() for t in found.values()], 1))
        sizes.append(np.stack([(t.size + np.abs(t.value)).ravel() for t in found.values()], 1))
        got.append(answer[q].ravel())
        for letter, n in evidence.spec.sizes_of(case.inputs, evidence.declared).items():
            lengths.setdefault(letter, []).append(np.full(answer[q].size, float(n)))
    table = _Table(
        names,
        np.concatenate(terms),
        np.concatenate(sizes),
        np.concatenate(got),
        {letter: np.concatenate(n) for letter, n in lengths.items()},
    )
    return table if len(terms) >= 3 and len(table.got) >= 2 * len(names) and _finite(table) else None


def _finite(table):
    return bool(np.all(np.isfinite(table.terms)) and np.all(np.isfinite(table.got)))


def _fit(table, unit):
    ones = np.ones(len(table.names))
    if _explains(table, table.terms, ones, unit):
        return Fit(table.names, ones)
    single = [f for n in range(len(ones)) if (f := _one(table, n, "", unit)) is not None]
    if single:
        return min(single, key=lambda f: _oddness(f.coefficients))
    for n in range(len(ones)):
        for scaling in SCALINGS:
            if scaling[1] in table.lengths and (found := _one(table, n, scaling, unit)) is not None:
                return found
    return _any(table, unit)


def _oddness(coefficients):
    """Left out reads simpler than negated, negated simpler than any other number."""
    (k,) = coefficients[coefficients != 1.0] if np.any(coefficients != 1.0) else (1.0,)
    return (0.0, -1.0).index(k) if k in (0.0, -1.0) else 2 + abs(np.log(abs(k)))


def _one(table, n, scaling, unit):
    """The others as they are, term n times one number and a power of an axis."""
    columns = _scaled(table, n, scaling)
    rest = table.got - (table.terms.sum(1) - table.terms[:, n])
    square = columns[:, n] @ columns[:, n]
    if square == 0.0:
        return None
    coefficients = np.ones(len(table.names))
    coefficients[n] = _nice((columns[:, n] @ rest) / square, unit)
    return _checked(table, columns, coefficients, n if scaling else None, scaling, unit)


def _any(table, unit):
    """Any coefficients, with or without one term scaled by an axis."""
    for target, scaling in [(None, ""), *((n, s) for n in range(len(table.names)) for s in SCALINGS)]:
        if scaling and scaling[1] not in table.lengths:
            continue
        columns = _scaled(table, target, scaling)
        moved = np.linalg.lstsq(columns, table.got - columns.sum(1), rcond=1e-10)[0]
        found = _checked(table, columns, _nice(1.0 + moved, unit), target, scaling, unit)
        if found is not None:
            return found
    return None


def _scaled(table, target, scaling):
    columns = table.terms.copy()
    if scaling:
        n = table.lengths[scaling[1]]
        columns[:, target] *= n if scaling[0] == "*" else 1.0 / n
    return columns


def _nice(coefficients, unit):
    """Coefficients near a fraction with a small denominator become that fraction."""
    snapped = np.round(coefficients * 5040) / 5040
    close = 1e-9 if unit == UNIT["float64"] else 1e-4
    return np.where(
        np.abs(snapped - coefficients) < close * (1 + np.abs(coefficients)), snapped, coefficients
    )


def _checked(table, columns, coefficients, target, scaling, unit):
    if not _explains(table, columns, coefficients, unit):
        return None
    return Fit(table.names, coefficients, target, scaling)


def _explains(table, columns, coefficients, unit):
    size = table.sizes @ np.maximum(np.abs(coefficients), 1.0)
    return bool(
        np.all(np.abs(columns @ coefficients - table.got) <= ROUNDINGS * unit * (size + np.abs(table.got)))
    )


def _predict(spec, declared, fits, case):
    sizes, answer = spec.sizes_of(case.inputs, declared), {}
    for q, fit in fits.items():
        total = sized(0.0)
        for n, (name, term) in enumerate(_terms(spec, declared, case.inputs, q).items()):
            by = float(fit.coefficients[fit.names.index(name)])
            if n == fit.target:
                length = sizes[fit.scaling[1]]
                by = by * length if fit.scaling[0] == "*" else by / length
            total = total + sized(term) * by
        answer[q] = total
    return answer
