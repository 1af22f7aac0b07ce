"""A gradient is the derivative of its value, and a fused value is the plain value.

The value comes first: a gradient checker that never looks at the value passes a wrong objective whose
gradient is consistent. Not here: what the value should be (`bound`, `model`, specs).
"""

import math

import numpy as np

from refvi.laws.compare import compare, of_answer, rounding
from refvi.laws.outcome import Outcome
from refvi.oracles import differences, directions
from refvi.oracles.trees import leaves, ravel

SAFETY = 4.0
LIMIT = 64
DERIVATIVE = "gradient is the derivative"
FUSED = "fused value is the plain value"


def gradient_is_derivative(
    value, gradient, inputs, *, name="grad", wrt=None, domain=None, scale=1.0, magnitude=0.0, limit=LIMIT
):
    """Every entry of gradient(inputs) is the derivative of value(inputs), by differences.

    Formula     |g_i - D_i f| <= 4 error_i, error_i the differences' own estimate; where that fails, Ridders'
                method must agree before the gradient is called wrong, or the outcome is INCONCLUSIVE (NaN)
    Shapes      value(inputs) -> (), gradient(inputs) -> tree; inputs: NamedTuple, dict, tuple or array;
                integer leaves stay fixed; above `limit` entries: `limit` of them and three generic directions
    Domain      `wrt`: names (beginnings of paths) that the gradient covers, all by default; `domain`,
                `scale`, `magnitude` as in `refvi.oracles.differences.derivative`
    Checked by  tests/laws/test_gradient.py
    """
    vector, rebuild, names = ravel(inputs, floating=True)
    claimed_vector, _, claimed_names = ravel(gradient(inputs))
    claimed = dict(zip(claimed_names, claimed_vector, strict=True))
    chosen = [i for i, entry in enumerate(names) if wrt is None or entry.startswith(tuple(wrt))]
    missing = _missing(claimed, names, chosen, inputs, name)
    if missing:
        return missing
    slopes = np.zeros(len(names))
    slopes[chosen] = [claimed[names[i]] for i in chosen]
    noise = differences.noise_level(value, inputs, domain)
    size = max(magnitude, abs(float(value(inputs))), noise / (4.0 * differences.UNIT_ROUNDOFF))
    picked = chosen if len(chosen) <= limit else [chosen[i * len(chosen) // limit] for i in range(limit)]
    judged = []
    for i in picked:
        line = _coordinate(value, vector, rebuild, i)
        reach = differences.domain_of(names[i], domain)
        options = {"scale": scale, "domain": reach, "magnitude": magnitude, "noise": noise}
        judged.append(
            (_path(name, names[i]), slopes[i], *differences.verdict(slopes[i], line, vector[i], **options))
        )
    if len(picked) < len(chosen):
        judged += _along_directions(value, inputs, slopes, chosen, name, magnitude, noise)
    return _summary(judged, size)


def gradient_matches(expected, actual, magnitude=None, *, error=0.0, name="grad", factor=8.0):
    """A gradient equals the same gradient by another exact route.

    Formula     |actual_i - expected_i| <= factor·u·S_i + error_i, S_i the sum of the absolute terms
    Shapes      expected: a tree, or an `Answer` that brings its own magnitude and error
    Checked by  tests/laws/test_gradient.py
    """
    law = "gradient equals another route"
    if hasattr(expected, "magnitude"):
        return compare(law, expected.value, actual, of_answer(expected, factor), name)
    tolerance = rounding(magnitude, factor)
    if np.any(error):
        tolerance = tolerance._replace(
            size={path: size + error for path, size in leaves(tolerance.size)},
            reason=f"{tolerance.reason} + the route's error",
        )
    return compare(law, expected, actual, tolerance, name)


def fused_value_is_value(fused, value, inputs, magnitude=None, *, name="value", factor=8.0):
    """The value that a fused value-and-gradient returns is the plain value.

    Formula     |fused - plain| <= 8·u·S;  S = 1 + |plain| where no magnitude is given
    Shapes      fused(inputs) -> (value, gradient), value(inputs) -> ()
    Checked by  tests/laws/test_gradient.py
    """
    plain = float(value(inputs))
    size = 1.0 + abs(plain) if magnitude is None else magnitude
    return compare(FUSED, plain, float(fused(inputs)[0]), rounding(size, factor), name)


def fused_gradient_is_derivative(fused, value, inputs, *, magnitude=None, name="grad", **options):
    """The value of a fused value-and-gradient first, then its gradient.

    Shapes      fused(inputs) -> (value, gradient), value(inputs) -> (); options as `gradient_is_derivative`
    Checked by  tests/laws/test_gradient.py
    """
    outcome = fused_value_is_value(fused, value, inputs, magnitude)
    if not outcome.holds:
        return outcome
    return gradient_is_derivative(
        value, lambda x: fused(x)[1], inputs, name=name, magnitude=magnitude or 0.0, **options
    )


def gradient_passes_taylor(value, gradient, inputs, *, name="grad", magnitude=None, seed=0):
    """The Taylor remainder falls like h² along three generic directions; needs no tolerance.

    Formula     slope of log |f(x + h d) - f(x) - h <g, d>| against log h: >= 1.8 right, <= 1.2 wrong
    Shapes      value(inputs) -> (), gradient(inputs) -> tree of the structure of inputs
    Checked by  tests/laws/test_gradient.py
    """
    law = "Taylor remainder falls like h²"
    _, _, names = ravel(inputs, floating=True)
    claimed_vector, _, claimed_names = ravel(gradient(inputs))
    claimed = dict(zip(claimed_names, claimed_vector, strict=True))
    missing = _missing(claimed, names, range(len(names)), inputs, name)
    if missing:
        return missing._replace(law=law)
    slopes = np.array([claimed[entry] for entry in names])
    outcomes = []
    for direction in directions.generic_directions(len(names), seed=seed):
        slope = float(np.dot(slopes, direction))
        test = directions.taylor_slope(value, inputs, slope, direction, magnitude=magnitude)
        worst = {directions.HOLDS: 0.0, directions.FAILS: math.inf}.get(test.verdict, math.nan)
        shown = ", ".join(f"{s:.2f}" for s in test.slopes[-3:]) or "no remainder above rounding"
        line = f"{name} along a generic direction: {test.verdict}, expected slopes 2, actual {shown}"
        outcomes.append(Outcome(law, worst, 1, line))
    worst = max(outcomes, key=lambda o: (o.worst == math.inf, math.isnan(o.worst), o.worst))
    return worst._replace(cases=len(outcomes))


def _path(name, entry):
    """Name of an entry below the name of the gradient."""
    return name + entry if entry.startswith("[") else name if entry == "value" else f"{name}.{entry}"


def _missing(claimed, names, chosen, inputs, name):
    """An outcome where the gradient has too few or too many entries, else None."""
    chosen_names = {names[i] for i in chosen}
    fixed = {entry for entry in ravel(inputs)[2] if entry not in chosen_names}
    for entry in [names[i] for i in chosen]:
        if entry not in claimed:
            return Outcome(
                DERIVATIVE, math.inf, 1, f"{_path(name, entry)}: expected an entry, actual nothing"
            )
    for entry in claimed:
        if entry not in chosen_names and entry not in fixed:
            return Outcome(
                DERIVATIVE, math.inf, 1, f"{_path(name, entry)}: expected nothing, actual an entry"
            )
    return None


def _coordinate(value, vector, rebuild, index):
    """The value along one coordinate."""

    def line(point):
        moved = vector.copy()
        moved[index] = point
        return value(rebuild(moved))

    return line


def _along_directions(value, inputs, slopes, chosen, name, magnitude, noise):
    """Verdicts along three generic directions of the chosen entries."""
    judged = []
    for number, direction in enumerate(directions.generic_directions(len(slopes))):
        kept = np.zeros(len(slopes))
        kept[chosen] = direction[chosen] / math.sqrt(len(chosen))
        line, slope = directions.along(value, inputs, kept), float(np.dot(slopes, kept))
        found = differences.verdict(slope, line, 0.0, magnitude=magnitude, noise=noise)
        judged.append((f"{name} along direction {number}", slope, *found))
    return judged


def _summary(judged, size):
    """One outcome out of all verdicts: a failure speaks before what is inconclusive, that before a pass."""
    largest = max((abs(d.value) for _, _, _, d, _ in judged if math.isfinite(d.value)), default=0.0)
    sharp = 1e-5 * largest + 1e-9 * size + 2.0**-90
    outcomes = [_spoken(*entry, sharp) for entry in judged]
    if not outcomes:
        return Outcome(DERIVATIVE, math.inf, 0, "the inputs have no floating entry")
    worst = max(outcomes, key=lambda o: (o.worst > 1.0, math.isnan(o.worst), o.worst))
    return worst._replace(cases=len(outcomes))


def _spoken(path, claimed, found, first, second, sharp):
    """Outcome of one entry."""
    tolerance = SAFETY * first.error
    told = f"{path}: expected {first.value:.12g}, actual {claimed:.12g}"
    if found == differences.FAILS:
        ratio = f", ratio {claimed / first.value:.6g}" if first.value else ""
        ending = f", tolerance {tolerance:.3g} = 4 times the error estimate of the differences{ratio}"
        worst = abs(claimed - first.value) / tolerance if tolerance > 0.0 else math.inf
        return Outcome(DERIVATIVE, worst if worst > 1.0 else math.inf, 1, told + ending)
    if found == differences.INCONCLUSIVE:
        other = f"a second method gives {second.value:.12g} ± {second.error:.3g}"
        return Outcome(
            DERIVATIVE, math.nan, 1, f"{told}, INCONCLUSIVE: error estimate {first.error:.3g}, {other}"
        )
    if first.error > sharp:
        return Outcome(
            DERIVATIVE, math.nan, 1, f"{told}, INCONCLUSIVE: error estimate {first.error:.3g} is too large"
        )
    worst = abs(claimed - first.value) / tolerance if tolerance > 0.0 else 0.0
    ending = f", tolerance {tolerance:.3g} = 4 times the error estimate of the differences"
    return Outcome(DERIVATIVE, worst, 1, told + ending)
