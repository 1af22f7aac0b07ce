"""Elementwise comparison of trees of arrays; the worst entry is named by its path.

Never by norm and never scaled by the size of the array. Both NaN, or both the same infinity, is equal.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from refvi.laws.outcome import Outcome
from refvi.oracles.trees import element, leaves

UNIT_ROUNDOFF = 2.0**-53


class Tolerance(NamedTuple):
    """How far two numbers may differ, and why.

    size    scalar, or tree of the structure of what is compared
    reason  in words or symbols, e.g. "8·u·S"
    """

    size: Any
    reason: str


EXACT = Tolerance(0.0, "exact")


def _map(tree, function):
    """Copy of a tree with function(leaf) in every leaf, as {path: leaf}."""
    return {path: function(np.asarray(leaf, dtype=np.float64)) for path, leaf in leaves(tree)}


def rounding(magnitude, factor=8.0):
    """Tolerance factor·u·S for sums whose absolute terms add up to S."""
    return Tolerance(_map(magnitude, lambda S: factor * UNIT_ROUNDOFF * np.abs(S)), f"{factor:g}·u·S")


def of_answer(answer, factor=8.0):
    """Tolerance of an oracle's answer: factor·u·S plus the oracle's own error."""
    sizes = rounding(answer.magnitude, factor).size
    errors = dict(_map(answer.error, lambda e: e))
    if not any(np.any(e) for e in errors.values()):
        return Tolerance(sizes, f"{factor:g}·u·S")
    shared = errors.get("") if set(errors) == {""} else None
    sizes = {path: size + (errors[path] if shared is None else shared) for path, size in sizes.items()}
    return Tolerance(sizes, f"{factor:g}·u·S + the oracle's error")


def compare(law, expected, actual, tolerance, name="value"):
    """Outcome of one law: every entry of `actual` within tolerance of the same entry of `expected`.

    Formula     worst = max over entries of |actual - expected| / tolerance; 0/0 is 0; a lone NaN is inf
    Shapes      expected and actual: trees of equal structure; tolerance.size: scalar or such a tree
    Checked by  tests/laws/test_compare.py
    """
    wanted, found = dict(leaves(expected)), dict(leaves(actual))
    for path in [*wanted, *found]:
        shapes = [np.shape(tree[path]) if path in tree else None for tree in (wanted, found)]
        if shapes[0] != shapes[1]:
            words = [f"shape {shape}" if shape is not None else "nothing" for shape in shapes]
            return Outcome(law, math.inf, 1, f"{_join(name, path)}: expected {words[0]}, actual {words[1]}")
    sizes = dict(leaves(tolerance.size))
    shared = sizes[""] if set(sizes) == {""} else None
    outcome = Outcome(law, -math.inf, 0)
    for path, leaf in wanted.items():
        want = np.asarray(leaf, dtype=np.float64)
        got = np.asarray(found[path], dtype=np.float64)
        size = np.broadcast_to(
            np.asarray(sizes[path] if shared is None else shared, dtype=np.float64), want.shape
        )
        outcome = _worse(outcome, law, _join(name, path), want, got, size, tolerance.reason)
    return outcome


def _worse(outcome, law, path, want, got, size, reason):
    """The outcome so far, or the worst entry of one leaf where that is worse."""
    if want.size == 0:
        return outcome
    ratios = error_ratio(want, got, size)
    index = int(np.argmax(ratios))
    cases = outcome.cases + want.size
    worst = float(ratios.flat[index])
    if worst < outcome.worst:
        return outcome._replace(cases=cases)
    entry = element(path, want, index)
    return Outcome(
        law, worst, cases, sentence(entry, want.flat[index], got.flat[index], size.flat[index], reason)
    )


def error_ratio(want, got, size):
    """|got - want| / size elementwise; equal entries give 0, a NaN or infinity on one side only gives inf."""
    want, got, size = np.broadcast_arrays(want, got, size)
    with np.errstate(all="ignore"):
        ratio = np.abs(got - want) / size
    equal = (want == got) | (np.isnan(want) & np.isnan(got))
    ratio = np.where(np.isnan(ratio) | ~np.isfinite(want) | ~np.isfinite(got), np.inf, ratio)
    return np.where(equal, 0.0, ratio)


def sentence(path, want, got, size, reason):
    """The one line that every law speaks: path, expected, actual, tolerance and its reason."""
    line = f"{path}: expected {want:.17g}, actual {got:.17g}, tolerance {size:.3g} = {reason}"
    if math.isfinite(want) and math.isfinite(got) and want != 0.0 and abs(got - want) > size:
        line += f", ratio {got / want:.6g}"
    return line


def at_most(law, low, high, size, reason, name="value"):
    """Outcome of low <= high + size for two scalars."""
    low, high, size = float(low), float(high), float(size)
    excess = low - high
    if low == high or excess <= 0.0:
        worst = 0.0
    else:
        worst = math.inf if math.isnan(excess) or size == 0.0 else excess / size
    line = f"{name}: expected at most {high:.17g}, actual {low:.17g}, tolerance {size:.3g} = {reason}"
    return Outcome(law, worst, 1, line)


def _join(name, path):
    """Path of a leaf below the name of the whole: "grad_theta" and "weights" give "grad_theta.weights"."""
    if not path:
        return name
    return name + path if path.startswith("[") else f"{name}.{path}"
